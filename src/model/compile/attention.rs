//! Scaled dot-product attention as exporters write it out, and the products that make its queries, keys and values.

use std::sync::Arc;

use super::dense::{Dense, Weights};
use super::graph::{Dim, Graph, Nid, Op, Vid};
use super::tensor::Tensor;
use crate::model::plan::ir::{Activation, Attention, Binary, Form, Heads, Op as Plan, Unary};

/// A fill at most this low masks a score for certain: `e^x` of it is 0 beside any score of a trained model.
const MASKED: f32 = -1e9;

/// Puts one node in the place of each attention.
pub(super) fn fuse(graph: &mut Graph, form: Form) {
    for node in graph.order().unwrap_or_default() {
        if graph.nodes[node].op == Op::Plan(Plan::MatMul) {
            fuse_at(graph, node, form);
        }
    }
}

/// One operand, with what it was multiplied by.
struct Operand {
    value: Vid,
    heads: Heads,
    scale: f32,
    /// Heads and features of a head.
    shape: [usize; 2],
}

/// The node is the product of probabilities and values, if it ends an attention.
fn fuse_at(graph: &mut Graph, node: Nid, form: Form) -> Option<()> {
    let this = graph.nodes[node].clone();
    let &[Some(left), Some(values)] = &this.inputs[..] else { return None };
    let (softmax, safe) = probabilities(graph, left)?;
    let scores = scores(graph, softmax)?;
    let q = columns_of(graph, scores.q)?;
    let k = keys(graph, scores.k)?;
    let v = columns_of(graph, values)?;
    let [heads, dim] = q.shape;
    let fits = k.shape[1] == dim && v.shape[0] == k.shape[0] && k.shape[0] > 0;
    if !fits || !heads.is_multiple_of(k.shape[0]) || dim == 0 || v.shape[1] == 0 || v.scale != 1.0 {
        return None;
    }
    let scale = scores.scale * q.scale * k.scale;
    if !scale.is_finite() {
        return None;
    }
    // From here on the graph is changed.
    let mask = scores.masks.into_iter().map(|mask| mask.value(graph, &this.name)).collect::<Vec<_>>();
    let mask = mask
        .into_iter()
        .reduce(|a, b| graph.add(&this.name, Op::Plan(Plan::Binary(Binary::Add)), vec![Some(a), Some(b)]));
    let k_value = match k.transposed {
        false => k.value,
        true => {
            let perm = vec![0, 1, 3, 2];
            graph.add(&this.name, Op::Plan(Plan::Transpose { perm }), vec![Some(k.value)])
        }
    };
    let attention = Attention {
        heads: u32::try_from(heads).ok()?,
        kv_heads: u32::try_from(k.shape[0]).ok()?,
        dim: u32::try_from(dim).ok()?,
        v_dim: u32::try_from(v.shape[1]).ok()?,
        scale,
        form,
        causal: false,
        safe,
        operands: [q.heads, k.heads, v.heads],
        heads_first: true,
    };
    let inputs = vec![Some(q.value), Some(k_value), Some(v.value), mask];
    place(graph, node, attention, inputs);
    Some(())
}

/// Behind the product: the heads side by side again, if that is what follows.
fn place(graph: &mut Graph, node: Nid, mut attention: Attention, inputs: Vec<Option<Vid>>) {
    let (name, output) = (graph.nodes[node].name.clone(), graph.nodes[node].outputs[0]);
    let joined = only_user(graph, output).and_then(|next| {
        let (Op::Plan(Plan::Transpose { perm }), transposed) =
            (&graph.nodes[next].op, graph.nodes[next].outputs[0])
        else {
            return None;
        };
        if perm != &[0, 2, 1, 3] {
            return None;
        }
        let last = only_user(graph, transposed)?;
        let Op::Plan(Plan::Reshape { .. }) = graph.nodes[last].op else { return None };
        let shape = graph.constant(graph.nodes[last].inputs[1]?)?.integers()?;
        // The batch and the rows stay as they are; what is behind them must be named.
        let named = shape.iter().skip(2).all(|&n| n != 0);
        named.then_some((last, graph.nodes[last].outputs[0], shape.len()))
    });
    match joined {
        None => {
            graph.place(&name, Op::Plan(Plan::Attention(attention)), inputs, vec![output]);
        }
        Some((reshape, result, _)) => {
            attention.heads_first = false;
            let rows = graph.add(&name, Op::Plan(Plan::Attention(attention)), inputs);
            let (name, op) = (graph.nodes[reshape].name.clone(), graph.nodes[reshape].op.clone());
            let shape = graph.nodes[reshape].inputs[1];
            graph.place(&name, op, vec![Some(rows), shape], vec![result]);
        }
    }
}

