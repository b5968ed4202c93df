//! Sentences of two documents aligned in order, by the similarity of embeddings (Bertalign).

use super::overlaps::{Bead, Overlaps, dot, same_space};
use crate::Error;
use crate::scoring::refuse::{invalid, same_length};

/// How sentences are aligned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// The most sentences in a bead, both sides together.
    pub largest_bead: usize,
    /// The nearest targets of a source sentence that the first pass may pair it with.
    pub neighbours: usize,
    /// How far the second pass looks beside the anchors of the first.
    pub window: usize,
    /// What leaving a sentence out gains.
    pub skip: f64,
    /// Takes off the similarity to the sentences around.
    pub margin: bool,
    /// Multiplies by how alike the lengths are.
    pub length_penalty: bool,
}

/// Those of the original.
impl Default for Options {
    fn default() -> Self {
        Self { largest_bead: 5, neighbours: 3, window: 5, skip: -0.1, margin: true, length_penalty: true }
    }
}

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Alignment {
    /// All sentences of both sides, in order. A score is the gain of the bead.
    pub beads: Vec<Bead>,
    /// The pairs of the first pass: how many sentences of either side end with it.
    pub anchors: Vec<(usize, usize)>,
}

struct Search<'a> {
    sides: [&'a Overlaps; 2],
    bytes: [&'a [usize]; 2],
    /// Bytes of the source over those of the target.
    ratio: f64,
    options: Options,
}

/// Aligns the sentences of two documents.
///
/// # Shapes
/// Both sides have `largest_bead - 1` layers or more, of unit vectors. `bytes`: the length of each run of sentences,
/// `[n_layer, n]` for either side, its padding unread.
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if shapes do not fit, or an option is out of its range.
/// # Cost
/// The first pass takes `O(n_source n_target dim)` for the neighbours, and a band of 250 sentences or 6 % to either side;
/// the second what lies between anchors.
/// # Source
/// Liu and Zhu 2022; golden file `bertalign.json`.
pub fn bertalign(
    source: &Overlaps,
    target: &Overlaps,
    bytes: [&[usize]; 2],
    options: Options,
) -> Result<Alignment, Error> {
    same_space(source, target)?;
    let layers = source.n_layer().min(target.n_layer());
    if !(2..=layers + 1).contains(&options.largest_bead) {
        let largest = options.largest_bead;
        return Err(invalid(format!(
            "beads of {largest} sentences from {layers} layers; 2 to {}",
            layers + 1
        )));
    }
    if options.neighbours == 0 || !options.skip.is_finite() {
        let Options { neighbours, skip, .. } = options;
        return Err(invalid(format!(
            "{neighbours} neighbours, a gain of {skip} for skipping; at least 1, and a number"
        )));
    }
    for (name, bytes, side) in [("source", bytes[0], source), ("target", bytes[1], target)] {
        same_length((&format!("{name} byte lengths"), bytes.len()), ("runs", side.n_layer() * side.len()))?;
    }
    let (n, m) = (source.len(), target.len());
    if n == 0 || m == 0 {
        let left = (0..n).map(|i| Bead { source: i..i + 1, target: 0..0, score: options.skip });
        let added = (0..m).map(|j| Bead { source: 0..0, target: j..j + 1, score: options.skip });
        return Ok(Alignment { beads: left.chain(added).collect(), anchors: Vec::new() });
    }
    let total = |bytes: &[usize], n: usize| bytes[..n].iter().map(|bytes| *bytes as f64).sum::<f64>();
    let ratio = total(bytes[0], n) / total(bytes[1], m);
    let search = Search { sides: [source, target], bytes, ratio, options };
    let anchors = search.anchors();
    let rows = corridor(anchors.clone(), options.window, n, m);
    Ok(Alignment { beads: search.beads(&rows), anchors })
}

/// Bytes of the source over those of the target, as penalties use it. NaN if the target has none.
pub fn byte_ratio(source: &[usize], target: &[usize]) -> f64 {
    source.iter().sum::<usize>() as f64 / target.iter().sum::<usize>() as f64
}

/// A table of gains over rows of columns, and the way back.
struct Table<'a> {
    rows: &'a [(usize, usize)],
    starts: Vec<usize>,
    gains: Vec<f64>,
    steps: Vec<(u8, u8)>,
}

impl<'a> Table<'a> {
    fn new(rows: &'a [(usize, usize)]) -> Self {
        let mut starts = vec![0];
        for row in rows {
            starts.push(starts[starts.len() - 1] + (row.1 + 1).saturating_sub(row.0));
        }
        let n = starts[rows.len()];
        Self { rows, starts, gains: vec![f64::NEG_INFINITY; n], steps: vec![(0, 0); n] }
    }

