//! Exponentials of `f64`.

#[cfg(target_arch = "x86_64")]
mod avx2;

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

/// Of `q` in `e^r = 1 + r + r² q(r)`: of even powers, and of odd ones, the highest first.
const EVEN: [f64; 5] = [
    2.763_024_837_921_144e-7,
    2.480_149_309_890_655e-5,
    1.388_888_894_363_011_4e-3,
    4.166_666_666_653_015_5e-2,
    5.000_000_000_000_011e-1,
];
const ODD: [f64; 5] = [
    2.500_006_160_283_566_6e-8,
    2.755_758_637_384_016_5e-6,
    1.984_126_950_657_868_7e-4,
    8.333_333_333_494_461e-3,
    1.666_666_666_666_641_3e-1,
];

/// Replaces each number by its exponential.
///
/// Class: same bits. Within 3 ULP between -708 and 709; 0 below, infinity above; NaN stays.
pub fn exp_f64(isa: Isa, x: &mut [f64]) {
    // For AVX2 the compiler makes half registers of the body, at three times the time.
    per_isa!(isa, { scalar: body, avx2: avx2::body, avx512: body, neon: body }, (x: &mut [f64]))
}

/// Writes `exp((offset + offsets - costs) * factor)`.
///
/// Class: same bits; of the exponential as [`exp_f64`].
///
/// # Panics
/// If the lengths differ.
pub fn exp_less_f64(isa: Isa, offset: f64, offsets: &[f64], costs: &[f64], factor: f64, out: &mut [f64]) {
    assert_eq!(offsets.len(), out.len(), "exp_less_f64: lengths differ");
    assert_eq!(costs.len(), out.len(), "exp_less_f64: lengths differ");
    per_isa!(
        isa,
        { scalar: body_less, avx2: avx2::body_less, avx512: body_less, neon: body_less },
        (offset: f64, offsets: &[f64], costs: &[f64], factor: f64, out: &mut [f64])
    )
}

#[inline(always)]
fn body_less(offset: f64, offsets: &[f64], costs: &[f64], factor: f64, out: &mut [f64]) {
    let (blocks, tail) = out.as_chunks_mut::<WIDTH>();
    let ((of_column, column_tail), (of_cost, cost_tail)) =
        (offsets.as_chunks::<WIDTH>(), costs.as_chunks::<WIDTH>());
    for ((block, g), c) in blocks.iter_mut().zip(of_column).zip(of_cost) {
        for l in 0..WIDTH {
            block[l] = exp((offset + g[l] - c[l]) * factor);
        }
    }
    for ((x, g), c) in tail.iter_mut().zip(column_tail).zip(cost_tail) {
        *x = exp((offset + g - c) * factor);
    }
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

/// 2^k times a polynomial of degree 11 in what is left: `1 + r + r² q(r)`, whose largest relative error between minus and plus half
/// the logarithm of 2 is the least that any has, 2^-58.
#[inline(always)]
fn exp(x: f64) -> f64 {
    let shifted = x * core::f64::consts::LOG2_E + ROUND;
    let k = shifted - ROUND;
    let r = (x - k * LN_2_HIGH) - k * LN_2_LOW;
    // Even and odd powers apart: half as many operations wait for each other.
    let z = r * r;
    let (mut even, mut odd) = (EVEN[0], ODD[0]);
    for (of_even, of_odd) in EVEN[1..].iter().zip(&ODD[1..]) {
        (even, odd) = (even * z + of_even, odd * z + of_odd);
    }
    let p = 1.0 + (r + z * (even + odd * r));
    let scale = f64::from_bits(shifted.to_bits().wrapping_add(1023) << 52);
    // What is not a number makes one of `p`, whatever its bits mean in `scale`.
    let found = p * scale;
    let found = if x < LEAST { 0.0 } else { found };
    if x > MOST { f64::INFINITY } else { found }
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
        let (offsets, factor) = (Random(7).floats(all.len(), 3.0), 1.7);
        let offsets: Vec<f64> = offsets.into_iter().map(f64::from).collect();
        for n in (0..=2 * WIDTH + 1).chain([all.len()]) {
            let pairs = offsets[..n].iter().zip(&all);
            let mut want: Vec<f64> = pairs.map(|(g, c)| (0.3 + g - c) * factor).collect();
            exp_f64(Isa::Scalar, &mut want);
            for isa in Isa::available() {
                let mut got = std::vec![7.0; n];
                exp_less_f64(isa, 0.3, &offsets[..n], &all[..n], factor, &mut got);
                assert!(got.iter().zip(&want).all(|(a, b)| a.to_bits() == b.to_bits()), "{} {n}", isa.name());
            }
        }
        let mut nan = [f64::NAN];
        exp_f64(Isa::best(), &mut nan);
        assert!(nan[0].is_nan());
    }
}
