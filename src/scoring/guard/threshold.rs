//! Thresholds that carry a guarantee, from scores and labels of the deployment's own traffic.
//!
//! Every guarantee assumes that later traffic is exchangeable with the calibration data: it is void under attack
//! or drift.

use crate::Error;
use crate::scoring::order;
use crate::scoring::refuse::{all_finite, invalid, open_unit, same_length};

/// A threshold and what it does on the data it was chosen on. The rule: flag when `score >= threshold`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Threshold {
    /// An observed score, or `+inf`, which flags nothing.
    pub threshold: f64,
    /// The share of harmless items that it flags.
    pub fpr: f64,
    /// The share of harmful items that it flags; `None` if there are none.
    pub tpr: Option<f64>,
}

/// The smallest observed score that flags at most the share `max_fpr` of the harmless items.
///
/// # Shapes
/// `scores` and `labels`: `[n]`; `labels[i]` is whether item `i` is harmful.
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if the lengths differ, a score is not finite, `max_fpr`
/// is outside `[0, 1]`, or no item is harmless.
/// # Cost
/// `O(n log n)`; allocates one copy of the data.
/// # Source
/// Golden file `calibration.json`, `threshold_at_fpr`.
pub fn threshold_at_fpr(scores: &[f64], labels: &[bool], max_fpr: f64) -> Result<Threshold, Error> {
    same_length(("scores", scores.len()), ("labels", labels.len()))?;
    all_finite("score", scores.iter().copied())?;
    if !(0.0..=1.0).contains(&max_fpr) {
        return Err(invalid(format!("max_fpr is {max_fpr}; it lies in [0, 1]")));
    }
    let n_positive = labels.iter().filter(|label| **label).count();
    let n_negative = labels.len() - n_positive;
    if n_negative == 0 {
        let n = labels.len();
        return Err(invalid(format!("none of {n} items is harmless; a false-positive rate takes one")));
    }
    let mut items: Vec<_> = scores.iter().copied().zip(labels.iter().copied()).collect();
    order::sort(&mut items, |a, b| b.0.total_cmp(&a.0));
    let share = |count: usize, of: usize| count as f64 / of as f64;
    let (mut negatives, mut positives) = (0, 0);
    let mut best = (f64::INFINITY, 0, 0);
    for equal in items.chunk_by(|a, b| a.0 == b.0) {
        let harmful = equal.iter().filter(|item| item.1).count();
        positives += harmful;
        negatives += equal.len() - harmful;
        if share(negatives, n_negative) > max_fpr {
            break;
        }
        best = (equal[0].0, negatives, positives);
    }
    Ok(Threshold {
        threshold: best.0,
        fpr: share(best.1, n_negative),
        tpr: (n_positive > 0).then(|| share(best.2, n_positive)),
    })
}

/// The quantile of [`split_conformal`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conformal {
    /// The rank of the quantile, from 1; it may exceed the number of scores.
    pub k: usize,
    /// The `k`-th smallest score, or `+inf` if there are fewer.
    pub quantile: f64,
}

/// The quantile that a new score stays within with probability at least `1 - alpha`.
///
/// # Shapes
/// `scores`: `[n]`. Fewer than `1/alpha - 1` of them always give `+inf`.
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if a score is not finite, or `alpha` is not between 0
/// and 1.
/// # Cost
/// `O(n)`; allocates one copy of the scores.
/// # Source
/// Split conformal prediction, Angelopoulos et al. 2022-2024; golden file `calibration.json`, `split_quantile`.
pub fn split_conformal(scores: &[f64], alpha: f64) -> Result<Conformal, Error> {
    all_finite("score", scores.iter().copied())?;
    open_unit("alpha", alpha)?;
    // The slack keeps a product such as 9.000000000000002 from rounding up to 10.
    let rank = ((scores.len() as f64 + 1.0) * (1.0 - alpha) - 1e-12).ceil();
    let k = (rank as usize).max(1);
    let quantile = if k > scores.len() {
        f64::INFINITY
    } else {
        *scores.to_vec().select_nth_unstable_by(k - 1, f64::total_cmp).1
    };
    Ok(Conformal { k, quantile })
}

/// What [`risk_control_miss`] finds at one value of its grid.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Risk {
    /// The share of all items that are harmful and missed.
    pub risk: f64,
    /// `n/(n+1) * risk + loss_bound/(n+1)`, which must not exceed `alpha`.
    pub adjusted: f64,
}

/// The choice of [`risk_control_miss`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RiskChoice {
    /// The position of the chosen value in the grid.
    pub index: usize,
    /// Block from this score on: 1 less the chosen value.
    pub block_at: f64,
}

