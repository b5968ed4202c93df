//! From an ONNX graph to a [plan](crate::model::plan): recognised forms become fused operators, one file each.
//!
//! A graph compiles whole or not at all. What stands in the way is named, and the caller decides what runs the file
//! instead.

mod activation;
mod attention;
mod cache;
mod dense;
mod embedding;
mod emit;
mod expand;
mod fold;
mod graph;
mod import;
mod infer;
mod norm;
mod operators;
mod pattern;
mod quantised;
mod tensor;
mod tidy;

use std::panic::{AssertUnwindSafe, catch_unwind};

use tract_onnx::pb;
use tract_onnx::prelude::Framework;

use crate::Error;
use crate::model::onnx::normalise::{Budget, Fixed, branches, normalise};
use crate::model::plan::ir::{Form, Plan};

/// How a graph is compiled.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// What the caller knows of the inputs better than the file.
    pub fixed: Fixed,
    /// The outputs wanted, in this order; all of the file's if not given.
    pub outputs: Option<Vec<String>>,
    /// What becomes of weights that the file keeps in `f32` or half precision.
    pub weights: WeightForm,
    /// Attention in `f32` also where the linear layers are int8.
    pub exact_attention: bool,
    /// Keys and values of a decoder's past become caches, which a state keeps and a run makes longer in place:
    /// [`Plan::caches`] says which inputs and outputs went into them.
    pub caches: bool,
    /// Refuse a graph that rounds to half precision on its way; plans leave that rounding out.
    pub exact_half: bool,
}

/// What becomes of weights that a file keeps in floating point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WeightForm {
    /// They stay so, and every product is computed as the file says: in `f32` where it unfolds bytes first, and with one
    /// scale for a whole value where it rounds by one. Comes closest to what other engines give of the file.
    Exact,
    /// They stay so. Products with weights in bytes are of bytes, and inputs are rounded by rows: faster, and closer to
    /// the `f32` original.
    #[default]
    AsStored,
    /// Int8: linear layers by columns, large embedding tables by rows.
    Int8,
}

/// A compiled graph.
pub struct Compiled {
    /// The plan.
    pub plan: Plan,
    /// The bytes of its constants.
    pub constants: Vec<u8>,
}

/// Why a graph has no plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The graph uses an operator, or a use of one, that plans lack.
    Operator {
        /// Its type.
        op: String,
        /// The node's name.
        node: String,
    },
    /// The graph contradicts itself, or its kinds are not known.
    Invalid(String),
}

impl Refusal {
    fn invalid(why: impl Into<String>) -> Self {
        Self::Invalid(why.into())
    }

    fn operator(op: &str, node: &str) -> Self {
        Self::Operator { op: op.to_owned(), node: node.to_owned() }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Invalid(error.message)
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Operator { op, node } => write!(f, "node {node:?} of type {op} stands in the way"),
            Self::Invalid(why) => f.write_str(why),
        }
    }
}

/// Compiles an ONNX file that [`crate::model::onnx::inspect`] let pass.
///
/// # Errors
/// Why the graph has no plan.
/// # Cost
/// A few passes over the nodes; weights are copied once where they are packed.
pub fn compile(file: &[u8], options: &Options) -> Result<Compiled, Refusal> {
    guarded(|| {
        let mut proto = tract_onnx::onnx()
            .proto_model_for_read(&mut &file[..])
            .map_err(|e| Refusal::invalid(format!("{e:#}")))?;
        normalise(
            &mut proto,
            &options.fixed,
            options.outputs.as_deref(),
            &mut Budget::new(MAX_UNFOLDED_BYTES),
        )?;
        compile_proto(&mut proto, options)
    })
}

/// Compiles a graph that is normalised, as `options` say, already.
///
/// # Errors
/// Why the graph has no plan.
pub(super) fn compile_normalised(mut proto: pb::ModelProto, options: &Options) -> Result<Compiled, Refusal> {
    guarded(|| compile_proto(&mut proto, options))
}

