//! What hangs on constants alone is computed once, by the operators that a run would use.

use std::sync::Arc;

use super::graph::{Graph, Nid, Op, Vid};
use super::tensor::{Data, Tensor};
use crate::kernels::Isa;
use crate::model::control::Control;
use crate::model::plan::arena::Constants;
use crate::model::plan::data;
use crate::model::plan::ir::{self, Op as Plan, Place};
use crate::model::plan::run::{Input, Program, State};
use crate::model::plan::threads::Threads;

/// The most elements of a value that is made from constants.
const MAX_ELEMENTS: usize = 1 << 24;
/// The most bytes by which values that are made from constants may exceed what they are made from, in sum.
const MAX_BYTES: usize = 1 << 27;

/// Replaces by a constant whatever has only constants for inputs, but for weights in bytes: those stay bytes.
///
/// # Errors
/// The name of a node that cannot be computed, and why.
pub(super) fn fold(graph: &mut Graph) -> Result<(), String> {
    fold_where(graph, |graph, node| !unfolds_bytes(graph, node))
}

/// As [`fold`], with weights in bytes that no rewrite took.
///
/// # Errors
/// As [`fold`].
pub(super) fn fold_all(graph: &mut Graph) -> Result<(), String> {
    fold_where(graph, |_, _| true)
}

fn fold_where(graph: &mut Graph, may: impl Fn(&Graph, Nid) -> bool) -> Result<(), String> {
    for node in graph.order().unwrap_or_default() {
        let this = &graph.nodes[node];
        let Op::Plan(op) = &this.op else { continue };
        let constant = !this.inputs.is_empty()
            && this.inputs.iter().flatten().all(|&v| graph.constant(v).is_some())
            && this.inputs.iter().any(Option::is_some);
        if !constant || !may(graph, node) || !small(graph, node) {
            continue;
        }
        let results = evaluate(graph, op, node).map_err(|why| format!("node {:?}: {why}", this.name))?;
        let outputs = this.outputs.clone();
        let size = |t: &Tensor| t.len() * t.kind().size();
        let taken: usize = this.inputs.iter().flatten().filter_map(|&v| graph.constant(v)).map(size).sum();
        graph.folded += results.iter().map(size).sum::<usize>().saturating_sub(taken);
        if graph.folded > MAX_BYTES {
            return Err(format!(
                "its constants unfold to {} bytes; at most {MAX_BYTES} are allowed",
                graph.folded
            ));
        }
        for (output, result) in outputs.into_iter().zip(results) {
            let value = &mut graph.values[output];
            value.shape = Some(result.shape.iter().map(|&d| super::graph::Dim::Known(d as i64)).collect());
            value.kind = Some(result.kind());
            value.constant = Some(result);
        }
    }
    Ok(())
}

/// Whether a node turns a matrix of bytes into numbers of four times the size.
fn unfolds_bytes(graph: &Graph, node: Nid) -> bool {
    let this = &graph.nodes[node];
    let bytes = |v: Vid| {
        graph.constant(v).is_some_and(|t| matches!(t.data, Data::I8(_) | Data::U8(_)) && t.shape.len() >= 2)
    };
    let input = this.inputs.first().copied().flatten();
    matches!(this.op, Op::Plan(Plan::Dequantise { .. } | Plan::Cast)) && input.is_some_and(bytes)
}

/// Whether what a node makes is known to be of a bounded size before it is made.
fn small(graph: &Graph, node: Nid) -> bool {
    graph.nodes[node].outputs.iter().all(|&output| {
        let shape = graph.values[output].shape.as_ref();
        let sizes = shape.and_then(|s| s.iter().map(|d| d.known()).collect::<Option<Vec<_>>>());
        let volume = sizes.and_then(|s| s.iter().try_fold(1_usize, |v, &d| v.checked_mul(d)));
        volume.is_some_and(|v| v <= MAX_ELEMENTS)
    })
}

fn evaluate(graph: &Graph, op: &Plan, node: Nid) -> Result<Vec<Tensor>, String> {
    let this = &graph.nodes[node];
    let mut plan = ir::Plan::default();
    let mut tensors = Vec::new();
    let mut step = ir::Step { op: op.clone(), inputs: vec![], outputs: vec![], name: this.name.clone() };
    for input in &this.inputs {
        let Some(tensor) = input.and_then(|v| graph.constant(v)) else {
            step.inputs.push(ir::ABSENT);
            continue;
        };
        let id = plan.values.len() as u32;
        let place = Place::Input(tensors.len() as u32);
        plan.values.push(ir::Value { kind: tensor.kind(), place });
        plan.inputs.push(ir::Port { name: String::new(), value: id });
        step.inputs.push(id);
        tensors.push(tensor);
    }
    for &output in &this.outputs {
        let kind = graph.values[output].kind.ok_or("its kind is not known")?;
        let id = plan.values.len() as u32;
        plan.values.push(ir::Value { kind, place: Place::Slot(plan.slots) });
        plan.slots += 1;
        plan.outputs.push(ir::Port { name: String::new(), value: id });
        step.outputs.push(id);
    }
    plan.steps.push(step);
    let count = plan.outputs.len();
    let program = Program::new(plan, Constants::copy_of(&[])).map_err(|e| e.message)?;
    let inputs: Vec<Input<'_>> =
        tensors.iter().map(|t| Input { shape: &t.shape, data: borrow(&t.data) }).collect();
    let mut state = State::new();
    program
        .run(&mut state, Isa::Scalar, &Threads::none(), &inputs, &Control::unlimited())
        .map_err(|e| e.message)?;
    (0..count)
        .map(|i| {
            let view = state.output(&program, i).map_err(|e| e.message)?;
            Ok(Tensor { shape: view.shape.to_vec(), data: own(view.data) })
        })
        .collect()
}

fn borrow(data: &Data) -> data::Data<'_> {
    match data {
        Data::F32(v) => data::Data::F32(v),
        Data::I64(v) => data::Data::I64(v),
        Data::I32(v) => data::Data::I32(v),
        Data::Bool(v) => data::Data::Bool(v),
        Data::U8(v) => data::Data::U8(v),
        Data::I8(v) => data::Data::I8(v),
    }
}

fn own(data: data::Data<'_>) -> Data {
    match data {
        data::Data::F32(v) => Data::F32(Arc::new(v.to_vec())),
        data::Data::I64(v) => Data::I64(Arc::new(v.to_vec())),
        data::Data::I32(v) => Data::I32(Arc::new(v.to_vec())),
        data::Data::Bool(v) => Data::Bool(Arc::new(v.to_vec())),
        data::Data::U8(v) => Data::U8(Arc::new(v.to_vec())),
        data::Data::I8(v) => Data::I8(Arc::new(v.to_vec())),
    }
}
