//! Decomposition: each character's parts, marks in the order of their classes.

use std::iter::Fuse;

use smallvec::SmallVec;

use crate::char::{canonical_combining_class, decompose_canonical, decompose_compatible};

/// One character of a decomposed text, with its class and how the place moves on.
type Part = (u8, char, isize);

/// The characters of a decomposed text, each with how the place moves on.
#[derive(Clone)]
pub struct Decompositions<I> {
    text: Fuse<I>,
    compatible: bool,
    /// What is read and not given yet, and before it `given` parts that are.
    parts: SmallVec<[Part; 4]>,
    given: usize,
    /// The parts up to here are in their last order: none that is still to come can go before them.
    settled: usize,
}

impl<I: Iterator<Item = char>> Decompositions<I> {
    pub(crate) fn new(text: I, compatible: bool) -> Self {
        Self { text: text.fuse(), compatible, parts: SmallVec::new(), given: 0, settled: 0 }
    }

    /// Adds the parts of one character. One of class 0 settles what stands before it.
    fn read(&mut self, character: char) {
        let mut moves = 0;
        let add = |part: char| {
            let class = canonical_combining_class(part);
            if class == 0 {
                settle(&mut self.parts, &mut self.settled);
            }
            self.parts.push((class, part, moves));
            moves = 1;
        };
        if self.compatible {
            decompose_compatible(character, add);
        } else {
            decompose_canonical(character, add);
        }
    }
}

/// Puts the marks that are not settled in order; those of one class stay as they came.
fn settle(parts: &mut [Part], settled: &mut usize) {
    if let Some(open) = parts.get_mut(*settled..) {
        open.sort_by_key(|part| part.0);
    }
    *settled = parts.len();
}

impl<I: Iterator<Item = char>> Iterator for Decompositions<I> {
    type Item = (char, isize);

    fn next(&mut self) -> Option<(char, isize)> {
        while self.given == self.settled {
            self.parts.drain(..self.given);
            (self.given, self.settled) = (0, 0);
            match self.text.next() {
                Some(character) => self.read(character),
                None if self.parts.is_empty() => return None,
                None => settle(&mut self.parts, &mut self.settled),
            }
        }
        let (_, character, moves) = self.parts[self.given];
        self.given += 1;
        Some((character, moves))
    }
}
