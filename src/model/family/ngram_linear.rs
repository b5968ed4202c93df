//! Hashed n-grams with one row of weights each: buckets in, one logit a label out.

use crate::Error;
use crate::model::family::{self, Axis, Element, Family, TensorSpec};
use crate::model::manifest::Manifest;
use crate::model::tensor::{Data, Tensor};

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
        family::check_length(manifest, content.len() + family::SPECIAL_TOKENS)?;
        let ids: Vec<i64> = content.iter().map(|&id| i64::from(id)).collect();
        Ok(vec![Tensor::new(vec![1, ids.len()], Data::I64(ids))?])
    }
}
