//! The best partners straight from embeddings, with few exact cosines: bytes say for most pairs that they are not the best.
//!
//! The rows of both sides become bytes, whose products give every cosine to within a proven bound. A pair whose upper bound is
//! below what another of its row has at least is not the best of that row; the same for columns. What is left is computed as
//! [`cosine`](super::similarity::cosine) does, so that links, ties and scores are those of the whole matrix.

use trueline_kernels::cosine_matrix_f32::{cosine_of, norm_of_square};
use trueline_kernels::near_cosine::{
    Bounds, COLUMN, Left, MAX_LEN, ROW, Right, Row, least_of_best, may_be_best, padded_len, products,
    row_len, scores,
};
use trueline_kernels::{Isa, cosine_matrix_f32, dot_f32};

use super::Link;
use super::argmax::Preferences;
use super::fused::ScoredLink;
use super::itermax::{self, Weights};
use crate::Error;

/// Below this many numbers a row, or this many pairs a row, making bytes does not pay.
const LEAST_DIM: usize = 64;
const LEAST_PAIRS: usize = 8;
/// The most pairs, for which some 20 bytes each are kept, and 40 for each that may be best.
const MOST_PAIRS: usize = 1 << 18;

/// How links are read from preferences.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Links {
    /// Pairs that are best for each other: [`mutual_cosine`](super::fused::mutual_cosine).
    Mutual,
    /// [`itermax()`](super::itermax::itermax).
    Itermax(itermax::Options),
    /// The best target of each source.
    Forward,
    /// The best source of each target.
    Reverse,
}

/// Replaces `links` by those between the rows of two sides, sorted, with `(cos + 1) / 2` of each: what the whole matrix of
/// [`cosine`](super::similarity::cosine) has, bit for bit.
///
/// Returns `false`, and leaves `links` empty, where the whole matrix is the way: few pairs, more than 262,144, short or very
/// long rows, rows that are not full, or numbers that are not finite or whose products do not fit `f32`.
///
/// # Shapes
/// `sides`: `[n_source, dim]` and `[n_target, dim]`.
/// # Errors
/// Those of [`itermax()`](super::itermax::itermax).
/// # Cost
/// `O(n_source * n_target * dim)` multiply-adds of bytes in SIMD, and `dim` of floats for each pair that may be best. No allocation
/// once `scratch` and `links` have room.
pub fn links(
    isa: Isa,
    sides: [&[f32]; 2],
    dim: usize,
    how: Links,
    scratch: &mut Scratch,
    links: &mut Vec<ScoredLink>,
) -> Result<bool, Error> {
    links.clear();
    if matches!(how, Links::Itermax(options) if options.alpha < 0.0) {
        return Ok(false);
    }
    let Scratch { table, found, preferences, itermax: of_rounds } = scratch;
    let Some(mut search) = Search::new(isa, sides, dim, table) else { return Ok(false) };
    found.clear();
    match how {
        Links::Mutual => {
            search.prefer(None, Asked::Mutual, preferences);
            preferences.mutual(found);
        }
        Links::Itermax(options) => {
            itermax::rounds(search.n, options, of_rounds, found, |weights, preferences| {
                search.prefer(weights, Asked::Mutual, preferences);
            })?;
        }
        Links::Forward => {
            search.prefer(None, Asked::Rows, preferences);
            preferences.forward(found);
        }
        Links::Reverse => {
            search.prefer(None, Asked::Columns, preferences);
            preferences.reverse(found);
            found.sort_unstable();
        }
    }
    let scored = |link: &Link| ScoredLink { link: *link, score: search.score(link.source, link.target) };
    links.extend(found.iter().map(scored));
    Ok(true)
}

/// Whose best partners are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// Those that are best for each other; what other rows and columns prefer is left open.
    Mutual,
    /// The best column of each row.
    Rows,
    /// The best row of each column.
    Columns,
}

/// Memory of [`links`], for reuse.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    table: Table,
    found: Vec<Link>,
    preferences: Preferences,
    itermax: itermax::Scratch,
}

