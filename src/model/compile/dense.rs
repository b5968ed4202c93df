//! Linear layers: products with constant weights in whatever form the file keeps them, with what can be done while a
//! result is still in registers.

use std::sync::Arc;

use super::graph::{Graph, Nid, Op, Vid};
use super::infer::{normal, same_shape};
use super::tensor::{Data, Tensor};
use crate::kernels::linear_i8::MAX_K;
use crate::model::onnx::normalise::FEW_BITS;
use crate::model::plan::ir::{Activation, Binary, Op as Plan, Unary};

/// A product with constant weights.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Dense {
    pub k: usize,
    pub n: usize,
    pub weights: Weights,
    /// `[n]`.
    pub bias: Option<Arc<Vec<f32>>>,
    pub activation: Activation,
    /// The second input is added last.
    pub residual: bool,
}

/// Weights `[k, n]`, row-major.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Weights {
    F32(Arc<Vec<f32>>),
    I8 { bytes: Arc<Vec<i8>>, scales: Arc<Vec<f32>>, rows: Rows },
}

/// How the input becomes bytes.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Rows {
    Dynamic { factors: Option<Arc<Vec<f32>>> },
    Static { scale: f32, zero: i32, signed: bool },
    Whole,
}

/// Constant weights as they were found in a graph.
pub(super) struct Found {
    pub k: usize,
    pub n: usize,
    pub form: Form,
}

pub(super) enum Form {
    F32(Arc<Vec<f32>>),
    /// `bytes * scale of the column`; `exact` if no weight was rounded for that.
    I8 {
        bytes: Arc<Vec<i8>>,
        scales: Arc<Vec<f32>>,
        exact: bool,
    },
}

/// What a compiler may do to weights that the file keeps in `f32`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Precision {
    /// Leave them, and what the file multiplies in `f32`.
    Exact,
    /// Leave them; weights in bytes are multiplied as bytes.
    Keep,
    /// Int8, each column with a scale of its own.
    Int8,
}

/// Puts a [`Dense`] in the place of each product with constant weights that is made of `f32`.
pub(super) fn fuse(graph: &mut Graph, precision: Precision) {
    for node in graph.order().unwrap_or_default() {
        let this = &graph.nodes[node];
        let (Op::Plan(Plan::MatMul), &[Some(x), Some(w)]) = (&this.op, &this.inputs[..]) else { continue };
        if graph.rank(x).is_none_or(|rank| rank < 2) {
            continue;
        }
        let from_bits = graph.values[w].name.contains(FEW_BITS) && graph.constant(w).is_some();
        let Some(found) = find(graph, w) else { continue };
        if graph.last(x) != Some(found.k) || found.k == 0 || found.n == 0 {
            continue;
        }
        let (given, x) = given_rows(graph, x);
        let exact = precision == Precision::Exact;
        let quantised = given.is_some() || precision == Precision::Int8 || from_bits && !exact;
        let weights = match found.form {
            Form::I8 { .. } if exact && given.is_none() => {
                let Some(weights) = numbers(graph, w) else { continue };
                Weights::F32(weights)
            }
            Form::I8 { exact: false, .. } if exact => continue,
            Form::I8 { bytes, scales, .. } => {
                Weights::I8 { bytes, scales, rows: given.unwrap_or(Rows::Dynamic { factors: None }) }
            }
            Form::F32(weights) if quantised && !exact && worth_int8(found.k, found.n) => {
                let Some((bytes, scales)) = quantise(&weights, found.k, found.n) else { continue };
                Weights::I8 { bytes, scales, rows: given.unwrap_or(Rows::Dynamic { factors: None }) }
            }
            // Rounded inputs with exact weights: the rounding stays a step of its own.
            Form::F32(_) if given.is_some() => continue,
            Form::F32(weights) => Weights::F32(weights),
        };
        let (k, n) = (found.k, found.n);
        let dense = Dense { k, n, weights, bias: None, activation: Activation::None, residual: false };
        if matches!(dense.weights, Weights::I8 { .. }) && k > MAX_K {
            continue;
        }
        place(graph, node, dense, x);
    }
}

