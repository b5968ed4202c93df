//! Entropy of the distribution that logits stand for.

use crate::Isa;
use crate::exp::{exp_f64, ln_f64};
use crate::lanes::{LANES, fold, padded};

/// Entropy in nats of `softmax(x)`, fused: `ln(sum(e)) - sum(e * d) / sum(e)` with `d = x - max` and `e = exp(d)`.
///
/// Within 1e-12 of the true value; never below 0. A masked logit (-inf) counts as nothing, as `0 * ln 0 = 0`. NaN if a logit
/// is NaN or +inf, or none is finite: callers refuse such logits first.
///
/// Class: same bits; in `f64` throughout, the exponential and the logarithm are our own.
///
/// # Cost
/// Two passes: the maximum, then both sums at once; no probabilities are stored.
pub fn entropy_f32(isa: Isa, x: &[f32]) -> f64 {
    let max = crate::max_f32(isa, x);
    if max.is_infinite() {
        return f64::NAN;
    }
    let [sum, weighted] = per_isa!(isa, body, (x: &[f32], max: f32) -> [f64; 2]);
    let entropy = ln_f64(sum) - weighted / sum;
    // A certain outcome may come out a rounding below 0; NaN stays.
    if entropy < 0.0 { 0.0 } else { entropy }
}

/// The sums of `e` and of `e * d`.
#[inline(always)]
fn body(x: &[f32], max: f32) -> [f64; 2] {
    let (mut sums, mut weighted) = ([0.0; LANES], [0.0; LANES]);
    let (blocks, tail) = x.as_chunks::<LANES>();
    for block in blocks {
        for i in 0..LANES {
            let [e, e_d] = terms(block[i], max);
            sums[i] += e;
            weighted[i] += e_d;
        }
    }
    let last = padded(tail, f32::NEG_INFINITY);
    for i in 0..LANES {
        let [e, e_d] = terms(last[i], max);
        sums[i] += e;
        weighted[i] += e_d;
    }
    [fold(sums, |x, y| x + y), fold(weighted, |x, y| x + y)]
}

#[inline(always)]
fn terms(x: f32, max: f32) -> [f64; 2] {
    let d = f64::from(x) - f64::from(max);
    let e = exp_f64(d);
    [e, if e == 0.0 { 0.0 } else { e * d }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Random, each_input, same_f64};
    use std::vec;

    #[test]
    fn every_isa_has_the_bits_of_scalar() {
        each_input(|x| {
            let want = entropy_f32(Isa::Scalar, x);
            for isa in Isa::available() {
                let got = entropy_f32(isa, x);
                assert!(same_f64(got, want), "{} length {}: {got}, not {want}", isa.name(), x.len());
            }
            let fit = x.iter().all(|x| *x < f32::INFINITY) && x.iter().any(|x| x.is_finite());
            assert_eq!(want.is_nan(), !fit);
            assert!(!fit || (0.0..=(x.len() as f64).ln() + 1e-12).contains(&want));
        });
    }

    #[test]
    fn close_to_the_definition() {
        for (len, scale) in [(1, 1.0), (2, 0.0), (100, 5.0), (1000, 40.0), (128_256, 0.1), (128_256, 20.0)] {
            let mut x = Random(len as u64).floats(len, scale);
            x.extend(vec![f32::NEG_INFINITY; 3]);
            let max = x.iter().fold(f64::NEG_INFINITY, |best, &x| best.max(f64::from(x)));
            let sum: f64 = x.iter().map(|&x| (f64::from(x) - max).exp()).sum();
            let mut want = 0.0;
            for p in x.iter().map(|&x| (f64::from(x) - max).exp() / sum).filter(|&p| p > 0.0) {
                want -= p * p.ln();
            }
            let got = entropy_f32(Isa::best(), &x);
            assert!((got - want).abs() <= 1e-12, "length {len}: {got}, not {want}");
        }
    }
}
