//! Lists of words and phrases, found as whole words in time that does not grow with the lists.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::ops::Range;

use super::{Hit, Hits};
use crate::scoring::guard::bits::{BLOCK, bitmap, is_alphanumeric};
use crate::scoring::guard::fold::is_word;

/// The most words of a phrase.
pub const MAX_WORDS: usize = 16;
/// The most characters between two words of a phrase.
const MAX_GAP: usize = 3;

/// A hash is its own hash.
#[derive(Clone, Default)]
pub(super) struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for b in bytes {
            self.0 = step(self.0, *b);
        }
    }

    fn write_u64(&mut self, n: u64) {
        self.0 = n;
    }
}

pub(super) type HashTable<T> = HashMap<u64, T, BuildHasherDefault<Identity>>;

pub(super) const SEED: u64 = 0xcbf2_9ce4_8422_2325;

/// One more byte of a hash (FNV-1a).
pub(super) fn step(hash: u64, byte: u8) -> u64 {
    (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
}

/// A word of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) start: u32,
    pub(super) end: u32,
}

impl Word {
    #[inline(always)]
    fn between(start: usize, end: usize) -> Self {
        Self { start: start as u32, end: end as u32 }
    }

    #[inline(always)]
    fn bytes(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// Its hash in the text.
    #[inline(always)]
    fn hash(self, text: &str) -> u64 {
        hashed(text.as_bytes(), self.start as usize, self.end as usize)
    }
}

/// Which lengths words have that begin with a byte: one bit each, those of 31 and more together.
#[derive(Clone, Debug)]
struct Shapes([u32; 256]);

impl Default for Shapes {
    fn default() -> Self {
        Self([0; 256])
    }
}

impl Shapes {
    #[inline(always)]
    fn place(text: &str, word: Word) -> (usize, u32) {
        (usize::from(text.as_bytes()[word.start as usize]), 1 << (word.end - word.start).min(31))
    }

    fn insert(&mut self, text: &str, word: Word) {
        let (first, length) = Self::place(text, word);
        self.0[first] |= length;
    }

    #[inline(always)]
    fn may_hold(&self, text: &str, word: Word) -> bool {
        let (first, length) = Self::place(text, word);
        self.0[first] & length != 0
    }
}

/// A phrase in folded form, its words joined by one space.
#[derive(Clone, Debug)]
struct Phrase {
    text: Box<str>,
    rule: u32,
    /// Whether it may be found in a form that was folded beyond its case.
    folds: bool,
}

/// A set of hashes that may take a stranger for a member, one time in about a hundred.
#[derive(Clone, Debug, Default)]
pub(super) struct Sieve {
    /// Two bits of one number for each hash; a power of two of them.
    bits: Vec<u64>,
}

impl Sieve {
    /// A set with room for this many.
    pub(super) fn with_room(n: usize) -> Self {
        let bits = (n * 16).next_power_of_two().clamp(1 << 10, 1 << 24);
        Self { bits: vec![0; bits / 64] }
    }

    #[inline(always)]
    fn place(&self, hash: u64) -> (usize, u64) {
        let bits = 1 << (hash >> 58) | 1 << (hash >> 52 & 63);
        ((hash >> 24) as usize & self.bits.len().wrapping_sub(1), bits)
    }

    pub(super) fn insert(&mut self, hash: u64) {
        let (at, bits) = self.place(hash);
        self.bits[at] |= bits;
    }

