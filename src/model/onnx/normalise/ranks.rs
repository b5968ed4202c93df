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
        "Add" | "Sub" | "Mul" | "Div" | "Pow" | "Max" | "Min" | "Equal" | "Less" | "LessOrEqual"
        | "Greater" | "GreaterOrEqual" | "And" | "Or" => Some(of(0)?.max(of(1)?)),
        "Where" => Some(of(0)?.max(of(1)?).max(of(2)?)),
        "ReduceSum" | "ReduceMax" | "ReduceMin" | "ReduceMean" | "ArgMax" | "ArgMin" => {
            let rank = of(0)?;
            if int(node, "keepdims", 1) != 0 {
                return Some(rank);
            }
            rank.checked_sub(if node.op_type.starts_with("Arg") { 1 } else { axes(graph, node)? })
        }
        "EmbedLayerNormalization" | "QEmbedLayerNormalization" => {
            Some(if node.output.get(1).is_some_and(|o| o == name) { 1 } else { 3 })
        }
        "Attention" | "QAttention" | "MultiHeadAttention" => {
            (node.output.first().is_some_and(|o| o == name)).then_some(3)
        }
        "Flatten" | "Gemm" | "QGemm" | "FusedGemm" => Some(2),
        "Shape" | "Range" | "Size" => Some(usize::from(node.op_type != "Size")),
        "ConstantOfShape" => length(graph, input(node, 0)?, steps),
        "Expand" => Some(of(0)?.max(length(graph, input(node, 1)?, steps)?)),
        "GatherElements" => of(0),
        "Abs"
        | "BiasGelu"
        | "Cast"
        | "Clip"
        | "Concat"
        | "CumSum"
        | "DequantizeLinear"
        | "Dropout"
        | "DynamicQuantizeLinear"
        | "DynamicQuantizeMatMul"
        | "Erf"
        | "Exp"
        | "FastGelu"
        | "Gelu"
        | "Identity"
        | "LayerNormalization"
        | "MatMulIntegerToFloat"
        | "MatMulNBits"
        | "Neg"
        | "Not"
        | "QuantizeLinear"
        | "QuickGelu"
        | "Relu"
        | "Sigmoid"
        | "Sign"
        | "SkipLayerNormalization"
        | "SkipSimplifiedLayerNormalization"
        | "Slice"
        | "Softmax"
        | "Split"
        | "Sqrt"
        | "Tanh"
        | "Tile"
        | "Transpose"
        | "Trilu" => {
            // Scale and zero point of DynamicQuantizeLinear are single.
            let first = node.output.first().is_some_and(|o| o == name);
            if node.op_type == "DynamicQuantizeLinear" && !first { Some(0) } else { of(0) }
        }
        _ => None,
    }
}

/// How many columns the product behind the value `name` has, from its stored weights.
pub(super) fn columns(graph: &GraphProto, name: &str) -> Option<i64> {
    let mut name = name;
    for _ in 0..4 {
        let node = graph.node.iter().find(|n| n.output.first().is_some_and(|o| o == name))?;
        let last = |i: usize| stored::find(graph, input(node, i)?)?.dims.last().copied();
        match node.op_type.as_str() {
            "MatMul" | "MatMulInteger" | "MatMulIntegerToFloat" | "DynamicQuantizeMatMul" => return last(1),
            "MatMulNBits" => return Some(int(node, "N", 0)).filter(|&n| n > 0),
            "Add" | "Mul" => {
                // A vector that is added may be single, or on either side.
                if let Some(n) = last(0).or(last(1)).filter(|&n| n > 1) {
                    return Some(n);
                }
                name = input(node, 0)?;
            }
            "Cast" | "Identity" => name = input(node, 0)?,
            _ => return None,
        }
    }
    None
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