/// Small heads stay in `f32`: they cost nothing and decide everything.
fn worth_int8(k: usize, n: usize) -> bool {
    k >= 16 && n >= 16
}

fn place(graph: &mut Graph, node: Nid, dense: Dense, x: Vid) {
    let (name, output) = (graph.nodes[node].name.clone(), graph.nodes[node].outputs[0]);
    graph.place(&name, Op::Dense(dense), vec![Some(x)], vec![output]);
}

/// The rounding that a graph gives for a product's input, with the value before it.
fn given_rows(graph: &Graph, x: Vid) -> (Option<Rows>, Vid) {
    let rows = || {
        let (Plan::Dequantise { .. }, &[Some(bytes), Some(scale), zero]) = graph.made_by(x)? else {
            return None;
        };
        let (Plan::Quantise { .. }, &[Some(before), Some(same_scale), same_zero]) = graph.made_by(bytes)?
        else {
            return None;
        };
        let point = |zero: Option<Vid>| -> Option<(i32, bool)> {
            let Some(zero) = zero else { return Some((0, false)) };
            let constant = graph.constant(zero)?;
            let signed = matches!(constant.data, Data::I8(_));
            match constant.integers()?[..] {
                [zero] => Some((i32::try_from(zero).ok()?, signed)),
                _ => None,
            }
        };
        let (scale, (zero, signed)) = (graph.scalar(scale)?, point(zero)?);
        let equal = graph.scalar(same_scale)? == scale && point(same_zero)? == (zero, signed);
        let usable = equal && scale.is_normal() && scale > 0.0;
        usable.then_some((Rows::Static { scale, zero, signed }, before))
    };
    match rows() {
        Some((rows, before)) => (Some(rows), before),
        None => (None, x),
    }
}

/// The constant matrix `[k, n]` behind a value, in whatever form it is kept.
pub(super) fn find(graph: &Graph, value: Vid) -> Option<Found> {
    if let Some(constant) = graph.constant(value) {
        let [k, n] = constant.shape[..] else { return None };
        let Data::F32(weights) = &constant.data else { return None };
        return Some(Found { k, n, form: Form::F32(weights.clone()) });
    }
    let (bytes, Stored { scales, zeros, axis, .. }) = oriented(graph, value)?;
    unfold(&bytes, &scales, zeros, axis)
}

/// The bytes `[k, n]` behind a value that may be turned, and what they are worth.
fn oriented(graph: &Graph, value: Vid) -> Option<(Tensor, Stored<'_>)> {
    let turned = match graph.made_by(value)? {
        (Plan::Transpose { perm }, &[Some(input)]) if perm == &[1, 0] => Some(input),
        _ => None,
    };
    let stored = stored(graph, turned.unwrap_or(value))?;
    Some(match turned {
        Some(_) => (stored.bytes.transposed()?, Stored { axis: 1 - stored.axis, ..stored }),
        None => (stored.bytes.clone(), stored),
    })
}

/// The numbers `[k, n]` that the bytes behind a value stand for, as a graph would compute them.
fn numbers(graph: &Graph, value: Vid) -> Option<Arc<Vec<f32>>> {
    let (bytes, Stored { scales, zeros, axis, .. }) = oriented(graph, value)?;
    let [_, n] = bytes.shape[..] else { return None };
    let (bytes, scales) = (bytes.integers()?, scales.f32s()?);
    let zeros = zeros.map_or(Some(vec![0]), Tensor::integers)?;
    let number = |(i, &byte): (usize, &i64)| {
        let at = if axis == 0 { i / n } else { i % n };
        let zero = zeros[if zeros.len() == 1 { 0 } else { at }];
        (byte - zero) as f32 * scales[if scales.len() == 1 { 0 } else { at }]
    };
    Some(Arc::new(bytes.iter().enumerate().map(number).collect()))
}

/// A matrix of bytes as a graph keeps it.
struct Stored<'a> {
    bytes: &'a Tensor,
    scales: Tensor,
    zeros: Option<&'a Tensor>,
    /// The axis of scales and zero points that are not single: 0 or 1.
    axis: i32,
}

