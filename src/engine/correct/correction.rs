//! What a correction is, and what decides whether it stays, whoever made it.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::correct::{Inspector, Work};
use crate::engine::guard::{Guard, GuardOptions};
use crate::engine::verdict::Action;
use crate::model::control::{CancelToken, Control};
use crate::scoring::correct::accept;
use crate::scoring::correct::residual::{Edit, residual};
use crate::{Code, Error};

/// The most rounds of one call.
pub const MAX_ROUNDS: usize = 8;

/// How one call corrects.
#[derive(Clone, Debug)]
pub struct CorrectOptions {
    /// How often a correction is corrected again, 1 to [`MAX_ROUNDS`].
    pub max_rounds: usize,
    /// A correction may score less than the original by this, with an inspector.
    pub margin: f64,
    /// The call returns the original if it takes longer; if the guard that judges the correction does, it fails.
    pub timeout: Option<Duration>,
    /// The call returns the original once this is set.
    pub cancel: Option<Arc<CancelToken>>,
    /// Of a corrector that writes: texts that are searched side by side; 1 takes the likeliest token each time.
    pub beams: usize,
}

impl Default for CorrectOptions {
    fn default() -> Self {
        Self { max_rounds: 1, margin: 0.0, timeout: None, cancel: None, beams: 1 }
    }
}

impl CorrectOptions {
    /// # Errors
    /// [`Code::InvalidArgument`] for a value out of its range.
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.max_rounds == 0 || self.max_rounds > MAX_ROUNDS {
            let message = format!("max_rounds is {}; it lies in 1..={MAX_ROUNDS}", self.max_rounds);
            return Err(Error::new(Code::InvalidArgument, message));
        }
        if self.margin.is_nan() || self.margin < 0.0 {
            let message = format!("margin is {}; it is a number of 0 or more", self.margin);
            return Err(Error::new(Code::InvalidArgument, message));
        }
        Ok(())
    }
}

/// What else judges a correction, if it is there.
#[derive(Clone, Copy, Default)]
pub struct Checks<'a> {
    /// A correction that this blocks is not taken if the original passes.
    pub guard: Option<&'a Guard>,
    /// A correction that this finds worse is not taken.
    pub inspector: Option<&'a Inspector>,
}

/// Why a text is what it is after a correction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// There was nothing to correct.
    Unchanged,
    /// It needs a correction, and none was found that is harmless and keeps enough of it.
    Declined,
    /// The correction was kept or refused.
    Judged(accept::Reason),
    /// The corrector failed; the original stands.
    Failed(Code),
}

impl Reason {
    /// The word of the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::Declined => "declined",
            Self::Judged(reason) => reason.name(),
            Self::Failed(_) => "failed",
        }
    }
}

/// A text after a correction.
#[derive(Clone, Debug, PartialEq)]
pub struct Correction {
    /// The correction, or the original if none was taken.
    pub text: String,
    /// Whether a byte differs.
    pub changed: bool,
    /// Whether the text is what the corrector wants: a correction that was taken, or an original that needs none.
    pub accepted: bool,
    /// Why.
    pub reason: Reason,
    /// The share of words kept, of the longer text's; `None` beyond 4,096 words.
    pub copy_ratio: Option<f64>,
    /// What was replaced, in bytes of the original.
    pub edits: Vec<Edit>,
    /// How harmful the original and the text are by the corrector's own labels: the largest share of a threshold, 1 and
    /// above is flagged. NaN where it was not judged.
    pub harm: [f64; 2],
}

impl Correction {
    /// The original, and why.
    pub(super) fn kept(text: &str, reason: Reason, harm: [f64; 2]) -> Self {
        Self {
            text: text.to_owned(),
            changed: false,
            accepted: reason == Reason::Unchanged,
            reason,
            copy_ratio: Some(1.0),
            edits: Vec::new(),
            harm,
        }
    }
}

/// A correction as it was made, before it is judged.
pub(super) struct Made {
    pub(super) text: String,
    /// How harmful the original and the text are by the corrector's own view; NaN if it has none.
    pub(super) harm: [f64; 2],
    /// Whether that view blocks them, for want of a guard.
    pub(super) blocked: [bool; 2],
}

/// Holds a correction against the guard, the inspector and the rules of acceptance.
///
/// # Errors
/// What the guard says, who must not be passed over.
pub(super) fn settle(
    work: &mut Work,
    (question, text): (&str, &str),
    made: Made,
    checks: Checks<'_>,
    margin: f64,
    control: &Control,
) -> Result<Correction, Error> {
    let Made { text: corrected, harm, blocked } = made;
    let blocked = match checks.guard {
        Some(guard) => [blocks(work, guard, text, control)?, blocks(work, guard, &corrected, control)?],
        None => blocked,
    };
    let scores = match checks.inspector {
        Some(inspector) => {
            let mut score = |answer: &str| inspector.inspect(work, question, answer, control);
            let scores = score(text).and_then(|before| Ok([before, score(&corrected)?]));
            match scores {
                Ok(scores) => Some(scores),
                Err(error) => return Ok(Correction::kept(text, Reason::Failed(error.code), [harm[0]; 2])),
            }
        }
        None => None,
    };
    let reason = accept::judge(text, &corrected, blocked, scores, margin);
    if reason != accept::Reason::Accepted {
        return Ok(Correction::kept(text, Reason::Judged(reason), [harm[0]; 2]));
    }
    let changes = residual(text, &corrected);
    Ok(Correction {
        changed: changes.changed,
        accepted: true,
        reason: Reason::Judged(reason),
        copy_ratio: changes.copy_ratio,
        edits: changes.edits,
        text: corrected,
        harm,
    })
}

fn blocks(work: &mut Work, guard: &Guard, text: &str, control: &Control) -> Result<bool, Error> {
    // There is nothing to block in no text.
    if text.trim().is_empty() {
        return Ok(false);
    }
    let verdict = guard.judge(&mut work.judging, text.as_bytes(), &GuardOptions::default(), control)?;
    Ok(verdict.action == Action::Block)
}
