//! The watermark of Kirchenbauer et al. 2023 and 2024: a secret half of the vocabulary is favoured, and can be counted.

use std::collections::HashSet;
use std::sync::OnceLock;

use trueline_kernels::Isa;

use super::mersenne::Shuffle;
use crate::Error;
use crate::scoring::refuse::{all_finite, invalid, same_length};
use crate::scoring::score::Real;

/// The key of the original.
pub const DEFAULT_KEY: u64 = 15_485_863;
/// Entries of the table behind the hash.
const TABLE: usize = 1_000_003;
const TABLE_SEED: u64 = 2_971_215_073;
/// Candidates that [`Scheme::SelfHash`] looks at: positions 0 to 40.
const CANDIDATES: usize = 41;

/// What the green list hangs on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scheme {
    /// The previous token (`simple_1`, "lefthash").
    #[default]
    Simple,
    /// The least hash of the four tokens before.
    MinHash,
    /// The least hash of the three tokens before and the candidate itself.
    SelfHash,
}

impl Scheme {
    /// Tokens before the one that is judged.
    pub fn context(self) -> usize {
        match self {
            Self::Simple => 1,
            Self::MinHash => 4,
            Self::SelfHash => 3,
        }
    }
}

/// The parameters on which writer and reader must agree.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Watermark {
    /// Tokens of the vocabulary; at most 2^31.
    pub n_vocab: usize,
    /// The share of the vocabulary that is green, between 0 and 1.
    pub gamma: f64,
    /// The secret.
    pub key: u64,
    /// What the list hangs on.
    pub scheme: Scheme,
}

/// Memory for lists; keep one and reuse it.
#[derive(Clone, Debug)]
pub struct Scratch {
    shuffle: Shuffle,
    list: Vec<u32>,
}

impl Scratch {
    /// Of a caller that draws with this instruction set; lists are the same with all of them.
    pub fn new(isa: Isa) -> Self {
        Self { shuffle: Shuffle::new(isa), list: Vec::new() }
    }
}

/// What a text shows of the watermark.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Detection {
    /// Tokens that were judged.
    pub scored: usize,
    /// Those that are green.
    pub green: usize,
    /// `(green - gamma scored) / sqrt(scored gamma (1 - gamma))`.
    pub z: f64,
    /// The upper tail of the normal distribution at `z`; 4 is the usual bound, 3e-5.
    pub p: f64,
}

impl Watermark {
    /// Refuses parameters out of their range.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`](crate::Code::InvalidArgument) for a vocabulary of no tokens or more than 2^31, or `gamma`.
    pub fn check(&self) -> Result<(), Error> {
        let Self { n_vocab, gamma, .. } = *self;
        if n_vocab == 0 || n_vocab > 1 << 31 {
            return Err(invalid(format!("a vocabulary of {n_vocab} tokens; 1 to 2^31")));
        }
        crate::scoring::refuse::open_unit("gamma", gamma)
    }

    fn n_green(&self) -> usize {
        (self.n_vocab as f64 * self.gamma) as usize
    }

    /// The seed after these tokens, of which the last [`Scheme::context`] count. `candidate` matters to
    /// [`Scheme::SelfHash`] only.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if there are fewer tokens.
    pub fn seed(&self, before: &[u32], candidate: u32) -> Result<u64, Error> {
        Ok(self.seed_after(self.context(before)?, candidate))
    }

