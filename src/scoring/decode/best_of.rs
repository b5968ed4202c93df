//! Best-of-n: the choice, what it costs in distance from the base model, and rewards made comparable.

use crate::Error;
use crate::scoring::order;
use crate::scoring::refuse::{all_finite, invalid, same_length};

/// The position of the largest score that is a number; the lowest of equals. `None` if there is none.
pub fn best(scores: &[f64]) -> Option<usize> {
    first(scores, |score, other| score > other)
}

/// The position of the smallest score that is a number; the lowest of equals. `None` if there is none.
pub fn worst(scores: &[f64]) -> Option<usize> {
    first(scores, |score, other| score < other)
}

fn first(scores: &[f64], is_better: impl Fn(f64, f64) -> bool) -> Option<usize> {
    let mut found: Option<(usize, f64)> = None;
    for (at, &score) in scores.iter().enumerate() {
        if !score.is_nan() && found.is_none_or(|(_, other)| is_better(score, other)) {
            found = Some((at, score));
        }
    }
    found.map(|(at, _)| at)
}

/// At most so far, in nats, the best of `n` is from the base model: `ln n - (n-1)/n`.
///
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) for 0.
pub fn kl_bound(n: u64) -> Result<f64, Error> {
    let n = at_least_one(n)?;
    Ok(libm::log(n) - (n - 1.0) / n)
}

/// How often the best of `n` beats one sample of the base model, ties half: `n / (n+1)`.
///
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) for 0.
pub fn win_rate(n: u64) -> Result<f64, Error> {
    let n = at_least_one(n)?;
    Ok(n / (n + 1.0))
}

fn at_least_one(n: u64) -> Result<f64, Error> {
    if n == 0 { Err(invalid("the best of 0; of at least 1")) } else { Ok(n as f64) }
}

/// The law of the best of `n` over a finite list of outputs.
#[derive(Clone, Debug, PartialEq)]
pub struct Law {
    /// The probability of each output; ties share theirs as the base model does.
    pub probabilities: Vec<f64>,
    /// `sum q ln(q / p)`.
    pub kl: f64,
    /// `P(reward of a draw > that of the base's) + P(equal) / 2`.
    pub win_rate: f64,
}

/// The exact law: an output of reward `r` has `p (F(r)^n - F(r-)^n) / (F(r) - F(r-))`.
///
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if the lists differ in length, a number is not finite, a
/// probability is below 0 or they do not sum to 1 within 1e-6, or `n` is 0.
/// # Cost
/// A sort.
/// # Source
/// Gui et al. 2024 (BoNBoN); golden file `best_of_n.json` (`exact_discrete`).
pub fn law(probabilities: &[f64], rewards: &[f64], n: u64) -> Result<Law, Error> {
    same_length(("probabilities", probabilities.len()), ("rewards", rewards.len()))?;
    all_finite("probability", probabilities.iter().copied())?;
    all_finite("reward", rewards.iter().copied())?;
    let n = at_least_one(n)?;
    let sum: f64 = probabilities.iter().sum();
    if probabilities.iter().any(|&p| p < 0.0) || (sum - 1.0).abs() > 1e-6 {
        return Err(invalid(format!("probabilities that sum to {sum}, or one below 0; none, and to 1")));
    }
    let mut order: Vec<usize> = (0..rewards.len()).collect();
    order::places(&mut order, &mut |a, b| rewards[a].total_cmp(&rewards[b]));
    let mut law = Law { probabilities: vec![0.0; rewards.len()], kl: 0.0, win_rate: 0.0 };
    let mut below = 0.0;
    for tied in order.chunk_by(|&a, &b| rewards[a] == rewards[b]) {
        let own: f64 = tied.iter().map(|&i| probabilities[i]).sum();
        let up_to = f64::min(below + own, 1.0);
        let share = libm::pow(up_to, n) - libm::pow(below, n);
        for &i in tied {
            law.probabilities[i] = if own > 0.0 { probabilities[i] * share / own } else { 0.0 };
        }
        law.win_rate += share * (below + own / 2.0);
        below = up_to;
    }
    let terms = law.probabilities.iter().zip(probabilities).filter(|(q, _)| **q > 0.0);
    law.kl = terms.map(|(q, p)| q * libm::log(q / p)).sum();
    Ok(law)
}

/// How a calibrated reward is used.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Transform {
    /// As it is.
    Identity,
    /// `ln u`; -inf at 0.
    Log,
    /// `sign(t) e^(t u)`; `u` for 0. The paper takes 10 for best-of-n and -10 for worst-of-n.
    Exponential(f64),
    /// `(e^(t u) - 1) / t`; `u` for 0.
    NormalisedExponential(f64),
}

impl Transform {
    /// The transform of `u`.
    pub fn of(self, u: f64) -> f64 {
        match self {
            Self::Exponential(0.0) | Self::NormalisedExponential(0.0) | Self::Identity => u,
            Self::Log => libm::log(u),
            Self::Exponential(t) => t.signum() * libm::exp(t * u),
            Self::NormalisedExponential(t) => libm::expm1(t * u) / t,
        }
    }
}

