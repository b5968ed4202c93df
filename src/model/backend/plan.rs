//! Compiled plans: this project's own execution, and the default.

use std::sync::Arc;

use crate::kernels::Isa;
use crate::model::backend::{Backend, Kind, Loaded, Memory, Settings, graph_names};
use crate::model::control::Control;
use crate::model::pack::Pack;
use crate::model::plan::data;
use crate::model::plan::file::PlanFile;
use crate::model::plan::run::{Input, Program, State};
use crate::model::plan::threads::Threads;
use crate::model::tensor::{Data, Tensor};
use crate::{Code, Error};

/// A compiled model, for windows of any length.
struct Compiled {
    program: Program,
    isa: Isa,
    threads: Arc<Threads>,
    /// For each input of the plan, its place in the family's order.
    inputs: Vec<usize>,
    /// For each output that is wanted, its place among the plan's.
    outputs: Vec<usize>,
    /// Whose model it is, for messages.
    pack: String,
}

/// The most inputs of a family.
const MAX_INPUTS: usize = 8;

/// A plan for these outputs of a pack's model: the one that is given, or one that is compiled now.
///
/// # Errors
/// [`Code::Unavailable`] naming what stands in the way.
pub(super) fn load(
    settings: &Settings,
    pack: &Pack,
    outputs: &[String],
    plan: Option<&PlanFile>,
    label: &str,
) -> Result<Loaded, Error> {
    let (program, why) = match plan {
        Some(file) => (file.program()?, "the pack brings its plan".to_owned()),
        None => compiled(pack, outputs)?,
    };
    let (names, _) = graph_names(pack.manifest())?;
    let position = |port: &crate::model::plan::ir::Port| {
        names.iter().position(|name| *name == port.name).ok_or_else(|| {
            mismatch(pack, format!("the plan has an input {:?} that the manifest does not name", port.name))
        })
    };
    let inputs = program.plan().inputs.iter().map(position).collect::<Result<Vec<_>, _>>()?;
    // A plan may have more outputs than the pack reads: those of packs that share its model.
    let place = |name: &String| program.plan().outputs.iter().position(|port| port.name == *name);
    let Some(places) =
        outputs.iter().map(place).collect::<Option<Vec<_>>>().filter(|_| inputs.len() <= MAX_INPUTS)
    else {
        return Err(mismatch(pack, format!("the plan's outputs are not {outputs:?}")));
    };
    let (isa, threads) = (settings.isa, Arc::clone(&settings.threads));
    let pack = label.to_owned();
    let backend = Box::new(Compiled { program, isa, threads, inputs, outputs: places, pack });
    Ok(Loaded { backend, kind: Kind::Plan, why })
}

#[cfg(feature = "tract")]
fn compiled(pack: &Pack, outputs: &[String]) -> Result<(Program, String), Error> {
    use crate::model::plan::arena::Constants;

    let compiled = compile(pack, outputs, crate::model::compile::WeightForm::AsStored, false)?;
    let program = Program::new(compiled.plan, Constants::copy_of(&compiled.constants))
        .map_err(|e| no_plan(pack, &e.message))?;
    let why = match pack.plan_refusal() {
        None => "the whole graph has a plan".to_owned(),
        Some(refusal) => format!("the whole graph has a plan, compiled again: {refusal}"),
    };
    Ok((program, why))
}

#[cfg(not(feature = "tract"))]
fn compiled(pack: &Pack, _outputs: &[String]) -> Result<(Program, String), Error> {
    let name = &pack.manifest().name;
    let why = pack.plan_refusal().unwrap_or_else(|| format!("pack {name} brings no compiled plan"));
    Err(Error::new(
        Code::Unavailable,
        format!("{why}; this build has no compiler (feature `tract`): let `trueline pack` make one"),
    ))
}

/// Compiles a pack's model file.
///
/// # Errors
/// [`Code::Unavailable`] naming what stands in the way; what is wrong with the file.
#[cfg(feature = "tract")]
pub(in crate::model) fn compile(
    pack: &Pack,
    outputs: &[String],
    weights: crate::model::compile::WeightForm,
    exact_attention: bool,
) -> Result<crate::model::compile::Compiled, Error> {
    use crate::model::compile::{Options, compile};
    use crate::model::graph::Fixed;

    let manifest = pack.manifest();
    let bytes = super::model(pack)?;
    let fixed = Fixed { inputs: super::tract::specs(manifest)?, ..Fixed::default() };
    let outputs = Some(outputs.to_vec());
    let options = Options { fixed, outputs, weights, exact_attention, ..Options::default() };
    compile(bytes, &options).map_err(|refusal| no_plan(pack, &refusal.to_string()))
}

