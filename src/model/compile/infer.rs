//! Kinds, shapes and the contents of shapes, as far as they are known before a run.

use super::graph::{Dim, Graph, Nid, Op, Vid};
use super::operators::graph_only_kinds;
use crate::model::plan::ir::{Binary, Kind, Op as Plan, Reduce, Unary};

/// The most elements of a value whose content is followed.
const MAX_CONTENT: usize = 16;

/// Finds what is known of every value that the outputs hang on.
///
/// # Errors
/// The name of a node, and why nothing can be known of its kind.
pub(super) fn infer(graph: &mut Graph) -> Result<(), String> {
    for value in &mut graph.values {
        if let Some(constant) = &value.constant {
            value.kind = Some(constant.kind());
            value.shape = Some(constant.shape.iter().map(|&d| Dim::Known(d as i64)).collect());
            let short = constant.len() <= MAX_CONTENT && constant.shape.len() <= 1;
            value.content =
                constant.integers().filter(|_| short).map(|c| c.into_iter().map(Dim::Known).collect());
        }
    }
    let order = graph.order().ok_or("the graph's nodes go round in a circle")?;
    for node in order {
        infer_node(graph, node)?;
    }
    Ok(())
}

type Known = (Option<Kind>, Option<Vec<Dim>>, Option<Vec<Dim>>);

fn infer_node(graph: &mut Graph, node: Nid) -> Result<(), String> {
    let this = graph.nodes[node].clone();
    let facts: Vec<Known> = this
        .inputs
        .iter()
        .map(|input| {
            let value = input.map(|v| &graph.values[v]);
            value.map_or((None, None, None), |v| (v.kind, v.shape.clone(), v.content.clone()))
        })
        .collect();
    let kinds: Vec<Option<Kind>> = facts.iter().map(|f| f.0).collect();
    let op = match &this.op {
        Op::Plan(op) => op,
        Op::Dense(dense) => {
            let shape = facts[0].1.clone().map(|mut shape| {
                shape.pop();
                shape.push(Dim::Known(dense.n as i64));
                shape
            });
            let output = &mut graph.values[this.outputs[0]];
            (output.kind, output.shape) = (Some(Kind::F32), shape);
            return Ok(());
        }
        Op::GatherNd => {
            graph.values[this.outputs[0]].kind = kinds[0];
            return Ok(());
        }
        Op::Tile => {
            let shape = facts[0].1.clone().zip(facts[1].2.clone()).map(|(x, times)| {
                x.iter().zip(&times).map(|(&n, &times)| graph.compute(Binary::Mul, n, times)).collect()
            });
            let output = &mut graph.values[this.outputs[0]];
            (output.kind, output.shape) = (kinds[0], shape);
            return Ok(());
        }
        Op::WholeAttention(_) => {
            let shape = facts[0].1.clone().zip(facts.get(2).and_then(|v| v.1.clone()));
            let shape = shape.and_then(|(mut q, v)| {
                *q.last_mut()? = *v.last()?;
                Some(q)
            });
            let output = &mut graph.values[this.outputs[0]];
            (output.kind, output.shape) = (kinds[0], shape);
            return Ok(());
        }
        other => {
            for (i, &output) in this.outputs.iter().enumerate() {
                let known = graph_only_kinds(other, &kinds);
                graph.values[output].kind = known.and_then(|k| k.get(i).copied());
            }
            if let (Op::DynamicQuantizeLinear, [x, scale, zero]) = (other, &this.outputs[..]) {
                graph.values[*x].shape = facts[0].1.clone();
                graph.values[*scale].shape = Some(vec![]);
                graph.values[*zero].shape = Some(vec![]);
            }
            if let (Op::MatMulInteger, [product]) = (other, &this.outputs[..]) {
                graph.values[*product].shape = product_shape(graph, &facts[0].1, &facts[1].1);
            }
            return Ok(());
        }
    };
    let missing = |why: &str| format!("node {:?} mixes kinds of elements: {why}", this.name);
    if let Plan::Split { .. } = op {
        return infer_split(graph, node, &facts);
    }
    // What a foreign operator makes is not known, nor what is made of that; the operator is named in the end.
    let unknown = this.inputs.iter().flatten().any(|&v| graph.values[v].kind.is_none());
    let Some(kind) = output_kind(op, &kinds, graph.values[this.outputs[0]].kind) else {
        return if unknown { Ok(()) } else { Err(missing("its kind")) };
    };
    let shape = output_shape(graph, op, &facts, this.inputs.len());
    let content =
        output_content(graph, op, &facts, &shape).filter(|c| kind != Kind::F32 && c.len() <= MAX_CONTENT);
    let output = &mut graph.values[this.outputs[0]];
    (output.kind, output.shape, output.content) = (Some(kind), shape.clone(), content);
    if let Some(&second) = this.outputs.get(1) {
        graph.values[second].kind = Some(kind);
        graph.values[second].shape = shape;
    }
    if let Plan::Transpose { perm } = op
        && perm.is_empty()
        && let Some(shape) = &facts[0].1
    {
        let perm = (0..shape.len() as u32).rev().collect();
        graph.nodes[node].op = Op::Plan(Plan::Transpose { perm });
    }
    Ok(())
}

