//! The error function.

use crate::Isa;
use crate::lanes::{LANES, padded};

/// Here and beyond, `erf` is 1 within 4e-7.
pub(crate) const EDGE: f32 = 3.6;

/// `erf x` for `abs(x) < EDGE`, whatever else elsewhere; NaN for NaN.
///
/// `x * p(x^2)`, minimax for the relative error, 6e-7. The powers are those of `2 (x / EDGE)^2 - 1`, in [-1, 1], whose
/// factors stay small, so that little is lost to rounding; and there is no division.
#[inline(always)]
pub(crate) fn erf_inside(x: f32) -> f32 {
    let t = (x * x) * (2.0 / (EDGE * EDGE)) - 1.0;
    let mut sum = 0.002_465_871_2;
    for c in [
        -0.005_955_585_3,
        0.005_073_300_6,
        -0.007_784_153,
        0.020_681_685,
        -0.034_817_15,
        0.048_583_91,
        -0.067_383_31,
        0.089_744_89,
        -0.113_872_33,
        0.143_816_49,
        -0.195_487_83,
        0.392_712_06,
    ] {
        sum = sum * t + c;
    }
    x * sum
}

#[inline(always)]
fn erf(x: f32) -> f32 {
    let inside = erf_inside(x);
    // Close to its edge the polynomial exceeds 1 by a few units of the last place.
    if (x.abs() >= EDGE) | (inside.abs() > 1.0) { 1.0_f32.copysign(x) } else { inside }
}

/// `erf` of each element of `x`, written to `out`.
///
/// Within 8e-7 of the true value, relatively. NaN stays NaN.
///
/// Class: same bits.
///
/// # Panics
/// If the lengths differ.
/// # Cost
/// One pass; no division.
pub fn erf_f32(isa: Isa, x: &[f32], out: &mut [f32]) {
    assert_eq!(x.len(), out.len(), "erf_f32: lengths differ");
    per_isa!(isa, body, (x: &[f32], out: &mut [f32]))
}

#[inline(always)]
fn body(x: &[f32], out: &mut [f32]) {
    let ((x, x_tail), (out, out_tail)) = (x.as_chunks::<LANES>(), out.as_chunks_mut::<LANES>());
    for (x, out) in x.iter().zip(out) {
        for i in 0..LANES {
            out[i] = erf(x[i]);
        }
    }
    let mut last = padded(x_tail, 0.0);
    for x in &mut last {
        *x = erf(*x);
    }
    out_tail.copy_from_slice(&last[..out_tail.len()]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{each_input, same_slices};
    use std::vec;
    use std::vec::Vec;

    #[test]
    fn every_isa_has_the_bits_of_scalar() {
        each_input(|x| {
            let (mut want, mut got) = (vec![-1.0; x.len()], vec![-2.0; x.len()]);
            erf_f32(Isa::Scalar, x, &mut want);
            for isa in Isa::available() {
                erf_f32(isa, x, &mut got);
                assert!(same_slices(&got, &want), "{} length {}", isa.name(), x.len());
            }
            assert!(x.iter().zip(&want).all(|(x, y)| y.abs() <= 1.0 || x.is_nan() && y.is_nan()));
        });
    }

    #[test]
    fn close_to_the_series() {
        let x: Vec<f32> = (-60_000..=60_000).map(|i| i as f32 / 10_000.0).chain([1e-30, -1e-30]).collect();
        let mut got = vec![0.0; x.len()];
        erf_f32(Isa::best(), &x, &mut got);
        for (&x, &got) in x.iter().zip(&got) {
            let z = f64::from(x);
            // Below 4 the series loses at most 1e6 times 2^-53; above, erf is 1 within 2e-8.
            let (mut term, mut sum) = (z, z);
            for n in 1..100 {
                term *= -z * z / f64::from(n);
                sum += term / f64::from(2 * n + 1);
            }
            let want = if z.abs() < 4.0 { sum * 2.0 / core::f64::consts::PI.sqrt() } else { z.signum() };
            assert!((f64::from(got) - want).abs() <= 8e-7 * want.abs(), "erf({x}) = {got}, not {want}");
        }
        let mut ends = [0.0; 3];
        erf_f32(Isa::best(), &[f32::NEG_INFINITY, -0.0, f32::MAX], &mut ends);
        assert_eq!(ends, [-1.0, 0.0, 1.0]);
    }
}
