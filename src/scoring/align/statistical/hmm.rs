//! The HMM of word alignment, as GIZA++ trains it.

use std::collections::BTreeMap;

use super::model1::{Evidence, FLOOR, LEAST_COUNT, Model1, add_evidence, check_evidence};
use super::{Corpus, Table};
use crate::Error;
use crate::scoring::refuse::invalid;

/// The parameters that GIZA++ has defaults for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// Rounds.
    pub rounds: usize,
    /// The share of an even distribution in a jump's.
    pub smooth: f64,
    /// The weight of going to no word, from the second round on.
    pub empty: f64,
}

/// Those of GIZA++.
impl Default for Options {
    fn default() -> Self {
        Self { rounds: 5, smooth: 0.2, empty: 0.4 }
    }
}

/// A trained model, and the alignments of its last round.
#[derive(Clone, Debug, PartialEq)]
pub struct Hmm {
    /// Probabilities of target words.
    pub table: Table,
    /// Expected jumps, by the position before less the one after.
    pub jumps: BTreeMap<i64, f64>,
    /// Of each pair and target word the source position, from 1; 0 is none.
    pub alignments: Vec<Vec<u32>>,
    /// The weight of each pair's best path.
    pub scores: Vec<f64>,
}

/// Expected counts of the first and the last state, by the number of source words.
type Edges = BTreeMap<usize, [Vec<f64>; 2]>;

/// One pair's lattice. State `s` is source position `s` below `n`, else no word, with position `s - n` remembered.
#[derive(Default)]
struct Lattice {
    n: usize,
    cells: Vec<usize>,
    /// `[m, n + 1]`: of no word, then of each position; divided by their sum over states.
    emissions: Vec<f64>,
    /// `[n, n]`: from a position to another; normalised together with `to_empty`.
    moves: Vec<f64>,
    /// From a position to no word.
    to_empty: Vec<f64>,
    start: Vec<f64>,
    end: Vec<f64>,
    forward: Vec<f64>,
    backward: Vec<f64>,
}

/// Trains on from Model 1.
///
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if there are no rounds, `smooth` is not in `[0, 1]`, `empty` is
/// negative, the table is of another corpus, or there is not one number of evidence for each cell.
/// # Cost
/// `O(m n²)` for a pair of `n` and `m` words and a round, twice.
/// # Source
/// Vogel et al. 1996; Och and Ney 2003; golden file `giza_model1_hmm.json`.
pub fn train(corpus: &Corpus, model1: Model1, options: Options, evidence: Evidence) -> Result<Hmm, Error> {
    let Options { rounds, smooth, empty } = options;
    if rounds == 0 || !(0.0..=1.0).contains(&smooth) || !(empty.is_finite() && empty >= 0.0) {
        return Err(invalid(format!(
            "{rounds} rounds, smoothing {smooth}, empty {empty}; at least 1, in 0 to 1, and 0 or above"
        )));
    }
    let Model1 { mut table, .. } = model1;
    check_evidence(&table, evidence)?;
    let fits = |(source, target): (&[u32], &[u32])| {
        target.iter().all(|f| source.iter().all(|e| table.cell(*e as usize + 1, *f).is_some()))
    };
    if !corpus.pairs().all(fits) {
        return Err(invalid("the table is of another corpus: two words of a pair have no cell"));
    }
    let mut counts = vec![0.0_f64; table.len()];
    let mut hmm_jumps: BTreeMap<i64, f64> = BTreeMap::new();
    let mut edges = Edges::new();
    let (mut alignments, mut scores) = (Vec::new(), Vec::new());
    let mut lattice = Lattice::default();
    for round in 0..rounds {
        counts.fill(0.0);
        let mut new_jumps: BTreeMap<i64, f64> = BTreeMap::new();
        let mut new_edges = Edges::new();
        alignments.clear();
        scores.clear();
        for (source, target) in corpus.pairs() {
            if source.is_empty() || target.is_empty() {
                alignments.push(vec![0; target.len()]);
                scores.push(1.0);
                continue;
            }
            let jumps = (round > 0).then_some(&hmm_jumps);
            lattice.prepare(&table, source, target, jumps, edges.get(&source.len()), smooth, empty);
            let (alignment, score) = lattice.best(target.len());
            alignments.push(alignment);
            scores.push(score);
            lattice.count(target.len(), &mut counts, &mut new_jumps, &mut new_edges);
        }
        table.set_shares(&counts);
        add_evidence(&mut table, evidence);
        (hmm_jumps, edges) = (new_jumps, new_edges);
    }
    Ok(Hmm { table, jumps: hmm_jumps, alignments, scores })
}

