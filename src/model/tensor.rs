//! What goes into a backend and what comes out.

use crate::model::plan::ir::Kind;
use crate::{Code, Error};

/// A dense row-major array.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    shape: Vec<usize>,
    data: Data,
}

/// The numbers of a [`Tensor`].
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// Token ids, masks, lengths.
    I64(Vec<i64>),
    /// Everything else.
    F32(Vec<f32>),
    /// Lengths and positions of some exporters.
    I32(Vec<i32>),
    /// Masks of some exporters.
    Bool(Vec<bool>),
    /// Pixels, unsigned quantised values.
    U8(Vec<u8>),
    /// Signed quantised values.
    I8(Vec<i8>),
}

impl Data {
    fn len(&self) -> usize {
        match self {
            Self::I64(v) => v.len(),
            Self::F32(v) => v.len(),
            Self::I32(v) => v.len(),
            Self::Bool(v) => v.len(),
            Self::U8(v) => v.len(),
            Self::I8(v) => v.len(),
        }
    }

    /// What the numbers are.
    pub fn kind(&self) -> Kind {
        match self {
            Self::I64(_) => Kind::I64,
            Self::F32(_) => Kind::F32,
            Self::I32(_) => Kind::I32,
            Self::Bool(_) => Kind::Bool,
            Self::U8(_) => Kind::U8,
            Self::I8(_) => Kind::I8,
        }
    }
}

impl Default for Tensor {
    /// No integer.
    fn default() -> Self {
        Self { shape: vec![0], data: Data::I64(Vec::new()) }
    }
}

impl Tensor {
    /// A tensor of this shape.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`] if the shape's product is not the number of values.
    pub fn new(shape: Vec<usize>, data: Data) -> Result<Self, Error> {
        let volume = shape.iter().try_fold(1_usize, |v, &d| v.checked_mul(d));
        if volume == Some(data.len()) {
            Ok(Self { shape, data })
        } else {
            let n = data.len();
            Err(Error::new(
                Code::InvalidArgument,
                format!("a tensor of shape {shape:?} was given {n} values"),
            ))
        }
    }

    /// Becomes a tensor of one row of integers, in the memory that it has if it was one.
    pub fn assign_row(&mut self, values: impl Iterator<Item = i64>) {
        match &mut self.data {
            Data::I64(data) => {
                data.clear();
                data.extend(values);
            }
            data => *data = Data::I64(values.collect()),
        }
        self.shape.clear();
        self.shape.extend([1, self.data.len()]);
    }

    /// Becomes a tensor of this shape and these values, in the memory that it has if it was one of floats.
    ///
    /// # Errors
    /// As [`Tensor::new`]; the tensor is then empty.
    pub fn assign_f32(&mut self, shape: &[usize], values: &[f32]) -> Result<(), Error> {
        self.shape.clear();
        self.shape.push(0);
        let volume = shape.iter().try_fold(1_usize, |v, &d| v.checked_mul(d));
        if volume != Some(values.len()) {
            self.data = Data::F32(Vec::new());
            let n = values.len();
            let message = format!("a tensor of shape {shape:?} was given {n} values");
            return Err(Error::new(Code::InvalidArgument, message));
        }
        match &mut self.data {
            Data::F32(data) => {
                data.clear();
                data.extend_from_slice(values);
            }
            data => *data = Data::F32(values.to_vec()),
        }
        self.shape.clear();
        self.shape.extend_from_slice(shape);
        Ok(())
    }

    /// One size per axis.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The numbers.
    pub fn data(&self) -> &Data {
        &self.data
    }

    /// Bytes of the numbers.
    pub fn bytes(&self) -> usize {
        match &self.data {
            Data::I64(v) => size_of_val(&v[..]),
            Data::F32(v) => size_of_val(&v[..]),
            Data::I32(v) => size_of_val(&v[..]),
            Data::Bool(v) => size_of_val(&v[..]),
            Data::U8(v) => size_of_val(&v[..]),
            Data::I8(v) => size_of_val(&v[..]),
        }
    }

    /// The numbers as `f32`, if that is what they are.
    pub fn f32s(&self) -> Option<&[f32]> {
        match &self.data {
            Data::F32(v) => Some(v),
            Data::I64(_) | Data::I32(_) | Data::Bool(_) | Data::U8(_) | Data::I8(_) => None,
        }
    }

    /// The one number, as an integer, if this is a single integer or truth value.
    pub fn single_integer(&self) -> Option<i64> {
        match &self.data {
            Data::I64(v) => v.as_array().map(|&[x]| x),
            Data::I32(v) => v.as_array().map(|&[x]| i64::from(x)),
            Data::Bool(v) => v.as_array().map(|&[x]| i64::from(x)),
            Data::U8(v) => v.as_array().map(|&[x]| i64::from(x)),
            Data::I8(v) => v.as_array().map(|&[x]| i64::from(x)),
            Data::F32(_) => None,
        }
    }
}
