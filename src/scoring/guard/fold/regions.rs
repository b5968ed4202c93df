//! Which parts of a text a fold beyond its case may change, so that only they are folded.

use std::ops::Range;

use super::letters::{is_decoration, is_sign};
use super::lookalike::{Script, to_latin};
use super::{is_word, lower};
use crate::scoring::guard::bits::{is_alphanumeric, places};

/// Whether letters::fold takes the character into a run: letters, digits, signs and marks.
fn joins(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_alphanumeric() || is_sign(character);
    }
    is_word(character) || is_decoration(character) || is_sign(character) || Script::of(character).is_some()
}

/// Shows `each` the runs of letters, digits, signs and marks that [`Fold::Skeleton`](super::Fold) or
/// [`Fold::SkeletonL`](super::Fold) may change beyond their case, in order. All others stay, whatever stands around them.
///
/// # Cost
/// One pass. ASCII text without signs beside letters costs little.
pub fn changed(text: &str, mut each: impl FnMut(Range<usize>)) {
    let bytes = text.as_bytes();
    let mut done = 0;
    for at in places(bytes, 0, |b| (b >= 0x80) | is_sign_byte(b)) {
        if at < done {
            continue;
        }
        let run = run_around(text, at, done);
        done = run.end;
        if !run.is_empty() && may_change(&text[run.clone()]) {
            each(run);
        }
    }
}

/// [`is_sign`] of ASCII, in few vector operations.
#[inline(always)]
fn is_sign_byte(b: u8) -> bool {
    let digit = (b.wrapping_sub(b'0') < 9) & (b != b'2') & (b != b'6');
    digit | (b == b'@') | (b == b'$') | (b == b'!') | (b == b'|') | (b == b'+')
}

/// The run that the character at `at` belongs to, from `done` on; an empty one after it if it belongs to none.
fn run_around(text: &str, at: usize, done: usize) -> Range<usize> {
    let bytes = text.as_bytes();
    let joins_ascii = |b: &u8| is_alphanumeric(*b) || is_sign_byte(*b);
    let start = at - bytes[done..at].iter().rev().take_while(|b| joins_ascii(b)).count();
    let end = at + bytes[at..].iter().take_while(|b| joins_ascii(b)).count();
    let ascii = |at: Option<&u8>| at.is_none_or(u8::is_ascii);
    if end > at && ascii(bytes.get(end)) && ascii(bytes[done..start].last()) {
        return start..end;
    }
    let before = text[done..at].char_indices().rev().take_while(|(_, c)| joins(*c)).last();
    let start = before.map_or(at, |(place, _)| done + place);
    let end = text[at..].char_indices().find(|(_, c)| !joins(*c)).map_or(text.len(), |(place, _)| at + place);
    if end == at {
        let next = at + text[at..].chars().next().map_or(1, char::len_utf8);
        return next..next;
    }
    start..end
}

/// Whether a run may change; `false` only where it is sure not to.
fn may_change(run: &str) -> bool {
    if run.is_ascii() {
        let bytes = run.as_bytes();
        let last = bytes.iter().rposition(|b| b.is_ascii_alphanumeric() || matches!(b, b'@' | b'$'));
        let signs = last.is_some_and(|last| bytes[..=last].iter().any(|b| is_sign_byte(*b)));
        return signs && bytes.iter().any(u8::is_ascii_alphabetic);
    }
    // Cyrillic stays if it cannot be meant for Latin, and letters of no script with look-alikes stay beside no others.
    let (mut foreign, mut cyrillic) = (false, false);
    for character in run.chars() {
        match character {
            '0'..='9' => {}
            '\u{410}'..='\u{44f}' if !matches!(character, '\u{419}' | '\u{439}') => {
                cyrillic = true;
                foreign = foreign || lower(character).is_some_and(|c| to_latin(c).is_none());
            }
            c if stays_itself(c) => {}
            _ => return true,
        }
    }
    cyrillic && !foreign
}

/// Letters that have no case, no look-alike and no parts.
fn stays_itself(character: char) -> bool {
    matches!(character,
        '\u{5d0}'..='\u{5ea}' | '\u{627}'..='\u{652}' | '\u{e01}'..='\u{e3a}' | '\u{e40}'..='\u{e4e}'
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}')
}

/// The text around `part`, cut between runs: with `words` runs that hold a letter or digit on either side, and
/// `characters` characters that a fold keeps.
pub fn widened(text: &str, part: Range<usize>, words: usize, characters: usize) -> Range<usize> {
    let start = part.start - reach(text[..part.start].chars().rev(), words, characters);
    start..part.end + reach(text[part.end..].chars(), words, characters)
}

/// How many bytes go by until there are so many runs and characters; all of them if there are not.
fn reach(text: impl Iterator<Item = char>, words: usize, characters: usize) -> usize {
    let (mut bytes, mut of_run) = (0, false);
    let (mut words, mut characters) = (words, characters);
    for character in text {
        let joins = joins(character);
        if !joins {
            words = words.saturating_sub(usize::from(of_run));
            of_run = false;
            if words == 0 && characters == 0 {
                break;
            }
        }
        of_run |= joins && character.is_alphanumeric();
        characters = characters.saturating_sub(usize::from(!is_decoration(character)));
        bytes += character.len_utf8();
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::super::{Fold, folded};
    use super::*;

    fn parts(text: &str) -> Vec<&str> {
        let mut found = Vec::new();
        changed(text, |run| found.push(&text[run]));
        found
    }

    #[test]
    fn only_what_may_change_is_told() {
        for (text, wanted) in [
            ("the sun! it is 1984, 20 km at 7", vec![]),
            ("go k!ll him 4ever (b8)", vec!["k!ll", "4ever", "b8"]),
            ("a21 x", vec!["a21"]),
            ("caf\u{e9}! and so on", vec!["caf\u{e9}!"]),
            ("\u{6bd2}\u{836f} 20\u{4e2a}", vec![]),
            (
                "\u{431}\u{43b}\u{43e}\u{43a} \u{441}\u{43e}\u{440} id\u{456}ot",
                vec!["\u{441}\u{43e}\u{440}", "id\u{456}ot"],
            ),
            ("\u{201c}fine\u{201d}", vec![]),
        ] {
            assert_eq!(parts(text), wanted, "{text:?}");
        }
    }

    #[test]
    fn what_is_not_told_folds_to_its_lower_case() {
        let mut n = 0;
        for character in '\0'..=char::MAX {
            for text in [format!("{character}"), format!("{character}\u{431}"), format!("7{character}")] {
                if parts(&text).is_empty() {
                    let lower = folded(&text, Fold::Case);
                    let latin = "plain words before ";
                    for fold in [Fold::Skeleton, Fold::SkeletonL] {
                        assert_eq!(folded(&text, fold), lower, "{character:?}");
                        assert_eq!(folded(&format!("{latin}{text}"), fold), format!("{latin}{lower}"));
                    }
                    n += 1;
                }
            }
        }
        assert!(n > 500_000, "{n}");
    }

    #[test]
    fn context_has_so_many_words_and_characters() {
        let text = "one two, three k1ll four - five six";
        let at = text.find("k1ll").expect("there");
        let shown = |words, characters| &text[widened(text, at..at + 4, words, characters)];
        assert_eq!(shown(0, 0), "k1ll");
        assert_eq!(shown(1, 0), "three k1ll four");
        assert_eq!(shown(2, 0), "two, three k1ll four - five");
        assert_eq!(shown(9, 0), text);
        assert_eq!(shown(0, 3), "three k1ll four");
    }
}
