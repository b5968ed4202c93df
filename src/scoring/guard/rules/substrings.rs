//! Lists of substrings: a few by one automaton; many by the hash of their first bytes, in time that hardly grows with them.

use aho_corasick::AhoCorasick;

use super::words::{HashTable, Sieve, hashed};
use super::{Hit, Hits};
use crate::{Code, Error};

/// Patterns above which their first bytes are hashed. Fewer go by an automaton, whose table then fits a cache.
const FEW: usize = 64;
/// How many first bytes are looked for at every place: of longer patterns, and of shorter ones where there are any.
const GRAMS: [usize; 2] = [6, 4];
/// The shortest pattern that is found by its first bytes.
const SHORTEST: usize = 4;
/// The most first bytes that are hashed.
const PREFIX: usize = 8;

/// A pattern in folded form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Substring {
    pub(super) text: String,
    pub(super) rule: u32,
    /// Whether it may be found in a form that was folded beyond its case.
    pub(super) folds: bool,
}

/// Patterns, ready to be searched for.
#[derive(Debug)]
pub(super) struct Substrings {
    list: Vec<Substring>,
    /// The short ones, or all of few; and where they stand in the list.
    automaton: Option<AhoCorasick>,
    in_automaton: Vec<usize>,
    /// The others, by how many of their first bytes are looked for at every place.
    levels: [Level; GRAMS.len()],
    /// As many first bytes of each as it has, up to [`PREFIX`].
    prefixes: Sieve,
    by_prefix: HashTable<Vec<u32>>,
}

/// Patterns that have so many bytes at least.
#[derive(Debug, Default)]
struct Level {
    grams: Sieve,
    /// The lengths of their prefixes, as bits.
    lengths: u32,
}

impl Substrings {
    /// # Errors
    /// [`Code::TooLarge`] if the short ones are too many for one automaton.
    pub(super) fn new(list: Vec<Substring>) -> Result<Self, Error> {
        let many = list.len() > FEW;
        let (hashed_ones, in_automaton): (Vec<usize>, Vec<usize>) =
            (0..list.len()).partition(|n| many && list[*n].text.len() >= SHORTEST);
        let automaton = match in_automaton.is_empty() {
            true => None,
            false => {
                let built = AhoCorasick::new(in_automaton.iter().map(|n| list[*n].text.as_bytes()));
                Some(built.map_err(|e| Error::new(Code::TooLarge, format!("the lists of substrings: {e}")))?)
            }
        };
        let mut made = Self {
            automaton,
            in_automaton,
            levels: GRAMS.map(|_| Level { grams: Sieve::with_room(hashed_ones.len()), lengths: 0 }),
            prefixes: Sieve::with_room(hashed_ones.len()),
            by_prefix: HashTable::default(),
            list,
        };
        for n in hashed_ones {
            let bytes = made.list[n].text.as_bytes();
            let length = bytes.len().min(PREFIX);
            let hash = hashed(bytes, 0, length);
            let place = GRAMS.iter().position(|gram| length >= *gram).unwrap_or(GRAMS.len() - 1);
            let level = &mut made.levels[place];
            level.grams.insert(gram(bytes, 0, GRAMS[place]));
            level.lengths |= 1 << length;
            made.prefixes.insert(hash);
            made.by_prefix.entry(hash).or_default().push(n as u32);
        }
        Ok(made)
    }

    /// The patterns.
    #[cfg(test)]
    pub(super) fn list(&self) -> &[Substring] {
        &self.list
    }

    /// Pushes every match in a form of a text. Folded beyond its case: only patterns that fold.
    pub(super) fn find(&self, text: &str, folded: bool, hits: &mut Hits) {
        // A pattern's bytes are whole characters, and so is what they match.
        if let Some(automaton) = &self.automaton {
            for found in automaton.find_overlapping_iter(text) {
                let pattern = &self.list[self.in_automaton[found.pattern().as_usize()]];
                if pattern.folds || !folded {
                    hits.push(Hit { rule: pattern.rule, start: found.start(), end: found.end() });
                    if hits.truncated {
                        return;
                    }
                }
            }
        }
        let bytes = text.as_bytes();
        let [long, short] = &self.levels;
        self.find_level::<{ GRAMS[0] }>(bytes, long, folded, hits);
        self.find_level::<{ GRAMS[1] }>(bytes, short, folded, hits);
    }

