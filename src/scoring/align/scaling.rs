//! Sinkhorn's rounds on scaling vectors: two products of a table with a vector, where rounds on logarithms take two
//! exponentials for each pair.
//!
//! The table is `exp((f + g - C) / epsilon)` for potentials `f` and `g`; rounds find the vectors `u` and `v` by which it is
//! scaled. What the vectors gather is moved into the potentials before it could overflow. Where a sum is no normal number the
//! search is given up, and rounds on logarithms do it.

use trueline_kernels::{Isa, add_rows_f64, exp_f64, log_f64, row_products_f64};

use super::Matrix;
use super::transport::Stop;

/// Vectors outside this range and its inverse are moved into the potentials.
const LARGEST: f64 = 1e60;
/// Sums below this lost too much of what they are made of.
const LEAST_SUM: f64 = 1e-200;
/// Numbers of the table that are looked at while they are in the first-level cache.
const BLOCK: usize = 2048;

/// The plan of [`super::transport`]'s rounds, or `None` where numbers do not reach.
///
/// `masses`: of source and target. `phi` is 1 for balanced transport.
pub(super) fn plan(
    cost: Matrix,
    masses: [&[f64]; 2],
    epsilon: f64,
    phi: f64,
    stop: Stop,
) -> Option<Vec<f64>> {
    let (m, n) = (cost.n_source(), cost.n_target());
    let mut search = Search {
        isa: Isa::best(),
        cost,
        masses,
        epsilon,
        phi,
        f: (0..m).map(|i| least(cost.row(i))).collect(),
        g: vec![0.0; n],
        u: vec![1.0; m],
        v: vec![1.0; n],
        shifts: [vec![1.0; m], vec![1.0; n]],
        table: vec![0.0; m * n],
        sums: [vec![0.0; m], vec![0.0; n]],
    };
    // The first round of u is from v = 1 and g = 0, as on logarithms.
    search.tabulate();
    for _ in 0..stop.rounds {
        let change = search.round()?;
        if change <= stop.change {
            break;
        }
        let far = |x: &f64| !(1.0 / LARGEST..=LARGEST).contains(x);
        if search.u.iter().any(far) || search.v.iter().any(far) {
            search.absorb();
        }
    }
    let Search { mut table, u, v, .. } = search;
    for (row, u) in table.chunks_exact_mut(n).zip(&u) {
        row.iter_mut().zip(&v).for_each(|(cell, v)| *cell = *cell * u * v);
    }
    table.iter().fold(true, |fine, p| fine & p.is_finite()).then_some(table)
}

struct Search<'a> {
    isa: Isa,
    cost: Matrix<'a>,
    masses: [&'a [f64]; 2],
    epsilon: f64,
    phi: f64,
    f: Vec<f64>,
    g: Vec<f64>,
    u: Vec<f64>,
    v: Vec<f64>,
    /// What the potentials leave of a round's result, for either side: `exp((phi - 1) f / epsilon)`.
    shifts: [Vec<f64>; 2],
    /// `[m, n]`
    table: Vec<f64>,
    sums: [Vec<f64>; 2],
}

impl Search<'_> {
    /// Makes the table and what hangs on the potentials.
    fn tabulate(&mut self) {
        let (epsilon, inverse) = (self.epsilon, 1.0 / self.epsilon);
        let rows = self.table.chunks_exact_mut(self.g.len()).zip(&self.f).enumerate();
        for (i, (row, f)) in rows {
            for ((cell, g), c) in row.iter_mut().zip(&self.g).zip(self.cost.row(i)) {
                *cell = (f + g - c) * inverse;
            }
            exp_f64(self.isa, row);
        }
        let phi = self.phi;
        for (shifts, potentials) in self.shifts.iter_mut().zip([&self.f, &self.g]) {
            let shift = |p: &f64| if phi == 1.0 { 1.0 } else { libm::exp((phi - 1.0) * p / epsilon) };
            shifts.iter_mut().zip(potentials).for_each(|(s, p)| *s = shift(p));
        }
    }

    fn absorb(&mut self) {
        for (potentials, scales) in [(&mut self.f, &mut self.u), (&mut self.g, &mut self.v)] {
            potentials.iter_mut().zip(scales.iter()).for_each(|(p, s)| *p += self.epsilon * libm::log(*s));
            scales.fill(1.0);
        }
        self.tabulate();
    }

    /// One round of both sides; the largest relative change.
    fn round(&mut self) -> Option<f64> {
        let n = self.g.len();
        let mut change = 0.0_f64;
        let [row_sums, column_sums] = &mut self.sums;
        column_sums.fill(0.0);
        let height = (BLOCK / n).max(4);
        for (block, table) in self.table.chunks(height * n).enumerate() {
            let rows = block * height..block * height + table.len() / n;
            let sums = &mut row_sums[rows.clone()];
            row_products_f64(self.isa, table, &self.v, sums);
            let of_block = [&self.masses[0][rows.clone()], &self.shifts[0][rows.clone()]];
            change = change.max(scale(self.isa, of_block, sums, self.phi, &mut self.u[rows.clone()])?);
            add_rows_f64(self.isa, table, &self.u[rows], column_sums);
        }
        let of_columns = [self.masses[1], &self.shifts[1]];
        Some(change.max(scale(self.isa, of_columns, column_sums, self.phi, &mut self.v)?))
    }
}

