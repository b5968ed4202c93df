//! `MultiHeadAttention`: attention of queries, keys and values that are projected already.

use tract_onnx::pb::NodeProto;

use super::super::build::{Build, Value};
use super::super::invalid;
use super::super::ranks::{columns, rank};
use super::super::rewrite::Scope;
use super::super::visit::{input, output};
use super::attention_core::{Operands, attend, heads, heads_first, padding};
use crate::Error;

/// Inputs: queries `[batch, rows, hidden]`, keys and values the same or `[batch, heads, keys, size]`, bias of all three,
/// mask, what is added to the scores, past keys, past values. Outputs: the result, keys, values.
pub(super) fn rule(scope: &Scope<'_>, node: &NodeProto, build: &mut Build<'_>) -> Result<bool, Error> {
    let given = [0, 1, 2].map(|i| input(node, i));
    let [Some(q), Some(k), Some(v)] = given else {
        return Err(invalid(format!(
            "operator {:?}: packed queries, keys and values are not known",
            node.name
        )));
    };
    if input(node, 8).is_some() {
        return Err(invalid(format!("operator {:?}: attention on shared buffers is not known", node.name)));
    }
    let heads = heads(node)?;
    let biases = biases(scope, node, build, q)?;
    let names = [q, k, v];
    let mut parts = Vec::with_capacity(3);
    for (i, name) in names.into_iter().enumerate() {
        if rank(scope.graph, name) == Some(4) && i > 0 {
            parts.push(name.to_owned());
            continue;
        }
        let mut part = name.to_owned();
        if let Some(biases) = &biases {
            part = build.op("Add", &[&part, &biases[i]], &[]);
        }
        parts.push(heads_first(build, &part, heads));
    }
    for (i, at) in [(1, 6), (2, 7)] {
        if let Some(past) = input(node, at) {
            parts[i] = build.op("Concat", &[past, &parts[i]], &[("axis", Value::Int(2))]);
        }
    }
    for (i, part) in parts.iter().enumerate().skip(1) {
        if let Some(wanted) = output(node, i) {
            build.call_it(part, wanted);
        }
    }
    let [q, k, v]: [String; 3] =
        parts.try_into().map_err(|_| invalid(format!("operator {:?} lacks a part", node.name)))?;
    let operands = Operands { q, k, v };
    let mut masks = Vec::new();
    if let Some(mask) = input(node, 4) {
        masks.push(padding(node, build, mask, rank(scope.graph, mask), &operands)?);
    }
    masks.extend(input(node, 5).map(str::to_owned));
    let out = attend(node, build, &operands, &masks)?;
    if let Some(wanted) = output(node, 0) {
        build.call_it(&out, wanted);
    }
    Ok(true)
}

/// The three parts of the bias: for queries and keys as many as queries have columns, and what is left for the values.
fn biases(
    scope: &Scope<'_>,
    node: &NodeProto,
    build: &mut Build<'_>,
    q: &str,
) -> Result<Option<[String; 3]>, Error> {
    let Some(bias) = input(node, 3) else { return Ok(None) };
    if let Some(hidden) = columns(scope.graph, q) {
        let ends = [0, hidden, 2 * hidden, i64::MAX];
        return Ok(Some([0, 1, 2].map(|i| build.slice(bias, 0, ends[i], ends[i + 1]))));
    }
    let (zero, hidden) = (build.ints(&[0]), build.size(q, 2));
    let both = build.op("Add", &[&hidden, &hidden], &[]);
    let (end, axis) = (build.ints(&[i64::MAX]), build.ints(&[0]));
    let ends = [&zero, &hidden, &both, &end];
    Ok(Some([0, 1, 2].map(|i| build.op("Slice", &[bias, ends[i], ends[i + 1], &axis], &[]))))
}
