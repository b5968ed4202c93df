//! Links where a pair is probable in both directions.

use super::entmax::Threshold15;
use super::{Link, Matrix};
use crate::Error;
use crate::scoring::order;
use crate::scoring::refuse::{invalid, same_length};

/// Memory of this module's functions, for reuse.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    of_source: Vec<Normaliser>,
    of_target: Vec<Normaliser>,
    entmax_of_target: Vec<Threshold15>,
    sorted: Vec<f64>,
}

/// The largest value and the sum of `exp(value - max)` over a row or column.
#[derive(Clone, Copy, Debug)]
struct Normaliser {
    max: f64,
    sum: f64,
}

impl Normaliser {
    const EMPTY: Self = Self { max: f64::NEG_INFINITY, sum: 0.0 };

    fn add(&mut self, value: f64) {
        if value > self.max {
            self.sum = self.sum * (self.max - value).exp() + 1.0;
            self.max = value;
        } else {
            self.sum += (value - self.max).exp();
        }
    }

    fn probability(&self, value: f64) -> f64 {
        (value - self.max).exp() / self.sum
    }
}

/// Replaces `links` by the pairs whose softmax exceeds `threshold` both over the row and over the column.
///
/// # Shapes
/// `scores`: `[n_source, n_target]`, raw dot products, special tokens left out. Links come sorted.
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if `threshold` is outside `[0, 1)`; `links` is then empty.
/// The published default is 0.001.
/// # Cost
/// Two passes; no allocation once `scratch` and `links` have room.
/// # Source
/// Dou and Neubig 2021, AWESOME-align; golden file `awesome_align.json`, `softmax@threshold`.
pub fn softmax_links(
    scores: Matrix,
    threshold: f64,
    scratch: &mut Scratch,
    links: &mut Vec<Link>,
) -> Result<(), Error> {
    links.clear();
    if !(0.0..1.0).contains(&threshold) {
        return Err(invalid(format!("threshold is {threshold}; it lies in [0, 1)")));
    }
    scratch.normalise(scores, 1.0, 1.0);
    for (source, (row, of_source)) in scores.rows().zip(&scratch.of_source).enumerate() {
        for (target, (score, of_target)) in row.iter().zip(&scratch.of_target).enumerate() {
            if of_source.probability(*score) > threshold && of_target.probability(*score) > threshold {
                links.push(Link::new(source, target));
            }
        }
    }
    Ok(())
}

/// Replaces `links` by the pairs in the support of the 1.5-entmax both of the row and of the column.
///
/// # Shapes
/// Those of [`softmax_links`].
/// # Cost
/// A sort of each row and column; no allocation once `scratch` and `links` have room.
/// # Source
/// Dou and Neubig 2021, AWESOME-align; golden file `awesome_align.json`, `entmax15`.
pub fn entmax15_links(scores: Matrix, scratch: &mut Scratch, links: &mut Vec<Link>) {
    links.clear();
    if scores.values().is_empty() {
        return;
    }
    let Scratch { entmax_of_target, sorted, .. } = scratch;
    let n_target = scores.n_target();
    entmax_of_target.clear();
    entmax_of_target.extend((0..n_target).map(|target| {
        let column = scores.values().iter().skip(target).step_by(n_target).copied();
        Threshold15::of(column, sorted)
    }));
    for (source, row) in scores.rows().enumerate() {
        let of_source = Threshold15::of(row.iter().copied(), sorted);
        for (target, (score, of_target)) in row.iter().zip(&*entmax_of_target).enumerate() {
            if of_source.keeps(*score) && of_target.keeps(*score) {
                links.push(Link::new(source, target));
            }
        }
    }
}

/// A word pair and how sure its link is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WordProbability {
    /// The words.
    pub link: Link,
    /// The maximum over the linked sub-word pairs, in `[0, 1]`.
    pub probability: f64,
}

