//! Text to words and sentences by the rules of Unicode (UAX #29). Callers with better knowledge pass their own.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

/// A stretch of text that is a word, or several that no space parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Bytes of the text.
    pub bytes: Range<usize>,
    /// Whether it is of a script without spaces between words (Han, kana, Thai, Lao, Khmer, Burmese): one word or more.
    pub unspaced: bool,
}

/// The words of a text, and its signs, each one by itself; runs of scripts without spaces stay whole.
///
/// # Cost
/// Linear in the text.
pub fn words(text: &str) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    for (start, word) in text.split_word_bound_indices() {
        if word.chars().all(|c| c.is_whitespace() || c.is_control() || is_invisible(c)) {
            continue;
        }
        let bytes = start..start + word.len();
        let unspaced = word.chars().any(is_unspaced);
        match pieces.last_mut() {
            Some(last) if unspaced && last.unspaced && last.bytes.end == start => last.bytes.end = bytes.end,
            _ => pieces.push(Piece { bytes, unspaced }),
        }
    }
    pieces
}

/// The sentences of a text, without the space around them. Ends are those of UAX #29, so that `Dr. Smith` ends one.
///
/// # Cost
/// Linear in the text.
pub fn sentences(text: &str) -> Vec<Range<usize>> {
    let trimmed = |(start, sentence): (usize, &str)| {
        let start = start + sentence.len() - sentence.trim_start().len();
        start..start + sentence.trim().len()
    };
    text.split_sentence_bound_indices().map(trimmed).filter(|bytes| !bytes.is_empty()).collect()
}

fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
}

fn is_unspaced(c: char) -> bool {
    matches!(c,
        '\u{0e00}'..='\u{0eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3005}'..='\u{3007}'
        | '\u{3040}'..='\u{30fa}' | '\u{30fc}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}' | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{ff66}'..='\u{ff9d}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Vec<(&str, bool)> {
        words(text).into_iter().map(|p| (&text[p.bytes], p.unspaced)).collect()
    }

    #[test]
    fn words_and_signs_stand_alone() {
        let spaced = |words: &[&'static str]| words.iter().map(|w| (*w, false)).collect::<Vec<_>>();
        assert_eq!(
            split("I can't pay $3.50,  ok?"),
            spaced(&["I", "can't", "pay", "$", "3.50", ",", "ok", "?"])
        );
        assert_eq!(split("Größe\u{a0}zählt!"), spaced(&["Größe", "zählt", "!"]));
        assert_eq!(split("👩‍👩‍👧 hi"), spaced(&["👩‍👩‍👧", "hi"]));
        assert_eq!(split(" \t\r\n\u{200b}\0"), []);
        assert_eq!(split(""), []);
    }

    #[test]
    fn scripts_without_spaces_stay_whole_up_to_the_next_sign() {
        let want = [("私は学生です", true), ("。", false), ("OK", false), ("ภาษาไทย", true)];
        assert_eq!(split("私は学生です。OK ภาษาไทย"), want);
        assert_eq!(split("コーヒー 東京"), [("コーヒー", true), ("東京", true)]);
        assert_eq!(split("한국어 문장"), [("한국어", false), ("문장", false)]);
    }

    #[test]
    fn sentences_have_no_space_around_them() {
        let split = |text: &'static str| sentences(text).into_iter().map(|r| &text[r]).collect::<Vec<_>>();
        assert_eq!(split(" One is 1.5 m. Two?  Three!\n"), ["One is 1.5 m.", "Two?", "Three!"]);
        assert_eq!(split("これは文です。次も文です！"), ["これは文です。", "次も文です！"]);
        assert_eq!(split(" \n"), [""; 0]);
    }
}
