//! Any ONNX file, loaded and run by the names of its inputs and outputs.
//!
//! A graph whose operators plans have all of becomes a [plan](crate::model::plan), which computes as the file says: what it
//! multiplies in `f32` stays so, and what it rounds by one scale has one. Any other runs whole on tract, compiled
//! once with its free sizes left free, if it can be. If not - an operator needs a size, or a branch hangs on one - it is
//! compiled in a run, for the sizes of that run, and kept for the next run with the same ones.

mod bounds;
mod compile;
mod engine;
mod operators;
mod options;
mod passes;
mod planned;
mod ports;
mod values;

use std::panic::{AssertUnwindSafe, catch_unwind};

use tract_onnx::pb;
use tract_onnx::prelude::Framework;

pub use options::{Fixed, GraphOptions, Half, InputSpec, Runner, Size};

use crate::model::control::Control;
use crate::model::onnx::{self, normalise};
use crate::model::plan::ir::Kind;
use crate::model::tensor::Tensor;
use crate::{Code, Error};

/// An input or output of a graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Its name.
    pub name: String,
    /// Its elements; `None` for an output where the file does not say, or says one that a [`Kind`] cannot tell.
    pub kind: Option<Kind>,
    /// One size per axis, where the file says.
    pub shape: Option<Vec<Size>>,
}

/// An ONNX file, ready to run. Shared by threads.
pub struct Graph {
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    label: String,
    engine: Engine,
}

enum Engine {
    Plan(Box<planned::Planned>),
    /// With what stands in the way of a plan.
    Tract(Box<engine::Engine>, String),
}

impl Graph {
    /// Reads, checks and compiles an ONNX file.
    ///
    /// # Errors
    /// [`Code::InvalidModel`] if it cannot be parsed, or uses what cannot be run; [`Code::TooLarge`] if it exceeds a
    /// bound of [`crate::model::onnx`] or a budget; [`Code::InvalidArgument`] if the options name what it has not;
    /// [`Code::Unavailable`] if they ask for a plan and it has none.
    pub fn load(bytes: &[u8], options: &GraphOptions) -> Result<Self, Error> {
        let summary = onnx::inspect(bytes)?;
        let unread = |code, why: String| Error::new(code, format!("{} does not load: {why}", options.label));
        let mut proto = read(bytes).map_err(|why| unread(Code::InvalidModel, why))?;
        let mut budget = normalise::Budget::new(options.max_folded_bytes);
        normalise::normalise(&mut proto, &options.fixed, options.outputs.as_deref(), &mut budget)
            .map_err(|e| unread(e.code, e.message))?;
        let (inputs, outputs) = ports::of(&proto, &summary);
        let plan = match options.runner {
            Some(Runner::Tract) => Err("it was to run on tract".to_owned()),
            _ => planned::Planned::load(proto.clone(), &inputs, options),
        };
        let engine = match plan {
            Ok(plan) => Engine::Plan(Box::new(plan)),
            Err(why) if options.runner == Some(Runner::Plan) => {
                return Err(Error::new(Code::Unavailable, format!("{} has no plan: {why}", options.label)));
            }
            Err(why) => {
                Engine::Tract(Box::new(engine::Engine::load(proto, &inputs, options, &mut budget)?), why)
            }
        };
        Ok(Self { inputs, outputs, label: options.label.clone(), engine })
    }

    /// What runs the graph.
    pub fn runner(&self) -> Runner {
        match self.engine {
            Engine::Plan(_) => Runner::Plan,
            Engine::Tract(..) => Runner::Tract,
        }
    }

    /// What stands in the way of a plan; `None` if the graph has one.
    pub fn no_plan(&self) -> Option<&str> {
        match &self.engine {
            Engine::Plan(_) => None,
            Engine::Tract(_, why) => Some(why),
        }
    }

    /// What a run takes, in the file's order.
    pub fn inputs(&self) -> &[Port] {
        &self.inputs
    }

    /// What a run gives, in the order of the options or else the file's.
    pub fn outputs(&self) -> &[Port] {
        &self.outputs
    }

    /// Why the graph is compiled in runs and not once and for all; `None` if it was at load.
    pub fn deferred(&self) -> Option<&Error> {
        match &self.engine {
            Engine::Plan(_) => None,
            Engine::Tract(engine, _) => engine.deferred(),
        }
    }

    /// Runs the graph. Inputs may come in any order; all must be there.
    ///
    /// Half and double precision go in and come out as `f32`, 16-bit integers and unsigned 32-bit ones come out as
    /// wider signed ones.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`] naming an input that is missing, unknown, or of another kind or shape;
    /// [`Code::TooLarge`] if a value would exceed its budget; [`Code::InvalidModel`] if an operator fails; what
    /// `control` says, looked at between operators.
    pub fn run(&self, inputs: &[(&str, Tensor)], control: &Control) -> Result<Vec<(String, Tensor)>, Error> {
        let refuse = |why: String| Err(Error::new(Code::InvalidArgument, why));
        if let Some((name, _)) = inputs.iter().find(|(name, _)| !self.inputs.iter().any(|p| p.name == *name))
        {
            return refuse(format!("{} has no input {name:?}", self.label));
        }
        let mut ordered = Vec::with_capacity(self.inputs.len());
        for port in &self.inputs {
            let mut given = inputs.iter().filter(|(name, _)| *name == port.name);
            let Some((_, tensor)) = given.next() else {
                return refuse(format!("input {:?} of {} is not given", port.name, self.label));
            };
            if given.next().is_some() {
                return refuse(format!("input {:?} of {} is given twice", port.name, self.label));
            }
            ordered.push(tensor);
        }
        let outputs = self.run_checked(&ordered, control)?;
        Ok(self.outputs.iter().map(|p| p.name.clone()).zip(outputs).collect())
    }

    /// Runs the graph with its inputs in their order; gives its outputs in theirs.
    ///
    /// # Errors
    /// As [`Graph::run`].
    pub fn run_in_order(&self, inputs: &[&Tensor], control: &Control) -> Result<Vec<Tensor>, Error> {
        if inputs.len() != self.inputs.len() {
            return Err(Error::new(
                Code::InvalidArgument,
                format!("{} was given {} inputs; it has {}", self.label, inputs.len(), self.inputs.len()),
            ));
        }
        self.run_checked(inputs, control)
    }

    fn run_checked(&self, inputs: &[&Tensor], control: &Control) -> Result<Vec<Tensor>, Error> {
        control.check()?;
        for (port, tensor) in self.inputs.iter().zip(inputs) {
            ports::check(&self.label, port, tensor)?;
        }
        match &self.engine {
            Engine::Plan(plan) => plan.run(&self.inputs, inputs, control),
            Engine::Tract(engine, _) => engine.run(&self.inputs, inputs, control),
        }
    }
}

/// Parses a file. What the parser takes for granted it asserts; on a file that breaks it that is a panic.
fn read(bytes: &[u8]) -> Result<pb::ModelProto, String> {
    let read = || tract_onnx::onnx().proto_model_for_read(&mut &bytes[..]);
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(read) => read.map_err(|e| compile::one_line(&e)),
        Err(panic) => Err(compile::panic_text(&*panic).to_owned()),
    }
}

impl std::fmt::Debug for Graph {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Graph").field("inputs", &self.inputs).field("outputs", &self.outputs).finish()
    }
}
