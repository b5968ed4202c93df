//! Probabilities from logits, where `-inf` masks a token.

use super::Real;
use crate::scoring::refuse::{invalid, same_length};
use crate::{Code, Error};

/// The position of the highest logit; the lower one of equals.
///
/// # Errors
/// [`Code::InvalidArgument`] if a logit is NaN or `+inf`; [`Code::NoCandidate`] if there is none but `-inf`.
/// # Cost
/// One pass; no allocation.
pub fn argmax<T: Real>(logits: &[T]) -> Result<usize, Error> {
    peak(logits).map(|(position, _)| position)
}

/// Writes the softmax of `logits` and returns the logarithm of its normaliser.
///
/// # Shapes
/// `logits` and `probabilities`: `[n_vocab]`. A masked token has probability 0; the sum is 1.
/// # Errors
/// Those of [`argmax`], and [`Code::InvalidArgument`] if the lengths differ.
/// # Cost
/// Three passes in `f64`; no allocation.
/// # Source
/// Conventions of decoding: masked tokens, all logits masked.
pub fn softmax<T: Real>(logits: &[T], probabilities: &mut [f64]) -> Result<f64, Error> {
    same_length(("logits", logits.len()), ("probabilities", probabilities.len()))?;
    let (_, max) = peak(logits)?;
    let mut sum = 0.0;
    for (probability, logit) in probabilities.iter_mut().zip(logits) {
        *probability = ((*logit).into() - max).exp();
        sum += *probability;
    }
    probabilities.iter_mut().for_each(|probability| *probability /= sum);
    Ok(max + sum.ln())
}

/// The highest logit and its position, after refusing what is no logit.
pub(super) fn peak<T: Real>(logits: &[T]) -> Result<(usize, f64), Error> {
    let mut best = (0, f64::NEG_INFINITY);
    for (position, logit) in logits.iter().enumerate() {
        let logit: f64 = (*logit).into();
        if logit.is_nan() || logit == f64::INFINITY {
            return Err(invalid(format!("logit {position} is {logit}; it is a number or -inf")));
        }
        if logit > best.1 {
            best = (position, logit);
        }
    }
    if best.1 == f64::NEG_INFINITY {
        let n_vocab = logits.len();
        return Err(Error::new(Code::NoCandidate, format!("all of {n_vocab} logits are masked")));
    }
    Ok(best)
}

/// `ln sum e^x`, also where all are `-inf`.
pub(crate) fn log_sum_exp(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let most = values.clone().fold(f64::NEG_INFINITY, f64::max);
    if most == f64::NEG_INFINITY {
        return most;
    }
    most + libm::log(values.map(|value| libm::exp(value - most)).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_masked_token_has_no_probability_and_large_logits_do_not_overflow() {
        let mut probabilities = [0.0; 3];
        let normaliser = softmax(&[1000.0_f32, f32::NEG_INFINITY, 1000.0], &mut probabilities);
        assert_eq!(probabilities, [0.5, 0.0, 0.5]);
        assert!((normaliser.expect("two candidates") - 1000.0 - 2.0_f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn what_is_no_logit_is_refused() {
        for bad in [f32::NAN, f32::INFINITY] {
            assert_eq!(argmax(&[0.0, bad]).map_err(|error| error.code), Err(Code::InvalidArgument));
        }
        for none in [&[][..], &[f64::NEG_INFINITY; 2]] {
            assert_eq!(argmax(none).map_err(|error| error.code), Err(Code::NoCandidate));
        }
        assert!(softmax(&[0.0_f32], &mut []).is_err());
        assert_eq!(argmax(&[1.0_f32, 2.0, 2.0]), Ok(1));
    }
}
