//! Keys and values of a decoder's past: inputs that come back as outputs with rows put behind them become caches, which a
//! state keeps and a run makes longer in place.

use super::graph::{Dim, Graph, Nid, Op, Vid};
use super::infer::normal;
use crate::model::plan::ir::{Kind, Op as Plan};

/// A cache, while the graph is rewritten.
#[derive(Clone, Debug)]
pub(super) struct Cache {
    /// What it held before the run.
    pub past: Vid,
    /// The file's name for what it holds after.
    pub output: String,
    pub heads: u32,
    pub dim: u32,
}

/// Makes a cache of each input that is read for its shape and for what is appended to it alone, where what comes of that
/// is an output and otherwise read by attention as keys or values, or for its shape.
pub(super) fn fuse(graph: &mut Graph) {
    for past in graph.inputs.clone() {
        one(graph, past);
    }
}

fn one(graph: &mut Graph, past: Vid) -> Option<()> {
    let value = &graph.values[past];
    let &[_, heads, _, dim] = &value.shape.as_ref()?[..] else { return None };
    let size = |dim: Dim| u32::try_from(dim.known()?).ok().filter(|&n| n > 0);
    let (heads, dim) = (size(heads)?, size(dim)?);
    if value.kind != Some(Kind::F32) || graph.outputs.contains(&past) {
        return None;
    }
    let mut joined = None;
    for (node, place) in readers(graph, past) {
        match &graph.nodes[node].op {
            Op::Plan(Plan::Shape { .. }) => {}
            Op::Plan(Plan::Concat { axis }) if place == 0 && normal(*axis, 4) == Some(2) => {
                if joined.replace(node).is_some() {
                    return None;
                }
            }
            _ => return None,
        }
    }
    let join = joined?;
    let &[_, Some(rows)] = &graph.nodes[join].inputs[..] else { return None };
    let present = graph.nodes[join].outputs[0];
    let place = graph.outputs.iter().position(|&output| output == present)?;
    let again = graph.outputs.iter().filter(|&&output| output == present).count() > 1;
    let attended = |&(node, place): &(Nid, usize)| match &graph.nodes[node].op {
        Op::Plan(Plan::Shape { .. }) => true,
        Op::Plan(Plan::Attention(_)) => matches!(place, 1 | 2),
        _ => false,
    };
    let readers = readers(graph, present);
    if rows == past || again || readers.is_empty() || !readers.iter().all(attended) {
        return None;
    }
    let cache = u32::try_from(graph.caches.len()).ok()?;
    graph.outputs.remove(place);
    let output = graph.output_names.remove(place);
    graph.inputs.retain(|&input| input != past);
    graph.caches.push(Cache { past, output, heads, dim });
    graph.nodes[join].op = Op::Plan(Plan::Append { cache });
    Some(())
}

/// The nodes that read a value, and as which of their inputs.
fn readers(graph: &Graph, value: Vid) -> Vec<(Nid, usize)> {
    let mut found = Vec::new();
    for node in graph.order().unwrap_or_default() {
        let inputs = graph.nodes[node].inputs.iter().enumerate();
        found.extend(inputs.filter(|(_, input)| **input == Some(value)).map(|(i, _)| (node, i)));
    }
    found
}
