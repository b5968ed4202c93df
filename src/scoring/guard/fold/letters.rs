//! Look-alikes, diacritics and leetspeak, word by word.

use std::ops::Range;

use unicode_normalization::char::decompose_canonical;

use super::disguise::Disguised;
use super::lookalike::{Script, is_small_capital, skeleton, to_latin};

/// The letters of the word being read, with their origins; kept for its memory.
#[derive(Clone, Debug, Default)]
pub(super) struct Word {
    letters: Vec<(char, Range<u32>)>,
    /// Whether a mark goes through a letter, or around it.
    struck: bool,
}

/// The most digits of a number that may be a word.
const LONGEST_NUMBER: usize = 8;

/// What a word is read as.
struct Reading {
    script: Option<Script>,
    /// Whether digits and signs are letters.
    leet: bool,
    /// The place of the last character that is not punctuation.
    last: Option<usize>,
}

/// Digits and signs that stand for letters within a word.
pub(super) fn is_sign(character: char) -> bool {
    matches!(
        character,
        '0' | '1'
            | '3'
            | '4'
            | '5'
            | '7'
            | '8'
            | '@'
            | '$'
            | '!'
            | '|'
            | '+'
            | '\u{20ac}'
            | '\u{a3}'
            | '\u{a1}'
    )
}

/// The letter that a sign stands for; `one` is that of `1` and `|`.
pub(super) fn letter_of(sign: char, one: char) -> char {
    match sign {
        '0' => 'o',
        '1' | '|' => one,
        '!' | '\u{a1}' => 'i',
        '3' | '\u{20ac}' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' | '+' => 't',
        '8' => 'b',
        '\u{a3}' => 'l',
        other => other,
    }
}

/// Marks that people put on letters of any script as decoration. Those of Indic scripts and Arabic are letters of a
/// word, and stay.
pub(super) fn is_decoration(character: char) -> bool {
    matches!(character,
        '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}')
}

/// Marks that go through a letter or around it, which no language writes.
fn strikes(mark: char) -> bool {
    matches!(mark, '\u{334}'..='\u{338}' | '\u{488}'..='\u{489}' | '\u{20d0}'..='\u{20ff}')
}

/// Gives the folded characters of `text`, in order, with the bytes that each came from.
///
/// The script of a word is the one that most of its letters are of; a word all of whose letters look Latin is Latin in a
/// `latin_text`.
pub(super) fn fold(
    text: &str,
    one: char,
    latin_text: bool,
    word: &mut Word,
    mut sink: impl FnMut(char, Range<u32>),
) {
    split(text, word, |piece| match piece {
        Piece::Word(word) => word.fold(one, latin_text, &mut sink),
        Piece::Other(character, origin) => sink(character, origin),
    });
}

/// A part of a text: a word in lower case without its decoration, or a character between words.
pub(super) enum Piece<'a> {
    Word(&'a Word),
    Other(char, Range<u32>),
}

/// Gives the words of `text` and what stands between them, in order.
pub(super) fn split(text: &str, word: &mut Word, mut each: impl FnMut(Piece)) {
    word.clear();
    for (at, character) in text.char_indices() {
        let origin = at as u32..(at + character.len_utf8()) as u32;
        if character.is_ascii() {
            if character.is_ascii_alphanumeric() || is_sign(character) {
                word.letters.push((character.to_ascii_lowercase(), origin));
            } else {
                word.end(&mut each);
                each(Piece::Other(character, origin));
            }
        } else if is_decoration(character) && !word.letters.is_empty() {
            // Left out; its bytes belong to the letter before it.
            word.struck |= strikes(character);
            if let Some(last) = word.letters.last_mut() {
                last.1.end = origin.end;
            }
        } else if super::is_word(character) || is_sign(character) || Script::of(character).is_some() {
            for lower in character.to_lowercase() {
                decompose_canonical(lower, |part| {
                    if !is_decoration(part) {
                        word.letters.push((part, origin.clone()));
                    }
                });
            }
        } else {
            word.end(&mut each);
            each(Piece::Other(character, origin));
        }
    }
    word.end(&mut each);
}

/// Whether more letters are Latin than are Cyrillic and Greek, in the first 4,096 characters.
pub(super) fn mostly_latin(text: &str) -> bool {
    let (mut latin, mut others) = (0, 0);
    for script in text.chars().take(4096).filter_map(Script::of) {
        match script {
            Script::Latin => latin += 1,
            Script::Cyrillic | Script::Greek => others += 1,
        }
    }
    latin > others
}

