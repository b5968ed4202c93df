//! Token alignment (Athiwaratkun et al. 2024): a prompt that was cut inside a word is taken back by some tokens, and what is
//! written next has to spell the bytes that were taken.

use std::collections::HashMap;

use crate::Error;
use crate::scoring::order;
use crate::scoring::refuse::invalid;

/// Tokens that are taken back unless something else is asked for.
pub const DEFAULT_BACKTRACK: usize = 3;

/// The bytes of all tokens as a trie.
#[derive(Clone, Debug)]
pub struct Vocabulary {
    bytes: Vec<Vec<u8>>,
    /// Tokens in the order of their bytes, those of no bytes left out: what starts with a prefix is one run.
    sorted: Vec<u32>,
}

impl Vocabulary {
    /// Takes the bytes of each token. Special tokens have none, whatever their text.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`](crate::Code::InvalidArgument) for 2^32 tokens or more.
    /// # Cost
    /// A sort.
    pub fn new(bytes: Vec<Vec<u8>>) -> Result<Self, Error> {
        let n =
            u32::try_from(bytes.len()).map_err(|_| invalid(format!("{} tokens; below 2^32", bytes.len())))?;
        let mut sorted: Vec<u32> = (0..n).filter(|&token| !bytes[token as usize].is_empty()).collect();
        order::sort(&mut sorted, |&a, &b| bytes[a as usize].cmp(&bytes[b as usize]).then(a.cmp(&b)));
        Ok(Self { bytes, sorted })
    }

    /// How many tokens there are.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The bytes of a token; none of a special one.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`](crate::Code::InvalidArgument) for a token beyond the vocabulary.
    pub fn of(&self, token: u32) -> Result<&[u8], Error> {
        let known = || invalid(format!("token {token}; the vocabulary has {}", self.bytes.len()));
        self.bytes.get(token as usize).map(Vec::as_slice).ok_or_else(known)
    }

    /// The tokens that start with these bytes.
    fn run(&self, prefix: &[u8]) -> &[u32] {
        let of = |token: &u32| self.bytes[*token as usize].as_slice();
        let start = self.sorted.partition_point(|token| of(token) < prefix);
        let len = self.sorted[start..].partition_point(|token| of(token).starts_with(prefix));
        &self.sorted[start..start + len]
    }

    /// Those of exactly these bytes.
    fn exactly(&self, bytes: &[u8]) -> &[u32] {
        let run = self.run(bytes);
        &run[..run.partition_point(|&token| self.bytes[token as usize].len() == bytes.len())]
    }
}

/// What is still to be spelled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Healing {
    remaining: Vec<u8>,
}

impl Healing {
    /// Takes back the last `backtrack` tokens of a prompt, or all if there are fewer. Returns how many stay.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`](crate::Code::InvalidArgument) for a token that is not in the vocabulary.
    pub fn start(vocabulary: &Vocabulary, prompt: &[u32], backtrack: usize) -> Result<(Self, usize), Error> {
        let kept = prompt.len() - backtrack.min(prompt.len());
        let mut remaining = Vec::new();
        for &token in &prompt[kept..] {
            remaining.extend_from_slice(vocabulary.of(token)?);
        }
        Ok((Self { remaining }, kept))
    }

    /// The bytes that are left; none if any token may follow.
    pub fn remaining(&self) -> &[u8] {
        &self.remaining
    }

    /// Writes the tokens that may follow, ascending: those that start with what is left, and those that it starts with. All
    /// if nothing is left. None is a dead end: the prompt is better left as it was.
    ///
    /// # Cost
    /// A binary search for each byte that is left, and a sort of what is found.
    /// # Source
    /// Golden file `token_alignment.json`.
    pub fn allowed(&self, vocabulary: &Vocabulary, allowed: &mut Vec<u32>) {
        allowed.clear();
        if self.remaining.is_empty() {
            allowed.extend(0..vocabulary.len() as u32);
            return;
        }
        for end in 1..self.remaining.len() {
            allowed.extend_from_slice(vocabulary.exactly(&self.remaining[..end]));
        }
        allowed.extend_from_slice(vocabulary.run(&self.remaining));
        allowed.sort_unstable();
    }

    /// Takes the token that was picked.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`](crate::Code::InvalidArgument) for a token that is not in the vocabulary, or not allowed.
    pub fn advance(&mut self, vocabulary: &Vocabulary, token: u32) -> Result<(), Error> {
        let bytes = vocabulary.of(token)?;
        if self.remaining.is_empty() {
            return Ok(());
        }
        if bytes.is_empty() || !(bytes.starts_with(&self.remaining) || self.remaining.starts_with(bytes)) {
            let left = self.remaining.len();
            return Err(invalid(format!("token {token} does not spell the {left} bytes that are left")));
        }
        self.remaining.drain(..bytes.len().min(self.remaining.len()));
        Ok(())
    }
}

