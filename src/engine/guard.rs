//! One text through a classifier pack: canonical text, tokens, windows, model, scores, verdict.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use crate::engine::first::FirstLook;
use crate::engine::ready::Ready;
use crate::engine::spelling;
use crate::engine::verdict::{Action, CategoryScore, Reason, Span, Verdict};
use crate::engine::views::{self, Reading};
use crate::engine::windows::{Maxima, Scored};
use crate::model::backend::{Backend, Kind, Memory, Settings};
use crate::model::control::{CancelToken, Control};
use crate::model::family::{self, Family, GuardEncoder, NgramLinear, SPECIAL_TOKENS};
use crate::model::manifest::{Manifest, Role};
use crate::model::pack::Pack;
use crate::model::plan::run::Program;
use crate::model::tensor::Tensor;
use crate::model::tokenizer::{Encoding, Scratch, Tokenizer};
use crate::scoring::guard::canonical::Canonical;
use crate::scoring::guard::sentences;
use crate::scoring::score::calibrate::sigmoid;
use crate::{Code, Error};

/// A classifier pack, ready to judge. Immutable; shared by threads.
pub struct Guard {
    ready: Ready,
    first: Option<FirstLook>,
    /// The labels whose places are marked, by position.
    marked: Vec<usize>,
}

/// How one call judges.
#[derive(Clone, Debug, Default)]
pub struct GuardOptions {
    /// Whose text it is; `None` judges every label.
    pub role: Option<Role>,
    /// The call fails with [`Code::DeadlineExceeded`] if it takes longer.
    pub timeout: Option<Duration>,
    /// The call fails with [`Code::Cancelled`] once this is set.
    pub cancel: Option<Arc<CancelToken>>,
    /// Judges the text as it was given, too, and takes the larger score: canonical text can itself hide a signal.
    pub paranoid: bool,
    /// Judges the text alone, and not what it hides in an encoding or behind look-alikes, leetspeak and gaps.
    pub plain: bool,
}

impl GuardOptions {
    /// When a call with these options, begun now, must end.
    pub fn control(&self) -> Control {
        Control::new(self.timeout, self.cancel.clone())
    }
}

/// What the calls of one session use again.
#[derive(Default)]
pub(super) struct Work {
    pub(super) canonical: Canonical,
    pub(super) memory: Memory,
    maxima: Maxima,
    tokenizer: Scratch,
    tokens: Encoding,
    inputs: Vec<Tensor>,
    outputs: Vec<Tensor>,
    /// Windows of a batch that are scored already, by their tokens.
    ahead: HashMap<Box<[u32]>, Scored>,
    look: spelling::Look,
}

/// Texts of a batch whose windows are scored ahead: few, so that a deadline that ends a batch finds most of its work used.
const AHEAD: usize = 8;

impl Guard {
    /// Makes a pack ready: reads the tokenizer, prepares the backend, runs it once.
    ///
    /// # Errors
    /// [`Code::InvalidModel`], [`Code::TooLarge`] or [`Code::ModelMismatch`] for the model file;
    /// [`Code::InvalidTokenizer`] for the tokenizer file or one that is not the manifest's;
    /// [`Code::Unavailable`] for a backend that is not there.
    pub fn load(pack: &Pack, settings: &Settings) -> Result<Self, Error> {
        refuse_unless_classifier(pack.manifest())?;
        let mut ready = Ready::load(pack, settings)?;
        ready.tokenizer = ready.tokenizer.for_reading();
        let guard = Self::of(ready);
        guard.probe()?;
        Ok(guard)
    }

    /// A guard over parts that were made elsewhere: a replay, for example.
    ///
    /// # Errors
    /// [`Code::InvalidTokenizer`] if the tokenizer is not the manifest's.
    pub fn from_parts(
        manifest: Manifest,
        tokenizer: Tokenizer,
        backend: Box<dyn Backend>,
    ) -> Result<Self, Error> {
        refuse_unless_classifier(&manifest)?;
        Ok(Self::of(Ready::from_parts(manifest, tokenizer, backend)?))
    }

    fn of(ready: Ready) -> Self {
        let named = ready.manifest.spans.iter().flat_map(|spans| &spans.labels);
        let place = |name: &String| ready.manifest.labels.iter().position(|label| label.name == *name);
        let marked = named.filter_map(place).collect();
        Self { ready, first: None, marked }
    }

    /// What the pack holds.
    pub fn manifest(&self) -> &Manifest {
        &self.ready.manifest
    }

    /// What every kind of pack has.
    pub(super) fn ready(&self) -> &Ready {
        &self.ready
    }

    /// sha256 of the pack's manifest; empty for a guard made from parts.
    pub fn pack_sha256(&self) -> &str {
        &self.ready.pack_sha256
    }

