//! A reading of a text in windows and sentences: the largest score of each label, and where it is.

use std::ops::Range;

use crate::Error;
use crate::engine::guard::Guard;
use crate::engine::views::Reading;
use crate::model::control::Control;
use crate::model::tokenizer::Encoding;
use crate::scoring::guard::marks::Marks;
use crate::scoring::guard::{sentences, window};
use crate::scoring::order;

/// What a pack says about one window.
#[derive(Clone, Debug, Default)]
pub(super) struct Scored {
    /// One probability a label.
    pub(super) labels: Vec<f64>,
    /// Of harm of any kind, if the pack has a number for it.
    pub(super) gate: Option<f64>,
    /// Whether each token is marked; empty if the pack marks none, or did not look.
    pub(super) marks: Vec<bool>,
}

/// What the windows of a text's readings say about one label.
#[derive(Clone, Debug, Default)]
pub(super) struct Most {
    /// The largest score and the bytes of that window in the given text, the first of equals; `None` without a number.
    pub(super) best: Option<(f64, Range<usize>)>,
    /// Whether a window has a score that is no number.
    pub(super) invalid: bool,
    /// The bytes of what is marked where a window reaches the label's floor.
    pub(super) marked: Vec<Range<usize>>,
}

/// The largest scores of one text, label by label.
#[derive(Clone, Debug, Default)]
pub(super) struct Maxima {
    pub(super) labels: Vec<Most>,
    /// For each label, the score from which marks count.
    floors: Vec<f64>,
    /// Windows and sentences that were scored.
    pub(super) windows: usize,
    /// What the pack says about the window at hand.
    found: Scored,
    /// The sentences of the reading at hand, in tokens.
    sentences: Vec<Range<usize>>,
    /// What is marked in the reading at hand.
    marks: Marks,
    /// For each label that is marked, the windows of the reading at hand that reach its floor.
    reached: Vec<Vec<Range<usize>>>,
}

impl Maxima {
    /// Of no window yet. `floors`: for each label, the score of a window from which what is marked in it counts.
    pub(super) fn new(floors: Vec<f64>) -> Self {
        let mut maxima = Self::default();
        maxima.begin(floors.into_iter());
        maxima
    }

    /// Forgets what it holds and keeps the memory; then as [`Maxima::new`].
    pub(super) fn begin(&mut self, floors: impl Iterator<Item = f64>) {
        self.floors.clear();
        self.floors.extend(floors);
        self.labels.resize_with(self.floors.len(), Most::default);
        for most in &mut self.labels {
            (most.best, most.invalid) = (None, false);
            most.marked.clear();
        }
        self.windows = 0;
    }

    /// Adds the windows of a reading that have something new in them, and its sentences if the pack judges these by themselves: a mean
    /// over a window hides a short sentence among others. `score` writes what the pack says about the tokens of one, which stand for
    /// a text.
    ///
    /// # Errors
    /// What `control` says; those of `score` and of the reading.
    pub(super) fn add(
        &mut self,
        guard: &Guard,
        reading: &dyn Reading,
        tokens: &Encoding,
        control: &Control,
        mut score: impl FnMut(&[u32], &str, &mut Scored) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let (content, stride) = guard.window();
        let n = tokens.ids.len();
        let bytes_of = |span: &Range<usize>| tokens.offsets[span.start].0..tokens.offsets[span.end - 1].1;
        let marking = guard.marked_labels();
        self.marks.clear();
        self.reached.resize_with(marking.len(), Vec::new);
        self.reached.iter_mut().for_each(Vec::clear);
        self.sentences.clear();
        if let Some(most) = guard.sentence_tokens() {
            sentences::pieces(reading.text(), &tokens.offsets, most, &mut self.sentences)?;
        }
        let windows = window::layout(n, content, stride)?.map(|span| (span, false));
        for (span, alone) in windows.chain(self.sentences.iter().cloned().map(|span| (span, true))) {
            control.check()?;
            let place = bytes_of(&span);
            if !reading.is_new(&place)? {
                continue;
            }
            let text = reading.text().get(place.clone()).unwrap_or(reading.text());
            score(&tokens.ids[span.clone()], text, &mut self.found)?;
            let found = &self.found;
            let bytes = reading.original(place)?;
            self.windows += 1;
            for (label, (most, &score)) in self.labels.iter_mut().zip(&found.labels).enumerate() {
                if score.is_nan() {
                    most.invalid = true;
                } else if alone && !guard.counts_alone(label) {
                    continue;
                } else if most.best.as_ref().is_none_or(|(best, _)| score > *best) {
                    most.best = Some((score, bytes.clone()));
                }
            }
            if !found.marks.is_empty() {
                self.marks.add(&span, n, &found.marks);
            }
            for (reached, &label) in self.reached.iter_mut().zip(marking) {
                if found.labels[label] >= self.floors[label] && (!alone || guard.counts_alone(label)) {
                    reached.push(span.clone());
                }
            }
        }
        for (reached, &label) in self.reached.iter_mut().zip(marking) {
            order::sort(reached, |a, b| (a.start, a.end).cmp(&(b.start, b.end)));
            for run in self.marks.runs(reached) {
                let bytes = reading.original(bytes_of(&run))?;
                self.labels[label].marked.push(bytes);
            }
        }
        Ok(())
    }

    /// Gives where a label is: what is marked, in order and without overlap, or else the window that scored highest.
    pub(super) fn places(&self, label: usize, mut each: impl FnMut(Range<usize>)) {
        let Some(most) = self.labels.get(label) else { return };
        if most.marked.is_empty() {
            if let Some((_, bytes)) = &most.best {
                each(bytes.clone());
            }
            return;
        }
        let mut marked = most.marked.clone();
        order::sort(&mut marked, |a, b| (a.start, a.end).cmp(&(b.start, b.end)));
        let mut last: Option<Range<usize>> = None;
        for bytes in marked {
            match &mut last {
                Some(last) if bytes.start < last.end => last.end = last.end.max(bytes.end),
                _ => {
                    if let Some(whole) = last.replace(bytes) {
                        each(whole);
                    }
                }
            }
        }
        if let Some(whole) = last {
            each(whole);
        }
    }
}
