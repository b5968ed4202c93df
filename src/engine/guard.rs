//! One text through a classifier pack: canonical text, tokens, windows, model, scores, verdict.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use crate::engine::first::FirstLook;
use crate::engine::ready::Ready;
use crate::engine::verdict::{Action, CategoryScore, Reason, Span, Verdict};
use crate::model::backend::{Backend, Kind, Memory, Settings};
use crate::model::control::{CancelToken, Control};
use crate::model::family::{self, Family, GuardEncoder, NgramLinear, SPECIAL_TOKENS};
use crate::model::manifest::{Manifest, Role};
use crate::model::pack::Pack;
use crate::model::plan::run::Program;
use crate::model::tensor::Tensor;
use crate::model::tokenizer::{Encoding, Scratch, Tokenizer};
use crate::scoring::guard::canonical::Canonical;
use crate::scoring::guard::window;
use crate::scoring::score::calibrate::sigmoid;
use crate::{Code, Error};

/// A classifier pack, ready to judge. Immutable; shared by threads.
pub struct Guard {
    ready: Ready,
    first: Option<FirstLook>,
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
    canonical: Canonical,
    windows: Windows,
    viewing: Viewing,
    joining: Joining,
}

/// Scores of all windows of a text, and the bytes of the original that each window stands for.
#[derive(Default)]
struct Windows {
    /// `[windows, labels]`, row-major.
    scores: Vec<f64>,
    bytes: Vec<Range<usize>>,
}

/// What a view of a text needs from its characters to its scores.
#[derive(Default)]
struct Viewing {
    memory: Memory,
    tokenizer: Scratch,
    tokens: Encoding,
    inputs: Vec<Tensor>,
    outputs: Vec<Tensor>,
}

