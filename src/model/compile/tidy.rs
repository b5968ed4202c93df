//! What changes no number: names for the same value, shapes that are known, the same work done twice.

use std::collections::HashMap;

use super::graph::{Dim, Graph, Op, Vid};
use super::infer::{infer, same_shape};
use super::tensor::Tensor;
use crate::model::plan::ir::{Binary, Kind, Op as Plan};

/// Takes away what does nothing, until nothing is left to take away.
///
/// # Errors
/// What [`infer`] says.
pub(super) fn tidy(graph: &mut Graph) -> Result<(), String> {
    // Each round only removes nodes or makes them smaller; the bound is for graphs that are none.
    for _ in 0..64 {
        infer(graph)?;
        known_sizes(graph);
        super::fold::fold(graph)?;
        let mut changed = bypass(graph);
        changed |= constant_shapes(graph);
        changed |= sink_expand(graph);
        changed |= merge_equal(graph);
        if !changed {
            break;
        }
    }
    infer(graph)
}

/// Sizes that are known whatever the run, read from a shape at run time, become constants.
fn known_sizes(graph: &mut Graph) {
    for value in &mut graph.values {
        let (None, Some(Kind::I64), Some(shape), Some(content)) =
            (&value.constant, value.kind, &value.shape, &value.content)
        else {
            continue;
        };
        let sizes: Option<Vec<usize>> = shape.iter().map(|dim| dim.known()).collect();
        let numbers: Option<Vec<i64>> = content
            .iter()
            .map(|dim| match dim {
                Dim::Known(n) => Some(*n),
                Dim::Symbol(_) => None,
            })
            .collect();
        if let (Some(sizes), Some(numbers)) = (sizes, numbers)
            && value.producer.is_some()
            && sizes.iter().product::<usize>() == numbers.len()
        {
            value.constant = Some(Tensor::i64(&sizes, numbers));
        }
    }
}

/// Reads a value where it is made and not behind a node that hands it on.
fn bypass(graph: &mut Graph) -> bool {
    let mut same: HashMap<Vid, Vid> = HashMap::new();
    let order = graph.order().unwrap_or_default();
    for &node in &order {
        let this = &graph.nodes[node];
        let Op::Plan(op) = &this.op else { continue };
        let Some(&Some(input)) = this.inputs.first() else { continue };
        let output = this.outputs[0];
        let kind = |v: Vid| graph.values[v].kind;
        let unit = |v: Vid, x: f32| {
            graph.constant(v).is_some_and(|t| t.scalar_f32() == Some(x) && t.shape.len() <= 1)
        };
        let other = this.inputs.get(1).copied().flatten();
        let through = match op {
            Plan::Identity => Some(input),
            Plan::Concat { .. } if this.inputs.len() == 1 => Some(input),
            Plan::Cast if kind(input) == kind(output) && kind(input).is_some() => Some(input),
            Plan::Reshape { .. } | Plan::Expand if same_shape(graph, input, output) => Some(input),
            Plan::Transpose { perm }
                if !perm.is_empty() && perm.iter().enumerate().all(|(i, &p)| i == p as usize) =>
            {
                Some(input)
            }
            Plan::Binary(Binary::Mul) if other.is_some_and(|o| unit(o, 1.0)) => Some(input),
            Plan::Binary(Binary::Mul) if unit(input, 1.0) => other,
            Plan::Binary(Binary::Div) if other.is_some_and(|o| unit(o, 1.0)) => Some(input),
            _ => None,
        };
        // A graph input that is an output, too, keeps the node between.
        if let Some(through) = through.filter(|&t| same_shape(graph, t, output)) {
            same.insert(output, *same.get(&through).unwrap_or(&through));
        }
    }
    // A reshape of a reshape is one.
    let mut changed = false;
    for &node in &order {
        for i in 0..graph.nodes[node].inputs.len() {
            if let Some(&through) = graph.nodes[node].inputs[i].and_then(|v| same.get(&v)) {
                graph.nodes[node].inputs[i] = Some(through);
                changed = true;
            }
        }
    }
    for i in 0..graph.outputs.len() {
        if let Some(&through) = same.get(&graph.outputs[i])
            && graph.values[through].producer.is_some()
        {
            graph.outputs[i] = through;
            changed = true;
        }
    }
    changed
}