    /// What runs the model: the kind, why it is that one, and the plan if there is one.
    pub fn backend(&self) -> (Kind, &str, Option<&Program>) {
        (self.ready.kind, &self.ready.why, self.ready.backend.plan())
    }

    /// One run on the largest token id, so that a model of another vocabulary or label count is refused at load.
    fn probe(&self) -> Result<(), Error> {
        self.own_scores(&mut Memory::default(), &[self.ready.last_token()], &Control::unlimited()).map(|_| ())
    }

    /// The tokens of a text, without the special ones.
    pub(super) fn encode(&self, text: &str, control: &Control) -> Result<Encoding, Error> {
        self.ready.tokenizer.encode(text, control)
    }

    /// The same, into memory that is used again.
    pub(super) fn encode_into(
        &self,
        text: &str,
        control: &Control,
        scratch: &mut Scratch,
        out: &mut Encoding,
    ) -> Result<(), Error> {
        self.ready.tokenizer.encode_into(text, control, scratch, out)
    }

    /// Whether the pack's tokens are words and parts of them.
    pub(super) fn has_words(&self) -> bool {
        self.ready.tokenizer.has_words()
    }

    /// The token that stands for what the vocabulary cannot spell.
    pub(super) fn unknown(&self) -> Option<u32> {
        self.ready.tokenizer.unknown()
    }

    /// The most tokens of a window, and how far the next one begins after it.
    pub(super) fn window(&self) -> (usize, usize) {
        self.ready.window()
    }

    /// The most tokens of a sentence that is judged by itself; `None` if the pack does not judge sentences.
    pub(super) fn sentence_tokens(&self) -> Option<usize> {
        self.ready.manifest.limits.sentence_tokens
    }

    /// Whether a sentence by itself counts for a label.
    pub(super) fn counts_alone(&self, label: usize) -> bool {
        self.ready.manifest.labels.get(label).is_none_or(|label| label.sentences)
    }

    /// Lets a smaller guard look first, which clears the windows that it finds harmless enough.
    ///
    /// # Errors
    /// As [`FirstLook::new`].
    pub(super) fn set_first_look(&mut self, first: &Arc<Guard>) -> Result<(), Error> {
        self.first = Some(FirstLook::new(Arc::clone(first), &self.ready.manifest)?);
        Ok(())
    }

    /// The labels whose places in a window are marked, by position.
    pub(super) fn marked_labels(&self) -> &[usize] {
        &self.marked
    }

    /// Whether the scores of a window depend on its text and not on its tokens alone.
    pub(super) fn looks_at_text(&self) -> bool {
        self.first.is_some()
    }

    /// What one window scores: by the first look where it clears the window, else by the model.
    /// `text` is what the window's tokens stand for.
    pub(super) fn scores(
        &self,
        memory: &mut Memory,
        ids: &[u32],
        text: &str,
        control: &Control,
    ) -> Result<Scored, Error> {
        if let Some(first) = &self.first
            && let Some(labels) = first.clear(&self.ready.manifest, memory, text, control)?
        {
            return Ok(Scored { labels, ..Scored::default() });
        }
        self.own_scores(memory, ids, control)
    }

    /// One window through the model: one probability a label, and the marks.
    pub(super) fn own_scores(
        &self,
        memory: &mut Memory,
        ids: &[u32],
        control: &Control,
    ) -> Result<Scored, Error> {
        let mut scored = Scored::default();
        let mut tensors = (Vec::new(), Vec::new());
        self.own_scores_into(memory, ids, control, (&mut tensors.0, &mut tensors.1), &mut scored)?;
        Ok(scored)
    }

    /// As [`Guard::own_scores`], with memory that is used again.
    fn own_scores_into(
        &self,
        memory: &mut Memory,
        ids: &[u32],
        control: &Control,
        (inputs, outputs): (&mut Vec<Tensor>, &mut Vec<Tensor>),
        scored: &mut Scored,
    ) -> Result<(), Error> {
        self.ready.run_into(memory, ids, control, (inputs, outputs))?;
        self.read_scores(outputs, ids.len(), scored)
    }