fn normalise(values: &mut [f64], to: f64) {
    let sum: f64 = values.iter().sum();
    let n = values.len().max(1) as f64;
    values.iter_mut().for_each(|value| *value = if sum > 0.0 { *value / sum * to } else { to / n });
}

impl Lattice {
    #[expect(clippy::too_many_arguments, reason = "what a round knows, and nothing else")]
    fn prepare(
        &mut self,
        table: &Table,
        source: &[u32],
        target: &[u32],
        jumps: Option<&BTreeMap<i64, f64>>,
        edges: Option<&[Vec<f64>; 2]>,
        smooth: f64,
        empty: f64,
    ) {
        let n = source.len();
        self.n = n;
        table.cells_of(source, target, &mut self.cells);
        self.emissions.clear();
        for cells in self.cells.chunks_exact(n + 1) {
            let first = self.emissions.len();
            self.emissions.extend(cells.iter().map(|cell| table.value(*cell).max(FLOOR)));
            let row = &mut self.emissions[first..];
            let sum = (row[1..].iter().sum::<f64>() + n as f64 * row[0]).max(1e-12);
            row.iter_mut().for_each(|value| *value /= sum);
        }
        self.moves.clear();
        self.to_empty.clear();
        for from in 0..n {
            let first = self.moves.len();
            let jump = |to: usize| match jumps {
                None => 1.0 / (2 * n - 1) as f64,
                Some(jumps) => jumps.get(&(from as i64 - to as i64)).copied().unwrap_or(0.0),
            };
            self.moves.extend((0..n).map(jump));
            let row = &mut self.moves[first..];
            normalise(row, 1.0);
            row.iter_mut().for_each(|value| *value = (1.0 - smooth) * *value + smooth / n as f64);
            let to_empty = if jumps.is_some() { empty } else { row[0] };
            let sum = row.iter().sum::<f64>() + to_empty;
            row.iter_mut().for_each(|value| *value /= sum);
            self.to_empty.push(to_empty / sum);
        }
        self.start.clear();
        self.end.clear();
        match edges {
            None => {
                self.start.resize(n, 1.0);
                self.start.resize(2 * n, 1.0 / n as f64);
                self.end.resize(2 * n, 1.0);
            }
            Some([start, end]) => {
                self.start
                    .extend(start.iter().enumerate().map(|(s, count)| if s > n { 0.0 } else { *count }));
                self.end.extend_from_slice(end);
            }
        }
        normalise(&mut self.start, 1.0);
        normalise(&mut self.end, 2.0 * n as f64);
    }

    fn emission(&self, at: usize, state: usize) -> f64 {
        let row = &self.emissions[at * (self.n + 1)..];
        if state < self.n { row[state + 1] } else { row[0] }
    }

    /// The best path and its weight; of equals the lowest states.
    fn best(&self, m: usize) -> (Vec<u32>, f64) {
        let n = self.n;
        let mut weights: Vec<f64> =
            (0..2 * n).map(|s| if s > n { 0.0 } else { self.start[s] * self.emission(0, s) }).collect();
        let mut before = vec![0_u32; m * 2 * n];
        // Kept apart, so that long sentences do not vanish: the weight is that times the exponential of this.
        let mut log = 0.0_f64;
        for at in 1..m {
            let mut next = vec![0.0_f64; 2 * n];
            for (to, next) in next.iter_mut().enumerate() {
                let mut best = (0, -1.0);
                for (from, weight) in weights.iter().enumerate() {
                    let position = from % n;
                    let step = if to < n {
                        self.moves[position * n + to]
                    } else if to - n == position {
                        self.to_empty[position]
                    } else {
                        0.0
                    };
                    if weight * step > best.1 {
                        best = (from, weight * step);
                    }
                }
                before[at * 2 * n + to] = best.0 as u32;
                *next = best.1 * self.emission(at, to);
            }
            let most = next.iter().copied().fold(0.0, f64::max);
            if most > 0.0 {
                next.iter_mut().for_each(|weight| *weight /= most);
                log += libm::log(most);
            }
            weights = next;
        }
        let last = weights.iter().zip(&self.end).map(|(weight, end)| weight * end).enumerate();
        let (mut state, weight) =
            last.fold((0, -1.0), |best, this| if this.1 > best.1 { this } else { best });
        let mut alignment = vec![0_u32; m];
        for at in (0..m).rev() {
            alignment[at] = if state < n { state as u32 + 1 } else { 0 };
            state = before[at * 2 * n + state] as usize;
        }
        (alignment, weight.max(0.0) * libm::exp(log))
    }

