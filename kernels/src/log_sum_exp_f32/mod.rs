//! Logarithm of the sum of exponentials.

use crate::Isa;
use crate::exp::{exp_f64, ln_f64};
use crate::lanes::{LANES, fold, padded};

/// `ln(sum(exp(x)))`, the normaliser of a softmax, in `f64` throughout.
///
/// Within 1e-13 of the true value, relatively or absolutely. A masked logit (-inf) counts as nothing; -inf if all are masked
/// or `x` is empty. NaN if one is NaN; else +inf if one is +inf.
///
/// Class: same bits. The exponential and the logarithm are our own.
///
/// # Cost
/// Two passes: the maximum, the exponentials.
pub fn log_sum_exp_f32(isa: Isa, x: &[f32]) -> f64 {
    let max = crate::max_f32(isa, x);
    if max.is_infinite() {
        return if x.iter().any(|x| x.is_nan()) { f64::NAN } else { f64::from(max) };
    }
    f64::from(max) + ln_f64(per_isa!(isa, body, (x: &[f32], max: f32) -> f64))
}

#[inline(always)]
fn body(x: &[f32], max: f32) -> f64 {
    let mut sums = [0.0; LANES];
    let (blocks, tail) = x.as_chunks::<LANES>();
    for block in blocks {
        for i in 0..LANES {
            sums[i] += exp_f64(f64::from(block[i]) - f64::from(max));
        }
    }
    let last = padded(tail, f32::NEG_INFINITY);
    for i in 0..LANES {
        sums[i] += exp_f64(f64::from(last[i]) - f64::from(max));
    }
    fold(sums, |x, y| x + y)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Random, each_input, same_f64};

    #[test]
    fn every_isa_has_the_bits_of_scalar() {
        each_input(|x| {
            let want = log_sum_exp_f32(Isa::Scalar, x);
            for isa in Isa::available() {
                let got = log_sum_exp_f32(isa, x);
                assert!(same_f64(got, want), "{} length {}: {got}, not {want}", isa.name(), x.len());
            }
            if x.iter().any(|x| x.is_nan()) {
                assert!(want.is_nan());
            } else if x.contains(&f32::INFINITY) {
                assert_eq!(want, f64::INFINITY);
            } else if x.iter().all(|x| *x == f32::NEG_INFINITY) {
                assert_eq!(want, f64::NEG_INFINITY);
            }
        });
    }

    #[test]
    fn close_to_the_c_library() {
        for (len, scale) in [(1, 1.0), (100, 5.0), (1000, 40.0), (128_256, 0.1), (128_256, 20.0), (99, 1e30)]
        {
            let mut x = Random(len as u64).floats(len, scale);
            x.push(f32::NEG_INFINITY);
            let max = x.iter().fold(f64::NEG_INFINITY, |best, &x| best.max(f64::from(x)));
            let want = max + x.iter().map(|&x| (f64::from(x) - max).exp()).sum::<f64>().ln();
            let got = log_sum_exp_f32(Isa::best(), &x);
            assert!((got - want).abs() <= 1e-13 * want.abs().max(1.0), "length {len}: {got}, not {want}");
        }
    }
}
