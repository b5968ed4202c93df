//! Sentences of two documents aligned in order, by the cost of embeddings (Vecalign).

use super::overlaps::{Bead, Overlaps, dot, same_space};
use crate::Error;
use crate::scoring::refuse::{all_finite, invalid, same_length};

/// Above this many pairs of sentences the search starts on halved documents.
const FULL: usize = 300 * 300;

/// The most pairs of sentences that the price of leaving one out is read from.
const SAMPLE: usize = 20_000;

/// How sentences are aligned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// The most sentences in a bead, both sides together.
    pub largest_bead: usize,
    /// Where in the distribution of 1-1 costs the price of leaving a sentence out lies, in `[0, 1]`.
    pub skip_quantile: f64,
}

/// Those of the original.
impl Default for Options {
    fn default() -> Self {
        Self { largest_bead: 4, skip_quantile: 0.2 }
    }
}

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Alignment {
    /// All sentences of both sides, in order. A score is the cost over the number of pairs; 0 where a side is empty.
    pub beads: Vec<Bead>,
    /// What the first search found, of single sentences, on documents of up to 90,000 pairs; empty on larger ones. Scores
    /// are 0.
    pub first_pass: Vec<Bead>,
    /// The price of leaving one sentence out.
    pub skip: f64,
    /// The cost of all beads.
    pub total: f64,
}

/// A side at one level.
struct Side {
    vectors: Overlaps,
    /// `[n_layer, n]`: how unlike the vectors of the other side it is, on average.
    norms: Vec<f64>,
}

/// Aligns the sentences of two documents.
///
/// # Shapes
/// Both sides have `largest_bead - 1` layers or more. `norms`: for each vector of either side (`[n_layer, n]`) the mean of
/// `1 - cos` over vectors of the other; `None` takes all of them.
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if shapes do not fit, or an option is out of its range.
/// # Cost
/// Linear in the number of sentences, in time and memory: documents of more than 90,000 pairs are halved until they are
/// not, and each finer search stays in a band around the path before. With `n_layer` layers, a copy of the vectors.
/// # Source
/// Thompson and Koehn 2019; golden file `vecalign.json`.
pub fn vecalign(
    source: &Overlaps,
    target: &Overlaps,
    norms: Option<[&[f64]; 2]>,
    options: Options,
) -> Result<Alignment, Error> {
    same_space(source, target)?;
    let Options { largest_bead, skip_quantile } = options;
    if largest_bead < 2 || source.n_layer().min(target.n_layer()) + 1 < largest_bead {
        let layers = source.n_layer().min(target.n_layer());
        return Err(invalid(format!(
            "beads of {largest_bead} sentences from {layers} layers; 2 to {}",
            layers + 1
        )));
    }
    if !(0.0..=1.0).contains(&skip_quantile) {
        return Err(invalid(format!("skip quantile {skip_quantile}; in 0 to 1")));
    }
    let (n, m) = (source.len(), target.len());
    if n == 0 || m == 0 {
        let left = (0..n).map(|i| Bead { source: i..i + 1, target: 0..0, score: 0.0 });
        let added = (0..m).map(|j| Bead { source: 0..0, target: j..j + 1, score: 0.0 });
        return Ok(Alignment {
            beads: left.chain(added).collect(),
            first_pass: Vec::new(),
            skip: 0.0,
            total: 0.0,
        });
    }
    let mut levels = vec![level(source.scaled(1e-5), target.scaled(1e-5), norms)?];
    while let [source, target] = &levels[levels.len() - 1]
        && source.vectors.len().saturating_mul(target.vectors.len()) > FULL
        && source.vectors.len().max(target.vectors.len()) > 1
    {
        levels.push(level(source.vectors.halved(), target.vectors.halved(), None)?);
    }
    let coarsest = &levels[levels.len() - 1];
    let mut path = one_to_one(coarsest, skip_cost(coarsest, skip_quantile));
    let first_pass = if levels.len() == 1 { beads_between(&path) } else { Vec::new() };
    for (depth, level) in levels.iter().enumerate().rev() {
        if depth > 0 && depth + 1 == levels.len() {
            path = doubled(&path, &levels[depth - 1]);
            continue;
        }
        let skip = skip_cost(level, skip_quantile);
        let largest = if depth == 0 { largest_bead } else { 2 };
        let width = (largest - 1).div_ceil(2) + 5;
        let found = banded(level, &path, width, largest, skip);
        if depth == 0 {
            return Ok(found.alignment(first_pass, skip));
        }
        path = doubled(&found.nodes(), &levels[depth - 1]);
    }
    Err(invalid("no level to search"))
}