fn only_user(graph: &Graph, value: Vid) -> Option<Nid> {
    let mut users = graph.order()?.into_iter().filter(|&n| graph.nodes[n].inputs.contains(&Some(value)));
    let user = users.next()?;
    (users.next().is_none() && !graph.outputs.contains(&value)).then_some(user)
}

/// The softmax behind a value, and whether rows without a number become 0.
fn probabilities(graph: &Graph, value: Vid) -> Option<(Vid, bool)> {
    let softmax = |v: Vid| match graph.made_by(v)? {
        (Plan::Softmax { axis, log: false }, &[Some(input)]) => {
            let last = graph.rank(input)? == 4 && matches!(axis, -1 | 3);
            last.then_some(input)
        }
        _ => None,
    };
    if let Some(input) = softmax(value) {
        return Some((input, false));
    }
    let (Plan::Where, &[Some(condition), Some(zero), Some(otherwise)]) = graph.made_by(value)? else {
        return None;
    };
    let (Plan::Unary(Unary::IsNan), &[Some(tested)]) = graph.made_by(condition)? else { return None };
    let replaced = tested == otherwise && graph.scalar(zero) == Some(0.0);
    Some((softmax(otherwise).filter(|_| replaced)?, true))
}

enum Mask {
    /// Added as it is.
    Added(Vid),
    /// The score is replaced by a very low number where the condition holds, or where it does not.
    Filled { condition: Vid, fill: Vid, holds: bool },
}

impl Mask {
    /// As a value that is added.
    fn value(self, graph: &mut Graph, name: &str) -> Vid {
        match self {
            Self::Added(value) => value,
            Self::Filled { condition, fill, holds } => {
                let nothing = graph.add_constant(name, Tensor::f32(&[], vec![0.0]));
                let (yes, no) = if holds { (fill, nothing) } else { (nothing, fill) };
                graph.add(name, Op::Plan(Plan::Where), vec![Some(condition), Some(yes), Some(no)])
            }
        }
    }
}

struct Scores {
    q: Vid,
    k: Vid,
    scale: f32,
    masks: Vec<Mask>,
}

/// From the input of a softmax back to the product of queries and keys.
fn scores(graph: &Graph, mut value: Vid) -> Option<Scores> {
    let (mut scale, mut masks) = (1.0, Vec::new());
    for _ in 0..8 {
        if let Some((factor, input)) = factor(graph, value) {
            (scale, value) = (scale * factor, input);
            continue;
        }
        // What is masked inside a scale would be scaled, too.
        let unscaled = scale == 1.0;
        match graph.made_by(value)? {
            (Plan::MatMul, &[Some(q), Some(k)]) => return Some(Scores { q, k, scale, masks }),
            (Plan::Binary(Binary::Add), &[Some(a), Some(b)]) if unscaled => {
                let (inner, mask) = if leads_to_product(graph, a) { (a, b) } else { (b, a) };
                if graph.rank(mask)? > 4 || !covers_keys(graph, mask, value) {
                    return None;
                }
                masks.push(Mask::Added(mask));
                value = inner;
            }
            (Plan::Where, &[Some(condition), Some(a), Some(b)]) if unscaled => {
                let low = |v: Vid| graph.scalar(v).is_some_and(|x| x <= MASKED);
                let (inner, fill, holds) = if low(a) { (b, a, true) } else { (a, b, false) };
                if !low(fill) || graph.rank(condition)? > 4 || !covers_keys(graph, condition, value) {
                    return None;
                }
                masks.push(Mask::Filled { condition, fill, holds });
                value = inner;
            }
            _ => return None,
        }
    }
    None
}