    fn place(&self, i: usize, j: usize) -> Option<usize> {
        let (low, high) = self.rows[i];
        (low..=high).contains(&j).then(|| self.starts[i] + j - low)
    }

    /// Fills the table; of equal ways the first type wins.
    fn fill(&mut self, types: &[(usize, usize)], mut gain: impl FnMut((usize, usize), usize, usize) -> f64) {
        for i in 0..self.rows.len() {
            let (low, high) = self.rows[i];
            for j in low..=high {
                let at = self.starts[i] + j - low;
                if (i, j) == (0, 0) {
                    self.gains[at] = 0.0;
                    continue;
                }
                for &(x, y) in types {
                    if x > i || y > j {
                        continue;
                    }
                    let Some(before) = self.place(i - x, j - y) else { continue };
                    if self.gains[before] == f64::NEG_INFINITY {
                        continue;
                    }
                    let sum = self.gains[before] + gain((x, y), i, j);
                    if sum > self.gains[at] {
                        self.gains[at] = sum;
                        self.steps[at] = (x as u8, y as u8);
                    }
                }
            }
        }
    }

    fn nodes(&self, end: (usize, usize)) -> Vec<(usize, usize)> {
        let mut nodes = vec![end];
        while let Some(&(i, j)) = nodes.last()
            && (i, j) != (0, 0)
            && let Some(at) = self.place(i, j)
            && self.steps[at] != (0, 0)
        {
            let (x, y) = self.steps[at];
            nodes.push((i - usize::from(x), j - usize::from(y)));
        }
        nodes.reverse();
        nodes
    }
}

impl Search<'_> {
    /// The first pass: single sentences, and gains only between near neighbours.
    fn anchors(&self) -> Vec<(usize, usize)> {
        let [source, target] = self.sides;
        let (n, m) = (source.len(), target.len());
        let mut near = Vec::with_capacity(n);
        for i in 0..n {
            let row = source.row(0, i);
            let mut best: Vec<(usize, f32)> = Vec::with_capacity(self.options.neighbours + 1);
            for j in 0..m {
                let likeness = dot(row, target.row(0, j));
                let at = best.partition_point(|(_, other)| *other >= likeness);
                if at < self.options.neighbours {
                    best.insert(at, (j, likeness));
                    best.truncate(self.options.neighbours);
                }
            }
            near.push(best);
        }
        let width = 250.max((0.06 * n.max(m) as f64) as usize);
        let row = |i: usize| {
            let centre = (i as u128 * m as u128 / n as u128) as usize;
            (centre.saturating_sub(width), (centre + width).min(m))
        };
        let rows: Vec<_> = (0..=n).map(row).collect();
        let mut table = Table::new(&rows);
        table.fill(&[(0, 1), (1, 0), (1, 1)], |step, i, j| {
            let found = (step == (1, 1)).then(|| near[i - 1].iter().find(|(target, _)| *target == j - 1));
            found.flatten().map_or(0.0, |(_, likeness)| f64::from(*likeness))
        });
        let nodes = table.nodes((n, m));
        nodes
            .windows(2)
            .filter(|step| step[0].0 + 1 == step[1].0 && step[0].1 + 1 == step[1].1)
            .map(|step| step[1])
            .collect()
    }

    /// The second pass.
    fn beads(&self, rows: &[(usize, usize)]) -> Vec<Bead> {
        let largest = self.options.largest_bead;
        let beads = (1..largest).flat_map(|x| (1..=largest - x).map(move |y| (x, y)));
        let types: Vec<_> = [(0, 1), (1, 0)].into_iter().chain(beads).collect();
        let mut table = Table::new(rows);
        table.fill(&types, |bead, i, j| self.gain(bead, i, j));
        let nodes = table.nodes((self.sides[0].len(), self.sides[1].len()));
        let bead = |step: &[(usize, usize)]| {
            let ((a, b), (i, j)) = (step[0], step[1]);
            Bead { source: a..i, target: b..j, score: self.gain((i - a, j - b), i, j) }
        };
        nodes.windows(2).map(bead).collect()
    }

    /// What a bead of `x` and `y` sentences that ends before `i` and `j` gains.
    fn gain(&self, (x, y): (usize, usize), i: usize, j: usize) -> f64 {
        if x * y == 0 {
            return self.options.skip;
        }
        let [source, target] = self.sides;
        let (a, b) = (source.row(x - 1, i - 1), target.row(y - 1, j - 1));
        let mut gain = f64::from(dot(a, b));
        if self.options.margin {
            gain -= (around(a, target, y, j) + around(b, source, x, i)) / 2.0;
        }
        if self.options.length_penalty {
            let of = |side: usize, layer: usize, last: usize| {
                self.bytes[side][layer * self.sides[side].len() + last]
            };
            let (a, b) = (of(0, x - 1, i - 1) as f64, of(1, y - 1, j - 1) as f64 * self.ratio);
            let share = a.min(b) / a.max(b);
            gain *= if share.is_nan() { 0.0 } else { libm::log2(1.0 + share) };
        }
        gain
    }
}