fn level(source: Overlaps, target: Overlaps, norms: Option<[&[f64]; 2]>) -> Result<[Side; 2], Error> {
    let all = |own: &Overlaps, other: &Overlaps| -> Vec<f64> {
        let mean = other.mean();
        let rows = (0..own.n_layer()).flat_map(|layer| (0..own.len()).map(move |last| (layer, last)));
        rows.map(|(layer, last)| f64::from(1.0 - dot(own.row(layer, last), &mean))).collect()
    };
    let given = |name: &str, norms: &[f64], of: &Overlaps| -> Result<Vec<f64>, Error> {
        same_length((&format!("{name} norms"), norms.len()), ("vectors", of.n_layer() * of.len()))?;
        all_finite(&format!("{name} norm"), norms.iter().copied())?;
        Ok(norms.to_vec())
    };
    let (of_source, of_target) = match norms {
        Some([a, b]) => (given("source", a, &source)?, given("target", b, &target)?),
        None => (all(&source, &target), all(&target, &source)),
    };
    Ok([Side { vectors: source, norms: of_source }, Side { vectors: target, norms: of_target }])
}

/// The cost of a bead of `x` and `y` sentences that ends before `i` and `j`.
fn cost([source, target]: &[Side; 2], (x, y): (usize, usize), i: usize, j: usize) -> f64 {
    let (a, b) = (source.vectors.row(x - 1, i - 1), target.vectors.row(y - 1, j - 1));
    let norms = source.norms[(x - 1) * source.vectors.len() + i - 1]
        + target.norms[(y - 1) * target.vectors.len() + j - 1];
    2.0 * (x * y) as f64 * (1.0 - f64::from(dot(a, b))) / (1e-6 + norms)
}

/// The price of leaving a sentence out: a quantile of 1-1 costs, read from a histogram at 29 knobs.
fn skip_cost([source, target]: &[Side; 2], quantile: f64) -> f64 {
    let (n, m) = (source.vectors.len(), target.vectors.len());
    let one = |i: usize, j: usize| {
        let norms = source.norms[i] + target.norms[j];
        let apart = 2.0 * (1.0 - f64::from(dot(source.vectors.row(0, i), target.vectors.row(0, j))));
        // A side that is all alike is no distance from itself.
        if norms == 0.0 { 0.0 } else { apart / norms }
    };
    let mut costs: Vec<f64> = if n.saturating_mul(m) < SAMPLE {
        (0..n).flat_map(|i| (0..m).map(move |j| (i, j))).map(|(i, j)| one(i, j)).collect()
    } else {
        // Spread evenly and without a period that either side could share.
        let part =
            |at: usize, step: f64, n: usize| (((at as f64 * step).fract() * n as f64) as usize).min(n - 1);
        (0..SAMPLE)
            .map(|at| one(part(at, 0.754_877_666_246_692_7, n), part(at, 0.569_840_290_998_053_2, m)))
            .collect()
    };
    costs.iter_mut().for_each(|cost| *cost = cost.max(0.0));
    let most = costs.iter().copied().fold(0.0, f64::max);
    if most == 0.0 {
        return 0.0;
    }
    let mut bins = [0_usize; 1000];
    costs.iter().for_each(|cost| bins[((cost / most * 1000.0) as usize).min(999)] += 1);
    let mut knobs = [0.0_f64; 29];
    let (mut seen, mut bin) = (0_usize, 0_usize);
    for (at, knob) in knobs.iter_mut().enumerate().take(28).skip(1) {
        let wanted = at as f64 / 28.0;
        while bin < 1000 && ((seen + bins[bin]) as f64 / costs.len() as f64) < wanted {
            seen += bins[bin];
            bin += 1;
        }
        *knob = most * bin as f64 / 1000.0;
    }
    knobs[28] = most;
    let place = quantile * 28.0;
    let at = (place as usize).min(27);
    knobs[at] + (knobs[at + 1] - knobs[at]) * (place - at as f64)
}

