//! Optimal transport between the words of two sentences, with entropy: balanced, partial, unbalanced.
//!
//! All in `f64`. The entropy is relative to the all-ones measure, as in the programs that OTAlign (Arase et al. 2023) used;
//! relative to the product of the masses the plans differ unless all masses are 1.

use trueline_kernels::{Isa, exp_f64, least_f64};

use super::Matrix;
use super::scaling::{self, Partial};
use crate::Error;
use crate::scoring::refuse::{all_finite, invalid, same_length};
use crate::scoring::score::softmax::log_sum_exp;

/// When an iteration ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stop {
    /// The largest relative change of a round that counts as none.
    pub change: f64,
    /// The most rounds.
    pub rounds: usize,
}

/// Enough for plans to six digits.
impl Default for Stop {
    fn default() -> Self {
        Self { change: 1e-9, rounds: 10_000 }
    }
}

/// What is transported: a cost for each pair, and how much each position has.
#[derive(Clone, Copy, Debug)]
pub struct Problem<'a> {
    pub(super) cost: Matrix<'a>,
    pub(super) source: &'a [f64],
    pub(super) target: &'a [f64],
}

impl<'a> Problem<'a> {
    /// Checks the masses.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if there is not one mass above 0 and finite for each row
    /// and column.
    pub fn new(cost: Matrix<'a>, source: &'a [f64], target: &'a [f64]) -> Result<Self, Error> {
        for (name, masses, positions) in
            [("source", source, cost.n_source()), ("target", target, cost.n_target())]
        {
            same_length(
                (&format!("{name} masses"), masses.len()),
                (&format!("{name} positions"), positions),
            )?;
            all_finite(&format!("{name} mass"), masses.iter().copied())?;
            if let Some(at) = masses.iter().position(|&mass| mass <= 0.0) {
                return Err(invalid(format!("{name} mass {at} is {}; above 0", masses[at])));
            }
        }
        Ok(Self { cost, source, target })
    }
}

fn positive(name: &str, value: f64) -> Result<(), Error> {
    if value.is_finite() && value > 0.0 {
        return Ok(());
    }
    Err(invalid(format!("{name} is {value}; a finite number above 0")))
}

/// Balanced transport: the plan whose rows and columns sum to the masses, each side's scaled to 1 first.
///
/// Sinkhorn's rounds; on logarithms where `epsilon` is too small for the exponents.
///
/// # Shapes
/// The plan: `[n_source, n_target]`.
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if `epsilon` is not above 0.
/// # Cost
/// Two multiply-adds for each pair and round, in SIMD; two exponentials where it takes logarithms.
/// # Source
/// Cuturi 2013; golden file `ot_solvers.json` (`balanced_sinkhorn_normalised_marginals`).
pub fn balanced(problem: Problem, epsilon: f64, stop: Stop) -> Result<Vec<f64>, Error> {
    let mut plan = vec![0.0; problem.cost.values().len()];
    balanced_into(problem, epsilon, stop, &mut plan)?;
    Ok(plan)
}

/// As [`balanced`], into the caller's memory.
///
/// # Errors
/// Those of [`balanced`], and if `plan` has another length; it is then as it was.
pub fn balanced_into(problem: Problem, epsilon: f64, stop: Stop, plan: &mut [f64]) -> Result<(), Error> {
    positive("epsilon", epsilon)?;
    let Problem { cost, source, target } = problem;
    same_length(("plan", plan.len()), ("pairs", cost.values().len()))?;
    if plan.is_empty() {
        return Ok(());
    }
    let shares = |masses: &[f64]| -> Vec<f64> {
        let sum: f64 = masses.iter().sum();
        masses.iter().map(|mass| mass / sum).collect()
    };
    let logs = |masses: &[f64]| shares(masses).iter().map(|share| libm::log(*share)).collect::<Vec<_>>();
    if !scaling::plan(cost, [&shares(source), &shares(target)], epsilon, None, stop, plan) {
        scaled(cost, [&logs(source), &logs(target)], epsilon, 1.0, stop, plan);
    }
    Ok(())
}

/// Unbalanced transport: `min <C, P> + epsilon sum P (ln P - 1) + tau KL(rows | source) + tau KL(columns | target)`.
///
/// Rounds on scaling vectors, or on their logarithms where numbers do not reach: `f = phi (epsilon ln a - epsilon lse((g - C) / epsilon))` with
/// `phi = tau / (tau + epsilon)`, whose limit is that of the stabilised scaling. Where `stop` allows as many rounds as these are sure to
/// need, each also moves a factor from one side to the other, which finds the same limit in fewer.
///
/// # Shapes
/// The plan: `[n_source, n_target]`.
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if `epsilon` or `tau` is not above 0.
/// # Cost
/// Two multiply-adds for each pair and round, in SIMD; two exponentials where it takes logarithms.
/// # Source
/// Chizat et al. 2018, and for the factor Séjourné et al. 2022; golden file `ot_solvers.json` (`uot`).
pub fn unbalanced(problem: Problem, epsilon: f64, tau: f64, stop: Stop) -> Result<Vec<f64>, Error> {
    let mut plan = vec![0.0; problem.cost.values().len()];
    unbalanced_into(problem, epsilon, tau, stop, &mut plan)?;
    Ok(plan)
}

