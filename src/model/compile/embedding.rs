//! Rows of tables: embeddings in `f32` or in bytes.

use std::sync::Arc;

use super::graph::{Graph, Nid, Op, Vid};
use super::infer::normal;
use super::tensor::{Data, Tensor};
use crate::model::plan::ir::{ABSENT, Binary, Dequantise, Op as Plan};

/// A table in bytes: what its rows are worth.
struct Table {
    bytes: Vid,
    /// One, or one for each row.
    scales: Vid,
    zero: i32,
}

/// Puts one node in the place of each look-up, so that a table of bytes is never unfolded as a whole.
pub(super) fn fuse(graph: &mut Graph) {
    for node in graph.order().unwrap_or_default() {
        look_up(graph, node).or_else(|| unfolded_rows(graph, node));
    }
}

/// `Gather(table, ids)` along the first axis.
fn look_up(graph: &mut Graph, node: Nid) -> Option<()> {
    let this = &graph.nodes[node];
    let (Op::Plan(Plan::Gather { axis }), &[Some(table), Some(ids)]) = (&this.op, &this.inputs[..]) else {
        return None;
    };
    let rank = graph.rank(table)?;
    if normal(*axis, rank)? != 0 || rank < 2 || graph.constant(ids).is_some() {
        return None;
    }
    let plain = graph.constant(table).is_some_and(|t| matches!(t.data, Data::F32(_)));
    if plain {
        return place(graph, node, table, ids, Dequantise { scales: ABSENT, zero: 0 });
    }
    let table = bytes_behind(graph, table)?;
    finish(graph, node, table, ids)
}

/// Bytes that are looked up first and unfolded afterwards.
fn unfolded_rows(graph: &mut Graph, node: Nid) -> Option<()> {
    let output = graph.nodes[node].outputs[0];
    let gathered = |v: Vid| match graph.made_by(v)? {
        (Plan::Gather { axis }, &[Some(table), Some(ids)]) => {
            let bytes = graph.constant(table).is_some_and(|t| matches!(t.data, Data::I8(_) | Data::U8(_)));
            (bytes && normal(*axis, graph.rank(table)?)? == 0 && graph.rank(table)? >= 2)
                .then_some((table, ids))
        }
        _ => None,
    };
    let (rows, scale, zero) = scaled_bytes(graph, output)?;
    let (bytes, ids) = gathered(rows)?;
    // A scale for each row would lie along another axis by now.
    graph.scalar(scale)?;
    finish(graph, node, Table { bytes, scales: scale, zero }, ids)
}

fn finish(graph: &mut Graph, node: Nid, table: Table, ids: Vid) -> Option<()> {
    let scales = graph.constant(table.scales)?.f32s()?;
    if scales.iter().any(|s| !s.is_finite() || *s <= 0.0) {
        return None;
    }
    let rows = graph.constant(table.bytes)?.shape[0];
    if !(scales.len() == 1 || scales.len() == rows) {
        return None;
    }
    let flat = Tensor::f32(&[scales.len()], scales.to_vec());
    let scales = u32::try_from(graph.add_constant("scales", flat)).ok()?;
    place(graph, node, table.bytes, ids, Dequantise { scales, zero: table.zero })
}

fn place(graph: &mut Graph, node: Nid, table: Vid, ids: Vid, form: Dequantise) -> Option<()> {
    let (name, output) = (graph.nodes[node].name.clone(), graph.nodes[node].outputs[0]);
    graph.place(&name, Op::Plan(Plan::GatherRows(form)), vec![Some(table), Some(ids)], vec![output]);
    Some(())
}

/// A constant table of bytes that a value is the unfolding of.
fn bytes_behind(graph: &Graph, value: Vid) -> Option<Table> {
    let (bytes, scales, zero) = scaled_bytes(graph, value)?;
    let table = graph.constant(bytes)?;
    if !matches!(table.data, Data::I8(_) | Data::U8(_)) {
        return None;
    }
    let one_each = graph.constant(scales)?;
    let by_row = match graph.made_by(value)? {
        (Plan::Dequantise { axis }, _) => normal(*axis, table.shape.len())? == 0,
        _ => one_each.shape.first() == Some(&table.shape[0]) && one_each.shape[1..].iter().all(|&d| d == 1),
    };
    (one_each.len() == 1 || by_row && one_each.len() == table.shape[0]).then_some(Table {
        bytes,
        scales,
        zero,
    })
}

/// `(bytes - zero) * scale` in its two spellings.
fn scaled_bytes(graph: &Graph, value: Vid) -> Option<(Vid, Vid, i32)> {
    match graph.made_by(value)? {
        (Plan::Dequantise { .. }, &[Some(bytes), Some(scale), zero]) => {
            let zero = match zero {
                None => 0,
                Some(zero) => {
                    let zeros = graph.constant(zero)?.integers()?;
                    let first = *zeros.first()?;
                    i32::try_from(first).ok().filter(|_| zeros.iter().all(|&z| z == first))?
                }
            };
            graph.constant(scale)?;
            Some((bytes, scale, zero))
        }
        (Plan::Binary(Binary::Mul), &[Some(a), Some(b)]) => {
            let cast = |v: Vid| match graph.made_by(v)? {
                (Plan::Cast, &[Some(bytes)]) => Some(bytes),
                _ => None,
            };
            if graph.constant(b).is_some() {
                Some((cast(a)?, b, 0))
            } else {
                graph.constant(a).and(Some((cast(b)?, a, 0)))
            }
        }
        _ => None,
    }
}

/// Large tables in `f32` become bytes, each row with a scale of its own.
pub(super) fn quantise(graph: &mut Graph) {
    /// Rows from which on a table is worth it.
    const LARGE: usize = 512;
    for node in graph.order().unwrap_or_default() {
        let this = &graph.nodes[node];
        let (Op::Plan(Plan::GatherRows(form)), &[Some(table), Some(ids)]) = (&this.op, &this.inputs[..])
        else {
            continue;
        };
        let Some(constant) = graph.constant(table).filter(|t| form.scales == ABSENT && t.shape.len() == 2)
        else {
            continue;
        };
        let (Data::F32(values), rows) = (&constant.data, constant.shape[0]) else { continue };
        if rows < LARGE || values.iter().any(|x| !x.is_finite()) {
            continue;
        }
        let width = constant.shape[1];
        let (mut bytes, mut scales) = (Vec::with_capacity(values.len()), Vec::with_capacity(rows));
        for row in values.chunks_exact(width.max(1)) {
            let largest = row.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
            let scale = if largest < 1e-30 { 1.0 } else { largest / 127.0 };
            scales.push(scale);
            bytes.extend(row.iter().map(|x| (x / scale).round_ties_even().clamp(-127.0, 127.0) as i8));
        }
        let shape = constant.shape.clone();
        let name = graph.values[table].name.clone();
        let table = graph.add_constant(&name, Tensor { shape, data: Data::I8(Arc::new(bytes)) });
        let scales = graph.add_constant(&name, Tensor::f32(&[rows], scales));
        let Ok(scales) = u32::try_from(scales) else { continue };
        place(graph, node, table, ids, Dequantise { scales, zero: 0 });
    }
}
