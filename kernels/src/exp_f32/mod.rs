//! The exponential function.

use crate::Isa;
use crate::exp::exp_wide_f32;
use crate::lanes::{LANES, padded};

/// `e^x` of each element of `x`, written to `out`.
///
/// Within 3e-7 of the true value, relatively; +inf above 88.73. A subnormal result is rounded once more; below -104 it
/// is 0. NaN stays NaN.
///
/// Class: same bits.
///
/// # Panics
/// If the lengths differ.
/// # Cost
/// One pass; no division.
pub fn exp_f32(isa: Isa, x: &[f32], out: &mut [f32]) {
    assert_eq!(x.len(), out.len(), "exp_f32: lengths differ");
    per_isa!(isa, body, (x: &[f32], out: &mut [f32]))
}

#[inline(always)]
fn body(x: &[f32], out: &mut [f32]) {
    let ((x, x_tail), (out, out_tail)) = (x.as_chunks::<LANES>(), out.as_chunks_mut::<LANES>());
    for (x, out) in x.iter().zip(out) {
        for i in 0..LANES {
            out[i] = exp_wide_f32(x[i]);
        }
    }
    let mut last = padded(x_tail, 0.0);
    for x in &mut last {
        *x = exp_wide_f32(*x);
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
            exp_f32(Isa::Scalar, x, &mut want);
            for isa in Isa::available() {
                exp_f32(isa, x, &mut got);
                assert!(same_slices(&got, &want), "{} length {}", isa.name(), x.len());
            }
        });
    }

    #[test]
    fn close_to_the_c_library() {
        let x: Vec<f32> = (-110_000..=110_000).map(|i| i as f32 / 1000.0).collect();
        let mut got = vec![0.0; x.len()];
        exp_f32(Isa::best(), &x, &mut got);
        for (&x, &got) in x.iter().zip(&got) {
            let want = f64::from(x).exp();
            if want > f64::from(f32::MAX) {
                assert_eq!(got, f32::INFINITY, "exp({x})");
            } else {
                // Half a unit of the smallest subnormal, twice: once for each of the two roundings.
                let error = (f64::from(got) - want).abs();
                assert!(error <= 3e-7 * want + 1.5e-45, "exp({x}) = {got}, not {want}");
            }
        }
        let mut ends = [0.5; 5];
        exp_f32(Isa::best(), &[f32::NEG_INFINITY, f32::MIN, 0.0, f32::MAX, f32::INFINITY], &mut ends);
        assert_eq!(ends, [0.0, 0.0, 1.0, f32::INFINITY, f32::INFINITY]);
    }
}
