//! `LogSoftmax` as the logarithm of a sum, taken from each number.
//!
//! tract takes the logarithm of the softmax: below -87 that is the logarithm of nothing.

use tract_onnx::pb::{GraphProto, NodeProto};

use super::Budget;
use super::build::{Build, Value};
use super::rewrite::{Rule, Scope, each};
use super::visit::{input, int, output};
use crate::Error;

/// Rewrites `LogSoftmax` over one axis.
///
/// # Errors
/// [`crate::Code::TooLarge`] if constants exceed the budget.
pub(super) fn rewrite(graph: &mut GraphProto, opset: i64, budget: &mut Budget) -> Result<(), Error> {
    each(graph, opset, budget, |node| (node.op_type == "LogSoftmax").then_some(rule as Rule))
}

fn rule(_: &Scope<'_>, node: &NodeProto, build: &mut Build<'_>) -> Result<bool, Error> {
    let (Some(x), Some(wanted)) = (input(node, 0), output(node, 0)) else { return Ok(false) };
    // Before operator set 13 it ran over that axis and all that follow.
    let axis = int(node, "axis", if build.opset() < 13 { 1 } else { -1 });
    if build.opset() < 13 && axis != -1 {
        return Ok(false);
    }
    let largest = build.reduce("ReduceMax", x, axis);
    let x = build.op("Sub", &[x, &largest], &[]);
    let powers = build.op("Exp", &[&x], &[]);
    let sum = if build.opset() < 13 {
        build.op("ReduceSum", &[&powers], &[("axes", Value::Ints(&[axis])), ("keepdims", Value::Int(1))])
    } else {
        let axes = build.ints(&[axis]);
        build.op("ReduceSum", &[&powers, &axes], &[("keepdims", Value::Int(1))])
    };
    let sum = build.op("Log", &[&sum], &[]);
    let out = build.op("Sub", &[&x, &sum], &[]);
    build.call_it(&out, wanted);
    Ok(true)
}
