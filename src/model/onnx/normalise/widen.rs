//! Half precision, widened: its constants become `f32`, and so does everything that is computed from them.
//!
//! Engines for CPUs compute in `f32` and round where half precision is stored: before an operator that takes it as it
//! is. [`Half::Rounded`] does as ONNX Runtime does; [`Half::Wide`] leaves the rounding out: faster, and nearer to what
//! was trained.

use std::collections::HashSet;

use tract_onnx::pb::{GraphProto, NodeProto, TensorProto};

use super::build::{Value, attribute};
use super::visit::{int, subgraphs_mut};
use super::{Budget, inputs, stored};
use crate::Error;

/// What becomes of half precision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Half {
    /// Computed in `f32`, and rounded where ONNX Runtime rounds.
    #[default]
    Rounded,
    /// Computed in `f32`.
    Wide,
}

/// ONNX's numbers for 16-bit floats: IEEE's, and the brain float, which is never rounded to.
const HALF: [i32; 2] = [10, 16];
/// Attributes that name an element type.
const TYPES: &[&str] = &["to", "dtype", "output_dtype"];
/// Operators that give other types than their inputs'.
const OTHER_TYPE: &[&str] = &[
    "And",
    "ArgMax",
    "ArgMin",
    "Equal",
    "Greater",
    "GreaterOrEqual",
    "IsInf",
    "IsNaN",
    "Less",
    "LessOrEqual",
    "NonZero",
    "Not",
    "Or",
    "QuantizeLinear",
    "Shape",
    "Size",
    "Xor",
];
/// Operators that ONNX Runtime runs in half precision: most move numbers about.
const STORED_HALF: &[&str] = &[
    "Clip",
    "Concat",
    "Expand",
    "Flatten",
    "Gather",
    "GatherElements",
    "GatherND",
    "Identity",
    "LayerNormalization",
    "Reshape",
    "ScatterElements",
    "ScatterND",
    "Slice",
    "Split",
    "Squeeze",
    "Transpose",
    "Unsqueeze",
];
/// Those of them that make numbers of their own.
const COMPUTED_HALF: &[&str] = &["Clip", "LayerNormalization"];

/// Widens this graph and those in it. Inputs and outputs of 16-bit floats become `f32`, too.
///
/// # Errors
/// [`crate::Code::TooLarge`] if the constants exceed the budget; [`crate::Code::InvalidModel`] for one that does not
/// hold what it claims.
pub(super) fn widen(graph: &mut GraphProto, half: Half, budget: &mut Budget) -> Result<(), Error> {
    let mut known = HashSet::new();
    within(graph, half, &mut known, budget)
}

/// `known` holds the values of half precision that are known so far.
fn within(
    graph: &mut GraphProto,
    half: Half,
    known: &mut HashSet<String>,
    budget: &mut Budget,
) -> Result<(), Error> {
    known.extend(inputs::widen_types(graph, &HALF));
    for tensor in &mut graph.initializer {
        if widen_tensor(tensor, budget)? {
            known.insert(tensor.name.clone());
        }
    }
    let mut rounding = Rounding::default();
    let mut out = Vec::with_capacity(graph.node.len());
    for mut node in std::mem::take(&mut graph.node) {
        for inner in subgraphs_mut(&mut node) {
            within(inner, half, &mut known.clone(), budget)?;
        }
        let is_half = gives_half(&node, known);
        widen_node(&mut node, budget)?;
        if is_half {
            known.extend(node.output.iter().cloned());
        }
        if half == Half::Rounded {
            rounding.before(&mut node, &mut out);
        }
        let op = node.op_type.as_str();
        if is_half && half == Half::Rounded && COMPUTED_HALF.contains(&op) {
            out.extend(rounded(node));
            continue;
        }
        if is_half && !STORED_HALF.contains(&op) {
            rounding.exact.extend(node.output.iter().filter(|o| !o.is_empty()).cloned());
        }
        out.push(node);
    }
    graph.node = out;
    Ok(())
}