/// The bytes behind a value, in the two spellings of `(bytes - zero) * scale`.
fn stored(graph: &Graph, value: Vid) -> Option<Stored<'_>> {
    match graph.made_by(value)? {
        (Plan::Dequantise { axis }, &[Some(bytes), Some(scale), zero]) => {
            let bytes = graph.constant(bytes)?;
            let zeros = match zero {
                Some(zero) => Some(graph.constant(zero)?),
                None => None,
            };
            let axis = i32::try_from(normal(*axis, bytes.shape.len())?).ok()?;
            Some(Stored { bytes, scales: graph.constant(scale)?.clone(), zeros, axis })
        }
        (Plan::Binary(Binary::Mul), &[Some(a), Some(b)]) => {
            let cast = |v: Vid| match graph.made_by(v)? {
                (Plan::Cast, &[Some(bytes)]) => graph.constant(bytes),
                _ => None,
            };
            let (bytes, scale) = match cast(a) {
                Some(bytes) => (bytes, graph.constant(b)?),
                None => (cast(b)?, graph.constant(a)?),
            };
            let [k, n] = bytes.shape[..] else { return None };
            // A scale for each column, each row or all, by the rules of broadcasting.
            let axis = match scale.shape[..] {
                [] | [1] | [1, 1] => 1,
                [m] | [1, m] if m == n => 1,
                [m, 1] if m == k => 0,
                _ => return None,
            };
            let scales = Tensor { shape: vec![scale.len()], data: scale.data.clone() };
            Some(Stored { bytes, scales, zeros: None, axis })
        }
        _ => None,
    }
}

/// Bytes with scales and zero points as column-wise int8, exactly if they are that already and else by rounding once
/// more; `None` if a scale is none.
pub(super) fn unfold(bytes: &Tensor, scale: &Tensor, zero: Option<&Tensor>, axis: i32) -> Option<Found> {
    let [k, n] = bytes.shape[..] else { return None };
    let values = match bytes.data {
        Data::I8(_) | Data::U8(_) => bytes.integers()?,
        _ => return None,
    };
    let scales = scale.f32s()?;
    let axis = usize::try_from(axis).ok().filter(|&axis| axis < 2)?;
    let along = bytes.shape[axis];
    if !(scales.len() == 1 || scales.len() == along && scale.shape.len() == 1) {
        return None;
    }
    if scales.iter().any(|s| !s.is_finite() || *s < 0.0) {
        return None;
    }
    let zeros = match zero {
        Some(zero) => zero.integers()?,
        None => vec![0],
    };
    if !(zeros.len() == 1 || zeros.len() == along) {
        return None;
    }
    let pick = |i: usize, j: usize| if axis == 0 { i } else { j };
    let at = |list: &[i64], i: usize, j: usize| if list.len() == 1 { list[0] } else { list[pick(i, j)] };
    let column_wise = scales.len() == 1 || axis == 1;
    let centred = |i: usize, j: usize| values[i * n + j] - at(&zeros, i, j);
    let fits = (0..k).all(|i| (0..n).all(|j| (-128..=127).contains(&centred(i, j))));
    if column_wise && fits {
        let mut out = Vec::with_capacity(k * n);
        for i in 0..k {
            for j in 0..n {
                let scale = if scales.len() == 1 { scales[0] } else { scales[j] };
                // A column with scale 0 is 0 whatever its bytes.
                out.push(if scale == 0.0 { 0 } else { centred(i, j) as i8 });
            }
        }
        let scales = (0..n).map(|j| if scales.len() == 1 { scales[0] } else { scales[j] });
        let scales = scales.map(|s| if s == 0.0 { 1.0 } else { s }).collect();
        let form = Form::I8 { bytes: Arc::new(out), scales: Arc::new(scales), exact: true };
        return Some(Found { k, n, form });
    }
    let mut weights = vec![0.0; k * n];
    for i in 0..k {
        for j in 0..n {
            let scale = if scales.len() == 1 { scales[0] } else { scales[pick(i, j)] };
            weights[i * n + j] = centred(i, j) as f32 * scale;
        }
    }
    let (bytes, scales) = quantise(&weights, k, n)?;
    Some(Found { k, n, form: Form::I8 { bytes, scales, exact: false } })
}

