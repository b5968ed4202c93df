//! `Attention` and `QAttention`: the projections to queries, keys and values in one product, and attention.

use tract_onnx::pb::NodeProto;

use super::super::build::{Build, Value};
use super::super::ranks::rank;
use super::super::rewrite::Scope;
use super::super::visit::{attribute, input, int, output};
use super::super::{invalid, stored};
use super::attention_core::{Operands, attend, heads, heads_first, padding};
use super::quantised_matmul::product;
use crate::Error;

/// Inputs: x `[batch, rows, width]`, weights `[width, 3 hidden]`, bias, mask, past keys and values `[2, ..]`, what is
/// added to the scores. Outputs: the result, keys and values `[2, ..]`.
pub(super) fn rule(scope: &Scope<'_>, node: &NodeProto, build: &mut Build<'_>) -> Result<bool, Error> {
    let (Some(x), Some(weights)) = (input(node, 0), input(node, 1)) else { return Ok(false) };
    let mut projected = build.op("MatMul", &[x, weights], &[]);
    if let Some(bias) = input(node, 2) {
        projected = build.op("Add", &[&projected, bias], &[]);
    }
    finish(scope, node, build, &projected, [3, 4, 5])
}

/// Inputs: x and weights as bytes, bias, scales of both, mask, zero points of both, past keys and values.
pub(super) fn quantised(scope: &Scope<'_>, node: &NodeProto, build: &mut Build<'_>) -> Result<bool, Error> {
    let given = [0, 1, 3, 4].map(|i| input(node, i));
    let [Some(x), Some(weights), Some(x_scale), Some(w_scale)] = given else { return Ok(false) };
    let zero = |i| input(node, i).unwrap_or_default();
    let projected = product(build, [x, x_scale, zero(6)], [weights, w_scale, zero(7)], input(node, 2));
    finish(scope, node, build, &projected, [5, 8, usize::MAX])
}

/// From the projections on; `at` tells where mask, past and what is added lie among the inputs.
fn finish(
    scope: &Scope<'_>,
    node: &NodeProto,
    build: &mut Build<'_>,
    projected: &str,
    at: [usize; 3],
) -> Result<bool, Error> {
    if int(node, "do_rotary", 0) != 0 || input(node, 6).is_some() && node.op_type == "Attention" {
        return Err(invalid(format!(
            "operator {:?}: rotary or shared-buffer attention is not known",
            node.name
        )));
    }
    let heads = heads(node)?;
    let widths = widths(scope, node)?;
    let mut start = 0;
    let [q, k, v] = widths.map(|width| {
        let part = build.slice(projected, 2, start, start + width);
        start += width;
        heads_first(build, &part, heads)
    });
    let mut operands = Operands { q, k, v };
    if let Some(past) = input(node, at[1]) {
        for (i, part) in [&mut operands.k, &mut operands.v].into_iter().enumerate() {
            let before = build.slice(past, 0, i as i64, i as i64 + 1);
            let before = build.squeeze(&before, &[0]);
            *part = build.op("Concat", &[&before, part], &[("axis", Value::Int(2))]);
        }
    }
    let mut masks = Vec::new();
    if let Some(mask) = input(node, at[0]) {
        masks.push(padding(node, build, mask, rank(scope.graph, mask), &operands)?);
    }
    masks.extend(input(node, at[2]).map(str::to_owned));
    let out = attend(node, build, &operands, &masks)?;
    if let Some(wanted) = output(node, 0) {
        build.call_it(&out, wanted);
    }
    if let Some(wanted) = output(node, 1) {
        let [k, v] = [&operands.k, &operands.v].map(|part| build.unsqueeze(part, &[0]));
        let present = build.op("Concat", &[&k, &v], &[("axis", Value::Int(0))]);
        build.call_it(&present, wanted);
    }
    Ok(true)
}

/// Columns of queries, keys and values.
fn widths(scope: &Scope<'_>, node: &NodeProto) -> Result<[i64; 3], Error> {
    let wrong = || invalid(format!("operator {} {:?}: its widths are not known", node.op_type, node.name));
    if let Some(sizes) = attribute(node, "qkv_hidden_sizes") {
        return sizes.ints.clone().try_into().map_err(|_| wrong());
    }
    let all = stored::weight(scope.graph, node, 1)?.dims.get(1).copied().filter(|n| n % 3 == 0);
    all.map(|n| [n / 3; 3]).ok_or_else(wrong)
}
