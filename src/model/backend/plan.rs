//! Compiled plans: this project's own execution, and the default.

use std::sync::Arc;

use crate::kernels::Isa;
use crate::model::backend::{Backend, Kind, Loaded, Memory, Settings, graph_names};
use crate::model::control::Control;
use crate::model::pack::Pack;
use crate::model::plan::data;
use crate::model::plan::run::{Input, Program};
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
    pack: String,
}

/// The most inputs of a family.
const MAX_INPUTS: usize = 8;

/// The pack's plan, compiled now if it brings none.
///
/// # Errors
/// [`Code::Unavailable`] naming what stands in the way.
pub(super) fn load(settings: &Settings, pack: &Pack) -> Result<Loaded, Error> {
    let (program, why) = program(pack)?;
    let (names, outputs) = graph_names(pack.manifest())?;
    let position = |port: &crate::model::plan::ir::Port| {
        names.iter().position(|name| *name == port.name).ok_or_else(|| {
            mismatch(pack, format!("the plan has an input {:?} that the manifest does not name", port.name))
        })
    };
    let inputs = program.plan().inputs.iter().map(position).collect::<Result<Vec<_>, _>>()?;
    if inputs.len() > MAX_INPUTS || !program.plan().outputs.iter().map(|port| &port.name).eq(&outputs) {
        return Err(mismatch(pack, format!("the plan's outputs are not {outputs:?}")));
    }
    let (isa, threads) = (settings.isa, Arc::clone(&settings.threads));
    let pack = pack.manifest().name.clone();
    Ok(Loaded { backend: Box::new(Compiled { program, isa, threads, inputs, pack }), kind: Kind::Plan, why })
}

/// The plan that the pack brings, or else one that is compiled now; and why there is one.
fn program(pack: &Pack) -> Result<(Program, String), Error> {
    if let Some(file) = pack.plan() {
        return Ok((file.program()?, "the pack brings its plan".to_owned()));
    }
    compiled(pack)
}

#[cfg(feature = "tract")]
fn compiled(pack: &Pack) -> Result<(Program, String), Error> {
    use crate::model::plan::arena::Constants;

    let compiled = compile(pack, crate::model::compile::WeightForm::AsStored, false)?;
    let program = Program::new(compiled.plan, Constants::copy_of(&compiled.constants))
        .map_err(|e| no_plan(pack, &e.message))?;
    let why = match pack.plan_refusal() {
        None => "the whole graph has a plan".to_owned(),
        Some(refusal) => format!("the whole graph has a plan, compiled again: {refusal}"),
    };
    Ok((program, why))
}

#[cfg(not(feature = "tract"))]
fn compiled(pack: &Pack) -> Result<(Program, String), Error> {
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
    weights: crate::model::compile::WeightForm,
    exact_attention: bool,
) -> Result<crate::model::compile::Compiled, Error> {
    use crate::model::compile::{Options, compile};
    use crate::model::graph::Fixed;

    let manifest = pack.manifest();
    let bytes = super::model(pack)?;
    let fixed = Fixed { inputs: super::tract::specs(manifest)?, ..Fixed::default() };
    let (_, outputs) = graph_names(manifest)?;
    let options = Options { fixed, outputs: Some(outputs), weights, exact_attention, ..Options::default() };
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
        let given = &given[..self.inputs.len()];
        self.program.run(&mut memory.plan, self.isa, &self.threads, given, control).map_err(|e| {
            let of_the_model = matches!(e.code, Code::InvalidModel | Code::TooLarge | Code::ModelMismatch);
            let said = format!("the model of pack {} failed in a run: {}", self.pack, e.message);
            if of_the_model { Error::new(e.code, said) } else { e }
        })?;
        outputs.resize_with(self.program.plan().outputs.len(), Tensor::default);
        for (i, output) in outputs.iter_mut().enumerate() {
            let view = memory.plan.output(&self.program, i)?;
            output.assign_f32(&view.shape, view.f32s()?)?;
        }
        Ok(())
    }

    fn plan(&self) -> Option<&Program> {
        Some(&self.program)
    }
}

fn mismatch(pack: &Pack, why: String) -> Error {
    Error::new(
        Code::ModelMismatch,
        format!("{} of pack {}: {why}", pack.manifest().model.file, pack.manifest().name),
    )
}
