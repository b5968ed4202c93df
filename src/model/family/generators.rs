//! Models that write: a causal language model, and an encoder with a decoder.

use crate::model::family::{Axis, Element, Family, TensorSpec};
use crate::model::manifest::Manifest;
use crate::model::tensor::Tensor;
use crate::{Code, Error};

/// The family `causal-lm`.
#[derive(Clone, Copy, Debug)]
pub struct CausalLm;

/// The family `encoder-decoder`.
#[derive(Clone, Copy, Debug)]
pub struct EncoderDecoder;

/// Inputs that a step may have beside its tokens.
const OPTIONAL: [&str; 2] = ["position_ids", "attention_mask"];

const INPUTS: &[TensorSpec] =
    &[TensorSpec { name: "input_ids", element: Element::I64, axes: &[Axis::Fixed(1), Axis::Sequence] }];

const OUTPUTS: &[TensorSpec] = &[TensorSpec {
    name: "logits",
    element: Element::F32,
    axes: &[Axis::Fixed(1), Axis::Sequence, Axis::Width],
}];

/// As [`Family::check_tensors`], of a step.
fn check(family: &dyn Family, manifest: &Manifest) -> Result<(), Error> {
    let mismatch = |why: String| Err(Error::new(Code::ModelMismatch, format!("manifest.toml: {why}")));
    let model = &manifest.model;
    let name = family.name();
    if !model.inputs.contains_key("input_ids") {
        return mismatch(format!("model.inputs lacks \"input_ids\", which family {name} needs"));
    }
    let known = |key: &&String| *key == "input_ids" || OPTIONAL.contains(&key.as_str());
    if let Some(extra) = model.inputs.keys().find(|key| !known(key)) {
        return mismatch(format!("model.inputs names {extra:?}, which family {name} has not"));
    }
    if model.outputs.len() != 1 || !model.outputs.contains_key("logits") {
        return mismatch(format!("model.outputs of family {name} is \"logits\" alone"));
    }
    Ok(())
}

fn no_windows(manifest: &Manifest) -> Result<Vec<Tensor>, Error> {
    let (name, family) = (&manifest.name, &manifest.family);
    Err(Error::new(Code::Unavailable, format!("pack {name} is of family {family}, which takes no windows")))
}

impl Family for CausalLm {
    fn name(&self) -> &'static str {
        "causal-lm"
    }

    fn inputs(&self) -> &'static [TensorSpec] {
        INPUTS
    }

    fn outputs(&self) -> &'static [TensorSpec] {
        OUTPUTS
    }

    fn encode(&self, manifest: &Manifest, _content: &[u32]) -> Result<Vec<Tensor>, Error> {
        no_windows(manifest)
    }

    fn writes(&self) -> bool {
        true
    }

    fn check_tensors(&self, manifest: &Manifest) -> Result<(), Error> {
        check(self, manifest)
    }
}

impl Family for EncoderDecoder {
    fn name(&self) -> &'static str {
        "encoder-decoder"
    }

    fn inputs(&self) -> &'static [TensorSpec] {
        INPUTS
    }

    fn outputs(&self) -> &'static [TensorSpec] {
        OUTPUTS
    }

    fn encode(&self, manifest: &Manifest, _content: &[u32]) -> Result<Vec<Tensor>, Error> {
        no_windows(manifest)
    }

    fn writes(&self) -> bool {
        true
    }

    fn check_tensors(&self, manifest: &Manifest) -> Result<(), Error> {
        check(self, manifest)
    }
}
