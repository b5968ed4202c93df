//! Answers inspected and corrected: a classifier of pairs, a tagger of edits, a pack that writes, and what decides whether a correction stays.

mod correction;
mod corrector;
mod inspector;
mod rewriter;
mod words;

pub use correction::{Checks, CorrectOptions, Correction, MAX_ROUNDS, Reason};
pub use corrector::Corrector;
pub use inspector::Inspector;
pub use rewriter::{AnyCorrector, Rewriter};

use crate::engine::guard;
use crate::model::generator::Run;
use crate::model::tokenizer::{Encoding, Scratch};

/// What the calls of one session use again.
#[derive(Default)]
pub struct Work {
    /// What a guard uses, too, and with it the passes that packs of one model share.
    pub(super) judging: guard::Work,
    pub(super) tokenizer: Scratch,
    pub(super) encoding: Encoding,
    /// Of a pack that writes.
    pub(super) run: Run,
}
