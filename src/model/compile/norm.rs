//! Layer and root-mean-square normalisation that exporters write out, and what is added before.

use super::graph::{Graph, Op};
use super::infer::same_shape;
use super::pattern::{Bound, Pattern, add, any, div, mean, mul, number, pow, sub, unary};
use crate::model::plan::ir::{Binary, Norm, Op as Plan, Unary};

/// Puts one node in the place of each normalisation over the last axis.
pub(super) fn fuse(graph: &mut Graph) {
    let forms = forms();
    for node in graph.order().unwrap_or_default() {
        let (output, name) = (graph.nodes[node].outputs[0], graph.nodes[node].name.clone());
        for form in &forms {
            let mut bound = Bound::default();
            if form.pattern.matches(graph, output, &mut bound) {
                let [Some(x), Some(weight), epsilon, bias] = bound else { continue };
                let epsilon = epsilon.and_then(|e| graph.scalar(e));
                let (Some(epsilon), true) = (epsilon, fits(graph, x, weight)) else { continue };
                if bias.is_some_and(|b| !fits(graph, x, b)) {
                    continue;
                }
                let op = Op::Plan(Plan::Norm(Norm { centred: form.centred, epsilon }));
                graph.place(&name, op, vec![Some(x), Some(weight), bias, None], vec![output]);
                break;
            }
        }
    }
}

/// A weight is a constant vector as long as a row.
fn fits(graph: &Graph, x: usize, weight: usize) -> bool {
    let Some(constant) = graph.constant(weight) else { return false };
    constant.shape.len() == 1 && constant.f32s().is_some() && graph.last(x) == Some(constant.len())
}

struct Form {
    centred: bool,
    pattern: Pattern,
}

/// `Any`: 0 is x, 1 the weight, 2 epsilon, 3 the bias.
fn forms() -> Vec<Form> {
    let centred = || sub(any(0), mean(any(0)));
    let squares: [fn(Pattern, Pattern) -> Pattern; 2] = [|a, _| pow(a, number(2.0)), mul];
    let mut forms = Vec::new();
    for square in squares {
        let deviation = |x: &dyn Fn() -> Pattern| unary(Unary::Sqrt, add(mean(square(x(), x())), any(2)));
        let quotients = |x: &dyn Fn() -> Pattern| {
            [
                div(x(), deviation(x)),
                mul(x(), div(number(1.0), deviation(x))),
                mul(x(), unary(Unary::Reciprocal, deviation(x))),
            ]
        };
        for normal in quotients(&centred) {
            forms.push(Form { centred: true, pattern: add(mul(normal, any(1)), any(3)) });
        }
        for normal in quotients(&|| any(0)) {
            forms.push(Form { centred: false, pattern: mul(normal, any(1)) });
        }
    }
    forms
}

/// `Norm(a + b)` takes both, where the sum is of equal shapes and nothing else made it cheaper already.
pub(super) fn take_residual(graph: &mut Graph) {
    let uses = graph.uses();
    for node in graph.order().unwrap_or_default() {
        let this = &graph.nodes[node];
        let (Op::Plan(Plan::Norm(_)), [Some(x), .., None]) = (&this.op, &this.inputs[..]) else { continue };
        let Some((Plan::Binary(Binary::Add), &[Some(a), Some(b)])) = graph.made_by(*x) else { continue };
        if !same_shape(graph, a, b) || graph.constant(a).is_some() || graph.constant(b).is_some() {
            continue;
        }
        let (x, single) = (*x, uses[*x] == 1);
        let this = &mut graph.nodes[node];
        (this.inputs[0], this.inputs[3]) = (Some(a), Some(b));
        if !single {
            // The sum goes on: the same operator makes it.
            this.outputs.push(x);
            graph.values[x].producer = Some(node);
        }
    }
}
