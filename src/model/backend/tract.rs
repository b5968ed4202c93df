//! tract: any ONNX file, in pure Rust.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tract_onnx::pb;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::plan::eval;
use tract_onnx::tract_hir::infer::Factoid;

use crate::model::backend::{Backend, graph_names};
use crate::model::control::Control;
use crate::model::family::{self, Axis, TensorSpec};
use crate::model::manifest::Manifest;
use crate::model::pack::Pack;
use crate::model::tensor::{Data, Tensor};
use crate::{Code, Error};

/// The most bytes that one value of a graph may take at the longest window.
const MAX_VALUE_BYTES: u64 = 1 << 30;
/// The most bytes that all values made from constants alone may take while a graph is loaded.
const MAX_FOLDED_BYTES: u64 = 1 << 28;
/// Operators, by the start of tract's name for them, whose inputs tell the size of what they make.
const SIZED: &[&str] =
    &["ConstantOfShape", "Expand", "MultiBroadcast", "OneHot", "Pad", "Range", "Reshape", "Resize", "Tile"];
/// The name of the axis that runs over a window's tokens.
const SEQUENCE: &str = "S";

/// A model as tract runs it, for windows of any length.
pub(super) struct Tract {
    plan: Arc<TypedSimplePlan>,
    pack: String,
}

impl Tract {
    pub(super) fn new(pack: &Pack) -> Result<Self, Error> {
        let name = &pack.manifest().name;
        // tract asserts its invariants; on a file that breaks them that is a panic, and here an error.
        let plan = catch_unwind(AssertUnwindSafe(|| compile(pack)))
            .map_err(|panic| invalid(name, &format!("tract gave up on it: {}", panic_text(&*panic))))??;
        Ok(Self { plan, pack: name.clone() })
    }
}

impl Backend for Tract {
    fn run(&self, inputs: &[Tensor], control: &Control) -> Result<Vec<Tensor>, Error> {
        let mut values = tvec!();
        for input in inputs {
            let value = match input.data() {
                Data::I64(v) => tract_onnx::prelude::Tensor::from_shape(input.shape(), v),
                Data::F32(v) => tract_onnx::prelude::Tensor::from_shape(input.shape(), v),
            };
            values.push(value.map_err(|e| failed(&self.pack, &e))?.into_tvalue());
        }
        let mut state = self.plan.spawn().map_err(|e| failed(&self.pack, &e))?;
        let mut stopped = None;
        // A graph may ask for what an operator cannot do, a row that a table has not: tract panics on some of it.
        let outputs = catch_unwind(AssertUnwindSafe(|| {
            state.run_plan_with_eval(values, |context, op_state, node, input| {
                if let Err(stop) = control.check() {
                    stopped = Some(stop);
                    return Err(TractError::msg("stopped"));
                }
                eval(context, op_state, node, input)
            })
        }));
        let outputs =
            outputs.map_err(|panic| failed(&self.pack, &TractError::msg(panic_text(&*panic).to_owned())))?;
        if let Some(stop) = stopped {
            return Err(stop);
        }
        let outputs = outputs.map_err(|e| failed(&self.pack, &e))?;
        outputs.iter().map(|value| self.output(value)).collect()
    }
}

impl Tract {
    fn output(&self, value: &TValue) -> Result<Tensor, Error> {
        let view = value.to_plain_array_view::<f32>().map_err(|e| failed(&self.pack, &e))?;
        Tensor::new(view.shape().to_vec(), Data::F32(view.iter().copied().collect()))
    }
}

fn compile(pack: &Pack) -> Result<Arc<TypedSimplePlan>, Error> {
    let manifest = pack.manifest();
    let bad = |e: TractError| invalid(&manifest.name, &one_line(&e));
    let mut proto = onnx().proto_model_for_read(&mut &pack.model()[..]).map_err(bad)?;
    normalise(&mut proto, manifest)?;
    let (inputs, outputs) = graph_names(manifest)?;
    let mut model = onnx()
        .model_for_proto_model(&proto)
        .and_then(|m| m.with_input_names(&inputs))
        .and_then(|m| m.with_outputs_by_name(&outputs))
        .map_err(bad)?;
    check_folding(&mut model, manifest)?;
    let model = model.into_typed().map_err(bad)?;
    check_values(&model, manifest)?;
    model.into_decluttered().and_then(|m| m.into_optimized()).and_then(|m| m.into_runnable()).map_err(bad)
}

/// Forgets the shapes that an exporter left behind and states the family's, so that no stale one contradicts them.
fn normalise(proto: &mut pb::ModelProto, manifest: &Manifest) -> Result<(), Error> {
    let family = family::find(&manifest.family)?;
    let Some(graph) = proto.graph.as_mut() else {
        return Err(invalid(&manifest.name, "it holds no graph"));
    };
    graph.value_info.clear();
    for output in &mut graph.output {
        output.r#type = None;
    }
    let by_name: HashMap<&str, &TensorSpec> =
        family.inputs().iter().map(|s| (manifest.model.inputs[s.name].as_str(), s)).collect();
    for input in &mut graph.input {
        if let Some(spec) = by_name.get(input.name.as_str()) {
            input.r#type = Some(type_proto(spec, manifest));
        }
    }
    Ok(())
}

