//! How many axes a value has, as far as the graph says so without being analysed.

use tract_onnx::pb::{GraphProto, NodeProto};

use super::inputs::declared;
use super::stored;
use super::visit::{attribute, input, int};

/// How far back the search goes.
const MAX_STEPS: usize = 64;

/// The number of axes of the value `name`; `None` if what makes it does not tell.
pub(super) fn rank(graph: &GraphProto, name: &str) -> Option<usize> {
    within(graph, name, MAX_STEPS)
}

fn within(graph: &GraphProto, name: &str, steps: usize) -> Option<usize> {
    let steps = steps.checked_sub(1)?;
    if let Some(tensor) = stored::find(graph, name) {
        return Some(tensor.dims.len());
    }
    if let Some(value) = graph.input.iter().find(|i| i.name == name) {
        return declared(value).shape.map(|shape| shape.len());
    }
    let node = graph.node.iter().find(|n| n.output.iter().any(|o| o == name))?;
    let of = |i: usize| input(node, i).and_then(|name| within(graph, name, steps));
    match node.op_type.as_str() {
        "Unsqueeze" => Some(of(0)? + axes(graph, node)?),
        "Squeeze" => of(0)?.checked_sub(axes(graph, node)?),
        "Reshape" => {
            let shape = input(node, 1)?;
            match stored::find(graph, shape) {
                Some(shape) => stored::integers(shape).map(|shape| shape.len()),
                None => length(graph, shape, steps),
            }
        }
        "Gather" => Some((of(0)? + of(1)?).checked_sub(1)?),
        "MatMul" | "MatMulInteger" | "FusedMatMul" => {
            let (a, b) = (of(0)?, of(1)?);
            Some(a.max(b)).filter(|_| a > 1 && b > 1)
        }
        "Add" | "Sub" | "Mul" | "Div" | "Pow" | "Max" | "Min" | "Equal" | "Less" | "Greater" | "And"
        | "Or" => Some(of(0)?.max(of(1)?)),
        "Where" => Some(of(0)?.max(of(1)?).max(of(2)?)),
        "ReduceSum" | "ReduceMax" | "ReduceMin" | "ReduceMean" | "ArgMax" | "ArgMin" => {
            let rank = of(0)?;
            if int(node, "keepdims", 1) != 0 {
                return Some(rank);
            }
            rank.checked_sub(if node.op_type.starts_with("Arg") { 1 } else { axes(graph, node)? })
        }
        "EmbedLayerNormalization" => Some(if node.output.get(1).is_some_and(|o| o == name) { 1 } else { 3 }),
        "Attention" | "QAttention" | "MultiHeadAttention" => {
            (node.output.first().is_some_and(|o| o == name)).then_some(3)
        }
        "Abs"
        | "BiasGelu"
        | "Cast"
        | "Clip"
        | "Concat"
        | "CumSum"
        | "DequantizeLinear"
        | "Dropout"
        | "DynamicQuantizeLinear"
        | "Erf"
        | "Exp"
        | "FastGelu"
        | "Gelu"
        | "Identity"
        | "LayerNormalization"
        | "Neg"
        | "Not"
        | "QuantizeLinear"
        | "QuickGelu"
        | "Relu"
        | "Sigmoid"
        | "Sign"
        | "SkipLayerNormalization"
        | "Slice"
        | "Softmax"
        | "Split"
        | "Sqrt"
        | "Tanh"
        | "Transpose" => {
            // Scale and zero point of DynamicQuantizeLinear are single.
            let first = node.output.first().is_some_and(|o| o == name);
            if node.op_type == "DynamicQuantizeLinear" && !first { Some(0) } else { of(0) }
        }
        _ => None,
    }
}

/// How many axes an operator names.
fn axes(graph: &GraphProto, node: &NodeProto) -> Option<usize> {
    if let Some(axes) = attribute(node, "axes") {
        return Some(axes.ints.len());
    }
    stored::integers(stored::find(graph, input(node, 1)?)?).map(|axes| axes.len())
}

/// The length of a vector that is joined from known ones.
fn length(graph: &GraphProto, name: &str, steps: usize) -> Option<usize> {
    let steps = steps.checked_sub(1)?;
    if let Some(tensor) = stored::find(graph, name) {
        return stored::integers(tensor).map(|values| values.len());
    }
    let node = graph.node.iter().find(|n| n.output.iter().any(|o| o == name))?;
    match node.op_type.as_str() {
        "Concat" => node.input.iter().map(|part| length(graph, part, steps)).sum(),
        "Shape" => within(graph, input(node, 0)?, steps),
        "Unsqueeze" => (within(graph, input(node, 0)?, steps)? == 0).then_some(1),
        "Cast" | "Identity" => length(graph, input(node, 0)?, steps),
        _ => None,
    }
}
