//! Logits to probabilities.

use crate::Isa;
use crate::exp::exp_f32;
use crate::lanes::{LANES, fold, padded};

/// Probabilities of the logits `x`: `exp(x - max) / sum`, written to `out`.
///
/// A masked logit (-inf) gets 0, and so does one 87 or more below the largest. Each probability is within 1e-6 of the true
/// one, and within 1e-5 of it relatively where it is not below 1e-30; they sum to 1 within 1e-6, also over a vocabulary of
/// 128k. If a logit is NaN or +inf, or none is finite, every probability is NaN: callers refuse such logits first.
///
/// Class: same bits. The exponential is our own, and the sum is in `f64`.
///
/// # Panics
/// If the lengths differ.
/// # Cost
/// Three passes: the maximum, the exponentials and their sum, the scaling.
pub fn softmax_f32(isa: Isa, x: &[f32], out: &mut [f32]) {
    assert_eq!(x.len(), out.len(), "softmax_f32: lengths differ");
    per_isa!(isa, body, (x: &[f32], out: &mut [f32]))
}

#[inline(always)]
fn body(x: &[f32], out: &mut [f32]) {
    let max = crate::max_f32::body(x);
    let mut sums = [0.0_f64; LANES];
    let ((x, x_tail), (out_blocks, out_tail)) = (x.as_chunks::<LANES>(), out.as_chunks_mut::<LANES>());
    for (x, out) in x.iter().zip(out_blocks) {
        for i in 0..LANES {
            out[i] = exp_f32(x[i] - max);
        }
        for i in 0..LANES {
            sums[i] += f64::from(out[i]);
        }
    }
    for (x, out) in x_tail.iter().zip(&mut *out_tail) {
        *out = exp_f32(x - max);
    }
    let last = padded(out_tail, 0.0);
    for i in 0..LANES {
        sums[i] += f64::from(last[i]);
    }
    let scale = (1.0 / fold(sums, |x, y| x + y)) as f32;
    for p in out {
        *p *= scale;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Random, each_input, same_slices};
    use std::vec;
    use std::vec::Vec;

    #[test]
    fn every_isa_has_the_bits_of_scalar() {
        each_input(|x| {
            let (mut want, mut got) = (vec![-1.0; x.len()], vec![-2.0; x.len()]);
            softmax_f32(Isa::Scalar, x, &mut want);
            let fit = x.iter().all(|x| *x < f32::INFINITY) && x.iter().any(|x| x.is_finite());
            for isa in Isa::available() {
                softmax_f32(isa, x, &mut got);
                assert!(same_slices(&got, &want), "{} length {}", isa.name(), x.len());
                if fit {
                    let sum: f64 = got.iter().map(|&p| f64::from(p)).sum();
                    assert!((sum - 1.0).abs() < 1e-6, "{} length {} sums to {sum}", isa.name(), x.len());
                    assert!(x.iter().zip(&got).all(|(x, p)| x.is_finite() || *p == 0.0));
                } else {
                    assert!(got.iter().all(|p| p.is_nan()));
                }
            }
        });
    }

    #[test]
    fn close_to_f64() {
        for (len, scale) in
            [(2, 1.0), (100, 5.0), (1000, 40.0), (32_000, 12.0), (128_256, 0.1), (128_256, 20.0)]
        {
            let mut x = Random(len as u64).floats(len, scale);
            x[len / 2] = f32::NEG_INFINITY;
            let mut got = vec![0.0; len];
            softmax_f32(Isa::best(), &x, &mut got);
            let max = x.iter().fold(f64::NEG_INFINITY, |best, &x| best.max(f64::from(x)));
            let powers: Vec<f64> = x.iter().map(|&x| (f64::from(x) - max).exp()).collect();
            let sum: f64 = powers.iter().sum();
            for (&got, power) in got.iter().zip(&powers) {
                let (error, want) = ((f64::from(got) - power / sum).abs(), power / sum);
                assert!(error <= 1e-6 && (error <= 1e-5 * want || want < 1e-30), "{got}, not {want}");
            }
        }
    }
}