/// Whether a mask says something for each key, and so does not stretch.
fn covers_keys(graph: &Graph, mask: Vid, scores: Vid) -> bool {
    let last = |v: Vid| graph.values[v].shape.as_ref().and_then(|s| s.last().copied());
    last(mask).is_some()
        && (last(mask) == last(scores)
            || matches!((last(mask), last(scores)), (Some(Dim::Symbol(_)), _) | (_, Some(Dim::Symbol(_)))))
}

/// Whether a value is a product, perhaps scaled and masked.
fn leads_to_product(graph: &Graph, mut value: Vid) -> bool {
    for _ in 0..8 {
        match graph.made_by(value) {
            Some((Plan::MatMul, _)) => return true,
            Some((Plan::Binary(Binary::Mul | Binary::Div), &[Some(a), Some(b)])) => {
                value = if graph.constant(a).is_some() { b } else { a };
            }
            Some((Plan::Binary(Binary::Add), &[Some(a), _])) => value = a,
            Some((Plan::Where, &[_, Some(a), Some(b)])) => {
                value = if graph.constant(a).is_some() { b } else { a };
            }
            _ => return false,
        }
    }
    false
}

/// A multiplication by, or division through, one constant.
fn factor(graph: &Graph, value: Vid) -> Option<(f32, Vid)> {
    let single = |v: Vid| graph.scalar(v).filter(|_| graph.constant(v).is_some_and(|t| t.shape.len() <= 1));
    match graph.made_by(value)? {
        (Plan::Binary(Binary::Mul), &[Some(a), Some(b)]) => match (single(a), single(b)) {
            (_, Some(x)) => Some((x, a)),
            (Some(x), _) => Some((x, b)),
            _ => None,
        },
        (Plan::Binary(Binary::Div), &[Some(a), Some(b)]) => {
            single(b).filter(|x| *x != 0.0).map(|x| (1.0 / x, a))
        }
        _ => None,
    }
}

/// `[batch, heads, rows, features]`, or the value whose columns these heads are.
fn columns_of(graph: &Graph, value: Vid) -> Option<Operand> {
    let (mut value, mut scale) = (value, 1.0);
    while let Some((factor, input)) = factor(graph, value) {
        (value, scale) = (input, scale * factor);
    }
    if let Some((Plan::Transpose { perm }, &[Some(split)])) = graph.made_by(value)
        && perm == &[0, 2, 1, 3]
        && let Some(operand) = split_columns(graph, split)
    {
        return Some(Operand { scale: scale * operand.scale, ..operand });
    }
    let value = repeated(graph, value).unwrap_or(value);
    let shape = graph.values[value].shape.as_ref()?;
    let &[_, heads, _, dim] = &shape[..] else { return None };
    Some(Operand { value, heads: Heads::First, scale, shape: [heads.known()?, dim.known()?] })
}

/// `[batch, rows, heads, features]` that is `[batch, rows, heads * features]` in another shape.
fn split_columns(graph: &Graph, split: Vid) -> Option<Operand> {
    let mut scale = 1.0;
    let mut split = split;
    while let Some((factor, input)) = factor(graph, split) {
        (split, scale) = (input, scale * factor);
    }
    let (Plan::Reshape { .. }, &[Some(mut whole), _]) = graph.made_by(split)? else { return None };
    let shape = graph.values[split].shape.as_ref()?;
    let &[batch, rows, heads, dim] = &shape[..] else { return None };
    let shape = [heads.known()?, dim.known()?];
    while let Some((factor, input)) = factor(graph, whole) {
        (whole, scale) = (input, scale * factor);
    }
    let before = graph.values[whole].shape.as_ref()?;
    let width = Dim::Known((shape[0] * shape[1]) as i64);
    (before[..] == [batch, rows, width]).then_some(Operand {
        value: whole,
        heads: Heads::Columns { first: 0 },
        scale,
        shape,
    })
}