/// A shape that is put together at run time becomes a constant where 0 and -1 can say it.
fn constant_shapes(graph: &mut Graph) -> bool {
    let mut changed = false;
    for node in graph.order().unwrap_or_default() {
        let this = &graph.nodes[node];
        let (Op::Plan(Plan::Reshape { .. }), &[Some(input), Some(target)]) = (&this.op, &this.inputs[..])
        else {
            continue;
        };
        if graph.constant(target).is_some() {
            continue;
        }
        let (Some(wanted), Some(input)) = (&graph.values[target].content, &graph.values[input].shape) else {
            continue;
        };
        let mut free = 0;
        let coded: Vec<i64> = wanted
            .iter()
            .enumerate()
            .map(|(i, &dim)| match dim {
                dim if input.get(i) == Some(&dim) && matches!(dim, Dim::Symbol(_)) => 0,
                Dim::Known(n) => {
                    free += usize::from(n == -1);
                    n
                }
                Dim::Symbol(_) => {
                    free += 1;
                    -1
                }
            })
            .collect();
        // A 0 that was meant as it stands cannot be said beside one that means "as it was".
        if free > 1 || wanted.contains(&Dim::Known(0)) {
            continue;
        }
        let name = graph.nodes[node].name.clone();
        let shape = graph.add_constant(&name, Tensor::i64(&[coded.len()], coded));
        graph.nodes[node].inputs[1] = Some(shape);
        graph.nodes[node].op = Op::Plan(Plan::Reshape { allow_zero: false });
        changed = true;
    }
    changed
}

/// Moves a broadcast behind the work on single elements, and drops it where that work broadcasts by itself.
fn sink_expand(graph: &mut Graph) -> bool {
    let mut changed = false;
    for node in graph.order().unwrap_or_default() {
        let this = graph.nodes[node].clone();
        let elementwise =
            matches!(this.op, Op::Plan(Plan::Unary(_) | Plan::Binary(_) | Plan::Where | Plan::Cast));
        if !elementwise {
            continue;
        }
        let output = this.outputs[0];
        let expanded: Vec<(usize, Vid, Option<Vid>)> = (0..this.inputs.len())
            .filter_map(|i| match graph.made_by(this.inputs[i]?)? {
                (Plan::Expand, &[Some(small), shape]) => Some((i, small, shape)),
                _ => None,
            })
            .collect();
        let Some(&(place, small, shape)) = expanded.first() else { continue };
        // Without the broadcast, do the other inputs still make the whole shape?
        let mut without = this.inputs.clone();
        without[place] = Some(small);
        if this.inputs.len() > 1 && covers(graph, &without, output) {
            graph.nodes[node].inputs = without;
            changed = true;
            continue;
        }
        let others_single = without.iter().enumerate().all(|(i, v)| {
            i == place
                || v.is_some_and(|v| graph.constant(v).is_some_and(|t| t.len() == 1 && t.shape.len() <= 1))
        });
        if expanded.len() == 1 && others_single {
            let early = graph.add(&this.name, this.op.clone(), without);
            graph.values[early].kind = graph.values[output].kind;
            graph.values[early].shape = graph.values[small].shape.clone();
            graph.place(&this.name, Op::Plan(Plan::Expand), vec![Some(early), shape], vec![output]);
            changed = true;
        }
    }
    changed
}

/// Whether inputs broadcast to surely the shape that the output has: each of its sizes is one of an input's.
fn covers(graph: &Graph, inputs: &[Option<Vid>], output: Vid) -> bool {
    let Some(wanted) = &graph.values[output].shape else { return false };
    (0..wanted.len()).all(|from_end| {
        let size = |shape: &Vec<Dim>| shape.len().checked_sub(from_end + 1).map(|i| shape[i]);
        size(wanted) == Some(Dim::Known(1))
            || inputs.iter().flatten().any(|&v| {
                graph.values[v].shape.as_ref().is_some_and(|s| size(s).is_some() && size(s) == size(wanted))
            })
    }) && inputs
        .iter()
        .flatten()
        .all(|&v| graph.values[v].shape.as_ref().is_some_and(|s| s.len() <= wanted.len()))
}

/// What is done, to what, and the kind that is made.
type Work = (String, Vec<Option<Vid>>, Option<Kind>);

/// Work that is done twice is done once.
fn merge_equal(graph: &mut Graph) -> bool {
    let mut seen: HashMap<Work, Vid> = HashMap::new();
    let mut same: HashMap<Vid, Vid> = HashMap::new();
    for node in graph.order().unwrap_or_default() {
        let inputs: Vec<Option<Vid>> =
            graph.nodes[node].inputs.iter().map(|input| input.map(|v| *same.get(&v).unwrap_or(&v))).collect();
        graph.nodes[node].inputs = inputs.clone();
        let this = &graph.nodes[node];
        let (Op::Plan(op), &[output]) = (&this.op, &this.outputs[..]) else { continue };
        let key = (format!("{op:?}"), inputs, graph.values[output].kind);
        match seen.get(&key) {
            Some(&first) => {
                same.insert(output, first);
            }
            None => {
                seen.insert(key, output);
            }
        }
    }
    let changed = !same.is_empty();
    for output in &mut graph.outputs {
        *output = *same.get(output).unwrap_or(output);
    }
    changed
}
