//! Values that are carried from step to step, for texts side by side.

use crate::model::tensor::{Data, Tensor};
use crate::{Code, Error};

/// A value that a step is given again.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) value: Tensor,
    /// The axis that runs over the texts.
    pub(super) axis: usize,
}

impl Kept {
    /// What was made of one text, for several.
    pub(super) fn repeated(value: &Tensor, texts: usize) -> Result<Self, Error> {
        // The first axis runs over the texts, or in the state of stacked recurrent layers the second.
        let shape = value.shape();
        let Some(axis) = (0..shape.len().min(2)).find(|&axis| shape[axis] == 1) else {
            return Err(Error::new(Code::ModelMismatch, format!("a value of shape {shape:?} for one text")));
        };
        Ok(Self { value: gathered(value, axis, &vec![0; texts])?, axis })
    }
}

/// The parts of a value along `axis` that go on.
pub(super) fn gathered(tensor: &Tensor, axis: usize, from: &[usize]) -> Result<Tensor, Error> {
    let shape = tensor.shape();
    let texts = shape[axis];
    let outer: usize = shape[..axis].iter().product();
    let inner: usize = shape[axis + 1..].iter().product();
    fn pick<T: Copy>(v: &[T], outer: usize, texts: usize, inner: usize, from: &[usize]) -> Vec<T> {
        let mut out = Vec::with_capacity(outer * from.len() * inner);
        for o in 0..outer {
            for &text in from {
                out.extend_from_slice(&v[(o * texts + text) * inner..][..inner]);
            }
        }
        out
    }
    let data = match tensor.data() {
        Data::F32(v) => Data::F32(pick(v, outer, texts, inner, from)),
        Data::I64(v) => Data::I64(pick(v, outer, texts, inner, from)),
        Data::I32(v) => Data::I32(pick(v, outer, texts, inner, from)),
        Data::Bool(v) => Data::Bool(pick(v, outer, texts, inner, from)),
        Data::U8(v) => Data::U8(pick(v, outer, texts, inner, from)),
        Data::I8(v) => Data::I8(pick(v, outer, texts, inner, from)),
    };
    let mut shape = shape.to_vec();
    shape[axis] = from.len();
    Tensor::new(shape, data)
}
