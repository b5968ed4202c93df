//! Stored tensors, read and written.

use tract_onnx::pb::{GraphProto, NodeProto, TensorProto};
use tract_onnx::prelude::f16;

use super::visit::{attribute, input};
use super::{Budget, invalid};
use crate::Error;
use crate::model::plan::ir::Kind;
use crate::model::tensor::{Data, Tensor};

/// ONNX's number for elements of this kind.
pub fn element(kind: Kind) -> i32 {
    match kind {
        Kind::F32 => 1,
        Kind::U8 => 2,
        Kind::I8 => 3,
        Kind::I32 => 6,
        Kind::I64 => 7,
        Kind::Bool => 9,
    }
}

/// Bytes of an element with this number; `None` for those that no step here reads.
fn width(element: i32) -> Option<usize> {
    match element {
        2 | 3 | 9 => Some(1),
        4 | 5 | 10 | 16 => Some(2),
        1 | 6 | 12 => Some(4),
        7 | 11 | 13 => Some(8),
        _ => None,
    }
}

/// The number of elements that a tensor's shape asks for.
fn volume(tensor: &TensorProto) -> Option<usize> {
    tensor.dims.iter().try_fold(1_usize, |v, &d| v.checked_mul(usize::try_from(d).ok()?))
}

/// A tensor's elements as little-endian bytes, where the file holds as many as its shape asks for.
fn bytes(tensor: &TensorProto) -> Option<Vec<u8>> {
    let (width, volume) = (width(tensor.data_type)?, volume(tensor)?);
    let out: Vec<u8> = if !tensor.raw_data.is_empty() {
        tensor.raw_data.clone()
    } else {
        match tensor.data_type {
            1 => tensor.float_data.iter().flat_map(|v| v.to_le_bytes()).collect(),
            11 => tensor.double_data.iter().flat_map(|v| v.to_le_bytes()).collect(),
            7 => tensor.int64_data.iter().flat_map(|v| v.to_le_bytes()).collect(),
            12 | 13 => return None,
            _ => tensor.int32_data.iter().flat_map(|v| v.to_le_bytes().into_iter().take(width)).collect(),
        }
    };
    (out.len() == volume.checked_mul(width)?).then_some(out)
}

/// A tensor's elements as `f32`, whatever number type they are stored in.
pub fn floats(tensor: &TensorProto) -> Option<Vec<f32>> {
    let bytes = bytes(tensor)?;
    Some(match tensor.data_type {
        1 => bytes.as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect(),
        10 => bytes.as_chunks().0.iter().map(|&b| f16::from_le_bytes(b).to_f32()).collect(),
        16 => bytes
            .as_chunks()
            .0
            .iter()
            .map(|&b| f32::from_bits(u32::from(u16::from_le_bytes(b)) << 16))
            .collect(),
        11 => bytes.as_chunks().0.iter().map(|&b| f64::from_le_bytes(b) as f32).collect(),
        _ => integers(tensor)?.into_iter().map(|v| v as f32).collect(),
    })
}

/// A tensor's elements as `i64`, if it holds integers or truth values.
pub fn integers(tensor: &TensorProto) -> Option<Vec<i64>> {
    let bytes = bytes(tensor)?;
    Some(match tensor.data_type {
        2 | 9 => bytes.into_iter().map(i64::from).collect(),
        3 => bytes.into_iter().map(|b| i64::from(b as i8)).collect(),
        4 => bytes.as_chunks().0.iter().map(|&b| i64::from(u16::from_le_bytes(b))).collect(),
        5 => bytes.as_chunks().0.iter().map(|&b| i64::from(i16::from_le_bytes(b))).collect(),
        6 => bytes.as_chunks().0.iter().map(|&b| i64::from(i32::from_le_bytes(b))).collect(),
        7 => bytes.as_chunks().0.iter().map(|&b| i64::from_le_bytes(b)).collect(),
        12 => bytes.as_chunks().0.iter().map(|&b| i64::from(u32::from_le_bytes(b))).collect(),
        _ => return None,
    })
}

