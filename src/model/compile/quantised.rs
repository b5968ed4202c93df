//! Products of integers as exporters write them: DynamicQuantizeLinear, MatMulInteger, Cast, Mul.

use std::sync::Arc;

use super::dense::{Dense, Form, Rows, Weights, unfold};
use super::graph::{Graph, Nid, Op, Vid};
use super::tensor::Tensor;
use crate::kernels::linear_i8::MAX_K;
use crate::model::plan::ir::{Activation, Binary, Kind, Op as Plan};

/// Puts a [`Dense`] in the place of each product whose input is rounded by its own range.
///
/// The file rounds the whole tensor by one scale. A row's own scale is finer, and closer to what was trained; the result
/// differs from the file's by less than the file's differs from its `f32` original.
///
/// With `exact` one scale stays one scale, and a product whose weights are not bytes around 0 stays what it is.
pub(super) fn fuse(graph: &mut Graph, exact: bool) {
    for node in graph.order().unwrap_or_default() {
        if graph.nodes[node].op == Op::MatMulInteger {
            fuse_product(graph, node, exact).or_else(|| spell_static(graph, node));
        }
    }
}

/// Bytes by a scale that the graph gives, times constant bytes, times scales: spelled as a product of the numbers that
/// both stand for, which is recognised with all the other spellings of that.
fn spell_static(graph: &mut Graph, node: Nid) -> Option<()> {
    let this = graph.nodes[node].clone();
    let &[Some(bytes), Some(weights), zero, weights_zero] = &this.inputs[..] else { return None };
    let (Plan::Quantise { .. }, &[_, Some(scale), given]) = graph.made_by(bytes)? else { return None };
    if given != zero {
        return None;
    }
    let one_step = graph.scalar(scale).filter(|s| s.is_normal() && *s > 0.0)?;
    let behind = follow(graph, this.outputs[0], scale)?;
    let [_, n] = graph.constant(weights)?.shape[..] else { return None };
    let mut scales = vec![if behind.own { 1.0 } else { 1.0 / one_step }; n];
    for factor in behind.constants {
        let factor = super::dense::vector(graph, factor, n)?;
        scales.iter_mut().zip(factor.iter()).for_each(|(scale, factor)| *scale *= factor);
    }
    if scales.iter().any(|s| !s.is_normal() || *s <= 0.0) {
        return None;
    }
    // A zero point for each column or for all.
    let weights_zero = match weights_zero {
        Some(zero) => {
            let tensor = graph.constant(zero)?.clone();
            let all = if tensor.len() == 1 { tensor.repeated(n)? } else { tensor };
            Some(graph.add_constant(&this.name, Tensor { shape: vec![n], ..all }))
        }
        None => None,
    };
    let name = &this.name;
    let scales = graph.add_constant(name, Tensor::f32(&[n], scales));
    let a = graph.add(name, Op::Plan(Plan::Dequantise { axis: -1 }), vec![Some(bytes), Some(scale), zero]);
    let unfold = Op::Plan(Plan::Dequantise { axis: 1 });
    let b = graph.add(name, unfold, vec![Some(weights), Some(scales), weights_zero]);
    graph.place(name, Op::Plan(Plan::MatMul), vec![Some(a), Some(b)], vec![behind.output]);
    Some(())
}

/// What the integers of a product become.
struct Behind {
    /// The last value that is nothing but the product, scaled.
    output: Vid,
    /// Constants that it is multiplied by.
    constants: Vec<Vid>,
    /// Whether one factor was the input's own scale.
    own: bool,
}

