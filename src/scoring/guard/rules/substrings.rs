//! Lists of substrings: a few by one automaton; many by the hash of their first bytes, in time that hardly grows with them.

use aho_corasick::AhoCorasick;

use super::words::{HashTable, Sieve, hashed};
use super::{Hit, Hits};
use crate::{Code, Error};

/// Patterns above which their first bytes are hashed. Fewer go by an automaton, whose table then fits a cache.
const FEW: usize = 64;
/// The shortest pattern that is found by its first bytes: so many are looked for at every place.
const SHORTEST: usize = 4;
/// How many first bytes are looked for where those may be a pattern's: of longer patterns, and of shorter ones.
const GRAMS: [usize; 2] = [6, SHORTEST];
/// Places that are looked at together.
const BLOCK: usize = 256;
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
    /// The first bytes of the others.
    firsts: Firsts,
    /// The others, by how many of their first bytes are looked for then.
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

/// The first four bytes of patterns, as one bit each of a map that fits a near cache: most places of a text end here.
#[derive(Debug)]
struct Firsts {
    bits: Vec<u64>,
    /// By how much a product is shifted to be a place of that map.
    shift: u32,
}

impl Firsts {
    fn new(mut fours: Vec<u32>) -> Self {
        fours.sort_unstable();
        fours.dedup();
        // 32 KB for 20,000 different ones, of which a stranger then meets one in thirteen.
        let size = (fours.len() * 8).next_power_of_two().clamp(1 << 12, 1 << 22);
        let mut made = Self { bits: vec![0; size / 64], shift: 32 - size.ilog2() };
        for four in fours {
            let place = made.place(four);
            made.bits[place / 64] |= 1 << (place % 64);
        }
        made
    }

    #[inline(always)]
    fn place(&self, four: u32) -> usize {
        (four.wrapping_mul(0x9e37_79b1) >> self.shift) as usize
    }

    /// Writes the places of `bytes` from which on four bytes may be a pattern's, and returns how many there are. No branch
    /// hangs on the text, which would be guessed wrong at many of them.
    fn places<'a>(&self, bytes: &[u8], places: &'a mut [u8; BLOCK]) -> &'a [u8] {
        let (mut n, mask) = (0, self.bits.len() - 1);
        for (at, four) in bytes.windows(SHORTEST).take(BLOCK).enumerate() {
            let place = self.place(u32::from_le_bytes([four[0], four[1], four[2], four[3]]));
            places[n % BLOCK] = at as u8;
            n += (self.bits[(place / 64) & mask] >> (place % 64) & 1) as usize;
        }
        &places[..n]
    }
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
        let level_of =
            |text: &str| GRAMS.iter().position(|gram| text.len() >= *gram).unwrap_or(GRAMS.len() - 1);
        let size = |place: usize| hashed_ones.iter().filter(|n| level_of(&list[**n].text) == place).count();
        let sizes: [usize; GRAMS.len()] = std::array::from_fn(size);
        let four =
            |n: &usize| list[*n].text.as_bytes().first_chunk().map_or(0, |four| u32::from_le_bytes(*four));
        let mut made = Self {
            automaton,
            in_automaton,
            firsts: Firsts::new(hashed_ones.iter().map(four).collect()),
            levels: sizes.map(|n| Level { grams: Sieve::with_room(n), lengths: 0 }),
            prefixes: Sieve::with_room(hashed_ones.len()),
            by_prefix: HashTable::default(),
            list,
        };
        for n in hashed_ones {
            let bytes = made.list[n].text.as_bytes();
            let length = bytes.len().min(PREFIX);
            let hash = hashed(bytes, 0, length);
            let place = level_of(&made.list[n].text);
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
        if self.levels.iter().any(|level| level.lengths > 0) {
            self.find_hashed(text.as_bytes(), folded, hits);
        }
    }

    fn find_hashed(&self, bytes: &[u8], folded: bool, hits: &mut Hits) {
        let [long, short] = &self.levels;
        let mut places = [0; BLOCK];
        for start in (0..(bytes.len() + 1).saturating_sub(SHORTEST)).step_by(BLOCK) {
            for &place in self.firsts.places(&bytes[start..], &mut places) {
                let at = start + usize::from(place);
                let of = |level: &Level, n: usize| {
                    let holds = at + n <= bytes.len() && level.grams.may_hold(gram(bytes, at, n));
                    if holds { level.lengths } else { 0 }
                };
                let lengths = of(long, GRAMS[0]) | of(short, GRAMS[1]);
                if lengths != 0 {
                    self.find_at(bytes, at, lengths, folded, hits);
                    if hits.truncated {
                        return;
                    }
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
