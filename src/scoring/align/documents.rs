//! Documents paired by the share of their sentences that are translations of each other.

use std::collections::{HashMap, HashSet};

use super::Matrix;
use super::mining::{Margin, Mining, Pair};
use crate::Error;
use crate::scoring::order;
use crate::scoring::refuse::{all_finite, invalid, same_length};

/// A sentence of the first language, one of the second, and how alike they are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UnitPair {
    /// Document and position of the first.
    pub source: (usize, usize),
    /// Document and position of the second.
    pub target: (usize, usize),
    /// Their similarity.
    pub score: f64,
}

/// Two documents.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DocumentPair {
    /// The document of the first language.
    pub source: usize,
    /// The document of the second.
    pub target: usize,
    /// Pairs of sentences between them.
    pub n_pairs: usize,
    /// The Document Alignment Coefficient: twice `n_pairs` over the sentences of both.
    pub score: f64,
}

/// Keeps the best pairs of sentences so that each is used once: nearest neighbours of both directions, forward first.
///
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if a score is not finite.
/// # Cost
/// A sort; of equal scores the earlier pair goes first.
/// # Source
/// Suryanarayanan et al. 2025, Pralekha; golden file `dac.json` (`merged_units`).
pub fn merge(forward: &[UnitPair], backward: &[UnitPair]) -> Result<Vec<UnitPair>, Error> {
    all_finite("score", forward.iter().chain(backward).map(|pair| pair.score))?;
    let mut pairs: Vec<UnitPair> = forward.iter().chain(backward).copied().collect();
    order::sort(&mut pairs, |a, b| b.score.total_cmp(&a.score));
    let (mut sources, mut targets) = (HashSet::new(), HashSet::new());
    pairs.retain(|pair| {
        let free = !sources.contains(&pair.source) && !targets.contains(&pair.target);
        if free {
            sources.insert(pair.source);
            targets.insert(pair.target);
        }
        free
    });
    Ok(pairs)
}

/// The coefficient of every two documents that share a pair, greatest first, of equals the first seen.
///
/// # Shapes
/// `n_source` and `n_target`: the number of sentences of each document. Pairs of documents that are not among them, or
/// have none, are left out.
/// # Cost
/// A sort of the pairs of documents.
/// # Source
/// Golden file `dac.json` (`dac`).
pub fn coefficients(pairs: &[UnitPair], n_source: &[usize], n_target: &[usize]) -> Vec<DocumentPair> {
    let mut places: HashMap<(usize, usize), usize> = HashMap::new();
    let mut documents: Vec<DocumentPair> = Vec::new();
    for pair in pairs {
        let (source, target) = (pair.source.0, pair.target.0);
        let at = *places.entry((source, target)).or_insert(documents.len());
        if at == documents.len() {
            documents.push(DocumentPair { source, target, n_pairs: 0, score: 0.0 });
        }
        documents[at].n_pairs += 1;
    }
    documents.retain_mut(|pair| {
        let n = |counts: &[usize], at: usize| counts.get(at).copied().unwrap_or(0);
        let (source, target) = (n(n_source, pair.source), n(n_target, pair.target));
        if source > 0 && target > 0 {
            pair.score = 2.0 * pair.n_pairs as f64 / (source as f64 + target as f64);
        }
        source > 0 && target > 0
    });
    order::sort(&mut documents, |a, b| b.score.total_cmp(&a.score));
    documents
}

/// Keeps the first pair of each document, in the order given.
pub fn greedy(pairs: &[DocumentPair]) -> Vec<DocumentPair> {
    let (mut sources, mut targets) = (HashSet::new(), HashSet::new());
    let free = |pair: &&DocumentPair| {
        let free = !sources.contains(&pair.source) && !targets.contains(&pair.target);
        if free {
            sources.insert(pair.source);
            targets.insert(pair.target);
        }
        free
    };
    pairs.iter().filter(free).copied().collect()
}

