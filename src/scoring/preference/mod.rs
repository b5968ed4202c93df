//! Which of two answers a model prefers, and thresholds that follow thumbs up and down.

use crate::Error;
use crate::scoring::refuse::{all_finite, invalid, same_length};

/// `ln(1 + e^x)` without overflow.
fn softplus(x: f64) -> f64 {
    x.max(0.0) + libm::log1p(libm::exp(-x.abs()))
}

/// Summed log-probabilities of one answer under both models, and its length.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Answer {
    /// Under the policy, in nats.
    pub policy: f64,
    /// Under the reference model, in nats.
    pub reference: f64,
    /// Its tokens; at least 1.
    pub len: u64,
}

impl Answer {
    fn check(&self) -> Result<(), Error> {
        all_finite("log-probability", [self.policy, self.reference])?;
        if self.len == 0 { Err(invalid("an answer of 0 tokens; at least 1")) } else { Ok(()) }
    }

    /// The implicit reward, `beta (policy - reference)`.
    pub fn reward(&self, beta: f64) -> f64 {
        beta * (self.policy - self.reference)
    }
}

/// A margin, and what follows from it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Margin {
    /// The reward of the chosen answer less that of the other.
    pub margin: f64,
    /// `-ln sigmoid(margin)`.
    pub loss: f64,
    /// `sigmoid(margin)`.
    pub probability: f64,
}

impl Margin {
    fn of(margin: f64) -> Self {
        let small = libm::exp(-margin.abs());
        let probability = if margin < 0.0 { small / (1.0 + small) } else { 1.0 / (1.0 + small) };
        Self { margin, loss: softplus(-margin), probability }
    }
}

/// DPO: the margin of the implicit rewards. Rafailov et al. 2023.
///
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) for a number that is not finite, or an empty answer.
/// # Source
/// Golden file `preference.json` (`pairs`).
pub fn dpo(chosen: Answer, rejected: Answer, beta: f64) -> Result<Margin, Error> {
    check(chosen, rejected, beta)?;
    Ok(Margin::of(chosen.reward(beta) - rejected.reward(beta)))
}

/// LN-DPO: each log-ratio as the mean over its answer's tokens. `beta` is several times that of [`dpo`].
///
/// # Errors
/// As [`dpo`].
/// # Source
/// Ahrabian et al. 2024; golden file `preference.json` (`pairs`).
pub fn length_normalised_dpo(chosen: Answer, rejected: Answer, beta: f64) -> Result<Margin, Error> {
    check(chosen, rejected, beta)?;
    let mean = |answer: Answer| (answer.policy - answer.reference) / answer.len as f64;
    Ok(Margin::of(beta * (mean(chosen) - mean(rejected))))
}

fn check(chosen: Answer, rejected: Answer, beta: f64) -> Result<(), Error> {
    all_finite("beta", [beta])?;
    chosen.check()?;
    rejected.check()
}

/// Shares of pairs in which the chosen answer has the larger reading.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Accuracy {
    /// Ties are wrong.
    pub strict: f64,
    /// Ties are half right.
    pub half_ties: f64,
}

/// Ranking accuracy of readings: log-probabilities, implicit rewards, or log-probabilities by length. Chen et al. 2024.
///
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) for none, lists of different lengths, or NaN.
pub fn ranking_accuracy(chosen: &[f64], rejected: &[f64]) -> Result<Accuracy, Error> {
    same_length(("readings of chosen", chosen.len()), ("readings of rejected answers", rejected.len()))?;
    if chosen.is_empty() || chosen.iter().chain(rejected).any(|reading| reading.is_nan()) {
        return Err(invalid(format!(
            "{} pairs, or a reading that is NaN; at least one, and numbers",
            chosen.len()
        )));
    }
    let count = |holds: fn(f64, f64) -> bool| {
        chosen.iter().zip(rejected).filter(|(a, b)| holds(**a, **b)).count() as f64
    };
    let (more, same, n) = (count(|a, b| a > b), count(|a, b| a == b), chosen.len() as f64);
    Ok(Accuracy { strict: more / n, half_ties: (more + 0.5 * same) / n })
}

