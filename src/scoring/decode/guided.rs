//! A reward model's opinion of the next token: ARGS (Khanov et al. 2024) and Transfer Q* (Chakraborty et al. 2024).

use crate::scoring::refuse::{invalid, same_length};
use crate::scoring::score::Real;
use crate::{Code, Error};

/// The exponent of the indirect form stays within this.
const CLAMP: f64 = 60.0;

/// Writes the `k` tokens of largest logit, the first first and the lower of equals before the other; masked ones last. All
/// of them if there are fewer.
///
/// # Errors
/// [`Code::InvalidArgument`] if `k` is 0 or a logit is NaN or `+inf`; [`Code::NoCandidate`] if all are masked.
/// # Cost
/// `O(n_vocab)` and a sort of `k`; no allocation once there is room.
pub fn candidates<T: Real>(logits: &[T], k: usize, found: &mut Vec<u32>) -> Result<(), Error> {
    found.clear();
    let of = |at: u32| -> f64 { logits[at as usize].into() };
    if k == 0 || logits.len() > u32::MAX as usize {
        return Err(invalid(format!(
            "{k} candidates of {} tokens; 1 or more, of fewer than 2^32",
            logits.len()
        )));
    }
    if let Some(at) = logits.iter().map(|&l| l.into()).position(|l: f64| l.is_nan() || l == f64::INFINITY) {
        return Err(invalid(format!("logit {at} is {}; below +inf", of(at as u32))));
    }
    if logits.iter().all(|&l| l.into() == f64::NEG_INFINITY) {
        return Err(Error::new(Code::NoCandidate, format!("all {} tokens are masked", logits.len())));
    }
    found.extend(0..logits.len() as u32);
    let first = |a: &u32, b: &u32| of(*b).total_cmp(&of(*a)).then(a.cmp(b));
    if k < found.len() {
        found.select_nth_unstable_by(k - 1, first);
        found.truncate(k);
    }
    found.sort_unstable_by(first);
    Ok(())
}

/// The rewards of a step, in the order of its candidates.
#[derive(Clone, Copy, Debug)]
pub enum Rewards<'a> {
    /// ARGS, of the prefix and the candidate; and Transfer Q* in its direct form, of a continuation.
    Direct(&'a [f64]),
    /// Transfer Q*: of a continuation by the baseline's reward model, and by the target's.
    Indirect(&'a [f64], &'a [f64]),
}

/// Writes the scores of the candidates: `logit + w * reward`, or in the indirect form
/// `logit + w * exp((target - baseline) / 2) * target`. A masked token stays masked. Returns the position, among the
/// candidates, of the largest, and whether an exponent had to be kept within 60.
///
/// # Shapes
/// `scores`: as many as candidates; so are the rewards.
/// # Errors
/// [`Code::InvalidArgument`] if a length differs, a candidate lies beyond the logits, `w` is not finite, or a reward is not
/// finite; [`Code::NoCandidate`] if all candidates are masked.
/// # Cost
/// One pass over the candidates; no allocation.
/// # Source
/// Golden file `reward_guided_step.json`.
pub fn score<T: Real>(
    logits: &[T],
    candidates: &[u32],
    rewards: Rewards,
    w: f64,
    scores: &mut [f64],
) -> Result<(usize, bool), Error> {
    let (first, second) = match rewards {
        Rewards::Direct(first) => (first, None),
        Rewards::Indirect(first, second) => (first, Some(second)),
    };
    for n in [Some(first.len()), second.map(<[f64]>::len), Some(scores.len())].into_iter().flatten() {
        same_length(("candidates", candidates.len()), ("rewards or scores", n))?;
    }
    crate::scoring::refuse::all_finite("w", [w])?;
    crate::scoring::refuse::all_finite("reward", first.iter().chain(second.unwrap_or_default()).copied())?;
    let (mut best, mut clamped) = (None, false);
    for (at, (&candidate, score)) in candidates.iter().zip(scores.iter_mut()).enumerate() {
        let Some(&logit) = logits.get(candidate as usize) else {
            return Err(invalid(format!("candidate {candidate} of {} tokens", logits.len())));
        };
        let reward = match second {
            None => first[at],
            Some(second) => {
                let difference = second[at] - first[at];
                clamped |= difference.abs() > CLAMP;
                libm::exp(0.5 * difference.clamp(-CLAMP, CLAMP)) * second[at]
            }
        };
        let logit: f64 = logit.into();
        if logit.is_nan() || logit == f64::INFINITY {
            return Err(invalid(format!("logit {candidate} is {logit}; below +inf")));
        }
        *score = if logit == f64::NEG_INFINITY { logit } else { logit + w * reward };
        if *score > best.map_or(f64::NEG_INFINITY, |(_, score)| score) {
            best = Some((at, *score));
        }
    }
    let none = || Error::new(Code::NoCandidate, "every candidate is masked");
    best.map(|(at, _)| (at, clamped)).ok_or_else(none)
}

