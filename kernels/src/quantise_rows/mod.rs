//! Rows of floats to bytes, as [`linear_i8`](crate::linear_i8()) takes them.

use crate::Isa;
use crate::lanes::{LANES, padded};
use crate::linear_i8::row_len;

/// 1.5 * 2^23: adding it rounds to an integer, ties to even, and leaves that integer in the low bits.
const ROUND: f32 = 12_582_912.0;

/// Quantises each row of `x` by a scale and a zero point of its own.
///
/// The range of a row is widened to hold 0; then `scale = (max - min) / 255`, `zero = round(-min / scale)`, and a byte is
/// `round(x / scale) + zero`, within 0..=255. Rounding is to nearest, ties to even, and `/ scale` is a product with
/// `1 / scale`. A row whose scale would be below the least normal number (all zeroes, for one) gets scale 0, zero 0 and
/// bytes 0. A row with a NaN or an infinity gets a NaN scale, so that NaN comes out of a product with it.
///
/// Class: same bits.
///
/// # Shapes
/// `x`: `[m, k]`; `factors`: `[k]`, by which `x` is multiplied first; `bytes`: `[m, row_len(k)]`, the last ones 0 where `k`
/// is not a multiple of 4; `scales` and `zeros`: `[m]`, which says what `m` is.
/// # Panics
/// If a length does not fit its shape.
/// # Cost
/// Two passes over each row.
pub fn quantise_rows(
    isa: Isa,
    x: &[f32],
    k: usize,
    factors: Option<&[f32]>,
    bytes: &mut [u8],
    scales: &mut [f32],
    zeros: &mut [i32],
) {
    check(x, k, bytes, scales, zeros);
    assert!(factors.is_none_or(|factors| factors.len() == k), "quantise_rows: factors are not [k]");
    per_isa!(
        isa,
        dynamic,
        (
            x: &[f32],
            k: usize,
            factors: Option<&[f32]>,
            bytes: &mut [u8],
            scales: &mut [f32],
            zeros: &mut [i32]
        )
    )
}

/// Quantises all rows by one scale and zero point, as ONNX's QuantizeLinear does: `round(x / scale) + zero`, ties to even,
/// saturating at 0..=255, or at -128..=127 if `signed`. Signed bytes are stored 128 higher, with a zero point 128 higher.
///
/// Infinities saturate. A row with a NaN gets a NaN scale, so that NaN comes out of a product with it; and so does every row
/// if `scale` is 0 or NaN.
///
/// Class: same bits.
///
/// # Shapes
/// As for [`quantise_rows`].
/// # Panics
/// If a length does not fit its shape, or `zero` is not a byte of the kind that `signed` says.
/// # Cost
/// One pass, with one division for each element.
#[expect(clippy::too_many_arguments, reason = "three inputs' worth of what and three outputs")]
pub fn quantise_rows_static(
    isa: Isa,
    x: &[f32],
    k: usize,
    scale: f32,
    zero: i32,
    signed: bool,
    bytes: &mut [u8],
    scales: &mut [f32],
    zeros: &mut [i32],
) {
    check(x, k, bytes, scales, zeros);
    let zero = if signed { zero.saturating_add(128) } else { zero };
    assert!((0..=255).contains(&zero), "quantise_rows_static: the zero point is not a byte");
    per_isa!(
        isa,
        fixed,
        (
            x: &[f32],
            k: usize,
            scale: f32,
            zero: i32,
            bytes: &mut [u8],
            scales: &mut [f32],
            zeros: &mut [i32]
        )
    )
}

fn check(x: &[f32], k: usize, bytes: &[u8], scales: &[f32], zeros: &[i32]) {
    let m = scales.len();
    assert_eq!(Some(x.len()), m.checked_mul(k), "quantise_rows: x is not [m, k]");
    assert_eq!(Some(bytes.len()), m.checked_mul(row_len(k)), "quantise_rows: bytes are not [m, row_len(k)]");
    assert_eq!(zeros.len(), m, "quantise_rows: zeros are not [m]");
}

