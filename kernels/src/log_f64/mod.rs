//! Natural logarithms of `f64`.

use crate::Isa;

/// Elements that are worked on side by side.
const WIDTH: usize = 16;
/// The natural logarithm of 2 in two parts, the first with zeroes behind, so that products with small integers are exact.
const LN_2_HIGH: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);
const LN_2_LOW: f64 = f64::from_bits(0x3dea_39ef_3579_3c76);
/// 2^52 and its bits, by which a small integer becomes a float.
const WHOLE: f64 = 4_503_599_627_370_496.0;

/// Replaces each number by its natural logarithm.
///
/// Class: same bits. Within 2 ULP for normal numbers; minus infinity for 0 and what is too small to be normal, infinity for
/// infinity, NaN for NaN and what is below 0.
pub fn log_f64(isa: Isa, x: &mut [f64]) {
    per_isa!(isa, body, (x: &mut [f64]))
}

#[inline(always)]
fn body(x: &mut [f64]) {
    let (blocks, tail) = x.as_chunks_mut::<WIDTH>();
    for block in blocks {
        for l in 0..WIDTH {
            block[l] = log(block[l]);
        }
    }
    for x in tail {
        *x = log(*x);
    }
}

/// `k ln 2 + 2 atanh((m - 1) / (m + 1))` of `2^k m` with `m` between the root of a half and that of 2; the first term left out is
/// below 2^-58 of the sum.
#[inline(always)]
fn log(x: f64) -> f64 {
    // One more in the exponent of numbers whose rest is above the root of 2, by a carry.
    let carried = x.to_bits().wrapping_add(0x3ff0_0000_0000_0000 - ROOT_OF_HALF);
    let k = f64::from_bits((carried >> 52) | WHOLE.to_bits()) - (WHOLE + 1023.0);
    let m = f64::from_bits((carried & 0x000f_ffff_ffff_ffff).wrapping_add(ROOT_OF_HALF));
    let f = m - 1.0;
    let s = f / (2.0 + f);
    let z = s * s;
    let mut p = 2.0 / 21.0;
    p = p * z + 2.0 / 19.0;
    p = p * z + 2.0 / 17.0;
    p = p * z + 2.0 / 15.0;
    p = p * z + 2.0 / 13.0;
    p = p * z + 2.0 / 11.0;
    p = p * z + 2.0 / 9.0;
    p = p * z + 2.0 / 7.0;
    p = p * z + 2.0 / 5.0;
    p = p * z + 2.0 / 3.0;
    // 2 s + s z p, of which 2 s is f - s f: what is rounded is small beside f.
    let rest = s * (f - z * p);
    let found = k * LN_2_HIGH + (f - (rest - k * LN_2_LOW));
    let found = if x < f64::MIN_POSITIVE { f64::NEG_INFINITY } else { found };
    let found = if x < 0.0 { f64::NAN } else { found };
    let found = if x == f64::INFINITY { x } else { found };
    if x.is_nan() { x } else { found }
}

/// The bits of the root of a half.
const ROOT_OF_HALF: u64 = core::f64::consts::FRAC_1_SQRT_2.to_bits();

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Random;
    use std::vec::Vec;

    #[test]
    fn every_isa_has_the_bits_of_scalar_and_is_close_to_the_platforms() {
        let mut random = Random(5);
        // Every exponent, and many near 1.
        let mut all: Vec<f64> =
            (1..2047).map(|e| f64::from_bits((e << 52) | (random.next() >> 12))).collect();
        all.extend(random.floats(4000, 0.5).into_iter().map(|x| 1.0 + f64::from(x)));
        all.extend((0..52).flat_map(|k| {
            [1.0 + f64::EPSILON * (1_u64 << k) as f64, 1.0 - f64::EPSILON * (1_u64 << k) as f64]
        }));
        all.retain(|x| *x > 0.0);
        let root = core::f64::consts::FRAC_1_SQRT_2;
        all.extend([
            1.0,
            2.0,
            0.5,
            root,
            root.next_up(),
            root.next_down(),
            2.0 * root,
            f64::MAX,
            f64::MIN_POSITIVE,
        ]);
        for n in (0..=2 * WIDTH + 1).chain([all.len()]) {
            let mut want = all[..n].to_vec();
            log_f64(Isa::Scalar, &mut want);
            for isa in Isa::available() {
                let mut got = all[..n].to_vec();
                log_f64(isa, &mut got);
                assert!(got.iter().zip(&want).all(|(a, b)| a.to_bits() == b.to_bits()), "{} {n}", isa.name());
            }
            for (x, got) in all.iter().zip(&want) {
                let ulps = (got.to_bits() as i64 - x.ln().to_bits() as i64).abs();
                assert!(ulps <= 2, "{x:e}: {got:e}, not {:e}: {ulps} ULP", x.ln());
            }
        }
    }

    #[test]
    fn what_has_no_logarithm_is_told() {
        let given = [0.0, -0.0, f64::from_bits(1), f64::INFINITY, -1.0, f64::NEG_INFINITY, f64::NAN];
        for isa in Isa::available() {
            let mut got = given;
            log_f64(isa, &mut got);
            assert_eq!(got[..4], [f64::NEG_INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY, f64::INFINITY]);
            assert!(got[4..].iter().all(|x| x.is_nan()), "{}", isa.name());
        }
    }
}