    /// What the model's outputs for a window of so many tokens say.
    fn read_scores(&self, outputs: &[Tensor], tokens: usize, scored: &mut Scored) -> Result<(), Error> {
        let manifest = &self.ready.manifest;
        let gate = manifest.first_look.as_ref().and_then(|band| band.gate);
        let n = manifest.labels.len() + usize::from(gate.is_some());
        let logits = self.output(outputs, 0, "logits", &[1, n], || {
            format!(
                "the manifest's {} labels{} need [1, {n}]",
                manifest.labels.len(),
                if gate.is_some() { " and gate" } else { "" }
            )
        })?;
        let labels = logits.iter().zip(&manifest.labels);
        scored.labels.clear();
        scored.labels.extend(labels.map(|(&z, l)| sigmoid(f64::from(z), l.temperature)));
        // What is left after the labels.
        let last = gate.zip(logits.last());
        scored.gate = last.map(|(gate, &z)| sigmoid(f64::from(z), gate.temperature));
        scored.marks.clear();
        let Some(spans) = &manifest.spans else { return Ok(()) };
        let rows = tokens + SPECIAL_TOKENS;
        let rows = self.output(outputs, 1, "spans", &[1, rows, 1], || {
            format!("a window of {rows} tokens needs [1, {rows}, 1]")
        })?;
        // The first is that of the token before the text.
        let marks = rows[1..=tokens].iter();
        scored.marks.extend(marks.map(|&z| sigmoid(f64::from(z), spans.temperature) >= spans.threshold));
        Ok(())
    }

