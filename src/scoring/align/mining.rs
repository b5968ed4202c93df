//! Translations found among unordered sentences: margins of cosines, best for each other.

use super::Matrix;
use crate::Error;
use crate::scoring::order;
use crate::scoring::refuse::{all_finite, invalid};

/// How a cosine is set off against those of the neighbourhoods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Margin {
    /// Not at all.
    Absolute,
    /// Less the mean of both.
    Distance,
    /// Divided by it.
    #[default]
    Ratio,
}

/// A pair and its score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// Position among the source sentences.
    pub source: usize,
    /// Position among the target sentences.
    pub target: usize,
    /// Its margin.
    pub score: f64,
}

/// The neighbourhoods of all sentences, and the best partner within each.
#[derive(Clone, Debug, PartialEq)]
pub struct Mining {
    /// Mean cosine of each source sentence's nearest targets.
    pub forward_means: Vec<f64>,
    /// Mean cosine of each target sentence's nearest sources.
    pub backward_means: Vec<f64>,
    /// For each source sentence its best target; `None` if no score is finite.
    pub forward: Vec<Option<Pair>>,
    /// For each target sentence its best source.
    pub backward: Vec<Option<Pair>>,
}

impl Mining {
    /// Scores the `k` nearest neighbours of every sentence, of equals the lower position, and keeps the best, of equals the
    /// nearer. A score that is not finite, as of a ratio to 0, is none.
    ///
    /// # Shapes
    /// `cosines`: `[n_source, n_target]`.
    /// # Errors
    /// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if `k` is 0.
    /// # Cost
    /// `O(n_source n_target)` and a sort of `k` for each sentence.
    /// # Source
    /// Artetxe and Schwenk 2019; golden file `margin_mining.json`.
    pub fn new(cosines: Matrix, k: usize, margin: Margin) -> Result<Self, Error> {
        if k == 0 {
            return Err(invalid("0 neighbours; at least 1"));
        }
        let (n, m) = (cosines.n_source(), cosines.n_target());
        let of_source: Vec<_> = (0..n).map(|i| nearest(m, k, |j| cosines.row(i)[j])).collect();
        let of_target: Vec<_> = (0..m).map(|j| nearest(n, k, |i| cosines.row(i)[j])).collect();
        let mean =
            |near: &Vec<(usize, f64)>| near.iter().map(|(_, c)| c).sum::<f64>() / near.len().max(1) as f64;
        let forward_means: Vec<f64> = of_source.iter().map(mean).collect();
        let backward_means: Vec<f64> = of_target.iter().map(mean).collect();
        let score = |source: usize, target: usize, cosine: f64| {
            let around = (forward_means[source] + backward_means[target]) / 2.0;
            let score = match margin {
                Margin::Absolute => cosine,
                Margin::Distance => cosine - around,
                Margin::Ratio => cosine / around,
            };
            Pair { source, target, score }
        };
        let best = |pairs: &mut dyn Iterator<Item = Pair>| {
            pairs.filter(|pair| pair.score.is_finite()).fold(None, |best: Option<Pair>, pair| match best {
                Some(best) if best.score >= pair.score => Some(best),
                _ => Some(pair),
            })
        };
        let forward = of_source.iter().enumerate();
        let forward = forward.map(|(i, near)| best(&mut near.iter().map(|&(j, c)| score(i, j, c)))).collect();
        let backward = of_target.iter().enumerate();
        let backward =
            backward.map(|(j, near)| best(&mut near.iter().map(|&(i, c)| score(i, j, c)))).collect();
        Ok(Self { forward_means, backward_means, forward, backward })
    }

    /// Pairs that are best for each other, by source.
    pub fn intersection(&self) -> Vec<Pair> {
        let mutual = |pair: &&Pair| self.backward[pair.target].is_some_and(|back| back.source == pair.source);
        self.forward.iter().flatten().filter(mutual).copied().collect()
    }

    /// All best pairs of both directions by falling score, each sentence in the first one only. Those of equal score stay in
    /// order, forward ones first.
    pub fn greedy(&self) -> Vec<Pair> {
        let mut pairs: Vec<Pair> = self.forward.iter().chain(&self.backward).flatten().copied().collect();
        order::sort(&mut pairs, |a, b| b.score.total_cmp(&a.score));
        let (mut sources, mut targets) = (vec![false; self.forward.len()], vec![false; self.backward.len()]);
        pairs.retain(|&Pair { source, target, .. }| {
            let free = !sources[source] && !targets[target];
            if free {
                (sources[source], targets[target]) = (true, true);
            }
            free
        });
        pairs
    }

    /// [`Mining::greedy`], of which only scores above `threshold` are given; the others take their sentences all the same.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`](crate::Code::InvalidArgument) for a threshold that is not finite.
    pub fn above(&self, threshold: f64) -> Result<Vec<Pair>, Error> {
        all_finite("threshold", [threshold])?;
        let mut pairs = self.greedy();
        pairs.retain(|pair| pair.score > threshold);
        Ok(pairs)
    }
}

/// The `k` positions of largest value, the largest first.
fn nearest(n: usize, k: usize, value: impl Fn(usize) -> f64) -> Vec<(usize, f64)> {
    let mut all: Vec<(usize, f64)> = (0..n).map(|at| (at, value(at))).collect();
    let first = |a: &(usize, f64), b: &(usize, f64)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
    if k < n {
        all.select_nth_unstable_by(k - 1, first);
        all.truncate(k);
    }
    all.sort_unstable_by(first);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_to_nothing_is_no_score() {
        let mining = Mining::new(Matrix::new(&[0.0], 1, 1).expect("one"), 4, Margin::Ratio).expect("k");
        assert_eq!((mining.forward[0], mining.greedy().len()), (None, 0));
        let mining = Mining::new(Matrix::new(&[], 0, 2).expect("none"), 4, Margin::Ratio).expect("k");
        assert!(mining.greedy().is_empty() && mining.intersection().is_empty());
        assert!(Mining::new(Matrix::new(&[], 0, 2).expect("none"), 0, Margin::Ratio).is_err());
        assert!(mining.above(f64::NAN).is_err());
    }
}