/// The tokens that may follow, as bits, for each prefix that was asked for.
#[derive(Clone, Debug, Default)]
pub struct Masks {
    known: HashMap<Vec<u8>, Vec<u64>>,
    allowed: Vec<u32>,
}

/// Prefixes that are kept; with more, all are forgotten and made again.
const MAX_MASKS: usize = 1024;

impl Masks {
    /// The tokens that [`Healing::allowed`] writes, token `t` as bit `t % 64` of word `t / 64`.
    ///
    /// # Cost
    /// A look into a table for a prefix that was asked for before, without a heap call; else as [`Healing::allowed`] and a
    /// pass over the words.
    pub fn of(&mut self, healing: &Healing, vocabulary: &Vocabulary) -> &[u64] {
        if !self.known.contains_key(healing.remaining()) {
            if self.known.len() >= MAX_MASKS {
                self.known.clear();
            }
            healing.allowed(vocabulary, &mut self.allowed);
            let mut bits = vec![0_u64; vocabulary.len().div_ceil(64)];
            for &token in &self.allowed {
                bits[token as usize / 64] |= 1 << (token % 64);
            }
            self.known.insert(healing.remaining().to_vec(), bits);
        }
        self.known.get(healing.remaining()).map_or(&[], Vec::as_slice)
    }
}

/// Masks the logits of the tokens whose bits are not set; returns whether any is left.
///
/// # Cost
/// One pass; words of no bit or of all are done at once.
pub fn mask(bits: &[u64], logits: &mut [f32]) -> bool {
    let mut left = false;
    for (&word, logits) in bits.iter().zip(logits.chunks_mut(64)) {
        match word {
            0 => logits.fill(f32::NEG_INFINITY),
            u64::MAX => left |= logits.iter().any(|&logit| logit > f32::NEG_INFINITY),
            _ => {
                for (bit, logit) in logits.iter_mut().enumerate() {
                    if word >> bit & 1 == 0 {
                        *logit = f32::NEG_INFINITY;
                    }
                    left |= *logit > f32::NEG_INFINITY;
                }
            }
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_end_allows_nothing() {
        let vocabulary =
            Vocabulary::new(["ab", "b", ""].map(|t| t.as_bytes().to_vec()).to_vec()).expect("three");
        let (mut healing, kept) = Healing::start(&vocabulary, &[1, 0], 1).expect("known tokens");
        let mut allowed = vec![9];
        healing.allowed(&vocabulary, &mut allowed);
        assert_eq!((kept, allowed.as_slice()), (1, &[0][..]));
        assert!(healing.advance(&vocabulary, 1).is_err() && healing.advance(&vocabulary, 2).is_err());
        assert!(healing.advance(&vocabulary, 3).is_err_and(|e| e.message.contains("has 3")));
        let odd = Healing { remaining: b"x".to_vec() };
        odd.allowed(&vocabulary, &mut allowed);
        assert!(allowed.is_empty());
        assert!(Healing::start(&vocabulary, &[7], 1).is_err());
    }

    #[test]
    fn masks_are_the_allowed_tokens_as_bits() {
        let words: Vec<Vec<u8>> = (0..130_u8).map(|i| vec![b'a' + i % 3, b'a' + i % 7]).collect();
        let vocabulary = Vocabulary::new(words).expect("130 tokens");
        let mut masks = Masks::default();
        for remaining in [&b""[..], b"a", b"bb", b"zz", b"a", b"cg"] {
            let healing = Healing { remaining: remaining.to_vec() };
            let mut allowed = Vec::new();
            healing.allowed(&vocabulary, &mut allowed);
            let bits = masks.of(&healing, &vocabulary).to_vec();
            let set = (0..130_u32).filter(|t| bits[*t as usize / 64] >> (t % 64) & 1 == 1);
            assert_eq!(set.collect::<Vec<_>>(), allowed);
            let mut logits = vec![1.0; 130];
            assert_eq!(mask(&bits, &mut logits), !allowed.is_empty());
            let left = (0..130_u32).filter(|t| logits[*t as usize] == 1.0);
            assert_eq!(left.collect::<Vec<_>>(), allowed);
        }
        assert!(!mask(&[u64::MAX], &mut [f32::NEG_INFINITY; 3]));
    }
}