/// Pairs documents, each at most once, from the cosines of all their sentences: sentences that stand out among their `k`
/// nearest neighbours, by a margin ratio above 1, are translations.
///
/// # Shapes
/// `cosines`: `[sum of n_source, sum of n_target]`, documents one after the other.
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if the shape differs, or `k` is 0.
/// # Cost
/// That of [`Mining::new`], and a sort.
/// # Source
/// Suryanarayanan et al. 2025, Pralekha.
pub fn pairs_of_cosines(
    cosines: Matrix,
    n_source: &[usize],
    n_target: &[usize],
    k: usize,
) -> Result<Vec<DocumentPair>, Error> {
    for (name, counts, n) in
        [("source", n_source, cosines.n_source()), ("target", n_target, cosines.n_target())]
    {
        let sum = counts.iter().fold(0_usize, |sum, count| sum.saturating_add(*count));
        same_length((&format!("sentences of the {name} documents"), sum), ("rows or columns", n))?;
    }
    let mining = Mining::new(cosines, k, Margin::Ratio)?;
    let places = |counts: &[usize]| -> Vec<(usize, usize)> {
        counts.iter().enumerate().flat_map(|(d, &n)| (0..n).map(move |s| (d, s))).collect()
    };
    let (of_source, of_target) = (places(n_source), places(n_target));
    // A sentence always has a nearest one; it is a translation if it stands out.
    let units = |side: &[Option<Pair>]| -> Vec<UnitPair> {
        let out = side.iter().flatten().filter(|pair| pair.score > 1.0);
        out.map(|p| UnitPair { source: of_source[p.source], target: of_target[p.target], score: p.score })
            .collect()
    };
    let merged = merge(&units(&mining.forward), &units(&mining.backward))?;
    Ok(greedy(&coefficients(&merged, n_source, n_target)))
}

/// Precision, recall and F1 of the pairs of at least `threshold`, `right` saying which are; 0 where undefined.
///
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if `threshold` is NaN.
pub fn evaluate(
    pairs: &[DocumentPair],
    threshold: f64,
    n_gold: usize,
    right: impl Fn(&DocumentPair) -> bool,
) -> Result<[f64; 3], Error> {
    if threshold.is_nan() {
        return Err(invalid("threshold is NaN; a number"));
    }
    let kept: Vec<_> = pairs.iter().filter(|pair| pair.score >= threshold).collect();
    let n_right = kept.iter().filter(|pair| right(pair)).count() as f64;
    let share = |n: usize| if n == 0 { 0.0 } else { n_right / n as f64 };
    let (precision, recall) = (share(kept.len()), share(n_gold));
    let sum = precision + recall;
    Ok([precision, recall, if sum > 0.0 { 2.0 * precision * recall / sum } else { 0.0 }])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sentence_and_document_is_used_once() {
        let pair = |a, b, score| UnitPair { source: (a, 0), target: (b, 0), score };
        let merged = merge(&[pair(0, 0, 0.5), pair(1, 0, 0.9)], &[pair(0, 1, 0.5)]).expect("numbers");
        assert_eq!(merged, [pair(1, 0, 0.9), pair(0, 1, 0.5)]);
        let found = coefficients(&merged, &[2, 1], &[1, 0]);
        assert_eq!(found, [DocumentPair { source: 1, target: 0, n_pairs: 1, score: 1.0 }]);
        let twice = [found[0], DocumentPair { target: 3, ..found[0] }];
        assert_eq!(greedy(&twice), found);
        assert_eq!(evaluate(&found, 0.5, 2, |_| true), Ok([1.0, 0.5, 2.0 / 3.0]));
        assert_eq!(evaluate(&found, 1.5, 0, |_| true), Ok([0.0; 3]));
        assert!(
            evaluate(&found, f64::NAN, 1, |_| true).is_err() && merge(&[pair(0, 0, f64::NAN)], &[]).is_err()
        );
    }
}