    /// The tokens on which the list hangs.
    fn context<'a>(&self, before: &'a [u32]) -> Result<&'a [u32], Error> {
        let width = self.scheme.context();
        match before.len().checked_sub(width) {
            Some(from) => Ok(&before[from..]),
            None => Err(invalid(format!("{} tokens of context; {width} are needed", before.len()))),
        }
    }

    fn seed_after(&self, context: &[u32], candidate: u32) -> u64 {
        let key = self.key as i64;
        let seed = match self.scheme {
            Scheme::Simple => key.wrapping_mul(i64::from(context[0])),
            Scheme::MinHash => {
                context.iter().map(|&t| hash(key.wrapping_mul(i64::from(t)))).min().unwrap_or_default()
            }
            Scheme::SelfHash => {
                let last = hash(i64::from(candidate));
                let of = |t: u32| key.wrapping_mul(hash(i64::from(t))).wrapping_mul(last);
                context.iter().copied().chain([candidate]).map(of).min().unwrap_or_default()
            }
        };
        i128::from(seed).rem_euclid(i128::from(u64::MAX)) as u64
    }

    /// Writes the green tokens after `before`, ascending, and returns the seed ([`Scheme::SelfHash`] has one for each
    /// candidate and needs [`Watermark::bias`]).
    ///
    /// # Errors
    /// [`Code::InvalidArgument`](crate::Code::InvalidArgument) for parameters out of range, too few tokens, or
    /// [`Scheme::SelfHash`].
    /// # Cost
    /// `O(n_vocab)`; no allocation once there is room.
    pub fn green(&self, before: &[u32], scratch: &mut Scratch, green: &mut Vec<u32>) -> Result<u64, Error> {
        let seed = self.green_unordered(before, scratch, green)?;
        green.sort_unstable();
        Ok(seed)
    }

    /// As [`Watermark::green`], in the order in which the tokens are drawn.
    ///
    /// # Errors
    /// As [`Watermark::green`].
    pub fn green_unordered(
        &self,
        before: &[u32],
        scratch: &mut Scratch,
        green: &mut Vec<u32>,
    ) -> Result<u64, Error> {
        self.check()?;
        if self.scheme == Scheme::SelfHash {
            return Err(invalid("selfhash has a list for each candidate, not one for all"));
        }
        let seed = self.seed(before, 0)?;
        let count = self.n_green();
        scratch.shuffle.first(seed, self.n_vocab, count, green);
        Ok(seed)
    }

    /// Adds `delta` to the logits of the green tokens after `before`. `-inf` stays.
    ///
    /// # Shapes
    /// `logits`: `[n_vocab]`.
    /// # Errors
    /// As [`Watermark::green`], and for another number of logits, NaN or `+inf` among them, or a `delta` that is not finite.
    /// # Cost
    /// `O(n_vocab)`; [`Scheme::SelfHash`] draws the numbers of a list for each of 41 candidates.
    /// # Source
    /// Golden file `watermark_kgw.json` (`bias`).
    pub fn bias<T: Real>(
        &self,
        before: &[u32],
        delta: f64,
        scratch: &mut Scratch,
        logits: &mut [T],
    ) -> Result<(), Error> {
        self.check()?;
        same_length(("logits", logits.len()), ("tokens of the vocabulary", self.n_vocab))?;
        all_finite("delta", [delta])?;
        // All are looked at, many at a time; which one it was matters only then.
        if !logits.iter().fold(true, |sound, logit| sound & logit.is_below_infinity()) {
            let at = logits.iter().position(|logit| !logit.is_below_infinity()).unwrap_or_default();
            return Err(invalid(format!("logit {at} is NaN or +inf")));
        }
        let (context, count) = (self.context(before)?, self.n_green());
        let Scratch { shuffle, list } = scratch;
        if self.scheme == Scheme::SelfHash {
            list.clear();
            list.extend((0..self.n_vocab).map(|token| token as u32));
            let first = |a: &u32, b: &u32| {
                let (x, y): (f64, f64) = (logits[*a as usize].into(), logits[*b as usize].into());
                y.total_cmp(&x).then(a.cmp(b))
            };
            if list.len() > CANDIDATES {
                list.select_nth_unstable_by(CANDIDATES, first);
                list.truncate(CANDIDATES);
            }
            list.retain(|&candidate| {
                let seed = self.seed_after(context, candidate);
                shuffle.is_among_first(seed, self.n_vocab, count, candidate)
            });
        } else {
            shuffle.first(self.seed_after(context, 0), self.n_vocab, count, list);
        }
        for &token in &*list {
            let logit = &mut logits[token as usize];
            *logit = T::narrow((*logit).into() + delta);
        }
        Ok(())
    }

    /// Counts the green tokens of a text. With `distinct`, each pair of context and token counts once.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`](crate::Code::InvalidArgument) for parameters out of range, a token beyond the vocabulary,
    /// or a text without one token to judge.
    /// # Cost
    /// At the most the numbers of a list for each token, which is followed through them; no list.
    /// # Source
    /// Golden file `watermark_kgw.json` (`detect`).
    pub fn detect(&self, tokens: &[u32], distinct: bool, scratch: &mut Scratch) -> Result<Detection, Error> {
        self.check()?;
        let width = self.scheme.context();
        if let Some(at) = tokens.iter().position(|&token| token as usize >= self.n_vocab) {
            let (token, n) = (tokens[at], self.n_vocab);
            return Err(invalid(format!("token {at} is {token}; the vocabulary has {n}")));
        }
        if tokens.len() <= width {
            return Err(invalid(format!("{} tokens; at least {} to judge one", tokens.len(), width + 1)));
        }
        let (mut seen, count) = (HashSet::new(), self.n_green());
        let (mut scored, mut green) = (0, 0);
        for window in tokens.windows(width + 1) {
            if distinct && !seen.insert(window) {
                continue;
            }
            let (before, token) = (&window[..width], window[width]);
            let seed = self.seed_after(before, token);
            scored += 1;
            green += usize::from(scratch.shuffle.is_among_first(seed, self.n_vocab, count, token));
        }
        let z = z_score(green, scored, self.gamma)?;
        Ok(Detection { scored, green, z, p: upper_tail(z) })
    }
}

