//! A suffix array over the documents of a corpus, each ended by a separator that no text has.

use std::ops::Range;

use crate::scoring::refuse::invalid;
use crate::{Code, Error};

/// Ends each document; no token has this number.
pub const SEPARATOR: u32 = u32::MAX;
/// The most tokens of a corpus, with a separator for each document.
pub const MAX_TOKENS: usize = 1 << 26;

/// A corpus as it is searched: slices of memory, owned or mapped.
#[derive(Clone, Copy, Debug)]
pub struct Corpus<'a> {
    /// The documents one after the other, each with a separator at its end.
    tokens: &'a [u32],
    /// The places of `tokens` in the order of what follows them.
    suffixes: &'a [u32],
    /// Where each document begins, ascending.
    documents: &'a [u32],
}

/// The suffixes that begin with the same tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    /// First of them in the suffix array.
    pub start: usize,
    /// One past the last.
    pub end: usize,
    /// How many tokens they share.
    pub len: usize,
}

/// The suffix array of `tokens`.
///
/// # Errors
/// [`Code::TooLarge`] for more than [`MAX_TOKENS`].
/// # Cost
/// `O(n log^2 n)` at worst, by doubling; 16 bytes of memory a token while it runs.
pub fn build(tokens: &[u32]) -> Result<Vec<u32>, Error> {
    let n = tokens.len();
    if n > MAX_TOKENS {
        return Err(Error::new(
            Code::TooLarge,
            format!("a corpus of {n} tokens; at most {MAX_TOKENS} are taken"),
        ));
    }
    let mut order: Vec<u32> = (0..n as u32).collect();
    // A separator is the least of all, and separators differ, so that no document goes on in the next.
    let mut rank: Vec<u32> = Vec::with_capacity(n);
    let mut n_separators = 0;
    let total = tokens.iter().filter(|t| **t == SEPARATOR).count() as u64;
    let key = |place: usize, n_separators: &mut u64| match tokens[place] {
        SEPARATOR => {
            *n_separators += 1;
            *n_separators - 1
        }
        token => u64::from(token) + total,
    };
    let keys: Vec<u64> = (0..n).map(|place| key(place, &mut n_separators)).collect();
    order.sort_unstable_by_key(|place| keys[*place as usize]);
    rank.resize(n, 0);
    let mut classes = ranked(&order, &mut rank, |a, b| keys[a as usize] == keys[b as usize]);
    drop(keys);
    let mut next = vec![0; n];
    let mut step = 1;
    while classes < n && step < n {
        let pair = |place: u32| {
            let after = place as usize + step;
            (rank[place as usize], rank.get(after).map_or(0, |r| r + 1))
        };
        // Places of one class lie together already; only they are sorted anew.
        let mut start = 0;
        while start < n {
            let class = rank[order[start] as usize];
            let end = start + order[start..].iter().take_while(|p| rank[**p as usize] == class).count();
            if end - start > 1 {
                order[start..end].sort_unstable_by_key(|place| pair(*place));
            }
            start = end;
        }
        classes = ranked(&order, &mut next, |a, b| pair(a) == pair(b));
        std::mem::swap(&mut rank, &mut next);
        step *= 2;
    }
    Ok(order)
}

/// Numbers the classes of equal neighbours; gives how many there are.
fn ranked(order: &[u32], rank: &mut [u32], equal: impl Fn(u32, u32) -> bool) -> usize {
    let mut class = 0;
    for (at, &place) in order.iter().enumerate() {
        if at > 0 && !equal(order[at - 1], place) {
            class += 1;
        }
        rank[place as usize] = class;
    }
    if order.is_empty() { 0 } else { class as usize + 1 }
}

