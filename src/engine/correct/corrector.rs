//! A tagger of edits at work: it keeps, deletes and replaces words, and cannot invent.

use crate::engine::correct::correction::{Made, settle};
use crate::engine::correct::words::{Word, edited};
use crate::engine::correct::{Checks, CorrectOptions, Correction, Reason, Work};
use crate::engine::ready::Ready;
use crate::model::backend::{Backend, Kind, Settings};
use crate::model::control::Control;
use crate::model::family::{EditTagger, FIRST_REPLACEMENT, KEEP, SPECIAL_TOKENS};
use crate::model::manifest::{Edits, Manifest};
use crate::model::pack::Pack;
use crate::model::plan::run::Program;
use crate::model::tensor::Tensor;
use crate::model::tokenizer::Tokenizer;
use crate::scoring::correct::residual::residual;
use crate::scoring::guard::window;
use crate::scoring::score::calibrate::sigmoid;
use crate::{Code, Error};

/// What stands before the pieces that continue a word.
const CONTINUES: &str = "##";

/// A corrector pack, ready to correct. Immutable; shared by threads.
pub struct Corrector {
    ready: Ready,
    edits: Edits,
    /// Places of the labels that say how harmful a text is.
    harmful: Vec<usize>,
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
    /// As [`Guard::load`](crate::engine::Guard::load).
    pub fn load(pack: &Pack, settings: &Settings) -> Result<Self, Error> {
        Self::probed(Ready::load_as(&EditTagger, pack, settings)?)
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
        Self::probed(Ready::from_parts_as(&EditTagger, manifest, tokenizer, backend)?)
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
        let outputs =
            corrector.ready.run(&mut Work::default().judging.memory, &[last], &Control::unlimited())?;
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
    /// One model run a window for a text that needs nothing; for others one more for each bias tried, in each round. A guard
    /// whose model is this pack's adds none.
    pub fn correct(
        &self,
        work: &mut Work,
        question: &str,
        text: &str,
        checks: Checks<'_>,
        options: &CorrectOptions,
    ) -> Result<Correction, Error> {
        options.check()?;
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
                return Ok(Correction::kept(text, Reason::Failed(error.code), [f64::NAN; 2]));
            }
        };
        let (corrected, harm) = found;
        let Some(corrected) = corrected else {
            let reason = if harm[0] < 1.0 { Reason::Unchanged } else { Reason::Declined };
            return Ok(Correction::kept(text, reason, [harm[0]; 2]));
        };
        let own = harm.map(|harm| harm.is_nan() || harm >= 1.0);
        let made = Made { text: corrected, harm, blocked: own };
        settle(work, (question, text), made, checks, options.margin, &control)
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
            let outputs =
                self.ready.run(&mut work.judging.memory, &work.encoding.ids[span.clone()], control)?;
            let (rows, logits) = self.outputs(&outputs, span.len())?;
            for (&place, label) in self.harmful.iter().map(|place| (place, &self.manifest().labels[*place])) {
                let share = sigmoid(f64::from(logits[place]), label.temperature) / label.threshold;
                harm = if share.is_nan() { f64::INFINITY } else { harm.max(share) };
            }
            for at in span.clone() {
                let margin = window::margin(&span, n, at);
                if margin > margins[at] {
                    margins[at] = margin;
                    let row = at - span.start + 1;
                    by_token[at * tags..][..tags].copy_from_slice(&rows[row * tags..][..tags]);
                }
            }
        }
        let (mut words, mut logits): (Vec<Word>, Vec<f32>) = (Vec::new(), Vec::new());
        for (i, (&id, &(start, end))) in work.encoding.ids.iter().zip(&work.encoding.offsets).enumerate() {
            let bytes = work.judging.canonical.original_span(start..end)?;
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