/// The stored tensor behind the value `name`, as an initialiser or a Constant operator's value.
pub fn find<'a>(graph: &'a GraphProto, name: &str) -> Option<&'a TensorProto> {
    graph.initializer.iter().find(|t| t.name == name).or_else(|| {
        let node =
            graph.node.iter().find(|n| n.op_type == "Constant" && n.output.iter().any(|o| o == name))?;
        attribute(node, "value")?.t.as_ref()
    })
}

/// The stored tensor behind input `i` of an operator.
///
/// # Errors
/// [`crate::Code::InvalidModel`] naming the operator, if that input is computed or not there.
pub(super) fn weight<'a>(
    graph: &'a GraphProto,
    node: &NodeProto,
    i: usize,
) -> Result<&'a TensorProto, Error> {
    input(node, i).and_then(|name| find(graph, name)).ok_or_else(|| {
        invalid(format!("operator {} {:?}: input {i} must be a stored tensor", node.op_type, node.name))
    })
}

fn dims(shape: &[usize]) -> Vec<i64> {
    shape.iter().map(|&d| d as i64).collect()
}

/// A stored tensor of floats.
pub(super) fn float_tensor(
    name: &str,
    shape: &[usize],
    values: &[f32],
    budget: &mut Budget,
) -> Result<TensorProto, Error> {
    budget.take(name, values.len(), 4)?;
    let raw_data = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    Ok(TensorProto { name: name.into(), dims: dims(shape), data_type: 1, raw_data, ..Default::default() })
}

/// A stored tensor of 64-bit integers.
pub(super) fn int_tensor(name: &str, shape: &[usize], values: &[i64]) -> TensorProto {
    let raw_data = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    TensorProto { name: name.into(), dims: dims(shape), data_type: 7, raw_data, ..Default::default() }
}

/// A stored tensor with these numbers, in the element type that a graph declares (0: as they are).
///
/// # Errors
/// [`crate::Code::InvalidArgument`] if the numbers are of another type than the graph's.
pub fn tensor_as(name: &str, declared: i32, value: &Tensor) -> Result<TensorProto, Error> {
    let kind = element(value.data().kind());
    let raw_data: Vec<u8> = match value.data() {
        Data::F32(v) if declared == 10 => v.iter().flat_map(|v| f16::from_f32(*v).to_le_bytes()).collect(),
        Data::F32(v) if declared == 11 => v.iter().flat_map(|v| f64::from(*v).to_le_bytes()).collect(),
        _ if declared != 0 && declared != kind => {
            return Err(Error::new(
                crate::Code::InvalidArgument,
                format!("{name} is of ONNX type {declared}; it was given values of type {kind}"),
            ));
        }
        Data::F32(v) => v.iter().flat_map(|v| v.to_le_bytes()).collect(),
        Data::I64(v) => v.iter().flat_map(|v| v.to_le_bytes()).collect(),
        Data::I32(v) => v.iter().flat_map(|v| v.to_le_bytes()).collect(),
        Data::Bool(v) => v.iter().map(|&v| u8::from(v)).collect(),
        Data::U8(v) => v.clone(),
        Data::I8(v) => v.iter().map(|&v| v as u8).collect(),
    };
    let data_type = if declared == 0 { kind } else { declared };
    Ok(TensorProto {
        name: name.into(),
        dims: dims(value.shape()),
        data_type,
        raw_data,
        ..Default::default()
    })
}

/// A stored tensor of one integer, in an element type of integers or truth values.
pub(super) fn integer_as(name: &str, dims: Vec<i64>, element: i32, value: i64) -> Option<TensorProto> {
    if !matches!(element, 2..=7 | 9 | 12 | 13) {
        return None;
    }
    let raw_data = value.to_le_bytes()[..width(element)?].to_vec();
    Some(TensorProto { name: name.into(), dims, data_type: element, raw_data, ..Default::default() })
}
