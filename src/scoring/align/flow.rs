//! Exact transport: the plan of least cost.

use super::simplex::{Costs, cheapest};
use super::transport::Problem;
use crate::Error;
use crate::scoring::refuse::invalid;

/// What is left of a mass counts as nothing below this share of the whole: sums of the masses round.
const REST: f64 = 1e-14;
/// Bits of the whole mass, as a whole number.
const BITS: i32 = 60;

/// The plan of least cost that moves `mass` in all, taking at most each source's and filling at most each target's mass.
///
/// With `mass` equal to both sums this is balanced transport. Where several plans are best, which is found is
/// unspecified, but the same on every run and CPU. Masses are kept to within 2^-60 of their sum, and costs to what a sum of as many of them
/// as there are positions rounds.
///
/// # Shapes
/// The plan: `[n_source, n_target]`.
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if `mass` is not in `0..=min(sum of source, sum of target)`, or a sum is
/// not finite.
/// # Cost
/// For each pivot a few rows, in SIMD, and part of a tree of all positions.
/// # Source
/// The network simplex (Dantzig 1951; Cunningham 1976); golden file `otalign.json`.
pub fn exact(problem: Problem, mass: f64) -> Result<Vec<f64>, Error> {
    let (all_source, all_target) = (problem.source.iter().sum::<f64>(), problem.target.iter().sum::<f64>());
    if !(all_source.is_finite() && all_target.is_finite()) {
        return Err(invalid(format!("masses sum to {all_source} and {all_target}; to finite numbers")));
    }
    let most = all_source.min(all_target);
    if !(0.0..=most * (1.0 + 1e-12)).contains(&mass) {
        return Err(invalid(format!("mass {mass} of at most {most}")));
    }
    let (m, n) = (problem.cost.n_source(), problem.cost.n_target());
    let mut plan = vec![0.0; m * n];
    if plan.is_empty() || mass <= REST * most {
        return Ok(plan);
    }
    let digit = libm::ilogb(all_source.max(all_target)) - BITS;
    let whole = |mass: f64| libm::round(libm::scalbn(mass, -digit)) as i64;
    let wholes = |masses: &[f64]| masses.iter().map(|mass| whole(*mass).max(1)).collect::<Vec<_>>();
    let (mut source, mut target) = (wholes(problem.source), wholes(problem.target));
    set_aside(&mut source, &mut target, whole(mass.min(most)));
    cheapest(&Costs::new(problem.cost), &source, &target, |i, j, flow| {
        if i < m && j < n {
            plan[i * n + j] = libm::scalbn(flow as f64, digit);
        }
    });
    Ok(plan)
}

