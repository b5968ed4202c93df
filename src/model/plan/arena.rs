//! Aligned memory: the constants of a plan, and the buffers that a run writes.

use bytemuck::Pod;

use crate::model::plan::data::Data;
use crate::model::plan::ir::{ALIGN, Kind};
use crate::{Code, Error};

/// The most bytes that one value may take.
pub const MAX_VALUE_BYTES: usize = 1 << 30;

/// Bytes whose first is at a multiple of [`ALIGN`]; grows and never shrinks.
#[derive(Debug, Default)]
pub struct Buffer {
    bytes: Vec<u8>,
    /// The first aligned byte.
    start: usize,
    len: usize,
}

impl Buffer {
    /// A copy of `bytes`.
    pub fn copy_of(bytes: &[u8]) -> Self {
        let mut buffer = Self::default();
        buffer.grow(bytes.len());
        buffer.bytes_mut()[..bytes.len()].copy_from_slice(bytes);
        buffer
    }

    /// Makes room for `len` bytes. What was there is lost if it has to grow.
    fn grow(&mut self, len: usize) {
        if len > self.len {
            // The old block goes first, so that both are never held at a time.
            self.bytes = Vec::new();
            self.bytes = vec![0; len + ALIGN - 1];
            self.start = self.bytes.as_ptr().align_offset(ALIGN);
            self.len = len;
        }
    }

    /// All the bytes there is room for.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..][..self.len]
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..][..self.len]
    }

    /// Room for `len` elements, with whatever is there.
    ///
    /// # Errors
    /// [`Code::TooLarge`] past [`MAX_VALUE_BYTES`].
    pub(crate) fn room<T: Pod>(&mut self, len: usize) -> Result<&mut [T], Error> {
        let bytes = len.checked_mul(size_of::<T>()).filter(|&bytes| bytes <= MAX_VALUE_BYTES);
        let Some(bytes) = bytes else {
            return Err(Error::new(
                Code::TooLarge,
                format!(
                    "a value of {} bytes; at most {MAX_VALUE_BYTES} are allowed",
                    len as u128 * size_of::<T>() as u128
                ),
            ));
        };
        self.grow(bytes);
        if bytes == 0 {
            return Ok(&mut []);
        }
        bytemuck::try_cast_slice_mut(&mut self.bytes_mut()[..bytes])
            .map_err(|e| Error::new(Code::Internal, format!("a buffer's bytes: {e}")))
    }

    /// `len` elements of this kind from element `first` on.
    pub(super) fn data(&self, kind: Kind, first: usize, len: usize) -> Result<Data<'_>, Error> {
        let range = first * kind.size()..(first + len) * kind.size();
        let bytes = self.bytes().get(range);
        let bytes = bytes.ok_or_else(|| Error::new(Code::Internal, "a value lies outside its buffer"))?;
        Data::cast(kind, bytes)
    }

    /// Bytes that it holds on to.
    pub fn capacity(&self) -> usize {
        self.bytes.len()
    }
}

/// The bytes of a plan's constants: one block, aligned to [`ALIGN`], owned or lent by something that outlives every run,
/// such as a mapped file.
pub struct Constants(Box<dyn AsRef<[u8]> + Send + Sync>);

impl Constants {
    /// Takes whatever holds the bytes. They must not move, and stay as they are.
    ///
    /// # Errors
    /// [`Code::InvalidPack`] if the first byte is not at a multiple of [`ALIGN`].
    pub fn new(holder: impl AsRef<[u8]> + Send + Sync + 'static) -> Result<Self, Error> {
        let constants = Self(Box::new(holder));
        let bytes = constants.bytes();
        if bytes.is_empty() || bytes.as_ptr().align_offset(ALIGN) == 0 {
            Ok(constants)
        } else {
            Err(Error::new(
                Code::InvalidPack,
                format!("a plan's constants do not start at a multiple of {ALIGN}"),
            ))
        }
    }

    /// An aligned copy of these bytes.
    pub fn copy_of(bytes: &[u8]) -> Self {
        Self(Box::new(Buffer::copy_of(bytes)))
    }

    /// The block.
    pub fn bytes(&self) -> &[u8] {
        (*self.0).as_ref()
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        self.bytes()
    }
}

impl std::fmt::Debug for Constants {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Constants({} bytes)", self.bytes().len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_aligned_keep_their_room_and_refuse_too_much() {
        let mut buffer = Buffer::default();
        for len in [1, 3, 1000, 7] {
            let room: &mut [i64] = buffer.room(len).expect("room");
            assert_eq!((room.len(), room.as_ptr().align_offset(ALIGN)), (len, 0));
        }
        assert_eq!(buffer.bytes().len(), 8000);
        assert!(buffer.data(Kind::I64, 999, 1).is_ok() && buffer.data(Kind::I64, 1000, 1).is_err());
        assert_eq!(buffer.room::<i64>(1 << 28).unwrap_err().code, Code::TooLarge);
        assert_eq!(buffer.room::<i64>(usize::MAX).unwrap_err().code, Code::TooLarge);
    }

    #[test]
    fn constants_that_are_not_aligned_are_refused() {
        struct Off(Buffer);
        impl AsRef<[u8]> for Off {
            fn as_ref(&self) -> &[u8] {
                &self.0.bytes()[1..]
            }
        }
        assert!(Constants::new(Buffer::copy_of(&[1; 10])).is_ok());
        assert_eq!(Constants::new(Off(Buffer::copy_of(&[1; 10]))).unwrap_err().code, Code::InvalidPack);
    }
}
