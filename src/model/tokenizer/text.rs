//! BERT's normalizer and what its pre-tokenizer cuts at, character by character with their bytes in the given text.
//!
//! The tables are those that the tokenizer library uses, so that a character is the same thing to both.

use unicode_categories::UnicodeCategories;
use unicode_normalization_alignments::UnicodeNormalization;

/// A character and the bytes `[start, end)` of the text that it stands for.
pub(super) type Char = (char, u32, u32);

/// What the normalizer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rules {
    /// Control characters go, white space becomes spaces.
    pub(super) clean: bool,
    /// CJK ideographs are words of their own.
    pub(super) ideographs: bool,
    /// Canonical decomposition, less the marks.
    pub(super) strip_accents: bool,
    /// Lower case.
    pub(super) lowercase: bool,
}

impl Rules {
    pub(super) fn bits(self) -> u32 {
        let flags = [self.clean, self.ideographs, self.strip_accents, self.lowercase];
        flags.iter().rev().fold(0, |bits, &flag| bits << 1 | u32::from(flag))
    }

    pub(super) fn from_bits(bits: u32) -> Option<Self> {
        let flag = |at: u32| bits >> at & 1 == 1;
        let rules = Self { clean: flag(0), ideographs: flag(1), strip_accents: flag(2), lowercase: flag(3) };
        (rules.bits() == bits).then_some(rules)
    }
}

/// Memory that encoding uses again.
#[derive(Debug, Default)]
pub struct Scratch {
    /// The text, ready to be cut.
    pub(super) chars: Vec<Char>,
    stage: Vec<Char>,
    text: String,
    /// The word in hand: its bytes, where each character ends, hashes of pieces.
    pub(super) utf8: Vec<u8>,
    pub(super) ends: Vec<usize>,
    pub(super) hashes: Vec<u32>,
    /// The best way to each byte of the word in hand, and the pieces of that to its end, last first.
    pub(super) ways: Vec<super::unigram::Way>,
    pub(super) pieces: Vec<(usize, usize, u32)>,
}

/// Normalizes a text of less than 4 GiB into `scratch.chars`.
pub(super) fn make_ready(text: &str, rules: Rules, scratch: &mut Scratch) {
    let Scratch { chars, stage, text: decomposing, .. } = scratch;
    chars.clear();
    let mut is_ascii = true;
    for (start, c) in text.char_indices() {
        let (start, end) = (start as u32, (start + c.len_utf8()) as u32);
        is_ascii &= c.is_ascii();
        if rules.clean && is_removed(c) {
            continue;
        }
        let c = if rules.clean && c.is_whitespace() { ' ' } else { c };
        if rules.ideographs && is_ideograph(c) {
            chars.extend([(' ', start, end), (c, start, end), (' ', start, end)]);
        } else {
            chars.push((c, start, end));
        }
    }
    if rules.strip_accents && !is_ascii {
        decompose(chars, stage, decomposing);
    }
    if rules.lowercase && is_ascii {
        chars.iter_mut().for_each(|(c, ..)| c.make_ascii_lowercase());
    } else if rules.lowercase {
        std::mem::swap(chars, stage);
        chars.clear();
        for &(c, start, end) in stage.iter() {
            chars.extend(c.to_lowercase().map(|c| (c, start, end)));
        }
    }
}

/// Canonical decomposition without non-spacing marks. A character that a decomposition adds stands for the bytes of the
/// one before it.
fn decompose(chars: &mut Vec<Char>, stage: &mut Vec<Char>, text: &mut String) {
    std::mem::swap(chars, stage);
    chars.clear();
    text.clear();
    text.extend(stage.iter().map(|&(c, ..)| c));
    placed(text.as_str().nfd(), stage, |c| {
        if !c.0.is_mark_nonspacing() {
            chars.push(c);
        }
    });
}

/// Gives each character of a normal form of `stage` the bytes that it stands for.
fn placed(form: impl Iterator<Item = (char, isize)>, stage: &[Char], mut push: impl FnMut(Char)) {
    let mut at = 0_usize;
    for (c, change) in form {
        let of = if change > 0 {
            at.checked_sub(1).and_then(|before| stage.get(before)).map_or((0, 0), |s| (s.1, s.2))
        } else {
            let of = stage.get(at).map_or((0, 0), |s| (s.1, s.2));
            at += 1 + change.unsigned_abs();
            of
        };
        push((c, of.0, of.1));
    }
}

/// Writes the compatibility composition (NFKC) of a text of less than 4 GiB into `scratch.chars`; without it, if
/// `normalized` is not set.
pub(super) fn compose(text: &str, normalized: bool, scratch: &mut Scratch) {
    let Scratch { chars, stage, .. } = scratch;
    let plain = |out: &mut Vec<Char>| {
        out.clear();
        out.extend(text.char_indices().map(|(at, c)| (c, at as u32, (at + c.len_utf8()) as u32)));
    };
    if !normalized || text.is_ascii() {
        plain(chars);
        return;
    }
    plain(stage);
    chars.clear();
    placed(text.nfkc(), stage, |c| chars.push(c));
}

fn is_removed(c: char) -> bool {
    match c {
        '\t' | '\n' | '\r' => false,
        ' '..='~' => false,
        '\0' | '\u{fffd}' => true,
        _ => c.is_other(),
    }
}

fn is_ideograph(c: char) -> bool {
    matches!(
        u32::from(c),
        0x3400..=0x4dbf
            | 0x4e00..=0x9fff
            | 0xf900..=0xfaff
            | 0x20000..=0x2a6df
            | 0x2a700..=0x2b73f
            | 0x2b740..=0x2b81f
            | 0x2b920..=0x2ceaf
            | 0x2f800..=0x2fa1f
    )
}

/// Whether a character is a word of its own.
pub(super) fn is_punctuation(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_punctuation() } else { c.is_punctuation() }
}
