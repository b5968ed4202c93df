//! `SkipLayerNormalization`, `SkipSimplifiedLayerNormalization`, `EmbedLayerNormalization`, `QEmbedLayerNormalization`.

use tract_onnx::pb::NodeProto;

use super::super::build::{Build, Value};
use super::super::invalid;
use super::super::rewrite::Scope;
use super::super::visit::{float, input, output};
use crate::Error;

/// The default of ONNX Runtime's operators.
const EPSILON: f32 = 1e-12;

/// Inputs: x, residual, weight, bias of the norm (not of the simplified form), bias of `x`. Outputs: the norm, mean,
/// inverse deviation, the sum before the norm.
pub(super) fn skip(_: &Scope<'_>, node: &NodeProto, build: &mut Build<'_>) -> Result<bool, Error> {
    let simplified = node.op_type == "SkipSimplifiedLayerNormalization";
    let (Some(x), Some(residual), Some(weight)) = (input(node, 0), input(node, 1), input(node, 2)) else {
        return Ok(false);
    };
    let (norm_bias, bias) =
        if simplified { (None, input(node, 3)) } else { (input(node, 3), input(node, 4)) };
    let mut sum = build.op("Add", &[x, residual], &[]);
    if let Some(bias) = bias {
        sum = build.op("Add", &[&sum, bias], &[]);
    }
    let epsilon = float(node, "epsilon", EPSILON);
    if simplified {
        if output(node, 1).or(output(node, 2)).is_some() {
            return Err(invalid(format!("operator {:?}: its statistics are not given out here", node.name)));
        }
        let out = root_mean_square(build, &sum, weight, epsilon)?;
        if let Some(wanted) = output(node, 0) {
            build.call_it(&out, wanted);
        }
    } else {
        norm(build, &sum, weight, norm_bias, epsilon, [output(node, 0), output(node, 1), output(node, 2)]);
    }
    if let Some(wanted) = output(node, 3) {
        build.call_it(&sum, wanted);
    }
    Ok(true)
}

/// Layer norm over the last axis, with the outputs that are wanted.
fn norm(
    build: &mut Build<'_>,
    x: &str,
    weight: &str,
    bias: Option<&str>,
    epsilon: f32,
    wanted: [Option<&str>; 3],
) {
    let inputs: Vec<&str> = [x, weight].into_iter().chain(bias).collect();
    let attributes = [("axis", Value::Int(-1)), ("epsilon", Value::Float(epsilon))];
    let outputs = wanted.iter().rposition(Option::is_some).map_or(1, |i| i + 1);
    let made = build.ops("LayerNormalization", &inputs, outputs, &attributes);
    for (made, wanted) in made.iter().zip(wanted) {
        if let Some(wanted) = wanted {
            build.call_it(made, wanted);
        }
    }
}

/// `x / sqrt(mean(x^2) + epsilon) * weight` over the last axis.
fn root_mean_square(build: &mut Build<'_>, x: &str, weight: &str, epsilon: f32) -> Result<String, Error> {
    let epsilon = build.float(epsilon)?;
    let square = build.op("Mul", &[x, x], &[]);
    let mean = build.reduce("ReduceMean", &square, -1);
    let sum = build.op("Add", &[&mean, &epsilon], &[]);
    let root = build.op("Sqrt", &[&sum], &[]);
    let scaled = build.op("Div", &[x, &root], &[]);
    Ok(build.op("Mul", &[&scaled, weight], &[]))
}

