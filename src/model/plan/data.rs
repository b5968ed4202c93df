//! Elements of a value as typed slices.

use bytemuck::Pod;

use crate::model::plan::ir::Kind;
use crate::model::plan::shape::{Shape, mismatch};
use crate::{Code, Error};

/// Elements of one kind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Data<'a> {
    /// 32-bit floating point.
    F32(&'a [f32]),
    /// 64-bit integers.
    I64(&'a [i64]),
    /// 32-bit integers.
    I32(&'a [i32]),
    /// Bytes that are 0 or 1.
    Bool(&'a [u8]),
    /// Unsigned bytes.
    U8(&'a [u8]),
    /// Signed bytes.
    I8(&'a [i8]),
}

/// Elements by their size alone, for operators that only move them.
#[derive(Clone, Copy)]
pub(super) enum Raw<'a> {
    One(&'a [u8]),
    Four(&'a [u32]),
    Eight(&'a [u64]),
}

impl<'a> Data<'a> {
    /// The elements that these bytes hold.
    ///
    /// # Errors
    /// [`Code::Internal`] if the bytes are not aligned for the kind or not a whole number of elements.
    pub(super) fn cast(kind: Kind, bytes: &'a [u8]) -> Result<Self, Error> {
        Ok(match kind {
            Kind::F32 => Self::F32(slice(bytes)?),
            Kind::I64 => Self::I64(slice(bytes)?),
            Kind::I32 => Self::I32(slice(bytes)?),
            Kind::Bool => Self::Bool(bytes),
            Kind::U8 => Self::U8(bytes),
            Kind::I8 => Self::I8(slice(bytes)?),
        })
    }

    /// What the elements are.
    pub fn kind(&self) -> Kind {
        match self {
            Self::F32(_) => Kind::F32,
            Self::I64(_) => Kind::I64,
            Self::I32(_) => Kind::I32,
            Self::Bool(_) => Kind::Bool,
            Self::U8(_) => Kind::U8,
            Self::I8(_) => Kind::I8,
        }
    }

    /// How many elements there are.
    pub fn len(&self) -> usize {
        match self {
            Self::F32(v) => v.len(),
            Self::I64(v) => v.len(),
            Self::I32(v) => v.len(),
            Self::Bool(v) | Self::U8(v) => v.len(),
            Self::I8(v) => v.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements' bytes, in the machine's order.
    pub fn bytes(&self) -> &'a [u8] {
        match self {
            Self::F32(v) => bytemuck::cast_slice(v),
            Self::I64(v) => bytemuck::cast_slice(v),
            Self::I32(v) => bytemuck::cast_slice(v),
            Self::Bool(v) | Self::U8(v) => v,
            Self::I8(v) => bytemuck::cast_slice(v),
        }
    }

    /// `len` elements from `first` on, if there are so many.
    pub(super) fn part(&self, first: usize, len: usize) -> Option<Self> {
        let range = first..first.checked_add(len)?;
        Some(match self {
            Self::F32(v) => Self::F32(v.get(range)?),
            Self::I64(v) => Self::I64(v.get(range)?),
            Self::I32(v) => Self::I32(v.get(range)?),
            Self::Bool(v) => Self::Bool(v.get(range)?),
            Self::U8(v) => Self::U8(v.get(range)?),
            Self::I8(v) => Self::I8(v.get(range)?),
        })
    }

    pub(super) fn raw(&self) -> Raw<'a> {
        match self {
            Self::F32(v) => Raw::Four(bytemuck::cast_slice(v)),
            Self::I64(v) => Raw::Eight(bytemuck::cast_slice(v)),
            Self::I32(v) => Raw::Four(bytemuck::cast_slice(v)),
            Self::Bool(v) | Self::U8(v) => Raw::One(v),
            Self::I8(v) => Raw::One(bytemuck::cast_slice(v)),
        }
    }
}

/// A value: its shape and its elements, row-major.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View<'a> {
    /// One size per axis.
    pub shape: Shape,
    /// As many elements as the shape has.
    pub data: Data<'a>,
}

impl<'a> View<'a> {
    /// What the elements are.
    pub fn kind(&self) -> Kind {
        self.data.kind()
    }

    /// The elements as `f32`.
    ///
    /// # Errors
    /// [`Code::InvalidModel`] if that is not what they are; likewise for the other kinds.
    pub fn f32s(&self) -> Result<&'a [f32], Error> {
        match self.data {
            Data::F32(v) => Ok(v),
            other => Err(wrong_kind(other.kind(), "F32")),
        }
    }

    /// The elements as `i64`.
    ///
    /// # Errors
    /// As [`View::f32s`].
    pub fn i64s(&self) -> Result<&'a [i64], Error> {
        match self.data {
            Data::I64(v) => Ok(v),
            other => Err(wrong_kind(other.kind(), "I64")),
        }
    }

    /// The elements as `i32`.
    ///
    /// # Errors
    /// As [`View::f32s`].
    pub fn i32s(&self) -> Result<&'a [i32], Error> {
        match self.data {
            Data::I32(v) => Ok(v),
            other => Err(wrong_kind(other.kind(), "I32")),
        }
    }

    /// The elements as signed bytes.
    ///
    /// # Errors
    /// As [`View::f32s`].
    pub fn i8s(&self) -> Result<&'a [i8], Error> {
        match self.data {
            Data::I8(v) => Ok(v),
            other => Err(wrong_kind(other.kind(), "I8")),
        }
    }

    /// The elements as bytes that are 0 or 1.
    ///
    /// # Errors
    /// As [`View::f32s`].
    pub fn bools(&self) -> Result<&'a [u8], Error> {
        match self.data {
            Data::Bool(v) => Ok(v),
            other => Err(wrong_kind(other.kind(), "Bool")),
        }
    }

    /// The elements as indices or sizes: I64, or I32 widened.
    pub(super) fn indices(&self) -> Result<Indices<'a>, Error> {
        match self.data {
            Data::I64(v) => Ok(Indices::I64(v)),
            Data::I32(v) => Ok(Indices::I32(v)),
            other => Err(wrong_kind(other.kind(), "I64 or I32")),
        }
    }

    /// The only element, as an index.
    pub(super) fn index(&self) -> Result<i64, Error> {
        let indices = self.indices()?;
        match indices.len() {
            1 => Ok(indices.get(0)),
            n => Err(mismatch(format!("one number is wanted where there are {n}"))),
        }
    }
}

/// Whole numbers of either width.
#[derive(Clone, Copy)]
pub(super) enum Indices<'a> {
    I64(&'a [i64]),
    I32(&'a [i32]),
}

impl Indices<'_> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::I64(v) => v.len(),
            Self::I32(v) => v.len(),
        }
    }

    /// The number at `at`, which the caller knows to be there.
    pub(super) fn get(&self, at: usize) -> i64 {
        match self {
            Self::I64(v) => v[at],
            Self::I32(v) => i64::from(v[at]),
        }
    }
}

/// Bytes as elements of another type.
pub(super) fn slice<T: Pod>(bytes: &[u8]) -> Result<&[T], Error> {
    // An empty value may be kept anywhere.
    if bytes.is_empty() {
        return Ok(&[]);
    }
    bytemuck::try_cast_slice(bytes).map_err(|e| Error::new(Code::Internal, format!("a value's bytes: {e}")))
}

pub(super) fn wrong_kind(found: Kind, wanted: &str) -> Error {
    mismatch(format!("a value of kind {found:?} is given where {wanted} is wanted"))
}
