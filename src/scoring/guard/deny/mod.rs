//! A deny corpus: which spans of a text are copied from it, and how unusual they are.
//!
//! Verbatim only: a paraphrase passes. The measure grows with length whatever the meaning; it tells specific copying, not
//! harm.

mod bci;
mod shield;
mod suffix;

pub use bci::{BeamChoice, CopiedSpan, Report, beams, copied_spans, corpus_probability};
pub use shield::{FlaggedWindow, SpanValues, penalise, span_values, windows};
pub use suffix::{Corpus, Interval, MAX_TOKENS, SEPARATOR, build};