impl<'a> Corpus<'a> {
    /// A corpus over slices that were made, or mapped, before.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`] unless the suffixes are a permutation of the tokens' places in the order of what follows
    /// them, the documents begin where one ended, and the last token is a separator. Nothing of a file is trusted.
    /// # Cost
    /// Linear in the corpus, and `n / 8` bytes of memory.
    pub fn new(tokens: &'a [u32], suffixes: &'a [u32], documents: &'a [u32]) -> Result<Self, Error> {
        let n = tokens.len();
        if n > MAX_TOKENS || suffixes.len() != n {
            let n_suffixes = suffixes.len();
            return Err(invalid(format!(
                "{n} tokens and {n_suffixes} suffixes; there are as many, at most {MAX_TOKENS}"
            )));
        }
        let starts = (0..n).filter(|at| *at == 0 || tokens[at - 1] == SEPARATOR).map(|at| at as u32);
        if tokens.last().is_some_and(|t| *t != SEPARATOR) || !starts.eq(documents.iter().copied()) {
            return Err(invalid("the documents of a corpus do not begin where their separators say"));
        }
        let mut seen = vec![0_u64; n.div_ceil(64)];
        for &place in suffixes {
            let place = place as usize;
            if place >= n || seen[place / 64] >> (place % 64) & 1 == 1 {
                return Err(invalid(format!("suffix {place} of {n} tokens stands twice or is none")));
            }
            seen[place / 64] |= 1 << (place % 64);
        }
        // With a permutation, order holds if it holds for neighbours' first tokens and for the ranks of the rest; the
        // search only needs the first, and stays within bounds without.
        let first = |place: u32| tokens[place as usize].wrapping_add(1);
        if suffixes.windows(2).any(|pair| first(pair[0]) > first(pair[1])) {
            return Err(invalid("the suffixes of a corpus are not in order"));
        }
        Ok(Self { tokens, suffixes, documents })
    }

    /// A corpus over slices that [`Corpus::new`] has accepted before: on others a search finds nonsense.
    pub(crate) fn trusted(tokens: &'a [u32], suffixes: &'a [u32], documents: &'a [u32]) -> Self {
        Self { tokens, suffixes, documents }
    }

    /// Every suffix: what an empty text matches.
    pub fn all(&self) -> Interval {
        Interval { start: 0, end: self.suffixes.len(), len: 0 }
    }

    /// The suffixes of `interval` that go on with `token`; `None` if none does.
    ///
    /// # Cost
    /// `O(log n)`.
    pub fn extend(&self, interval: Interval, token: u32) -> Option<Interval> {
        if token == SEPARATOR {
            return None;
        }
        let within = self.suffixes.get(interval.start..interval.end)?;
        // Separators sort before every token.
        let at = |suffix: &u32| {
            self.tokens.get(*suffix as usize + interval.len).map_or(0, |t| u64::from(t.wrapping_add(1)))
        };
        let wanted = u64::from(token) + 1;
        let start = within.partition_point(|s| at(s) < wanted);
        let end = start + within[start..].partition_point(|s| at(s) == wanted);
        (start < end).then_some(Interval {
            start: interval.start + start,
            end: interval.start + end,
            len: interval.len + 1,
        })
    }

    /// The suffixes that begin with all of `span`.
    pub fn find(&self, span: &[u32]) -> Option<Interval> {
        span.iter().try_fold(self.all(), |interval, token| self.extend(interval, *token))
    }

    /// The longest run from the start of `text` that is somewhere in the corpus, and where.
    pub fn longest(&self, text: &[u32]) -> Interval {
        let mut interval = self.all();
        for &token in text {
            match self.extend(interval, token) {
                Some(longer) => interval = longer,
                None => break,
            }
        }
        interval
    }

    /// The documents that hold an interval's run, ascending, at most `most` of them.
    pub fn documents_of(&self, interval: Interval, most: usize) -> Vec<usize> {
        let places = self.suffixes.get(interval.start..interval.end).unwrap_or_default();
        let mut found: Vec<usize> = places.iter().map(|place| self.document(*place)).collect();
        found.sort_unstable();
        found.dedup();
        found.truncate(most);
        found
    }

    fn document(&self, place: u32) -> usize {
        self.documents.partition_point(|start| *start <= place).saturating_sub(1)
    }

