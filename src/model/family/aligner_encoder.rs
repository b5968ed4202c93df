//! Encoder without a head: ids and mask in, one state a token out.

use crate::Error;
use crate::model::family::{self, Axis, Element, Family, TensorSpec};
use crate::model::manifest::Manifest;
use crate::model::tensor::{Data, Tensor};

/// The family `aligner-encoder`.
#[derive(Clone, Copy, Debug)]
pub struct AlignerEncoder;

const TOKENS: &[Axis] = &[Axis::Fixed(1), Axis::Sequence];

impl Family for AlignerEncoder {
    fn name(&self) -> &'static str {
        "aligner-encoder"
    }

    fn inputs(&self) -> &'static [TensorSpec] {
        &[
            TensorSpec { name: "input_ids", element: Element::I64, axes: TOKENS },
            TensorSpec { name: "attention_mask", element: Element::I64, axes: TOKENS },
        ]
    }

    fn outputs(&self) -> &'static [TensorSpec] {
        &[TensorSpec {
            name: "states",
            element: Element::F32,
            axes: &[Axis::Fixed(1), Axis::Sequence, Axis::Width],
        }]
    }

    fn encode(&self, manifest: &Manifest, content: &[u32]) -> Result<Vec<Tensor>, Error> {
        let ids = family::ids(manifest, content)?;
        let n = ids.len();
        let tensor = |v: Vec<i64>| Tensor::new(vec![1, n], Data::I64(v));
        Ok(vec![tensor(ids)?, tensor(vec![1; n])?])
    }
}
