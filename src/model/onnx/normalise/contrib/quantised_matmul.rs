//! `DynamicQuantizeMatMul` and `MatMulIntegerToFloat`: a product of bytes, with its scales.

use tract_onnx::pb::NodeProto;

use super::super::build::Build;
use super::super::rewrite::Scope;
use super::super::visit::{input, output};
use crate::Error;

/// Inputs: A (`f32`), B, scale of B, zero point of B, bias.
pub(super) fn dynamic(_: &Scope<'_>, node: &NodeProto, build: &mut Build<'_>) -> Result<bool, Error> {
    let (Some(a), Some(b), Some(scale)) = (input(node, 0), input(node, 1), input(node, 2)) else {
        return Ok(false);
    };
    let a = build.ops("DynamicQuantizeLinear", &[a], 3, &[]);
    let out =
        product(build, [&a[0], &a[1], &a[2]], [b, scale, input(node, 3).unwrap_or_default()], input(node, 4));
    if let Some(wanted) = output(node, 0) {
        build.call_it(&out, wanted);
    }
    Ok(true)
}

/// Inputs: A, B, scale of A, scale of B, zero point of A, zero point of B, bias.
pub(super) fn to_float(_: &Scope<'_>, node: &NodeProto, build: &mut Build<'_>) -> Result<bool, Error> {
    let given = [0, 1, 2, 3].map(|i| input(node, i));
    let [Some(a), Some(b), Some(a_scale), Some(b_scale)] = given else { return Ok(false) };
    let zero = |i| input(node, i).unwrap_or_default();
    let out = product(build, [a, a_scale, zero(4)], [b, b_scale, zero(5)], input(node, 6));
    if let Some(wanted) = output(node, 0) {
        build.call_it(&out, wanted);
    }
    Ok(true)
}

/// The product of bytes, each side with its scale and its zero point or an empty name.
pub(super) fn product(
    build: &mut Build<'_>,
    [a, a_scale, a_zero]: [&str; 3],
    [b, b_scale, b_zero]: [&str; 3],
    bias: Option<&str>,
) -> String {
    let inputs = match (a_zero, b_zero) {
        ("", "") => vec![a, b],
        (a_zero, "") => vec![a, b, a_zero],
        (a_zero, b_zero) => vec![a, b, a_zero, b_zero],
    };
    let sums = build.op("MatMulInteger", &inputs, &[]);
    let sums = build.cast(&sums, 1);
    let scale = build.op("Mul", &[a_scale, b_scale], &[]);
    let out = build.op("Mul", &[&sums, &scale], &[]);
    match bias {
        Some(bias) => build.op("Add", &[&out, bias], &[]),
        None => out,
    }
}
