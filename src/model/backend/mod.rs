//! What runs a model: one trait, one method.

use crate::model::control::Control;
use crate::model::manifest::Manifest;
use crate::model::pack::Pack;
use crate::model::tensor::Tensor;
use crate::{Code, Error};

#[cfg(feature = "ort")]
mod ort;
pub mod replay;
#[cfg(feature = "tract")]
mod tract;

/// Runs one model. Shared by threads.
pub trait Backend: Send + Sync {
    /// The family's outputs for the family's inputs, both in the family's order.
    ///
    /// # Errors
    /// What `control` says, looked at between operators; [`Code::ModelMismatch`] for inputs or outputs that are not
    /// the family's; [`Code::InvalidModel`] if an operator fails.
    fn run(&self, inputs: &[Tensor], control: &Control) -> Result<Vec<Tensor>, Error>;
}

/// Which backend runs a model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// The best one that this build has: tract.
    #[default]
    Default,
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
            Self::Tract => "tract",
            Self::Ort => "ort",
        }
    }

    /// The kind with this word.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`] listing the words; [`Code::Unavailable`] for `plan`, which is not built yet.
    pub fn from_name(name: &str) -> Result<Self, Error> {
        match name {
            "default" => Ok(Self::Default),
            "tract" => Ok(Self::Tract),
            "ort" => Ok(Self::Ort),
            "plan" => Err(Error::new(Code::Unavailable, "backend plan is not built yet; use tract or ort")),
            _ => Err(Error::new(
                Code::InvalidArgument,
                format!("backend {name:?} is not known; there are default, tract and ort"),
            )),
        }
    }

    /// The kinds that this build has.
    pub fn built() -> &'static [Self] {
        &[
            #[cfg(feature = "tract")]
            Self::Tract,
            #[cfg(feature = "ort")]
            Self::Ort,
        ]
    }
}

/// Prepares a pack's model for running.
///
/// `ort_library` is the path of libonnxruntime, for [`Kind::Ort`] alone.
///
/// # Errors
/// [`Code::Unavailable`] if this build has no such backend or the library is not there; [`Code::InvalidModel`] if the
/// backend cannot run the file; [`Code::TooLarge`] if a value of it would exceed the backend's bound.
pub fn load(kind: Kind, pack: &Pack, ort_library: Option<&str>) -> Result<Box<dyn Backend>, Error> {
    match kind {
        Kind::Default | Kind::Tract => load_tract(pack),
        Kind::Ort => load_ort(pack, ort_library),
    }
}

#[cfg(feature = "tract")]
fn load_tract(pack: &Pack) -> Result<Box<dyn Backend>, Error> {
    Ok(Box::new(tract::Tract::new(pack)?))
}

#[cfg(not(feature = "tract"))]
fn load_tract(_pack: &Pack) -> Result<Box<dyn Backend>, Error> {
    Err(Error::new(Code::Unavailable, "this build has no backend tract (feature `tract`)"))
}

#[cfg(feature = "ort")]
fn load_ort(pack: &Pack, library: Option<&str>) -> Result<Box<dyn Backend>, Error> {
    Ok(Box::new(ort::Ort::new(pack, library)?))
}

#[cfg(not(feature = "ort"))]
fn load_ort(_pack: &Pack, _library: Option<&str>) -> Result<Box<dyn Backend>, Error> {
    Err(Error::new(Code::Unavailable, "this build has no backend ort (feature `ort`)"))
}

/// The graph's names for a family's tensors, in the family's order.
#[cfg_attr(not(any(feature = "tract", feature = "ort")), expect(dead_code))]
fn graph_names(manifest: &Manifest) -> Result<(Vec<String>, Vec<String>), Error> {
    let family = crate::model::family::find(&manifest.family)?;
    let names = |specs: &[crate::model::family::TensorSpec],
                 given: &std::collections::BTreeMap<String, String>| {
        specs.iter().map(|s| given[s.name].clone()).collect()
    };
    Ok((names(family.inputs(), &manifest.model.inputs), names(family.outputs(), &manifest.model.outputs)))
}
