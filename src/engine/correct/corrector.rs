//! A tagger of edits at work: it keeps, deletes and replaces words, and cannot invent.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::correct::words::{Word, edited};
use crate::engine::correct::{Inspector, Work};
use crate::engine::guard::{Guard, GuardOptions};
use crate::engine::ready::Ready;
use crate::engine::verdict::Action;
use crate::model::backend::{Backend, Kind, Settings};
use crate::model::control::{CancelToken, Control};
use crate::model::family::{self, EditTagger, FIRST_REPLACEMENT, KEEP, SPECIAL_TOKENS};
use crate::model::manifest::{Edits, Manifest};
use crate::model::pack::Pack;
use crate::model::plan::run::Program;
use crate::model::tensor::Tensor;
use crate::model::tokenizer::Tokenizer;
use crate::scoring::correct::accept;
use crate::scoring::correct::residual::{Edit, residual};
use crate::scoring::guard::window;
use crate::scoring::score::calibrate::sigmoid;
use crate::{Code, Error};

/// What stands before the pieces that continue a word.
const CONTINUES: &str = "##";

/// The most rounds of one call.
pub const MAX_ROUNDS: usize = 8;

/// A corrector pack, ready to correct. Immutable; shared by threads.
pub struct Corrector {
    ready: Ready,
    edits: Edits,
    /// Places of the labels that say how harmful a text is.
    harmful: Vec<usize>,
}

/// How one call corrects.
#[derive(Clone, Debug)]
pub struct CorrectOptions {
    /// How often a correction is corrected again, 1 to [`MAX_ROUNDS`].
    pub max_rounds: usize,
    /// A correction may score less than the original by this, with an inspector.
    pub margin: f64,
    /// The call returns the original if it takes longer.
    pub timeout: Option<Duration>,
    /// The call returns the original once this is set.
    pub cancel: Option<Arc<CancelToken>>,
}

