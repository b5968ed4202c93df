//! Model families: each builds its inputs and names its outputs. One file a family, one line in `ALL`.

mod aligner_encoder;
mod answer_inspector;
mod edit_tagger;
mod generators;
mod guard_encoder;
mod ngram_linear;

use crate::model::manifest::Manifest;
use crate::model::tensor::Tensor;
use crate::{Code, Error};

pub use aligner_encoder::AlignerEncoder;
pub use answer_inspector::{AnswerInspector, PAIR_SPECIAL_TOKENS};
pub use edit_tagger::{DELETE, EditTagger, FIRST_REPLACEMENT, KEEP};
pub use generators::{CausalLm, EncoderDecoder};
pub use guard_encoder::{GuardEncoder, POOLED};
pub use ngram_linear::NgramLinear;

/// Special tokens that an encoder puts around a window.
pub const SPECIAL_TOKENS: usize = 2;

/// The families that this version runs.
const ALL: &[&dyn Family] = &[
    &GuardEncoder,
    &AlignerEncoder,
    &NgramLinear,
    &AnswerInspector,
    &EditTagger,
    &CausalLm,
    &EncoderDecoder,
];

/// One axis of an input or output, as a family fixes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    /// This size.
    Fixed(usize),
    /// As many as the window has tokens.
    Sequence,
    /// As many as the manifest has labels.
    Labels,
    /// As wide as the model's states are.
    Width,
}

/// A tensor's element type, in ONNX's numbering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// 32-bit float.
    F32 = 1,
    /// 64-bit signed integer.
    I64 = 7,
}

/// An input or output, as a family fixes it.
#[derive(Clone, Copy, Debug)]
pub struct TensorSpec {
    /// The family's name for it, a key of the manifest's `inputs` or `outputs`.
    pub name: &'static str,
    /// Element type.
    pub element: Element,
    /// Shape.
    pub axes: &'static [Axis],
}

/// What a model family fixes: its tensors, and how a window of tokens becomes inputs.
pub trait Family: Send + Sync {
    /// The word in a manifest's `family`.
    fn name(&self) -> &'static str;
    /// Inputs, in the order in which a backend gets them.
    fn inputs(&self) -> &'static [TensorSpec];
    /// Outputs, in the order in which a backend gives them.
    fn outputs(&self) -> &'static [TensorSpec];
    /// Outputs that a pack may have, too; a backend gives those that the manifest names, after the others.
    fn optional_outputs(&self) -> &'static [TensorSpec] {
        &[]
    }
    /// The outputs of one pack of this family, in the order in which a backend gives them.
    fn outputs_of(&self, manifest: &Manifest) -> Vec<TensorSpec> {
        let named = |spec: &&TensorSpec| manifest.model.outputs.contains_key(spec.name);
        self.outputs().iter().chain(self.optional_outputs().iter().filter(named)).copied().collect()
    }
    /// The inputs for one window of content tokens.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`] if the window is longer than the manifest allows.
    fn encode(&self, manifest: &Manifest, content: &[u32]) -> Result<Vec<Tensor>, Error>;

    /// As [`Family::encode`], into tensors that are used again.
    ///
    /// # Errors
    /// As [`Family::encode`].
    fn encode_into(
        &self,
        manifest: &Manifest,
        content: &[u32],
        inputs: &mut Vec<Tensor>,
    ) -> Result<(), Error> {
        *inputs = self.encode(manifest, content)?;
        Ok(())
    }

    /// Whether packs of this family have labels.
    fn has_labels(&self) -> bool {
        self.outputs().iter().any(|output| output.axes.contains(&Axis::Labels))
    }

    /// Whether packs of this family write texts, token by token; they take no windows.
    fn writes(&self) -> bool {
        false
    }

    /// Refuses a manifest whose tensors are not this family's.
    ///
    /// # Errors
    /// [`Code::ModelMismatch`] naming the tensor.
    fn check_tensors(&self, manifest: &Manifest) -> Result<(), Error> {
        let sides = [
            ("inputs", self.inputs().to_vec(), &manifest.model.inputs),
            ("outputs", self.outputs_of(manifest), &manifest.model.outputs),
        ];
        for (side, specs, given) in sides {
            if let Some(spec) = specs.iter().find(|s| !given.contains_key(s.name)) {
                return Err(Error::new(
                    Code::ModelMismatch,
                    format!(
                        "manifest.toml: model.{side} lacks {:?}, which family {} needs",
                        spec.name,
                        self.name()
                    ),
                ));
            }
            if let Some(extra) = given.keys().find(|k| specs.iter().all(|s| s.name != k.as_str())) {
                return Err(Error::new(
                    Code::ModelMismatch,
                    format!(
                        "manifest.toml: model.{side} names {extra:?}, which family {} has not",
                        self.name()
                    ),
                ));
            }
        }
        Ok(())
    }
}

