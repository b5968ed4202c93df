//! Recurrent layers over sequences of different lengths, written as layers over sequences of one length.
//!
//! What such a layer gives for a sequence does not hang on what follows it; so the layer runs over everything, what lies
//! past a sequence's end becomes 0, and the last state is the one at its end. The backward direction runs forward over
//! the sequence turned about.

use tract_onnx::pb::{AttributeProto, GraphProto, NodeProto};

use super::build::{Build, Value, attribute as make};
use super::rewrite::{Rule, Scope, each};
use super::visit::{attribute, input, int, output, string};
use super::{Budget, stored};
use crate::Error;

/// ONNX's number for 32-bit integers.
const I32: i64 = 6;

/// Rewrites `GRU`, `LSTM` and `RNN` operators whose lengths are computed, but for an `LSTM` whose last cell is wanted.
///
/// # Errors
/// [`crate::Code::TooLarge`] if constants exceed the budget.
pub(super) fn rewrite(graph: &mut GraphProto, opset: i64, budget: &mut Budget) -> Result<(), Error> {
    each(graph, opset, budget, |node| {
        let recurrent = matches!(node.op_type.as_str(), "GRU" | "LSTM" | "RNN");
        (recurrent && input(node, 4).is_some()).then_some(rule as Rule)
    })
}

fn rule(scope: &Scope<'_>, node: &NodeProto, build: &mut Build<'_>) -> Result<bool, Error> {
    let (Some(x), Some(lengths)) = (input(node, 0), input(node, 4)) else { return Ok(false) };
    let known = stored::find(scope.graph, lengths).is_some();
    if known || output(node, 2).is_some() || int(node, "layout", 0) != 0 {
        return Ok(false);
    }
    let ways: &[bool] = match string(node, "direction") {
        "" | "forward" => &[false],
        "reverse" => &[true],
        "bidirectional" => &[false, true],
        _ => return Ok(false),
    };
    let lengths = build.cast(lengths, I32);
    let steps = build.size(x, 0);
    let order = turned(build, &steps, &lengths);
    let (mut whole, mut last) = (Vec::new(), Vec::new());
    for (i, &reverse) in ways.iter().enumerate() {
        let x = if reverse { reorder(build, x, &order.indices) } else { x.to_owned() };
        let y = one_direction(node, build, &x, i as i64, ways.len());
        // `y` is [steps, 1, batch, hidden]; without the axis of directions it lies as `x` does.
        let y = build.squeeze(&y, &[1]);
        let y = build.op("Where", &[&order.inside, &y, &order.zero], &[]);
        let at_end = pick(build, &y, &order.last);
        last.push(at_end);
        let y = if reverse { reorder(build, &y, &order.indices) } else { y };
        whole.push(build.unsqueeze(&y, &[1]));
    }
    let join = |build: &mut Build<'_>, parts: &[String], axis| {
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        build.op("Concat", &parts, &[("axis", Value::Int(axis))])
    };
    if let Some(wanted) = output(node, 0) {
        let joined = join(build, &whole, 1);
        build.call_it(&joined, wanted);
    }
    if let Some(wanted) = output(node, 1) {
        let joined = join(build, &last, 0);
        build.call_it(&joined, wanted);
    }
    Ok(true)
}

/// Where things lie in sequences of different lengths.
struct Order {
    /// `[steps, batch, 1]`: the step that takes this one's place when a sequence is turned about.
    indices: String,
    /// `[steps, batch, 1]`: whether the step lies in the sequence.
    inside: String,
    /// `[1, batch, 1]`: the last step of each sequence.
    last: String,
    /// A single 0.
    zero: String,
}

fn turned(build: &mut Build<'_>, steps: &str, lengths: &str) -> Order {
    let (zero, one) = (build.int(0), build.int(1));
    let count = build.squeeze(steps, &[0]);
    let step = build.op("Range", &[&zero, &count, &one], &[]);
    // Not the type of sizes: some compilers would compute with expressions.
    let [step, zero, one] = [step, zero, one].map(|name| build.cast(&name, I32));
    let step = build.unsqueeze(&step, &[1, 2]);
    let lengths = build.unsqueeze(lengths, &[0, 2]);
    let inside = build.op("Less", &[&step, &lengths], &[]);
    let last = build.op("Sub", &[&lengths, &one], &[]);
    let back = build.op("Sub", &[&last, &step], &[]);
    let indices = build.op("Where", &[&inside, &back, &step], &[]);
    // An empty sequence ends before its first step; what it picks was made 0.
    let last = build.op("Max", &[&last, &zero], &[]);
    let zero = build.cast(&zero, 1);
    Order { indices, inside, last, zero }
}

/// Steps of `x`, `[steps, batch, features]`, in the order of `indices`.
fn reorder(build: &mut Build<'_>, x: &str, indices: &str) -> String {
    let shape = build.op("Shape", &[x], &[]);
    let indices = build.op("Expand", &[indices, &shape], &[]);
    build.op("GatherElements", &[x, &indices], &[("axis", Value::Int(0))])
}

/// One step of `x` for each sequence: `[1, batch, features]`.
fn pick(build: &mut Build<'_>, x: &str, step: &str) -> String {
    let shape = build.op("Shape", &[x], &[]);
    let (one, rest) = (build.ints(&[1]), build.slice(&shape, 0, 1, 3));
    let shape = build.op("Concat", &[&one, &rest], &[("axis", Value::Int(0))]);
    let step = build.op("Expand", &[step, &shape], &[]);
    build.op("GatherElements", &[x, &step], &[("axis", Value::Int(0))])
}

/// The layer of direction `i`, run forward over everything: `[steps, 1, batch, hidden]`.
fn one_direction(node: &NodeProto, build: &mut Build<'_>, x: &str, i: i64, directions: usize) -> String {
    let mut part = |at: usize| match input(node, at) {
        None => String::new(),
        Some(name) if directions == 1 => name.to_owned(),
        Some(name) => build.slice(name, 0, i, i + 1),
    };
    let inputs: Vec<String> = [1, 2, 3, 5, 6, 7].map(&mut part).to_vec();
    let mut names = vec![x, &inputs[0], &inputs[1], &inputs[2], "", &inputs[3]];
    if node.op_type == "LSTM" {
        names.extend([inputs[4].as_str(), inputs[5].as_str()]);
    }
    while names.last().is_some_and(|name| name.is_empty()) {
        names.pop();
    }
    let out = build.ops(&node.op_type, &names, 1, &[]).swap_remove(0);
    if let Some(made) = build.nodes.last_mut() {
        made.attribute = attributes(node, i as usize, directions);
    }
    out
}

/// The operator's attributes for one of its directions.
fn attributes(node: &NodeProto, i: usize, directions: usize) -> Vec<AttributeProto> {
    let kept = node.attribute.iter().filter(|a| a.name != "direction");
    let mut out: Vec<AttributeProto> = kept.cloned().collect();
    for a in &mut out {
        if matches!(a.name.as_str(), "activations" | "activation_alpha" | "activation_beta") {
            let own = |n: usize| i * (n / directions)..(i + 1) * (n / directions);
            a.strings = a.strings[own(a.strings.len())].to_vec();
            a.floats = a.floats[own(a.floats.len())].to_vec();
        }
    }
    debug_assert!(attribute(node, "layout").is_none_or(|a| a.i == 0));
    out.push(make("direction", &Value::Text("forward")));
    out
}
