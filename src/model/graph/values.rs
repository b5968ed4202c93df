//! Tensors, from ours to tract's and back.

use tract_onnx::prelude::{DatumType, TractResult};
use tract_onnx::tract_hir::internal::*;

use crate::model::plan::ir::Kind;
use crate::model::tensor::Data;

/// tract's tensor with these numbers, in the element type that the graph takes.
pub(super) fn to_tract(tensor: &crate::model::tensor::Tensor, wanted: DatumType) -> TractResult<Tensor> {
    let shape = tensor.shape();
    let made = match tensor.data() {
        Data::F32(v) => Tensor::from_shape(shape, v),
        Data::I64(v) => Tensor::from_shape(shape, v),
        Data::I32(v) => Tensor::from_shape(shape, v),
        Data::Bool(v) => Tensor::from_shape(shape, v),
        Data::U8(v) => Tensor::from_shape(shape, v),
        Data::I8(v) => Tensor::from_shape(shape, v),
    }?;
    if made.datum_type() == wanted { Ok(made) } else { Ok(made.cast_to_dt(wanted)?.into_owned()) }
}

/// Our tensor with the numbers of tract's; half and double precision as `f32`, odd integers as the next wider kind.
pub(super) fn from_tract(value: &Tensor) -> TractResult<(Vec<usize>, Data)> {
    let data = match value.datum_type() {
        DatumType::F32 | DatumType::F16 | DatumType::F64 => Data::F32(plain::<f32>(value)?),
        DatumType::I64 | DatumType::U32 | DatumType::U64 | DatumType::TDim => Data::I64(plain::<i64>(value)?),
        DatumType::I32 | DatumType::I16 | DatumType::U16 | DatumType::QI32(_) => {
            Data::I32(plain::<i32>(value)?)
        }
        DatumType::Bool => Data::Bool(plain::<bool>(value)?),
        DatumType::U8 | DatumType::QU8(_) => Data::U8(plain::<u8>(value)?),
        DatumType::I8 | DatumType::QI8(_) => Data::I8(plain::<i8>(value)?),
        other => bail!("an output is of type {other:?}, which is none that can be given out"),
    };
    Ok((value.shape().to_vec(), data))
}

fn plain<T: Datum + Copy>(value: &Tensor) -> TractResult<Vec<T>> {
    let value = value.cast_to::<T>()?;
    Ok(value.to_plain_array_view::<T>()?.iter().copied().collect())
}

/// What a caller gives or gets for elements with ONNX's number; `None` if no [`Kind`] holds them.
pub(super) fn kind_of(element: i32) -> Option<Kind> {
    match element {
        1 | 10 | 11 => Some(Kind::F32),
        2 => Some(Kind::U8),
        3 => Some(Kind::I8),
        4..=6 => Some(Kind::I32),
        7 | 12 | 13 => Some(Kind::I64),
        9 => Some(Kind::Bool),
        _ => None,
    }
}
