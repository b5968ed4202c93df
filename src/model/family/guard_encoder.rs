//! Encoder with a multi-label head: ids, mask and types in, one logit a label out, and perhaps one a token that marks it and the
//! mean of the states that the head reads.

use crate::Error;
use crate::model::family::{self, Axis, Element, Family, TensorSpec, encoder_inputs, encoder_inputs_into};
use crate::model::manifest::Manifest;
use crate::model::tensor::Tensor;

/// The output that holds the mean state of a window's tokens.
pub const POOLED: &str = "pooled";

/// The family `guard-encoder`.
#[derive(Clone, Copy, Debug)]
pub struct GuardEncoder;

impl Family for GuardEncoder {
    fn name(&self) -> &'static str {
        "guard-encoder"
    }

    fn inputs(&self) -> &'static [TensorSpec] {
        family::ENCODER_INPUTS
    }

    fn outputs(&self) -> &'static [TensorSpec] {
        &[TensorSpec { name: "logits", element: Element::F32, axes: &[Axis::Fixed(1), Axis::Labels] }]
    }

    fn optional_outputs(&self) -> &'static [TensorSpec] {
        &[
            TensorSpec {
                name: "spans",
                element: Element::F32,
                axes: &[Axis::Fixed(1), Axis::Sequence, Axis::Fixed(1)],
            },
            TensorSpec { name: POOLED, element: Element::F32, axes: &[Axis::Fixed(1), Axis::Width] },
        ]
    }

    fn encode(&self, manifest: &Manifest, content: &[u32]) -> Result<Vec<Tensor>, Error> {
        encoder_inputs(manifest, content)
    }

    fn encode_into(
        &self,
        manifest: &Manifest,
        content: &[u32],
        inputs: &mut Vec<Tensor>,
    ) -> Result<(), Error> {
        encoder_inputs_into(manifest, content, inputs)
    }
}