fn fuse_product(graph: &mut Graph, node: Nid, exact: bool) -> Option<()> {
    let this = graph.nodes[node].clone();
    let &[Some(bytes), Some(weights), zero, weights_zero] = &this.inputs[..] else { return None };
    let rounding = graph.producer(bytes)?.clone();
    if rounding.op != Op::DynamicQuantizeLinear || rounding.outputs.len() != 3 {
        return None;
    }
    let (x, scale) = ((*rounding.inputs.first()?)?, rounding.outputs[1]);
    if bytes != rounding.outputs[0] || zero != Some(rounding.outputs[2]) {
        return None;
    }
    let behind = follow(graph, this.outputs[0], scale)?;
    let packed = graph.constant(weights)?;
    let [k, n] = packed.shape[..] else { return None };
    if graph.last(x) != Some(k) || graph.rank(x)? < 2 || k == 0 || n == 0 || k > MAX_K || !behind.own {
        return None;
    }
    let zeros = match weights_zero {
        Some(zero) => Some(graph.constant(zero)?),
        None => None,
    };
    let unit = Tensor::f32(&[], vec![1.0]);
    let form = unfold(packed, &unit, zeros, 1)?.form;
    let Form::I8 { bytes, scales, exact: whole } = form else { return None };
    if exact && !whole {
        return None;
    }
    let mut scales = scales.to_vec();
    for factor in behind.constants {
        let factor = super::dense::vector(graph, factor, n)?;
        for (scale, factor) in scales.iter_mut().zip(factor.iter()) {
            *scale *= factor;
        }
    }
    if scales.iter().any(|s| !s.is_finite() || *s <= 0.0) {
        return None;
    }
    let (rows, x) = if exact {
        (Rows::Whole, x)
    } else {
        let (factors, x) = smoothing(graph, x, k);
        (Rows::Dynamic { factors }, x)
    };
    let weights = Weights::I8 { bytes, scales: Arc::new(scales), rows };
    let dense = Dense { k, n, weights, bias: None, activation: Activation::None, residual: false };
    graph.place(&this.name, Op::Dense(dense), vec![Some(x)], vec![behind.output]);
    Some(())
}

/// From the integers to `f32` and through every product with a constant or with the input's scale.
fn follow(graph: &Graph, integers: Vid, scale: Vid) -> Option<Behind> {
    let only_user = |value: Vid| -> Option<Nid> {
        let mut users = graph.order()?.into_iter().filter(|&n| graph.nodes[n].inputs.contains(&Some(value)));
        let user = users.next()?;
        (users.next().is_none() && !graph.outputs.contains(&value)).then_some(user)
    };
    let cast = &graph.nodes[only_user(integers)?];
    let mut value = cast.outputs[0];
    if cast.op != Op::Plan(Plan::Cast) || graph.values[value].kind != Some(Kind::F32) {
        return None;
    }
    let (mut constants, mut own) = (Vec::new(), false);
    while let Some(user) = only_user(value) {
        let node = &graph.nodes[user];
        let (Op::Plan(Plan::Binary(Binary::Mul)), &[Some(a), Some(b)]) = (&node.op, &node.inputs[..]) else {
            break;
        };
        let mut factors = vec![if a == value { b } else { a }];
        let mut taken = Vec::new();
        let mut has_own = false;
        let mut all = true;
        while let Some(factor) = factors.pop() {
            if factor == scale && !has_own {
                has_own = true;
            } else if graph.constant(factor).is_some() {
                taken.push(factor);
            } else if let Some((Plan::Binary(Binary::Mul), &[Some(a), Some(b)])) = graph.made_by(factor) {
                factors.extend([a, b]);
            } else {
                all = false;
            }
        }
        // The scale once, and constants that do not make the product wider.
        if !all || own && has_own || !super::infer::same_shape(graph, value, node.outputs[0]) {
            break;
        }
        own |= has_own;
        constants.extend(taken);
        value = node.outputs[0];
        if own {
            break;
        }
    }
    Some(Behind { output: value, constants, own })
}

/// A constant vector that an input is multiplied by just before it is rounded.
fn smoothing(graph: &Graph, x: Vid, k: usize) -> (Option<Arc<Vec<f32>>>, Vid) {
    if let Some((Plan::Binary(Binary::Mul), &[Some(a), Some(b)])) = graph.made_by(x) {
        for (input, factors) in [(a, b), (b, a)] {
            let is_vector = graph.constant(factors).is_some_and(|t| t.len() == k && k > 1);
            if is_vector
                && super::infer::same_shape(graph, input, x)
                && let Some(factors) = super::dense::vector(graph, factors, k)
                && factors.iter().all(|f| f.is_finite())
            {
                return (Some(factors), input);
            }
        }
    }
    (None, x)
}