/// As [`unbalanced`], into the caller's memory.
///
/// # Errors
/// Those of [`unbalanced`], and if `plan` has another length; it is then as it was.
pub fn unbalanced_into(
    problem: Problem,
    epsilon: f64,
    tau: f64,
    stop: Stop,
    plan: &mut [f64],
) -> Result<(), Error> {
    positive("epsilon", epsilon)?;
    positive("tau", tau)?;
    let Problem { cost, source, target } = problem;
    same_length(("plan", plan.len()), ("pairs", cost.values().len()))?;
    if plan.is_empty() {
        return Ok(());
    }
    if !scaling::plan(cost, [source, target], epsilon, Some(tau), stop, plan) {
        let logs = |masses: &[f64]| masses.iter().map(|&mass| libm::log(mass)).collect::<Vec<_>>();
        scaled(cost, [&logs(source), &logs(target)], epsilon, tau / (tau + epsilon), stop, plan);
    }
    Ok(())
}

/// The plan of Sinkhorn's rounds: `f = phi epsilon (ln a - lse((g - C) / epsilon))`, the same for `g`, until they rest.
fn scaled(cost: Matrix, [source, target]: [&[f64]; 2], epsilon: f64, phi: f64, stop: Stop, plan: &mut [f64]) {
    let (m, n) = (cost.n_source(), cost.n_target());
    let (mut f, mut g) = (vec![0.0_f64; m], vec![0.0_f64; n]);
    for _ in 0..stop.rounds {
        let mut change = 0.0_f64;
        for i in 0..m {
            let row = cost.row(i);
            let sum = log_sum_exp((0..n).map(|j| (g[j] - row[j]) / epsilon));
            let new = phi * epsilon * (source[i] - sum);
            change = change.max((new - f[i]).abs());
            f[i] = new;
        }
        for j in 0..n {
            let sum = log_sum_exp((0..m).map(|i| (f[i] - cost.row(i)[j]) / epsilon));
            let new = phi * epsilon * (target[j] - sum);
            change = change.max((new - g[j]).abs());
            g[j] = new;
        }
        if change <= stop.change * epsilon {
            break;
        }
    }
    for ((row, f), costs) in plan.chunks_exact_mut(n).zip(&f).zip(cost.rows()) {
        row.iter_mut().zip(&g).zip(costs).for_each(|((p, g), c)| *p = libm::exp((f + g - c) / epsilon));
    }
}

