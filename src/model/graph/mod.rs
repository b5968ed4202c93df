//! Any ONNX file, loaded and run by the names of its inputs and outputs.
//!
//! A graph is compiled once with its free sizes left free, if it can be. If not - an operator needs a size, or a branch
//! hangs on one - it is compiled in a run, for the sizes of that run, and kept for the next run with the same ones.

mod bounds;
mod compile;
mod engine;
mod operators;
mod options;
mod passes;
mod values;

pub use options::{Fixed, GraphOptions, Half, InputSpec, Size};

use crate::model::control::Control;
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
    engine: engine::Engine,
}

impl Graph {
    /// Reads, checks and compiles an ONNX file.
    ///
    /// # Errors
    /// [`Code::InvalidModel`] if it cannot be parsed, or uses what cannot be run; [`Code::TooLarge`] if it exceeds a
    /// bound of [`crate::model::onnx`] or a budget; [`Code::InvalidArgument`] if the options name what it has not.
    pub fn load(bytes: &[u8], options: &GraphOptions) -> Result<Self, Error> {
        let (engine, inputs, outputs) = engine::Engine::load(bytes, options)?;
        Ok(Self { inputs, outputs, engine })
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
        self.engine.deferred()
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
            return refuse(format!("{} has no input {name:?}", self.engine.label()));
        }
        let mut ordered = Vec::with_capacity(self.inputs.len());
        for port in &self.inputs {
            let mut given = inputs.iter().filter(|(name, _)| *name == port.name);
            let Some((_, tensor)) = given.next() else {
                return refuse(format!("input {:?} of {} is not given", port.name, self.engine.label()));
            };
            if given.next().is_some() {
                return refuse(format!("input {:?} of {} is given twice", port.name, self.engine.label()));
            }
            ordered.push(tensor);
        }
        let outputs = self.engine.run(&self.inputs, &ordered, control)?;
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
                format!(
                    "{} was given {} inputs; it has {}",
                    self.engine.label(),
                    inputs.len(),
                    self.inputs.len()
                ),
            ));
        }
        self.engine.run(&self.inputs, inputs, control)
    }
}

impl std::fmt::Debug for Graph {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Graph").field("inputs", &self.inputs).field("outputs", &self.outputs).finish()
    }
}
