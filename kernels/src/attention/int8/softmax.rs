//! Products to weights of 14 bits, with base 2.

use super::MOST_WEIGHT;
use crate::attention::WIDTH;
use crate::attention::vector::Vector;

/// 1.5 * 2^23: adding it rounds to an integer, ties to even, and leaves that integer in the low bits.
const ROUND: f32 = 12_582_912.0;

/// Weights this many halvings below the largest are 0.
const LOWEST: f32 = -15.0;

/// Turns the products of one row with a panel into scores times log2 e. All of its keys are seen, and there is no mask. Returns
/// the larger of `best` and them.
#[inline(always)]
pub(super) fn whole<V: Vector>(
    by: V,
    products: &[i32; WIDTH],
    out: &mut [f32; WIDTH],
    scales: &[f32; WIDTH],
    scale: f32,
    best: V::Words,
) -> V::Words {
    let scores = scores(by, products, scales, scale);
    by.store_f32(scores, out);
    by.larger_f32(scores, best)
}

#[inline(always)]
fn scores<V: Vector>(by: V, products: &[i32; WIDTH], scales: &[f32; WIDTH], scale: f32) -> V::Words {
    let scales = by.mul_f32(by.load_f32(scales), by.splat_f32(scale));
    by.mul_f32(by.to_f32(by.load(&products.map(|x| x as u32))), scales)
}

/// As [`whole`], when only the first `seen` keys of the panel are seen.
#[inline(always)]
pub(super) fn cut<V: Vector>(
    by: V,
    products: &[i32; WIDTH],
    out: &mut [f32; WIDTH],
    scales: &[f32; WIDTH],
    scale: f32,
    seen: usize,
    best: V::Words,
) -> V::Words {
    /// What an unseen score becomes, by `or`.
    const OUT: u32 = f32::NEG_INFINITY.to_bits();
    const KEPT: [u32; 2 * WIDTH] = edge(u32::MAX, 0);
    const ADDED: [u32; 2 * WIDTH] = edge(0, OUT);
    const fn edge(before: u32, after: u32) -> [u32; 2 * WIDTH] {
        let mut words = [before; 2 * WIDTH];
        let mut l = WIDTH;
        while l < 2 * WIDTH {
            words[l] = after;
            l += 1;
        }
        words
    }

    let at = WIDTH - seen.min(WIDTH);
    let mut lanes = [[0; WIDTH]; 2];
    lanes[0].copy_from_slice(&KEPT[at..][..WIDTH]);
    lanes[1].copy_from_slice(&ADDED[at..][..WIDTH]);
    let kept = by.and(scores(by, products, scales, scale), by.load(&lanes[0]));
    let scores = by.or(kept, by.load(&lanes[1]));
    by.store_f32(scores, out);
    by.larger_f32(scores, best)
}

/// As [`whole`], with a mask, which may be shorter than a panel: what it lacks is not seen. What [`has_nan`] looks for
/// is joined to `marks`, because a NaN would be no larger than the best score.
#[inline(always)]
pub(super) fn masked<V: Vector>(
    by: V,
    products: &[i32; WIDTH],
    out: &mut [f32; WIDTH],
    scales: &[f32; WIDTH],
    scale: f32,
    mask: &[f32],
    [best, marks]: [V::Words; 2],
) -> [V::Words; 2] {
    let mask = match mask.first_chunk() {
        Some(mask) => by.load_f32(mask),
        None => {
            let mut filled = [f32::NEG_INFINITY; WIDTH];
            filled[..mask.len()].copy_from_slice(mask);
            by.load_f32(&filled)
        }
    };
    // A finite mask stays finite, so that keys which share the least number still share the weight.
    let least = by.splat_f32(f32::MIN);
    let scaled = by.mul_f32(mask, by.splat_f32(core::f32::consts::LOG2_E));
    let finite = by.larger_f32(least, scaled);
    // 0; -inf for -inf; NaN for NaN and for infinity.
    let beyond = by.sub_f32(mask, by.larger_f32(least, mask));
    let scores = by.add_f32(scores(by, products, scales, scale), by.add_f32(finite, beyond));
    by.store_f32(scores, out);
    let marks = by.larger(by.and(beyond, by.splat(0x7fff_ffff)), marks);
    [by.larger_f32(scores, best), marks]
}

/// Whether [`masked`] has made a NaN.
#[inline(always)]
pub(super) fn has_nan<V: Vector>(by: V, marks: V::Words) -> bool {
    let mut lanes = [0; WIDTH];
    by.store(marks, &mut lanes);
    lanes.iter().any(|&bits| bits > f32::INFINITY.to_bits())
}

/// Weights in pairs, those of keys `l` and `l + 8` of a panel in one word, the earlier in its low half; and their sum for
/// each row. The largest scores, `max`, are finite.
#[inline(always)]
pub(super) fn weights<V: Vector, const R: usize>(
    by: V,
    all: &[[[f32; WIDTH]; R]],
    max: &[f32; R],
    out: &mut [[[u32; WIDTH / 2]; R]],
) -> [f32; R] {
    let mut totals = [0_u64; R];
    // The sum of so many panels is sure to fit in `u32`.
    for (all, out) in all.chunks(1 << 14).zip(out.chunks_mut(1 << 14)) {
        let mut sums = [by.splat(0); R];
        for (x, out) in all.iter().zip(out) {
            for r in 0..R {
                let bits = weight(by, by.sub_f32(by.load_f32(&x[r]), by.splat_f32(max[r])));
                sums[r] = by.add(sums[r], bits);
                by.store_pairs(bits, &mut out[r]);
            }
        }
        // What stands above the integers was added up, too.
        let above = ROUND.to_bits().wrapping_mul((all.len() * WIDTH) as u32);
        for r in 0..R {
            totals[r] += u64::from(by.sum(sums[r]).wrapping_sub(above));
        }
    }
    totals.map(|total| total as f32)
}

/// `16383 * 2^x` for `x <= 0`, rounded, in the low bits of [`ROUND`]; the power within 1e-4 of its value.
#[inline(always)]
fn weight<V: Vector>(by: V, x: V::Words) -> V::Words {
    let round = by.splat_f32(ROUND);
    let x = by.larger_f32(by.splat_f32(LOWEST), x);
    let shifted = by.add_f32(x, round);
    let f = by.sub_f32(x, by.sub_f32(shifted, round));
    // Minimax on [-1/2, 1/2], times the largest weight; 1 at 0.
    let mut sum = by.splat_f32(901.211_3);
    for c in [3_968.142, 11_358.054, MOST_WEIGHT] {
        sum = by.add_f32(by.mul_f32(sum, f), by.splat_f32(c));
    }
    let power = by.add(sum, by.shift::<23>(shifted));
    by.add_f32(power, round)
}