fn infer_split(graph: &mut Graph, node: Nid, facts: &[Known]) -> Result<(), String> {
    let this = graph.nodes[node].clone();
    let Op::Plan(Plan::Split { axis }) = this.op else { return Ok(()) };
    let shape = facts[0].1.clone();
    let n = this.outputs.len() as i64;
    let place = shape.as_ref().and_then(|s| normal(axis, s.len()));
    if this.inputs.get(1).copied().flatten().is_none() {
        // Equal parts, the last one perhaps smaller.
        let total = shape.as_ref().zip(place).and_then(|(s, p)| s[p].known());
        let total = total.ok_or_else(|| format!("node {:?} (sizes of a split)", this.name))? as i64;
        let part = total.div_euclid(n) + i64::from(total % n != 0);
        let sizes = (0..n).map(|i| part.min(total - part * i)).collect();
        let sizes = graph.add_constant(&this.name, super::tensor::Tensor::i64(&[n as usize], sizes));
        graph.values[sizes].kind = Some(Kind::I64);
        graph.values[sizes].shape = Some(vec![Dim::Known(n)]);
        graph.nodes[node].inputs = vec![this.inputs[0], Some(sizes)];
        return infer_node(graph, node);
    }
    let sizes = facts[1].2.clone().filter(|s| s.len() == this.outputs.len());
    for (i, &output) in this.outputs.iter().enumerate() {
        graph.values[output].kind = facts[0].0;
        graph.values[output].shape = shape.clone().zip(place).map(|(mut s, p)| {
            s[p] = match &sizes {
                Some(sizes) => sizes[i],
                None => graph.symbol(),
            };
            s
        });
    }
    Ok(())
}

fn output_kind(op: &Plan, kinds: &[Option<Kind>], stated: Option<Kind>) -> Option<Kind> {
    let first = kinds.first().copied().flatten();
    match op {
        Plan::Linear(_) | Plan::Attention(_) | Plan::Norm(_) | Plan::MatMul | Plan::Softmax { .. } => {
            first.filter(|&k| k == Kind::F32)
        }
        Plan::GatherRows(rows) if rows.scales != crate::model::plan::ir::ABSENT => Some(Kind::F32),
        Plan::Dequantise { .. } => Some(Kind::F32),
        Plan::Quantise { .. } => kinds.get(2).copied().flatten().or(Some(Kind::U8)),
        Plan::Unary(Unary::IsNan) => Some(Kind::Bool),
        Plan::Binary(
            Binary::Equal | Binary::Less | Binary::LessOrEqual | Binary::Greater | Binary::GreaterOrEqual,
        ) => Some(Kind::Bool),
        Plan::Binary(_) => {
            // Pow may mix; the others may not.
            let second = kinds.get(1).copied().flatten();
            if matches!(op, Plan::Binary(Binary::Pow)) { first } else { first.filter(|_| first == second) }
        }
        Plan::Where => kinds.get(1).copied().flatten(),
        Plan::Cast => stated,
        Plan::Shape { .. } | Plan::ArgMax { .. } => Some(Kind::I64),
        Plan::ConstantOfShape => kinds.get(1).copied().flatten(),
        Plan::Concat { .. } => kinds.iter().all(|&k| k == first).then_some(first).flatten(),
        _ => first,
    }
}

