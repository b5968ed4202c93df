//! Word alignment as optimal transport: costs, masses and links around the solvers.

use super::transport::{Problem, Stop, balanced, partial, unbalanced};
use super::{Link, Matrix, flow};
use crate::Error;
use crate::scoring::refuse::{all_finite, invalid, same_length};

/// What a pair of word vectors costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Distance {
    /// One less cosine, spread over `[0, 1]`.
    #[default]
    Cosine,
    /// Euclidean distance, spread over `[0, 1]`.
    Euclidean,
}

/// How much there is of each word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fertility {
    /// 1 of each.
    #[default]
    Uniform,
    /// The length of its vector.
    Norm,
}

/// Which transport problem a plan solves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Method {
    /// None: the plan is one less cost.
    None,
    /// All mass, both sides' scaled to 1; exact, or with entropy of weight `epsilon`.
    Balanced {
        /// The weight of entropy; `None` solves exactly.
        epsilon: Option<f64>,
    },
    /// The share `tau` of the smaller side's mass.
    Partial {
        /// In `[0, 1]`.
        tau: f64,
        /// The weight of entropy; `None` solves exactly.
        epsilon: Option<f64>,
    },
    /// Masses may be missed at a price of `tau` times the divergence.
    Unbalanced {
        /// Above 0.
        tau: f64,
        /// The weight of entropy.
        epsilon: f64,
    },
}

/// The default of OTAlign.
impl Default for Method {
    fn default() -> Self {
        Self::Unbalanced { tau: 0.5, epsilon: 0.1 }
    }
}

/// The threshold for plans of exact solvers: spreading over `[0, 1]` makes about 1e-10 of an exact 0.
pub const POSITIVE: f64 = 1e-6;

/// A plan, and what it was made from.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// `[n_source, n_target]`, spread over `[0, 1]`; with [`Method::None`] one less cost.
    pub plan: Vec<f64>,
    /// `<cost, plan>` before the spreading.
    pub cost: f64,
    /// The plan's sum before the spreading.
    pub mass: f64,
    n_target: usize,
}

impl Plan {
    /// Replaces `links` by the pairs of more than `threshold` ([`POSITIVE`] for exact solvers), sorted.
    pub fn links(&self, threshold: f64, links: &mut Vec<Link>) {
        links.clear();
        let linked = self.plan.iter().enumerate().filter(|(_, p)| **p > threshold);
        links.extend(linked.map(|(at, _)| Link::new(at / self.n_target, at % self.n_target)));
    }
}

/// Spreads values over `[0, 1]`; 1 for all where they do not differ.
fn spread(values: &mut [f64]) {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    values.iter_mut().for_each(|value| *value = (*value - least + 1e-10) / (most - least + 1e-10));
}

/// The factor of the original, which has it in 32 bits.
fn distort(values: &mut [f64], n_source: usize, n_target: usize, ratio: f64) {
    if n_source < 2 || n_target < 2 || ratio == 0.0 {
        return;
    }
    let place = |position: usize, n: usize| (position as f64 / (n - 1) as f64) as f32;
    for (at, value) in values.iter_mut().enumerate() {
        let apart = place(at / n_target, n_source) - place(at % n_target, n_target);
        *value *= f64::from(1.0 - apart * apart * ratio as f32);
    }
}

