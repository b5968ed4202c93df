//! What runs a model: one trait, one method.

use std::sync::Arc;

use crate::kernels::Isa;
use crate::model::control::Control;
use crate::model::family::{Family, NgramLinear};
use crate::model::manifest::Manifest;
use crate::model::pack::Pack;
use crate::model::plan::file::PlanFile;
use crate::model::plan::run::{Program, State};
use crate::model::plan::threads::Threads;
use crate::model::tensor::Tensor;
use crate::{Code, Error};

mod ngrams;
#[cfg(feature = "ort")]
mod ort;
mod plan;
pub mod replay;
mod shared;
#[cfg(feature = "tract")]
mod tract;

#[cfg(feature = "tract")]
pub(in crate::model) use plan::compile;

pub use shared::Sharing;

/// Runs one model. Shared by threads.
pub trait Backend: Send + Sync {
    /// The family's outputs for the family's inputs, both in the family's order.
    ///
    /// # Errors
    /// What `control` says, looked at between operators; [`Code::ModelMismatch`] for inputs or outputs that are not
    /// the family's; [`Code::InvalidModel`] if an operator fails.
    fn run(&self, memory: &mut Memory, inputs: &[Tensor], control: &Control) -> Result<Vec<Tensor>, Error>;

    /// As [`Backend::run`], into tensors that are used again.
    ///
    /// # Errors
    /// As [`Backend::run`].
    fn run_into(
        &self,
        memory: &mut Memory,
        inputs: &[Tensor],
        control: &Control,
        outputs: &mut Vec<Tensor>,
    ) -> Result<(), Error> {
        *outputs = self.run(memory, inputs, control)?;
        Ok(())
    }

    /// The outputs of several windows of any lengths, each as [`Backend::run`] gives them: what a window gets does not depend on
    /// its neighbours.
    ///
    /// # Errors
    /// As [`Backend::run`], of the first that fails.
    fn run_together(
        &self,
        memory: &mut Memory,
        inputs: &[Vec<Tensor>],
        control: &Control,
    ) -> Result<Vec<Vec<Tensor>>, Error> {
        inputs.iter().map(|inputs| self.run(memory, inputs, control)).collect()
    }

    /// The compiled plan, if that is what runs.
    fn plan(&self) -> Option<&Program> {
        None
    }
}

/// What runs of any backend use again: one for each session.
#[derive(Debug, Default)]
pub struct Memory {
    /// Buffers of compiled plans.
    pub plan: State,
    /// The same for windows that run side by side.
    together: Vec<State>,
    passes: shared::Passes,
}

impl Memory {
    /// Runs of models that several packs share: how many were made, and how many were not needed because the last ones are
    /// remembered.
    pub fn passes(&self) -> (u64, u64) {
        (self.passes.made, self.passes.remembered)
    }
}

/// Which backend runs a model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// A compiled plan where the whole graph has one, else tract.
    #[default]
    Default,
    /// A compiled plan, or an error that says what stands in the way.
    Plan,
    /// Any ONNX file, by tract: pure Rust, static.
    Tract,
    /// ONNX Runtime, loaded at run time.
    Ort,
}

impl Kind {
    /// The word used by the command line and in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Plan => "plan",
            Self::Tract => "tract",
            Self::Ort => "ort",
        }
    }

    /// The kind with this word.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`] listing the words.
    pub fn from_name(name: &str) -> Result<Self, Error> {
        [Self::Default, Self::Plan, Self::Tract, Self::Ort]
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or_else(|| {
                Error::new(
                    Code::InvalidArgument,
                    format!("backend {name:?} is not known; there are default, plan, tract and ort"),
                )
            })
    }

    /// The kinds that this build has.
    pub fn built() -> &'static [Self] {
        &[
            Self::Plan,
            #[cfg(feature = "tract")]
            Self::Tract,
            #[cfg(feature = "ort")]
            Self::Ort,
        ]
    }
}

/// How models are run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What runs them.
    pub kind: Kind,
    /// The instructions that plans use.
    pub isa: Isa,
    /// Threads that share one run of a plan.
    pub threads: Arc<Threads>,
    /// Path of libonnxruntime, for [`Kind::Ort`] alone.
    pub ort_library: Option<String>,
    /// Packs that share a model; none by default.
    pub sharing: Arc<Sharing>,
}

impl Settings {
    /// This kind on the best instructions of this CPU, on the calling thread.
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            isa: Isa::best(),
            threads: Arc::new(Threads::none()),
            ort_library: None,
            sharing: Arc::default(),
        }
    }
}

/// A model made ready to run.
pub struct Loaded {
    /// What runs it.
    pub backend: Box<dyn Backend>,
    /// Which backend that is: never [`Kind::Default`].
    pub kind: Kind,
    /// Why it is that one.
    pub why: String,
}

