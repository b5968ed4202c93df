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

use crate::model::backend::Memory;
use crate::model::generator::Run;
use crate::model::tokenizer::{Encoding, Scratch};
use crate::scoring::guard::canonical::Canonical;

/// What the calls of one session use again.
#[derive(Default)]
pub struct Work {
    pub(super) canonical: Canonical,
    memory: Memory,
    pub(super) tokenizer: Scratch,
    pub(super) encoding: Encoding,
    /// Of a pack that writes.
    pub(super) run: Run,
}