/// What makes embeddings, by the names of values.
struct Tables<'a> {
    ids: &'a str,
    types: Option<&'a str>,
    positions: Option<&'a str>,
    mask: Option<&'a str>,
    /// Tables of words, of positions, of types.
    tables: [Option<&'a str>; 3],
    /// Scales and zero points of the tables, if those are of bytes.
    points: Option<[[&'a str; 2]; 3]>,
}

/// Inputs: ids, types, table of words, of positions, of types, weight, bias, mask, positions. Outputs: the norm, the
/// length of each row as the mask tells it, the sum before the norm.
pub(super) fn embed(_: &Scope<'_>, node: &NodeProto, build: &mut Build<'_>) -> Result<bool, Error> {
    let given = [0, 5, 6].map(|i| input(node, i));
    let [Some(ids), Some(weight), Some(bias)] = given else { return Ok(false) };
    let tables = Tables {
        ids,
        types: input(node, 1),
        positions: input(node, 8),
        mask: input(node, 7),
        tables: [2, 3, 4].map(|i| input(node, i)),
        points: None,
    };
    finish_embed(node, build, &tables, weight, bias)
}

/// As [`embed`], of bytes. Inputs: ids, types, tables, weight, bias, mask; then the scales of tables, weight and bias, and
/// their zero points.
pub(super) fn embed_bytes(_: &Scope<'_>, node: &NodeProto, build: &mut Build<'_>) -> Result<bool, Error> {
    let point = |i: usize| Some([input(node, 8 + i)?, input(node, 13 + i)?]);
    let (Some(ids), [Some(words), Some(positions), types, Some(weight), Some(bias)]) =
        (input(node, 0), [0, 1, 2, 3, 4].map(point))
    else {
        return Ok(false);
    };
    let tables = Tables {
        ids,
        types: input(node, 1).filter(|_| types.is_some()),
        positions: None,
        mask: input(node, 7),
        tables: [2, 3, 4].map(|i| input(node, i)),
        points: Some([words, positions, types.unwrap_or(words)]),
    };
    let [weight, bias] = [(5, weight), (6, bias)].map(|(i, [scale, zero])| {
        build.op("DequantizeLinear", &[input(node, i).unwrap_or_default(), scale, zero], &[])
    });
    finish_embed(node, build, &tables, &weight, &bias)
}

fn finish_embed(
    node: &NodeProto,
    build: &mut Build<'_>,
    given: &Tables<'_>,
    weight: &str,
    bias: &str,
) -> Result<bool, Error> {
    let [Some(words), Some(positions), types] = given.tables else { return Ok(false) };
    let rows = |build: &mut Build<'_>, which: usize, table: &str, at: &str| {
        let rows = build.op("Gather", &[table, at], &[("axis", Value::Int(0))]);
        match given.points {
            Some(points) => {
                let [scale, zero] = points[which];
                build.op("DequantizeLinear", &[&rows, scale, zero], &[])
            }
            None => rows,
        }
    };
    let words = rows(build, 0, words, given.ids);
    let positions = match given.positions {
        Some(at) => rows(build, 1, positions, at),
        None => {
            let (zero, one) = (build.int(0), build.int(1));
            let count = build.size(given.ids, 1);
            let count = build.squeeze(&count, &[0]);
            let at = build.op("Range", &[&zero, &count, &one], &[]);
            rows(build, 1, positions, &at)
        }
    };
    let mut sum = build.op("Add", &[&words, &positions], &[]);
    if let (Some(types), Some(table)) = (given.types, types) {
        let types = rows(build, 2, table, types);
        sum = build.op("Add", &[&sum, &types], &[]);
    }
    norm(build, &sum, weight, Some(bias), float(node, "epsilon", EPSILON), [output(node, 0), None, None]);
    if let Some(wanted) = output(node, 1) {
        let lengths = match given.mask {
            Some(mask) => {
                let mask = build.cast(mask, 1);
                let sums = build.sum(&mask, 1);
                build.cast(&sums, 6)
            }
            None => {
                let zero = build.int(0);
                let batch = build.size(given.ids, 0);
                let zeros = build.op("Expand", &[&zero, &batch], &[]);
                build.cast(&zeros, 6)
            }
        };
        build.call_it(&lengths, wanted);
    }
    if let Some(wanted) = output(node, 2) {
        build.call_it(&sum, wanted);
    }
    Ok(true)
}
