//! Answers inspected and corrected: a classifier of pairs, a tagger of edits, and what decides whether a correction stays.

mod corrector;
mod inspector;
mod words;

pub use corrector::{Checks, CorrectOptions, Correction, Corrector, MAX_ROUNDS, Reason};
pub use inspector::Inspector;

use crate::model::backend::Memory;
use crate::model::tokenizer::{Encoding, Scratch};
use crate::scoring::guard::canonical::Canonical;

/// What the calls of one session use again.
#[derive(Default)]
pub struct Work {
    pub(super) canonical: Canonical,
    memory: Memory,
    pub(super) tokenizer: Scratch,
    pub(super) encoding: Encoding,
}
