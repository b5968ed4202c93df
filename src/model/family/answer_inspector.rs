//! Encoder that reads a question and an answer: one logit, how far the answer is fine as it stands.

use crate::Error;
use crate::model::family::{self, Axis, Element, Family, TensorSpec, encoder_inputs};
use crate::model::manifest::Manifest;
use crate::model::tensor::{Data, Tensor};

/// The family `answer-inspector`.
#[derive(Clone, Copy, Debug)]
pub struct AnswerInspector;

/// Special tokens around a pair: before, between and after.
pub const PAIR_SPECIAL_TOKENS: usize = 3;

impl Family for AnswerInspector {
    fn name(&self) -> &'static str {
        "answer-inspector"
    }

    fn inputs(&self) -> &'static [TensorSpec] {
        family::ENCODER_INPUTS
    }

    fn outputs(&self) -> &'static [TensorSpec] {
        &[TensorSpec { name: "aligned", element: Element::F32, axes: &[Axis::Fixed(1), Axis::Labels] }]
    }

    fn encode(&self, manifest: &Manifest, content: &[u32]) -> Result<Vec<Tensor>, Error> {
        encoder_inputs(manifest, content)
    }
}

impl AnswerInspector {
    /// The inputs for a question and an answer: `[CLS] question [SEP] answer [SEP]`, token types 0 and 1.
    ///
    /// # Errors
    /// [`crate::Code::InvalidArgument`] if both are longer than the manifest allows.
    pub fn encode_pair(manifest: &Manifest, question: &[u32], answer: &[u32]) -> Result<Vec<Tensor>, Error> {
        let n = question.len() + answer.len() + PAIR_SPECIAL_TOKENS;
        family::check_length(manifest, n)?;
        let tokenizer = &manifest.tokenizer;
        let mut ids = vec![i64::from(tokenizer.cls)];
        for part in [question, answer] {
            ids.extend(part.iter().map(|&id| i64::from(id)));
            ids.push(i64::from(tokenizer.sep));
        }
        let types = (0..n).map(|i| i64::from(i >= question.len() + 2)).collect();
        let tensor = |v: Vec<i64>| Tensor::new(vec![1, n], Data::I64(v));
        Ok(vec![tensor(ids)?, tensor(vec![1; n])?, tensor(types)?])
    }
}
