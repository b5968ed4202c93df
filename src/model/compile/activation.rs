//! Activations that exporters write out: GELU by `erf` or `tanh`, SiLU.

use super::graph::{Graph, Op};
use super::pattern::{Bound, Pattern, add, any, div, mul, number, pow, unary};
use crate::model::plan::ir::{Activation, Op as Plan, Unary};

/// Puts one node in the place of each expression that is an activation. Returns whether any was found.
pub(super) fn fuse(graph: &mut Graph) -> bool {
    let forms = forms();
    let mut found = false;
    for node in graph.order().unwrap_or_default() {
        let (output, name) = (graph.nodes[node].outputs[0], graph.nodes[node].name.clone());
        if !matches!(graph.nodes[node].op, Op::Plan(Plan::Binary(_))) {
            continue;
        }
        for (activation, form) in &forms {
            let mut bound = Bound::default();
            if form.matches(graph, output, &mut bound)
                && let Some(x) = bound[0]
            {
                let op = Op::Plan(Plan::Unary(Unary::Activation(*activation)));
                graph.place(&name, op, vec![Some(x)], vec![output]);
                found = true;
                break;
            }
        }
    }
    found
}

fn forms() -> Vec<(Activation, Pattern)> {
    use std::f32::consts::{FRAC_1_SQRT_2, SQRT_2};
    let mut forms = Vec::new();
    // 1 + erf(x / sqrt 2), in two spellings.
    let erf = |divided: bool| {
        let inner = if divided { div(any(0), number(SQRT_2)) } else { mul(any(0), number(FRAC_1_SQRT_2)) };
        add(unary(Unary::Erf, inner), number(1.0))
    };
    // 1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)), with the cube as a power or as products.
    let root = (2.0 / std::f32::consts::PI).sqrt();
    let cubes: [fn() -> Pattern; 3] = [
        || pow(any(0), number(3.0)),
        || mul(any(0), mul(any(0), any(0))),
        || mul(mul(any(0), any(0)), any(0)),
    ];
    let tanh = |cube: fn() -> Pattern, early: bool| {
        let inner = add(any(0), mul(cube(), number(0.044_715)));
        // x (0.0356774 x^2 + 0.797885), as the contributed operator is written out.
        let factored = mul(any(0), add(mul(mul(any(0), any(0)), number(0.044_715 * root)), number(root)));
        let inner = if early { factored } else { mul(inner, number(root)) };
        add(unary(Unary::Activation(Activation::Tanh), inner), number(1.0))
    };
    let mut half = |activation: Activation, one_plus: &dyn Fn() -> Pattern| {
        forms.push((activation, mul(mul(any(0), one_plus()), number(0.5))));
        forms.push((activation, mul(mul(any(0), number(0.5)), one_plus())));
        forms.push((activation, mul(any(0), mul(one_plus(), number(0.5)))));
        forms.push((activation, div(mul(any(0), one_plus()), number(2.0))));
    };
    half(Activation::Gelu, &|| erf(true));
    half(Activation::Gelu, &|| erf(false));
    for cube in cubes {
        half(Activation::GeluTanh, &|| tanh(cube, false));
    }
    half(Activation::GeluTanh, &|| tanh(cubes[0], true));
    forms.push((Activation::Silu, mul(any(0), unary(Unary::Activation(Activation::Sigmoid), any(0)))));
    forms
}
