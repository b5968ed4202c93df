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

/// What is kept of a growing text.
#[derive(Default)]
pub(super) struct Scores {
    memory: Memory,
    /// Scores of windows by their token ids.
    known: HashMap<Box<[u32]>, Box<[f64]>>,
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
            let ids: Box<[u32]> = self.ids[end.saturating_sub(content)..end].into();
            each(self.window(guard, ids, control)?);
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
            let scores = self.window(guard, tokens.ids[span.clone()].into(), control)?;
            let offsets = &tokens.offsets[span];
            let bytes = original(offsets[0].0..offsets[offsets.len() - 1].1)?;
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

    fn window(&mut self, guard: &Guard, ids: Box<[u32]>, control: &Control) -> Result<&[f64], Error> {
        if !self.known.contains_key(&ids) {
            let scores = guard.scores(&mut self.memory, &ids, control)?;
            self.runs += 1;
            self.known.insert(ids.clone(), scores.into());
        }
        Ok(self.known.get(&ids).map_or(&[], |scores| scores))
    }
}
