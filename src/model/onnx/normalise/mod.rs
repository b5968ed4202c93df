//! Real files made fit for a compiler: what exporters leave behind, what a caller fixes, and operators that are not
//! ONNX's own, rewritten into those that are.
//!
//! Every step is a function over the parsed file; one file a step. Nothing here needs a pack, or runs a model, but
//! [`branches`], which asks the graph itself which branch it takes.

pub mod branches;
mod budget;
mod build;
pub mod contrib;
mod dead;
mod few_bits;
mod functions;
mod inputs;
mod log_softmax;
mod names;
mod ranks;
mod recurrent;
mod rewrite;
mod slices;
mod stale;
pub mod stored;
mod visit;
mod widen;

use tract_onnx::pb;

use crate::{Code, Error};

pub use budget::Budget;
pub(crate) use build::FEW_BITS;
pub use inputs::{Declared, Fixed, InputSpec, Size, declared, fix as fix_inputs, fix_integer};
pub use widen::Half;

/// Makes `proto` fit: functions put in place, names given, stale shapes forgotten, inputs fixed as `fixed` says,
/// operators of other domains rewritten, and what no output needs dropped.
///
/// The result has the meaning of the file, with `outputs` alone if that is given. Operators that it holds are those of
/// ONNX's newest sets, whatever set the file names: `LayerNormalization` stands in graphs that are older than it.
///
/// # Errors
/// [`Code::InvalidModel`] naming the operator or value; [`Code::TooLarge`] if the constants that it makes exceed
/// `budget`.
/// # Cost
/// A few passes over the operators. Constants are read only where an operator of another domain has them as weights.
pub fn normalise(
    proto: &mut pb::ModelProto,
    fixed: &Fixed,
    outputs: Option<&[String]>,
    budget: &mut Budget,
) -> Result<(), Error> {
    functions::inline(proto, budget)?;
    let opset = opset(proto);
    let Some(graph) = proto.graph.as_mut() else {
        return Err(Error::new(Code::InvalidModel, "the ONNX file holds no graph"));
    };
    if let Some(outputs) = outputs {
        dead::select(graph, outputs)?;
    }
    names::give(graph)?;
    stale::forget(graph);
    inputs::fix(graph, fixed)?;
    dead::drop_unused(graph);
    few_bits::unpack(graph, budget)?;
    widen::widen(graph, fixed.half, budget)?;
    contrib::rewrite(graph, opset, budget)?;
    few_bits::unfold(graph, opset, budget)?;
    dead::drop_unused(graph);
    Ok(())
}

/// Writes operators that tract runs wrongly, or not at all, as others that it runs well. The meaning stays.
///
/// # Errors
/// [`Code::TooLarge`] if the constants that it makes exceed `budget`.
pub fn suit_tract(proto: &mut pb::ModelProto, budget: &mut Budget) -> Result<(), Error> {
    let opset = opset(proto);
    let Some(graph) = proto.graph.as_mut() else { return Ok(()) };
    recurrent::rewrite(graph, opset, budget)?;
    slices::clamp(graph, opset, budget)?;
    log_softmax::rewrite(graph, opset, budget)?;
    Ok(())
}

/// The version of ONNX's own operators that the file is written in.
pub(crate) fn opset(proto: &pb::ModelProto) -> i64 {
    let own = |set: &&pb::OperatorSetIdProto| set.domain.is_empty() || set.domain == "ai.onnx";
    proto.opset_import.iter().find(own).map_or(0, |set| set.version)
}

/// A graph that cannot be what it says.
fn invalid(message: String) -> Error {
    Error::new(Code::InvalidModel, message)
}
