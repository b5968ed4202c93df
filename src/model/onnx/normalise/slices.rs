//! Slices that may end after their input does: the end is written as ONNX means it, no further than the input goes.
//!
//! `x[:, :3000]` of an axis whose size is known in a run alone is taken by some compilers to have 3000 entries.

use tract_onnx::pb::{GraphProto, NodeProto};

use super::build::Build;
use super::rewrite::{Rule, Scope, each};
use super::visit::{has_subgraph, input, output};
use super::{Budget, stored};
use crate::Error;
use crate::model::onnx::MAX_AXES;

/// Ends from here on mean "to the end" and are understood by everyone.
const OPEN_END: i64 = 1 << 30;

/// Clamps the ends of slices that are written down and are no slices of shapes.
///
/// # Errors
/// [`crate::Code::TooLarge`] if constants exceed the budget.
pub(super) fn clamp(graph: &mut GraphProto, opset: i64, budget: &mut Budget) -> Result<(), Error> {
    each(graph, opset, budget, |node| {
        (node.op_type == "Slice" && node.input.len() >= 3 && !has_subgraph(node)).then_some(rule as Rule)
    })
}

fn rule(scope: &Scope<'_>, node: &NodeProto, build: &mut Build<'_>) -> Result<bool, Error> {
    let constant =
        |i: usize| input(node, i).and_then(|name| stored::find(scope.graph, name)).and_then(stored::integers);
    let (Some(x), Some(wanted), Some(ends)) = (input(node, 0), output(node, 0), constant(2)) else {
        return Ok(false);
    };
    let starts = constant(1);
    let steps = if input(node, 4).is_some() { constant(4) } else { Some(vec![1; ends.len()]) };
    let axes = if input(node, 3).is_some() { constant(3) } else { Some((0..ends.len() as i64).collect()) };
    let (Some(starts), Some(steps), Some(axes)) = (starts, steps, axes) else { return Ok(false) };
    // A shape has no more entries than this; a slice of a stored tensor is known anyway.
    let far = |end: &i64| *end > MAX_AXES as i64 && *end < OPEN_END;
    let plain =
        starts.iter().all(|&s| s >= 0) && steps.iter().all(|&s| s > 0) && axes.iter().all(|&a| a >= 0);
    if !ends.iter().any(far) || !plain || stored::find(scope.graph, x).is_some() {
        return Ok(false);
    }
    let shape = build.op("Shape", &[x], &[]);
    let axes_name = build.ints(&axes);
    let sizes = build.op("Gather", &[&shape, &axes_name], &[]);
    let ends = build.ints(&ends);
    let ends = build.op("Min", &[&ends, &sizes], &[]);
    let (starts, steps) = (build.ints(&starts), build.ints(&steps));
    let sliced = build.op("Slice", &[x, &starts, &ends, &axes_name, &steps], &[]);
    build.call_it(&sliced, wanted);
    Ok(true)
}
