//! The `QLinear` family and `QGemm`: an operator on bytes, which is the operator on what they stand for.

use tract_onnx::pb::NodeProto;

use super::super::build::{Build, Value};
use super::super::invalid;
use super::super::ranks::rank;
use super::super::rewrite::Scope;
use super::super::visit::{attribute, float, input, int, output};
use crate::Error;

/// The numbers that bytes stand for: input `at`, with its scale and zero point after it.
fn number(node: &NodeProto, build: &mut Build<'_>, at: usize) -> Result<String, Error> {
    let (Some(x), Some(scale)) = (input(node, at), input(node, at + 1)) else {
        return Err(invalid(format!("operator {} {:?} lacks input {at}", node.op_type, node.name)));
    };
    let inputs: Vec<&str> = [x, scale].into_iter().chain(input(node, at + 2)).collect();
    Ok(build.op("DequantizeLinear", &inputs, &[]))
}

/// Makes `x` bytes again, with scale and zero point from input `at` on, as the operator's output.
fn bytes(node: &NodeProto, build: &mut Build<'_>, x: &str, at: usize) -> Result<bool, Error> {
    let (Some(scale), Some(wanted)) = (input(node, at), output(node, 0)) else {
        return Err(invalid(format!("operator {} {:?} lacks input {at}", node.op_type, node.name)));
    };
    let inputs: Vec<&str> = [x, scale].into_iter().chain(input(node, at + 1)).collect();
    let out = build.op("QuantizeLinear", &inputs, &[]);
    build.call_it(&out, wanted);
    Ok(true)
}

/// Inputs: A and B with their scales and zero points, scale and zero point of the output.
pub(super) fn binary(_: &Scope<'_>, node: &NodeProto, build: &mut Build<'_>) -> Result<bool, Error> {
    let (a, b) = (number(node, build, 0)?, number(node, build, 3)?);
    let op = if node.op_type == "QLinearMul" { "Mul" } else { "Add" };
    let out = build.op(op, &[&a, &b], &[]);
    bytes(node, build, &out, 6)
}

/// Inputs: X with scale and zero point, scale and zero point of the output.
pub(super) fn unary(scope: &Scope<'_>, node: &NodeProto, build: &mut Build<'_>) -> Result<bool, Error> {
    let x = number(node, build, 0)?;
    let out = match node.op_type.as_str() {
        "QLinearSigmoid" => build.op("Sigmoid", &[&x], &[]),
        "QLinearLeakyRelu" => {
            build.op("LeakyRelu", &[&x], &[("alpha", Value::Float(float(node, "alpha", 0.01)))])
        }
        "QLinearSoftmax" => softmax(scope, node, build, &x)?,
        op => {
            if int(node, "channels_last", 0) != 0 {
                return Err(invalid(format!("operator {op} {:?}: channels last is not known", node.name)));
            }
            let out = build.op(op.trim_start_matches("QLinear"), &[&x], &[]);
            if let Some(made) = build.nodes.last_mut() {
                made.attribute =
                    node.attribute.iter().filter(|a| a.name != "channels_last").cloned().collect();
            }
            out
        }
    };
    bytes(node, build, &out, 3)
}

/// Before operator set 13 of the operator's own `opset`, it ran over the axis and all that follow.
fn softmax(scope: &Scope<'_>, node: &NodeProto, build: &mut Build<'_>, x: &str) -> Result<String, Error> {
    let axis = int(node, "axis", -1);
    if int(node, "opset", 13) < 13 {
        let axes = input(node, 0).and_then(|x| rank(scope.graph, x));
        if axis != -1 && axes.is_none_or(|axes| axis != axes as i64 - 1) {
            return Err(invalid(format!("operator {:?} runs over several axes", node.name)));
        }
    }
    Ok(build.op("Softmax", &[x], &[("axis", Value::Int(axis))]))
}

/// Inputs: scale and zero point of the output, then each part with its own.
pub(super) fn concat(_: &Scope<'_>, node: &NodeProto, build: &mut Build<'_>) -> Result<bool, Error> {
    let parts = (2..node.input.len()).step_by(3).map(|at| number(node, build, at));
    let parts = parts.collect::<Result<Vec<_>, _>>()?;
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let out = build.op("Concat", &parts, &[("axis", Value::Int(int(node, "axis", 1)))]);
    bytes(node, build, &out, 0)
}

/// Inputs: condition, X and Y with scales and zero points, scale and zero point of the output.
pub(super) fn choose(_: &Scope<'_>, node: &NodeProto, build: &mut Build<'_>) -> Result<bool, Error> {
    let (x, y) = (number(node, build, 1)?, number(node, build, 4)?);
    let out = build.op("Where", &[input(node, 0).unwrap_or_default(), &x, &y], &[]);
    bytes(node, build, &out, 7)
}

/// Inputs: A and B with scales and zero points, bias (integers, in units of both scales), and if the output is of bytes
/// its scale and zero point.
pub(super) fn gemm(_: &Scope<'_>, node: &NodeProto, build: &mut Build<'_>) -> Result<bool, Error> {
    let turned = |name: &str| attribute(node, name).is_some_and(|a| a.i != 0);
    let a = number(node, build, 0)?;
    let b = per_column(node, build, turned("transB"))?;
    let given = |i: usize| input(node, i).unwrap_or_default();
    let mut out = match turned("transA") {
        true => build.transpose(&a, &[1, 0]),
        false => a,
    };
    out = build.op("MatMul", &[&out, &b], &[]);
    let alpha = build.float(float(node, "alpha", 1.0))?;
    if let Some(bias) = input(node, 6) {
        let bias = build.cast(bias, 1);
        let scale = build.op("Mul", &[given(1), given(4)], &[]);
        let bias = build.op("Mul", &[&bias, &scale], &[]);
        out = build.op("Add", &[&out, &bias], &[]);
    }
    out = build.op("Mul", &[&out, &alpha], &[]);
    if input(node, 7).is_some() {
        return bytes(node, build, &out, 7);
    }
    if let Some(wanted) = output(node, 0) {
        build.call_it(&out, wanted);
    }
    Ok(true)
}

/// B as numbers, `[k, n]`; its scale may be one for each column.
fn per_column(node: &NodeProto, build: &mut Build<'_>, turned: bool) -> Result<String, Error> {
    let (Some(b), Some(scale)) = (input(node, 3), input(node, 4)) else {
        return Err(invalid(format!("operator {} {:?} lacks input 3", node.op_type, node.name)));
    };
    let b = if turned { build.transpose(b, &[1, 0]) } else { b.to_owned() };
    let inputs: Vec<&str> = [b.as_str(), scale].into_iter().chain(input(node, 5)).collect();
    Ok(build.op("DequantizeLinear", &inputs, &[("axis", Value::Int(1))]))
}
