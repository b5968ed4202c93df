//! `FusedMatMul`, `FusedGemm` and `FusedConv`: a product and what ONNX Runtime's optimiser found around it.

use tract_onnx::pb::NodeProto;

use super::super::build::{Build, Value};
use super::super::invalid;
use super::super::ranks::rank;
use super::super::rewrite::Scope;
use super::super::visit::{attribute, float, input, int, output, string};
use crate::Error;

/// Inputs: A, B; `transBatchA` and `transBatchB` put the first axis behind the batches, `transA` and `transB` then turn
/// the last two axes.
pub(super) fn matmul(scope: &Scope<'_>, node: &NodeProto, build: &mut Build<'_>) -> Result<bool, Error> {
    let (Some(a), Some(b), Some(wanted)) = (input(node, 0), input(node, 1), output(node, 0)) else {
        return Ok(false);
    };
    let turned = |x: &str, [last, batch]: [&str; 2], build: &mut Build<'_>| {
        let [last, batch] = [last, batch].map(|word| int(node, word, 0) != 0);
        if !last && !batch {
            return Ok(x.to_owned());
        }
        let axes = rank(scope.graph, x).filter(|&axes| axes >= 2).ok_or_else(|| {
            invalid(format!("operator {} {:?}: the axes of {x:?} are not known", node.op_type, node.name))
        })?;
        let mut perm: Vec<i64> = (0..axes as i64).collect();
        if batch {
            perm[..axes - 1].rotate_left(1);
        }
        if last {
            perm.swap(axes - 1, axes - 2);
        }
        Ok(build.transpose(x, &perm))
    };
    let (a, b) = (turned(a, ["transA", "transBatchA"], build)?, turned(b, ["transB", "transBatchB"], build)?);
    let mut out = build.op("MatMul", &[&a, &b], &[]);
    let alpha = float(node, "alpha", 1.0);
    if alpha != 1.0 {
        let alpha = build.float(alpha)?;
        out = build.op("Mul", &[&out, &alpha], &[]);
    }
    build.call_it(&out, wanted);
    Ok(true)
}

/// `Gemm` with an activation after it.
pub(super) fn gemm(_: &Scope<'_>, node: &NodeProto, build: &mut Build<'_>) -> Result<bool, Error> {
    let Some(wanted) = output(node, 0) else { return Ok(false) };
    let product = plain(node, build, "Gemm", 3);
    let parameters = ["activation_alpha", "activation_beta"].map(|name| attribute(node, name).map(|a| a.f));
    let out = activation(node, build, &product, &parameters.into_iter().flatten().collect::<Vec<_>>())?;
    build.call_it(&out, wanted);
    Ok(true)
}

/// `Conv` with something added, input 3, and an activation after it.
pub(super) fn conv(_: &Scope<'_>, node: &NodeProto, build: &mut Build<'_>) -> Result<bool, Error> {
    let Some(wanted) = output(node, 0) else { return Ok(false) };
    let mut out = plain(node, build, "Conv", 3);
    if let Some(more) = input(node, 3) {
        out = build.op("Add", &[&out, more], &[]);
    }
    let parameters = attribute(node, "activation_params").map_or(Vec::new(), |a| a.floats.clone());
    let out = activation(node, build, &out, &parameters)?;
    build.call_it(&out, wanted);
    Ok(true)
}

/// The operator without what is its own: the first `inputs` inputs, and the attributes that ONNX knows.
fn plain(node: &NodeProto, build: &mut Build<'_>, op: &str, inputs: usize) -> String {
    let given: Vec<&str> = node.input.iter().take(inputs).map(String::as_str).collect();
    let used = given.iter().rposition(|name| !name.is_empty()).map_or(0, |i| i + 1);
    let out = build.op(op, &given[..used], &[]);
    if let Some(made) = build.nodes.last_mut() {
        made.attribute =
            node.attribute.iter().filter(|a| !a.name.starts_with("activation")).cloned().collect();
    }
    out
}

fn activation(node: &NodeProto, build: &mut Build<'_>, x: &str, parameters: &[f32]) -> Result<String, Error> {
    let at = |i: usize, otherwise: f32| parameters.get(i).copied().unwrap_or(otherwise);
    let op = string(node, "activation");
    Ok(match op {
        "" => x.to_owned(),
        "Relu" | "Sigmoid" | "Tanh" | "Softplus" | "Softsign" => build.op(op, &[x], &[]),
        "LeakyRelu" => build.op(op, &[x], &[("alpha", Value::Float(at(0, 0.01)))]),
        "HardSigmoid" => {
            build.op(op, &[x], &[("alpha", Value::Float(at(0, 0.2))), ("beta", Value::Float(at(1, 0.5)))])
        }
        "Clip" => {
            let (low, high) = (build.float(at(0, f32::MIN))?, build.float(at(1, f32::MAX))?);
            let low = build.op("Max", &[x, &low], &[]);
            build.op("Min", &[&low, &high], &[])
        }
        _ => {
            return Err(invalid(format!(
                "operator {:?} has activation {op:?}, which is not known",
                node.name
            )));
        }
    })
}
