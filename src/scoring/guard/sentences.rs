//! Where the sentences of a text end, so that each can be judged without its neighbours.

use std::ops::Range;

use crate::Error;
use crate::scoring::refuse::invalid;

/// Tokens of a piece at least, but for the last: a shorter sentence goes with what follows it.
const LEAST: usize = 3;

/// The sentences of a text as spans of its tokens, one after the other.
///
/// A sentence ends behind a run of `.`, `!`, `?` and their like in other scripts, with the quotes and brackets that close there,
/// before white space; behind a full stop of Chinese or Japanese; and at each new line. One of fewer than three tokens goes with
/// what follows; one of more than `most` is cut into windows of `most` tokens, each half that after the one before.
#[derive(Clone, Debug)]
pub struct Pieces {
    most: usize,
    /// The token with which the sentence at hand begins.
    open: usize,
    /// Tokens of it from its begin to the end of the last window that was given of it.
    given: usize,
}

impl Pieces {
    /// Before the first token. `most`: tokens of a piece.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if `most` is less than 2.
    pub fn new(most: usize) -> Result<Self, Error> {
        if most < 2 {
            return Err(invalid(format!("pieces of {most} tokens; a sentence is cut into at least 2")));
        }
        Ok(Self { most, open: 0, given: 0 })
    }

    /// Gives the pieces that end in more of a text that grows, ascending by their ends, and holds back the sentence that may go on: of
    /// that only the windows that are full. At the `last` call it, too, is given.
    ///
    /// `text` is what follows the text of the last call, with `starts`, the first byte of each of its tokens; it may begin with white space that
    /// was seen before. Where it ends it must be known what follows a mark, so that it ends in white space, unless it is the last.
    /// `before`: tokens that lie before it.
    ///
    /// # Cost
    /// One pass over `text`; no allocation.
    pub fn advance(
        &mut self,
        text: &str,
        starts: impl ExactSizeIterator<Item = usize> + Clone,
        before: usize,
        last: bool,
        mut each: impl FnMut(Range<usize>),
    ) {
        let n = before + starts.len();
        let mut starts = starts.enumerate().peekable();
        let mut at = before;
        let mut closed = |pieces: &mut Self, end: usize, each: &mut dyn FnMut(Range<usize>)| {
            while let Some((place, _)) = starts.next_if(|(_, start)| *start < end) {
                at = before + place + 1;
            }
            if at >= pieces.open + LEAST {
                pieces.close(at, each);
            }
        };
        for end in Ends::of(text) {
            closed(self, end, &mut each);
        }
        if last {
            self.close(n, &mut each);
        } else {
            self.windows(n, false, &mut each);
        }
    }

    /// The first token that no piece covers.
    pub fn settled(&self) -> usize {
        self.open + self.given
    }

    fn close(&mut self, end: usize, each: &mut dyn FnMut(Range<usize>)) {
        if end > self.open {
            self.windows(end, true, each);
            (self.open, self.given) = (end, 0);
        }
    }

    /// Gives the windows of the sentence at hand up to `end` that were not given yet. Only when it is `whole` one ends there.
    fn windows(&mut self, end: usize, whole: bool, each: &mut dyn FnMut(Range<usize>)) {
        let n = end - self.open;
        if n <= self.most {
            if whole {
                each(self.open..end);
            }
            return;
        }
        let half = self.most / 2;
        while n - self.given >= half || whole && n > self.given {
            let full = if self.given == 0 { self.most } else { self.given + half };
            if full > n && !whole {
                return;
            }
            let until = full.min(n);
            each(self.open + until - self.most..self.open + until);
            self.given = until;
        }
    }
}

/// Pieces of a whole text, of `offsets.len()` tokens; none if the text is one piece. `pieces` is replaced.
///
/// # Errors
/// As [`Pieces::new`].
/// # Cost
/// One pass; no allocation once `pieces` has room.
pub fn pieces(
    text: &str,
    offsets: &[(usize, usize)],
    most: usize,
    pieces: &mut Vec<Range<usize>>,
) -> Result<(), Error> {
    pieces.clear();
    let starts = offsets.iter().map(|offset| offset.0);
    Pieces::new(most)?.advance(text, starts, 0, true, |piece| pieces.push(piece));
    if pieces.len() == 1 {
        pieces.clear();
    }
    Ok(())
}

/// The bytes at which sentences of a text end.
struct Ends<'a> {
    text: &'a str,
    at: usize,
    /// Up to here marks are known to stand before no white space.
    refused: usize,
}

impl<'a> Ends<'a> {
    fn of(text: &'a str) -> Self {
        Self { text, at: 0, refused: 0 }
    }

    /// The end of the characters from `at` on that are such.
    fn run(&self, at: usize, such: fn(char) -> bool) -> usize {
        let rest = &self.text[at..];
        at + rest.find(|c| !such(c)).unwrap_or(rest.len())
    }
}