/// What a [`Search`] works on.
#[derive(Clone, Debug, Default)]
struct Table {
    bytes: [Vec<i8>; 2],
    rows: [Vec<Row>; 2],
    norms: [Vec<f32>; 2],
    units: [Vec<f32>; 2],
    shares: [Vec<f32>; 2],
    products: Vec<i32>,
    scores: Vec<f32>,
    weights: [Vec<f32>; 2],
    second: Vec<bool>,
    least: [Vec<f32>; 2],
    marks: Vec<u8>,
    cosines: Vec<f32>,
    exact: Vec<f64>,
    best: [Vec<(f64, usize)>; 2],
    likely: [Vec<Option<Candidate>>; 2],
    candidates: Vec<Candidate>,
    /// [`ROW`] and [`COLUMN`] where they are needed, else 0.
    needed: [Vec<u8>; 2],
}

/// Two sides whose scores are known to within a bound, and exactly where that was asked.
struct Search<'a> {
    isa: Isa,
    sides: [&'a [f32]; 2],
    dim: usize,
    n: [usize; 2],
    table: &'a mut Table,
}

impl<'a> Search<'a> {
    /// `None` where it does not pay, the rows are not full, or a row's numbers do not fit: the whole matrix is for these.
    fn new(isa: Isa, sides: [&'a [f32]; 2], dim: usize, table: &'a mut Table) -> Option<Self> {
        let full = |side: &[f32]| side.len().is_multiple_of(dim).then(|| side.len() / dim);
        if !(LEAST_DIM..=MAX_LEN).contains(&dim) {
            return None;
        }
        let n = [full(sides[0])?, full(sides[1])?];
        let pairs = n[0].saturating_mul(n[1]);
        if pairs > MOST_PAIRS || pairs < LEAST_PAIRS * (n[0] + n[1]) {
            return None;
        }
        let mut search = Self { isa, sides, dim, n, table };
        search.bound()?;
        Some(search)
    }

    /// Makes scores and bounds.
    fn bound(&mut self) -> Option<()> {
        let (isa, dim, [n, m]) = (self.isa, self.dim, self.n);
        let Table { bytes, rows, norms, units, shares, products: dots, scores: all, exact, .. } = self.table;
        for side in 0..2 {
            bytes[side].resize(self.n[side] * row_len(dim), 0);
            rows[side].resize(self.n[side], Row::default());
        }
        let ([left_bytes, right_bytes], [left_rows, right_rows]) = (bytes, rows);
        let left = Left::quantise(isa, self.sides[0], dim, left_bytes, left_rows);
        let right = Right::quantise(isa, self.sides[1], dim, right_bytes, right_rows);
        for (side, rows) in [left.rows(), right.rows()].into_iter().enumerate() {
            let numbers = self.sides[side].chunks_exact(dim);
            if !rows.iter().zip(numbers).all(|(row, numbers)| fits(row, numbers)) {
                return None;
            }
            norms[side].clear();
            norms[side].extend(rows.iter().map(|row| norm_of_square(row.square)));
            units[side].clear();
            units[side].extend(rows.iter().zip(&norms[side]).map(|(row, norm)| row.step / norm));
        }
        // The product of rows is that of what bytes stand for, but for the product of the one's loss with the other row, and of
        // the other's with the one's bytes. A loss is at most 0.501 steps a number. To it comes what sums of floats, here and in
        // the exact cosine, may be off by.
        let loss = 0.501 * (dim as f32).sqrt();
        let rounding = (dim as f32 / 32.0 + 32.0) * f32::EPSILON;
        let largest = units[0].iter().fold(0.0, |most: f32, unit| most.max(*unit)) * loss;
        for (side, factor) in [(0, loss), (1, loss * (1.0 + largest))] {
            shares[side].clear();
            shares[side].extend(units[side].iter().map(|unit| unit * factor + rounding));
        }
        shares[1].resize(padded_len(m), f32::NAN);
        dots.resize(n * m, 0);
        all.resize(n * padded_len(m), 0.0);
        products(isa, &left, &right, dots);
        scores(isa, dots, &units[0], &units[1], all);
        exact.clear();
        exact.resize(n * m, f64::NAN);
        Some(())
    }

    /// `(cos + 1) / 2` of a pair.
    fn score(&mut self, source: usize, target: usize) -> f64 {
        let at = source * self.n[1] + target;
        if self.table.exact[at].is_nan() {
            let row = |side: usize, at: usize| &self.sides[side][at * self.dim..][..self.dim];
            let dot = dot_f32(self.isa, row(0, source), row(1, target));
            let norms = &self.table.norms;
            let cosine = cosine_of(dot, norms[0][source], norms[1][target]);
            self.table.exact[at] = (f64::from(cosine) + 1.0) / 2.0;
        }
        self.table.exact[at]
    }

    /// Finds the best partners with every score multiplied by its weight; of equals the lower index, as
    /// [`Preferences::assign`] has it. What was not asked for gets no partner, `usize::MAX`.
    fn prefer(&mut self, weights: Option<&Weights>, asked: Asked, found: &mut Preferences) {
        let [n, m] = self.n;
        self.mark(weights);
        self.need(asked);
        for (found, len) in [(&mut found.of_source, n), (&mut found.of_target, m)] {
            found.clear();
            found.resize(len, usize::MAX);
        }
        self.list(weights);
        let (candidates, mut best) =
            (std::mem::take(&mut self.table.candidates), std::mem::take(&mut self.table.best));
        let mut likely = std::mem::take(&mut self.table.likely);
        for (side, len) in self.n.into_iter().enumerate() {
            best[side].clear();
            best[side].resize(len, (f64::NEG_INFINITY, usize::MAX));
            likely[side].clear();
            likely[side].resize(len, None);
        }
        for candidate in &candidates {
            for (side, likely) in likely.iter_mut().enumerate() {
                let likely = &mut likely[candidate.pair[side]];
                if candidate.of[side] && likely.is_none_or(|likely| candidate.near > likely.near) {
                    *likely = Some(*candidate);
                }
            }
        }
        // The likely best first: what it has exactly leaves fewer of the others.
        for candidate in likely.iter().flatten().flatten().chain(&candidates) {
            let reaches = |side: usize| {
                candidate.of[side] && f64::from(candidate.most) >= 2.0 * best[side][candidate.pair[side]].0
            };
            let reached = [reaches(0), reaches(1)];
            if !reached[0] && !reached[1] {
                continue;
            }
            let [i, j] = candidate.pair;
            let value = self.score(i, j) * weights.map_or(1.0, |weights| weights.of(i, j));
            for side in (0..2).filter(|side| reached[*side]) {
                let best = &mut best[side][candidate.pair[side]];
                let other = candidate.pair[1 - side];
                if value > best.0 || (value == best.0 && other < best.1) {
                    *best = (value, other);
                }
            }
        }
        for (found, best) in [&mut found.of_source, &mut found.of_target].into_iter().zip(&best) {
            for (found, best) in found.iter_mut().zip(best).filter(|(_, best)| best.1 != usize::MAX) {
                *found = best.1;
            }
        }
        (self.table.candidates, self.table.best, self.table.likely) = (candidates, best, likely);
    }

    /// Marks the pairs that may be best of their row or column.
    fn mark(&mut self, weights: Option<&Weights>) {
        let ([n, m], padded) = (self.n, padded_len(self.n[1]));
        let Table { scores: all, shares, weights: of_columns, second, least, marks, .. } = &mut *self.table;
        second.clear();
        of_columns.iter_mut().for_each(|weights| weights.clear());
        match weights {
            None => of_columns.iter_mut().for_each(|weights| weights.resize(padded, 1.0)),
            Some(weights) => {
                second.extend(weights.free_source.iter().map(|free| !free));
                for (column, source_is_free) in of_columns.iter_mut().zip([true, false]) {
                    column.extend(
                        (0..m).map(|j| weights.for_free(source_is_free, weights.free_target[j]) as f32),
                    );
                    column.resize(padded, 1.0);
                }
            }
        }
        least[0].resize(n, 0.0);
        least[1].resize(padded, 0.0);
        marks.resize(n * padded, 0);
        let bounds = Bounds {
            scores: all,
            left: &shares[0],
            right: &shares[1],
            weights: [&of_columns[0], &of_columns[1]],
            second,
        };
        let [of_row, of_column] = least;
        least_of_best(self.isa, bounds, of_row, of_column);
        may_be_best(self.isa, bounds, of_row, of_column, marks);
    }

    /// Says whose best is needed: for mutual pairs, those that may be in one.
    fn need(&mut self, asked: Asked) {
        let ([n, m], padded) = (self.n, padded_len(self.n[1]));
        let Table { marks, needed: [of_row, of_column], .. } = &mut *self.table;
        of_row.clear();
        of_row.resize(n, if asked == Asked::Rows { ROW } else { 0 });
        of_column.clear();
        of_column.resize(m, if asked == Asked::Columns { COLUMN } else { 0 });
        of_column.resize(padded, 0);
        if asked == Asked::Mutual {
            for (marks, of_row) in marks.chunks_exact(padded.max(1)).zip(of_row) {
                // The lower bit stays where both are set.
                let both = |_, marks| marks & (marks >> 1) & EACH;
                each_mark(marks, both, |j, _| (*of_row, of_column[j]) = (ROW, COLUMN));
            }
        }
    }

    /// Lists the candidates of all that is needed; computes all pairs at once if that is about half of them, which takes as long.
    fn list(&mut self, weights: Option<&Weights>) {
        let ([n, m], padded) = (self.n, padded_len(self.n[1]));
        let Table { marks, needed, scores: all, shares, candidates, cosines, norms, exact, .. } =
            &mut *self.table;
        candidates.clear();
        let of_columns = needed[1].as_chunks::<8>().0;
        for (i, marks) in marks.chunks_exact(padded.max(1)).enumerate() {
            let of_row = u64::from(needed[0][i]) * EACH;
            let wanted = |block: usize, marks| marks & (u64::from_le_bytes(of_columns[block]) | of_row);
            each_mark(marks, wanted, |j, mark| {
                let weight = weights.map_or(1.0, |weights| weights.of(i, j)) as f32;
                let near = all[i * padded + j];
                let most = (near + (shares[0][i] + shares[1][j])) * weight;
                let of = [mark & ROW != 0, mark & COLUMN != 0];
                candidates.push(Candidate { pair: [i, j], of, near: near * weight, most });
            });
        }
        if candidates.len() < n * m / 2 {
            return;
        }
        cosines.resize(n * m, 0.0);
        cosine_matrix_f32(self.isa, self.sides[0], self.sides[1], [n, m, self.dim], &mut norms[1], cosines);
        for (exact, cosine) in exact.iter_mut().zip(cosines.iter()) {
            *exact = (f64::from(*cosine) + 1.0) / 2.0;
        }
    }
}

/// A pair that may be best.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    pair: [usize; 2],
    /// Of its row, of its column.
    of: [bool; 2],
    /// Its weighted score twice, about, and at most.
    near: f32,
    most: f32,
}

