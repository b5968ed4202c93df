//! Exponentials of `f64`.

use crate::Isa;

/// Elements that are worked on side by side.
const WIDTH: usize = 16;
/// 1.5 * 2^52: adding it rounds to an integer, ties to even, and leaves that integer in the low bits.
const ROUND: f64 = 6_755_399_441_055_744.0;
/// Below this the result is no normal number, and 0 here.
const LEAST: f64 = -708.0;
/// Above this it would overflow, and is infinite here.
const MOST: f64 = 709.0;
/// The natural logarithm of 2 in two parts, the first with zeroes behind, so that products with small integers are exact.
const LN_2_HIGH: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);
const LN_2_LOW: f64 = f64::from_bits(0x3dea_39ef_3579_3c76);

/// Replaces each number by its exponential.
///
/// Class: same bits. Within 3 ULP between -708 and 709; 0 below, infinity above; NaN stays.
pub fn exp_f64(isa: Isa, x: &mut [f64]) {
    per_isa!(isa, body, (x: &mut [f64]))
}

#[inline(always)]
fn body(x: &mut [f64]) {
    let (blocks, tail) = x.as_chunks_mut::<WIDTH>();
    for block in blocks {
        for l in 0..WIDTH {
            block[l] = exp(block[l]);
        }
    }
    for x in tail {
        *x = exp(*x);
    }
}

/// 2^k times the Taylor polynomial of what is left, of degree 13: its next term is below 2^-57.
#[inline(always)]
fn exp(x: f64) -> f64 {
    let shifted = x * core::f64::consts::LOG2_E + ROUND;
    let k = shifted - ROUND;
    let r = (x - k * LN_2_HIGH) - k * LN_2_LOW;
    let mut p = 1.0 / 6_227_020_800.0;
    p = p * r + 1.0 / 479_001_600.0;
    p = p * r + 1.0 / 39_916_800.0;
    p = p * r + 1.0 / 3_628_800.0;
    p = p * r + 1.0 / 362_880.0;
    p = p * r + 1.0 / 40_320.0;
    p = p * r + 1.0 / 5_040.0;
    p = p * r + 1.0 / 720.0;
    p = p * r + 1.0 / 120.0;
    p = p * r + 1.0 / 24.0;
    p = p * r + 1.0 / 6.0;
    p = p * r + 0.5;
    p = p * r + 1.0;
    p = p * r + 1.0;
    let scale = f64::from_bits(shifted.to_bits().wrapping_add(1023) << 52);
    let found = p * scale;
    let found = if x < LEAST { 0.0 } else { found };
    let found = if x > MOST { f64::INFINITY } else { found };
    // What is not a number has bits that mean nothing above.
    if x.is_nan() { x } else { found }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Random;
    use std::vec::Vec;

    #[test]
    fn every_isa_has_the_bits_of_scalar_and_is_close_to_the_platforms() {
        let mut all: Vec<f64> = Random(5).floats(4000, 700.0).into_iter().map(f64::from).collect();
        all.extend(Random(6).floats(4000, 1.0).into_iter().map(f64::from));
        all.extend([
            0.0,
            -0.0,
            1e-300,
            -708.0,
            -708.1,
            709.0,
            709.1,
            1e300,
            -1e300,
            f64::INFINITY,
            f64::NEG_INFINITY,
        ]);
        for n in (0..=2 * WIDTH + 1).chain([all.len()]) {
            let mut want = all[..n].to_vec();
            exp_f64(Isa::Scalar, &mut want);
            for isa in Isa::available() {
                let mut got = all[..n].to_vec();
                exp_f64(isa, &mut got);
                assert!(got.iter().zip(&want).all(|(a, b)| a.to_bits() == b.to_bits()), "{} {n}", isa.name());
            }
            for (x, got) in all.iter().zip(&want) {
                let exact = if *x < LEAST {
                    0.0
                } else if *x > MOST {
                    f64::INFINITY
                } else {
                    x.exp()
                };
                let ulps = (got.to_bits() as i64 - exact.to_bits() as i64).abs();
                assert!(ulps <= 3, "{x}: {got}, not {exact}: {ulps} ULP");
            }
        }
        let mut nan = [f64::NAN];
        exp_f64(Isa::best(), &mut nan);
        assert!(nan[0].is_nan());
    }
}
