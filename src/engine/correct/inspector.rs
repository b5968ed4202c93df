//! Whether an answer is fine as it stands.

use crate::engine::correct::Work;
use crate::engine::ready::Ready;
use crate::model::backend::{Backend, Kind, Settings};
use crate::model::control::Control;
use crate::model::family::{AnswerInspector, PAIR_SPECIAL_TOKENS};
use crate::model::manifest::Manifest;
use crate::model::pack::Pack;
use crate::model::plan::run::Program;
use crate::model::tokenizer::Tokenizer;
use crate::scoring::guard::window;
use crate::scoring::score::calibrate::sigmoid;
use crate::{Code, Error};

/// The share of a window that a question takes at most, in 1/100.
const QUESTION_SHARE: usize = 45;

/// An inspector pack, ready to judge answers. Immutable; shared by threads.
pub struct Inspector {
    ready: Ready,
}

impl Inspector {
    /// Makes a pack ready: reads the tokenizer, prepares the backend, runs it once.
    ///
    /// # Errors
    /// As [`Guard::load`](crate::engine::Guard::load).
    pub fn load(pack: &Pack, settings: &Settings) -> Result<Self, Error> {
        Self::probed(Ready::load_as(&AnswerInspector, pack, settings)?)
    }

    /// An inspector over parts that were made elsewhere: a replay, for example.
    ///
    /// # Errors
    /// As [`Inspector::load`].
    pub fn from_parts(
        manifest: Manifest,
        tokenizer: Tokenizer,
        backend: Box<dyn Backend>,
    ) -> Result<Self, Error> {
        Self::probed(Ready::from_parts_as(&AnswerInspector, manifest, tokenizer, backend)?)
    }

    fn probed(ready: Ready) -> Result<Self, Error> {
        let inspector = Self { ready };
        let last = inspector.ready.last_token();
        inspector.window(&mut Work::default(), &[], &[last], &Control::unlimited())?;
        Ok(inspector)
    }

    /// What the pack holds.
    pub fn manifest(&self) -> &Manifest {
        &self.ready.manifest
    }

    /// What runs the model: the kind, why it is that one, and the plan if there is one.
    pub fn backend(&self) -> (Kind, &str, Option<&Program>) {
        (self.ready.kind, &self.ready.why, self.ready.backend.plan())
    }

    /// The probability that an answer is fine as it stands; of a longer answer than the window, the least of its pieces'.
    ///
    /// The question may be empty. Of a long question the last tokens are read.
    ///
    /// # Errors
    /// [`Code::EmptyText`] for an answer without a token, [`Code::TooLarge`] for either text; what `control` and the backend
    /// say; [`Code::InvalidModel`] if the score is no number.
    /// # Cost
    /// One model run for each piece of the answer.
    pub fn inspect(
        &self,
        work: &mut Work,
        question: &str,
        answer: &str,
        control: &Control,
    ) -> Result<f64, Error> {
        self.ready.check_size("question", question.len())?;
        self.ready.check_size("answer", answer.len())?;
        self.ready.encode(work, question, control)?;
        let room = self.ready.manifest.limits.max_tokens.saturating_sub(PAIR_SPECIAL_TOKENS);
        let most = room * QUESTION_SHARE / 100;
        let ids = &work.encoding.ids;
        let question = ids[ids.len().saturating_sub(most)..].to_vec();
        self.ready.encode(work, answer, control)?;
        let answer = std::mem::take(&mut work.encoding.ids);
        if answer.is_empty() {
            return Err(Error::new(Code::EmptyText, "the answer has no token; there is nothing to inspect"));
        }
        let width = room.saturating_sub(question.len()).max(1);
        let mut least = f64::INFINITY;
        for span in window::layout(answer.len(), width, width.div_ceil(2))? {
            control.check()?;
            least = least.min(self.window(work, &question, &answer[span], control)?);
        }
        work.encoding.ids = answer;
        Ok(least)
    }

    fn window(
        &self,
        work: &mut Work,
        question: &[u32],
        answer: &[u32],
        control: &Control,
    ) -> Result<f64, Error> {
        let manifest = &self.ready.manifest;
        let inputs = AnswerInspector::encode_pair(manifest, question, answer)?;
        let outputs = self.ready.backend.run(&mut work.judging.memory, &inputs, control)?;
        match (outputs.first().map(|t| (t.shape(), t.f32s())), &manifest.labels[..]) {
            (Some(([1, 1], Some(&[logit]))), [label]) if !logit.is_nan() => {
                Ok(sigmoid(f64::from(logit), label.temperature))
            }
            (Some(([1, 1], Some(&[logit]))), [_]) => {
                Err(Error::new(Code::InvalidModel, format!("the score of pack {} is {logit}", manifest.name)))
            }
            (found, labels) => Err(Error::new(
                Code::ModelMismatch,
                format!(
                    "output {:?} of pack {} has the shape {:?} for {} labels; an inspector has one label and [1, 1]",
                    manifest.model.outputs["aligned"],
                    manifest.name,
                    found.map(|(shape, _)| shape.to_vec()).unwrap_or_default(),
                    labels.len(),
                ),
            )),
        }
    }
}