#[cfg(feature = "tract")]
fn no_plan(pack: &Pack, why: &str) -> Error {
    let manifest = pack.manifest();
    Error::new(
        Code::Unavailable,
        format!("{} of pack {} has no plan: {why}", manifest.model.file, manifest.name),
    )
}

impl Backend for Compiled {
    fn run(&self, memory: &mut Memory, inputs: &[Tensor], control: &Control) -> Result<Vec<Tensor>, Error> {
        let mut outputs = Vec::new();
        self.run_into(memory, inputs, control, &mut outputs)?;
        Ok(outputs)
    }

    fn run_into(
        &self,
        memory: &mut Memory,
        inputs: &[Tensor],
        control: &Control,
        outputs: &mut Vec<Tensor>,
    ) -> Result<(), Error> {
        let given = self.given(inputs)?;
        let given = &given[..self.inputs.len()];
        let run = self.program.run(&mut memory.plan, self.isa, &self.threads, given, control);
        run.map_err(|e| self.failed(e))?;
        self.take(&memory.plan, outputs)
    }

    fn run_together(
        &self,
        memory: &mut Memory,
        inputs: &[Vec<Tensor>],
        control: &Control,
    ) -> Result<Vec<Vec<Tensor>>, Error> {
        let given = inputs.iter().map(|inputs| self.given(inputs)).collect::<Result<Vec<_>, _>>()?;
        let given: Vec<&[Input<'_>]> = given.iter().map(|given| &given[..self.inputs.len()]).collect();
        if memory.together.len() < given.len() {
            memory.together.resize_with(given.len(), State::default);
        }
        let states = &mut memory.together[..given.len()];
        let run = self.program.run_together(states, self.isa, &self.threads, &given, control);
        run.map_err(|e| self.failed(e))?;
        let take = |state: &State| {
            let mut outputs = Vec::new();
            self.take(state, &mut outputs).map(|()| outputs)
        };
        states.iter().map(take).collect()
    }

    fn plan(&self) -> Option<&Program> {
        Some(&self.program)
    }
}

impl Compiled {
    /// The plan's inputs among the family's.
    fn given<'a>(&self, inputs: &'a [Tensor]) -> Result<[Input<'a>; MAX_INPUTS], Error> {
        let mut given = [Input { shape: &[], data: data::Data::I64(&[]) }; MAX_INPUTS];
        for (slot, &place) in given.iter_mut().zip(&self.inputs) {
            let Some(tensor) = inputs.get(place) else {
                let message =
                    format!("{} inputs for pack {}; input {place} is wanted", inputs.len(), self.pack);
                return Err(Error::new(Code::ModelMismatch, message));
            };
            let data = match tensor.data() {
                Data::I64(v) => data::Data::I64(v),
                Data::F32(v) => data::Data::F32(v),
                Data::I32(v) => data::Data::I32(v),
                Data::Bool(v) => data::Data::Bool(bytemuck::cast_slice(v)),
                Data::U8(v) => data::Data::U8(v),
                Data::I8(v) => data::Data::I8(v),
            };
            *slot = Input { shape: tensor.shape(), data };
        }
        Ok(given)
    }

    /// What a run of the model failed of.
    fn failed(&self, e: Error) -> Error {
        let of_the_model = matches!(e.code, Code::InvalidModel | Code::TooLarge | Code::ModelMismatch);
        let said = format!("the model of pack {} failed in a run: {}", self.pack, e.message);
        if of_the_model { Error::new(e.code, said) } else { e }
    }

    /// The outputs that are wanted of a run.
    fn take(&self, state: &State, outputs: &mut Vec<Tensor>) -> Result<(), Error> {
        outputs.resize_with(self.outputs.len(), Tensor::default);
        for (&i, output) in self.outputs.iter().zip(outputs) {
            let view = state.output(&self.program, i)?;
            output.assign_f32(&view.shape, view.f32s()?)?;
        }
        Ok(())
    }
}

fn mismatch(pack: &Pack, why: String) -> Error {
    Error::new(
        Code::ModelMismatch,
        format!("{} of pack {}: {why}", pack.manifest().model.file, pack.manifest().name),
    )
}
