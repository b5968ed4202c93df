//! A text that comes in pieces: what of it may be shown already, and the decision at its end.

use std::sync::Arc;

use super::decision::{Decision, Found};
use super::front::{Finding, Front};
use super::model::Scores;
use super::{Filter, FilterOptions, chosen_language};
use crate::engine::guard::nothing_left;
use crate::engine::spelling::Look;
use crate::engine::verdict::Action;
use crate::engine::views;
use crate::engine::windows::Maxima;
use crate::model::backend::Memory;
use crate::model::control::Control;
use crate::scoring::guard::stream::Hysteresis;
use crate::{Code, Error};

/// Where a stream stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes that came.
    pub received: usize,
    /// Bytes from the start that may be shown, redacted where the policy says so. Never falls.
    pub released: usize,
    /// Whether nothing more is released, for now or, where the policy latches, for good.
    pub blocked: bool,
    /// Whether a decision was made, so that nothing more is taken.
    pub finished: bool,
}

/// One text that comes in pieces. Used by one thread at a time.
///
/// The decision at the end is that of [`Filter::judge`] on all the bytes, wherever they were cut. On the way, text is
/// released up to the oldest place that a match or an unscored token could still reach.
pub struct Stream {
    filter: Arc<Filter>,
    options: FilterOptions,
    front: Front,
    scores: Scores,
    /// For each category with labels, the state of its scores.
    tracks: Vec<(usize, Hysteresis)>,
    released: usize,
    /// Bytes that [`Stream::take`] gave out.
    taken: usize,
    latched: bool,
    /// Whether a score was no number, so that nothing more is released on the way.
    invalid: bool,
    blocked: bool,
    failure: Option<Error>,
    decision: Option<Decision>,
    stepwise: bool,
}

impl Stream {
    /// A stream without a byte.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`] if a category's `low` is above the threshold that it gets from its pack.
    pub fn new(filter: Arc<Filter>, options: FilterOptions) -> Result<Self, Error> {
        let mut stream = Self::one_shot(filter, options);
        stream.stepwise = true;
        let filter = Arc::clone(&stream.filter);
        let settings = filter.policy.stream();
        let language = stream.options.language.clone();
        for (place, category) in filter.policy.categories().iter().enumerate() {
            if filter.labels[place].is_empty() || !category.applies(language.as_deref(), stream.options.role)
            {
                continue;
            }
            let high = filter.threshold(place, language.as_deref());
            let low = category.low.unwrap_or(high);
            let track = Hysteresis::new(high, low, settings.decay, settings.latch);
            let track = track
                .map_err(|e| Error::new(e.code, format!("category {}: {}", category.name, e.message)))?;
            stream.tracks.push((place, track));
        }
        Ok(stream)
    }

    /// Only for one text at once: nothing is released on the way.
    pub(super) fn one_shot(filter: Arc<Filter>, options: FilterOptions) -> Self {
        let mut front = Front::default();
        front.clear();
        Self {
            filter,
            options,
            front,
            scores: Scores::default(),
            tracks: Vec::new(),
            released: 0,
            taken: 0,
            latched: false,
            invalid: false,
            blocked: false,
            failure: None,
            decision: None,
            stepwise: false,
        }
    }

    /// Exchanges what the model's runs use again, and with it the passes that are remembered.
    pub(in crate::engine) fn swap_memory(&mut self, memory: &mut Memory) {
        std::mem::swap(&mut self.scores.memory, memory);
    }

    pub(super) fn judge(&mut self, text: &[u8]) -> Decision {
        let control = self.options.control();
        let most = self.filter.max_text_bytes();
        let pushed = control.check().and_then(|()| self.front.push(most, text));
        if let Err(error) = pushed {
            self.failure = Some(error);
        }
        self.finish().clone()
    }

