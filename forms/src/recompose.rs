//! Composition: what follows a base and can join it does, unless a mark between them is in the way.

use smallvec::SmallVec;

use crate::char::{canonical_combining_class, compose};
use crate::decompose::Decompositions;

/// A character and how the place moves on.
type Moved = (char, isize);

/// The characters of a composed text, each with how the place moves on.
#[derive(Clone)]
pub struct Recompositions<I> {
    text: Decompositions<I>,
    /// The last character of class 0, which what follows may join.
    base: Option<Moved>,
    /// The marks after it that could not, in order.
    marks: SmallVec<[Moved; 4]>,
    /// The class of the last of these.
    last: Option<u8>,
    /// What is ready, and how much of it is given.
    ready: SmallVec<[Moved; 4]>,
    given: usize,
}

impl<I: Iterator<Item = char>> Recompositions<I> {
    pub(crate) fn new(text: I, compatible: bool) -> Self {
        let text = Decompositions::new(text, compatible);
        Self { text, base: None, marks: SmallVec::new(), last: None, ready: SmallVec::new(), given: 0 }
    }

    /// Takes the next character of the decomposed text.
    fn take(&mut self, (character, moves): Moved) {
        let class = canonical_combining_class(character);
        let Some(base) = self.base else {
            if class == 0 {
                self.base = Some((character, moves));
            } else {
                // A mark without a base stands for itself.
                self.ready.push((character, moves));
            }
            return;
        };
        let blocked = self.last.is_some_and(|last| last >= class);
        if !blocked && let Some(joined) = compose(base.0, character) {
            self.base = Some((joined, base.1 + moves - 1));
        } else if class == 0 {
            self.finish();
            self.base = Some((character, moves));
        } else {
            self.marks.push((character, moves));
            self.last = Some(class);
        }
    }

    /// The base is as it stays, and its marks follow.
    fn finish(&mut self) {
        self.ready.extend(self.base.take());
        self.ready.extend(self.marks.drain(..));
        self.last = None;
    }
}

impl<I: Iterator<Item = char>> Iterator for Recompositions<I> {
    type Item = Moved;

    fn next(&mut self) -> Option<Moved> {
        while self.given == self.ready.len() {
            self.ready.clear();
            self.given = 0;
            match self.text.next() {
                Some(next) => self.take(next),
                None => {
                    self.finish();
                    if self.ready.is_empty() {
                        return None;
                    }
                }
            }
        }
        self.given += 1;
        self.ready.get(self.given - 1).copied()
    }
}