    /// Adds the expected counts of a pair.
    fn count(&mut self, m: usize, counts: &mut [f64], jumps: &mut BTreeMap<i64, f64>, edges: &mut Edges) {
        let n = self.n;
        let width = 2 * n;
        let mut forward = std::mem::take(&mut self.forward);
        let mut backward = std::mem::take(&mut self.backward);
        forward.clear();
        forward.resize(m * width, 0.0);
        backward.clear();
        backward.resize(m * width, 0.0);
        for s in 0..width {
            forward[s] = self.start[s] * self.emission(0, s);
            backward[(m - 1) * width + s] = self.end[s];
        }
        normalise(&mut forward[..width], 1.0);
        for at in 1..m {
            let (done, rest) = forward.split_at_mut(at * width);
            let (from, to) = (&done[(at - 1) * width..], &mut rest[..width]);
            for position in 0..n {
                let weight = from[position] + from[position + n];
                let moves = &self.moves[position * n..][..n];
                to.iter_mut().zip(moves).for_each(|(to, step)| *to += weight * step);
                to[position + n] = weight * self.to_empty[position];
            }
            for (s, to) in to.iter_mut().enumerate() {
                *to *= self.emission(at, s);
            }
            normalise(to, 1.0);
        }
        for at in (0..m - 1).rev() {
            let (rest, done) = backward.split_at_mut((at + 1) * width);
            let (to, from) = (&done[..width], &mut rest[at * width..]);
            for position in 0..n {
                let moves = &self.moves[position * n..][..n];
                let real: f64 =
                    moves.iter().enumerate().map(|(k, step)| step * self.emission(at + 1, k) * to[k]).sum();
                let none = self.to_empty[position] * self.emission(at + 1, n + position) * to[n + position];
                from[position] = real + none;
                from[position + n] = real + none;
            }
            normalise(from, 1.0);
        }
        let of_edges = edges.entry(n).or_insert_with(|| [vec![0.0; width], vec![0.0; width]]);
        let mut posterior = vec![0.0; width];
        for at in 0..m {
            for s in 0..width {
                posterior[s] = forward[at * width + s] * backward[at * width + s];
            }
            normalise(&mut posterior, 1.0);
            for (s, &share) in posterior.iter().enumerate() {
                let cell = self.cells[at * (n + 1) + if s < n { s + 1 } else { 0 }];
                counts[cell] += if share >= LEAST_COUNT { share } else { 0.0 };
                if at == 0 {
                    of_edges[0][s] += share;
                }
                if at + 1 == m {
                    of_edges[1][s] += share;
                }
            }
        }
        // Pairs of states: of each position they sum to the same, so to one over their number.
        let mut pairs = vec![0.0_f64; n * n];
        for at in 1..m {
            let (from, to) = (&forward[(at - 1) * width..], &backward[at * width..]);
            let mut sum = 0.0;
            let mut step = vec![0.0_f64; n * n];
            for p in 0..n {
                let weight = from[p] + from[p + n];
                for k in 0..n {
                    let share = weight * self.moves[p * n + k] * self.emission(at, k) * to[k];
                    step[p * n + k] = share;
                    sum += share;
                }
                sum += weight * self.to_empty[p] * self.emission(at, n + p) * to[n + p];
            }
            if sum > 0.0 {
                let scale = n as f64 / (sum * (m - 1) as f64);
                pairs.iter_mut().zip(&step).for_each(|(pair, share)| *pair += share * scale);
            }
        }
        for (at, share) in pairs.iter().enumerate().filter(|(_, share)| **share > 0.0) {
            *jumps.entry((at / n) as i64 - (at % n) as i64).or_default() += share;
        }
        (self.forward, self.backward) = (forward, backward);
    }
}

#[cfg(test)]
mod tests {
    use super::super::model1;
    use super::*;

    #[test]
    fn a_chain_of_words_is_followed() {
        let mut corpus = Corpus::default();
        for words in [[0, 1, 2], [1, 3, 0], [2, 4, 1], [3, 2, 4]] {
            corpus.push(&words, &words).expect("three words");
        }
        corpus.push(&[], &[1]).expect("an empty side");
        let start = || model1::train(&corpus, 5, None).expect("a model");
        let hmm = train(&corpus, start(), Options::default(), None).expect("a model");
        assert!(hmm.alignments[..4].iter().all(|alignment| *alignment == [1, 2, 3]), "{:?}", hmm.alignments);
        assert_eq!((&hmm.alignments[4], hmm.scores[4]), (&vec![0], 1.0));
        assert!(hmm.jumps[&-1] > hmm.jumps[&1]);
        for bad in [
            Options { rounds: 0, ..Options::default() },
            Options { smooth: 2.0, ..Options::default() },
            Options { empty: f64::NAN, ..Options::default() },
        ] {
            assert!(train(&corpus, start(), bad, None).is_err());
        }
        let mut other = Corpus::default();
        other.push(&[7], &[9]).expect("a word");
        assert!(train(&other, start(), Options::default(), None).is_err());
    }
}
