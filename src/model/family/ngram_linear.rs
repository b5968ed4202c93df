//! Hashed n-grams with one row of weights each: buckets in, one logit a label out.

use crate::Error;
use crate::model::family::{self, Axis, Element, Family, TensorSpec};
use crate::model::manifest::Manifest;
use crate::model::tensor::Tensor;

/// The family `ngram-linear`.
#[derive(Clone, Copy, Debug)]
pub struct NgramLinear;

impl Family for NgramLinear {
    fn name(&self) -> &'static str {
        "ngram-linear"
    }

    fn inputs(&self) -> &'static [TensorSpec] {
        &[TensorSpec { name: "buckets", element: Element::I64, axes: &[Axis::Fixed(1), Axis::Sequence] }]
    }

    fn outputs(&self) -> &'static [TensorSpec] {
        &[TensorSpec { name: "logits", element: Element::F32, axes: &[Axis::Fixed(1), Axis::Labels] }]
    }

    fn encode(&self, manifest: &Manifest, content: &[u32]) -> Result<Vec<Tensor>, Error> {
        let mut inputs = Vec::new();
        self.encode_into(manifest, content, &mut inputs)?;
        Ok(inputs)
    }

    fn encode_into(
        &self,
        manifest: &Manifest,
        content: &[u32],
        inputs: &mut Vec<Tensor>,
    ) -> Result<(), Error> {
        family::check_length(manifest, content.len() + family::SPECIAL_TOKENS)?;
        inputs.resize_with(1, Tensor::default);
        inputs[0].assign_row(content.iter().map(|&id| i64::from(id)));
        Ok(())
    }
}
