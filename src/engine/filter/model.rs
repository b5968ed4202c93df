//! A pack's scores of a text that grows: each window is run once, and the last verdict is that of the whole text.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use crate::Error;
use crate::engine::guard::Guard;
use crate::engine::spelling::Look;
use crate::engine::views::{self, Reading};
use crate::engine::windows::{Maxima, Scored};
use crate::model::backend::Memory;
use crate::model::control::Control;
use crate::model::tokenizer::Encoding;
use crate::scoring::guard::canonical::Canonical;

/// Text without a space that is cut into tokens all the same, so that a stream without spaces is scored.
const LONGEST_WORD: usize = 4096;

/// The tokens of a window, and its text if the scores depend on that.
type Window = (Box<[u32]>, Box<str>);

/// What is kept of a growing text.
#[derive(Default)]
pub(super) struct Scores {
    pub(super) memory: Memory,
    /// Scores of windows by their token ids; with a first look, by their text as well.
    known: HashMap<Window, Arc<Scored>>,
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
    /// Scores each stride of new tokens with the window that ends there, and shows `each` its scores. `given` gives the part of
    /// the text as it came that a span of the canonical text stands for.
    pub(super) fn step<'a>(
        &mut self,
        guard: &Guard,
        text: &str,
        given: impl Fn(Range<usize>) -> Result<&'a str, Error>,
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
            let window = text.get(bytes.clone()).unwrap_or(text);
            let mut most = self.window(guard, ids, window, control)?.labels.clone();
            self.disguised(guard, given(bytes)?, control, &mut most)?;
            each(&most);
            self.scored = end;
        }
        Ok(())
    }

    /// Raises the scores of a part of the text to those of its views.
    fn disguised(
        &mut self,
        guard: &Guard,
        given: &str,
        control: &Control,
        most: &mut [f64],
    ) -> Result<(), Error> {
        let canonical = Canonical::new(given)?;
        let tokens = guard.encode(canonical.text(), control)?;
        let mut maxima = Maxima::new(vec![f64::INFINITY; most.len()]);
        views::each(guard, given, &canonical, &tokens, (control, &mut Look::default()), |view| {
            self.whole(guard, view, &guard.encode(view.text(), control)?, control, &mut maxima)
        })?;
        for (most, new) in most.iter_mut().zip(&maxima.labels) {
            let score = new.best.as_ref().map_or(0.0, |(score, _)| *score);
            // A score that is no number stays one: it blocks.
            *most = if new.invalid || most.is_nan() { f64::NAN } else { most.max(score) };
        }
        Ok(())
    }

    /// The canonical place of the first token that no window covered.
    pub(super) fn settled(&self) -> usize {
        self.starts.get(self.scored).copied().unwrap_or(self.encoded)
    }

    /// Adds every window of a reading that has something new to the maxima, as if the text had come at once.
    pub(super) fn whole(
        &mut self,
        guard: &Guard,
        reading: &dyn Reading,
        tokens: &Encoding,
        control: &Control,
        maxima: &mut Maxima,
    ) -> Result<(), Error> {
        let score = |ids: &[u32], text: &str, scored: &mut Scored| {
            scored.clone_from(&*self.window(guard, ids.into(), text, control)?);
            Ok(())
        };
        maxima.add(guard, reading, tokens, control, score)
    }

    fn window(
        &mut self,
        guard: &Guard,
        ids: Box<[u32]>,
        text: &str,
        control: &Control,
    ) -> Result<Arc<Scored>, Error> {
        let key = (ids, if guard.looks_at_text() { text.trim().into() } else { Box::default() });
        if let Some(known) = self.known.get(&key) {
            return Ok(Arc::clone(known));
        }
        let scored = Arc::new(guard.scores(&mut self.memory, &key.0, text, control)?);
        self.runs += 1;
        self.known.insert(key, Arc::clone(&scored));
        Ok(scored)
    }
}
