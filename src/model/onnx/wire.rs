//! Protocol-buffer fields, read in place.

use crate::{Code, Error};

/// The value of one field.
pub(super) enum Field<'a> {
    /// Wire type 0.
    Varint(u64),
    /// Wire type 2.
    Bytes(&'a [u8]),
    /// Wire types 1 and 5.
    Fixed,
}

/// The fields of one message, in file order; ends after the first error.
pub(super) struct Message<'a> {
    rest: &'a [u8],
}

impl<'a> Message<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    fn varint(&mut self) -> Result<u64, Error> {
        let mut value = 0_u64;
        for (i, &byte) in self.rest.iter().take(10).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * i);
            if byte < 0x80 {
                self.rest = &self.rest[i + 1..];
                return Ok(value);
            }
        }
        Err(truncated())
    }

    fn take(&mut self, n: u64) -> Result<&'a [u8], Error> {
        let n = usize::try_from(n).ok().filter(|&n| n <= self.rest.len()).ok_or_else(truncated)?;
        let (head, rest) = self.rest.split_at(n);
        self.rest = rest;
        Ok(head)
    }

    fn field(&mut self) -> Result<(u64, Field<'a>), Error> {
        let key = self.varint()?;
        let field = match key & 7 {
            0 => Field::Varint(self.varint()?),
            1 => self.take(8).map(|_| Field::Fixed)?,
            2 => {
                let n = self.varint()?;
                Field::Bytes(self.take(n)?)
            }
            5 => self.take(4).map(|_| Field::Fixed)?,
            kind => {
                return Err(Error::new(
                    Code::InvalidModel,
                    format!("the ONNX file is damaged: wire type {kind} does not exist"),
                ));
            }
        };
        Ok((key >> 3, field))
    }
}

impl<'a> Iterator for Message<'a> {
    type Item = Result<(u64, Field<'a>), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.rest = &[];
        }
        Some(field)
    }
}

/// A stored tensor: what it claims, and how much is there.
#[derive(Default)]
pub(super) struct Tensor<'a> {
    pub(super) name: String,
    pub(super) dims: Vec<i64>,
    pub(super) external: bool,
    pub(super) payload_bytes: usize,
    element: u64,
    raw: Option<&'a [u8]>,
    /// Elements in the typed fields.
    typed: u64,
    /// Values of the field for 64-bit integers, while they are few enough for a shape.
    int64s: Vec<i64>,
}

/// A shape has at most this many entries.
const SHAPE_ENTRIES: usize = 16;

impl<'a> Tensor<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, Error> {
        let mut out = Self::default();
        for field in Message::new(bytes) {
            match field? {
                (1, Field::Varint(v)) => out.dims.push(v as i64),
                (1, Field::Bytes(packed)) => each_varint(packed, |v| out.dims.push(v as i64))?,
                (2, Field::Varint(v)) => out.element = v,
                (8, Field::Bytes(b)) => out.name = String::from_utf8_lossy(b).into_owned(),
                (9, Field::Bytes(raw)) => {
                    out.raw = Some(raw);
                    out.payload_bytes += raw.len();
                }
                (4, Field::Bytes(packed)) => out.fixed(packed, 4),
                (10, Field::Bytes(packed)) => out.fixed(packed, 8),
                (5 | 7 | 11, Field::Bytes(packed)) => {
                    out.payload_bytes += packed.len();
                    let (typed, int64s) = (&mut out.typed, &mut out.int64s);
                    each_varint(packed, |v| {
                        *typed += 1;
                        if int64s.len() <= SHAPE_ENTRIES {
                            int64s.push(v as i64);
                        }
                    })?;
                }
                (4 | 5 | 6 | 7 | 10 | 11, _) => out.typed += 1,
                (13, _) | (14, Field::Varint(1)) => out.external = true,
                _ => {}
            }
            if out.dims.len() > SHAPE_ENTRIES {
                break;
            }
        }
        Ok(out)
    }

    fn fixed(&mut self, packed: &[u8], width: usize) {
        self.payload_bytes += packed.len();
        self.typed += (packed.len() / width) as u64;
    }

    /// Number of elements that the file holds for this tensor; `None` if the bytes are no whole number of them.
    pub(super) fn stored_elements(&self) -> Option<u64> {
        let Some(raw) = self.raw else {
            return if matches!(self.element, 21..=23) { self.halves(self.typed) } else { Some(self.typed) };
        };
        let bits: u64 = match self.element {
            1 | 6 | 12 => 32,
            2 | 3 | 9 | 17..=20 | 24 => 8,
            4 | 5 | 10 | 16 => 16,
            7 | 11 | 13 | 14 => 64,
            15 => 128,
            21..=23 => 4,
            _ => return None,
        };
        let n = raw.len() as u64;
        if bits == 4 {
            return self.halves(n);
        }
        n.is_multiple_of(bits / 8).then_some(n / (bits / 8))
    }

    /// Number of elements of half a byte in `bytes` bytes: an odd number leaves half a byte over.
    fn halves(&self, bytes: u64) -> Option<u64> {
        let volume = self.dims.iter().try_fold(1_u64, |v, &d| u64::try_from(d).ok()?.checked_mul(v))?;
        (volume.div_ceil(2) == bytes).then_some(volume)
    }

    /// The product of the values, where this is a short vector of 64-bit integers; `i64::MAX` if it overflows.
    pub(super) fn as_shape(&self) -> Option<i64> {
        if self.element != 7 || self.dims.len() > 1 {
            return None;
        }
        let values: Vec<i64> = match self.raw {
            Some(raw) if raw.len() <= SHAPE_ENTRIES * 8 => raw
                .chunks_exact(8)
                .map(|c| c.iter().rev().fold(0_i64, |v, &b| (v << 8) | i64::from(b)))
                .collect(),
            Some(_) => return None,
            None => self.int64s.clone(),
        };
        let positive = values.into_iter().filter(|&v| v > 0);
        Some(positive.fold(1_i64, i64::saturating_mul))
    }
}

fn each_varint(packed: &[u8], mut each: impl FnMut(u64)) -> Result<(), Error> {
    let mut message = Message::new(packed);
    while !message.rest.is_empty() {
        each(message.varint()?);
    }
    Ok(())
}

fn truncated() -> Error {
    Error::new(Code::InvalidModel, "the ONNX file is truncated: a field ends after the file does")
}