    /// Takes the next bytes, cut anywhere, also within a character.
    ///
    /// # Errors
    /// [`Code::Utf8`] or [`Code::TooLarge`] for the text, what the deadline and the cancel token say, what the backend says.
    /// The stream then releases nothing more, and ends with the policy's `on_failure`. [`Code::InvalidArgument`] after
    /// the end.
    /// # Cost
    /// The new bytes, and the unit of at most 16 KiB that they belong to, through the rules; one model run for each stride
    /// of new tokens, and for each sentence that ended in it if the pack judges sentences.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Progress, Error> {
        if self.decision.is_some() {
            return Err(Error::new(Code::InvalidArgument, "the stream has ended; begin another"));
        }
        if let Some(error) = &self.failure {
            return Err(error.clone());
        }
        let result = self.advance(bytes);
        if let Err(error) = result {
            self.failure = Some(error.clone());
            self.blocked = true;
            return Err(error);
        }
        Ok(self.progress())
    }

    fn advance(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let control = self.options.control();
        control.check()?;
        self.front.push(self.filter.max_text_bytes(), bytes)?;
        let filter = Arc::clone(&self.filter);
        self.front.search_units(&filter.policy)?;
        self.front.search_rest(&filter.policy)?;
        self.score(&filter, &control)?;
        let by_rule =
            self.front.truncated || self.front.findings.iter().chain(&self.front.open).any(|f| self.holds(f));
        let by_model = self
            .tracks
            .iter()
            .any(|(place, track)| track.is_blocked() && stops(filter.policy.categories()[*place].action));
        self.blocked = by_rule || by_model || self.latched || self.invalid;
        self.latched |= self.blocked && filter.policy.stream().latch;
        if !self.blocked {
            self.release(&filter)?;
        }
        Ok(())
    }

    /// Whether a finding stops the stream.
    fn holds(&self, finding: &Finding) -> bool {
        let policy = &self.filter.policy;
        let category = &policy.categories()[policy.category_of_rule(finding.rule)];
        stops(category.action) && category.applies(self.options.language.as_deref(), self.options.role)
    }

    fn score(&mut self, filter: &Filter, control: &Control) -> Result<(), Error> {
        let Some(guard) = filter.scores() else { return Ok(()) };
        let (tracks, labels, invalid) = (&mut self.tracks, &filter.labels, &mut self.invalid);
        let mut wrong = None;
        let (front, plain) = (&self.front, self.options.plain);
        let given = |span| if plain { Ok("") } else { front.given(span) };
        self.scores.step(guard, front.canonical.text(), given, control, |scores| {
            for (place, track) in tracks.iter_mut() {
                let of = labels[*place].iter().filter_map(|&label| scores.get(label));
                // One NaN among the labels is a NaN of the category.
                let most = of.fold(0.0_f64, |a, b| if b.is_nan() { f64::NAN } else { a.max(*b) });
                if most.is_nan() {
                    *invalid = true;
                } else if let Err(error) = track.push(most) {
                    wrong = Some(error);
                }
            }
        })?;
        wrong.map_or(Ok(()), Err)
    }

    /// Moves the release to the oldest place that is not settled.
    fn release(&mut self, filter: &Filter) -> Result<(), Error> {
        let text = self.front.canonical.text();
        let mut at = self.front.settled(&filter.policy);
        if filter.scores().is_some() {
            at = at.min(self.scores.settled());
        }
        let mut original = self.front.original_at(text.floor_char_boundary(at))?;
        let spans = self.front.findings.iter().chain(&self.front.open);
        // A span is shown, or replaced, as a whole.
        let cut = spans.filter(|f| f.start < original && original < f.end).map(|f| f.start).min();
        original = original.min(cut.unwrap_or(original));
        self.released = self.released.max(self.front.original.floor_char_boundary(original));
        Ok(())
    }

    /// Where the stream stands.
    pub fn progress(&self) -> Progress {
        Progress {
            received: self.front.original.len(),
            released: self.released,
            blocked: self.blocked,
            finished: self.decision.is_some(),
        }
    }

    /// The text that was released since the last call, redacted where the policy says so.
    pub fn take(&mut self) -> String {
        let spans = match &self.decision {
            Some(decision) => decision.spans.iter().map(|s| (s.bytes.clone(), s.category)).collect(),
            None => {
                let found = self.front.findings.iter().chain(&self.front.open);
                let of = |f: &Finding| (f.start..f.end, self.filter.policy.category_of_rule(f.rule));
                found.map(of).collect::<Vec<_>>()
            }
        };
        let mut out = String::new();
        let mut at = self.taken;
        for (bytes, category) in self.filter.redactions(spans.into_iter()) {
            if bytes.end <= at || bytes.start >= self.released {
                continue;
            }
            out.push_str(self.front.original.get(at..bytes.start).unwrap_or_default());
            self.filter.push_replacement(category, &mut out);
            at = bytes.end;
        }
        out.push_str(self.front.original.get(at..self.released).unwrap_or_default());
        self.taken = self.released.max(at);
        out
    }

    /// Ends the text and decides; a second call gives the same decision.
    ///
    /// If the action lets the text pass and nothing was blocked on the way, the rest is released.
    pub fn finish(&mut self) -> &Decision {
        if self.decision.is_none() {
            let decision = match self.failure.take().map_or_else(|| self.whole(), Err) {
                Ok(decision) => decision,
                Err(error) => {
                    Decision::failed(self.filter.policy.on_failure(), error, self.front.original.len())
                }
            };
            let passes = !stops(decision.action) && !self.latched;
            self.blocked = !passes;
            if passes {
                self.released = self.front.original.len();
            }
            self.decision = Some(decision);
        }
        let failed = || Decision::failed(Action::Block, Error::new(Code::Internal, "no decision"), 0);
        self.decision.get_or_insert_with(failed)
    }

    /// Whether the stream was blocked on the way and the policy latches: nothing more is released, whatever the decision.
    pub fn is_latched(&self) -> bool {
        self.latched
    }

    /// What judges it.
    pub fn filter(&self) -> &Arc<Filter> {
        &self.filter
    }

    /// Model runs so far.
    pub fn model_runs(&self) -> usize {
        self.scores.runs
    }

    fn whole(&mut self) -> Result<Decision, Error> {
        let control = self.options.control();
        control.check()?;
        let filter = Arc::clone(&self.filter);
        self.front.finish(&filter.policy)?;
        let front = &self.front;
        let language = chosen_language(&self.options, &front.original);
        let mut maxima = Maxima::new(filter.floors(language.as_deref()));
        if let Some(guard) = filter.scores() {
            let canonical = &front.canonical;
            let (text, scores) = (front.original.as_str(), &mut self.scores);
            let tokens = guard.encode(canonical.text(), &control)?;
            scores.whole(guard, canonical, &tokens, &control, &mut maxima)?;
            if !self.options.plain {
                views::each(guard, text, canonical, &tokens, (&control, &mut Look::default()), |view| {
                    scores.whole(guard, view, &guard.encode(view.text(), &control)?, &control, &mut maxima)
                })?;
            }
            if filter.policy.paranoid() && canonical.text() != text {
                scores.whole(guard, &text, &guard.encode(text, &control)?, &control, &mut maxima)?;
            }
            if maxima.windows == 0 && !text.chars().all(char::is_whitespace) {
                return Err(nothing_left(text.len()));
            }
        }
        Ok(filter.decide(Found {
            findings: &front.findings,
            truncated: front.truncated,
            maxima: &maxima,
            language,
            role: self.options.role,
            text_bytes: front.original.len(),
        }))
    }
}

/// Whether an action lets nothing through.
fn stops(action: Action) -> bool {
    !matches!(action, Action::Allow | Action::Redact)
}