/// What joining the scores of windows needs.
#[derive(Default)]
struct Joining {
    columns: Vec<usize>,
    thresholds: Vec<f64>,
    scores: Vec<f64>,
    categories: Vec<window::Category>,
    invalid: Vec<usize>,
}

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
        let guard = Self { ready, first: None };
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
        Ok(Self { ready: Ready::from_parts(manifest, tokenizer, backend)?, first: None })
    }

    /// What the pack holds.
    pub fn manifest(&self) -> &Manifest {
        &self.ready.manifest
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
        self.logits(&mut Memory::default(), &[self.ready.last_token()], &Control::unlimited()).map(|_| ())
    }

    /// The tokens of a text, without the special ones.
    pub(super) fn encode(&self, text: &str, control: &Control) -> Result<Encoding, Error> {
        self.ready.tokenizer.encode(text, control)
    }

    /// The most tokens of a window, and how far the next one begins after it.
    pub(super) fn window(&self) -> (usize, usize) {
        self.ready.window()
    }

    /// Lets a smaller guard look first, which clears the windows that it finds harmless enough.
    ///
    /// # Errors
    /// As [`FirstLook::new`].
    pub(super) fn set_first_look(&mut self, first: &Arc<Guard>) -> Result<(), Error> {
        self.first = Some(FirstLook::new(Arc::clone(first), &self.ready.manifest)?);
        Ok(())
    }

    /// Whether the scores of a window depend on its text and not on its tokens alone.
    pub(super) fn looks_at_text(&self) -> bool {
        self.first.is_some()
    }

    /// The scores of one window, one probability a label: by the first look where it clears the window, else by the model.
    /// `text` is what the window's tokens stand for.
    pub(super) fn scores(
        &self,
        memory: &mut Memory,
        ids: &[u32],
        text: &str,
        control: &Control,
    ) -> Result<Vec<f64>, Error> {
        if let Some(first) = &self.first
            && let Some(scores) = first.clear(&self.ready.manifest, memory, text, control)?
        {
            return Ok(scores);
        }
        self.own_scores(memory, ids, control)
    }

    /// One window through the model: one probability a label.
    pub(super) fn own_scores(
        &self,
        memory: &mut Memory,
        ids: &[u32],
        control: &Control,
    ) -> Result<Vec<f64>, Error> {
        let logits = self.logits(memory, ids, control)?;
        Ok(self.probabilities(&logits).collect())
    }

    /// One probability for each logit.
    fn probabilities(&self, logits: &[f32]) -> impl Iterator<Item = f64> {
        let labels = &self.ready.manifest.labels;
        logits.iter().zip(labels).map(|(&z, l)| sigmoid(f64::from(z), l.temperature))
    }

    /// Judges one text.
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

    /// Judges one text, into a verdict whose memory is used again.
    ///
    /// # Errors
    /// [`Code::Utf8`], [`Code::EmptyText`], [`Code::TooLarge`] for the text; what `control` says; what the backend
    /// says. Whoever gets an error must treat the text as blocked, and the verdict says so.
    pub(super) fn judge_into(
        &self,
        Work { canonical, windows, viewing, joining }: &mut Work,
        text: &[u8],
        options: &GuardOptions,
        control: &Control,
        verdict: &mut Verdict,
    ) -> Result<(), Error> {
        verdict.clear();
        control.check()?;
        let text = self.check_text(text)?;
        canonical.assign(text)?;
        windows.scores.clear();
        windows.bytes.clear();
        self.score_view(viewing, canonical.text(), control, windows, |span| canonical.original_span(span))?;
        if options.paranoid && canonical.text() != text {
            self.score_view(viewing, text, control, windows, Ok)?;
        }
        if windows.bytes.is_empty() {
            return Err(Error::new(
                Code::EmptyText,
                format!("text has {} bytes but nothing to judge: no token is left of it", text.len()),
            ));
        }
        self.verdict(windows, options.role, joining, verdict)
    }

    fn check_text<'a>(&self, text: &'a [u8]) -> Result<&'a str, Error> {
        let most = self.ready.manifest.limits.max_text_bytes;
        if text.is_empty() {
            return Err(Error::new(Code::EmptyText, "text has 0 bytes; there is nothing to judge"));
        }
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

    /// Scores every window of one view of the text; `original` maps a byte span of the view to the given text.
    fn score_view(
        &self,
        Viewing { memory, tokenizer, tokens, inputs, outputs }: &mut Viewing,
        view: &str,
        control: &Control,
        out: &mut Windows,
        original: impl Fn(Range<usize>) -> Result<Range<usize>, Error>,
    ) -> Result<(), Error> {
        self.ready.tokenizer.encode_into(view, control, tokenizer, tokens)?;
        let limits = &self.ready.manifest.limits;
        let content = limits.max_tokens - SPECIAL_TOKENS;
        for window in window::layout(tokens.ids.len(), content, limits.stride)? {
            control.check()?;
            let offsets = &tokens.offsets[window.clone()];
            let bytes = offsets[0].0..offsets[offsets.len() - 1].1;
            let text = view.get(bytes.clone()).unwrap_or(view);
            let ids = &tokens.ids[window];
            let cleared = match &self.first {
                Some(first) => first.clear(&self.ready.manifest, memory, text, control)?,
                None => None,
            };
            match cleared {
                Some(scores) => out.scores.extend(scores),
                None => {
                    self.ready.run_into(memory, ids, control, (inputs, outputs))?;
                    out.scores.extend(self.probabilities(self.logits_of(outputs)?));
                }
            }
            out.bytes.push(original(bytes)?);
        }
        Ok(())
    }

    /// One window through the model: one logit a label.
    fn logits(&self, memory: &mut Memory, content: &[u32], control: &Control) -> Result<Vec<f32>, Error> {
        let outputs = self.ready.run(memory, content, control)?;
        self.logits_of(&outputs).map(<[f32]>::to_vec)
    }

    /// The logits among a run's outputs.
    fn logits_of<'a>(&self, outputs: &'a [Tensor]) -> Result<&'a [f32], Error> {
        let labels = self.ready.manifest.labels.len();
        match outputs.first().map(|t| (t.shape(), t.f32s())) {
            Some(([1, n], Some(logits))) if *n == labels => Ok(logits),
            found => Err(Error::new(
                Code::ModelMismatch,
                format!(
                    "output {:?} of pack {} has the shape {:?}; the manifest's {labels} labels need [1, {labels}]",
                    self.ready.manifest.model.outputs["logits"],
                    self.ready.manifest.name,
                    found.map(|(shape, _)| shape.to_vec()).unwrap_or_default()
                ),
            )),
        }
    }

    fn verdict(
        &self,
        windows: &Windows,
        role: Option<Role>,
        Joining { columns, thresholds, scores, categories, invalid }: &mut Joining,
        verdict: &mut Verdict,
    ) -> Result<(), Error> {
        let labels = &self.ready.manifest.labels;
        let judged =
            |l: usize| role.is_none_or(|r| labels[l].roles.is_empty() || labels[l].roles.contains(&r));
        columns.clear();
        columns.extend((0..labels.len()).filter(|&l| judged(l)));
        thresholds.clear();
        thresholds.extend(columns.iter().map(|&l| labels[l].threshold));
        let rows = windows.scores.chunks_exact(labels.len());
        scores.clear();
        rows.for_each(|row| scores.extend(columns.iter().map(|&l| row[l])));
        categories.clear();
        categories.resize(columns.len(), window::Category::default());
        let found = window::aggregate(scores, thresholds, categories, invalid)?;
        verdict.windows = windows.bytes.len();
        for ((&label, category), &threshold) in columns.iter().zip(&*categories).zip(&*thresholds) {
            let score = category.statistics.map_or(1.0, |s| s.max as f32);
            let threshold = threshold as f32;
            verdict.categories.push(CategoryScore { label, score, threshold, flagged: category.flagged });
            if let Some(s) = category.statistics.filter(|_| category.flagged) {
                let bytes = &windows.bytes[s.argmax_window];
                verdict.spans.push(Span { start: bytes.start, end: bytes.end, label, score });
            }
        }
        verdict.risk = verdict.categories.iter().map(|c| c.score).fold(0.0, f32::max);
        (verdict.action, verdict.reason) = if !invalid.is_empty() {
            verdict.risk = 1.0;
            (Action::Block, Reason::InvalidScore)
        } else if found.block {
            (Action::Block, Reason::Flagged)
        } else {
            (Action::Allow, Reason::Clear)
        };
        Ok(())
    }
}

/// Refuses a pack that does not judge texts.
fn refuse_unless_classifier(manifest: &Manifest) -> Result<(), Error> {
    if [GuardEncoder.name(), NgramLinear.name()].contains(&manifest.family.as_str()) {
        return Ok(());
    }
    Err(family::wrong_family(&GuardEncoder, manifest))
}