/// The place of an axis that may count from the end.
pub(super) fn normal(axis: i32, rank: usize) -> Option<usize> {
    let axis = i64::from(axis);
    let place = if axis < 0 { axis + rank as i64 } else { axis };
    usize::try_from(place).ok().filter(|&p| p < rank)
}

fn broadcast(graph: &mut Graph, shapes: &[&Option<Vec<Dim>>]) -> Option<Vec<Dim>> {
    let mut out: Vec<Dim> = Vec::new();
    for shape in shapes {
        let shape = shape.as_ref()?;
        while out.len() < shape.len() {
            out.insert(0, Dim::Known(1));
        }
        let lead = out.len() - shape.len();
        for (i, &b) in shape.iter().enumerate() {
            let a = out[lead + i];
            out[lead + i] = match (a, b) {
                (a, b) if a == b => a,
                (Dim::Known(1), b) => b,
                (a, Dim::Known(1)) => a,
                // A size that is not 1 wins over one that may be 1.
                (Dim::Known(n), _) | (_, Dim::Known(n)) => Dim::Known(n),
                _ => graph.symbol(),
            };
        }
    }
    Some(out)
}

fn product_shape(graph: &mut Graph, a: &Option<Vec<Dim>>, b: &Option<Vec<Dim>>) -> Option<Vec<Dim>> {
    let (a, b) = (a.as_ref()?, b.as_ref()?);
    let (m, n) = (a.len(), b.len());
    if m == 0 || n == 0 {
        return None;
    }
    let lead_a = Some(a[..m.saturating_sub(2)].to_vec());
    let lead_b = Some(b[..n.saturating_sub(2)].to_vec());
    let mut out = broadcast(graph, &[&lead_a, &lead_b])?;
    if m > 1 {
        out.push(a[m - 2]);
    }
    if n > 1 {
        out.push(b[n - 1]);
    }
    Some(out)
}