/// Rounds what is stored in half precision, once for each value.
#[derive(Default)]
struct Rounding {
    /// Values of half precision that were computed and not rounded yet.
    exact: HashSet<String>,
    /// Those of them that were rounded.
    rounded: HashSet<String>,
}

impl Rounding {
    /// Lets an operator that takes half precision as it is read rounded values, and rounds them in `out` if need be.
    fn before(&mut self, node: &mut NodeProto, out: &mut Vec<NodeProto>) {
        if !STORED_HALF.contains(&node.op_type.as_str()) {
            return;
        }
        for name in node.input.iter_mut().filter(|name| self.exact.contains(*name)) {
            let (short, wide) = (format!("{name}/half"), format!("{name}/rounded"));
            if self.rounded.insert(name.clone()) {
                out.push(cast(name, &short, 10));
                out.push(cast(&short, &wide, 1));
            }
            *name = wide;
        }
    }
}

/// An operator that computes in half precision, and the rounding of what it makes.
fn rounded(mut node: NodeProto) -> Vec<NodeProto> {
    let mut casts = Vec::new();
    for name in node.output.iter_mut().filter(|name| !name.is_empty()) {
        let (exact, short) = (format!("{name}/exact"), format!("{name}/half"));
        casts.push(cast(&exact, &short, 10));
        casts.push(NodeProto { name: format!("{name}/rounded"), ..cast(&short, name, 1) });
        *name = exact;
    }
    casts.insert(0, node);
    casts
}

fn cast(from: &str, to: &str, element: i64) -> NodeProto {
    NodeProto {
        input: vec![from.to_owned()],
        output: vec![to.to_owned()],
        name: to.to_owned(),
        op_type: "Cast".into(),
        attribute: vec![attribute("to", &Value::Int(element))],
        ..Default::default()
    }
}

/// Whether an operator that was not widened yet gives half precision.
fn gives_half(node: &NodeProto, known: &HashSet<String>) -> bool {
    let is_half = |element: i64| HALF.iter().any(|&half| i64::from(half) == element);
    match node.op_type.as_str() {
        "Cast" => is_half(int(node, "to", 0)),
        "Constant" | "ConstantOfShape" => {
            node.attribute.iter().filter_map(|a| a.t.as_ref()).any(|t| HALF.contains(&t.data_type))
        }
        "DequantizeLinear" => node.input.get(1).is_some_and(|scale| known.contains(scale)),
        op if OTHER_TYPE.contains(&op) => false,
        // Of a Resize and its like only the first input is data.
        "Gather" | "GatherElements" | "GatherND" | "Resize" | "Upsample" | "Slice" => {
            node.input.first().is_some_and(|x| known.contains(x))
        }
        _ => node.input.iter().any(|x| known.contains(x)),
    }
}

fn widen_node(node: &mut NodeProto, budget: &mut Budget) -> Result<(), Error> {
    for attribute in &mut node.attribute {
        if TYPES.contains(&attribute.name.as_str()) && HALF.iter().any(|&half| attribute.i == i64::from(half))
        {
            attribute.i = 1;
        }
        for tensor in attribute.t.iter_mut().chain(&mut attribute.tensors) {
            widen_tensor(tensor, budget)?;
        }
    }
    Ok(())
}

/// Widens a tensor if it is of half precision; says whether it was.
fn widen_tensor(tensor: &mut TensorProto, budget: &mut Budget) -> Result<bool, Error> {
    if !HALF.contains(&tensor.data_type) {
        return Ok(false);
    }
    let name = tensor.name.clone();
    let values = stored::floats(tensor)
        .ok_or_else(|| super::invalid(format!("tensor {name:?} does not store what its shape asks for")))?;
    let shape: Vec<usize> = tensor.dims.iter().map(|&d| d as usize).collect();
    *tensor = stored::float_tensor(&name, &shape, &values, budget)?;
    Ok(true)
}
