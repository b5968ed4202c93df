//! Stored tensors of four bits an element, as bytes; and those in blocks, each with a scale, as `f32`.

use tract_onnx::pb::{GraphProto, NodeProto, TensorProto};

use super::build::Build;
use super::rewrite::{Rule, Scope, each};
use super::visit::{input, int, output, subgraphs_mut};
use super::{Budget, invalid, stored};
use crate::Error;

/// ONNX's numbers for UINT4 and INT4, and for the bytes that take their place.
const UNSIGNED: [i32; 2] = [21, 2];
const SIGNED: [i32; 2] = [22, 3];

/// Unpacks the stored tensors of this graph and of those in it.
///
/// # Errors
/// [`crate::Code::InvalidModel`] for a tensor that does not hold what its shape asks for;
/// [`crate::Code::TooLarge`] if they exceed the budget.
pub(super) fn unpack(graph: &mut GraphProto, budget: &mut Budget) -> Result<(), Error> {
    for tensor in &mut graph.initializer {
        unpack_tensor(tensor, budget)?;
    }
    for node in &mut graph.node {
        for tensor in node.attribute.iter_mut().flat_map(|a| a.t.iter_mut().chain(&mut a.tensors)) {
            unpack_tensor(tensor, budget)?;
        }
        for inner in subgraphs_mut(node) {
            unpack(inner, budget)?;
        }
    }
    Ok(())
}

fn unpack_tensor(tensor: &mut TensorProto, budget: &mut Budget) -> Result<(), Error> {
    let Some([_, bytes]) = [UNSIGNED, SIGNED].into_iter().find(|[half, _]| *half == tensor.data_type) else {
        return Ok(());
    };
    let volume = tensor.dims.iter().try_fold(1_usize, |v, &d| v.checked_mul(usize::try_from(d).ok()?));
    let packed: Vec<u8> = match tensor.raw_data.is_empty() {
        true => tensor.int32_data.iter().map(|&pair| pair as u8).collect(),
        false => tensor.raw_data.to_vec(),
    };
    let Some(volume) = volume.filter(|v| v.div_ceil(2) == packed.len()) else {
        return Err(invalid(format!("tensor {:?} does not store what its shape asks for", tensor.name)));
    };
    budget.take(&tensor.name, volume, 1)?;
    let half = |i: usize| packed[i / 2] >> (i % 2 * 4) & 15;
    // The upper half of a byte, shifted down with its sign.
    let signed = |i: usize| (((half(i) << 4) as i8) >> 4) as u8;
    tensor.raw_data = match bytes == SIGNED[1] {
        true => (0..volume).map(signed).collect(),
        false => (0..volume).map(half).collect(),
    };
    tensor.int32_data.clear();
    tensor.data_type = bytes;
    Ok(())
}

/// Unfolds stored tensors that are in blocks along an axis, each block with a scale and perhaps a zero point.
///
/// # Errors
/// [`crate::Code::InvalidModel`] for blocks of something that is computed, or of other sizes than stated;
/// [`crate::Code::TooLarge`] if they exceed the budget.
pub(super) fn unfold(graph: &mut GraphProto, opset: i64, budget: &mut Budget) -> Result<(), Error> {
    each(graph, opset, budget, |node| {
        (node.op_type == "DequantizeLinear" && int(node, "block_size", 0) != 0).then_some(rule as Rule)
    })
}

/// Inputs: bytes, scales, zero points; the last two with one element for each block.
fn rule(scope: &Scope<'_>, node: &NodeProto, build: &mut Build<'_>) -> Result<bool, Error> {
    let Some(wanted) = output(node, 0) else { return Ok(false) };
    let wrong = |what: &str| invalid(format!("operator {} {:?}: {what}", node.op_type, node.name));
    let read = |i: usize| -> Result<(Vec<usize>, &TensorProto), Error> {
        let tensor = stored::weight(scope.graph, node, i)?;
        Ok((tensor.dims.iter().map(|&d| d as usize).collect(), tensor))
    };
    let ((dims, bytes), (blocks, scales)) = (read(0)?, read(1)?);
    let bytes = stored::integers(bytes).ok_or_else(|| wrong("its input is not of integers"))?;
    let scales = stored::floats(scales).ok_or_else(|| wrong("its scales are no numbers"))?;
    let zeros = match input(node, 2) {
        Some(_) => {
            stored::integers(read(2)?.1).ok_or_else(|| wrong("its zero points are not of integers"))?
        }
        None => vec![0; scales.len()],
    };
    let (rank, axis) = (dims.len() as i64, int(node, "axis", 1));
    let axis = usize::try_from(if axis < 0 { axis + rank } else { axis }).unwrap_or(usize::MAX);
    let block = usize::try_from(int(node, "block_size", 0)).unwrap_or(0);
    let mut fitting = dims.clone();
    match fitting.get_mut(axis) {
        Some(size) if block > 0 => *size = size.div_ceil(block),
        _ => return Err(wrong(&format!("blocks of {block} along axis {axis} of {dims:?}"))),
    }
    if blocks != fitting || zeros.len() != scales.len() {
        return Err(wrong(&format!("scales of shape {blocks:?} for blocks of {block} in {dims:?}")));
    }
    build.reserve(bytes.len())?;
    let inner: usize = dims[axis + 1..].iter().product();
    let (size, parts) = (dims[axis], fitting[axis]);
    let number = |(i, &byte): (usize, &i64)| {
        let (outer, along, within) = (i / inner / size, i / inner % size, i % inner);
        let at = (outer * parts + along / block) * inner + within;
        (byte - zeros[at]) as f32 * scales[at]
    };
    let numbers: Vec<f32> = bytes.iter().enumerate().map(number).collect();
    let numbers = build.unpacked(&dims, &numbers)?;
    build.call_it(&numbers, wanted);
    Ok(true)
}