    #[inline(always)]
    pub(super) fn may_hold(&self, hash: u64) -> bool {
        let (at, bits) = self.place(hash);
        self.bits.get(at).is_some_and(|word| word & bits == bits)
    }
}

/// Words and phrases by their hashes.
#[derive(Clone, Debug, Default)]
pub(super) struct Words {
    /// Shapes of first words, so that few words of a text are hashed where there are few phrases.
    shapes: Shapes,
    /// First words.
    starts: Sieve,
    /// Words that are a phrase.
    single: Sieve,
    /// The first two words of the longer ones.
    pairs: Sieve,
    /// Every word of a phrase that folds.
    folding: Sieve,
    /// First word to the numbers of words, as bits, of the phrases that begin with it.
    lengths: HashTable<u32>,
    /// All words of a phrase to the phrases with that hash.
    phrases: HashTable<Vec<u32>>,
    list: Vec<Phrase>,
    /// Words of the longest phrase that folds.
    longest: usize,
}

impl Words {
    /// Adds a folded phrase; `false` if it has no word or too many.
    pub(super) fn add(&mut self, folded: &str, rule: u32, folds: bool) -> bool {
        let mut words = Vec::new();
        split(folded, &mut words, &mut Lone::default());
        if words.is_empty() || words.len() > MAX_WORDS {
            return false;
        }
        let parts: Vec<&str> = words.iter().map(|w| &folded[w.start as usize..w.end as usize]).collect();
        let hash = words.iter().fold(SEED, |hash, word| joined(hash, word.hash(folded)));
        let number = self.list.len() as u32;
        let text: Box<str> = parts.join(" ").into();
        let same = self.phrases.entry(hash).or_default();
        if same.iter().any(|&n| {
            let other = &self.list[n as usize];
            other.text == text && other.rule == rule && (other.folds || !folds)
        }) {
            return true;
        }
        same.push(number);
        *self.lengths.entry(words[0].hash(folded)).or_default() |= 1 << (words.len() - 1);
        self.list.push(Phrase { text, rule, folds });
        true
    }

    /// Makes it ready to be searched.
    pub(super) fn finish(&mut self) {
        let (mut words, mut lone) = (Vec::new(), Lone::default());
        let long = self.list.iter().filter(|phrase| phrase.text.contains(' ')).count();
        self.starts = Sieve::with_room(self.lengths.len());
        self.single = Sieve::with_room(self.list.len() - long);
        self.pairs = Sieve::with_room(long);
        let folding = self.list.iter().filter(|phrase| phrase.folds);
        self.folding = Sieve::with_room(folding.map(|phrase| phrase.text.split(' ').count()).sum());
        for phrase in &self.list {
            split(&phrase.text, &mut words, &mut lone);
            let hash = |word: &Word| word.hash(&phrase.text);
            if let Some(first) = words.first() {
                self.shapes.insert(&phrase.text, *first);
                self.starts.insert(hash(first));
            }
            match &words[..] {
                [first, second, ..] => self.pairs.insert(joined(hash(first), hash(second))),
                words => words.iter().for_each(|word| self.single.insert(hash(word))),
            }
            if phrase.folds {
                words.iter().for_each(|word| self.folding.insert(hash(word)));
                self.longest = self.longest.max(words.len());
            }
        }
    }

    /// Words of the longest phrase that folds.
    pub(super) fn longest_folding(&self) -> usize {
        self.longest
    }