/// Bytes `[k, n]`, and a scale for each column.
type ByColumn = (Arc<Vec<i8>>, Arc<Vec<f32>>);

/// Bytes and scales: each column `[k]` by its own largest value, ties to even; `None` if a weight is not finite.
fn quantise(weights: &[f32], k: usize, n: usize) -> Option<ByColumn> {
    let mut largest = vec![0.0_f32; n];
    for row in weights.chunks_exact(n) {
        for (largest, w) in largest.iter_mut().zip(row) {
            if !w.is_finite() {
                return None;
            }
            *largest = largest.max(w.abs());
        }
    }
    let scales: Vec<f32> = largest.iter().map(|l| if *l < 1e-30 { 1.0 } else { l / 127.0 }).collect();
    let mut bytes = Vec::with_capacity(k * n);
    for row in weights.chunks_exact(n) {
        for (w, scale) in row.iter().zip(&scales) {
            bytes.push((w / scale).round_ties_even().clamp(-127.0, 127.0) as i8);
        }
    }
    Some((Arc::new(bytes), Arc::new(scales)))
}

/// Takes the bias, the activation and the residual behind a product into it.
pub(super) fn absorb(graph: &mut Graph) {
    // Each step puts one node more into a product, so that order matters and a few rounds are all there are.
    for _ in 0..4 {
        let uses = graph.uses();
        let mut changed = false;
        for node in graph.order().unwrap_or_default() {
            changed |= absorb_into(graph, node, &uses);
        }
        if !changed {
            return;
        }
    }
}

/// The node makes something of a product that nothing else needs: the product may make it by itself.
fn absorb_into(graph: &mut Graph, node: Nid, uses: &[usize]) -> bool {
    let this = &graph.nodes[node];
    let Op::Plan(op) = &this.op else { return false };
    let product = |v: Vid| match graph.producer(v)? {
        producer if uses.get(v) == Some(&1) => match &producer.op {
            Op::Dense(dense) => Some((dense.clone(), producer.inputs.clone(), producer.name.clone())),
            _ => None,
        },
        _ => None,
    };
    let (output, name) = (this.outputs[0], this.name.clone());
    match (op, &this.inputs[..]) {
        (Plan::Unary(Unary::Activation(activation)), &[Some(x)]) => {
            let Some((mut dense, inputs, _)) = product(x) else { return false };
            if dense.activation != Activation::None || dense.residual {
                return false;
            }
            dense.activation = *activation;
            graph.place(&name, Op::Dense(dense), inputs, vec![output]);
            true
        }
        (Plan::Binary(Binary::Add), &[Some(a), Some(b)]) => {
            for (x, other) in [(a, b), (b, a)] {
                let Some((mut dense, mut inputs, made)) = product(x) else { continue };
                if dense.residual {
                    continue;
                }
                if let Some(bias) = vector(graph, other, dense.n) {
                    if dense.activation != Activation::None
                        || dense.bias.is_some()
                        || !same_shape(graph, x, output)
                    {
                        continue;
                    }
                    dense.bias = Some(bias);
                    graph.place(&made, Op::Dense(dense), inputs, vec![output]);
                    return true;
                }
                if same_shape(graph, x, other)
                    && same_shape(graph, x, output)
                    && graph.constant(other).is_none()
                    && x != other
                {
                    dense.residual = true;
                    inputs.push(Some(other));
                    graph.place(&made, Op::Dense(dense), inputs, vec![output]);
                    return true;
                }
            }
            false
        }
        _ => false,
    }
}

/// A constant that is one `f32` for each of `n` columns, whatever axes of size 1 it has.
pub(super) fn vector(graph: &Graph, value: Vid, n: usize) -> Option<Arc<Vec<f32>>> {
    let constant = graph.constant(value)?;
    let Data::F32(values) = &constant.data else { return None };
    let flat = constant.shape.iter().rev().skip(1).all(|&d| d == 1);
    match values.len() {
        len if len == n && flat && (n == 1 || constant.shape.last() == Some(&n)) => Some(values.clone()),
        1 if flat => Some(Arc::new(vec![values[0]; n])),
        _ => None,
    }
}