/// Gives the source and the target that stand for what stays, if anything does, so that both sides have as much.
fn set_aside(source: &mut Vec<i64>, target: &mut Vec<i64>, moved: i64) {
    let apart = source.iter().sum::<i64>() - target.iter().sum::<i64>();
    let rest = (REST * (1_i64 << BITS) as f64) as i64 + (source.len() + target.len()) as i64;
    let (stays, lacks) = (source.iter().sum::<i64>() - moved, target.iter().sum::<i64>() - moved);
    match (stays > rest, lacks > rest) {
        (true, true) => {
            target.push(stays);
            source.push(lacks);
        }
        (true, false) => target.push(apart),
        (false, true) => source.push(-apart),
        (false, false) => {
            // What sums round goes to the largest.
            let side = if apart > 0 { target } else { source };
            if let Some(largest) = side.iter_mut().max() {
                *largest += apart.abs();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Matrix;
    use super::*;

    const NONE: usize = usize::MAX;

    /// Another way to the same cost: shortest paths from what is left, one after the other (Edmonds and Karp 1972).
    fn by_paths(problem: Problem, mass: f64) -> Vec<f64> {
        let most = problem.source.iter().sum::<f64>().min(problem.target.iter().sum());
        let mut search = Search::new(problem);
        let mut left = mass.min(most);
        while left > REST * most {
            let Some(column) = search.shortest_path() else { break };
            let moved = search.bottleneck(column).min(left);
            search.augment(column, moved);
            left -= moved;
        }
        search.plan
    }

    struct Search<'a> {
        problem: Problem<'a>,
        /// Cost of a cell less the least of all, so that none is negative: every unit moved pays the same difference.
        least: f64,
        plan: Vec<f64>,
        supply: Vec<f64>,
        demand: Vec<f64>,
        rest: [f64; 2],
        /// Potentials: the cost of an arc from x to y plus that of x less that of y is never negative.
        row_potential: Vec<f64>,
        column_potential: Vec<f64>,
        row_distance: Vec<f64>,
        column_distance: Vec<f64>,
        row_done: Vec<bool>,
        column_done: Vec<bool>,
        /// The column that a row was reached from, or none if it has supply of its own; the row before each column.
        before_row: Vec<usize>,
        before_column: Vec<usize>,
    }

    impl<'a> Search<'a> {
        fn new(problem: Problem<'a>) -> Self {
            let (m, n) = (problem.cost.n_source(), problem.cost.n_target());
            let sum = |masses: &[f64]| masses.iter().sum::<f64>() * REST;
            Self {
                least: problem.cost.values().iter().copied().fold(f64::INFINITY, f64::min),
                plan: vec![0.0; m * n],
                supply: problem.source.to_vec(),
                demand: problem.target.to_vec(),
                rest: [sum(problem.source), sum(problem.target)],
                row_potential: vec![0.0; m],
                column_potential: vec![0.0; n],
                row_distance: vec![0.0; m],
                column_distance: vec![0.0; n],
                row_done: vec![false; m],
                column_done: vec![false; n],
                before_row: vec![NONE; m],
                before_column: vec![NONE; n],
                problem,
            }
        }

        /// Finds the cheapest way from any supply to any demand, and the column that it ends in.
        fn shortest_path(&mut self) -> Option<usize> {
            let (m, n) = (self.supply.len(), self.demand.len());
            // Rows with supply start level: what their potentials differ by is the cost of the arc before them.
            let top = (0..m).filter(|&i| self.supply[i] > self.rest[0]).map(|i| self.row_potential[i]);
            let top = top.fold(f64::NEG_INFINITY, f64::max);
            for i in 0..m {
                let open = self.supply[i] > self.rest[0];
                self.row_distance[i] = if open { top - self.row_potential[i] } else { f64::INFINITY };
                (self.row_done[i], self.before_row[i]) = (false, NONE);
            }
            self.column_distance.fill(f64::INFINITY);
            self.column_done.fill(false);
            // What ends a path is its length plus the potential of its last column.
            let (mut end, mut length) = (NONE, f64::INFINITY);
            let bottom = (0..n).filter(|&j| self.demand[j] > self.rest[1]).map(|j| self.column_potential[j]);
            let bottom = bottom.fold(f64::INFINITY, f64::min);
            loop {
                let nearest = |distance: &[f64], done: &[bool]| {
                    let open = distance.iter().zip(done).enumerate().filter(|(_, (_, done))| !**done);
                    open.fold(
                        (NONE, f64::INFINITY),
                        |best, (at, (d, _))| if *d < best.1 { (at, *d) } else { best },
                    )
                };
                let (row, to_row) = nearest(&self.row_distance, &self.row_done);
                let (column, to_column) = nearest(&self.column_distance, &self.column_done);
                if to_row.min(to_column) >= length || (row == NONE && column == NONE) {
                    break;
                }
                if to_row <= to_column {
                    self.row_done[row] = true;
                    let (costs, potential) = (self.problem.cost.row(row), self.row_potential[row]);
                    for (j, cost) in costs.iter().enumerate() {
                        let arc = (cost - self.least + potential - self.column_potential[j]).max(0.0);
                        if !self.column_done[j] && to_row + arc < self.column_distance[j] {
                            self.column_distance[j] = to_row + arc;
                            self.before_column[j] = row;
                        }
                    }
                    continue;
                }
                self.column_done[column] = true;
                if self.demand[column] > self.rest[1] {
                    let to_end = to_column + self.column_potential[column] - bottom;
                    if to_end < length {
                        (end, length) = (column, to_end);
                    }
                }
                for i in 0..m {
                    // Back along what already flows.
                    if !self.row_done[i] && self.plan[i * n + column] > 0.0 {
                        let cost = self.problem.cost.row(i)[column] - self.least;
                        let arc = (self.column_potential[column] - cost - self.row_potential[i]).max(0.0);
                        if to_column + arc < self.row_distance[i] {
                            self.row_distance[i] = to_column + arc;
                            self.before_row[i] = column;
                        }
                    }
                }
            }
            if end == NONE {
                return None;
            }
            let raise = |potential: &mut [f64], distance: &[f64]| {
                potential.iter_mut().zip(distance).for_each(|(p, d)| *p += d.min(length));
            };
            raise(&mut self.row_potential, &self.row_distance);
            raise(&mut self.column_potential, &self.column_distance);
            Some(end)
        }

        /// The arcs of the path to a column, last first: each a row, the column after it, and the column before it if any.
        fn arcs(&self, column: usize) -> impl Iterator<Item = (usize, usize, usize)> + '_ {
            std::iter::successors(Some(column), |column| {
                let before = self.before_row[self.before_column[*column]];
                (before != NONE).then_some(before)
            })
            .map(|column| (self.before_column[column], column, self.before_row[self.before_column[column]]))
        }

        fn bottleneck(&self, column: usize) -> f64 {
            let n = self.demand.len();
            self.arcs(column).fold(self.demand[column], |least, (row, _, before)| match before {
                NONE => least.min(self.supply[row]),
                before => least.min(self.plan[row * n + before]),
            })
        }

        fn augment(&mut self, column: usize, moved: f64) {
            let n = self.demand.len();
            self.demand[column] -= moved;
            let mut at = column;
            loop {
                let row = self.before_column[at];
                self.plan[row * n + at] += moved;
                let before = self.before_row[row];
                if before == NONE {
                    self.supply[row] -= moved;
                    return;
                }
                self.plan[row * n + before] -= moved;
                at = before;
            }
        }
    }

    fn cost_of(plan: &[f64], cost: &[f64]) -> f64 {
        plan.iter().zip(cost).map(|(p, c)| p * c).sum()
    }

    #[test]
    fn the_best_plan_undoes_a_greedy_one() {
        // Greedy takes the 0, and pays 10 for the other corner.
        let cost = [0.0, 1.0, 1.0, 10.0];
        let problem =
            Problem::new(Matrix::new(&cost, 2, 2).expect("four"), &[1.0, 1.0], &[1.0, 1.0]).expect("masses");
        assert_eq!(exact(problem, 2.0).expect("a plan"), [0.0, 1.0, 1.0, 0.0]);
        assert_eq!(exact(problem, 1.0).expect("a plan"), [1.0, 0.0, 0.0, 0.0]);
        assert_eq!(exact(problem, 0.0).expect("a plan"), [0.0; 4]);
        for mass in [-1.0, 2.1, f64::NAN] {
            assert!(exact(problem, mass).is_err_and(|e| e.message.contains("of at most 2")), "{mass}");
        }
    }

    #[test]
    fn masses_are_kept_and_no_cycle_gains() {
        let mut state = 7_u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as f64 / f64::from(1_u32 << 31) - 0.3
        };
        for (m, n) in [(1, 1), (3, 5), (8, 8), (20, 13)] {
            let cost: Vec<f64> = (0..m * n).map(|_| random()).collect();
            let (a, b): (Vec<f64>, Vec<f64>) =
                ((0..m).map(|_| random() + 0.4).collect(), (0..n).map(|_| random() + 0.4).collect());
            let problem = Problem::new(Matrix::new(&cost, m, n).expect("a matrix"), &a, &b).expect("masses");
            let most = a.iter().sum::<f64>().min(b.iter().sum());
            for mass in [most, most / 3.0] {
                let plan = exact(problem, mass).expect("a plan");
                assert!((plan.iter().sum::<f64>() - mass).abs() < 1e-9 && plan.iter().all(|p| *p >= 0.0));
                assert!((0..m).all(|i| plan[i * n..][..n].iter().sum::<f64>() <= a[i] + 1e-9));
                assert!((0..n).all(|j| plan.iter().skip(j).step_by(n).sum::<f64>() <= b[j] + 1e-9));
                // Swapping mass between two cells of the plan and their crossings never gains.
                for (x, y) in (0..m * n).flat_map(|x| (0..m * n).map(move |y| (x, y))) {
                    if plan[x] > 1e-9 && plan[y] > 1e-9 {
                        let crossed = cost[x / n * n + y % n] + cost[y / n * n + x % n];
                        assert!(
                            crossed >= cost[x] + cost[y] - 1e-9,
                            "{m}x{n} {x} {y} {}",
                            cost_of(&plan, &cost)
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn masses_without_a_finite_sum_are_refused() {
        let (cost, half) = ([0.0, 1.0], [f64::MAX; 2]);
        let cost = Matrix::new(&cost, 1, 2).expect("two");
        let problem = Problem::new(cost, &half[..1], &half).expect("finite masses");
        assert!(exact(problem, 1.0).is_err_and(|e| e.message.contains("inf")));
        let problem = Problem::new(cost, &half[..1], &[1.0, 2.0]).expect("finite masses");
        assert!(exact(problem, 3.0).is_ok_and(|plan| plan.iter().all(|p| p.is_finite())));
    }

    #[test]
    fn plans_cost_what_those_by_paths_do() {
        let mut state = 11_u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        let shapes = [(1, 1), (1, 7), (7, 1), (2, 2), (3, 5), (8, 8), (13, 20), (40, 60), (50, 50)];
        for (m, n) in shapes {
            for kind in 0..12 {
                let few = |x: f64| (x * 4.0).floor();
                // Few values of costs, of masses, of both; all the same; huge, tiny and far from 0.
                let cost = |x: f64| match kind % 6 {
                    1 | 3 => few(x),
                    2 => (x - 0.5) * 1e300,
                    4 => 1e5 + x,
                    5 => 0.25,
                    _ => x - 0.5,
                };
                let weigh = |x: f64| match kind {
                    0..3 => 1.0,
                    3..6 => few(x) + 1.0,
                    6..9 => x * x * x + 1e-12,
                    _ => x + 0.01,
                };
                let costs: Vec<f64> = (0..m * n).map(|_| cost(random())).collect();
                let (a, b): (Vec<f64>, Vec<f64>) =
                    ((0..m).map(|_| weigh(random())).collect(), (0..n).map(|_| weigh(random())).collect());
                let (all_a, all_b) = (a.iter().sum::<f64>(), b.iter().sum::<f64>());
                let shares: Vec<f64> = b.iter().map(|b| b * all_a / all_b).collect();
                let size = costs.iter().fold(0.0, |size: f64, c| size.max(c.abs()));
                for (b, share) in [(&b, 1.0), (&b, 0.4), (&shares, 1.0), (&shares, 0.999)] {
                    let matrix = Matrix::new(&costs, m, n).expect("a matrix");
                    let problem = Problem::new(matrix, &a, b).expect("masses");
                    let mass = share * all_a.min(b.iter().sum());
                    let (got, want) = (exact(problem, mass).expect("a plan"), by_paths(problem, mass));
                    let (paid, least) = (cost_of(&got, &costs), cost_of(&want, &costs));
                    let name = format!("{m} x {n}, {kind}, {share}");
                    assert!((paid - least).abs() <= 1e-12 * size * mass, "{name}: {paid}, not {least}");
                    assert!(got.iter().all(|p| *p >= 0.0), "{name}");
                    assert!((got.iter().sum::<f64>() - mass).abs() <= 1e-12 * mass, "{name}");
                    assert!((0..m).all(|i| got[i * n..][..n].iter().sum::<f64>() <= a[i] + 1e-12 * mass));
                    let column = |j: usize| got.iter().skip(j).step_by(n).sum::<f64>();
                    assert!((0..n).all(|j| column(j) <= b[j] + 1e-12 * mass), "{name}");
                    assert!(got.iter().filter(|p| **p > 0.0).count() < m + n + 2, "{name}");
                }
            }
        }
    }
}