/// The nodes of the cheapest way of 1-1 pairs and skips, over the whole table; of equals a pair, then a skipped target.
fn one_to_one(level: &[Side; 2], skip: f64) -> Vec<(usize, usize)> {
    let (n, m) = (level[0].vectors.len(), level[1].vectors.len());
    let mut steps = vec![0_u8; (n + 1) * (m + 1)];
    let mut above: Vec<f64> = (0..=m).map(|j| j as f64 * skip).collect();
    let mut row = above.clone();
    steps[1..=m].fill(1);
    for i in 1..=n {
        row[0] = i as f64 * skip;
        steps[i * (m + 1)] = 2;
        for j in 1..=m {
            let ways = [above[j - 1] + cost(level, (1, 1), i, j), row[j - 1] + skip, above[j] + skip];
            let best = (1..3).fold(0, |best, way| if ways[way] < ways[best] { way } else { best });
            row[j] = ways[best];
            steps[i * (m + 1) + j] = best as u8;
        }
        std::mem::swap(&mut above, &mut row);
    }
    let mut nodes = vec![(n, m)];
    while let Some(&(i, j)) = nodes.last()
        && (i, j) != (0, 0)
    {
        nodes.push(match steps[i * (m + 1) + j] {
            0 => (i - 1, j - 1),
            1 => (i, j - 1),
            _ => (i - 1, j),
        });
    }
    nodes.reverse();
    nodes
}

fn beads_between(nodes: &[(usize, usize)]) -> Vec<Bead> {
    let bead = |step: &[(usize, usize)]| Bead {
        source: step[0].0..step[1].0,
        target: step[0].1..step[1].1,
        score: 0.0,
    };
    nodes.windows(2).map(bead).collect()
}

/// A path at the next finer level.
fn doubled(nodes: &[(usize, usize)], finer: &[Side; 2]) -> Vec<(usize, usize)> {
    let (n, m) = (finer[0].vectors.len(), finer[1].vectors.len());
    let mut doubled: Vec<_> = nodes.iter().map(|(i, j)| ((2 * i).min(n), (2 * j).min(m))).collect();
    doubled.dedup();
    doubled
}

/// A search table: of each row the columns within reach of a path.
struct Band {
    first: Vec<usize>,
    starts: Vec<usize>,
    costs: Vec<f64>,
    steps: Vec<(u8, u8)>,
    bead_costs: Vec<f64>,
    size: (usize, usize),
}

impl Band {
    fn place(&self, i: usize, j: usize) -> Option<usize> {
        let at = self.starts[i] + j.checked_sub(self.first[i])?;
        (at < self.starts[i + 1]).then_some(at)
    }

    fn nodes(&self) -> Vec<(usize, usize)> {
        let mut nodes = vec![self.size];
        while let Some(&(i, j)) = nodes.last()
            && (i, j) != (0, 0)
            && let Some(at) = self.place(i, j)
        {
            let (x, y) = self.steps[at];
            nodes.push((i - usize::from(x), j - usize::from(y)));
        }
        nodes.reverse();
        nodes
    }

    fn alignment(&self, first_pass: Vec<Bead>, skip: f64) -> Alignment {
        let mut beads = beads_between(&self.nodes());
        let mut total = 0.0;
        for bead in &mut beads {
            let n_pairs = bead.source.len() * bead.target.len();
            let cost = self.place(bead.source.end, bead.target.end).map_or(0.0, |at| self.bead_costs[at]);
            total += cost;
            bead.score = if n_pairs == 0 { 0.0 } else { cost.max(0.0) / n_pairs as f64 };
        }
        Alignment { beads, first_pass, skip, total }
    }
}