    /// Whether any of the words of `text` may be one of a phrase that folds.
    pub(super) fn may_fold(&self, text: &str, words: &[Word]) -> bool {
        words.iter().any(|word| self.folding.may_hold(word.hash(text)))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(super) fn any_folds(&self) -> bool {
        self.list.iter().any(|phrase| phrase.folds)
    }

    /// Pushes every phrase that `words`, those of `text`, hold. Folded beyond its case: only phrases that fold.
    pub(super) fn find(&self, text: &str, words: &[Word], folded: bool, hits: &mut Hits) {
        if self.list.is_empty() {
            return;
        }
        for (place, word) in words.iter().enumerate() {
            if !self.shapes.may_hold(text, *word) {
                continue;
            }
            let first = word.hash(text);
            if !self.starts.may_hold(first) {
                continue;
            }
            let pair = |second: &Word| self.pairs.may_hold(joined(first, second.hash(text)));
            if self.single.may_hold(first) || words.get(place + 1).is_some_and(pair) {
                self.find_at(text, &words[place..], first, folded, hits);
            }
        }
    }

    /// Pushes every phrase that `words` begin with; the first has this hash.
    #[inline(never)]
    fn find_at(&self, text: &str, words: &[Word], first: u64, folded: bool, hits: &mut Hits) {
        let Some(&lengths) = self.lengths.get(&first) else { return };
        let mut hash = SEED;
        for n in 1..=MAX_WORDS.min(words.len()) {
            if lengths >> (n - 1) == 0 {
                break;
            }
            let last = words[n - 1];
            if n > 1 && !is_gap(&text[words[n - 2].end as usize..last.start as usize]) {
                break;
            }
            hash = joined(hash, last.hash(text));
            if lengths >> (n - 1) & 1 == 0 {
                continue;
            }
            for &number in self.phrases.get(&hash).into_iter().flatten() {
                let phrase = &self.list[number as usize];
                let parts = words[..n].iter().map(|word| &text[word.bytes()]);
                if (phrase.folds || !folded) && phrase.text.split(' ').eq(parts) {
                    let (start, end) = (words[0].start as usize, last.end as usize);
                    hits.push(Hit { rule: phrase.rule, start, end });
                }
            }
        }
    }
}

/// Whether what stands between two words lets them be one phrase.
fn is_gap(between: &str) -> bool {
    between.len() == 1 || between.chars().count() <= MAX_GAP
}

fn joined(hash: u64, word: u64) -> u64 {
    (hash.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// The bits of the first so many of sixteen bytes.
static FIRST: [[u64; 2]; 17] = {
    let mut masks = [[0; 2]; 17];
    let mut n = 1;
    while n < 17 {
        let mask = u128::MAX >> (128 - 8 * n);
        masks[n] = [mask as u64, (mask >> 64) as u64];
        n += 1;
    }
    masks
};

/// Up to sixteen bytes from `at` on, of the `n` that are left of a word, as two numbers.
#[inline(always)]
fn sixteen(bytes: &[u8], at: usize, n: usize) -> [u64; 2] {
    let n = n.min(16);
    let mut whole = [0; 16];
    match bytes[at..].first_chunk::<16>() {
        Some(chunk) => whole = *chunk,
        None => whole[..n].copy_from_slice(&bytes[at..at + n]),
    }
    let number = u128::from_le_bytes(whole);
    let [low, high] = FIRST[n];
    [number as u64 & low, (number >> 64) as u64 & high]
}

/// The hash of the word at `start..end`, which is not empty. No word holds a zero, so its length need not count.
#[inline(always)]
pub(super) fn hashed(bytes: &[u8], start: usize, end: usize) -> u64 {
    let hash = mixed(SEED, sixteen(bytes, start, end - start));
    if end - start <= 16 { hash } else { hashed_on(bytes, start + 16, end, hash) }
}

/// The hash of a word whose first bytes have this one.
fn hashed_on(bytes: &[u8], start: usize, end: usize, first: u64) -> u64 {
    let parts = (start..end).step_by(16);
    parts.fold(first, |hash, at| mixed(hash, sixteen(bytes, at, end - at)))
}

/// A hash of two numbers after another hash: both halves of a product.
#[inline(always)]
fn mixed(hash: u64, [low, high]: [u64; 2]) -> u64 {
    let (low, high) = (low ^ hash, high ^ 0x9e37_79b9_7f4a_7c15);
    let wide = u128::from(low) * u128::from(high);
    (wide >> 64) as u64 ^ wide as u64
}

/// Replaces `words` by the words of a text, and `lone` by the places in that list where three words of one letter or more
/// follow each other.
pub(super) fn split(text: &str, words: &mut Vec<Word>, lone: &mut Lone) {
    words.clear();
    lone.runs.clear();
    let bytes = text.as_bytes();
    let ascii = text.is_ascii();
    // Runs of bytes that are of words, or may be; one may go on over several blocks.
    let (mut open, mut within) = (0, 0);
    // Gathered apart from the list, whose length would have to be kept up.
    let mut runs = [Word::default(); BLOCK];
    for block in (0..bytes.len()).step_by(BLOCK) {
        let bits = bitmap(&bytes[block..], |b| is_alphanumeric(b) | (b >= 0x80));
        let before = bits << 1 | within;
        let (mut starts, mut ends) = (bits & !before, before & !bits);
        let mut n = 0;
        if within == 1 && ends != 0 {
            runs[0] = Word::between(open, block + ends.trailing_zeros() as usize);
            (ends, n) = (ends & (ends - 1), 1);
        }
        while ends != 0 {
            let (start, end) = (starts.trailing_zeros() as usize, ends.trailing_zeros() as usize);
            runs[n % BLOCK] = Word::between(block + start, block + end);
            (starts, ends, n) = (starts & (starts - 1), ends & (ends - 1), n + 1);
        }
        if starts != 0 {
            open = block + starts.trailing_zeros() as usize;
        }
        within = bits >> (BLOCK - 1);
        add(text, ascii, &runs[..n % BLOCK], words);
    }
    if within == 1 {
        add(text, ascii, &[Word::between(open, bytes.len())], words);
    }
    lone.find(text, ascii, words);
}

/// Words of one letter in a row.
#[derive(Clone, Debug, Default)]
pub(super) struct Lone {
    /// Places in the list of words.
    pub(super) runs: Vec<Range<usize>>,
}

impl Lone {
    fn find(&mut self, text: &str, ascii: bool, words: &[Word]) {
        let one = |word: &Word| {
            let bytes = word.end - word.start;
            bytes == 1
                || (!ascii
                    && bytes <= 4
                    && text[word.start as usize..word.end as usize].chars().nth(1).is_none())
        };
        // Every second word is looked at: three in a row hold one of them between two others.
        let mut place = 1;
        while place + 1 < words.len() {
            if !one(&words[place]) {
                place += 2;
                continue;
            }
            let start = place - usize::from(one(&words[place - 1]));
            let n = words[place..].iter().take_while(|word| one(word)).count();
            if place + n - start >= 3 {
                self.runs.push(start..place + n);
            }
            // The word after the run is none of one letter.
            place += n + 2;
        }
    }
}

/// Pushes the words of runs of letters, digits and bytes that are not ASCII, without their hashes.
#[inline(always)]
fn add(text: &str, ascii: bool, runs: &[Word], words: &mut Vec<Word>) {
    if ascii {
        words.extend_from_slice(runs);
        return;
    }
    for run in runs {
        let part = run.start as usize..run.end as usize;
        if text.as_bytes()[part.clone()].is_ascii() {
            words.push(*run);
        } else {
            foreign(text, part, words);
        }
    }
}

/// Pushes the words of one run whose characters have to be looked at.
fn foreign(text: &str, part: Range<usize>, words: &mut Vec<Word>) {
    let Range { start, end } = part;
    let mut first = start;
    let mut close = |first: usize, at: usize| {
        if first < at {
            words.push(Word::between(first, at));
        }
    };
    for (at, character) in text[start..end].char_indices() {
        if !character.is_ascii() && !is_word(character) {
            close(first, start + at);
            first = start + at + character.len_utf8();
        }
    }
    close(first, end);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(patterns: &[&str], text: &str) -> Vec<(u32, String)> {
        let mut index = Words::default();
        for (rule, pattern) in patterns.iter().enumerate() {
            assert!(index.add(pattern, rule as u32, true), "{pattern}");
        }
        index.finish();
        let (mut words, mut hits) = (Vec::new(), Hits::default());
        split(text, &mut words, &mut Lone::default());
        index.find(text, &words, false, &mut hits);
        hits.list.iter().map(|h| (h.rule, text[h.start..h.end].to_owned())).collect()
    }

    #[test]
    fn whole_words_and_phrases_only() {
        let patterns = ["kill", "kill you", "kill you all now", "\u{43a}\u{43e}\u{442}", "a b c"];
        let said = |n: u32, text: &str| (n, text.to_owned());
        assert_eq!(found(&patterns, "skill killer kill, kills"), [said(0, "kill")]);
        assert_eq!(found(&patterns, "i kill - you."), [said(0, "kill"), said(1, "kill - you")]);
        assert_eq!(found(&patterns, "kill.... you"), [said(0, "kill")]);
        assert_eq!(found(&patterns, "kill you all  now").len(), 3);
        assert_eq!(found(&patterns, "\u{43a}\u{43e}\u{442} \u{43a}\u{43e}\u{442}\u{44b}").len(), 1);
        assert_eq!(found(&patterns, "kill you all"), [said(0, "kill"), said(1, "kill you")]);
        assert_eq!(found(&patterns, ""), []);
    }

    #[test]
    fn what_is_no_phrase_is_refused() {
        let mut index = Words::default();
        assert!(!index.add("...", 0, true) && !index.add("", 0, true));
        assert!(!index.add(&"a ".repeat(17), 0, true) && index.add(&"a ".repeat(16), 0, true));
    }

    #[test]
    fn three_lone_letters_are_told() {
        let (mut words, mut lone) = (Vec::new(), Lone::default());
        for (text, runs) in [
            ("k i l l", &[(0, 4)][..]),
            ("a b cd e f", &[]),
            ("go \u{43a}-\u{43e}-\u{442} on, a b c", &[(1, 4), (5, 8)]),
        ] {
            split(text, &mut words, &mut lone);
            let found: Vec<_> = lone.runs.iter().map(|run| (run.start, run.end)).collect();
            assert_eq!(found, runs, "{text}");
        }
    }
}
