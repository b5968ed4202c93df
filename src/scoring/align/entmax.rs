//! Sparse relatives of the softmax, which give exact zeros.

use crate::Error;
use crate::scoring::refuse::{all_finite, same_length};

/// Writes the 1.5-entmax of `values`: `max(0, z - tau)²` with `z = (value - max) / 2`, summing to 1.
///
/// # Shapes
/// `values` and `out`: `[n]`; `scratch` is overwritten.
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if the lengths differ, or a value is not finite.
/// # Cost
/// One sort; no allocation once `scratch` has room.
/// # Source
/// Peters et al. 2019, as AWESOME-align ships it; golden file `entmax.json`.
pub fn entmax15(values: &[f64], out: &mut [f64], scratch: &mut Vec<f64>) -> Result<(), Error> {
    check(values, out)?;
    let Threshold15 { max, tau } = Threshold15::of(values.iter().copied(), scratch);
    for (out, value) in out.iter_mut().zip(values) {
        let above = ((value - max) / 2.0 - tau).max(0.0);
        *out = above * above;
    }
    Ok(())
}

/// Writes the nearest point of the probability simplex to `values`.
///
/// # Shapes
/// `values` and `out`: `[n]`; `scratch` is overwritten.
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if the lengths differ, or a value is not finite.
/// # Cost
/// One sort; no allocation once `scratch` has room.
/// # Source
/// Martins and Astudillo 2016; golden file `entmax.json`.
pub fn sparsemax(values: &[f64], out: &mut [f64], scratch: &mut Vec<f64>) -> Result<(), Error> {
    check(values, out)?;
    let max = sort_shifted(values.iter().copied(), 1.0, scratch);
    let (mut sum, mut tau) = (0.0, 0.0);
    for (rank, value) in (1..).map(f64::from).zip(scratch.iter()) {
        sum += value;
        if 1.0 + rank * value <= sum {
            break;
        }
        tau = (sum - 1.0) / rank;
    }
    out.iter_mut().zip(values).for_each(|(out, value)| *out = (value - max - tau).max(0.0));
    Ok(())
}

/// What decides the support of a 1.5-entmax: the values above `max + 2 * tau`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Threshold15 {
    max: f64,
    tau: f64,
}

impl Threshold15 {
    /// Of finite values.
    pub(super) fn of(values: impl Iterator<Item = f64>, scratch: &mut Vec<f64>) -> Self {
        let max = sort_shifted(values, 0.5, scratch);
        let (mut sum, mut squares) = (0.0, 0.0);
        let (mut support, mut found) = (0, 0.0);
        // tau is at least -1, so nothing below -1 is in the support; its square might overflow.
        let near = scratch.iter().take_while(|value| **value >= -1.0);
        for (rank, value) in (1..).map(f64::from).zip(near) {
            sum += value;
            squares += value * value;
            let mean = sum / rank;
            let spread = rank * (squares / rank - mean * mean);
            let tau = mean - ((1.0 - spread) / rank).max(0.0).sqrt();
            // The condition holds for a prefix of the ranks, so the last rank that fulfils it is the support.
            if tau > *value {
                break;
            }
            (support, found) = (support + 1, tau);
        }
        debug_assert!(support > 0 || scratch.is_empty());
        Self { max, tau: found }
    }

    /// Whether the probability of `value` is above 0.
    pub(super) fn keeps(self, value: f64) -> bool {
        (value - self.max) / 2.0 > self.tau
    }
}

/// Fills `scratch` with `(value - max) * scale`, descending, and returns the maximum.
fn sort_shifted(values: impl Iterator<Item = f64>, scale: f64, scratch: &mut Vec<f64>) -> f64 {
    scratch.clear();
    scratch.extend(values);
    let max = scratch.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    scratch.iter_mut().for_each(|value| *value = (*value - max) * scale);
    scratch.sort_unstable_by(|a, b| b.total_cmp(a));
    max
}

fn check(values: &[f64], out: &[f64]) -> Result<(), Error> {
    same_length(("values", values.len()), ("results", out.len()))?;
    all_finite("value", values.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_are_distributions_with_exact_zeros() {
        let (mut out, mut scratch) = ([0.0; 4], Vec::new());
        for function in [entmax15, sparsemax] {
            for values in
                [[0.0; 4], [5.0, 1.0, 1.0, -2.0], [f64::MAX, f64::MIN, 0.0, f64::MAX], [0.1, 0.2, 0.3, 0.4]]
            {
                function(&values, &mut out, &mut scratch).expect("finite");
                assert!((out.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{values:?} -> {out:?}");
                assert!(out.iter().all(|value| (0.0..=1.0).contains(value)), "{values:?} -> {out:?}");
            }
            function(&[5.0, 1.0, 1.0, -2.0], &mut out, &mut scratch).expect("finite");
            assert_eq!(out, [1.0, 0.0, 0.0, 0.0]);
            assert!(function(&[], &mut [], &mut scratch).is_ok());
            assert!(function(&[f64::NAN], &mut [0.0], &mut scratch).is_err());
            assert!(function(&[0.0], &mut [], &mut scratch).is_err());
        }
    }
}