/// Heads that are repeated for their neighbours: the ones before.
fn repeated(graph: &Graph, value: Vid) -> Option<Vid> {
    let (Plan::Reshape { .. }, &[Some(wide), _]) = graph.made_by(value)? else { return None };
    let (Plan::Expand, &[Some(narrow), _]) = graph.made_by(wide)? else { return None };
    let (Plan::Unsqueeze, &[Some(heads), Some(axes)]) = graph.made_by(narrow)? else { return None };
    let shape = |v: Vid| graph.values[v].shape.as_ref().map(|s| s.to_vec());
    let (out, wide, heads_shape) = (shape(value)?, shape(wide)?, shape(heads)?);
    let ([b, h, t, d], [wb, kv, group, wt, wd]) = (&out[..], &wide[..]) else { return None };
    let product = kv.known()? * group.known()?;
    let same =
        b == wb && d == wd && t == wt && h.known()? == product && heads_shape[..] == [*wb, *kv, *wt, *wd];
    let third = matches!(graph.constant(axes)?.integers()?[..], [2 | -3]);
    (same && third).then_some(heads)
}

struct Keys {
    value: Vid,
    heads: Heads,
    scale: f32,
    shape: [usize; 2],
    /// `value` is `[batch, heads, features, rows]` and has to be turned.
    transposed: bool,
}

/// The second operand of the scores: keys with rows and features exchanged.
fn keys(graph: &Graph, value: Vid) -> Option<Keys> {
    let (mut value, mut scale) = (value, 1.0);
    while let Some((factor, input)) = factor(graph, value) {
        (value, scale) = (input, scale * factor);
    }
    let found = |operand: Operand| Keys {
        value: operand.value,
        heads: operand.heads,
        scale: scale * operand.scale,
        shape: operand.shape,
        transposed: false,
    };
    if let Some((Plan::Transpose { perm }, &[Some(before)])) = graph.made_by(value) {
        match perm[..] {
            [0, 1, 3, 2] => return columns_of(graph, before).map(found),
            [0, 2, 3, 1] => {
                if let Some(operand) = split_columns(graph, before) {
                    return Some(found(operand));
                }
            }
            _ => {}
        }
    }
    if let Some(before) = turned_in_three_axes(graph, value) {
        return columns_of(graph, before).map(found);
    }
    let shape = graph.values[value].shape.as_ref()?;
    let &[_, heads, dim, _] = &shape[..] else { return None };
    let shape = [heads.known()?, dim.known()?];
    Some(Keys { value, heads: Heads::First, scale, shape, transposed: true })
}

/// What has its last two axes exchanged while batch and heads are one axis, as the dynamo exporter writes it.
fn turned_in_three_axes(graph: &Graph, value: Vid) -> Option<Vid> {
    let (Plan::Reshape { .. }, &[Some(turned), _]) = graph.made_by(value)? else { return None };
    let (Plan::Transpose { perm }, &[Some(flat)]) = graph.made_by(turned)? else { return None };
    let (Plan::Reshape { .. }, &[Some(before), _]) = graph.made_by(flat)? else { return None };
    let shape = |v: Vid| graph.values[v].shape.as_ref().map(|shape| &shape[..]);
    let (&[batch, heads, rows, dim], &[_, flat_rows, flat_dim]) = (shape(before)?, shape(flat)?) else {
        return None;
    };
    let same = shape(value)? == [batch, heads, dim, rows] && [rows, dim] == [flat_rows, flat_dim];
    (perm == &[0, 2, 1] && same).then_some(before)
}

/// Products of the same input that make the operands of one attention become one product.
pub(super) fn merge_operands(graph: &mut Graph) {
    let uses = graph.uses();
    for node in graph.order().unwrap_or_default() {
        let this = graph.nodes[node].clone();
        let Op::Plan(Plan::Attention(attention)) = &this.op else { continue };
        let mut groups: Vec<Vec<usize>> = Vec::new();
        for place in 0..3 {
            if dense_operand(graph, &this.inputs, attention, place, &uses).is_none() {
                continue;
            }
            match groups.iter_mut().find(|group| mergeable(graph, &this.inputs, group[0], place)) {
                Some(group) => group.push(place),
                None => groups.push(vec![place]),
            }
        }
        for group in groups.iter().filter(|group| group.len() > 1) {
            merge(graph, node, group);
        }
    }
}

