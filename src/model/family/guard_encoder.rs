//! Encoder with a multi-label head: ids, mask and types in, one logit a label out.

use crate::Error;
use crate::model::family::{self, Axis, Element, Family, TensorSpec};
use crate::model::manifest::Manifest;
use crate::model::tensor::{Data, Tensor};

/// The family `guard-encoder`.
#[derive(Clone, Copy, Debug)]
pub struct GuardEncoder;

const TOKENS: &[Axis] = &[Axis::Fixed(1), Axis::Sequence];

impl Family for GuardEncoder {
    fn name(&self) -> &'static str {
        "guard-encoder"
    }

    fn inputs(&self) -> &'static [TensorSpec] {
        &[
            TensorSpec { name: "input_ids", element: Element::I64, axes: TOKENS },
            TensorSpec { name: "attention_mask", element: Element::I64, axes: TOKENS },
            TensorSpec { name: "token_type_ids", element: Element::I64, axes: TOKENS },
        ]
    }

    fn outputs(&self) -> &'static [TensorSpec] {
        &[TensorSpec { name: "logits", element: Element::F32, axes: &[Axis::Fixed(1), Axis::Labels] }]
    }

    fn encode(&self, manifest: &Manifest, content: &[u32]) -> Result<Vec<Tensor>, Error> {
        let ids = family::ids(manifest, content)?;
        let n = ids.len();
        let tensor = |v: Vec<i64>| Tensor::new(vec![1, n], Data::I64(v));
        Ok(vec![tensor(ids)?, tensor(vec![1; n])?, tensor(vec![0; n])?])
    }
}