/// Rewards of the base model, against which others are calibrated (InfAlign, Balashankar et al. 2024).
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    sorted: Vec<f64>,
}

/// A reward as a share of those of the base model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calibrated {
    /// Those below it.
    pub strict: f64,
    /// Those not above it.
    pub up_to: f64,
    /// The mean of both: `u`.
    pub middle: f64,
}

impl Calibration {
    /// Sorts the rewards of the base model.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`](crate::Code::InvalidArgument) for none, or one that is NaN.
    pub fn new(mut rewards: Vec<f64>) -> Result<Self, Error> {
        if rewards.is_empty() || rewards.iter().any(|reward| reward.is_nan()) {
            let n = rewards.len();
            return Err(invalid(format!(
                "{n} rewards to calibrate with, or one that is NaN; at least one number"
            )));
        }
        rewards.sort_unstable_by(f64::total_cmp);
        Ok(Self { sorted: rewards })
    }

    /// Where a reward stands.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`](crate::Code::InvalidArgument) for NaN.
    /// # Cost
    /// Two binary searches.
    /// # Source
    /// Golden file `best_of_n.json` (`calibrate`).
    pub fn of(&self, reward: f64) -> Result<Calibrated, Error> {
        if reward.is_nan() {
            return Err(invalid("the reward is NaN; a number"));
        }
        let m = self.sorted.len() as f64;
        let less = self.sorted.partition_point(|&other| other < reward) as f64;
        let up_to = self.sorted.partition_point(|&other| other <= reward) as f64;
        Ok(Calibrated { strict: less / m, up_to: up_to / m, middle: (less + 0.5 * (up_to - less)) / m })
    }
}

/// At least so much the best of `n` draws of a Gaussian lies above its mean, in its standard deviations:
/// `sqrt(ln n) / sqrt(pi ln 2)`.
///
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) for 0.
/// # Source
/// Verma et al. 2025; golden file `best_of_n.json` (`gaussian_expected_max`).
pub fn gaussian_bound(n: u64) -> Result<f64, Error> {
    let n = at_least_one(n)?;
    Ok((libm::log(n) / (std::f64::consts::PI * std::f64::consts::LN_2)).sqrt())
}

/// The mean of the largest of `n` unit Gaussians, within 1e-9: the integral of `x n phi(x) Phi(x)^(n-1)`.
///
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) for 0.
/// # Cost
/// 4,000 points, as the rule of trapezoids takes them: for a function that vanishes at both ends its error falls faster
/// than any power of their distance.
pub fn gaussian_expected_max(n: u64) -> Result<f64, Error> {
    const EDGE: f64 = 12.0;
    const POINTS: i32 = 4_000;
    let n = at_least_one(n)?;
    let step = 2.0 * EDGE / f64::from(POINTS);
    let density = |x: f64| libm::exp(-0.5 * x * x) / (2.0 * std::f64::consts::PI).sqrt();
    let below = |x: f64| 0.5 * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2);
    let at = |x: f64| x * n * density(x) * libm::pow(below(x), n - 1.0);
    Ok((0..=POINTS).map(|i| at(f64::from(i) * step - EDGE)).sum::<f64>() * step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nan_is_never_chosen() {
        assert_eq!((best(&[f64::NAN, 1.0, 1.0]), worst(&[f64::NAN, 1.0, 1.0])), (Some(1), Some(1)));
        assert_eq!((best(&[f64::NAN]), best(&[])), (None, None));
        assert_eq!(worst(&[f64::NEG_INFINITY, 0.0]), Some(0));
    }

    #[test]
    fn the_best_of_one_is_the_base() {
        let law = law(&[0.25, 0.75], &[1.0, 0.0], 1).expect("a law");
        assert_eq!((law.probabilities, law.win_rate), (vec![0.25, 0.75], 0.5));
        assert!(law.kl.abs() < 1e-15 && gaussian_expected_max(1).is_ok_and(|mean| mean.abs() < 1e-12));
        assert_eq!((kl_bound(1), win_rate(1)), (Ok(0.0), Ok(0.5)));
    }

    #[test]
    fn what_is_no_law_is_refused() {
        assert!(law(&[0.5, 0.4], &[0.0, 1.0], 2).is_err() && law(&[1.5, -0.5], &[0.0, 1.0], 2).is_err());
        assert!(
            law(&[1.0], &[f64::NAN], 2).is_err() && law(&[1.0], &[0.0], 0).is_err() && kl_bound(0).is_err()
        );
        assert!(Calibration::new(Vec::new()).is_err() && Calibration::new(vec![f64::NAN]).is_err());
        let one = Calibration::new(vec![1.0]).expect("one");
        assert!(one.of(f64::NAN).is_err() && one.of(1.0).is_ok_and(|c| c.middle == 0.5));
        assert_eq!(Transform::Log.of(0.0), f64::NEG_INFINITY);
    }
}