/// Replaces `probabilities` by one entry for each word pair that `links`, between sub-words, join.
///
/// Based on softmax whatever the links came from, and tempered by the root of the number of sub-words, so not
/// the probabilities that a threshold was applied to.
///
/// # Shapes
/// `scores`: `[n_source, n_target]`; `word_of_source`: `[n_source]`; `word_of_target`: `[n_target]`. Sorted by word pair.
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if the shapes differ, or a link lies outside `scores`.
/// # Cost
/// One pass, and a sort of the links; no allocation once `scratch` and `probabilities` have room.
/// # Source
/// AWESOME-align, `get_aligned_word`; golden file `awesome_align.json` (`word_probs`).
pub fn word_probabilities(
    scores: Matrix,
    links: &[Link],
    word_of_source: &[usize],
    word_of_target: &[usize],
    scratch: &mut Scratch,
    probabilities: &mut Vec<WordProbability>,
) -> Result<(), Error> {
    probabilities.clear();
    let (n_source, n_target) = (scores.n_source(), scores.n_target());
    same_length(("rows", n_source), ("source words", word_of_source.len()))?;
    same_length(("columns", n_target), ("target words", word_of_target.len()))?;
    if let Some(Link { source, target }) =
        links.iter().find(|link| link.source >= n_source || link.target >= n_target)
    {
        return Err(invalid(format!("link from {source} to {target} of {n_source} by {n_target} sub-words")));
    }
    let (row_root, column_root) = ((n_target as f64).sqrt(), (n_source as f64).sqrt());
    scratch.normalise(scores, row_root, column_root);
    probabilities.extend(links.iter().map(|link| {
        let score = scores.row(link.source)[link.target];
        let a = scratch.of_source[link.source].probability(score / row_root);
        let b = scratch.of_target[link.target].probability(score / column_root);
        WordProbability {
            link: Link::new(word_of_source[link.source], word_of_target[link.target]),
            probability: 2.0 * a * b / (a + b + 1e-9),
        }
    }));
    // The most probable of a word pair comes first, and stays.
    order::sort(probabilities, |a, b| a.link.cmp(&b.link).then(b.probability.total_cmp(&a.probability)));
    probabilities.dedup_by_key(|entry| entry.link);
    Ok(())
}

impl Scratch {
    /// Normalises each row of `scores / row_root` and each column of `scores / column_root`.
    fn normalise(&mut self, scores: Matrix, row_root: f64, column_root: f64) {
        self.of_source.clear();
        self.of_target.clear();
        self.of_target.resize(scores.n_target(), Normaliser::EMPTY);
        for row in scores.rows() {
            let mut of_row = Normaliser::EMPTY;
            for (score, of_column) in row.iter().zip(&mut self.of_target) {
                of_row.add(score / row_root);
                of_column.add(score / column_root);
            }
            self.of_source.push(of_row);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(values: &[f64], n_source: usize) -> Matrix<'_> {
        Matrix::new(values, n_source, values.len() / n_source).expect("finite")
    }

    #[test]
    fn one_subword_a_side_is_linked_with_certainty() {
        let (mut scratch, mut links, mut words) = (Scratch::default(), Vec::new(), Vec::new());
        let scores = matrix(&[-7.0], 1);
        softmax_links(scores, 0.999, &mut scratch, &mut links).expect("in range");
        assert_eq!(links, [Link::new(0, 0)]);
        entmax15_links(scores, &mut scratch, &mut links);
        assert_eq!(links, [Link::new(0, 0)]);
        word_probabilities(scores, &links, &[4], &[5], &mut scratch, &mut words).expect("one pair");
        assert_eq!(words[0].link, Link::new(4, 5));
        assert!((words[0].probability - 1.0).abs() < 1e-8);
    }

    #[test]
    fn equal_scores_are_uniform_and_large_ones_do_not_overflow() {
        let (mut scratch, mut links) = (Scratch::default(), Vec::new());
        for score in [0.0, 1e300, -1e300] {
            softmax_links(matrix(&[score; 4], 2), 0.5, &mut scratch, &mut links).expect("in range");
            assert!(links.is_empty(), "a half does not exceed a half");
            softmax_links(matrix(&[score; 4], 2), 0.49, &mut scratch, &mut links).expect("in range");
            assert_eq!(links.len(), 4);
        }
    }

    #[test]
    fn an_empty_side_links_nothing_and_bad_input_is_refused() {
        let (mut scratch, mut links, mut words) = (Scratch::default(), vec![Link::new(0, 0)], Vec::new());
        let empty = Matrix::new(&[], 0, 3).expect("no values");
        entmax15_links(empty, &mut scratch, &mut links);
        assert!(links.is_empty());
        softmax_links(empty, 0.0, &mut scratch, &mut links).expect("in range");
        word_probabilities(empty, &links, &[], &[0; 3], &mut scratch, &mut words).expect("no links");
        assert!(links.is_empty() && words.is_empty());
        for threshold in [1.0, -0.1, f64::NAN] {
            assert!(softmax_links(empty, threshold, &mut scratch, &mut links).is_err());
        }
        let one = matrix(&[0.0], 1);
        assert!(word_probabilities(one, &[Link::new(0, 1)], &[0], &[0], &mut scratch, &mut words).is_err());
        assert!(word_probabilities(one, &[], &[0, 1], &[0], &mut scratch, &mut words).is_err());
    }
}