    /// An output of floats that must have a shape.
    fn output<'a>(
        &self,
        outputs: &'a [Tensor],
        place: usize,
        name: &str,
        shape: &[usize],
        needs: impl Fn() -> String,
    ) -> Result<&'a [f32], Error> {
        match outputs.get(place).map(|t| (t.shape(), t.f32s())) {
            Some((found, Some(values))) if found == shape => Ok(values),
            found => Err(Error::new(
                Code::ModelMismatch,
                format!(
                    "output {:?} of pack {} has the shape {:?}; {}",
                    self.ready.manifest.model.outputs[name],
                    self.ready.manifest.name,
                    found.map(|(shape, _)| shape.to_vec()).unwrap_or_default(),
                    needs()
                ),
            )),
        }
    }

    /// Judges one text. One that is empty or white space alone is clear; one of which nothing is left though it has other
    /// characters is refused.
    ///
    /// # Errors
    /// As [`Guard::judge_into`].
    pub(super) fn judge(
        &self,
        work: &mut Work,
        text: &[u8],
        options: &GuardOptions,
        control: &Control,
    ) -> Result<Verdict, Error> {
        let mut verdict = Verdict::default();
        self.judge_into(work, text, options, control, &mut verdict)?;
        Ok(verdict)
    }

    /// Judges several texts, each as if it were alone. Their short windows run side by side where that is faster.
    pub(super) fn judge_each(
        &self,
        work: &mut Work,
        texts: &[&[u8]],
        options: &GuardOptions,
        control: &Control,
    ) -> Vec<Result<Verdict, Error>> {
        let mut verdicts = Vec::with_capacity(texts.len());
        for texts in texts.chunks(AHEAD) {
            if texts.len() > 1 && self.ready.backend.plan().is_some() {
                // What fails here fails again where its own text is judged, and only there.
                let _ = self.look_ahead(work, texts, control);
            }
            verdicts.extend(texts.iter().map(|text| self.judge(work, text, options, control)));
            work.ahead.clear();
        }
        verdicts
    }

    /// Scores the canonical forms that are one window each, and their sentences, for [`Guard::judge_into`] to find: windows of longer
    /// texts are long themselves, and gain nothing side by side.
    fn look_ahead(
        &self,
        Work { canonical, memory, tokenizer, tokens, ahead, .. }: &mut Work,
        texts: &[&[u8]],
        control: &Control,
    ) -> Result<(), Error> {
        let (content, _) = self.window();
        let mut windows: Vec<Box<[u32]>> = Vec::new();
        let mut spans = Vec::new();
        for text in texts.iter().filter_map(|text| self.check_text(text).ok()) {
            control.check()?;
            canonical.assign(text)?;
            self.ready.tokenizer.encode_into(canonical.text(), control, tokenizer, tokens)?;
            let n = tokens.ids.len();
            if n == 0 || n > content {
                continue;
            }
            spans.clear();
            if let Some(most) = self.sentence_tokens() {
                sentences::pieces(canonical.text(), &tokens.offsets, most, &mut spans)?;
            }
            for span in std::iter::once(0..n).chain(spans.iter().cloned()) {
                let ids = &tokens.ids[span.clone()];
                if windows.iter().any(|known| **known == *ids) {
                    continue;
                }
                let bytes = tokens.offsets[span.start].0..tokens.offsets[span.end - 1].1;
                let text = canonical.text().get(bytes).unwrap_or(canonical.text());
                if let Some(first) = &self.first
                    && first.clear(&self.ready.manifest, memory, text, control)?.is_some()
                {
                    continue;
                }
                windows.push(ids.into());
            }
        }
        let lent: Vec<&[u32]> = windows.iter().map(|ids| &**ids).collect();
        self.ready.run_each(memory, &lent, control, |place, outputs| {
            let mut scored = Scored::default();
            self.read_scores(outputs, lent[place].len(), &mut scored)?;
            ahead.insert(lent[place].into(), scored);
            Ok(())
        })
    }

    /// Judges one text, into a verdict whose memory is used again.
    ///
    /// # Errors
    /// [`Code::Utf8`], [`Code::EmptyText`], [`Code::TooLarge`] for the text; what `control` says; what the backend
    /// says. Whoever gets an error must treat the text as blocked, and the verdict says so.
    pub(super) fn judge_into(
        &self,
        Work { canonical, memory, maxima, tokenizer, tokens, inputs, outputs, ahead, look }: &mut Work,
        text: &[u8],
        options: &GuardOptions,
        control: &Control,
        verdict: &mut Verdict,
    ) -> Result<(), Error> {
        verdict.clear();
        control.check()?;
        let text = self.check_text(text)?;
        canonical.assign(text)?;
        maxima.begin(self.ready.manifest.labels.iter().map(|label| label.threshold));
        self.ready.tokenizer.encode_into(canonical.text(), control, tokenizer, tokens)?;
        let mut judge = |reading: &dyn Reading, tokens: &Encoding| {
            maxima.add(self, reading, tokens, control, |ids, text, scored| {
                if let Some(first) = &self.first
                    && let Some(labels) = first.clear(&self.ready.manifest, memory, text, control)?
                {
                    *scored = Scored { labels, ..Scored::default() };
                    return Ok(());
                }
                if let Some(found) = ahead.get(ids) {
                    scored.clone_from(found);
                    return Ok(());
                }
                self.own_scores_into(memory, ids, control, (&mut *inputs, &mut *outputs), scored)
            })
        };
        judge(&*canonical, tokens)?;
        if !options.plain {
            views::each(self, text, canonical, tokens, (control, look), |view| {
                judge(view, &self.encode(view.text(), control)?)
            })?;
        }
        if options.paranoid && canonical.text() != text {
            self.ready.tokenizer.encode_into(text, control, tokenizer, tokens)?;
            judge(&text, tokens)?;
        }
        if maxima.windows == 0 && !text.chars().all(char::is_whitespace) {
            return Err(nothing_left(text.len()));
        }
        self.verdict(maxima, options.role, verdict);
        Ok(())
    }

    fn check_text<'a>(&self, text: &'a [u8]) -> Result<&'a str, Error> {
        let most = self.ready.manifest.limits.max_text_bytes;
        if text.len() as u64 > most {
            return Err(Error::new(
                Code::TooLarge,
                format!(
                    "text has {} bytes; pack {} takes at most {most}",
                    text.len(),
                    self.ready.manifest.name
                ),
            ));
        }
        str::from_utf8(text).map_err(|e| {
            Error::new(
                Code::Utf8,
                format!("text of {} bytes is not UTF-8 at byte {}", text.len(), e.valid_up_to()),
            )
        })
    }

    fn verdict(&self, maxima: &Maxima, role: Option<Role>, verdict: &mut Verdict) {
        (verdict.windows, verdict.risk) = (maxima.windows, 0.0);
        let mut invalid = false;
        for (place, (label, most)) in self.ready.manifest.labels.iter().zip(&maxima.labels).enumerate() {
            if role.is_some_and(|r| !label.roles.is_empty() && !label.roles.contains(&r)) {
                continue;
            }
            invalid |= most.invalid;
            let best = most.best.as_ref().map(|(score, _)| *score);
            let flagged = best.is_some_and(|score| score >= label.threshold);
            let score = best.map_or(f32::from(most.invalid), |score| score as f32);
            let threshold = label.threshold as f32;
            verdict.categories.push(CategoryScore { label: place, score, threshold, flagged });
            verdict.risk = verdict.risk.max(score);
            if flagged {
                maxima.places(place, |Range { start, end }| {
                    verdict.spans.push(Span { start, end, label: place, score });
                });
            }
        }
        (verdict.action, verdict.reason) = if invalid {
            verdict.risk = 1.0;
            (Action::Block, Reason::InvalidScore)
        } else if verdict.categories.iter().any(|category| category.flagged) {
            (Action::Block, Reason::Flagged)
        } else {
            (Action::Allow, Reason::Clear)
        };
    }
}

/// Why a text is not judged that has characters, and none that a model reads: whoever shows it to another reader does not know
/// what that one sees.
pub(super) fn nothing_left(bytes: usize) -> Error {
    let message = format!("text has {bytes} bytes but nothing to judge: no token is left of it");
    Error::new(Code::EmptyText, message)
}

/// Refuses a pack that does not judge texts.
fn refuse_unless_classifier(manifest: &Manifest) -> Result<(), Error> {
    if [GuardEncoder.name(), NgramLinear.name()].contains(&manifest.family.as_str()) {
        return Ok(());
    }
    Err(family::wrong_family(&GuardEncoder, manifest))
}