impl Iterator for Ends<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        loop {
            let rest = self.text.get(self.at..)?;
            let found = rest.find(ends)?;
            let from = self.at + found;
            let mark = self.text[from..].chars().next()?;
            self.at = from + mark.len_utf8();
            if mark == '\n' || always(mark) {
                return Some(self.at);
            }
            let next = |at: usize| self.text[at..].chars().next();
            if from >= self.refused {
                let marks = self.run(from, is_mark);
                let closed = self.run(marks, closes);
                if next(closed).is_some_and(char::is_whitespace) {
                    self.at = closed;
                    return Some(closed);
                }
                self.refused = marks;
            }
            if matches!(mark, '!' | '?') && next(self.at).is_some_and(|c| !c.is_ascii()) {
                return Some(self.at);
            }
        }
    }
}

/// What may end a sentence.
fn ends(c: char) -> bool {
    c == '\n' || is_mark(c) || always(c)
}

/// Marks that end a sentence before white space.
fn is_mark(c: char) -> bool {
    matches!(c, '.' | '!' | '?' | '\u{2026}' | '\u{61f}' | '\u{6d4}' | '\u{964}' | '\u{965}')
}

/// Marks of scripts that write no spaces.
fn always(c: char) -> bool {
    matches!(c, '\u{3002}' | '\u{ff01}' | '\u{ff1f}' | '\u{ff0e}' | '\u{ff61}')
}

/// Quotes and brackets that close behind a mark.
fn closes(c: char) -> bool {
    matches!(c, '"' | '\'' | '\u{2019}' | '\u{201d}' | '\u{bb}' | ')' | ']')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoring::guard::window;

    /// Words and marks as tokens.
    fn tokens(text: &str) -> Vec<(usize, usize)> {
        let mut out: Vec<(usize, usize)> = Vec::new();
        let mut word = false;
        for (at, c) in text.char_indices() {
            let goes_on = word && c.is_alphanumeric();
            word = c.is_alphanumeric();
            match out.last_mut() {
                Some(last) if goes_on => last.1 = at + c.len_utf8(),
                _ if !c.is_whitespace() => out.push((at, at + c.len_utf8())),
                _ => {}
            }
        }
        out
    }

    fn cut(text: &str, most: usize) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        pieces(text, &tokens(text), most, &mut found).expect("pieces of at least two tokens");
        found
    }

    /// As `models/recipes/guard_en/sentences.py` cuts them: what a guard's thresholds are set with.
    #[test]
    fn sentences_end_where_the_recipe_ends_them() {
        let ends = |text| Ends::of(text).collect::<Vec<_>>();
        assert_eq!(ends("One two. Three? Four"), [8, 15]);
        assert_eq!(ends("It is 3.5 at example.com/?a. Yes"), [28]);
        assert_eq!(ends("He said \"go!\" (twice.) And"), [13, 22]);
        assert_eq!(ends("wait?!.. no!!!x a\nb"), [8, 18]);
        assert_eq!(ends("\u{4f60}\u{597d}\u{3002}\u{4f60}!\u{597d}. x"), [9, 13, 17]);
        assert_eq!(ends("\u{928}\u{964} \u{62f}\u{61f} b\u{2026} c"), [6, 11, 16]);
        assert_eq!(ends("no end."), Vec::<usize>::new());
    }

    #[test]
    fn short_sentences_go_with_the_next_and_long_ones_are_cut() {
        assert_eq!(cut("a b c. d. e f g. h", 8), [0..4, 4..10, 10..11]);
        assert!(cut("just one sentence here.", 8).is_empty() && cut("", 8).is_empty());
        assert_eq!(cut("a b c d e f g h i j k", 4), [0..4, 2..6, 4..8, 6..10, 7..11]);
        assert!(Pieces::new(1).is_err());
    }

    #[test]
    fn every_token_is_covered_and_long_sentences_are_windows() {
        for (n, most) in (1..40).flat_map(|n| (2..12).map(move |most| (n, most))) {
            let text = vec!["w"; n].join(" ");
            let wanted: Vec<_> = window::layout(n, most, most / 2).expect("no zero").collect();
            assert_eq!(cut(&text, most), if n > most { wanted } else { Vec::new() }, "{n} {most}");
        }
    }

    #[test]
    fn a_text_that_grows_is_cut_as_at_once() {
        let text = "One two three. Four! Five six seven eight nine ten eleven twelve?\nNo. \u{4f60}!\u{597d}\u{3002} so it\n\nis x y";
        for most in 2..9 {
            let all = tokens(text);
            let (mut found, mut pieces) = (Vec::new(), Pieces::new(most).expect("at least 2"));
            let mut from = 0;
            for (space, _) in text.match_indices([' ', '\n']) {
                let before = all.iter().filter(|token| token.0 < from).count();
                let new =
                    all[before..].iter().take_while(|token| token.0 < space).map(|token| token.0 - from);
                let new: Vec<usize> = new.collect();
                pieces.advance(&text[from..=space], new.iter().copied(), before, false, |piece| {
                    found.push(piece)
                });
                from = space;
                assert!(found.iter().all(|piece| piece.end <= pieces.settled()));
            }
            let rest =
                all.iter().filter(|token| token.0 >= from).map(|token| token.0 - from).collect::<Vec<_>>();
            pieces.advance(&text[from..], rest.iter().copied(), all.len() - rest.len(), true, |piece| {
                found.push(piece)
            });
            assert_eq!(found, cut(text, most), "{most}");
        }
    }

    #[test]
    fn a_run_of_marks_is_read_once() {
        let text = "!".repeat(1 << 20) + "x";
        assert_eq!(Ends::of(&text).count(), 0);
    }
}