/// Rows that go through each pass one after the other, so that none waits for its own scale.
const GROUP: usize = 4;

#[inline(always)]
fn dynamic(
    x: &[f32],
    k: usize,
    factors: Option<&[f32]>,
    bytes: &mut [u8],
    scales: &mut [f32],
    zeros: &mut [i32],
) {
    match factors {
        None => dynamic_rows::<false>(x, x, k, bytes, scales, zeros),
        Some(factors) => dynamic_rows::<true>(x, factors, k, bytes, scales, zeros),
    }
}

/// All rows, times `factors` if `FACTORS`.
#[inline(always)]
fn dynamic_rows<const FACTORS: bool>(
    x: &[f32],
    factors: &[f32],
    k: usize,
    bytes: &mut [u8],
    scales: &mut [f32],
    zeros: &mut [i32],
) {
    let groups = scales.chunks_mut(GROUP).zip(zeros.chunks_mut(GROUP));
    for (group, (scales, zeros)) in groups.enumerate() {
        let count = scales.len();
        let mut reach = [[0; 2]; GROUP];
        for r in 0..count {
            let row = &x[(group * GROUP + r) * k..][..k];
            reach[r] = reach_of::<FACTORS>(row, if FACTORS { factors } else { row });
        }
        let steps = reach.map(step_of);
        for r in 0..count {
            let i = group * GROUP + r;
            let (row, bytes) = (&x[i * k..][..k], &mut bytes[i * row_len(k)..][..row_len(k)]);
            let Step { scale, inverse, zero } = steps[r];
            (scales[r], zeros[r]) = (scale, zero as i32);
            if scale > 0.0 {
                write_row::<FACTORS>(row, if FACTORS { factors } else { row }, [inverse, zero], bytes);
            } else {
                bytes.fill(0);
            }
        }
    }
}

/// How a row is rounded.
#[derive(Clone, Copy)]
struct Step {
    /// 0 for a row of zeroes, NaN for one that is not finite.
    scale: f32,
    inverse: f32,
    zero: f32,
}

/// The bits of how far a row reaches above and below 0.
#[inline(always)]
fn reach_of<const FACTORS: bool>(x: &[f32], factors: &[f32]) -> [i32; 2] {
    let ((blocks, tail), (factors, last_factors)) = (x.as_chunks(), factors.as_chunks());
    let mut reach = [[0; LANES]; 2];
    for (x, factors) in blocks.iter().zip(factors) {
        widen(&mut reach, &product::<FACTORS>(x, factors));
    }
    if !tail.is_empty() {
        widen(&mut reach, &product::<FACTORS>(&padded(tail, 0.0), &padded(last_factors, 0.0)));
    }
    reach.map(|lanes| lanes.into_iter().fold(0, i32::max))
}

#[inline(always)]
fn step_of([above, below]: [i32; 2]) -> Step {
    let finite = above.max(below) < f32::INFINITY.to_bits() as i32;
    let (above, below) = (f32::from_bits(above as u32), f32::from_bits(below as u32));
    // (max - min) / 255 with the same rounding, but of halves, whose sum is never too large.
    let scale = (above * 0.5 + below * 0.5) / 127.5;
    if !finite || scale < f32::MIN_POSITIVE {
        return Step { scale: if finite { 0.0 } else { f32::NAN }, inverse: 0.0, zero: 0.0 };
    }
    let inverse = 1.0 / scale;
    let zero = ((below * inverse + ROUND) - ROUND).min(255.0);
    Step { scale, inverse, zero }
}

#[inline(always)]
fn write_row<const FACTORS: bool>(x: &[f32], factors: &[f32], [inverse, zero]: [f32; 2], bytes: &mut [u8]) {
    let ((blocks, tail), (factors, last_factors)) = (x.as_chunks(), factors.as_chunks());
    let (out, _) = bytes.as_chunks_mut();
    for ((x, factors), out) in blocks.iter().zip(factors).zip(out) {
        *out = dynamic_bytes(&product::<FACTORS>(x, factors), inverse, zero);
    }
    let bytes = &mut bytes[x.len() - tail.len()..];
    if !bytes.is_empty() {
        let last = product::<FACTORS>(&padded(tail, 0.0), &padded(last_factors, 0.0));
        bytes.fill(0);
        bytes[..tail.len()].copy_from_slice(&dynamic_bytes(&last, inverse, zero)[..tail.len()]);
    }
}

