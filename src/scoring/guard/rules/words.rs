//! Lists of words and phrases, found as whole words in time that does not grow with the lists.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::{Hit, Hits};
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) hash: u64,
    pub(super) start: u32,
    pub(super) end: u32,
}

/// A phrase in folded form, its words joined by one space.
#[derive(Clone, Debug)]
struct Phrase {
    text: Box<str>,
    rule: u32,
    /// Whether it may be found in a form that was folded beyond its case.
    folds: bool,
}

/// Words and phrases by their hashes.
#[derive(Clone, Debug, Default)]
pub(super) struct Words {
    /// One bit for each first word, so that most words of a text cost one look.
    filter: Vec<u64>,
    /// First word to the numbers of words, as bits, of the phrases that begin with it.
    lengths: HashTable<u32>,
    /// All words of a phrase to the phrases with that hash.
    phrases: HashTable<Vec<u32>>,
    list: Vec<Phrase>,
}

impl Words {
    /// Adds a folded phrase; `false` if it has no word or too many.
    pub(super) fn add(&mut self, folded: &str, rule: u32, folds: bool) -> bool {
        let mut words = Vec::new();
        split(folded, &mut words);
        if words.is_empty() || words.len() > MAX_WORDS {
            return false;
        }
        let parts: Vec<&str> = words.iter().map(|w| &folded[w.start as usize..w.end as usize]).collect();
        let hash = words.iter().fold(SEED, |hash, word| joined(hash, word.hash));
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
        *self.lengths.entry(words[0].hash).or_default() |= 1 << (words.len() - 1);
        self.list.push(Phrase { text, rule, folds });
        true
    }

    /// Makes it ready to be searched.
    pub(super) fn finish(&mut self) {
        let bits = (self.lengths.len() * 16).next_power_of_two().clamp(1 << 10, 1 << 23);
        self.filter = vec![0; bits / 64];
        for hash in self.lengths.keys() {
            let bit = mixed(*hash) as usize & (bits - 1);
            self.filter[bit / 64] |= 1 << (bit % 64);
        }
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
        let mask = self.filter.len() * 64 - 1;
        for (place, first) in words.iter().enumerate() {
            let bit = mixed(first.hash) as usize & mask;
            if self.filter[bit / 64] >> (bit % 64) & 1 == 0 {
                continue;
            }
            let Some(&lengths) = self.lengths.get(&first.hash) else { continue };
            let mut hash = SEED;
            for n in 1..=MAX_WORDS.min(words.len() - place) {
                if lengths >> (n - 1) == 0 {
                    break;
                }
                let last = words[place + n - 1];
                if n > 1 && !is_gap(&text[words[place + n - 2].end as usize..last.start as usize]) {
                    break;
                }
                hash = joined(hash, last.hash);
                if lengths >> (n - 1) & 1 == 0 {
                    continue;
                }
                for &number in self.phrases.get(&hash).into_iter().flatten() {
                    let phrase = &self.list[number as usize];
                    let parts =
                        words[place..place + n].iter().map(|w| &text[w.start as usize..w.end as usize]);
                    if (phrase.folds || !folded) && phrase.text.split(' ').eq(parts) {
                        hits.push(Hit {
                            rule: phrase.rule,
                            start: first.start as usize,
                            end: last.end as usize,
                        });
                    }
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

/// FNV's high bits are the better ones.
fn mixed(hash: u64) -> u64 {
    hash ^ (hash >> 29)
}

/// Which ASCII bytes belong to words.
static ALNUM: [bool; 256] = {
    let mut table = [false; 256];
    let mut b = 0;
    while b < 128 {
        table[b] = (b as u8).is_ascii_alphanumeric();
        b += 1;
    }
    table
};

/// Replaces `words` by the words of a text; gives whether three words of one letter follow each other.
pub(super) fn split(text: &str, words: &mut Vec<Word>) -> bool {
    words.clear();
    let bytes = text.as_bytes();
    let (mut at, mut lone, mut spelled) = (0, 0, false);
    while at < bytes.len() {
        let first = bytes[at];
        if first < 0x80 && !ALNUM[usize::from(first)] {
            at += 1;
            continue;
        }
        let start = at;
        let mut hash = SEED;
        while at < bytes.len() {
            let b = bytes[at];
            if ALNUM[usize::from(b)] {
                hash = step(hash, b);
                at += 1;
            } else if b < 0x80 {
                break;
            } else {
                let Some(character) = text[at..].chars().next().filter(|c| is_word(*c)) else { break };
                let end = at + character.len_utf8();
                for &b in &bytes[at..end] {
                    hash = step(hash, b);
                }
                at = end;
            }
        }
        if at == start {
            // Not ASCII and of no word.
            at += text[at..].chars().next().map_or(1, char::len_utf8);
            continue;
        }
        let one = at - start == 1 || (first >= 0x80 && text[start..at].chars().nth(1).is_none());
        lone = if one { lone + 1 } else { 0 };
        spelled |= lone >= 3;
        words.push(Word { hash, start: start as u32, end: at as u32 });
    }
    spelled
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
        split(text, &mut words);
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
        let mut words = Vec::new();
        assert!(split("k i l l", &mut words) && !split("a b cd e f", &mut words));
        assert!(split("\u{43a}-\u{43e}-\u{442}", &mut words));
    }
}
