//! Operators of graphs that become several of a plan's once the shapes around them are known.

use super::graph::{Dim, Graph, Nid, Op, Vid};
use super::infer::normal;
use super::tensor::Tensor;
use crate::model::plan::ir::{Binary, Kind, MAX_RANK, Op as Plan, Reduce};

/// Attributes of ONNX's `Attention`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Whole {
    /// What scores are multiplied by; the root of the head's size, inverted, if not given.
    pub scale: Option<f32>,
}

/// Expands what can be. Returns whether anything was.
pub(super) fn expand(graph: &mut Graph) -> bool {
    let mut changed = false;
    for node in graph.order().unwrap_or_default() {
        changed |= match graph.nodes[node].op.clone() {
            Op::GatherNd => gather_nd(graph, node).is_some(),
            Op::Tile => tile(graph, node).is_some(),
            Op::WholeAttention(whole) => attention(graph, node, &whole).is_some(),
            _ => false,
        };
    }
    changed
}

/// Single elements by an index for each axis: by one index into all elements. Indices that are put together from parts
/// that were broadcast are taken as they were before.
fn gather_nd(graph: &mut Graph, node: Nid) -> Option<()> {
    let this = graph.nodes[node].clone();
    let &[Some(data), Some(indices)] = &this.inputs[..] else { return None };
    let (Plan::Concat { axis }, parts) = graph.made_by(indices)? else { return None };
    let (rank, parts) = (graph.rank(indices)?, parts.to_vec());
    if normal(*axis, rank)? + 1 != rank || graph.rank(data)? != parts.len() {
        return None;
    }
    let mut places = Vec::new();
    let mut shape = None;
    for part in parts {
        let (Plan::Unsqueeze, &[Some(whole), Some(axes)]) = graph.made_by(part?)? else { return None };
        let last = graph.constant(axes)?.integers()?;
        if last != [-1] && last != [rank as i64 - 1] {
            return None;
        }
        let small = match graph.made_by(whole) {
            Some((Plan::Expand, &[Some(small), wide])) => {
                shape = wide;
                small
            }
            _ => whole,
        };
        counts_up(graph, small).then_some(())?;
        places.push(small);
    }
    let name = &this.name;
    let mut flat: Option<Vid> = None;
    for (axis, &place) in places.iter().enumerate() {
        let mut term = place;
        if axis + 1 < places.len() {
            let start = axis as i32 + 1;
            let sizes = graph.add(name, Op::Plan(Plan::Shape { start, end: i32::MAX }), vec![Some(data)]);
            let product = Plan::Reduce { reduce: Reduce::Prod, keep: false, noop_if_empty: false };
            let stride = graph.add(name, Op::Plan(product), vec![Some(sizes), None]);
            term = graph.add(name, Op::Plan(Plan::Binary(Binary::Mul)), vec![Some(place), Some(stride)]);
        }
        flat = Some(match flat {
            None => term,
            Some(sum) => graph.add(name, Op::Plan(Plan::Binary(Binary::Add)), vec![Some(sum), Some(term)]),
        });
    }
    let all = graph.add_constant(name, Tensor::i64(&[1], vec![-1]));
    let row = graph.add(name, Op::Plan(Plan::Reshape { allow_zero: false }), vec![Some(data), Some(all)]);
    let gather = Op::Plan(Plan::Gather { axis: 0 });
    match shape {
        None => {
            graph.place(name, gather, vec![Some(row), flat], this.outputs);
        }
        Some(_) => {
            let few = graph.add(name, gather, vec![Some(row), flat]);
            graph.place(name, Op::Plan(Plan::Expand), vec![Some(few), shape], this.outputs);
        }
    }
    Some(())
}

/// Whether a value holds only numbers that count up from 0, so that none counts from the end.
fn counts_up(graph: &Graph, mut value: Vid) -> bool {
    loop {
        match graph.made_by(value) {
            Some((Plan::Unsqueeze | Plan::Identity | Plan::Reshape { .. }, &[Some(input), ..])) => {
                value = input
            }
            Some((Plan::Range, &[Some(start), _, Some(step)])) => {
                let is =
                    |v: Vid, n: i64| graph.constant(v).and_then(Tensor::integers).is_some_and(|c| c == [n]);
                return is(start, 0) && is(step, 1);
            }
            _ => {
                return graph
                    .constant(value)
                    .and_then(Tensor::integers)
                    .is_some_and(|c| c.iter().all(|&n| n >= 0));
            }
        }
    }
}