    /// Tokens without the separators.
    pub fn n_tokens(&self) -> usize {
        self.tokens.len() - self.documents.len()
    }

    /// Documents.
    pub fn n_documents(&self) -> usize {
        self.documents.len()
    }

    /// How often a token occurs.
    pub fn count(&self, token: u32) -> usize {
        self.extend(self.all(), token).map_or(0, |interval| interval.end - interval.start)
    }

    /// The tokens of a document, without its separator.
    pub fn tokens_of(&self, document: usize) -> Option<&'a [u32]> {
        let start = *self.documents.get(document)? as usize;
        let end = self.documents.get(document + 1).map_or(self.tokens.len(), |next| *next as usize);
        let Range { start, end } = start..end.checked_sub(1)?;
        self.tokens.get(start..end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Documents joined, and where they begin.
    pub(in super::super) fn joined(documents: &[Vec<u32>]) -> (Vec<u32>, Vec<u32>) {
        let (mut tokens, mut starts) = (Vec::new(), Vec::new());
        for document in documents {
            starts.push(tokens.len() as u32);
            tokens.extend(document);
            tokens.push(SEPARATOR);
        }
        (tokens, starts)
    }

    #[test]
    fn suffixes_are_in_the_order_of_a_plain_sort() {
        let mut state = 1_u32;
        let mut random = move |below: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) % below
        };
        for round in 0..200 {
            let alphabet = 1 + round % 5;
            let documents: Vec<Vec<u32>> =
                (0..1 + random(4)).map(|_| (0..random(40)).map(|_| random(alphabet)).collect()).collect();
            let (tokens, starts) = joined(&documents);
            let suffixes = build(&tokens).expect("few tokens");
            let corpus = Corpus::new(&tokens, &suffixes, &starts).expect("good slices");
            let text: Vec<u32> = (0..30).map(|_| random(alphabet + 1)).collect();
            for start in 0..text.len() {
                let found = corpus.longest(&text[start..]);
                let occurs = |len: usize| {
                    let run = &text[start..start + len];
                    documents
                        .iter()
                        .map(|d| d.windows(len.max(1)).filter(|w| *w == run).count())
                        .sum::<usize>()
                };
                assert!(found.len == 0 || occurs(found.len) == found.end - found.start);
                assert!(start + found.len == text.len() || occurs(found.len + 1) == 0);
            }
        }
    }

    #[test]
    fn equal_tokens_do_not_make_it_quadratic() {
        let tokens: Vec<u32> = [7_u32].repeat(300_000).into_iter().chain([SEPARATOR]).collect();
        let started = std::time::Instant::now();
        let suffixes = build(&tokens).expect("few tokens");
        assert_eq!(suffixes[0], 300_000);
        assert!(started.elapsed().as_secs() < 60, "{:?}", started.elapsed());
    }

    #[test]
    fn slices_that_do_not_fit_are_refused() {
        let (tokens, starts) = joined(&[vec![1, 2], vec![3]]);
        let good = build(&tokens).expect("few tokens");
        assert!(Corpus::new(&tokens, &good, &starts).is_ok());
        let twice: Vec<u32> = good.iter().map(|_| 0).collect();
        let beyond: Vec<u32> = good.iter().map(|s| s + 1).collect();
        let reversed: Vec<u32> = good.iter().rev().copied().collect();
        for suffixes in [&twice, &beyond, &reversed, &good[1..].to_vec()] {
            assert!(Corpus::new(&tokens, suffixes, &starts).is_err());
        }
        assert!(Corpus::new(&tokens, &good, &[0]).is_err());
        assert!(Corpus::new(&tokens[..3], &[2, 0, 1], &[0]).is_ok());
        assert!(Corpus::new(&tokens[..2], &[0, 1], &[0]).is_err());
        let empty = Corpus::new(&[], &[], &[]).expect("an empty corpus");
        assert_eq!((empty.longest(&[1]).len, empty.n_tokens(), empty.count(1)), (0, 0, 0));
    }
}