fn norm(row: &[f64]) -> f64 {
    row.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// The cost of every pair of word vectors, in `[0, 1]`.
///
/// # Shapes
/// `x`: `[n_source, dim]`, `y`: `[n_target, dim]`; the result `[n_source, n_target]`.
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if a length is no multiple of `dim`, `dim` is 0, or a number is
/// not finite.
/// # Cost
/// `O(n_source n_target dim)` in `f64`.
/// # Source
/// Arase, Bao and Yokoi 2023, OTAlign; golden file `otalign.json` (`cost`).
pub fn costs(
    x: &[f64],
    y: &[f64],
    dim: usize,
    distance: Distance,
    distortion: f64,
) -> Result<Vec<f64>, Error> {
    for (name, values) in [("source", x), ("target", y)] {
        if dim == 0 || !values.len().is_multiple_of(dim) {
            return Err(invalid(format!("{} numbers of {name} vectors; a multiple of {dim}", values.len())));
        }
        all_finite(&format!("{name} vectors' number"), values.iter().copied())?;
    }
    all_finite("distortion ratio", [distortion])?;
    let (m, n) = (x.len() / dim, y.len() / dim);
    let pairs = x.chunks_exact(dim).flat_map(|x| y.chunks_exact(dim).map(move |y| (x, y)));
    let mut near: Vec<f64> = match distance {
        Distance::Cosine => {
            let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
            let cosine = |(x, y)| dot(x, y) / (norm(x).max(1e-12) * norm(y).max(1e-12));
            pairs.map(|pair| (cosine(pair) + 1.0) / 2.0).collect()
        }
        Distance::Euclidean => {
            let apart = |(x, y): (&[f64], &[f64])| {
                x.iter().zip(y).map(|(x, y)| (x - y) * (x - y)).sum::<f64>().sqrt()
            };
            let mut far: Vec<f64> = pairs.map(apart).collect();
            spread(&mut far);
            far.iter().map(|far| 1.0 - far).collect()
        }
    };
    distort(&mut near, m, n, distortion);
    spread(&mut near);
    near.iter_mut().for_each(|near| *near = 1.0 - *near);
    Ok(near)
}

/// The mass of each word vector. The length of `vectors` is a multiple of `dim`, which is not 0.
pub fn masses(vectors: &[f64], dim: usize, fertility: Fertility) -> Vec<f64> {
    let rows = vectors.chunks_exact(dim.max(1));
    match fertility {
        Fertility::Uniform => rows.map(|_| 1.0).collect(),
        Fertility::Norm => rows.map(norm).collect(),
    }
}

/// The plan of a method.
///
/// # Shapes
/// `cost`: `[n_source, n_target]`; `source` and `target`: a mass for each row and column, above 0.
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if the masses do not fit, or a weight is out of its range.
/// # Cost
/// That of the solver; see [`flow::exact`] and [`transport`](super::transport).
/// # Source
/// Arase, Bao and Yokoi 2023, OTAlign; golden file `otalign.json`.
pub fn plan(cost: Matrix, source: &[f64], target: &[f64], method: Method, stop: Stop) -> Result<Plan, Error> {
    let n_target = cost.n_target();
    if cost.values().is_empty() {
        same_length(("source masses", source.len()), ("source positions", cost.n_source()))?;
        same_length(("target masses", target.len()), ("target positions", n_target))?;
        return Ok(Plan { plan: Vec::new(), cost: 0.0, mass: 0.0, n_target: n_target.max(1) });
    }
    let problem = Problem::new(cost, source, target)?;
    let share = |masses: &[f64]| -> Vec<f64> {
        let sum: f64 = masses.iter().sum();
        masses.iter().map(|mass| mass / sum).collect()
    };
    let mut plan = match method {
        Method::None => cost.values().iter().map(|cost| 1.0 - cost).collect(),
        Method::Balanced { epsilon: Some(epsilon) } => balanced(problem, epsilon, stop)?,
        Method::Balanced { epsilon: None } => {
            let (source, target) = (share(source), share(target));
            let most = source.iter().sum::<f64>().min(target.iter().sum());
            flow::exact(Problem::new(cost, &source, &target)?, most)?
        }
        Method::Partial { tau, epsilon } => {
            if !(0.0..=1.0).contains(&tau) {
                return Err(invalid(format!("tau is {tau}; in 0 to 1")));
            }
            let mass = tau * source.iter().sum::<f64>().min(target.iter().sum());
            match epsilon {
                Some(epsilon) => partial(problem, epsilon, mass, stop)?,
                None => flow::exact(problem, mass)?,
            }
        }
        Method::Unbalanced { tau, epsilon } => unbalanced(problem, epsilon, tau, stop)?,
    };
    let paid = plan.iter().zip(cost.values()).map(|(p, c)| p * c).sum();
    let mass = plan.iter().sum();
    if method != Method::None {
        spread(&mut plan);
    }
    Ok(Plan { plan, cost: paid, mass, n_target })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_are_alike_are_linked() {
        let (x, y) = ([1.0, 0.0, 0.0, 1.0], [0.1, 1.0, 1.0, 0.1]);
        let cost = costs(&x, &y, 2, Distance::Cosine, 0.0).expect("vectors");
        let ones = [1.0, 1.0];
        let matrix = Matrix::new(&cost, 2, 2).expect("four");
        let mut links = Vec::new();
        for method in [
            Method::None,
            Method::Balanced { epsilon: None },
            Method::Balanced { epsilon: Some(0.1) },
            Method::Partial { tau: 1.0, epsilon: None },
            Method::Unbalanced { tau: 0.5, epsilon: 0.1 },
        ] {
            let plan = plan(matrix, &ones, &ones, method, Stop::default()).expect("a plan");
            plan.links(0.3, &mut links);
            assert_eq!(links, [Link::new(0, 1), Link::new(1, 0)], "{method:?}");
        }
    }

    #[test]
    fn bad_input_is_refused() {
        assert!(costs(&[1.0], &[1.0], 0, Distance::Cosine, 0.0).is_err());
        assert!(costs(&[f64::NAN], &[1.0], 1, Distance::Cosine, 0.0).is_err());
        assert!(costs(&[1.0, 2.0, 3.0], &[1.0, 2.0], 2, Distance::Euclidean, 0.0).is_err());
        let matrix = Matrix::new(&[0.5], 1, 1).expect("one");
        let partial = Method::Partial { tau: 1.5, epsilon: None };
        assert!(plan(matrix, &[1.0], &[1.0], partial, Stop::default()).is_err());
        let empty = Matrix::new(&[], 0, 2).expect("none");
        let plan = plan(empty, &[], &[1.0, 1.0], Method::default(), Stop::default()).expect("an empty plan");
        assert!(plan.plan.is_empty());
    }
}