fn output_shape(graph: &mut Graph, op: &Plan, facts: &[Known], inputs: usize) -> Option<Vec<Dim>> {
    let shape = |i: usize| facts.get(i).and_then(|f| f.1.clone());
    let content = |i: usize| facts.get(i).and_then(|f| f.2.clone());
    let axes = |rank: usize| -> Option<Vec<usize>> {
        content(1)?
            .iter()
            .map(|d| if let Dim::Known(n) = d { normal(*n as i32, rank) } else { None })
            .collect()
    };
    match op {
        Plan::Linear(linear) => {
            let mut out = shape(0)?;
            *out.last_mut()? = Dim::Known(i64::from(linear.n));
            Some(out)
        }
        Plan::Attention(attention) => {
            let (q, width) = (shape(0)?, i64::from(attention.heads) * i64::from(attention.v_dim));
            let rows = match attention.operands[0] {
                crate::model::plan::ir::Heads::Columns { .. } => q[1],
                crate::model::plan::ir::Heads::First => q[2],
            };
            Some(if attention.heads_first {
                let (heads, dim) = (i64::from(attention.heads), i64::from(attention.v_dim));
                vec![q[0], Dim::Known(heads), rows, Dim::Known(dim)]
            } else {
                vec![q[0], rows, Dim::Known(width)]
            })
        }
        Plan::GatherRows(_) => {
            let mut out = shape(1)?;
            out.extend(shape(0)?.get(1..)?);
            Some(out)
        }
        Plan::Binary(_) => broadcast(graph, &[&shape(0), &shape(1)]),
        Plan::Where => broadcast(graph, &[&shape(0), &shape(1), &shape(2)]),
        Plan::Shape { start, end } => {
            let rank = shape(0)?.len();
            let (start, end) = bounds(*start, *end, rank);
            Some(vec![Dim::Known(end.saturating_sub(start) as i64)])
        }
        Plan::Reshape { allow_zero } => reshape(graph, shape(0), facts.get(1)?, *allow_zero),
        Plan::Unsqueeze => {
            let added = content(1)?;
            let mut out = shape(0)?;
            let rank = out.len() + added.len();
            let mut places: Vec<usize> = added
                .iter()
                .map(|d| if let Dim::Known(n) = d { normal(*n as i32, rank) } else { None })
                .collect::<Option<_>>()?;
            places.sort_unstable();
            for place in places {
                out.insert(place.min(out.len()), Dim::Known(1));
            }
            Some(out)
        }
        Plan::Squeeze => {
            let input = shape(0)?;
            let gone: Vec<usize> = match facts.get(1).filter(|f| f.0.is_some()) {
                Some(_) => axes(input.len())?,
                None => {
                    // Which sizes are 1 must be known of all of them.
                    let known: Option<Vec<usize>> = input.iter().map(|d| d.known()).collect();
                    known?.iter().enumerate().filter(|(_, n)| **n == 1).map(|(i, _)| i).collect()
                }
            };
            Some(input.iter().enumerate().filter(|(i, _)| !gone.contains(i)).map(|(_, &d)| d).collect())
        }
        Plan::Flatten { axis } => {
            let input = shape(0)?;
            let at = if *axis == input.len() as i32 { input.len() } else { normal(*axis, input.len())? };
            let mut volume =
                |dims: &[Dim]| dims.iter().fold(Dim::Known(1), |v, &d| graph.compute(Binary::Mul, v, d));
            Some(vec![volume(&input[..at]), volume(&input[at..])])
        }
        Plan::Transpose { perm } => {
            let input = shape(0)?;
            if perm.is_empty() {
                return Some(input.into_iter().rev().collect());
            }
            perm.iter().map(|&p| input.get(p as usize).copied()).collect()
        }
        Plan::Expand => {
            let target = content(1);
            let wanted = match target {
                Some(target) => Some(target),
                None => {
                    let rank = shape(1)?.first()?.known()?;
                    Some((0..rank).map(|_| graph.symbol()).collect())
                }
            };
            broadcast(graph, &[&shape(0), &wanted])
        }
        Plan::Concat { .. } | Plan::Append { .. } => {
            let axis = if let Plan::Concat { axis } = op { *axis } else { 2 };
            let mut out = shape(0)?;
            let place = normal(axis, out.len())?;
            for i in 1..inputs {
                let next = shape(i)?;
                out[place] = graph.compute(Binary::Add, out[place], *next.get(place)?);
            }
            Some(out)
        }
        Plan::Slice => slice_shape(graph, facts),
        Plan::Gather { axis } => {
            let mut out = shape(0)?;
            let place = normal(*axis, out.len())?;
            out.splice(place..=place, shape(1)?);
            Some(out)
        }
        Plan::GatherElements { .. } => shape(1),
        Plan::Range => Some(vec![match (content(0), content(1), content(2)) {
            (Some(from), Some(to), Some(step))
                if step == [Dim::Known(1)] && from.len() == 1 && to.len() == 1 =>
            {
                graph.compute(Binary::Sub, to[0], from[0])
            }
            _ => graph.symbol(),
        }]),
        Plan::ConstantOfShape => content(0),
        Plan::Reduce { keep, noop_if_empty, .. } => {
            let mut out = shape(0)?;
            let given = facts.get(1).is_some_and(|f| f.0.is_some());
            let mut places = if given { axes(out.len())? } else { Vec::new() };
            if places.is_empty() && !noop_if_empty {
                places = (0..out.len()).collect();
            }
            for (i, size) in out.iter_mut().enumerate() {
                if places.contains(&i) {
                    *size = Dim::Known(1);
                }
            }
            if !keep {
                let mut i = 0;
                out.retain(|_| {
                    i += 1;
                    !places.contains(&(i - 1))
                });
            }
            Some(out)
        }
        Plan::ArgMax { axis, keep } => {
            let mut out = shape(0)?;
            let place = normal(*axis, out.len())?;
            if *keep {
                out[place] = Dim::Known(1);
            } else {
                out.remove(place);
            }
            Some(out)
        }
        Plan::MatMul => product_shape(graph, &shape(0), &shape(1)),
        Plan::Split { .. } => None,
        Plan::Norm(_)
        | Plan::Unary(_)
        | Plan::Cast
        | Plan::Quantise { .. }
        | Plan::Dequantise { .. }
        | Plan::Identity
        | Plan::Trilu { .. }
        | Plan::Softmax { .. }
        | Plan::CumSum { .. } => shape(0),
    }
}