/// Prepares a pack's model for running.
///
/// # Errors
/// [`Code::Unavailable`] if this build has no such backend or the library is not there, or if [`Kind::Plan`] was asked
/// for and the graph has no plan; [`Code::InvalidModel`] if the backend cannot run the file; [`Code::TooLarge`] if a
/// value of it would exceed the backend's bound.
pub fn load(settings: &Settings, pack: &Pack) -> Result<Loaded, Error> {
    if pack.manifest().family == NgramLinear.name() {
        return ngrams::load(settings, pack);
    }
    if let Some(shared) = settings.sharing.load(settings, pack)? {
        return Ok(shared);
    }
    let (_, outputs) = graph_names(pack.manifest())?;
    let label = &pack.manifest().name;
    match load_as(settings, pack, &outputs, pack.plan(), label) {
        // Without a compiler, or with a plan that cannot be run, there is nothing to fall back to.
        Err(refusal)
            if settings.kind == Kind::Default
                && refusal.code == Code::Unavailable
                && cfg!(feature = "tract") =>
        {
            log::info!("pack {label} runs on tract: {}", refusal.message);
            let backend = load_tract(pack, &outputs, label)?;
            Ok(Loaded { backend, kind: Kind::Tract, why: refusal.message })
        }
        other => other,
    }
}

/// Prepares a model for these of the graph's outputs, by `plan` if it is not to be compiled; [`Kind::Default`] is a plan.
/// `label` is whose model it is, for messages.
fn load_as(
    settings: &Settings,
    pack: &Pack,
    outputs: &[String],
    plan: Option<&PlanFile>,
    label: &str,
) -> Result<Loaded, Error> {
    let kind = settings.kind;
    let backend = match kind {
        Kind::Default | Kind::Plan => return plan::load(settings, pack, outputs, plan, label),
        Kind::Tract => load_tract(pack, outputs, label)?,
        Kind::Ort => load_ort(pack, outputs, label, settings.ort_library.as_deref())?,
    };
    Ok(Loaded { backend, kind, why: format!("backend {} was asked for", kind.name()) })
}

#[cfg(feature = "tract")]
fn load_tract(pack: &Pack, outputs: &[String], label: &str) -> Result<Box<dyn Backend>, Error> {
    Ok(Box::new(tract::Tract::new(pack, outputs, label)?))
}

#[cfg(not(feature = "tract"))]
fn load_tract(_pack: &Pack, _outputs: &[String], _label: &str) -> Result<Box<dyn Backend>, Error> {
    Err(Error::new(Code::Unavailable, "this build has no backend tract (feature `tract`)"))
}

#[cfg(feature = "ort")]
fn load_ort(
    pack: &Pack,
    outputs: &[String],
    label: &str,
    library: Option<&str>,
) -> Result<Box<dyn Backend>, Error> {
    Ok(Box::new(ort::Ort::new(pack, outputs, label, library)?))
}

#[cfg(not(feature = "ort"))]
fn load_ort(
    _pack: &Pack,
    _outputs: &[String],
    _label: &str,
    _library: Option<&str>,
) -> Result<Box<dyn Backend>, Error> {
    Err(Error::new(Code::Unavailable, "this build has no backend ort (feature `ort`)"))
}

/// The bytes of the pack's model file, after a look at what it holds: backends trust what they parse.
///
/// # Errors
/// As [`Pack::model`]; [`Code::InvalidModel`], [`Code::TooLarge`] or [`Code::ModelMismatch`] for what it holds.
#[cfg(any(feature = "tract", feature = "ort"))]
fn model(pack: &Pack) -> Result<&[u8], Error> {
    use crate::model::onnx;

    let bytes = pack.model()?;
    onnx::check_ports(&onnx::inspect(bytes)?, pack.manifest())?;
    Ok(bytes)
}

/// Looks at what a pack's model file holds, where something can.
///
/// # Errors
/// As `model`.
fn model_checked(pack: &Pack) -> Result<(), Error> {
    #[cfg(any(feature = "tract", feature = "ort"))]
    model(pack)?;
    let _ = pack;
    Ok(())
}

/// The graph's names for a family's tensors, in the family's order.
pub(in crate::model) fn graph_names(manifest: &Manifest) -> Result<(Vec<String>, Vec<String>), Error> {
    let family = crate::model::family::find(&manifest.family)?;
    let names = |specs: &[crate::model::family::TensorSpec],
                 given: &std::collections::BTreeMap<String, String>| {
        specs.iter().map(|s| given[s.name].clone()).collect()
    };
    let outputs = family.outputs_of(manifest);
    Ok((names(family.inputs(), &manifest.model.inputs), names(&outputs, &manifest.model.outputs)))
}