/// The cheapest way of beads of up to `largest` sentences within `width` of a path.
fn banded(level: &[Side; 2], path: &[(usize, usize)], width: usize, largest: usize, skip: f64) -> Band {
    let (n, m) = (level[0].vectors.len(), level[1].vectors.len());
    // The columns of the path in each row; rows that a step jumps over lie between those of its ends.
    let mut reach = vec![(usize::MAX, 0_usize); n + 1];
    for step in path.windows(2) {
        for row in &mut reach[step[0].0..=step[1].0] {
            *row = (row.0.min(step[0].1), row.1.max(step[1].1));
        }
    }
    // A path of one node has no step.
    reach.iter_mut().filter(|row| row.0 == usize::MAX).for_each(|row| *row = (0, m));
    let reach: Vec<_> = (0..=n)
        .map(|i| {
            // As far as the path goes in the rows within the width, too.
            let (low, high) = (i.saturating_sub(width), (i + width).min(n));
            (reach[low].0.saturating_sub(width), (reach[high].1 + width).min(m))
        })
        .collect();
    let mut starts = vec![0_usize];
    for row in &reach {
        starts.push(starts[starts.len() - 1] + row.1 + 1 - row.0);
    }
    let n_cells = starts[n + 1];
    let mut band = Band {
        first: reach.iter().map(|row| row.0).collect(),
        starts,
        costs: vec![f64::INFINITY; n_cells],
        steps: vec![(0, 0); n_cells],
        bead_costs: vec![0.0; n_cells],
        size: (n, m),
    };
    let beads = (1..largest).flat_map(|x| (1..=largest - x).map(move |y| (x, y)));
    let types: Vec<(usize, usize)> = beads.chain([(0, 1), (1, 0)]).collect();
    for (i, &(low, high)) in reach.iter().enumerate() {
        for j in low..=high {
            let at = band.starts[i] + j - low;
            if (i, j) == (0, 0) {
                band.costs[at] = 0.0;
                continue;
            }
            for &(x, y) in &types {
                if x > i || y > j {
                    continue;
                }
                let Some(before) = band.place(i - x, j - y) else { continue };
                if band.costs[before] == f64::INFINITY {
                    continue;
                }
                let bead = if x * y == 0 { skip } else { cost(level, (x, y), i, j) };
                if band.costs[before] + bead < band.costs[at] {
                    band.costs[at] = band.costs[before] + bead;
                    (band.steps[at], band.bead_costs[at]) = ((x as u8, y as u8), bead);
                }
            }
        }
    }
    band
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(state: &mut u64) -> f32 {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (*state >> 40) as f32 / (1 << 24) as f32 - 0.5
    }

    #[test]
    fn a_long_document_is_aligned_to_itself_without_some_sentences() {
        let (n, dim) = (3000, 16);
        let mut state = 3;
        let x: Vec<f32> = (0..n * dim).map(|_| random(&mut state)).collect();
        let left_out = |i: usize| i % 97 == 13 || (1000..1040).contains(&i);
        let y: Vec<f32> = x
            .chunks_exact(dim)
            .enumerate()
            .filter(|(i, _)| !left_out(*i))
            .flat_map(|(_, row)| row.to_vec())
            .collect();
        let m = y.len() / dim;
        let side = |values: Vec<f32>, n| Overlaps::new(values, 1, n, dim).expect("vectors");
        let options = Options { largest_bead: 2, ..Options::default() };
        let found = vecalign(&side(x, n), &side(y, m), None, options).expect("an alignment");
        let right = (0..n).filter(|i| !left_out(*i)).enumerate();
        let pairs: Vec<_> =
            found.beads.iter().filter(|bead| !bead.source.is_empty() && !bead.target.is_empty()).collect();
        let wanted: Vec<_> = right.map(|(j, i)| (i, j)).collect();
        let got: Vec<_> = pairs.iter().map(|bead| (bead.source.start, bead.target.start)).collect();
        assert_eq!(got, wanted);
        assert_eq!(found.beads.iter().map(|bead| bead.source.len()).sum::<usize>(), n);
    }

    #[test]
    fn empty_sides_and_bad_input() {
        let side = |n: usize| Overlaps::new(vec![0.5; 3 * n * 2], 3, n, 2).expect("vectors");
        let found = vecalign(&side(0), &side(2), None, Options::default()).expect("two added");
        assert_eq!(found.beads.iter().map(|bead| bead.target.clone()).collect::<Vec<_>>(), [0..1, 1..2]);
        // All alike.
        let found = vecalign(&side(3), &side(3), None, Options::default()).expect("an alignment");
        assert_eq!(found.beads.iter().map(|bead| bead.source.len()).sum::<usize>(), 3);
        let beads = Options { largest_bead: 5, ..Options::default() };
        assert!(vecalign(&side(1), &side(1), None, beads).is_err_and(|e| e.message.contains("2 to 4")));
        let other = Overlaps::new(vec![0.5; 9], 3, 1, 3).expect("vectors");
        assert!(vecalign(&side(1), &other, None, Options::default()).is_err());
        assert!(vecalign(&side(1), &side(1), Some([&[1.0], &[1.0]]), Options::default()).is_err());
        assert!(
            Overlaps::new(vec![f32::NAN], 1, 1, 1).is_err() && Overlaps::new(vec![1.0], 1, 2, 1).is_err()
        );
    }
}