    fn find_level<const N: usize>(&self, bytes: &[u8], level: &Level, folded: bool, hits: &mut Hits) {
        if level.lengths == 0 {
            return;
        }
        for at in 0..(bytes.len() + 1).saturating_sub(N) {
            if level.grams.may_hold(gram(bytes, at, N)) {
                self.find_at(bytes, at, level.lengths, folded, hits);
                if hits.truncated {
                    return;
                }
            }
        }
    }

    /// Pushes every pattern that begins at `at`.
    #[inline(never)]
    fn find_at(&self, bytes: &[u8], at: usize, lengths: u32, folded: bool, hits: &mut Hits) {
        let mut lengths = lengths;
        while lengths != 0 {
            let end = at + lengths.trailing_zeros() as usize;
            lengths &= lengths - 1;
            if end > bytes.len() {
                return;
            }
            let hash = hashed(bytes, at, end);
            if !self.prefixes.may_hold(hash) {
                continue;
            }
            for n in self.by_prefix.get(&hash).into_iter().flatten() {
                let pattern = &self.list[*n as usize];
                if (pattern.folds || !folded) && bytes[at..].starts_with(pattern.text.as_bytes()) {
                    hits.push(Hit { rule: pattern.rule, start: at, end: at + pattern.text.len() });
                }
            }
        }
    }
}

/// The hash of the `n` bytes from `at` on, which lie within `bytes`; at most eight.
#[inline(always)]
fn gram(bytes: &[u8], at: usize, n: usize) -> u64 {
    let number = match bytes[at..].first_chunk::<8>() {
        Some(eight) => u64::from_le_bytes(*eight) << (64 - 8 * n),
        None => {
            bytes[at..at + n].iter().rev().fold(0, |number, b| number << 8 | u64::from(*b)) << (64 - 8 * n)
        }
    };
    let wide = u128::from(number) * 0x9e37_79b9_7f4a_7c15;
    (wide >> 64) as u64 ^ wide as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_are_found_as_few_are() {
        let mut state = 9_u64;
        let mut below = |n: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % n
        };
        let mut n_hits = 0;
        for _ in 0..60 {
            let n = 65 + below(200);
            let mut list: Vec<Substring> = Vec::new();
            for rule in 0..n {
                let length = 1 + below(11);
                let text: String =
                    (0..length).map(|_| ['a', 'b', ' ', '\u{e9}'][below(4) as usize]).collect();
                list.push(Substring { text, rule: rule as u32, folds: below(2) == 0 });
            }
            let many = Substrings::new(list.clone()).expect("few enough");
            for folded in [false, true] {
                let text: String =
                    (0..below(120)).map(|_| ['a', 'b', ' ', '\u{e9}'][below(4) as usize]).collect();
                let mut hits = Hits::default();
                many.find(&text, folded, &mut hits);
                let mut wanted = Vec::new();
                for (pattern, at) in list.iter().flat_map(|p| (0..text.len()).map(move |at| (p, at))) {
                    let fits = pattern.folds || !folded;
                    if fits && text.as_bytes()[at..].starts_with(pattern.text.as_bytes()) {
                        wanted.push(Hit { rule: pattern.rule, start: at, end: at + pattern.text.len() });
                    }
                }
                if wanted.len() <= super::super::MAX_HITS {
                    wanted.sort_unstable();
                    hits.list.sort_unstable();
                    assert_eq!(hits.list, wanted, "{text:?}");
                    n_hits += wanted.len();
                }
            }
        }
        assert!(n_hits > 10_000, "{n_hits}");
    }
}