impl Word {
    fn clear(&mut self) {
        self.letters.clear();
        self.struck = false;
    }

    /// The word's first byte.
    pub(super) fn start(&self) -> usize {
        self.letters.first().map_or(0, |(_, origin)| origin.start as usize)
    }

    fn end(&mut self, each: &mut impl FnMut(Piece)) {
        if !self.letters.is_empty() {
            each(Piece::Word(self));
        }
        self.clear();
    }

    fn reading(&self, latin_text: bool) -> Reading {
        let script = self.script(latin_text);
        // Signs are letters only in a word that has some; a sign at its end is punctuation, or money.
        let leet = script == Some(Script::Latin) && self.letters.iter().any(|(c, _)| c.is_alphabetic());
        let last = self.letters.iter().rposition(|(c, _)| c.is_alphanumeric() || matches!(c, '@' | '$'));
        Reading { script, leet, last }
    }

    fn fold(&self, one: char, latin_text: bool, sink: &mut impl FnMut(char, Range<u32>)) {
        let reading = self.reading(latin_text);
        for (place, (character, origin)) in self.letters.iter().enumerate() {
            sink(reading.letter(place, *character, one), origin.clone());
        }
    }

    /// What the word may stand for if it shows a disguise.
    pub(super) fn disguise(&self, latin_text: bool) -> Option<Disguised> {
        let reading = self.reading(latin_text);
        let last = reading.last?;
        let body = &self.letters[..=last];
        let Some(script) = reading.script else { return number(body) };
        let strange =
            |c: char| skeleton(c, script) != c && (Script::of(c) != Some(script) || is_small_capital(c));
        let sure = self.struck || body.iter().any(|(c, _)| strange(*c) && !is_sign(*c));
        let signs = reading.leet && body.iter().any(|(c, _)| is_sign(*c));
        if !sure && !signs {
            return None;
        }
        let form = |one: char| -> String {
            body.iter().enumerate().map(|(place, (c, _))| reading.letter(place, *c, one)).collect()
        };
        let mut forms = vec![form('i')];
        if signs && body.iter().any(|(c, _)| matches!(c, '1' | '|')) {
            forms.push(form('l'));
        }
        let n_numbers = body.iter().take_while(|(c, _)| c.is_ascii_digit()).count();
        let measure = n_numbers > 0 && body[n_numbers..].iter().all(|(c, _)| c.is_alphabetic());
        let span = body[0].1.start as usize..body[last].1.end as usize;
        Some(Disguised { span, forms, sure, measure, number: false })
    }

    /// The script that the word is read in.
    fn script(&self, latin_text: bool) -> Option<Script> {
        let mut counts = [0_usize; 3];
        let (mut all_latin, mut n_ascii) = (true, 0);
        for (character, _) in &self.letters {
            n_ascii += usize::from(character.is_ascii_lowercase());
            if let Some(script) = Script::of(*character) {
                counts[script as usize] += 1;
                all_latin &= script == Script::Latin || to_latin(*character).is_some();
            }
        }
        let [latin, cyrillic, greek] = counts;
        if latin + cyrillic + greek == 0 {
            return None;
        }
        let mixed = all_latin && (n_ascii > 0 || latin_text);
        if mixed || (latin >= cyrillic && latin >= greek) {
            return Some(Script::Latin);
        }
        Some(if cyrillic >= greek { Script::Cyrillic } else { Script::Greek })
    }
}

/// A word of digits that may all stand for letters.
fn number(body: &[(char, Range<u32>)]) -> Option<Disguised> {
    let of_digits =
        body.len() <= LONGEST_NUMBER && body.iter().all(|(c, _)| c.is_ascii_digit() && is_sign(*c));
    let span = body.first()?.1.start as usize..body.last()?.1.end as usize;
    of_digits.then(|| Disguised { span, forms: Vec::new(), sure: false, measure: false, number: true })
}

impl Reading {
    fn letter(&self, place: usize, character: char, one: char) -> char {
        let punctuation = self.last.is_none_or(|last| place > last);
        match self.script {
            Some(_) if self.leet && !punctuation && is_sign(character) => letter_of(character, one),
            Some(script) => skeleton(character, script),
            None => character,
        }
    }
}
