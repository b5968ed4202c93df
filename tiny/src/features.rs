//! From text to hashed features.

use core::ops::Range;

use heapless::Vec;

/// The most buckets of a table, as a power of two.
pub const MAX_LOG2_BUCKETS: u32 = 22;

/// Characters of a word; what is longer goes on as another word.
const LONGEST_WORD: usize = 40;
/// Lengths of the runs of characters.
const RUNS: Range<usize> = 3..6;
const OFFSET: u32 = 0x811c_9dc5;
const PRIME: u32 = 0x0100_0193;
/// What begins the hash of each kind of feature.
const WORD: u32 = 0x57;
const PAIR: u32 = 0x50;
const RUN: u32 = 0x52;

/// One character more.
fn step(hash: u32, c: char) -> u32 {
    // FNV-1a over the three bytes that a scalar value has.
    [c as u32 & 0xff, c as u32 >> 8 & 0xff, c as u32 >> 16]
        .into_iter()
        .fold(hash, |hash, byte| (hash ^ byte).wrapping_mul(PRIME))
}

/// The start of a hash of one kind.
fn begin(kind: u32) -> u32 {
    (OFFSET ^ kind).wrapping_mul(PRIME)
}

/// The bucket of a hash: the low bits after a last mixing.
fn bucket(hash: u32, log2_buckets: u32) -> u32 {
    let mixed = (hash ^ hash >> 15).wrapping_mul(0x2c1b_3c6d);
    (mixed ^ mixed >> 13) & ((1 << log2_buckets) - 1)
}

/// Whether a character belongs to words: letters and digits of ASCII, and all beyond it but spaces and punctuation.
fn in_word(c: char) -> bool {
    match c {
        '\0'..='\x7f' => c.is_ascii_alphanumeric(),
        '\u{80}'..='\u{bf}' | '\u{2000}'..='\u{206f}' | '\u{3000}'..='\u{303f}' | '\u{fe00}'..='\u{fe0f}' => {
            false
        }
        _ => !c.is_whitespace(),
    }
}

/// Gives `each` the bucket of every feature of a text, in order, with the bytes that it stands for: of a run, the bytes of
/// its word; of a pair, those of its second word.
///
/// A word is a run of letters and digits, lower-cased, of at most 40 characters; every other character that is not a
/// space is a word by itself, without runs of characters.
///
/// `log2_buckets` beyond [`MAX_LOG2_BUCKETS`] counts as that.
///
/// # Cost
/// Linear; no heap, one buffer of 42 characters. About four features a character.
pub fn features(text: &str, log2_buckets: u32, mut each: impl FnMut(u32, Range<usize>)) {
    let log2_buckets = log2_buckets.min(MAX_LOG2_BUCKETS);
    let mut word: Vec<char, { LONGEST_WORD + 2 }> = Vec::new();
    let mut before = begin(WORD);
    let mut chars = text.char_indices().peekable();
    while let Some((start, first)) = chars.next() {
        if first.is_whitespace() {
            continue;
        }
        let mut end = start + first.len_utf8();
        word.clear();
        // The buffer has room for the longest word and its two marks, so that no push fails.
        let _ = word.push('<');
        let is_word = in_word(first);
        push_lower(&mut word, first);
        while is_word && word.len() <= LONGEST_WORD {
            let Some((at, c)) = chars.next_if(|&(_, c)| in_word(c)) else { break };
            end = at + c.len_utf8();
            push_lower(&mut word, c);
        }
        let _ = word.push('>');
        let hash = word.iter().fold(begin(WORD), |hash, &c| step(hash, c));
        let mut give = |hash| each(bucket(hash, log2_buckets), start..end);
        give(hash);
        let pair = before.to_le_bytes().into_iter().chain(hash.to_le_bytes());
        give(pair.fold(begin(PAIR), |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(PRIME)));
        before = hash;
        if is_word {
            for from in 0..word.len() {
                let mut hash = begin(RUN);
                for (n, &c) in word[from..].iter().enumerate().take(RUNS.end - 1) {
                    hash = step(hash, c);
                    if n + 1 >= RUNS.start {
                        give(hash);
                    }
                }
            }
        }
    }
}

/// Adds a character in lower case, if that is one character.
fn push_lower(word: &mut Vec<char, { LONGEST_WORD + 2 }>, c: char) {
    let mut lower = c.to_lowercase();
    let only = match (lower.next(), lower.next()) {
        (Some(only), None) => only,
        _ => c,
    };
    let _ = word.push(only);
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec as List;

    fn of(text: &str) -> List<(u32, Range<usize>)> {
        let mut found = List::new();
        features(text, 17, |id, bytes| found.push((id, bytes)));
        found
    }

    #[test]
    fn case_and_spaces_do_not_count_and_words_do() {
        let ids = |text: &str| of(text).into_iter().map(|(id, _)| id).collect::<List<_>>();
        assert_eq!(ids("Good  MORNING\n"), ids(" good morning"));
        assert_ne!(ids("good morning"), ids("morning good"));
        assert_ne!(ids("good, morning"), ids("good morning"));
        assert_eq!(ids(" \n\t"), []);
    }

    #[test]
    fn a_word_of_n_letters_has_its_runs() {
        // "<abc>" has three runs of 3, two of 4, one of 5; a word and a pair besides.
        assert_eq!(of("abc").len(), 8);
        assert_eq!(of("!").len(), 2);
        assert!(of("abc").iter().all(|(id, bytes)| *id < 1 << 17 && *bytes == (0..3)));
    }

    #[test]
    fn long_words_go_on_and_every_byte_lies_in_the_text() {
        let text = "ß".repeat(100) + " 日本語 İstanbul";
        let mut last = 0;
        for (_, bytes) in of(&text) {
            assert!(text.get(bytes.clone()).is_some(), "{bytes:?}");
            last = last.max(bytes.end);
        }
        assert_eq!(last, text.len());
    }

    #[test]
    fn the_buckets_are_those_of_the_recipe() {
        // Made by models/recipes/guard_tiny/ngrams.py.
        let found: List<u32> = of("Hi, you").into_iter().map(|(id, _)| id).collect();
        assert_eq!(found, RECIPE);
    }

    const RECIPE: [u32; 15] = [
        98282, 24356, 83631, 98775, 90821, 109094, 46852, 33967, 66361, 50324, 122726, 123016, 123582, 61972,
        12989,
    ];
}
