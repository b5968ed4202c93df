//! Forms of a text for matching and for models only: letter case, look-alikes, leetspeak and spaced letters do not hide a
//! word in them.
//!
//! A form is never shown: each of its spans comes back as bytes of the text that it was made of.

mod disguise;
mod letters;
mod lookalike;
mod rewritten;
mod spaced;

pub use disguise::{Disguised, disguised};
pub use lookalike::{Script, skeleton};
pub use rewritten::{Edit, Rewritten};
pub use spaced::{Passage, Spelled, passages, spelled};

use std::ops::Range;

use super::offsets::OffsetMap;

/// What is done to a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fold {
    /// Lower case.
    Case,
    /// Lower case, look-alikes, diacritics, leetspeak with `1` for `i`.
    Skeleton,
    /// The same with `1` for `l`.
    SkeletonL,
}

/// A form of a text, and where its bytes came from. Keeps its memory for the next one.
#[derive(Clone, Debug, Default)]
pub struct Folded {
    text: String,
    /// `None` if every byte came from the byte at its own place.
    map: Option<OffsetMap>,
    word: letters::Word,
}

impl Folded {
    /// Replaces this form by that of `text`.
    ///
    /// # Cost
    /// One pass. ASCII text in lower case is a copy.
    pub fn assign(&mut self, text: &str, fold: Fold) {
        self.text.clear();
        self.map = None;
        if text.is_ascii() && (fold == Fold::Case || !has_leet(text.as_bytes())) {
            self.text.push_str(text);
            self.text.make_ascii_lowercase();
            return;
        }
        let mut map = OffsetMap::default();
        map.clear(text.len() as u32);
        match fold {
            Fold::Case => {
                for (at, character) in text.char_indices() {
                    let origin = at as u32..(at + character.len_utf8()) as u32;
                    for lower in character.to_lowercase() {
                        map.push(&mut self.text, lower, origin.clone());
                    }
                }
            }
            Fold::Skeleton | Fold::SkeletonL => {
                let one = if fold == Fold::Skeleton { 'i' } else { 'l' };
                letters::fold(text, one, &mut self.word, |character, origin| {
                    map.push(&mut self.text, character, origin)
                });
            }
        }
        map.finish(self.text.len());
        self.map = Some(map);
    }

    /// The form.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The bytes of the text that the span of the form came from. The span is in bounds, on character boundaries.
    pub fn original(&self, span: Range<usize>) -> Range<usize> {
        match &self.map {
            None => span,
            Some(map) => map.original(&self.text, span),
        }
    }
}

/// The form of a pattern, to be looked for in forms of the same kind.
pub fn folded(text: &str, fold: Fold) -> String {
    let mut form = Folded::default();
    form.assign(text, fold);
    form.text
}

/// Whether leetspeak could be read in the text: a digit or sign beside a letter. [`Fold::Skeleton`] changes no other
/// ASCII text but its case.
pub fn has_leet(text: &[u8]) -> bool {
    text.windows(2).any(|pair| {
        let sign = |b: u8| letters::is_sign(char::from(b));
        (sign(pair[0]) && pair[1].is_ascii_alphabetic()) || (sign(pair[1]) && pair[0].is_ascii_alphabetic())
    })
}

/// Whether `1` or a sign that may stand for `l` occurs beside a letter, so that [`Fold::SkeletonL`] differs.
pub fn has_one(text: &str) -> bool {
    text.bytes().any(|b| matches!(b, b'1' | b'|'))
}

/// Whether the character belongs to a word: letters, digits, marks.
pub fn is_word(character: char) -> bool {
    character.is_alphanumeric() || is_mark(character)
}

/// A mark that stands on a letter, of any script. Canonical text holds those that do not compose.
pub fn is_mark(character: char) -> bool {
    character > '\u{2ff}' && unicode_normalization::char::is_combining_mark(character)
}

/// Whether words of the script stand without spaces, so that a word has no bounds to look at.
pub fn is_unspaced(character: char) -> bool {
    matches!(character,
        '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3040}'..='\u{30ff}'
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown<'a>(text: &'a str, fold: Fold, part: &str) -> &'a str {
        let mut form = Folded::default();
        form.assign(text, fold);
        let at = form.text().find(part).unwrap_or_else(|| panic!("{part:?} is not in {:?}", form.text()));
        &text[form.original(at..at + part.len())]
    }

    #[test]
    fn each_dodge_folds_to_the_word_and_comes_back_as_written() {
        for dodge in [
            "idiot",
            "IDIOT",
            "id1ot",
            "!diot",
            "idi0t",
            "1d10t",
            "\u{456}diot",
            "id\u{456}\u{43e}t",
            "\u{131}diot",
            "\u{ef}d\u{ef}\u{f6}t",
            "i\u{336}d\u{336}i\u{336}o\u{336}t\u{336}",
            "\u{1f158}diot",
        ] {
            let text = format!("you {dodge}, go");
            assert_eq!(shown(&text, Fold::Skeleton, "idiot"), dodge, "{dodge}");
        }
        assert_eq!(shown("go to he11 now", Fold::SkeletonL, "hell"), "he11");
    }

    #[test]
    fn numbers_and_other_scripts_keep_their_sense() {
        for (text, wanted) in [
            ("call 0800 123 456!", "call 0800 123 456!"),
            ("\u{441}\u{43e}\u{440}", "\u{441}\u{43e}\u{440}"),
            ("wait!", "wait!"),
            ("\u{3b1}\u{3b2}\u{3b3}", "\u{3b1}\u{3b2}\u{3b3}"),
            ("\u{928}\u{940}", "\u{928}\u{940}"),
        ] {
            assert_eq!(folded(text, Fold::Skeleton), wanted);
        }
    }

    #[test]
    fn lower_case_may_be_longer_than_what_it_was() {
        assert_eq!(shown("x\u{130}y", Fold::Case, "i\u{307}"), "\u{130}");
        assert_eq!(shown("AB", Fold::Case, "b"), "B");
    }

    #[test]
    fn two_million_signs_stay_linear() {
        for unit in ["1a", "\u{456}", "@", "a\u{336}"] {
            let text = unit.repeat(2_000_000 / unit.len());
            let started = std::time::Instant::now();
            assert!(!folded(&text, Fold::Skeleton).is_empty());
            assert!(started.elapsed().as_secs() < 30, "{unit:?}");
        }
    }
}