/// The least of some numbers; side by side, or each comparison would wait for the one before.
pub(super) fn least(values: &[f64]) -> f64 {
    let mut lanes = [f64::INFINITY; 8];
    let (blocks, tail) = values.as_chunks::<8>();
    for block in blocks {
        for lane in 0..8 {
            lanes[lane] = if block[lane] < lanes[lane] { block[lane] } else { lanes[lane] };
        }
    }
    lanes.iter().chain(tail).copied().fold(f64::INFINITY, f64::min)
}

/// Replaces scales by `(mass / sum)^phi shift`, with `sums` as scratch; the largest relative change.
fn scale(
    isa: Isa,
    [masses, shifts]: [&[f64]; 2],
    sums: &mut [f64],
    phi: f64,
    scales: &mut [f64],
) -> Option<f64> {
    if !sums.iter().all(|sum| (LEAST_SUM..=1.0 / LEAST_SUM).contains(sum)) {
        return None;
    }
    sums.iter_mut().zip(masses).for_each(|(sum, mass)| *sum = mass / *sum);
    if phi != 1.0 {
        log_f64(isa, sums);
        sums.iter_mut().for_each(|share| *share *= phi);
        exp_f64(isa, sums);
    }
    let mut change = 0.0_f64;
    let mut fine = true;
    for ((scale, power), shift) in scales.iter_mut().zip(sums.iter()).zip(shifts) {
        let new = power * shift;
        fine &= (LEAST_SUM..=1.0 / LEAST_SUM).contains(&new);
        change = change.max((new / *scale - 1.0).abs());
        *scale = new;
    }
    fine.then_some(change)
}

/// The scaling vectors of partial transport: rows and columns of at most the masses, `mass` in all, from a table whose sum
/// is `mass`.
///
/// Dykstra's three projections scale rows, columns and all; so do their corrections, each the inverse of what its projection
/// took away. So vectors are all that is kept, and the plan is `table[i, j] x[i] y[j]`.
pub(super) struct Partial {
    pub(super) x: Vec<f64>,
    pub(super) y: Vec<f64>,
    of_rows: Vec<f64>,
    of_columns: Vec<f64>,
    sums: Vec<f64>,
}

impl Partial {
    pub(super) fn new(m: usize, n: usize) -> Self {
        Self {
            x: vec![1.0; m],
            y: vec![1.0; n],
            of_rows: vec![1.0; m],
            of_columns: vec![1.0; n],
            sums: vec![0.0; m.max(n)],
        }
    }

    /// One round of the three.
    pub(super) fn round(&mut self, isa: Isa, table: &[f64], masses: [&[f64]; 2], mass: f64) {
        let clip = |scales: &mut [f64], corrections: &mut [f64], sums: &[f64], masses: &[f64]| {
            for (((scale, correction), sum), mass) in scales.iter_mut().zip(corrections).zip(sums).zip(masses)
            {
                let before = *scale * *correction;
                let share = (mass / (before * sum)).min(1.0);
                *scale = before * share;
                *correction = if *scale > 0.0 { before / *scale } else { 1.0 };
            }
        };
        let row_sums = &mut self.sums[..self.x.len()];
        row_products_f64(isa, table, &self.y, row_sums);
        clip(&mut self.x, &mut self.of_rows, row_sums, masses[0]);
        let column_sums = &mut self.sums[..self.y.len()];
        column_sums.fill(0.0);
        add_rows_f64(isa, table, &self.x, column_sums);
        clip(&mut self.y, &mut self.of_columns, column_sums, masses[1]);
        let total: f64 = column_sums.iter().zip(&self.y).map(|(sum, y)| sum * y).sum();
        // Its correction is undone by its projection: the total is `mass` whatever came before.
        self.x.iter_mut().for_each(|x| *x *= mass / total);
    }

    /// Writes the plan.
    pub(super) fn plan(&self, table: &[f64], plan: &mut [f64]) {
        let n = self.y.len();
        for ((row, cells), x) in plan.chunks_exact_mut(n).zip(table.chunks_exact(n)).zip(&self.x) {
            for ((p, cell), y) in row.iter_mut().zip(cells).zip(&self.y) {
                *p = cell * x * y;
            }
        }
    }
}
