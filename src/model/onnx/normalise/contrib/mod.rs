//! Operators of ONNX Runtime's own domain, as operators of ONNX. One file an operator or a family of them, one line in
//! `rule`.

mod attention;
mod attention_core;
mod dynamic_quantize_lstm;
mod fused;
mod gelu;
mod layer_norm;
mod matmul_nbits;
mod multi_head_attention;
mod qlinear;
mod quantised_matmul;
mod same;

use tract_onnx::pb::{GraphProto, NodeProto};

use super::Budget;
use super::rewrite::{Rule, each};
use crate::Error;

/// ONNX Runtime's domain.
const DOMAIN: &str = "com.microsoft";

/// Rewrites every operator that `rule` knows, in this graph and those in it. Others stay as they are.
///
/// # Errors
/// [`crate::Code::InvalidModel`] naming an operator that is used in a way that is not known; [`crate::Code::TooLarge`]
/// if its weights exceed the budget.
pub(super) fn rewrite(graph: &mut GraphProto, opset: i64, budget: &mut Budget) -> Result<(), Error> {
    each(graph, opset, budget, rule)
}

/// Whether the operator is of a domain whose operators are known by their type alone.
pub fn is_standard(node: &NodeProto) -> bool {
    matches!(node.domain.as_str(), "" | "ai.onnx" | "ai.onnx.ml")
}

fn rule(node: &NodeProto) -> Option<Rule> {
    if node.domain != DOMAIN {
        return None;
    }
    let rule: Rule = match node.op_type.as_str() {
        "Attention" => attention::rule,
        "BiasGelu" | "FastGelu" | "Gelu" | "QuickGelu" => gelu::rule,
        "DequantizeLinear" | "QuantizeLinear" | "Trilu" => same::rule,
        "DynamicQuantizeLSTM" => dynamic_quantize_lstm::rule,
        "DynamicQuantizeMatMul" => quantised_matmul::dynamic,
        "EmbedLayerNormalization" => layer_norm::embed,
        "QEmbedLayerNormalization" => layer_norm::embed_bytes,
        "FusedConv" => fused::conv,
        "FusedGemm" => fused::gemm,
        "FusedMatMul" | "TransposeMatMul" => fused::matmul,
        "MatMulIntegerToFloat" => quantised_matmul::to_float,
        "MatMulNBits" => matmul_nbits::rule,
        "MultiHeadAttention" => multi_head_attention::rule,
        "QAttention" => attention::quantised,
        "QGemm" => qlinear::gemm,
        "QLinearAdd" | "QLinearMul" => qlinear::binary,
        "QLinearAveragePool"
        | "QLinearGlobalAveragePool"
        | "QLinearLeakyRelu"
        | "QLinearSigmoid"
        | "QLinearSoftmax" => qlinear::unary,
        "QLinearConcat" => qlinear::concat,
        "QLinearWhere" => qlinear::choose,
        "SkipLayerNormalization" | "SkipSimplifiedLayerNormalization" => layer_norm::skip,
        _ => return None,
    };
    Some(rule)
}
