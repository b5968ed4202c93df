//! Encoder that tags every token with an edit, and judges the whole text as a guard does.

use crate::Error;
use crate::model::family::{self, Axis, Element, Family, TensorSpec, encoder_inputs};
use crate::model::manifest::Manifest;
use crate::model::tensor::Tensor;

/// The family `edit-tagger`.
#[derive(Clone, Copy, Debug)]
pub struct EditTagger;

/// The tag that leaves a word as it is.
pub const KEEP: usize = 0;
/// The tag that takes a word out.
pub const DELETE: usize = 1;
/// The tag of the manifest's first replacement.
pub const FIRST_REPLACEMENT: usize = 2;

impl Family for EditTagger {
    fn name(&self) -> &'static str {
        "edit-tagger"
    }

    fn inputs(&self) -> &'static [TensorSpec] {
        family::ENCODER_INPUTS
    }

    fn outputs(&self) -> &'static [TensorSpec] {
        &[
            TensorSpec {
                name: "tags",
                element: Element::F32,
                axes: &[Axis::Fixed(1), Axis::Sequence, Axis::Width],
            },
            TensorSpec { name: "logits", element: Element::F32, axes: &[Axis::Fixed(1), Axis::Labels] },
        ]
    }

    fn encode(&self, manifest: &Manifest, content: &[u32]) -> Result<Vec<Tensor>, Error> {
        encoder_inputs(manifest, content)
    }
}
