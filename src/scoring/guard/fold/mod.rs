//! Forms of a text for matching and for models only: letter case, look-alikes, leetspeak and spaced letters do not hide a
//! word in them.
//!
//! A form is never shown: each of its spans comes back as bytes of the text that it was made of.

mod disguise;
mod letters;
mod lookalike;
mod regions;
mod rewritten;
mod spaced;

pub use disguise::{Disguised, Reader, disguised, number_form};
pub use lookalike::{Script, skeleton};
pub use regions::{changed, widened};
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
    /// Not used if every byte came from the byte at its own place.
    map: OffsetMap,
    mapped: bool,
    word: letters::Word,
}

impl Folded {
    /// Replaces this form by that of `text`.
    ///
    /// # Cost
    /// One pass. ASCII text in lower case is a copy.
    pub fn assign(&mut self, text: &str, fold: Fold) {
        self.assign_part(text, fold, fold != Fold::Case && is_latin(text));
    }

    /// Replaces this form by that of `part`, whose ends lie between words of a text that [`is_latin`] or not.
    pub fn assign_part(&mut self, part: &str, fold: Fold, is_latin: bool) {
        self.text.clear();
        self.mapped = false;
        match fold {
            Fold::Case => self.lower(part),
            Fold::Skeleton | Fold::SkeletonL => {
                let (text, map) = (&mut self.text, &mut self.map);
                map.clear(part.len() as u32);
                self.mapped = true;
                let one = if fold == Fold::Skeleton { 'i' } else { 'l' };
                letters::fold(part, one, is_latin, &mut self.word, |character, origin| {
                    map.push(text, character, origin)
                });
                map.finish(text.len());
            }
        }
    }

    fn lower(&mut self, text: &str) {
        if text.is_ascii() {
            self.text.push_str(text);
            self.text.make_ascii_lowercase();
            return;
        }
        // What stays as long as it was is copied in one piece, and the map begins with the first that does not.
        let (mut copied, mut at) = (0, 0);
        while let Some(place) = text.as_bytes()[at..].iter().position(|b| *b >= 0x80) {
            at += place;
            let Some(character) = text[at..].chars().next() else { break };
            let end = at + character.len_utf8();
            let one = lower(character);
            if one != Some(character) {
                self.copy(text, copied..at);
                copied = end;
                let same = one.filter(|one| one.len_utf8() == end - at);
                match same {
                    Some(one) if self.mapped => self.map.push(&mut self.text, one, at as u32..end as u32),
                    Some(one) => self.text.push(one),
                    None => {
                        if !self.mapped {
                            let whole = std::mem::take(&mut self.text);
                            self.map.clear(text.len() as u32);
                            self.map.push_unchanged(&mut self.text, &whole, 0);
                            self.mapped = true;
                        }
                        for lower in character.to_lowercase() {
                            self.map.push(&mut self.text, lower, at as u32..end as u32);
                        }
                    }
                }
            }
            at = end;
        }
        self.copy(text, copied..text.len());
        if self.mapped {
            self.map.finish(self.text.len());
        }
    }

    /// Appends a part of the text whose only capitals are those of ASCII.
    fn copy(&mut self, text: &str, part: Range<usize>) {
        let first = self.text.len();
        match self.mapped {
            true => self.map.push_unchanged(&mut self.text, &text[part.clone()], part.start as u32),
            false => self.text.push_str(&text[part]),
        }
        self.text[first..].make_ascii_lowercase();
    }

    /// The form.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The bytes of the text that the span of the form came from. The span is in bounds, on character boundaries.
    pub fn original(&self, span: Range<usize>) -> Range<usize> {
        if self.mapped { self.map.original(&self.text, span) } else { span }
    }
}

/// The form of a pattern, to be looked for in forms of the same kind.
pub fn folded(text: &str, fold: Fold) -> String {
    let mut form = Folded::default();
    form.assign(text, fold);
    form.text
}

/// The character in lower case, if that is one character.
pub(super) fn lower(character: char) -> Option<char> {
    match character {
        '\u{430}'..='\u{44f}' | '\u{df}'..='\u{ff}' | '\u{600}'..='\u{109f}' | '\u{1100}'..='\u{139f}' => {
            Some(character)
        }
        '\u{2e80}'..='\u{a63f}' | '\u{ac00}'..='\u{d7ff}' => Some(character),
        '\u{410}'..='\u{42f}' => char::from_u32(character as u32 + 0x20),
        _ => {
            let mut lower = character.to_lowercase();
            lower.next().filter(|_| lower.next().is_none())
        }
    }
}

/// Whether the text has more Latin letters than Cyrillic and Greek ones.
pub fn is_latin(text: &str) -> bool {
    letters::mostly_latin(text)
}

/// Whether leetspeak could be read in the text: a digit or sign beside a letter.
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
    match character {
        // The most common ones, without a table.
        '\u{c0}'..='\u{24f}' => character != '\u{d7}' && character != '\u{f7}',
        '\u{400}'..='\u{481}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' => true,
        '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30fa}' | '\u{388}'..='\u{38a}' | '\u{3a3}'..='\u{3f5}' => {
            true
        }
        '\u{620}'..='\u{669}' | '\u{900}'..='\u{963}' | '\u{e01}'..='\u{e3a}' => true,
        '\u{2010}'..='\u{205e}' | '\u{3001}'..='\u{3003}' | '\u{1f300}'..='\u{1f64f}' => false,
        _ => character.is_alphanumeric() || is_mark(character),
    }
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
    fn short_cuts_agree_with_the_tables() {
        for character in '\0'..=char::MAX {
            assert_eq!(
                is_word(character),
                character.is_alphanumeric() || is_mark(character),
                "{character:?}"
            );
            let whole: String = character.to_lowercase().collect();
            match lower(character) {
                Some(one) => assert_eq!(one.to_string(), whole, "{character:?}"),
                None => assert!(whole.chars().count() > 1, "{character:?}"),
            }
            let text = format!("Xy{character}Zw\u{130}{character}Q");
            let wanted: String = text.chars().flat_map(char::to_lowercase).collect();
            assert_eq!(folded(&text, Fold::Case), wanted);
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