/// Partial transport of `mass` in all: rows and columns sum to at most the masses.
///
/// Three projections in turn, each with a correction of its own (Dykstra): rows, columns, total.
///
/// # Shapes
/// The plan: `[n_source, n_target]`.
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if `epsilon` is not above 0, or `mass` not in
/// `0..=min(source, target)`.
/// # Cost
/// Two multiply-adds for each pair and round, in SIMD.
/// # Source
/// Benamou et al. 2015; golden file `ot_solvers.json` (`entropic_partial`).
pub fn partial(problem: Problem, epsilon: f64, mass: f64, stop: Stop) -> Result<Vec<f64>, Error> {
    positive("epsilon", epsilon)?;
    let Problem { cost, source, target } = problem;
    let (m, n) = (cost.n_source(), cost.n_target());
    let most = source.iter().sum::<f64>().min(target.iter().sum());
    // As much as sums of the masses lose to rounding.
    if !(0.0..=most * (1.0 + 1e-12)).contains(&mass) {
        return Err(invalid(format!("mass {mass} of at most {most}")));
    }
    if m == 0 || n == 0 || mass == 0.0 {
        return Ok(vec![0.0; m * n]);
    }
    // The factor that the total takes out again keeps the exponents small.
    let least = least_f64(Isa::best(), cost.values());
    let mut table: Vec<f64> = cost.values().iter().map(|c| (least - c) / epsilon).collect();
    exp_f64(Isa::best(), &mut table);
    let total: f64 = table.iter().sum();
    table.iter_mut().for_each(|p| *p *= mass / total);
    let isa = Isa::best();
    let mut scales = Partial::new(m, n);
    let (mut plan, mut before) = (table.clone(), table.clone());
    for round in 0..stop.rounds {
        let looks = round % 10 == 9;
        if looks {
            scales.plan(&table, &mut before);
        }
        scales.round(isa, &table, [source, target], mass);
        if looks || round + 1 == stop.rounds {
            let last = plan.clone();
            scales.plan(&table, &mut plan);
            if plan.iter().any(|p| !p.is_finite()) {
                return Ok(last);
            }
        }
        if looks {
            let change = plan.iter().zip(&before).map(|(p, b)| (p - b).abs()).fold(0.0, f64::max);
            if change <= stop.change * mass {
                break;
            }
        }
    }
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_the_masses() {
        let cost = [0.1, 0.9, 0.4, 0.8, 0.2, 0.6];
        let (a, b) = ([1.0, 3.0], [1.0, 1.0, 2.0]);
        let problem = Problem::new(Matrix::new(&cost, 2, 3).expect("six"), &a, &b).expect("masses");
        let plan = balanced(problem, 0.05, Stop::default()).expect("a plan");
        let row: f64 = plan[..3].iter().sum();
        let column = plan[2] + plan[5];
        assert!((row - 0.25).abs() < 1e-9 && (column - 0.5).abs() < 1e-9, "{plan:?}");
        let plan = partial(problem, 0.05, 1.5, Stop::default()).expect("a plan");
        assert!((plan.iter().sum::<f64>() - 1.5).abs() < 1e-9 && plan[0] + plan[3] < 1.0 + 1e-9);
        // With much to pay for what is not transported, the masses are kept where they can be.
        let even =
            Problem::new(Matrix::new(&cost[..1], 1, 1).expect("one"), &a[..1], &b[..1]).expect("masses");
        let plan = unbalanced(even, 0.05, 1e6, Stop::default()).expect("a plan");
        assert!((plan[0] - 1.0).abs() < 1e-4);
    }

    #[test]
    fn scaling_and_logarithms_find_the_same_plans() {
        let mut state = 3_u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as f64 / f64::from(1_u32 << 31)
        };
        for (m, n) in [(1, 1), (3, 5), (20, 17), (5, 70)] {
            let cost: Vec<f64> = (0..m * n).map(|_| random()).collect();
            let cost = Matrix::new(&cost, m, n).expect("a matrix");
            let (a, b): (Vec<f64>, Vec<f64>) =
                ((0..m).map(|_| random() + 0.1).collect(), (0..n).map(|_| random() + 0.1).collect());
            let logs = |masses: &[f64]| masses.iter().map(|x| libm::log(*x)).collect::<Vec<_>>();
            for (epsilon, phi) in [(0.1, 0.8), (0.02, 0.96), (0.5, 0.1)] {
                let (tau, masses) = (epsilon * phi / (1.0 - phi), [&logs(&a)[..], &logs(&b)]);
                let (mut fast, mut slow) = (vec![0.0; m * n], vec![0.0; m * n]);
                // To the limit, which seven rounds find where `phi` is small, and round by round.
                let of_seven = if phi < 0.5 { 1e-7 } else { 1e-12 };
                for (rounds, near) in [(10_000, 1e-7), (1, 1e-12), (2, 1e-12), (7, of_seven)] {
                    let stop = Stop { rounds, ..Stop::default() };
                    assert!(scaling::plan(cost, [&a, &b], epsilon, Some(tau), stop, &mut fast));
                    scaled(cost, masses, epsilon, phi, stop, &mut slow);
                    let apart = fast.iter().zip(&slow).map(|(x, y)| (x - y).abs()).fold(0.0, f64::max);
                    assert!(apart < near, "{m} x {n}, {epsilon}, {phi}, {rounds}: {apart}");
                }
            }
            // Exponents far below what a number holds: columns still sum to their masses.
            let problem = Problem::new(cost, &a, &b).expect("masses");
            let plan = balanced(problem, 2e-4, Stop { change: 1e-3, rounds: 200 }).expect("a plan");
            let total: f64 = b.iter().sum();
            for (j, mass) in b.iter().enumerate() {
                let sum: f64 = plan.iter().skip(j).step_by(n).sum();
                assert!((sum - mass / total).abs() < 1e-6, "{m} x {n}: {sum}, not {}", mass / total);
            }
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let cost = Matrix::new(&[0.5], 1, 1).expect("one");
        assert!(Problem::new(cost, &[0.0], &[1.0]).is_err_and(|e| e.message.contains("above 0")));
        assert!(Problem::new(cost, &[1.0, 1.0], &[1.0]).is_err());
        let problem = Problem::new(cost, &[1.0], &[1.0]).expect("masses");
        for epsilon in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(balanced(problem, epsilon, Stop::default()).is_err());
            assert!(unbalanced(problem, 0.1, epsilon, Stop::default()).is_err());
        }
        assert!(partial(problem, 0.1, 1.5, Stop::default()).is_err_and(|e| e.message.contains("at most 1")));
        assert!(partial(problem, 0.1, f64::NAN, Stop::default()).is_err());
        let empty = Problem::new(Matrix::new(&[], 0, 2).expect("none"), &[], &[1.0, 1.0]).expect("masses");
        assert_eq!(partial(empty, 0.1, 0.0, Stop::default()), Ok(Vec::new()));
        assert_eq!(balanced(empty, 0.1, Stop::default()), Ok(Vec::new()));
    }
}
