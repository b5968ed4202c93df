//! `Gelu`, `BiasGelu`, `FastGelu` and `QuickGelu`.

use tract_onnx::pb::NodeProto;

use super::super::build::Build;
use super::super::rewrite::Scope;
use super::super::visit::{float, input, output};
use crate::Error;

/// Inputs: x, bias or nothing.
pub(super) fn rule(_: &Scope<'_>, node: &NodeProto, build: &mut Build<'_>) -> Result<bool, Error> {
    let (Some(x), Some(wanted)) = (input(node, 0), output(node, 0)) else { return Ok(false) };
    let x = match input(node, 1) {
        Some(bias) => build.op("Add", &[x, bias], &[]),
        None => x.to_owned(),
    };
    let out = match node.op_type.as_str() {
        "QuickGelu" => {
            let alpha = build.float(float(node, "alpha", 1.702))?;
            let scaled = build.op("Mul", &[&x, &alpha], &[]);
            let gate = build.op("Sigmoid", &[&scaled], &[]);
            build.op("Mul", &[&x, &gate], &[])
        }
        "FastGelu" => tanh_form(build, &x)?,
        _ => erf_form(build, &x)?,
    };
    build.call_it(&out, wanted);
    Ok(true)
}

/// `x * (1 + erf(x / sqrt 2)) / 2`, as exporters write it.
fn erf_form(build: &mut Build<'_>, x: &str) -> Result<String, Error> {
    let (root, one, half) = (build.float(std::f32::consts::SQRT_2)?, build.float(1.0)?, build.float(0.5)?);
    let scaled = build.op("Div", &[x, &root], &[]);
    let erf = build.op("Erf", &[&scaled], &[]);
    let sum = build.op("Add", &[&erf, &one], &[]);
    let product = build.op("Mul", &[x, &sum], &[]);
    Ok(build.op("Mul", &[&product, &half], &[]))
}

/// `x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))) / 2`.
fn tanh_form(build: &mut Build<'_>, x: &str) -> Result<String, Error> {
    let (factor, one, half) = (build.float(0.044_715)?, build.float(1.0)?, build.float(0.5)?);
    let root = build.float((2.0 / std::f32::consts::PI).sqrt())?;
    let square = build.op("Mul", &[x, x], &[]);
    let cube = build.op("Mul", &[&square, x], &[]);
    let scaled = build.op("Mul", &[&cube, &factor], &[]);
    let inner = build.op("Add", &[x, &scaled], &[]);
    let inner = build.op("Mul", &[&inner, &root], &[]);
    let tanh = build.op("Tanh", &[&inner], &[]);
    let sum = build.op("Add", &[&tanh, &one], &[]);
    let product = build.op("Mul", &[x, &sum], &[]);
    Ok(build.op("Mul", &[&product, &half], &[]))
}