/// The lowest bit of each byte.
const EACH: u64 = 0x0101_0101_0101_0101;

/// Calls `see` with each column whose marks, eight at a time, are not 0 once `pick` has looked at them; in order.
fn each_mark(marks: &[u8], pick: impl Fn(usize, u64) -> u64, mut see: impl FnMut(usize, u8)) {
    for (block, eight) in marks.as_chunks::<8>().0.iter().enumerate() {
        let mut left = pick(block, u64::from_le_bytes(*eight));
        while left != 0 {
            let at = left.trailing_zeros() / 8;
            see(8 * block + at as usize, (left >> (8 * at)) as u8);
            left &= !(0xff << (8 * at));
        }
    }
}

/// Whether sums of products of this row neither overflow nor vanish in `f32`.
fn fits(row: &Row, numbers: &[f32]) -> bool {
    (1e-30..=1e30).contains(&row.square) || (row.square == 0.0 && numbers.iter().all(|x| *x == 0.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoring::align::Matrix;
    use crate::scoring::align::similarity::{Scratch as Whole, cosine};

    /// Rows with many equals, some zero, some alike.
    fn rows(seed: u64, n: usize, dim: usize, kind: usize) -> Vec<f32> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            match kind {
                0 => (state >> 40) as f32 / 16_777_216.0 - 0.5,
                1 => (state >> 62) as f32 - 1.5,
                _ => 1.0 + (state >> 40) as f32 / 1e9,
            }
        };
        let mut all: Vec<f32> = (0..n * dim).map(|_| next()).collect();
        if kind == 1 {
            all[..dim].fill(0.0);
            all.copy_within(dim..2 * dim, 3 * dim);
        }
        all
    }

    #[test]
    fn partners_are_those_of_the_whole_matrix() {
        for (n, m, dim) in [(16, 16, 64), (40, 60, 96), (20, 33, 768), (70, 17, 100), (9, 90, 1100)] {
            for kind in 0..3 {
                let (mut x, mut y) = (rows(1, n, dim, kind), rows(2, m, dim, kind));
                for (x, y) in x.iter_mut().zip(&y) {
                    *x += y * 0.5;
                }
                y[..5 * dim].copy_from_slice(&x[dim..6 * dim]);
                let mut similarity = vec![0.0; n * m];
                cosine(Isa::best(), &x, &y, dim, &mut Whole::default(), &mut similarity).expect("finite");
                let matrix = Matrix::new(&similarity, n, m).expect("finite");
                let (mut want, mut got) = (Preferences::default(), Preferences::default());
                want.assign(matrix);
                let mut table = Table::default();
                for isa in Isa::available() {
                    let mut search = Search::new(isa, [&x, &y], dim, &mut table).expect("it pays");
                    search.prefer(None, Asked::Rows, &mut got);
                    assert_eq!(got.of_source, want.of_source, "{} {n} x {m} x {dim}, {kind}", isa.name());
                    search.prefer(None, Asked::Columns, &mut got);
                    assert_eq!(got.of_target, want.of_target, "{} {n} x {m} x {dim}, {kind}", isa.name());
                    search.prefer(None, Asked::Mutual, &mut got);
                    assert!(got.pairs().eq(want.pairs()), "{} {n} x {m} x {dim}, {kind}", isa.name());
                    for (at, similarity) in similarity.iter().enumerate() {
                        assert_eq!(search.score(at / m, at % m).to_bits(), similarity.to_bits());
                    }
                    // And with weights.
                    let (free_source, free_target): (Vec<bool>, Vec<bool>) =
                        ((0..n).map(|i| i % 3 == 0).collect(), (0..m).map(|j| j % 2 == 0).collect());
                    let weights =
                        Weights { free_source: &free_source, free_target: &free_target, alpha: 0.9 };
                    let how = Links::Itermax(itermax::Options::default());
                    let (mut all, mut plain) = (Vec::new(), Vec::new());
                    let found = links(isa, [&x, &y], dim, how, &mut Scratch::default(), &mut all);
                    assert_eq!(found, Ok(true));
                    let (options, mut memory) = (itermax::Options::default(), itermax::Scratch::default());
                    itermax::itermax(matrix, options, &mut memory, &mut plain).expect("an alpha");
                    assert!(all.iter().map(|l| l.link).eq(plain), "{} {n} x {m} x {dim}, {kind}", isa.name());
                    let mut weighted = Preferences::default();
                    weighted.assign_weighted(matrix, |i, j| weights.of(i, j));
                    let mut search = Search::new(isa, [&x, &y], dim, &mut table).expect("it pays");
                    search.prefer(Some(&weights), Asked::Mutual, &mut got);
                    assert!(got.pairs().eq(weighted.pairs()), "{} {n} x {m} x {dim}, {kind}", isa.name());
                }
            }
        }
    }

    #[test]
    fn few_exact_cosines_are_enough() {
        let (n, m, dim) = (40, 60, 768);
        let (x, mut y) = (rows(1, n, dim, 0), rows(2, m, dim, 0));
        for (y, x) in y.iter_mut().zip(&x) {
            *y += x;
        }
        let mut table = Table::default();
        let mut search = Search::new(Isa::best(), [&x, &y], dim, &mut table).expect("it pays");
        search.prefer(None, Asked::Mutual, &mut Preferences::default());
        let known = search.table.exact.iter().filter(|score| !score.is_nan()).count();
        assert!((n..2 * n).contains(&known), "{known}");
    }

    #[test]
    fn what_does_not_pay_or_fit_is_left() {
        let mut table = Table::default();
        let x = rows(1, 40, 64, 0);
        assert!(Search::new(Isa::best(), [&x, &x], 64, &mut table).is_some());
        assert!(Search::new(Isa::best(), [&x, &x], 0, &mut table).is_none());
        assert!(Search::new(Isa::best(), [&x, &x], 32, &mut table).is_none());
        assert!(Search::new(Isa::best(), [&x[1..], &x], 64, &mut table).is_none());
        assert!(Search::new(Isa::best(), [&x[..64], &x], 64, &mut table).is_none());
        for bad in [f32::NAN, f32::INFINITY, 1e20, 1e-20] {
            let mut y = x.clone();
            y[64..128].fill(bad);
            assert!(Search::new(Isa::best(), [&x, &y], 64, &mut table).is_none(), "{bad}");
        }
    }
}