fn dense_operand(
    graph: &Graph,
    inputs: &[Option<Vid>],
    attention: &Attention,
    place: usize,
    uses: &[usize],
) -> Option<()> {
    let value = inputs[place]?;
    let Op::Dense(dense) = &graph.producer(value)?.op else { return None };
    let plain = dense.activation == Activation::None && !dense.residual;
    let single = uses.get(value) == Some(&1) && attention.operands[place] == (Heads::Columns { first: 0 });
    (plain && single).then_some(())
}

fn mergeable(graph: &Graph, inputs: &[Option<Vid>], a: usize, b: usize) -> bool {
    let dense = |place: usize| match graph.producer(inputs[place]?) {
        Some(node) => match &node.op {
            Op::Dense(dense) => Some((dense, node.inputs[0])),
            _ => None,
        },
        None => None,
    };
    let (Some((first, x)), Some((second, y))) = (dense(a), dense(b)) else { return false };
    let same = match (&first.weights, &second.weights) {
        (Weights::F32(_), Weights::F32(_)) => true,
        (Weights::I8 { rows: a, .. }, Weights::I8 { rows: b, .. }) => a == b,
        _ => false,
    };
    same && x == y && first.k == second.k
}

fn merge(graph: &mut Graph, node: Nid, group: &[usize]) -> Option<()> {
    let inputs = graph.nodes[node].inputs.clone();
    let parts: Vec<(Dense, Option<Vid>, String)> = group
        .iter()
        .map(|&place| {
            let producer = graph.producer(inputs[place]?)?;
            let Op::Dense(dense) = &producer.op else { return None };
            Some((dense.clone(), producer.inputs[0], producer.name.clone()))
        })
        .collect::<Option<_>>()?;
    let (first, x, name) = parts.first()?.clone();
    let dense: Vec<&Dense> = parts.iter().map(|(dense, ..)| dense).collect();
    let n: usize = dense.iter().map(|d| d.n).sum();
    let weights = match &first.weights {
        Weights::F32(_) => Weights::F32(Arc::new(beside(&dense, first.k, |d| match &d.weights {
            Weights::F32(w) => Some(w),
            Weights::I8 { .. } => None,
        })?)),
        Weights::I8 { rows, .. } => {
            let bytes = beside(&dense, first.k, |d| match &d.weights {
                Weights::I8 { bytes, .. } => Some(bytes),
                Weights::F32(_) => None,
            })?;
            let mut scales = Vec::with_capacity(n);
            for d in &dense {
                let Weights::I8 { scales: part, .. } = &d.weights else { return None };
                scales.extend_from_slice(part);
            }
            Weights::I8 { bytes: Arc::new(bytes), scales: Arc::new(scales), rows: rows.clone() }
        }
    };
    let bias = dense.iter().any(|d| d.bias.is_some()).then(|| {
        let mut bias = Vec::with_capacity(n);
        for d in &dense {
            match &d.bias {
                Some(part) => bias.extend_from_slice(part),
                None => bias.resize(bias.len() + d.n, 0.0),
            }
        }
        Arc::new(bias)
    });
    let merged = Dense { k: first.k, n, weights, bias, activation: Activation::None, residual: false };
    let widths: Vec<usize> = dense.iter().map(|d| d.n).collect();
    let output = graph.add(&name, Op::Dense(merged), vec![x]);
    let mut at = 0;
    for (&place, width) in group.iter().zip(widths) {
        graph.nodes[node].inputs[place] = Some(output);
        if let Op::Plan(Plan::Attention(attention)) = &mut graph.nodes[node].op {
            attention.operands[place] = Heads::Columns { first: u32::try_from(at).ok()? };
        }
        at += width;
    }
    Some(())
}

/// The columns of matrices `[k, n]` side by side.
fn beside<T: Copy>(
    dense: &[&Dense],
    k: usize,
    part: impl Fn(&Dense) -> Option<&Arc<Vec<T>>>,
) -> Option<Vec<T>> {
    let mut out = Vec::with_capacity(k * dense.iter().map(|d| d.n).sum::<usize>());
    for row in 0..k {
        for d in dense {
            out.extend_from_slice(&part(d)?[row * d.n..][..d.n]);
        }
    }
    Some(out)
}
