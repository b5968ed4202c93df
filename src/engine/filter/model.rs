//! A pack's scores of a text that grows: each window is run once, and the last verdict is that of the whole text.

use std::collections::HashMap;
use std::ops::Range;

use crate::Error;
use crate::engine::guard::Guard;
use crate::model::backend::Memory;
use crate::model::control::Control;
use crate::scoring::guard::window;

/// Text without a space that is cut into tokens all the same, so that a stream without spaces is scored.
const LONGEST_WORD: usize = 4096;

/// The largest scores of one text, label by label.
#[derive(Clone, Debug, Default)]
pub(super) struct Maxima {
    /// Of each label: its largest score and the bytes of that window in the given text; `None` without a number.
    pub(super) labels: Vec<Option<(f64, Range<usize>)>>,
    /// Whether a window has a score that is no number.
    pub(super) invalid: bool,
    /// Windows that were scored.
    pub(super) windows: usize,
}

/// The tokens of a window, and its text if the scores depend on that.
type Window = (Box<[u32]>, Box<str>);

/// What is kept of a growing text.
#[derive(Default)]
pub(super) struct Scores {
    pub(super) memory: Memory,
    /// Scores of windows by their token ids; with a first look, by their text as well.
    known: HashMap<Window, Box<[f64]>>,
    ids: Vec<u32>,
    /// Canonical first bytes of the tokens.
    starts: Vec<usize>,
    /// Bytes of the canonical text that are tokens.
    encoded: usize,
    /// Tokens that some window covered.
    scored: usize,
    /// Model runs.
    pub(super) runs: usize,
}

impl Scores {
    /// Scores each stride of new tokens with the window that ends there, and shows `each` its scores.
    pub(super) fn step(
        &mut self,
        guard: &Guard,
        text: &str,
        control: &Control,
        mut each: impl FnMut(&[f64]),
    ) -> Result<(), Error> {
        let rest = &text[self.encoded..];
        let stable = match rest.rfind([' ', '\n']) {
            Some(space) => space,
            None if rest.len() > LONGEST_WORD => rest.floor_char_boundary(LONGEST_WORD),
            None => 0,
        };
        if stable > 0 {
            let tokens = guard.encode(&rest[..stable], control)?;
            self.ids.extend_from_slice(&tokens.ids);
            self.starts.extend(tokens.offsets.iter().map(|offset| self.encoded + offset.0));
            self.encoded += stable;
        }
        let (content, stride) = guard.window();
        while self.ids.len() - self.scored >= stride {
            control.check()?;
            let end = self.scored + stride;
            let start = end.saturating_sub(content);
            let ids: Box<[u32]> = self.ids[start..end].into();
            let until = self.starts.get(end).copied().unwrap_or(self.encoded);
            let bytes = self.starts[start]..until;
            each(self.window(guard, ids, text.get(bytes).unwrap_or(text), control)?);
            self.scored = end;
        }
        Ok(())
    }

    /// The canonical place of the first token that no window covered.
    pub(super) fn settled(&self) -> usize {
        self.starts.get(self.scored).copied().unwrap_or(self.encoded)
    }

    /// Adds every window of a text to the maxima, as if it had come at once. `original` maps its byte spans.
    pub(super) fn whole(
        &mut self,
        guard: &Guard,
        text: &str,
        control: &Control,
        maxima: &mut Maxima,
        original: impl Fn(Range<usize>) -> Result<Range<usize>, Error>,
    ) -> Result<(), Error> {
        let tokens = guard.encode(text, control)?;
        let (content, stride) = guard.window();
        for span in window::layout(tokens.ids.len(), content, stride)? {
            control.check()?;
            let offsets = &tokens.offsets[span.clone()];
            let place = offsets[0].0..offsets[offsets.len() - 1].1;
            let window = text.get(place.clone()).unwrap_or(text);
            let scores = self.window(guard, tokens.ids[span].into(), window, control)?;
            let bytes = original(place)?;
            maxima.windows += 1;
            maxima.labels.resize(scores.len(), None);
            for (best, score) in maxima.labels.iter_mut().zip(scores) {
                if score.is_nan() {
                    maxima.invalid = true;
                } else if best.as_ref().is_none_or(|(most, _)| score > most) {
                    *best = Some((*score, bytes.clone()));
                }
            }
        }
        Ok(())
    }

    fn window(
        &mut self,
        guard: &Guard,
        ids: Box<[u32]>,
        text: &str,
        control: &Control,
    ) -> Result<&[f64], Error> {
        let key = (ids, if guard.looks_at_text() { text.trim().into() } else { Box::default() });
        if !self.known.contains_key(&key) {
            let scores = guard.scores(&mut self.memory, &key.0, text, control)?;
            self.runs += 1;
            self.known.insert(key.clone(), scores.into());
        }
        Ok(self.known.get(&key).map_or(&[], |scores| scores))
    }
}
