//! Unicode NFKC that knows which bytes of the input each character came from.

use std::ops::Range;

use unicode_normalization::char::{canonical_combining_class, compose, decompose_compatible};

/// A character and the bytes of the original that it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Traced {
    pub(super) character: char,
    pub(super) origin: Range<u32>,
}

/// A combining mark that waits for its place.
#[derive(Clone, Debug)]
struct Mark {
    traced: Traced,
    class: u8,
}

/// NFKC as a filter: characters go in, and come out at the sink once nothing can change them any more.
///
/// Holds one starter and the marks after it, so its memory is that of the longest run of marks. The sort by
/// class is stable and takes `O(n log n)` at worst: a text of nothing but marks does not become quadratic.
#[derive(Clone, Debug, Default)]
pub(super) struct Nfkc {
    starter: Option<Traced>,
    marks: Vec<Mark>,
}

impl Nfkc {
    /// Takes the next character.
    pub(super) fn push(&mut self, next: Traced, sink: &mut impl FnMut(Traced)) {
        if next.character.is_ascii() {
            // No ASCII character decomposes, or composes with anything before it.
            self.flush(sink);
            self.starter = Some(next);
            return;
        }
        decompose_compatible(next.character, |character| {
            let traced = Traced { character, origin: next.origin.clone() };
            match canonical_combining_class(character) {
                0 => self.push_starter(traced, sink),
                class => self.marks.push(Mark { traced, class }),
            }
        });
    }

    /// Forgets what is held.
    pub(super) fn clear(&mut self) {
        self.starter = None;
        self.marks.clear();
    }

    /// Gives out what is held, at the end of the text.
    pub(super) fn flush(&mut self, sink: &mut impl FnMut(Traced)) {
        self.compose_marks();
        self.release(sink);
    }

    fn release(&mut self, sink: &mut impl FnMut(Traced)) {
        if let Some(starter) = self.starter.take() {
            sink(starter);
        }
        for mark in self.marks.drain(..) {
            sink(mark.traced);
        }
    }

    fn push_starter(&mut self, next: Traced, sink: &mut impl FnMut(Traced)) {
        self.compose_marks();
        if self.marks.is_empty()
            && let Some(starter) = &mut self.starter
            && let Some(composed) = compose(starter.character, next.character)
        {
            join(starter, composed, &next.origin);
            return;
        }
        self.release(sink);
        self.starter = Some(next);
    }

    /// Puts the marks in canonical order, and those that compose with the starter into it.
    fn compose_marks(&mut self) {
        if !self.marks.is_sorted_by_key(|mark| mark.class) {
            self.marks.sort_by_key(|mark| mark.class);
        }
        let Some(starter) = &mut self.starter else { return };
        let mut blocking = 0;
        self.marks.retain(|mark| {
            // A mark is blocked by one of its own class that stayed.
            if mark.class > blocking
                && let Some(composed) = compose(starter.character, mark.traced.character)
            {
                join(starter, composed, &mark.traced.origin);
                return false;
            }
            blocking = mark.class;
            true
        });
    }
}

fn join(starter: &mut Traced, composed: char, origin: &Range<u32>) {
    starter.character = composed;
    starter.origin.start = starter.origin.start.min(origin.start);
    starter.origin.end = starter.origin.end.max(origin.end);
}

#[cfg(test)]
mod tests {
    use super::*;
    use unicode_normalization::UnicodeNormalization;

    fn nfkc(text: &str) -> Vec<Traced> {
        let (mut nfkc, mut out) = (Nfkc::default(), Vec::new());
        let mut sink = |traced| out.push(traced);
        for (at, character) in text.char_indices() {
            let origin = at as u32..(at + character.len_utf8()) as u32;
            nfkc.push(Traced { character, origin }, &mut sink);
        }
        nfkc.flush(&mut sink);
        out
    }

    #[test]
    fn every_character_after_a_letter_equals_the_reference() {
        for prefix in ["", "a", "e\u{301}", "\u{1100}", "\u{1100}\u{1161}", "\u{327}", "="] {
            for character in '\0'..=char::MAX {
                let text = format!("{prefix}{character}\u{323}\u{308}");
                let ours: String = nfkc(&text).iter().map(|traced| traced.character).collect();
                assert_eq!(ours, text.nfkc().collect::<String>(), "{prefix:?} + {character:?}");
            }
        }
    }

    #[test]
    fn origins_are_those_of_the_characters_composed() {
        let traced = |character, origin| Traced { character, origin };
        assert_eq!(nfkc("ae\u{301}b"), [traced('a', 0..1), traced('é', 1..4), traced('b', 4..5)]);
        assert_eq!(nfkc("ﬁ"), [traced('f', 0..3), traced('i', 0..3)]);
        // The dot below (class 220) moves before the acute (230), and both compose.
        assert_eq!(nfkc("o\u{301}\u{323}"), [traced('ọ', 0..5), traced('\u{301}', 1..3)]);
    }

    #[test]
    fn a_mark_blocked_by_its_own_class_stays() {
        let ours: String = nfkc("a\u{30d}\u{301}").iter().map(|traced| traced.character).collect();
        assert_eq!(ours, "a\u{30d}\u{301}");
    }
}
