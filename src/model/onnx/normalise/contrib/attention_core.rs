//! What the attention operators share: from queries, keys and values to the result, and masks of every form.

use tract_onnx::pb::NodeProto;

use super::super::build::{Build, Value};
use super::super::invalid;
use super::super::visit::{float, int};
use crate::Error;

/// Queries, keys and values, `[batch, heads, rows, size]`.
pub(super) struct Operands {
    pub(super) q: String,
    pub(super) k: String,
    pub(super) v: String,
}

/// `[batch, rows, heads * size]` as `[batch, heads, rows, size]`.
pub(super) fn heads_first(build: &mut Build<'_>, x: &str, heads: i64) -> String {
    let x = build.reshape(x, &[0, 0, heads, -1]);
    build.transpose(&x, &[0, 2, 1, 3])
}

/// The number of heads that an operator states.
pub(super) fn heads(node: &NodeProto) -> Result<i64, Error> {
    let heads = int(node, "num_heads", 0);
    if (1..=1 << 16).contains(&heads) {
        return Ok(heads);
    }
    Err(invalid(format!("operator {} {:?} has {heads} heads", node.op_type, node.name)))
}

/// A mask as what is added to the scores, `[batch or 1, 1, rows or 1, keys]`, from a mask of `axes` axes: where the keys
/// of each row of the batch end, and perhaps where they start, as one vector; or 1 for what is seen, `[batch, keys]` or
/// `[batch, rows, keys]`.
pub(super) fn padding(
    node: &NodeProto,
    build: &mut Build<'_>,
    mask: &str,
    axes: Option<usize>,
    operands: &Operands,
) -> Result<String, Error> {
    let (hidden, zero) = (build.float(float(node, "mask_filter_value", -10_000.0))?, build.float(0.0)?);
    let seen = match axes {
        Some(1) => {
            let (batch, keys) = (build.size(&operands.q, 0), build.size(&operands.k, 2));
            let at = counted(build, &keys);
            let [ends, starts] = lengths(build, mask, &batch);
            let before = build.op("Less", &[&at, &ends], &[]);
            let after = build.op("GreaterOrEqual", &[&at, &starts], &[]);
            build.op("And", &[&before, &after], &[])
        }
        Some(2 | 3) => {
            let (none, mask) = (build.int(0), build.cast(mask, 7));
            let none = build.cast(&none, 7);
            build.op("Greater", &[&mask, &none], &[])
        }
        _ => {
            let axes = axes.map_or("an unknown number of".into(), |axes| axes.to_string());
            return Err(invalid(format!(
                "operator {} {:?} has a mask with {axes} axes; those with 1 to 3 are known",
                node.op_type, node.name
            )));
        }
    };
    let added = build.op("Where", &[&seen, &zero, &hidden], &[]);
    Ok(build.unsqueeze(&added, if axes == Some(3) { &[1] } else { &[1, 2] }))
}

/// Where the keys of each row of the batch end and start, `[batch, 1]`: a vector of the ends, or of ends and starts.
fn lengths(build: &mut Build<'_>, mask: &str, batch: &str) -> [String; 2] {
    let zero = build.int(0);
    let zeros = build.op("Expand", &[&zero, batch], &[]);
    let [mask, zeros] = [mask, zeros.as_str()].map(|x| build.cast(x, 6));
    // With zeros behind them, ends alone have starts, too.
    let both = build.op("Concat", &[&mask, &zeros], &[("axis", Value::Int(0))]);
    let (first, axis) = (build.ints(&[0]), build.ints(&[0]));
    let end = build.op("Add", &[batch, batch], &[]);
    [(first.as_str(), batch), (batch, end.as_str())].map(|(start, end)| {
        let part = build.op("Slice", &[&both, start, end, &axis], &[]);
        let part = build.op("Reshape", &[&part, batch], &[]);
        build.unsqueeze(&part, &[1])
    })
}

/// 0, 1, 2 and so on, as 32-bit integers.
fn counted(build: &mut Build<'_>, count: &str) -> String {
    let (zero, one) = (build.int(0), build.int(1));
    let count = build.squeeze(count, &[0]);
    let counted = build.op("Range", &[&zero, &count, &one], &[]);
    build.cast(&counted, 6)
}

/// What is added so that a query sees no key after itself: `[1, 1, rows, keys]`; both are counted from their ends.
fn causal(build: &mut Build<'_>, rows: &str, keys: &str) -> Result<String, Error> {
    let (hidden, zero) = (build.float(f32::MIN)?, build.float(0.0)?);
    let before = build.op("Sub", &[keys, rows], &[]);
    let before = build.cast(&before, 6);
    let (row, key) = (counted(build, rows), counted(build, keys));
    let row = build.op("Add", &[&row, &before], &[]);
    let (row, key) = (build.unsqueeze(&row, &[0, 1, 3]), build.unsqueeze(&key, &[0, 1, 2]));
    let after = build.op("Greater", &[&key, &row], &[]);
    Ok(build.op("Where", &[&after, &hidden, &zero], &[]))
}

/// Attention with masks that are added: `[batch, rows, heads * size]`.
pub(super) fn attend(
    node: &NodeProto,
    build: &mut Build<'_>,
    operands: &Operands,
    masks: &[String],
) -> Result<String, Error> {
    let Operands { q, k, v } = operands;
    let turned = build.transpose(k, &[0, 1, 3, 2]);
    let mut scores = build.op("MatMul", &[q, &turned], &[]);
    let scale = float(node, "scale", 0.0);
    if scale == 0.0 {
        let size = build.size(q, 3);
        let size = build.cast(&size, 1);
        let root = build.op("Sqrt", &[&size], &[]);
        scores = build.op("Div", &[&scores, &root], &[]);
    } else {
        let scale = build.float(scale)?;
        scores = build.op("Mul", &[&scores, &scale], &[]);
    }
    for mask in masks {
        scores = build.op("Add", &[&scores, mask], &[]);
    }
    if int(node, "unidirectional", 0) != 0 {
        let (rows, keys) = (build.size(q, 2), build.size(k, 2));
        let mask = causal(build, &rows, &keys)?;
        scores = build.op("Add", &[&scores, &mask], &[]);
    }
    let weights = build.op("Softmax", &[&scores], &[("axis", Value::Int(-1))]);
    let out = build.op("MatMul", &[&weights, v], &[]);
    let out = build.transpose(&out, &[0, 2, 1, 3]);
    Ok(build.reshape(&out, &[0, 0, -1]))
}