/// The first `lambda` of the grid that keeps the expected share of missed items within `alpha`, if one does.
///
/// An item is missed if it is harmful and its score is below `1 - lambda`. `None` means that there is too little
/// data, and that everything is to be blocked. The share is of all items: divide by the prevalence of harm to
/// speak of recall.
///
/// # Shapes
/// `scores` and `labels`: `[n]`. `lambda_grid` and `risks`: `[n_grid]`, the grid ascending.
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if lengths differ or are 0, a number is not finite, the
/// grid descends, `alpha` is not between 0 and 1, or `loss_bound` is below 1, the greatest loss of an item.
/// # Cost
/// `O(n * n_grid)`; no allocation.
/// # Source
/// Conformal risk control, Angelopoulos et al. 2022-2024; golden file `calibration.json`, `risk_control_miss`.
pub fn risk_control_miss(
    scores: &[f64],
    labels: &[bool],
    lambda_grid: &[f64],
    alpha: f64,
    loss_bound: f64,
    risks: &mut [Risk],
) -> Result<Option<RiskChoice>, Error> {
    same_length(("scores", scores.len()), ("labels", labels.len()))?;
    same_length(("values of lambda", lambda_grid.len()), ("risks", risks.len()))?;
    if scores.is_empty() || lambda_grid.is_empty() {
        let (n, n_grid) = (scores.len(), lambda_grid.len());
        return Err(invalid(format!(
            "{n} scores and {n_grid} values of lambda; there is at least one of both"
        )));
    }
    all_finite("score", scores.iter().copied())?;
    all_finite("lambda", lambda_grid.iter().copied())?;
    open_unit("alpha", alpha)?;
    if !(loss_bound.is_finite() && loss_bound >= 1.0) {
        return Err(invalid(format!("loss_bound is {loss_bound}; it is finite, and at least 1")));
    }
    if let Some(position) = lambda_grid.windows(2).position(|pair| pair[0] > pair[1]) {
        let (first, second) = (lambda_grid[position], lambda_grid[position + 1]);
        return Err(invalid(format!("lambda_grid descends from {first} to {second} at {position}")));
    }
    let n = scores.len() as f64;
    for (found, lambda) in risks.iter_mut().zip(lambda_grid) {
        let missed = |(score, label): &(&f64, &bool)| **label && **score < 1.0 - lambda;
        found.risk = scores.iter().zip(labels).filter(missed).count() as f64 / n;
        found.adjusted = n / (n + 1.0) * found.risk + loss_bound / (n + 1.0);
    }
    Ok(risks
        .iter()
        .position(|found| found.adjusted <= alpha)
        .map(|index| RiskChoice { index, block_at: 1.0 - lambda_grid[index] }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_scores_are_flagged_together() {
        let found = threshold_at_fpr(&[0.9, 0.9, 0.5, 0.1], &[true, false, true, false], 0.4);
        assert_eq!(found.map(|found| found.threshold), Ok(f64::INFINITY));
        let found = threshold_at_fpr(&[0.9, 0.9, 0.5, 0.1], &[true, false, true, false], 0.5);
        assert_eq!(found, Ok(Threshold { threshold: 0.5, fpr: 0.5, tpr: Some(1.0) }));
    }

    #[test]
    fn no_harmless_item_is_refused_and_no_harmful_one_has_no_rate() {
        assert!(threshold_at_fpr(&[0.9], &[true], 0.5).is_err());
        assert!(threshold_at_fpr(&[0.9], &[false], f64::NAN).is_err());
        assert!(threshold_at_fpr(&[f64::NAN], &[false], 0.5).is_err());
        assert_eq!(threshold_at_fpr(&[0.9], &[false], 1.0).map(|found| found.tpr), Ok(None));
    }

    #[test]
    fn the_slack_guards_the_ceiling() {
        // (9 + 1) * (1 - 0.1) is 9 exactly, and (19 + 1) * (1 - 0.05) is 19.
        let scores: Vec<_> = (0..19).map(f64::from).collect();
        assert_eq!(split_conformal(&scores[..9], 0.1).map(|found| found.k), Ok(9));
        assert_eq!(split_conformal(&scores, 0.05), Ok(Conformal { k: 19, quantile: 18.0 }));
        assert_eq!(split_conformal(&[], 0.5), Ok(Conformal { k: 1, quantile: f64::INFINITY }));
        for alpha in [0.0, 1.0, -0.1, f64::NAN] {
            assert!(split_conformal(&scores, alpha).is_err());
        }
    }

    #[test]
    fn a_grid_that_descends_or_a_bound_below_the_loss_is_refused() {
        let control = |grid: &[f64], alpha, bound| {
            risk_control_miss(&[0.5], &[true], grid, alpha, bound, &mut vec![Risk::default(); grid.len()])
        };
        assert!(control(&[0.5, 0.4], 0.9, 1.0).is_err());
        assert!(control(&[0.5], 0.9, 0.5).is_err());
        assert!(control(&[0.5], 1.0, 1.0).is_err());
        assert!(control(&[], 0.9, 1.0).is_err());
        assert_eq!(control(&[0.5], 0.9, 1.0), Ok(Some(RiskChoice { index: 0, block_at: 0.5 })));
        assert_eq!(control(&[0.5], 0.4, 1.0), Ok(None));
    }
}