fn bounds(start: i32, end: i32, rank: usize) -> (usize, usize) {
    let clamp = |n: i32| {
        let n = if n < 0 { i64::from(n) + rank as i64 } else { i64::from(n) };
        n.clamp(0, rank as i64) as usize
    };
    (clamp(start), clamp(end))
}

fn reshape(graph: &mut Graph, input: Option<Vec<Dim>>, target: &Known, allow_zero: bool) -> Option<Vec<Dim>> {
    let Some(wanted) = &target.2 else {
        let rank = target.1.as_ref()?.first()?.known()?;
        return Some((0..rank).map(|_| graph.symbol()).collect());
    };
    let mut out = wanted.clone();
    if !allow_zero {
        for (i, size) in out.iter_mut().enumerate() {
            if *size == Dim::Known(0) {
                *size = *input.as_ref()?.get(i)?;
            }
        }
    }
    if let Some(rest) = out.iter().position(|&d| d == Dim::Known(-1)) {
        // What is left: the input's sizes without those that are named, as a number if it can be.
        let mut left = input.unwrap_or_default();
        let mut factor = 1_i64;
        let mut named = Vec::new();
        for (i, &size) in out.iter().enumerate().filter(|(i, _)| *i != rest) {
            let _ = i;
            match left.iter().position(|&d| d == size && matches!(d, Dim::Symbol(_))) {
                Some(at) => {
                    left.remove(at);
                }
                None => match size {
                    Dim::Known(n) => factor = factor.checked_mul(n)?,
                    symbol => named.push(symbol),
                },
            }
        }
        let known: i64 = left.iter().map(|d| if let Dim::Known(n) = d { *n } else { 1 }).product();
        let symbols: Vec<Dim> = left.into_iter().filter(|d| matches!(d, Dim::Symbol(_))).collect();
        out[rest] = if named.is_empty() && factor > 0 && known % factor == 0 {
            symbols.iter().fold(Dim::Known(known / factor), |v, &d| graph.compute(Binary::Mul, v, d))
        } else {
            graph.symbol()
        };
    }
    Some(out)
}

fn slice_shape(graph: &mut Graph, facts: &[Known]) -> Option<Vec<Dim>> {
    let mut out = facts[0].1.clone()?;
    let rank = out.len();
    let content = |i: usize| facts.get(i).and_then(|f| f.2.clone());
    let given = |i: usize| facts.get(i).is_some_and(|f| f.0.is_some());
    let places: Vec<usize> = if given(3) {
        content(3)?
            .iter()
            .map(|d| if let Dim::Known(n) = d { normal(*n as i32, rank) } else { None })
            .collect::<Option<_>>()?
    } else {
        let count = facts[1].1.as_ref()?.first()?.known()?;
        (0..count.min(rank)).collect()
    };
    let (starts, ends) = (content(1), content(2));
    let steps = if given(4) { content(4) } else { Some(vec![Dim::Known(1); places.len()]) };
    for (i, &place) in places.iter().enumerate() {
        let at = |list: &Option<Vec<Dim>>| list.as_ref().and_then(|l| l.get(i).copied());
        out[place] = match (at(&starts), at(&ends), at(&steps), out[place]) {
            (Some(Dim::Known(0)), Some(Dim::Known(end)), Some(Dim::Known(1)), size)
                if end >= i64::from(i32::MAX) =>
            {
                size
            }
            (Some(Dim::Known(from)), Some(Dim::Known(to)), Some(Dim::Known(1)), Dim::Known(size)) => {
                let clamp = |n: i64| (if n < 0 { n + size } else { n }).clamp(0, size);
                Dim::Known((clamp(to) - clamp(from)).max(0))
            }
            // A table's first rows, as many as a size says: at most what the table has, which a run checks.
            (Some(Dim::Known(0)), Some(end @ Dim::Symbol(_)), Some(Dim::Known(1)), Dim::Known(_)) => end,
            (Some(Dim::Known(0)), Some(end), Some(Dim::Known(1)), size) if end == size => size,
            _ => graph.symbol(),
        };
    }
    Some(out)
}