fn type_proto(spec: &TensorSpec, manifest: &Manifest) -> pb::TypeProto {
    use pb::tensor_shape_proto::{Dimension, dimension::Value};
    let dim = spec
        .axes
        .iter()
        .map(|axis| {
            let value = match axis {
                Axis::Fixed(n) => Value::DimValue(*n as i64),
                Axis::Labels => Value::DimValue(manifest.labels.len() as i64),
                Axis::Sequence => Value::DimParam(SEQUENCE.to_owned()),
            };
            Dimension { value: Some(value), ..Default::default() }
        })
        .collect();
    pb::TypeProto {
        value: Some(pb::type_proto::Value::TensorType(pb::type_proto::Tensor {
            elem_type: spec.element as i32,
            shape: Some(pb::TensorShapeProto { dim }),
        })),
        ..Default::default()
    }
}

/// Refuses a graph whose constants unfold to more than fits: tract computes what hangs on constants alone while it
/// analyses a graph, so each operator's size is looked at before it is let do that.
fn check_folding(model: &mut InferenceModel, manifest: &Manifest) -> Result<(), Error> {
    let bad = |e: TractError| invalid(&manifest.name, &one_line(&e));
    let mut folded = 0_u64;
    for id in model.eval_order().map_err(bad)? {
        let node = model.node(id);
        let (inputs, outputs) = model.node_facts(id).map_err(bad)?;
        let observed = node.op.observe_outlets(model, node).map_err(bad)?;
        let observed: Result<TVec<_>, _> = observed.into_iter().map(|o| model.outlet_fact(o)).collect();
        let observed = observed.map_err(bad)?;
        check_sizes(&node.op.name(), &node.name, &inputs, manifest)?;
        let mut op = node.op.clone();
        let shapes = op.infer_facts(inputs.clone(), outputs.clone(), observed.clone());
        let (_, shapes, _) = shapes.map_err(|e| bad(e.context(node.name.clone())))?;
        let is_constant = !inputs.is_empty() && inputs.iter().all(|fact| fact.value.is_concrete());
        for fact in &shapes {
            let Some((shape, kind)) = fact.shape.concretize().zip(fact.datum_type.concretize()) else {
                continue;
            };
            let bytes = value_bytes(&shape, kind, &model.symbols, manifest);
            folded = folded.saturating_add(bytes.filter(|_| is_constant).unwrap_or(0));
            let most = if is_constant { MAX_FOLDED_BYTES } else { MAX_VALUE_BYTES };
            if let Some(bytes) = bytes.max(Some(folded)).filter(|&b| b > most) {
                return Err(too_large(manifest, &node.name, bytes, most));
            }
        }
        // What it finds is kept: the sizes of the next operators hang on these values.
        let (_, found, _) =
            op.infer(inputs, outputs, observed).map_err(|e| bad(e.context(node.name.clone())))?;
        for (slot, fact) in found.into_iter().enumerate() {
            model.set_outlet_fact(OutletId::new(id, slot), fact).map_err(bad)?;
        }
    }
    Ok(())
}

/// Refuses an operator that is told a size beyond 32 bits: tract loses the upper half of such a size on its way to the
/// value's shape, but not on its way to the memory.
fn check_sizes(op: &str, name: &str, inputs: &[&InferenceFact], manifest: &Manifest) -> Result<(), Error> {
    if !SIZED.iter().any(|sized| op.starts_with(sized)) {
        return Ok(());
    }
    for value in inputs.iter().filter_map(|fact| fact.value.concretize()).filter(|v| v.volume() <= 16) {
        let Ok(sizes) = value.cast_to::<i64>() else { continue };
        let Ok(sizes) = sizes.to_plain_array_view::<i64>() else { continue };
        if let Some(size) = sizes.iter().find(|size| size.unsigned_abs() > u64::from(u32::MAX >> 1)) {
            return Err(too_large(manifest, name, size.unsigned_abs(), MAX_FOLDED_BYTES));
        }
    }
    Ok(())
}

/// Refuses a graph with a value that would not fit, before it is made.
fn check_values(model: &TypedModel, manifest: &Manifest) -> Result<(), Error> {
    for node in model.nodes() {
        for output in &node.outputs {
            let fact = &output.fact;
            let bytes = value_bytes(&fact.shape, fact.datum_type, &model.symbols, manifest);
            if let Some(bytes) = bytes.filter(|&b| b > MAX_VALUE_BYTES) {
                return Err(too_large(manifest, &node.name, bytes, MAX_VALUE_BYTES));
            }
        }
    }
    Ok(())
}

/// What a value of this shape takes at the longest window; `None` if that hangs on the data.
fn value_bytes(shape: &[TDim], kind: DatumType, symbols: &SymbolScope, manifest: &Manifest) -> Option<u64> {
    let longest = SymbolValues::default().with(&symbols.sym(SEQUENCE), manifest.limits.max_tokens as i64);
    shape.iter().try_fold(kind.size_of() as u64, |bytes, dim| {
        let dim = u64::try_from(dim.eval(&longest).to_i64().ok()?).ok()?;
        Some(bytes.saturating_mul(dim))
    })
}

fn too_large(manifest: &Manifest, node: &str, bytes: u64, most: u64) -> Error {
    Error::new(
        Code::TooLarge,
        format!(
            "{} of pack {}: {bytes} bytes with the value of {node:?}; at most {most} are allowed",
            manifest.model.file, manifest.name
        ),
    )
}

fn one_line(error: &TractError) -> String {
    let chain: Vec<String> = error.chain().map(|e| e.to_string()).collect();
    let line = chain.join(": ").split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(300).collect()
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no reason given")
}

fn invalid(pack: &str, why: &str) -> Error {
    Error::new(Code::InvalidModel, format!("the model of pack {pack} does not load: {why}"))
}

fn failed(pack: &str, error: &TractError) -> Error {
    Error::new(Code::InvalidModel, format!("the model of pack {pack} failed in a run: {}", one_line(error)))
}
