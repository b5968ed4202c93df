//! A graph that compiles whole, run as a plan.

use std::sync::{Arc, Mutex, PoisonError};

use tract_onnx::pb;

use super::options::GraphOptions;
use super::{Port, ports};
use crate::kernels::Isa;
use crate::model::compile::{Options, WeightForm, compile_normalised};
use crate::model::control::Control;
use crate::model::plan::arena::{Constants, MAX_VALUE_BYTES};
use crate::model::plan::data;
use crate::model::plan::run::{Input, Program, State};
use crate::model::plan::threads::Threads;
use crate::model::tensor::{Data, Tensor};
use crate::{Code, Error};

/// A graph's plan, with the memory of its runs.
pub(super) struct Planned {
    label: String,
    program: Program,
    isa: Isa,
    threads: Arc<Threads>,
    /// For each of the plan's inputs, its place among the graph's.
    places: Vec<usize>,
    /// Memory of runs that ended: as much as ran at a time.
    states: Mutex<Vec<State>>,
}

impl Planned {
    /// Compiles a normalised file.
    ///
    /// # Errors
    /// What stands in the way, for a message.
    pub(super) fn load(
        proto: pb::ModelProto,
        ports: &[Port],
        options: &GraphOptions,
    ) -> Result<Self, String> {
        if options.max_value_bytes < MAX_VALUE_BYTES as u64 {
            return Err(format!("plans keep values to {MAX_VALUE_BYTES} bytes, not to fewer"));
        }
        let compile = Options {
            outputs: options.outputs.clone(),
            weights: WeightForm::Exact,
            exact_attention: true,
            exact_half: true,
            ..Options::default()
        };
        let compiled = compile_normalised(proto, &compile).map_err(|refusal| refusal.to_string())?;
        let program = Program::new(compiled.plan, Constants::copy_of(&compiled.constants));
        let program = program.map_err(|e| e.message)?;
        let place = |port: &crate::model::plan::ir::Port| {
            let found = ports.iter().position(|p| p.name == port.name);
            found.ok_or_else(|| format!("the plan has an input {:?}, and the graph has none", port.name))
        };
        let places = program.plan().inputs.iter().map(place).collect::<Result<_, _>>()?;
        let (label, threads) = (options.label.clone(), Arc::clone(&options.threads));
        Ok(Self { label, program, isa: options.isa, threads, places, states: Mutex::default() })
    }

    /// Runs the plan; inputs are in the order of `ports`, outputs in the graph's.
    pub(super) fn run(
        &self,
        ports: &[Port],
        inputs: &[&Tensor],
        control: &Control,
    ) -> Result<Vec<Tensor>, Error> {
        ports::agreeing_sizes(&self.label, ports, inputs)?;
        let kept = || self.states.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = kept().pop().unwrap_or_default();
        let outputs = self.run_with(&mut state, inputs, control);
        kept().push(state);
        outputs
    }

    fn run_with(
        &self,
        state: &mut State,
        inputs: &[&Tensor],
        control: &Control,
    ) -> Result<Vec<Tensor>, Error> {
        let given: Vec<Input<'_>> = self.places.iter().map(|&place| borrow(inputs[place])).collect();
        self.program.run(state, self.isa, &self.threads, &given, control).map_err(|e| {
            let of_the_graph = matches!(e.code, Code::InvalidModel | Code::TooLarge);
            let said = format!("{} failed in a run: {}", self.label, e.message);
            if of_the_graph { Error::new(e.code, said) } else { e }
        })?;
        let outputs = 0..self.program.plan().outputs.len();
        outputs
            .map(|i| {
                let view = state.output(&self.program, i)?;
                Tensor::new(view.shape.to_vec(), own(view.data))
            })
            .collect()
    }
}

/// A tensor as a plan takes it.
fn borrow(tensor: &Tensor) -> Input<'_> {
    let data = match tensor.data() {
        Data::I64(v) => data::Data::I64(v),
        Data::F32(v) => data::Data::F32(v),
        Data::I32(v) => data::Data::I32(v),
        Data::Bool(v) => data::Data::Bool(bytemuck::cast_slice(v)),
        Data::U8(v) => data::Data::U8(v),
        Data::I8(v) => data::Data::I8(v),
    };
    Input { shape: tensor.shape(), data }
}

/// What a plan gives, copied.
fn own(data: data::Data<'_>) -> Data {
    match data {
        data::Data::F32(v) => Data::F32(v.to_vec()),
        data::Data::I64(v) => Data::I64(v.to_vec()),
        data::Data::I32(v) => Data::I32(v.to_vec()),
        data::Data::Bool(v) => Data::Bool(v.iter().map(|&byte| byte != 0).collect()),
        data::Data::U8(v) => Data::U8(v.to_vec()),
        data::Data::I8(v) => Data::I8(v.to_vec()),
    }
}