#[inline(always)]
fn product<const FACTORS: bool>(x: &[f32; LANES], factors: &[f32; LANES]) -> [f32; LANES] {
    let mut product = *x;
    if FACTORS {
        for l in 0..LANES {
            product[l] *= factors[l];
        }
    }
    product
}

/// Widens how far the lanes reach above and below 0. As integers, the bits of numbers that are not negative are in their
/// order, then come infinity and NaN; those of the others are below 0.
#[inline(always)]
fn widen([above, below]: &mut [[i32; LANES]; 2], x: &[f32; LANES]) {
    for l in 0..LANES {
        let bits = x[l].to_bits() as i32;
        above[l] = above[l].max(bits);
        below[l] = below[l].max(bits ^ i32::MIN);
    }
}

/// `round(x * inverse) + zero`, at most 255. It is never negative: `zero` was rounded in the same way.
#[inline(always)]
fn dynamic_bytes(x: &[f32; LANES], inverse: f32, zero: f32) -> [u8; LANES] {
    let (most, zero) = (255.0 - zero, zero as u8);
    let mut bytes = [0; LANES];
    for l in 0..LANES {
        let x = x[l] * inverse;
        let x = if x < most { x } else { most };
        // The low byte of ROUND is 0, so that of the sum is the integer's.
        bytes[l] = ((x + ROUND).to_bits() as u8).wrapping_add(zero);
    }
    bytes
}

#[inline(always)]
fn fixed(
    x: &[f32],
    k: usize,
    scale: f32,
    zero: i32,
    bytes: &mut [u8],
    scales: &mut [f32],
    zeros: &mut [i32],
) {
    for i in 0..scales.len() {
        let (x, bytes) = (&x[i * k..][..k], &mut bytes[i * row_len(k)..][..row_len(k)]);
        scales[i] = fixed_row(x, scale, zero as f32, bytes);
        zeros[i] = zero;
    }
}

#[inline(always)]
fn fixed_row(x: &[f32], scale: f32, zero: f32, bytes: &mut [u8]) -> f32 {
    let (blocks, tail) = x.as_chunks();
    // What the tail is filled up with must not be NaN after the division, unless every row is.
    let mut nan = [u32::from(scale == 0.0 || scale.is_nan()); LANES];
    let (out, _) = bytes.as_chunks_mut();
    for (x, out) in blocks.iter().zip(out) {
        *out = fixed_bytes(x, scale, zero, &mut nan);
    }
    let last = fixed_bytes(&padded(tail, 0.0), scale, zero, &mut nan);
    let bytes = &mut bytes[x.len() - tail.len()..];
    bytes.fill(0);
    bytes[..tail.len()].copy_from_slice(&last[..tail.len()]);
    if nan.into_iter().fold(0, |any, lane| any | lane) == 0 { scale } else { f32::NAN }
}

#[inline(always)]
fn fixed_bytes(x: &[f32; LANES], scale: f32, zero: f32, nan: &mut [u32; LANES]) -> [u8; LANES] {
    let (least, most, zero) = (-zero, 255.0 - zero, zero as u8);
    let mut bytes = [0; LANES];
    for l in 0..LANES {
        let x = x[l] / scale;
        nan[l] |= u32::from(x.is_nan());
        // Limited before it is rounded, which is the same because the limits are integers; NaN becomes the least.
        let x = if x > least { x } else { least };
        let x = if x < most { x } else { most };
        bytes[l] = ((x + ROUND).to_bits() as u8).wrapping_add(zero);
    }
    bytes
}

#[cfg(test)]
mod tests;
