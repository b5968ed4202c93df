//! From a parsed file to what tract runs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tract_onnx::pb;
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::infer::Factoid;

use super::bounds::Bounds;
use super::operators::framework;
use super::options::GraphOptions;
use super::passes::simplify;
use crate::model::onnx::normalise::{branches, contrib};
use crate::{Code, Error};

/// A compiled form of a graph.
pub(super) struct Form {
    pub(super) plan: Arc<TypedSimplePlan>,
    /// The graph's inputs that it takes, in its order.
    pub(super) inputs: Vec<String>,
}

/// Compiles a normalised file.
///
/// # Errors
/// [`Code::InvalidModel`], [`Code::TooLarge`].
pub(super) fn compile(mut proto: pb::ModelProto, options: &GraphOptions) -> Result<Form, Error> {
    let bounds = Bounds { options };
    branches::resolve(&mut proto, &mut |question| Ok(answer(question, &bounds)))?;
    check_operators(&proto, &options.label)?;
    guarded(options, || {
        let bad = |e: TractError| bounds.invalid(&e);
        let names = |values: &[pb::ValueInfoProto]| values.iter().map(|v| v.name.clone()).collect::<Vec<_>>();
        let graph = proto.graph.as_ref();
        let (inputs, outputs) = graph.map(|g| (names(&g.input), names(&g.output))).unwrap_or_default();
        let mut model = read(&proto)
            .and_then(|m| m.with_input_names(&inputs))
            .and_then(|m| m.with_outputs_by_name(&outputs))
            .map_err(bad)?;
        bounds.check_folding(&mut model)?;
        let model = model.into_typed().map_err(bad)?;
        bounds.check_values(&model)?;
        Ok(Form { plan: runnable(model, &bounds)?, inputs })
    })
}

/// Refuses a graph with an operator that tract has not. What lies in a graph within an operator is left to tract.
///
/// # Errors
/// [`Code::InvalidModel`] naming the operator.
pub(super) fn check_operators(proto: &pb::ModelProto, label: &str) -> Result<(), Error> {
    let framework = framework();
    for node in proto.graph.iter().flat_map(|g| &g.node) {
        // tract looks at an operator's type alone: one of another domain would be run as ONNX's own of that name.
        let known = contrib::is_standard(node) && framework.op_register.0.contains_key(&node.op_type);
        if !known {
            let domain = if node.domain.is_empty() { String::new() } else { format!("{}:", node.domain) };
            return Err(Error::new(
                Code::InvalidModel,
                format!(
                    "{label} does not load: no backend here has operator {domain}{} ({:?})",
                    node.op_type, node.name
                ),
            ));
        }
    }
    Ok(())
}

/// Reads a graph as tract does, with what every size is: not negative.
fn read(proto: &pb::ModelProto) -> TractResult<InferenceModel> {
    let model = framework().model_for_proto_model(proto)?;
    for symbol in model.symbols.all_symbols() {
        model.symbols.add_assertion(format!("{symbol} >= 0"))?;
    }
    Ok(model)
}

/// tract's plan: simplified as far as tract can without failing.
fn runnable(model: TypedModel, bounds: &Bounds<'_>) -> Result<Arc<TypedSimplePlan>, Error> {
    let whole = |m: TypedModel| simplify(m).and_then(|m| m.into_runnable());
    let plain = |mut m: TypedModel| m.optimize().and_then(|()| m.into_runnable());
    let first = match catch_unwind(AssertUnwindSafe(|| whole(model.clone()))) {
        Ok(Ok(plan)) => return Ok(plan),
        Ok(Err(error)) => bounds.invalid(&error),
        Err(panic) => bounds.invalid(&TractError::msg(panic_text(&*panic).to_owned())),
    };
    // A pass that simplifies may fail on a graph that runs well without it.
    match catch_unwind(AssertUnwindSafe(|| plain(model))) {
        Ok(Ok(plan)) => Ok(plan),
        Ok(Err(_)) | Err(_) => Err(first),
    }
}

/// What the graph itself says of a condition, from the shapes of its inputs; `None` if those do not tell.
fn answer(question: &pb::ModelProto, bounds: &Bounds<'_>) -> Option<bool> {
    let found = guarded(bounds.options, || {
        let bad = |e: TractError| bounds.invalid(&e);
        let mut model = read(question).map_err(bad)?;
        bounds.check_folding(&mut model)?;
        let outlet = model.output_outlets().map_err(bad)?[0];
        let fact = model.outlet_fact(outlet).map_err(bad)?;
        if let Some(value) = fact.value.concretize() {
            return value.cast_to_scalar::<bool>().map_err(bad);
        }
        let model = model.into_typed().map_err(bad)?;
        bounds.check_values(&model)?;
        let model = model.into_decluttered().map_err(bad)?;
        let fact = model.output_fact(0).map_err(bad)?;
        let value = fact.konst.as_ref().ok_or_else(|| Error::new(Code::InvalidModel, "not known"))?;
        value.cast_to_scalar::<bool>().map_err(bad)
    });
    found.ok()
}

/// Runs `body`; a panic, which is how tract ends on some broken files, is an error.
fn guarded<T>(options: &GraphOptions, body: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(body)).map_err(|panic| {
        let why = panic_text(&*panic);
        Error::new(Code::InvalidModel, format!("{} does not load: tract gave up on it: {why}", options.label))
    })?
}

/// An error and its causes on one line.
pub(super) fn one_line(error: &TractError) -> String {
    let chain: Vec<String> = error.chain().map(|e| e.to_string()).collect();
    let line = chain.join(": ").split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(300).collect()
}

/// What a panic said.
pub(super) fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no reason given")
}