/// How many standard deviations the count of green tokens lies above what chance gives.
///
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) for no tokens, more green ones than tokens, or a `gamma` outside
/// 0 to 1.
pub fn z_score(green: usize, scored: usize, gamma: f64) -> Result<f64, Error> {
    crate::scoring::refuse::open_unit("gamma", gamma)?;
    if scored == 0 || green > scored {
        return Err(invalid(format!("{green} green of {scored} tokens; at least one, and no more green")));
    }
    let scored = scored as f64;
    Ok((green as f64 - gamma * scored) / (scored * gamma * (1.0 - gamma)).sqrt())
}

/// The probability of a standard normal above `z`, down to 1e-300.
pub fn upper_tail(z: f64) -> f64 {
    0.5 * libm::erfc(z * std::f64::consts::FRAC_1_SQRT_2)
}

/// An entry of a fixed permutation, from 1.
fn hash(x: i64) -> i64 {
    static ENTRIES: OnceLock<Vec<u32>> = OnceLock::new();
    let entries = ENTRIES.get_or_init(|| {
        let mut all = Vec::new();
        Shuffle::new(Isa::Scalar).first(TABLE_SEED, TABLE, TABLE, &mut all);
        all
    });
    i64::from(entries[x.rem_euclid(TABLE as i64) as usize]) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARK: Watermark =
        Watermark { n_vocab: 40, gamma: 0.25, key: DEFAULT_KEY, scheme: Scheme::SelfHash };

    #[test]
    fn what_was_written_is_found() {
        for scheme in [Scheme::Simple, Scheme::MinHash, Scheme::SelfHash] {
            let mark = Watermark { scheme, ..MARK };
            let (mut scratch, mut text) = (Scratch::new(Isa::best()), vec![1, 2, 3, 4]);
            for i in 0..60_u32 {
                let mut logits: Vec<f64> = (0..40).map(|t| f64::from((t * 7 + i * 13) % 40) / 10.0).collect();
                mark.bias(&text, 20.0, &mut scratch, &mut logits).expect("enough tokens");
                let best = (0..40_usize).max_by(|&a, &b| logits[a].total_cmp(&logits[b]));
                text.push(best.expect("a token") as u32);
            }
            let found = mark.detect(&text, false, &mut scratch).expect("a text");
            assert!(found.z > 4.0 && found.p < 1e-4, "{scheme:?}: {found:?}");
        }
    }

    #[test]
    fn what_cannot_be_judged_is_refused() {
        let mut scratch = Scratch::new(Isa::best());
        assert!(
            MARK.detect(&[1, 2, 3], false, &mut scratch).is_err_and(|e| e.message.contains("at least 4"))
        );
        assert!(MARK.detect(&[1, 2, 3, 40], false, &mut scratch).is_err_and(|e| e.message.contains("is 40")));
        assert!(MARK.green(&[1, 2, 3], &mut scratch, &mut Vec::new()).is_err());
        for gamma in [0.0, 1.0, f64::NAN] {
            assert!(Watermark { gamma, ..MARK }.detect(&[1; 9], false, &mut scratch).is_err());
        }
        assert!(Watermark { n_vocab: 0, ..MARK }.detect(&[], false, &mut scratch).is_err());
        let mut logits = [f64::NAN; 40];
        assert!(MARK.bias(&[1; 4], 1.0, &mut scratch, &mut logits).is_err());
        assert!(z_score(0, 0, 0.5).is_err() && upper_tail(36.0) > 0.0);
    }
}
