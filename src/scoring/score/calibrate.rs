//! Whether scores are the probabilities they claim to be, and the temperature that makes them so.

use crate::Error;
use crate::scoring::refuse::{all_finite, invalid, same_length};

/// How far probabilities are from the labels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calibration {
    /// Expected calibration error over bins of equal width, each weighted by its count.
    pub ece: f64,
    /// Mean square of probability less label.
    pub brier: f64,
    /// Mean negative log-likelihood, in nats.
    pub nll: f64,
}

/// `1 / (1 + exp(-logit / temperature))`, without overflow.
pub fn sigmoid(logit: f64, temperature: f64) -> f64 {
    let scaled = logit / temperature;
    let mass = (-scaled.abs()).exp();
    if scaled >= 0.0 { 1.0 / (1.0 + mass) } else { mass / (1.0 + mass) }
}

/// Writes the probabilities of `logits` at `temperature`, and measures them against `labels`.
///
/// # Shapes
/// `logits`, `labels` and `probabilities`: `[n]`. `labels[i]` is whether item `i` is harmful.
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if the lengths differ or are 0, a logit is not finite,
/// `temperature` is not finite and above 0, or `n_bins` is 0.
/// # Cost
/// One pass; allocates the bins.
/// # Source
/// Standard; golden file `calibration.json`, `calibration`. The bin is `min(floor(n_bins * p), n_bins - 1)`.
pub fn calibration(
    logits: &[f64],
    labels: &[bool],
    temperature: f64,
    n_bins: usize,
    probabilities: &mut [f64],
) -> Result<Calibration, Error> {
    same_length(("logits", logits.len()), ("labels", labels.len()))?;
    same_length(("logits", logits.len()), ("probabilities", probabilities.len()))?;
    if logits.is_empty() || n_bins == 0 {
        let n = logits.len();
        return Err(invalid(format!("{n} logits in {n_bins} bins; there is at least one of both")));
    }
    if !(temperature.is_finite() && temperature > 0.0) {
        return Err(invalid(format!("temperature is {temperature}; it is finite and above 0")));
    }
    all_finite("logit", logits.iter().copied())?;
    // Of each bin: probabilities less labels. Its count cancels: count/n * |sum p/count - sum y/count|.
    let mut gaps = vec![0.0; n_bins];
    let (mut squares, mut losses) = (0.0, 0.0);
    for ((logit, label), probability) in logits.iter().zip(labels).zip(probabilities.iter_mut()) {
        *probability = sigmoid(*logit, temperature);
        let gap = *probability - f64::from(*label);
        gaps[((n_bins as f64 * *probability) as usize).min(n_bins - 1)] += gap;
        squares += gap * gap;
        let against = if *label { -logit / temperature } else { logit / temperature };
        losses += against.max(0.0) + (-against.abs()).exp().ln_1p();
    }
    let n = logits.len() as f64;
    Ok(Calibration {
        ece: gaps.iter().map(|gap: &f64| gap.abs()).sum::<f64>() / n,
        brier: squares / n,
        nll: losses / n,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extremes_neither_overflow_nor_lose_the_loss() {
        let mut probabilities = [0.0; 2];
        let found = calibration(&[800.0, -800.0], &[false, false], 1.0, 10, &mut probabilities);
        assert_eq!(probabilities, [1.0, 0.0]);
        assert_eq!(found, Ok(Calibration { ece: 0.5, brier: 0.5, nll: 400.0 }));
    }

    #[test]
    fn what_cannot_be_calibrated_is_refused() {
        let mut out = [0.0];
        for (logits, labels, temperature, bins) in [
            (&[][..], &[][..], 1.0, 10),
            (&[0.0], &[true, false], 1.0, 10),
            (&[f64::NAN], &[true], 1.0, 10),
            (&[0.0], &[true], 0.0, 10),
            (&[0.0], &[true], f64::INFINITY, 10),
            (&[0.0], &[true], 1.0, 0),
        ] {
            let n = logits.len().min(1);
            assert!(calibration(logits, labels, temperature, bins, &mut out[..n]).is_err());
        }
    }
}
