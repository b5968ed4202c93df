//! Exponential and logarithm in operations that IEEE 754 rounds in one way only, so that every CPU agrees on each bit.
//!
//! `exp(x) = 2^k * exp(r)` with `k = round(x / ln 2)`, so that `|r| <= ln 2 / 2`, and the Taylor series for `exp(r)`.

/// 1.5 * 2^23: adding it rounds to an integer, ties to even, and leaves that integer in the low bits.
const ROUND_F32: f32 = 12_582_912.0;
/// 1.5 * 2^52, the same for `f64`.
const ROUND_F64: f64 = 6_755_399_441_055_744.0;

/// Below this the result would be subnormal; it is 0 instead.
const LOWEST_F32: f32 = -87.0;
/// Below this the result is 0: less than 1e-304.
const LOWEST_F64: f64 = -700.0;

/// ln 2 in two parts: the first has 10 bits, so that its product with `k` is exact.
const LN_2_F32: [f32; 2] = [355.0 / 512.0, -2.121_944_4e-4];
/// ln 2 in two parts: the first has 32 bits, so that its product with `k` is exact.
const LN_2_F64: [f64; 2] = [f64::from_bits(0x3fe6_2e42_fee0_0000), f64::from_bits(0x3dea_39ef_3579_3c76)];

/// `e^x` for `x <= 0` (at most 87), within 4e-7 of its value; 0 below -87, so also for -inf. NaN stays NaN.
#[inline(always)]
pub(crate) fn exp_f32(x: f32) -> f32 {
    let shifted = x * core::f32::consts::LOG2_E + ROUND_F32;
    let k = shifted - ROUND_F32;
    let r = (x - k * LN_2_F32[0]) - k * LN_2_F32[1];
    // 1/k! down to 1/6!; the first term left out is r^7/7!, at most 1.2e-7.
    let mut sum = 1.0 / 720.0;
    for c in [1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        sum = sum * r + c;
    }
    let power = f32::from_bits(shifted.to_bits().wrapping_add(127) << 23);
    if x < LOWEST_F32 { 0.0 } else { sum * power }
}

/// `e^x` for any `x`, within 3e-7 of its value; subnormal results are rounded twice. NaN stays NaN.
#[inline(always)]
pub(crate) fn exp_wide_f32(x: f32) -> f32 {
    // Both ends lie beyond what the result can hold, and keep `k` within -151..=129.
    let high = if x > 89.0 { 89.0 } else { x };
    let y = if high < -104.0 { -104.0 } else { high };
    let shifted = y * core::f32::consts::LOG2_E + ROUND_F32;
    let k = shifted - ROUND_F32;
    let r = (y - k * LN_2_F32[0]) - k * LN_2_F32[1];
    // 1/k! down to 1/7!; the first term left out is r^8/8!, at most 6e-9.
    let mut sum = 1.0 / 5_040.0;
    for c in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        sum = sum * r + c;
    }
    // 2^k is perhaps no normal number, but 2^(k / 2) is.
    let k = shifted.to_bits().wrapping_sub(ROUND_F32.to_bits()) as i32;
    let half = k >> 1;
    let power = |k: i32| f32::from_bits((k.wrapping_add(127) as u32) << 23);
    sum * power(half) * power(k.wrapping_sub(half))
}

/// `e^x` for `x <= 0` (at most 700), within 1e-14 of its value; 0 below -700, so also for -inf. NaN stays NaN.
#[inline(always)]
pub(crate) fn exp_f64(x: f64) -> f64 {
    let shifted = x * core::f64::consts::LOG2_E + ROUND_F64;
    let k = shifted - ROUND_F64;
    let r = (x - k * LN_2_F64[0]) - k * LN_2_F64[1];
    // 1/k! down to 1/11!; the first term left out is r^12/12!, at most 6.3e-15.
    let mut sum = 1.0 / 39_916_800.0;
    for c in [
        1.0 / 3_628_800.0,
        1.0 / 362_880.0,
        1.0 / 40_320.0,
        1.0 / 5_040.0,
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
        1.0,
        1.0,
    ] {
        sum = sum * r + c;
    }
    let power = f64::from_bits(shifted.to_bits().wrapping_add(1023) << 52);
    if x < LOWEST_F64 { 0.0 } else { sum * power }
}

/// `ln x` of a normal positive `x`, within 4e-16 of max(1, its size); NaN for NaN. The C library's is not used, because
/// platforms differ in its last bit.
pub(crate) fn ln_f64(x: f64) -> f64 {
    if x.is_nan() {
        return x;
    }
    // x = 2^k * m with m in [sqrt(1/2), sqrt(2)).
    let above = x.to_bits().wrapping_sub(core::f64::consts::FRAC_1_SQRT_2.to_bits());
    let k = (above as i64) >> 52;
    let m = f64::from_bits(x.to_bits().wrapping_sub((k as u64) << 52));
    // ln m = 2 atanh(s), by its series; the first term left out is 2 s^25/25, at most 6e-21.
    let s = (m - 1.0) / (m + 1.0);
    let square = s * s;
    let mut sum = 0.0;
    for n in (0..12).rev() {
        sum = sum * square + 1.0 / f64::from(2 * n + 1);
    }
    let k = k as f64;
    k * LN_2_F64[0] + (2.0 * s * sum + k * LN_2_F64[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_close_to_the_c_library() {
        for i in 0..=7_000 {
            let x = -f64::from(i) / 10.0;
            assert!((exp_f64(x) / x.exp() - 1.0).abs() < 1e-14, "exp({x})");
            let x = (x / 8.0) as f32;
            if x >= LOWEST_F32 {
                let error = f64::from(exp_f32(x)) / f64::from(x).exp() - 1.0;
                assert!(error.abs() < 4e-7, "exp({x}): {error}");
            }
        }
        assert_eq!(
            [exp_f32(0.0), exp_f32(-0.0), exp_f32(-87.1), exp_f32(f32::NEG_INFINITY)],
            [1.0, 1.0, 0.0, 0.0]
        );
        assert_eq!(
            [exp_f64(0.0), exp_f64(-0.0), exp_f64(-701.0), exp_f64(f64::NEG_INFINITY)],
            [1.0, 1.0, 0.0, 0.0]
        );
        assert!(exp_f32(f32::NAN).is_nan() && exp_f64(f64::NAN).is_nan());
    }

    #[test]
    fn ln_is_close_to_the_c_library() {
        for i in 1..=20_000 {
            for x in [f64::from(i) / 1000.0, f64::from(i) * 7.0, 1.0 + f64::from(i) * 1e-8] {
                let (got, want) = (ln_f64(x), x.ln());
                assert!((got - want).abs() <= 4e-16 * want.abs().max(1.0), "ln({x}) = {got}, not {want}");
            }
        }
        assert_eq!(ln_f64(1.0), 0.0);
        assert!(ln_f64(f64::NAN).is_nan());
    }
}