/// How like the sentences just before and after a run of `n` that ends before `after` a vector is: their mean, or the
/// one that is there.
fn around(vector: &[f32], side: &Overlaps, n: usize, after: usize) -> f64 {
    let of = |at: usize| f64::from(dot(vector, side.row(0, at)));
    let before = if after > n { of(after - n - 1) } else { 0.0 };
    let behind = if after < side.len() { of(after) } else { 0.0 };
    if before != 0.0 && behind != 0.0 { (before + behind) / 2.0 } else { before + behind }
}

/// The columns that the second pass looks at in each row.
fn corridor(mut anchors: Vec<(usize, usize)>, window: usize, n: usize, m: usize) -> Vec<(usize, usize)> {
    if let Some(&(i, j)) = anchors.last()
        && (i == n) != (j == m)
    {
        anchors.pop();
    }
    if anchors.last() != Some(&(n, m)) {
        anchors.push((n, m));
    }
    let mut rows = Vec::with_capacity(n + 1);
    let (mut before, mut low) = (0, 0_usize);
    for (i, j) in anchors {
        let row = (low.saturating_sub(window), (j + window).min(m));
        rows.extend(std::iter::repeat_n(row, i - before));
        (before, low) = (i, j);
    }
    rows.insert(0, rows[0]);
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_sentences_in_one_and_one_left_out() {
        // Four axes: the second target says the second and third source.
        let row = |axes: &[usize]| -> Vec<f32> {
            let norm = (axes.len() as f32).sqrt().max(1.0);
            (0..4).map(|axis| if axes.contains(&axis) { 1.0 / norm } else { 0.0 }).collect()
        };
        let side = |layers: [&[&[usize]]; 2]| {
            let n = layers[0].len();
            let values = layers.iter().flat_map(|layer| layer.iter().flat_map(|axes| row(axes))).collect();
            Overlaps::new(values, 2, n, 4).expect("vectors")
        };
        let source = side([&[&[0], &[1], &[2], &[3]], &[&[], &[0, 1], &[1, 2], &[2, 3]]]);
        let target = side([&[&[0], &[1, 2], &[3]], &[&[], &[0, 1, 2], &[1, 2, 3]]]);
        let bytes: [&[usize]; 2] = [&[10, 10, 10, 10, 0, 20, 20, 20], &[10, 20, 10, 0, 30, 30]];
        let options = Options { largest_bead: 3, ..Options::default() };
        let found = bertalign(&source, &target, bytes, options).expect("an alignment");
        let beads: Vec<_> =
            found.beads.iter().map(|bead| (bead.source.clone(), bead.target.clone())).collect();
        assert_eq!(beads, [(0..1, 0..1), (1..3, 1..2), (3..4, 2..3)]);
    }

    #[test]
    fn empty_sides_and_bad_input() {
        let side = |n: usize| Overlaps::new(vec![0.0; 4 * n * 2], 4, n, 2).expect("vectors");
        let zeros = [0_usize; 8];
        let found = bertalign(&side(2), &side(0), [&zeros, &[]], Options::default()).expect("two left out");
        assert_eq!(found.beads.len(), 2);
        // Vectors of nothing, lengths of nothing.
        let found =
            bertalign(&side(2), &side(2), [&zeros, &zeros], Options::default()).expect("an alignment");
        assert_eq!(found.beads.iter().map(|bead| bead.target.len()).sum::<usize>(), 2);
        assert!(bertalign(&side(2), &side(2), [&zeros, &[]], Options::default()).is_err());
        for options in [
            Options { largest_bead: 6, ..Options::default() },
            Options { largest_bead: 1, ..Options::default() },
            Options { neighbours: 0, ..Options::default() },
            Options { skip: f64::NAN, ..Options::default() },
        ] {
            assert!(bertalign(&side(2), &side(2), [&zeros, &zeros], options).is_err());
        }
    }
}
