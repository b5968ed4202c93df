//! Numbers that a graph carries.

use std::sync::Arc;

use crate::model::plan::ir::Kind;

/// A constant of a graph.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tensor {
    /// One size per axis.
    pub shape: Vec<usize>,
    /// Row-major.
    pub data: Data,
}

/// The numbers of a [`Tensor`]; shared, since rewriting a graph copies its values about.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Data {
    F32(Arc<Vec<f32>>),
    I64(Arc<Vec<i64>>),
    I32(Arc<Vec<i32>>),
    Bool(Arc<Vec<u8>>),
    U8(Arc<Vec<u8>>),
    I8(Arc<Vec<i8>>),
}

impl Tensor {
    pub(super) fn f32(shape: &[usize], data: Vec<f32>) -> Self {
        Self { shape: shape.to_vec(), data: Data::F32(Arc::new(data)) }
    }

    pub(super) fn i64(shape: &[usize], data: Vec<i64>) -> Self {
        Self { shape: shape.to_vec(), data: Data::I64(Arc::new(data)) }
    }

    pub(super) fn kind(&self) -> Kind {
        match self.data {
            Data::F32(_) => Kind::F32,
            Data::I64(_) => Kind::I64,
            Data::I32(_) => Kind::I32,
            Data::Bool(_) => Kind::Bool,
            Data::U8(_) => Kind::U8,
            Data::I8(_) => Kind::I8,
        }
    }

    pub(super) fn len(&self) -> usize {
        match &self.data {
            Data::F32(v) => v.len(),
            Data::I64(v) => v.len(),
            Data::I32(v) => v.len(),
            Data::Bool(v) | Data::U8(v) => v.len(),
            Data::I8(v) => v.len(),
        }
    }

    /// `n` times the single byte; `None` if it is none.
    pub(super) fn repeated(&self, n: usize) -> Option<Self> {
        let data = match &self.data {
            Data::U8(v) => Data::U8(Arc::new(vec![*v.first()?; n])),
            Data::I8(v) => Data::I8(Arc::new(vec![*v.first()?; n])),
            _ => return None,
        };
        Some(Self { shape: vec![n], data })
    }

    /// The numbers, if they are `f32`.
    pub(super) fn f32s(&self) -> Option<&[f32]> {
        match &self.data {
            Data::F32(v) => Some(v),
            _ => None,
        }
    }

    /// The one number, if there is one and it is `f32`.
    pub(super) fn scalar_f32(&self) -> Option<f32> {
        self.f32s().filter(|v| v.len() == 1).map(|v| v[0])
    }

    /// The numbers, if they are integers or truth values.
    pub(super) fn integers(&self) -> Option<Vec<i64>> {
        match &self.data {
            Data::F32(_) => None,
            Data::I64(v) => Some(v.to_vec()),
            Data::I32(v) => Some(v.iter().map(|&x| i64::from(x)).collect()),
            Data::Bool(v) | Data::U8(v) => Some(v.iter().map(|&x| i64::from(x)).collect()),
            Data::I8(v) => Some(v.iter().map(|&x| i64::from(x)).collect()),
        }
    }

    /// A matrix with its axes exchanged; `None` for what is not a matrix.
    pub(super) fn transposed(&self) -> Option<Self> {
        let [rows, columns] = self.shape[..] else { return None };
        let data = match &self.data {
            Data::F32(v) => Data::F32(Arc::new(transpose(v, rows, columns))),
            Data::I64(v) => Data::I64(Arc::new(transpose(v, rows, columns))),
            Data::I32(v) => Data::I32(Arc::new(transpose(v, rows, columns))),
            Data::Bool(v) => Data::Bool(Arc::new(transpose(v, rows, columns))),
            Data::U8(v) => Data::U8(Arc::new(transpose(v, rows, columns))),
            Data::I8(v) => Data::I8(Arc::new(transpose(v, rows, columns))),
        };
        Some(Self { shape: vec![columns, rows], data })
    }

    /// The bytes in memory order, as a plan stores them: little-endian.
    pub(super) fn bytes(&self) -> Vec<u8> {
        match &self.data {
            Data::F32(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Data::I64(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Data::I32(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Data::Bool(v) | Data::U8(v) => v.to_vec(),
            Data::I8(v) => v.iter().map(|&x| x as u8).collect(),
        }
    }
}

fn transpose<T: Copy>(x: &[T], rows: usize, columns: usize) -> Vec<T> {
    let mut out = Vec::with_capacity(x.len());
    for column in 0..columns {
        for row in 0..rows {
            out.push(x[row * columns + column]);
        }
    }
    out
}