/// The parser asserts what it takes for granted; on a file that breaks it that is a panic, and here a refusal.
fn guarded(compile: impl FnOnce() -> Result<Compiled, Refusal>) -> Result<Compiled, Refusal> {
    catch_unwind(AssertUnwindSafe(compile))
        .unwrap_or_else(|_| Err(Refusal::invalid("the compiler gave up on it")))
}

/// The most bytes that weights of few bits may unfold to while a graph is normalised.
const MAX_UNFOLDED_BYTES: u64 = 1 << 28;

fn compile_proto(model: &mut pb::ModelProto, options: &Options) -> Result<Compiled, Refusal> {
    branches::resolve(model, &mut |question| Ok(answer(question)))?;
    if options.exact_half
        && let Some(node) = model.graph.iter().flat_map(|g| &g.node).find(|node| rounds_to_half(node))
    {
        return Err(Refusal::operator("Cast to half precision", &node.name));
    }
    let mut graph = import::import(model, options.outputs.as_deref()).map_err(Refusal::Invalid)?;
    tidy::tidy(&mut graph).map_err(Refusal::Invalid)?;
    if expand::expand(&mut graph) {
        tidy::tidy(&mut graph).map_err(Refusal::Invalid)?;
    }
    if activation::fuse(&mut graph) {
        tidy::tidy(&mut graph).map_err(Refusal::Invalid)?;
    }
    norm::fuse(&mut graph);
    quantised::fuse(&mut graph, options.weights == WeightForm::Exact);
    let precision = match options.weights {
        WeightForm::Exact => dense::Precision::Exact,
        WeightForm::AsStored => dense::Precision::Keep,
        WeightForm::Int8 => dense::Precision::Int8,
    };
    dense::fuse(&mut graph, precision);
    tidy::tidy(&mut graph).map_err(Refusal::Invalid)?;
    dense::absorb(&mut graph);
    embedding::fuse(&mut graph);
    if precision == dense::Precision::Int8 {
        embedding::quantise(&mut graph);
    }
    tidy::tidy(&mut graph).map_err(Refusal::Invalid)?;
    let form = if !options.exact_attention && has_int8(&graph) { Form::I8 } else { Form::F32 };
    attention::fuse(&mut graph, form);
    tidy::tidy(&mut graph).map_err(Refusal::Invalid)?;
    attention::merge_operands(&mut graph);
    norm::take_residual(&mut graph);
    if options.caches {
        cache::fuse(&mut graph);
    }
    fold::fold_all(&mut graph).map_err(Refusal::Invalid)?;
    infer::infer(&mut graph).map_err(Refusal::Invalid)?;
    let (plan, constants) = emit::emit(&graph)?;
    Ok(Compiled { plan, constants })
}

/// Whether this is one of the casts that normalising puts where ONNX Runtime rounds.
fn rounds_to_half(node: &pb::NodeProto) -> bool {
    node.op_type == "Cast" && node.attribute.iter().any(|a| a.name == "to" && a.i == 10)
}

/// What the sizes of a graph's inputs say of a condition; `None` if they do not tell.
fn answer(question: &pb::ModelProto) -> Option<bool> {
    let mut graph = import::import(question, None).ok()?;
    tidy::tidy(&mut graph).ok()?;
    let value = &graph.values[*graph.outputs.first()?];
    let first = match &value.constant {
        Some(constant) => *constant.integers()?.first()?,
        None => match value.content.as_deref()? {
            &[graph::Dim::Known(n)] => n,
            _ => return None,
        },
    };
    Some(first != 0)
}

/// Whether a layer's products are of bytes whose rows have scales of their own.
fn has_int8(graph: &graph::Graph) -> bool {
    graph.order().unwrap_or_default().into_iter().any(|node| match &graph.nodes[node].op {
        graph::Op::Dense(dense) => {
            matches!(&dense.weights, dense::Weights::I8 { rows: dense::Rows::Dynamic { .. }, .. })
        }
        _ => false,
    })
}
