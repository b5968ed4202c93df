//! Unicode's normal forms with the place that each character came from, as the crate `unicode-normalization-alignments` has
//! them: in its place for the core's tokenizers and for the crate `tokenizers`.
//!
//! That crate brings tables of its own, 0.4 MB of them in a library, where `unicode-normalization` is there already with
//! smaller ones. They are of Unicode 9, and tokens must stay what they were: so a character that came later is here what it
//! was then, one that nothing is known of. No mapping that Unicode 9 had has changed since.

mod decompose;
mod later;
mod recompose;

use std::str::Chars;

pub use decompose::Decompositions;
pub use recompose::Recompositions;

/// Single characters, as Unicode 9 has them.
pub mod char {
    use unicode_normalization::char as newer;

    use crate::later::is_later;

    /// The canonical combining class.
    pub fn canonical_combining_class(c: char) -> u8 {
        if is_later(c) { 0 } else { newer::canonical_combining_class(c) }
    }

    /// Gives the full canonical decomposition.
    pub fn decompose_canonical(c: char, mut emit: impl FnMut(char)) {
        if is_later(c) { emit(c) } else { newer::decompose_canonical(c, emit) }
    }

    /// Gives the full compatibility decomposition.
    pub fn decompose_compatible(c: char, mut emit: impl FnMut(char)) {
        if is_later(c) { emit(c) } else { newer::decompose_compatible(c, emit) }
    }

    /// What two characters compose to.
    pub fn compose(a: char, b: char) -> Option<char> {
        newer::compose(a, b).filter(|&c| !is_later(c))
    }

    /// Whether the character is a mark.
    pub fn is_combining_mark(c: char) -> bool {
        // The two were marks in Unicode 9, and are letters since.
        matches!(c, '\u{1cf2}' | '\u{1cf3}') || newer::is_combining_mark(c) && !is_later(c)
    }
}

/// The normal forms of a text: each character with how the place moves on. 0: it is the next character of the text; 1: it
/// was added to the one before; `-n`: it is the next, and `n` after that have gone into it.
pub trait UnicodeNormalization<I: Iterator<Item = ::core::primitive::char>> {
    /// Canonical decomposition.
    fn nfd(self) -> Decompositions<I>;
    /// Compatibility decomposition.
    fn nfkd(self) -> Decompositions<I>;
    /// Canonical decomposition, then composition.
    fn nfc(self) -> Recompositions<I>;
    /// Compatibility decomposition, then composition.
    fn nfkc(self) -> Recompositions<I>;
}

impl<'a> UnicodeNormalization<Chars<'a>> for &'a str {
    fn nfd(self) -> Decompositions<Chars<'a>> {
        Decompositions::new(self.chars(), false)
    }

    fn nfkd(self) -> Decompositions<Chars<'a>> {
        Decompositions::new(self.chars(), true)
    }

    fn nfc(self) -> Recompositions<Chars<'a>> {
        Recompositions::new(self.chars(), false)
    }

    fn nfkc(self) -> Recompositions<Chars<'a>> {
        Recompositions::new(self.chars(), true)
    }
}
