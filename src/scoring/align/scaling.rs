//! Sinkhorn's rounds on scaling vectors: two products of a table with a vector, where rounds on logarithms take two
//! exponentials for each pair.
//!
//! The table is `exp((f + g - C) / epsilon)` for potentials `f` and `g`; rounds find the vectors `u` and `v` by which it is
//! scaled. What the vectors gather is moved into the potentials before it could overflow. Where a sum is no normal number the
//! search is given up, and rounds on logarithms do it.

use std::ops::Range;

use trueline_kernels::{
    Isa, add_rows_f64, exp_f64, exp_less_f64, least_f64, log_f64, row_products_f64, scale_cells_f64,
};

use super::Matrix;
use super::transport::Stop;

/// Vectors outside this range and its inverse are moved into the potentials.
const LARGEST: f64 = 1e60;
/// Sums below this lost too much of what they are made of.
const LEAST_SUM: f64 = 1e-200;
/// Numbers of the table that are looked at while they are in the first-level cache.
const BLOCK: usize = 2048;

/// Writes the plan of [`super::transport`]'s rounds, or returns `false` where numbers do not reach: `plan` then has no meaning.
///
/// `masses`: of source and target. `tau`: of unbalanced transport; balanced without.
pub(super) fn plan(
    cost: Matrix,
    masses: [&[f64]; 2],
    epsilon: f64,
    tau: Option<f64>,
    stop: Stop,
    plan: &mut [f64],
) -> bool {
    let (m, n) = (cost.n_source(), cost.n_target());
    let mut search = Search {
        isa: Isa::best(),
        cost,
        masses,
        epsilon,
        phi: tau.map_or(1.0, |tau| tau / (tau + epsilon)),
        f: vec![0.0; m],
        g: vec![0.0; n],
        u: vec![1.0; m],
        v: vec![1.0; n],
        shifts: [vec![1.0; m], vec![1.0; n]],
        table: plan,
        state: State::New,
        sums: [vec![0.0; m], vec![0.0; n]],
        shares: vec![0.0; m.max(n)],
    };
    search.run(tau, stop).is_some()
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
    table: &'a mut [f64],
    state: State,
    sums: [Vec<f64>; 2],
    shares: Vec<f64>,
}

/// What the table is. Each round makes it where it must, row by row as it gets there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Not made yet; the potential of each row will be its least cost.
    New,
    /// Of other potentials.
    Old,
    /// Made.
    Made,
}

/// What a round, or one side of it, did.
#[derive(Clone, Copy)]
struct Step {
    /// The largest relative change of a scale.
    change: f64,
    /// What the plan has in all afterwards.
    mass: f64,
}