/// The stochastic form of ARGS: the first position at which the cumulative softmax of `scores / temperature` exceeds `u`.
///
/// # Errors
/// [`Code::InvalidArgument`] for a `u` outside (0, 1), a temperature that is not finite and above 0, or a score that is NaN or
/// `+inf`; [`Code::NoCandidate`] if every score is `-inf`.
/// # Cost
/// Three passes over the candidates; no allocation.
pub fn sample(scores: &[f64], temperature: f64, u: f64) -> Result<usize, Error> {
    crate::scoring::refuse::open_unit("u", u)?;
    if !(temperature.is_finite() && temperature > 0.0) {
        return Err(invalid(format!("temperature {temperature}; a finite number above 0")));
    }
    if let Some(at) = scores.iter().position(|s| s.is_nan() || *s == f64::INFINITY) {
        return Err(invalid(format!("score {at} is {}; below +inf", scores[at])));
    }
    let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if most == f64::NEG_INFINITY {
        return Err(Error::new(Code::NoCandidate, format!("all {} candidates are masked", scores.len())));
    }
    let weight = |score: f64| libm::exp((score - most) / temperature);
    let total: f64 = scores.iter().map(|&score| weight(score)).sum();
    let mut sum = 0.0;
    let mut last = 0;
    for (at, &score) in scores.iter().enumerate() {
        let p = weight(score) / total;
        sum += p;
        if sum > u {
            return Ok(at);
        }
        if p > 0.0 {
            last = at;
        }
    }
    // Rounding left none.
    Ok(last)
}

/// The first position at which the cumulative probabilities exceed `u`; the last that has any if rounding leaves none.
///
/// # Errors
/// [`Code::InvalidArgument`] for a `u` outside (0, 1); [`Code::NoCandidate`] if no probability is above 0.
pub fn draw(probabilities: &[f64], u: f64) -> Result<usize, Error> {
    crate::scoring::refuse::open_unit("u", u)?;
    let mut sum = 0.0;
    for (at, p) in probabilities.iter().enumerate() {
        sum += p;
        if sum > u {
            return Ok(at);
        }
    }
    let last = probabilities.iter().rposition(|&p| p > 0.0);
    last.ok_or_else(|| Error::new(Code::NoCandidate, "no probability is above 0"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masked_tokens_stay_masked() {
        let logits = [f64::NEG_INFINITY, 1.0, 1.0];
        let mut found = Vec::new();
        candidates(&logits, 9, &mut found).expect("two are not masked");
        assert_eq!(found, [1, 2, 0]);
        let mut scores = [0.0; 3];
        let rewards = Rewards::Direct(&[0.0, 0.5, 1e9]);
        assert_eq!(score(&logits, &found, rewards, 1.0, &mut scores), Ok((1, false)));
        assert_eq!(scores, [1.0, 1.5, f64::NEG_INFINITY]);
        let (base, target) = ([0.0; 3], [200.0, 0.0, 0.0]);
        let rewards = Rewards::Indirect(&base, &target);
        assert!(
            score(&logits, &found, rewards, 1.0, &mut scores).is_ok_and(|(at, clamped)| at == 0 && clamped)
        );
    }

    #[test]
    fn what_is_no_step_is_refused() {
        let mut found = Vec::new();
        assert!(
            candidates(&[0.0], 0, &mut found).is_err() && candidates(&[f64::NAN], 1, &mut found).is_err()
        );
        let none = candidates(&[f64::NEG_INFINITY], 1, &mut found);
        assert!(none.is_err_and(|e| e.code == Code::NoCandidate));
        let mut scores = [0.0];
        assert!(score(&[0.0], &[1], Rewards::Direct(&[0.0]), 1.0, &mut scores).is_err());
        assert!(score(&[0.0], &[0], Rewards::Direct(&[f64::INFINITY]), 1.0, &mut scores).is_err());
        assert!(score(&[0.0], &[0], Rewards::Direct(&[]), 1.0, &mut scores).is_err());
        assert!(draw(&[1.0], 1.0).is_err() && draw(&[], 0.5).is_err());
        assert!(sample(&[1.0], 0.0, 0.5).is_err() && sample(&[f64::NAN], 1.0, 0.5).is_err());
        assert!(sample(&[1.0], 1.0, 1.0).is_err());
        assert!(sample(&[f64::NEG_INFINITY], 1.0, 0.5).is_err_and(|e| e.code == Code::NoCandidate));
        let scores = [2.0, -1.0, f64::NEG_INFINITY, 3.5];
        let tempered: Vec<f64> = scores.iter().map(|score| score / 0.7).collect();
        let mut p = [0.0; 4];
        crate::scoring::score::softmax::softmax(&tempered, &mut p).expect("numbers");
        for u in 1..100 {
            let u = f64::from(u) / 100.0;
            assert_eq!(sample(&scores, 0.7, u), draw(&p, u), "{u}");
        }
        assert_eq!((draw(&[0.5, 0.5], 0.5), draw(&[0.3, 0.3, 0.0], 0.9)), (Ok(1), Ok(1)));
    }
}