/// The mean over all pairs of `softplus(-(better - worse))` of answers ranked best first. Ouyang et al. 2022.
///
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) for fewer than two scores, or one that is not finite.
pub fn rank_loss(best_to_worst: &[f64]) -> Result<f64, Error> {
    all_finite("score", best_to_worst.iter().copied())?;
    let n = best_to_worst.len();
    if n < 2 {
        return Err(invalid(format!("{n} ranked answers; at least 2")));
    }
    let mut sum = 0.0;
    for (at, better) in best_to_worst.iter().enumerate() {
        sum += best_to_worst[at + 1..].iter().map(|worse| softplus(worse - better)).sum::<f64>();
    }
    Ok(sum / (n * (n - 1) / 2) as f64)
}

/// The running mean of rewards from thumbs up and down: an online threshold, of 24 bytes. Jung et al. 2024 (BCO).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shift {
    /// The mean, which rewards of good answers should exceed.
    pub mean: f64,
    /// The variance.
    pub variance: f64,
    /// Rewards seen.
    pub count: f64,
}

impl Default for Shift {
    fn default() -> Self {
        Self { mean: 0.0, variance: 1.0, count: 1e-24 }
    }
}

impl Shift {
    /// Takes a batch of rewards, good and bad alike.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`](crate::Code::InvalidArgument) for none, or one that is not finite; nothing changes then.
    /// # Source
    /// Golden file `preference.json` (`bco_stream`).
    pub fn update(&mut self, rewards: &[f64]) -> Result<(), Error> {
        all_finite("reward", rewards.iter().copied())?;
        if rewards.is_empty() {
            return Err(invalid("a batch of 0 rewards; at least 1"));
        }
        let n = rewards.len() as f64;
        let mean = rewards.iter().sum::<f64>() / n;
        let variance = rewards.iter().map(|r| (r - mean) * (r - mean)).sum::<f64>() / n;
        let (count, apart) = (self.count + n, mean - self.mean);
        let moment = self.variance * self.count + variance * n + apart * apart * self.count * n / count;
        self.variance = moment / count;
        self.mean += apart * n / count;
        self.count = count;
        Ok(())
    }

    /// `softplus(-(reward - mean))` of a good answer, `softplus(reward - mean)` of a bad one.
    pub fn loss(&self, reward: f64, good: bool) -> f64 {
        let above = reward - self.mean;
        softplus(if good { -above } else { above })
    }
}

/// The weight of a bad answer whose prompt came from the good ones' set with probability `p`: `p / (1 - p + 1e-8)`, within
/// 0.5 to 10.
///
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) for a `p` outside 0 to 1.
pub fn prompt_weight(p: f64) -> Result<f64, Error> {
    if !(0.0..=1.0).contains(&p) {
        return Err(invalid(format!("probability {p}; 0 to 1")));
    }
    Ok((p / (1.0 - p + 1e-8)).clamp(0.5, 10.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn far_margins_neither_overflow_nor_vanish() {
        let answer = |policy| Answer { policy, reference: 0.0, len: 1 };
        let far = dpo(answer(-1e6), answer(0.0), 1.0).expect("numbers");
        assert_eq!((far.loss, far.probability), (1e6, 0.0));
        assert!(dpo(answer(-700.0), answer(0.0), 1.0).is_ok_and(|m| m.probability > 0.0));
    }

    #[test]
    fn what_is_no_preference_is_refused() {
        let answer = Answer { policy: 0.0, reference: 0.0, len: 0 };
        assert!(dpo(answer, answer, 0.1).is_err());
        assert!(ranking_accuracy(&[], &[]).is_err() && ranking_accuracy(&[1.0], &[f64::NAN]).is_err());
        assert!(rank_loss(&[1.0]).is_err() && rank_loss(&[1.0, f64::INFINITY]).is_err());
        let mut shift = Shift::default();
        assert!(shift.update(&[]).is_err() && shift.update(&[f64::NAN]).is_err());
        assert_eq!(shift, Shift::default());
        assert!(prompt_weight(1.0).is_ok_and(|w| w == 10.0) && prompt_weight(-0.1).is_err());
    }
}