impl Search<'_> {
    /// All rounds, and the plan in the place of the table.
    fn run(&mut self, tau: Option<f64>, stop: Stop) -> Option<()> {
        // The first round of u is from v = 1 and g = 0, as on logarithms.
        let mut evens = None;
        for round in 0..stop.rounds {
            let [rows, columns] = self.round()?;
            let mut change = rows.change.max(columns.change);
            if round == 0 {
                evens = tau.filter(|_| self.will_rest(stop));
            }
            if let Some(tau) = evens {
                change = change.max(self.even_out(rows.mass / columns.mass, tau));
            }
            if change <= stop.change {
                break;
            }
            let far = |x: &f64| !(1.0 / LARGEST..=LARGEST).contains(x);
            if round + 1 < stop.rounds && (self.u.iter().any(far) || self.v.iter().any(far)) {
                self.absorb();
            }
        }
        if self.state != State::Made {
            self.make(0..self.u.len());
        }
        scale_cells_f64(self.isa, self.table, &self.u, &self.v).then_some(())
    }

    /// Whether the rounds come to rest before there have been too many, after the first one.
    ///
    /// Each changes the logarithms of the scales by at most `phi` squared times what the one before did: sums of exponentials do not
    /// widen a change, and `phi` narrows it twice.
    fn will_rest(&self, stop: Stop) -> bool {
        let first = self.v.iter().fold(0.0_f64, |most, v| most.max(libm::log(*v).abs()));
        3.0 + libm::log(first / stop.change).max(0.0) / (-2.0 * libm::log(self.phi)) <= stop.rounds as f64
    }

    /// Moves a factor from one side's scales to the other's, as much as is best; how far it is from 1.
    ///
    /// The plan stays, and what the two divergences cost together becomes least: when `e^f = (a / sum)^phi` as after a round,
    /// `a e^(-f / tau)` is what a row of the plan has, and so the sums over either side are the plan's mass after its half of the round. Rounds
    /// alone narrow this difference of the sides by `phi` squared only, however soon the rest of the scales is found.
    fn even_out(&mut self, ratio: f64, tau: f64) -> f64 {
        let factor = libm::pow(ratio, 0.5 * tau / self.epsilon);
        if !(1.0 / LARGEST..=LARGEST).contains(&factor) {
            return 0.0;
        }
        self.u.iter_mut().for_each(|u| *u *= factor);
        self.v.iter_mut().for_each(|v| *v /= factor);
        (factor - 1.0).abs()
    }

    /// Makes rows of the table and what hangs on their potentials, if they are not made.
    fn make(&mut self, rows: Range<usize>) {
        let n = self.g.len();
        let (epsilon, phi) = (self.epsilon, self.phi);
        for i in rows.clone() {
            let costs = self.cost.row(i);
            if self.state == State::New {
                self.f[i] = least_f64(self.isa, costs);
            }
            let row = &mut self.table[i * n..][..n];
            exp_less_f64(self.isa, self.f[i], &self.g, costs, 1.0 / epsilon, row);
        }
        set_shifts(self.isa, &self.f[rows.clone()], phi, epsilon, &mut self.shifts[0][rows]);
    }

    fn absorb(&mut self) {
        for (potentials, scales) in [(&mut self.f, &mut self.u), (&mut self.g, &mut self.v)] {
            potentials.iter_mut().zip(scales.iter()).for_each(|(p, s)| *p += self.epsilon * libm::log(*s));
            scales.fill(1.0);
        }
        set_shifts(self.isa, &self.g, self.phi, self.epsilon, &mut self.shifts[1]);
        self.state = State::Old;
    }

    /// One round, of the rows and of the columns.
    fn round(&mut self) -> Option<[Step; 2]> {
        let (m, n) = (self.u.len(), self.g.len());
        let mut of_rows = Step { change: 0.0, mass: 0.0 };
        self.sums[1].fill(0.0);
        let height = (BLOCK / n).max(4);
        for first in (0..m).step_by(height) {
            let rows = first..m.min(first + height);
            if self.state != State::Made {
                self.make(rows.clone());
            }
            let table = &self.table[rows.start * n..rows.end * n];
            let [row_sums, column_sums] = &mut self.sums;
            let sums = &mut row_sums[rows.clone()];
            row_products_f64(self.isa, table, &self.v, sums);
            let of_block = [&self.masses[0][rows.clone()], &self.shifts[0][rows.clone()]];
            let u = &mut self.u[rows];
            let step = scale(self.isa, of_block, sums, self.phi, &mut self.shares, u)?;
            of_rows = Step { change: of_rows.change.max(step.change), mass: of_rows.mass + step.mass };
            add_rows_f64(self.isa, table, u, column_sums);
        }
        self.state = State::Made;
        let of_columns = [self.masses[1], &self.shifts[1]];
        let columns = scale(self.isa, of_columns, &self.sums[1], self.phi, &mut self.shares, &mut self.v)?;
        Some([of_rows, columns])
    }
}

/// What potentials leave of a round's result.
fn set_shifts(isa: Isa, potentials: &[f64], phi: f64, epsilon: f64, shifts: &mut [f64]) {
    if phi != 1.0 {
        shifts.iter_mut().zip(potentials).for_each(|(s, p)| *s = (phi - 1.0) * p / epsilon);
        exp_f64(isa, shifts);
    }
}

/// Replaces scales by `(mass / sum)^phi shift`, with `shares` as scratch.
fn scale(
    isa: Isa,
    [masses, shifts]: [&[f64]; 2],
    sums: &[f64],
    phi: f64,
    shares: &mut [f64],
    scales: &mut [f64],
) -> Option<Step> {
    if !sums.iter().all(|sum| (LEAST_SUM..=1.0 / LEAST_SUM).contains(sum)) {
        return None;
    }
    let shares = &mut shares[..sums.len()];
    shares.iter_mut().zip(sums).zip(masses).for_each(|((share, sum), mass)| *share = mass / sum);
    if phi != 1.0 {
        log_f64(isa, shares);
        shares.iter_mut().for_each(|share| *share *= phi);
        exp_f64(isa, shares);
    }
    let mut step = Step { change: 0.0, mass: 0.0 };
    let mut fine = true;
    for (((scale, power), shift), sum) in scales.iter_mut().zip(shares.iter()).zip(shifts).zip(sums) {
        let new = power * shift;
        fine &= (LEAST_SUM..=1.0 / LEAST_SUM).contains(&new);
        step.change = step.change.max((new / *scale - 1.0).abs());
        step.mass += new * sum;
        *scale = new;
    }
    fine.then_some(step)
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