fn output_content(
    graph: &mut Graph,
    op: &Plan,
    facts: &[Known],
    shape: &Option<Vec<Dim>>,
) -> Option<Vec<Dim>> {
    let content = |i: usize| facts.get(i).and_then(|f| f.2.clone());
    // Contents are of values with at most one axis.
    if shape.as_ref().is_none_or(|s| s.len() > 1) {
        return None;
    }
    match op {
        Plan::Shape { start, end } => {
            let input = facts[0].1.clone()?;
            let (start, end) = bounds(*start, *end, input.len());
            Some(input.get(start..end)?.to_vec())
        }
        Plan::Identity | Plan::Cast | Plan::Unsqueeze | Plan::Squeeze | Plan::Reshape { .. } => content(0),
        Plan::Binary(binary) => {
            let (a, b) = (content(0)?, content(1)?);
            let n = if a.len() == 1 { b.len() } else { a.len() };
            if !matches!(b.len(), 1) && b.len() != n {
                return None;
            }
            let pick = |list: &[Dim], i: usize| if list.len() == 1 { list[0] } else { list[i] };
            Some((0..n).map(|i| graph.compute(*binary, pick(&a, i), pick(&b, i))).collect())
        }
        Plan::Where => {
            let (condition, yes, no) = (content(0)?, content(1)?, content(2)?);
            let n = condition.len().max(yes.len()).max(no.len());
            let pick = |list: &[Dim], i: usize| list.get(if list.len() == 1 { 0 } else { i }).copied();
            let mut out = Vec::new();
            for i in 0..n {
                out.push(match pick(&condition, i)? {
                    Dim::Known(0) => pick(&no, i)?,
                    Dim::Known(_) => pick(&yes, i)?,
                    Dim::Symbol(_) => graph.symbol(),
                });
            }
            Some(out)
        }
        Plan::Concat { .. } => {
            let mut out = Vec::new();
            for i in 0..facts.len() {
                out.extend(content(i)?);
            }
            Some(out)
        }
        Plan::Gather { .. } => {
            let from = content(0)?;
            let pick = |d: &Dim| match d {
                Dim::Known(n) => from.get(normal(*n as i32, from.len())?).copied(),
                Dim::Symbol(_) => None,
            };
            content(1)?.iter().map(pick).collect()
        }
        Plan::Slice => {
            let from = content(0)?;
            let one = |i: usize| match content(i).as_deref() {
                Some(&[Dim::Known(n)]) => Some(n),
                _ => None,
            };
            let (start, end) = (one(1)?, one(2)?);
            if facts.get(4).is_some_and(|f| f.0.is_some()) && one(4)? != 1 {
                return None;
            }
            let clamp =
                |n: i64| (if n < 0 { n + from.len() as i64 } else { n }).clamp(0, from.len() as i64) as usize;
            Some(from.get(clamp(start)..clamp(end).max(clamp(start)))?.to_vec())
        }
        Plan::ConstantOfShape => {
            let n = shape.as_ref()?.first()?.known().filter(|&n| n <= MAX_CONTENT)?;
            Some(vec![*content(1)?.first()?; n])
        }
        Plan::Reduce { reduce: Reduce::Prod, .. } => {
            let product =
                content(0)?.into_iter().fold(Dim::Known(1), |v, d| graph.compute(Binary::Mul, v, d));
            Some(vec![product])
        }
        _ => None,
    }
}

/// Whether two values surely have the same shape.
pub(super) fn same_shape(graph: &Graph, a: Vid, b: Vid) -> bool {
    let (a, b) = (&graph.values[a].shape, &graph.values[b].shape);
    a.is_some() && a == b
}