impl Default for CorrectOptions {
    fn default() -> Self {
        Self { max_rounds: 1, margin: 0.0, timeout: None, cancel: None }
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

/// One look at a text: the logits of each word's tags, and how harmful it is.
struct Look {
    words: Vec<Word>,
    /// `[words, tags]`.
    logits: Vec<f32>,
    harm: f64,
}

impl Corrector {
    /// Makes a pack ready: reads the tokenizer, prepares the backend, runs it once.
    ///
    /// # Errors
    /// As [`Guard::load`].
    pub fn load(pack: &Pack, settings: &Settings) -> Result<Self, Error> {
        family::refuse_unless(&EditTagger, pack.manifest())?;
        Self::probed(Ready::load(pack, settings)?)
    }

    /// A corrector over parts that were made elsewhere: a replay, for example.
    ///
    /// # Errors
    /// As [`Corrector::load`].
    pub fn from_parts(
        manifest: Manifest,
        tokenizer: Tokenizer,
        backend: Box<dyn Backend>,
    ) -> Result<Self, Error> {
        family::refuse_unless(&EditTagger, &manifest)?;
        Self::probed(Ready::from_parts(manifest, tokenizer, backend)?)
    }

    fn probed(ready: Ready) -> Result<Self, Error> {
        let manifest = &ready.manifest;
        let Some(edits) = manifest.edits.clone() else {
            return Err(Error::new(
                Code::InvalidPack,
                format!("the manifest of {} has no edits", manifest.name),
            ));
        };
        let place = |name: &String| manifest.labels.iter().position(|l| l.name == *name);
        let harmful = edits.labels.iter().filter_map(place).collect();
        let last = ready.last_token();
        let corrector = Self { ready, edits, harmful };
        let outputs = corrector.ready.run(&mut Work::default().memory, &[last], &Control::unlimited())?;
        corrector.outputs(&outputs, 1)?;
        Ok(corrector)
    }

    /// What the pack holds.
    pub fn manifest(&self) -> &Manifest {
        &self.ready.manifest
    }

    /// What runs the model: the kind, why it is that one, and the plan if there is one.
    pub fn backend(&self) -> (Kind, &str, Option<&Program>) {
        (self.ready.kind, &self.ready.why, self.ready.backend.plan())
    }

    /// Corrects a text.
    ///
    /// The tags of one look are tried with each bias in turn until the text is not flagged (a text that is not flagged, with the
    /// first alone); what keeps too few words, or stays
    /// harmful, is not taken. The question only goes to the inspector. If the corrector fails, the original stands.
    ///
    /// # Errors
    /// [`Code::EmptyText`], [`Code::TooLarge`] for the text; [`Code::InvalidArgument`] for the options. What the guard says,
    /// who must not be passed over.
    /// # Cost
    /// One model run a window for a text that needs nothing; for others one more for each bias tried, in each round.
    pub fn correct(
        &self,
        work: &mut Work,
        question: &str,
        text: &str,
        checks: Checks<'_>,
        options: &CorrectOptions,
    ) -> Result<Correction, Error> {
        if options.max_rounds == 0 || options.max_rounds > MAX_ROUNDS {
            let message = format!("max_rounds is {}; it lies in 1..={MAX_ROUNDS}", options.max_rounds);
            return Err(Error::new(Code::InvalidArgument, message));
        }
        if options.margin.is_nan() || options.margin < 0.0 {
            let message = format!("margin is {}; it is a number of 0 or more", options.margin);
            return Err(Error::new(Code::InvalidArgument, message));
        }
        if text.trim().is_empty() {
            let message = format!("text has {} bytes but no word; there is nothing to correct", text.len());
            return Err(Error::new(Code::EmptyText, message));
        }
        self.ready.check_size("text", text.len())?;
        let control = Control::new(options.timeout, options.cancel.clone());
        let found = match self.rounds(work, text, options.max_rounds, &control) {
            Ok(found) => found,
            Err(error) => {
                log::warn!("pack {} corrects nothing: {}", self.manifest().name, error.message);
                return Ok(kept(text, Reason::Failed(error.code), [f64::NAN; 2]));
            }
        };
        let (corrected, harm) = found;
        let Some(corrected) = corrected else {
            let reason = if harm[0] < 1.0 { Reason::Unchanged } else { Reason::Declined };
            return Ok(kept(text, reason, [harm[0]; 2]));
        };
        let blocked = match checks.guard {
            Some(guard) => [blocks(guard, text, &control)?, blocks(guard, &corrected, &control)?],
            None => harm.map(|harm| harm.is_nan() || harm >= 1.0),
        };
        let scores = match checks.inspector {
            Some(inspector) => {
                let mut score = |answer: &str| inspector.inspect(work, question, answer, &control);
                let scores = score(text).and_then(|before| Ok([before, score(&corrected)?]));
                match scores {
                    Ok(scores) => Some(scores),
                    Err(error) => return Ok(kept(text, Reason::Failed(error.code), [harm[0]; 2])),
                }
            }
            None => None,
        };
        let reason = accept::judge(text, &corrected, blocked, scores, options.margin);
        if reason != accept::Reason::Accepted {
            return Ok(kept(text, Reason::Judged(reason), [harm[0]; 2]));
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

    /// The correction, if one was found that is better, and the harm before and after.
    fn rounds(
        &self,
        work: &mut Work,
        text: &str,
        rounds: usize,
        control: &Control,
    ) -> Result<(Option<String>, [f64; 2]), Error> {
        let first = self.look(work, text, control)?;
        let before = first.harm;
        if before < self.edits.gate {
            return Ok((None, [before; 2]));
        }
        let (mut best, mut look): (Option<(String, f64)>, Look) = (None, first);
        for _ in 0..rounds {
            let from = best.as_ref().map_or(text, |(text, _)| text.as_str()).to_owned();
            let mut next: Option<(String, f64, Look)> = None;
            // Only a text that is flagged is pressed for more than the tags themselves ask for.
            let tried = if look.harm < 1.0 { 1 } else { self.edits.biases.len() };
            for &bias in self.edits.biases.iter().take(tried) {
                control.check()?;
                let made = self.edit(&from, &look, bias as f32);
                let harm_so_far = next.as_ref().map_or(look.harm, |(_, harm, _)| *harm);
                if made == from || made.trim().is_empty() || next.as_ref().is_some_and(|(t, ..)| *t == made) {
                    continue;
                }
                let ratio = residual(text, &made).copy_ratio;
                if ratio.is_some_and(|ratio| ratio < self.edits.min_copy_ratio) {
                    break; // Larger biases change more.
                }
                let after = self.look(work, &made, control)?;
                // NaN, which is no judgement, is not less than anything.
                if after.harm < harm_so_far {
                    let harm = after.harm;
                    next = Some((made, harm, after));
                    if harm < 1.0 {
                        break;
                    }
                }
            }
            let Some((made, harm, after)) = next else { break };
            best = Some((made, harm));
            look = after;
            if harm < self.edits.gate {
                break;
            }
        }
        // A text that stays flagged is not a correction.
        Ok(match best {
            Some((text, harm)) if harm < 1.0 => (Some(text), [before, harm]),
            _ => (None, [before; 2]),
        })
    }

    /// The text with the tags that are best once `bias` is taken from keeping.
    fn edit(&self, text: &str, look: &Look, bias: f32) -> String {
        let tags = FIRST_REPLACEMENT + self.edits.replacements.len();
        let mut words = look.words.clone();
        for (word, logits) in words.iter_mut().zip(look.logits.chunks_exact(tags)) {
            let keep = logits[KEEP] - bias;
            let best = (KEEP + 1..tags).max_by(|&a, &b| logits[a].total_cmp(&logits[b]).then(b.cmp(&a)));
            word.tag = best.filter(|&tag| logits[tag] > keep).unwrap_or(KEEP);
        }
        edited(text, &words, &self.edits.replacements)
    }

    /// One look at a text, in windows; each token's tags are from the window where it has most text on both sides.
    fn look(&self, work: &mut Work, text: &str, control: &Control) -> Result<Look, Error> {
        self.ready.encode(work, text, control)?;
        let tags = FIRST_REPLACEMENT + self.edits.replacements.len();
        let n = work.encoding.ids.len();
        let (content, stride) = self.ready.window();
        let mut by_token = vec![0.0_f32; n * tags];
        let mut margins = vec![0_usize; n];
        let mut harm = 0.0_f64;
        for span in window::layout(n, content, stride)? {
            control.check()?;
            let outputs = self.ready.run(&mut work.memory, &work.encoding.ids[span.clone()], control)?;
            let (rows, logits) = self.outputs(&outputs, span.len())?;
            for (&place, label) in self.harmful.iter().map(|place| (place, &self.manifest().labels[*place])) {
                let share = sigmoid(f64::from(logits[place]), label.temperature) / label.threshold;
                harm = if share.is_nan() { f64::INFINITY } else { harm.max(share) };
            }
            for at in span.clone() {
                let before = if span.start == 0 { usize::MAX } else { at - span.start + 1 };
                let after = if span.end == n { usize::MAX } else { span.end - at };
                let margin = before.min(after);
                if margin > margins[at] {
                    margins[at] = margin;
                    let row = at - span.start + 1;
                    by_token[at * tags..][..tags].copy_from_slice(&rows[row * tags..][..tags]);
                }
            }
        }
        let (mut words, mut logits): (Vec<Word>, Vec<f32>) = (Vec::new(), Vec::new());
        for (i, (&id, &(start, end))) in work.encoding.ids.iter().zip(&work.encoding.offsets).enumerate() {
            let bytes = work.canonical.original_span(start..end)?;
            let continues =
                self.ready.tokenizer.token(id).is_some_and(|t| t.len() > 2 && t.starts_with(CONTINUES));
            match words.last_mut() {
                Some(word) if continues => word.bytes.end = word.bytes.end.max(bytes.end),
                _ => {
                    words.push(Word { bytes, tag: KEEP });
                    logits.extend_from_slice(&by_token[i * tags..][..tags]);
                }
            }
        }
        Ok(Look { words, logits, harm })
    }

    /// The tags' logits, `[content + 2, tags]`, and the labels' logits.
    fn outputs<'a>(&self, outputs: &'a [Tensor], content: usize) -> Result<(&'a [f32], &'a [f32]), Error> {
        let (rows, tags) = (content + SPECIAL_TOKENS, FIRST_REPLACEMENT + self.edits.replacements.len());
        let manifest = self.manifest();
        if let [first, second] = outputs
            && let (&[1, found_rows, found_tags], Some(by_token)) = (first.shape(), first.f32s())
            && let (&[1, labels], Some(logits)) = (second.shape(), second.f32s())
            && (found_rows, found_tags, labels) == (rows, tags, manifest.labels.len())
        {
            return Ok((by_token, logits));
        }
        let shapes: Vec<_> = outputs.iter().map(|t| t.shape().to_vec()).collect();
        let message = format!(
            "the outputs of pack {} have the shapes {shapes:?}; its manifest needs [1, {rows}, {tags}] and [1, {}]",
            manifest.name,
            manifest.labels.len()
        );
        Err(Error::new(Code::ModelMismatch, message))
    }
}

fn blocks(guard: &Guard, text: &str, control: &Control) -> Result<bool, Error> {
    let verdict = guard.judge(&mut Default::default(), text.as_bytes(), &GuardOptions::default(), control)?;
    Ok(verdict.action == Action::Block)
}

/// The original, and why.
fn kept(text: &str, reason: Reason, harm: [f64; 2]) -> Correction {
    let copy_ratio = Some(1.0);
    let accepted = reason == Reason::Unchanged;
    Correction {
        text: text.to_owned(),
        changed: false,
        accepted,
        reason,
        copy_ratio,
        edits: Vec::new(),
        harm,
    }
}
