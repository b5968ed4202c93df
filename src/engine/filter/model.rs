//! A pack's scores of a text that grows: each window and sentence is run once, and the last verdict is that of the whole text.

use std::collections::{HashMap, VecDeque};
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
use crate::scoring::guard::sentences::Pieces;

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
    /// Where sentences begin and end, if the pack judges them by themselves.
    sentences: Option<Pieces>,
    /// Those that wait for the window over their last token.
    waiting: VecDeque<Range<usize>>,
    /// Model runs.
    pub(super) runs: usize,
}

impl Scores {
    /// Scores each stride of new tokens with the window that ends there and the sentences that ended in it, and shows `each` the
    /// largest scores. `given` gives the part of the text as it came that a span of the canonical text stands for.
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
            if let Some(most) = guard.sentence_tokens() {
                let pieces = match &mut self.sentences {
                    Some(pieces) => pieces,
                    none => none.insert(Pieces::new(most)?),
                };
                // With the space behind them, marks are known to end a sentence.
                let seen = rest.get(..stable + 1).unwrap_or(&rest[..stable]);
                let starts = tokens.offsets.iter().map(|offset| offset.0);
                pieces.advance(seen, starts, self.ids.len(), false, |piece| self.waiting.push_back(piece));
            }
            self.ids.extend_from_slice(&tokens.ids);
            self.starts.extend(tokens.offsets.iter().map(|offset| self.encoded + offset.0));
            self.encoded += stable;
        }
        let (content, stride) = guard.window();
        while self.ids.len() - self.scored >= stride {
            control.check()?;
            let end = self.scored + stride;
            let start = end.saturating_sub(content);
            let mut most = self.tokens(guard, text, start..end, control)?.labels.clone();
            while let Some(piece) = self.waiting.pop_front_if(|piece| piece.end <= end) {
                let found = self.tokens(guard, text, piece, control)?;
                for (label, (most, &score)) in most.iter_mut().zip(&found.labels).enumerate() {
                    if score.is_nan() || guard.counts_alone(label) {
                        raise(most, score);
                    }
                }
            }
            self.disguised(guard, given(self.bytes(start..end))?, control, &mut most)?;
            each(&most);
            self.scored = end;
        }
        Ok(())
    }

    /// The bytes of the canonical text from the first of these tokens to the one after them.
    fn bytes(&self, tokens: Range<usize>) -> Range<usize> {
        self.starts[tokens.start]..self.starts.get(tokens.end).copied().unwrap_or(self.encoded)
    }

    /// What these tokens of the text score by themselves.
    fn tokens(
        &mut self,
        guard: &Guard,
        text: &str,
        tokens: Range<usize>,
        control: &Control,
    ) -> Result<Arc<Scored>, Error> {
        let ids: Box<[u32]> = self.ids[tokens.clone()].into();
        let window = text.get(self.bytes(tokens)).unwrap_or(text);
        self.window(guard, ids, window, control)
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
            raise(most, if new.invalid { f64::NAN } else { score });
        }
        Ok(())
    }

    /// The canonical place of the first token that no window covered, or whose sentence is not scored yet.
    pub(super) fn settled(&self) -> usize {
        let open = self.sentences.as_ref().map_or(usize::MAX, Pieces::settled);
        let waiting = self.waiting.front().map_or(open, |piece| piece.start);
        self.starts.get(self.scored.min(waiting)).copied().unwrap_or(self.encoded)
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

/// Raises a score to another one. One that is no number stays so: it blocks.
fn raise(most: &mut f64, score: f64) {
    *most = if most.is_nan() || score.is_nan() { f64::NAN } else { most.max(score) };
}