/// A value repeated along axes: broadcast along new axes before those, which are then one with them.
fn tile(graph: &mut Graph, node: Nid) -> Option<()> {
    let this = graph.nodes[node].clone();
    let &[Some(x), Some(times)] = &this.inputs[..] else { return None };
    let rank = graph.rank(x)?;
    let known = graph.values[times].content.clone().filter(|c| c.len() == rank)?;
    let repeated: Vec<usize> = (0..rank).filter(|&axis| known[axis] != Dim::Known(1)).collect();
    if rank + repeated.len() > MAX_RANK || graph.values[times].kind != Some(Kind::I64) {
        return None;
    }
    let name = &this.name;
    let added = repeated.iter().enumerate().map(|(i, axis)| (axis + i) as i64).collect::<Vec<_>>();
    let axes = graph.add_constant(name, Tensor::i64(&[added.len()], added));
    let wide = graph.add(name, Op::Plan(Plan::Unsqueeze), vec![Some(x), Some(axes)]);
    // The target's sizes: how often at each new axis, 1 at each old one.
    let one = graph.add_constant(name, Tensor::i64(&[1], vec![1]));
    let concat = Op::Plan(Plan::Concat { axis: 0 });
    let choice = graph.add(name, concat, vec![Some(times), Some(one)]);
    let mut places = Vec::new();
    for axis in 0..rank {
        places.extend(repeated.contains(&axis).then_some(axis as i64));
        places.push(rank as i64);
    }
    let places = graph.add_constant(name, Tensor::i64(&[places.len()], places));
    let target = graph.add(name, Op::Plan(Plan::Gather { axis: 0 }), vec![Some(choice), Some(places)]);
    let wide = graph.add(name, Op::Plan(Plan::Expand), vec![Some(wide), Some(target)]);
    let sizes = graph.add(name, Op::Plan(Plan::Shape { start: 0, end: i32::MAX }), vec![Some(x)]);
    let sizes = graph.add(name, Op::Plan(Plan::Binary(Binary::Mul)), vec![Some(sizes), Some(times)]);
    let reshape = Op::Plan(Plan::Reshape { allow_zero: true });
    graph.place(name, reshape, vec![Some(wide), Some(sizes)], this.outputs);
    Some(())
}

/// `Attention` with heads as an axis of their own and no memory of the past: written out.
fn attention(graph: &mut Graph, node: Nid, whole: &Whole) -> Option<()> {
    let this = graph.nodes[node].clone();
    let (&[Some(q), Some(k), Some(v)], mask) = (this.inputs.get(..3)?, this.inputs.get(3).copied().flatten())
    else {
        return None;
    };
    if this.inputs.iter().skip(4).any(Option::is_some) || this.outputs.len() != 1 {
        return None;
    }
    if [q, k, v].iter().any(|&x| graph.rank(x) != Some(4))
        || mask.is_some_and(|m| graph.values[m].kind.is_none())
    {
        return None;
    }
    let heads = |x: Vid| graph.values[x].shape.as_ref().and_then(|s| s[1].known());
    if heads(q)? != heads(k)? || heads(k)? != heads(v)? {
        return None;
    }
    let scale = match whole.scale {
        Some(scale) => scale,
        None => 1.0 / (graph.last(q)? as f32).sqrt(),
    };
    let name = &this.name;
    let turned = graph.add(name, Op::Plan(Plan::Transpose { perm: vec![0, 1, 3, 2] }), vec![Some(k)]);
    let product = graph.add(name, Op::Plan(Plan::MatMul), vec![Some(q), Some(turned)]);
    let scale = graph.add_constant(name, Tensor::f32(&[], vec![scale]));
    let mut scores = graph.add(name, Op::Plan(Plan::Binary(Binary::Mul)), vec![Some(product), Some(scale)]);
    if let Some(mut mask) = mask {
        if graph.values[mask].kind == Some(Kind::Bool) {
            let [seen, hidden] =
                [0.0, f32::NEG_INFINITY].map(|x| graph.add_constant(name, Tensor::f32(&[], vec![x])));
            mask = graph.add(name, Op::Plan(Plan::Where), vec![Some(mask), Some(seen), Some(hidden)]);
        }
        scores = graph.add(name, Op::Plan(Plan::Binary(Binary::Add)), vec![Some(scores), Some(mask)]);
    }
    let softmax = graph.add(name, Op::Plan(Plan::Softmax { axis: -1, log: false }), vec![Some(scores)]);
    graph.place(name, Op::Plan(Plan::MatMul), vec![Some(softmax), Some(v)], this.outputs);
    Some(())
}
