//! What goes into a backend and what comes out.

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
}

impl Data {
    fn len(&self) -> usize {
        match self {
            Self::I64(v) => v.len(),
            Self::F32(v) => v.len(),
        }
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

    /// One size per axis.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The numbers.
    pub fn data(&self) -> &Data {
        &self.data
    }

    /// The numbers as `f32`, if that is what they are.
    pub fn f32s(&self) -> Option<&[f32]> {
        match &self.data {
            Data::F32(v) => Some(v),
            Data::I64(_) => None,
        }
    }
}