/// The family with this name.
///
/// # Errors
/// [`Code::InvalidPack`] listing the families that are known.
pub fn find(name: &str) -> Result<&'static dyn Family, Error> {
    ALL.iter().copied().find(|f| f.name() == name).ok_or_else(|| {
        let known: Vec<_> = ALL.iter().map(|f| f.name()).collect();
        Error::new(
            Code::InvalidPack,
            format!("manifest.toml: family {name:?} is not known; this library has {}", known.join(", ")),
        )
    })
}

/// Why a pack cannot be used where another family is needed: it names the pack and both.
pub fn wrong_family(wanted: &dyn Family, manifest: &Manifest) -> Error {
    let (name, found, wanted) = (&manifest.name, &manifest.family, wanted.name());
    Error::new(Code::Unavailable, format!("pack {name} is of family {found}; this needs {wanted}"))
}

/// Refuses a pack of another family than the one that is needed.
///
/// # Errors
/// [`wrong_family`].
pub fn refuse_unless(wanted: &dyn Family, manifest: &Manifest) -> Result<(), Error> {
    if manifest.family == wanted.name() { Ok(()) } else { Err(wrong_family(wanted, manifest)) }
}

const TOKENS: &[Axis] = &[Axis::Fixed(1), Axis::Sequence];

/// The inputs of a BERT encoder.
const ENCODER_INPUTS: &[TensorSpec] = &[
    TensorSpec { name: "input_ids", element: Element::I64, axes: TOKENS },
    TensorSpec { name: "attention_mask", element: Element::I64, axes: TOKENS },
    TensorSpec { name: "token_type_ids", element: Element::I64, axes: TOKENS },
];

/// [`ENCODER_INPUTS`] for one window: ids between the special ones, a mask of ones, types of zeros.
fn encoder_inputs(manifest: &Manifest, content: &[u32]) -> Result<Vec<Tensor>, Error> {
    let mut inputs = Vec::new();
    encoder_inputs_into(manifest, content, &mut inputs)?;
    Ok(inputs)
}

/// As [`encoder_inputs`], into tensors that are used again.
fn encoder_inputs_into(manifest: &Manifest, content: &[u32], inputs: &mut Vec<Tensor>) -> Result<(), Error> {
    let n = content.len() + SPECIAL_TOKENS;
    check_length(manifest, n)?;
    inputs.resize_with(ENCODER_INPUTS.len(), Tensor::default);
    if let [ids, mask, types] = &mut inputs[..] {
        ids.assign_row(between(manifest, content));
        mask.assign_row(std::iter::repeat_n(1, n));
        types.assign_row(std::iter::repeat_n(0, n));
    }
    Ok(())
}

/// A window's ids between the special ones.
fn ids(manifest: &Manifest, content: &[u32]) -> Result<Vec<i64>, Error> {
    check_length(manifest, content.len() + SPECIAL_TOKENS)?;
    Ok(between(manifest, content).collect())
}

fn between(manifest: &Manifest, content: &[u32]) -> impl Iterator<Item = i64> {
    let (cls, sep) = (i64::from(manifest.tokenizer.cls), i64::from(manifest.tokenizer.sep));
    [cls].into_iter().chain(content.iter().map(|&id| i64::from(id))).chain([sep])
}

/// Refuses a window longer than the manifest allows.
fn check_length(manifest: &Manifest, n: usize) -> Result<(), Error> {
    let (name, most) = (&manifest.name, manifest.limits.max_tokens);
    if n > most {
        let message = format!("a window has {n} tokens; pack {name} takes at most {most}");
        return Err(Error::new(Code::InvalidArgument, message));
    }
    Ok(())
}
