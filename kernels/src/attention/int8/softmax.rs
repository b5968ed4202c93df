//! Products to weights of 14 bits, with base 2.

use super::MOST_WEIGHT;
use crate::attention::WIDTH;
use crate::lanes::larger;

/// 1.5 * 2^23: adding it rounds to an integer, ties to even, and leaves that integer in the low bits.
const ROUND: f32 = 12_582_912.0;

/// Weights this many halvings below the largest are 0.
const LOWEST: f32 = -15.0;

/// How the scores of one row become powers of two.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    /// The query's step, times the scale of the scores, times log2 e.
    pub(super) scale: f32,
    /// How many of the first keys it sees.
    pub(super) limit: usize,
    /// What is added; empty for nothing.
    pub(super) mask: &'a [f32],
}

/// Turns the products of one row, `i32` in the bits of `all[..][r]`, into scores times log2 e. Returns the largest; NaN if
/// there is one, which only a mask can make.
#[inline(always)]
pub(super) fn scores<const R: usize, const MASKED: bool>(
    all: &mut [[[f32; WIDTH]; R]],
    r: usize,
    row: Row,
    scales: Scales,
) -> f32 {
    let mut best = Best { largest: [f32::NEG_INFINITY; WIDTH], nan: [0; WIDTH] };
    let (whole, last) = all.split_at_mut(row.limit / WIDTH);
    for (n, tile) in whole.iter_mut().enumerate() {
        let mask = if MASKED { &row.mask[n * WIDTH..][..WIDTH] } else { &[] };
        let x = panel::<MASKED>(&tile[r], &scales.of(n), row.scale, mask.as_chunks().0.first());
        best.take::<MASKED>(&x);
        tile[r] = x;
    }
    for (n, tile) in last.iter_mut().enumerate() {
        let first = row.limit / WIDTH * WIDTH + n * WIDTH;
        let mut mask = [0.0; WIDTH];
        for (l, mask) in mask.iter_mut().enumerate() {
            if MASKED && first + l < row.limit {
                *mask = row.mask[first + l];
            }
        }
        let mut x = panel::<MASKED>(&tile[r], &scales.of(first / WIDTH), row.scale, Some(&mask));
        for (l, x) in x.iter_mut().enumerate() {
            if first + l >= row.limit {
                *x = f32::NEG_INFINITY;
            }
        }
        best.take::<MASKED>(&x);
        tile[r] = x;
    }
    best.fold()
}

/// The scores of one row with the keys of one panel.
#[inline(always)]
fn panel<const MASKED: bool>(
    products: &[f32; WIDTH],
    scales: &[f32; WIDTH],
    scale: f32,
    mask: Option<&[f32; WIDTH]>,
) -> [f32; WIDTH] {
    let mut x = [0.0; WIDTH];
    for l in 0..WIDTH {
        x[l] = (products[l].to_bits() as i32) as f32 * (scales[l] * scale);
    }
    if MASKED && let Some(mask) = mask {
        for l in 0..WIDTH {
            // A finite mask stays finite, so that keys which share the least number still share the weight.
            let scaled = mask[l] * core::f32::consts::LOG2_E;
            let least = if mask[l] == f32::NEG_INFINITY { f32::NEG_INFINITY } else { f32::MIN };
            x[l] += if scaled < f32::MIN { least } else { scaled };
        }
    }
    x
}

/// The largest score of each lane, and whether one was NaN: it would be no larger than the best, and be lost.
struct Best {
    largest: [f32; WIDTH],
    nan: [u32; WIDTH],
}

impl Best {
    #[inline(always)]
    fn take<const NAN: bool>(&mut self, x: &[f32; WIDTH]) {
        for l in 0..WIDTH {
            self.largest[l] = larger(self.largest[l], x[l]);
        }
        if NAN {
            for l in 0..WIDTH {
                self.nan[l] |= u32::from(x[l].is_nan());
            }
        }
    }

    #[inline(always)]
    fn fold(mut self) -> f32 {
        let mut half = WIDTH / 2;
        while half > 0 {
            for l in 0..half {
                self.largest[l] = larger(self.largest[l], self.largest[l + half]);
                self.nan[l] |= self.nan[l + half];
            }
            half /= 2;
        }
        if self.nan[0] != 0 { f32::NAN } else { self.largest[0] }
    }
}

/// Where the scales of the keys are among the packed keys.
#[derive(Clone, Copy)]
pub(super) struct Scales<'a> {
    pub(super) keys: &'a [f32],
    /// From a panel to the next, and from its start to the scales.
    pub(super) strides: [usize; 2],
}

impl Scales<'_> {
    #[inline(always)]
    fn of(&self, panel: usize) -> [f32; WIDTH] {
        let mut scales = [0.0; WIDTH];
        scales.copy_from_slice(&self.keys[panel * self.strides[0] + self.strides[1]..][..WIDTH]);
        scales
    }
}

/// Weights in pairs, those of keys `l` and `l + 8` of a panel in one word, the earlier in its low half. Returns their sum.
/// `max` is finite.
#[inline(always)]
pub(super) fn weights<const R: usize>(
    all: &[[[f32; WIDTH]; R]],
    r: usize,
    max: f32,
    out: &mut [[[u32; WIDTH / 2]; R]],
) -> f32 {
    let mut total = 0_u64;
    // A lane of so many panels is sure to fit in `u32`.
    for (all, out) in all.chunks(1 << 16).zip(out.chunks_mut(1 << 16)) {
        let mut sums = [0_u32; WIDTH];
        for (x, out) in all.iter().zip(out) {
            let mut words = [0_u32; WIDTH];
            for l in 0..WIDTH {
                words[l] = weight(x[r][l] - max);
                sums[l] += words[l];
            }
            for l in 0..WIDTH / 2 {
                out[r][l] = words[l] | words[l + WIDTH / 2] << 16;
            }
        }
        for sum in sums {
            total += u64::from(sum);
        }
    }
    total as f32
}

/// `16383 * 2^x` for `x <= 0`, rounded; the power within 1e-4 of its value.
#[inline(always)]
fn weight(x: f32) -> u32 {
    let x = if x < LOWEST { LOWEST } else { x };
    let shifted = x + ROUND;
    let f = x - (shifted - ROUND);
    // Minimax on [-1/2, 1/2], times the largest weight; 1 at 0.
    let mut sum = 901.211_3;
    for c in [3_968.142, 11_358.054, MOST_WEIGHT] {
        sum = sum * f + c;
    }
    let power = f32::from_bits(sum.to_bits().wrapping_add(shifted.to_bits() << 23));
    (power + ROUND).to_bits() & 0xffff
}
