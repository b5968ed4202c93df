use core::arch::aarch64::*;

use super::{Layout, WIDTH};
use crate::Neon;

pub(super) fn rows(_proof: Neon, task: crate::attention::Task) {
    // SAFETY: a `Neon` exists only after detection, so this CPU runs NEON.
    unsafe { body(task) }
}

super::block::rows!(#[target_feature(enable = "neon")], Layout::Quads, 1, [4 2 1]);

/// Bytes are multiplied to words, two of which always fit before they are added up in pairs.
#[target_feature(enable = "neon")]
#[inline]
fn scores<const R: usize>(
    q: &[[u32; R]],
    panel: &[[u32; WIDTH]],
    _start: &[u32; WIDTH],
    out: &mut [[f32; WIDTH]; R],
) {
    let zero = vdupq_n_s32(0);
    // Half a panel at a time, so that the sums stay in registers: two for four keys.
    for half in 0..2 {
        let mut sums = [[zero; 4]; R];
        for (q, panel) in q.iter().zip(panel) {
            let keys = [load(panel, half * 2), load(panel, half * 2 + 1)];
            for r in 0..R {
                let x = vreinterpret_s8_u32(vdup_n_u32(q[r]));
                for p in 0..2 {
                    let low = vmull_s8(vget_low_s8(keys[p]), x);
                    let high = vmull_s8(vget_high_s8(keys[p]), x);
                    sums[r][2 * p] = vpadalq_s16(sums[r][2 * p], low);
                    sums[r][2 * p + 1] = vpadalq_s16(sums[r][2 * p + 1], high);
                }
            }
        }
        for r in 0..R {
            for p in 0..2 {
                let four = vpaddq_s32(sums[r][2 * p], sums[r][2 * p + 1]);
                store_bits(four, &mut out[r], half * 2 + p);
            }
        }
    }
}

/// Four keys of a panel.
#[target_feature(enable = "neon")]
#[inline]
pub(super) fn load(keys: &[u32; WIDTH], part: usize) -> int8x16_t {
    let four: &[u32; 4] = &keys.as_chunks().0[part];
    // SAFETY: `four` is 16 readable bytes; `vld1q` needs no alignment.
    unsafe { vld1q_s8(four.as_ptr().cast()) }
}

#[target_feature(enable = "neon")]
#[inline]
pub(super) fn store_bits(x: int32x4_t, out: &mut [f32; WIDTH], part: usize) {
    let four: &mut [f32; 4] = &mut out.as_chunks_mut().0[part];
    // SAFETY: `four` is 16 writable bytes; `vst1q` needs no alignment.
    unsafe { vst1q_s32(four.as_mut_ptr().cast(), x) }
}

#[target_feature(enable = "neon")]
#[inline]
fn store(x: int32x4_t, out: &mut [i32; WIDTH], part: usize) {
    let four: &mut [i32; 4] = &mut out.as_chunks_mut().0[part];
    // SAFETY: `four` is 16 writable bytes; `vst1q` needs no alignment.
    unsafe { vst1q_s32(four.as_mut_ptr(), x) }
}

#[target_feature(enable = "neon")]
#[inline]
pub(super) fn mix<const R: usize, const C: usize>(
    weights: &[[[u32; WIDTH / 2]; R]],
    values: &[u32],
    features: usize,
) -> [[[i32; WIDTH]; C]; R] {
    let mut out = [[[0; WIDTH]; C]; R];
    for c in 0..C {
        let mut sums = [[vdupq_n_s32(0); 4]; R];
        for (n, weights) in weights.iter().enumerate() {
            for k in 0..WIDTH / 2 {
                let at = (n * WIDTH / 2 + k) * features + c * WIDTH;
                let row = values[at..][..WIDTH].as_chunks::<8>().0;
                for p in 0..2 {
                    // SAFETY: `row[p]` is 32 readable bytes; `vld2q` needs no alignment.
                    let int16x8x2_t(first, second) = unsafe { vld2q_s16(row[p].as_ptr().cast()) };
                    for r in 0..R {
                        let x = vreinterpret_s16_u32(vdup_n_u32(weights[r][k]));
                        let (low, high) = (sums[r][2 * p], sums[r][2 * p + 1]);
                        let low = vmlal_lane_s16::<0>(low, vget_low_s16(first), x);
                        let high = vmlal_high_lane_s16::<0>(high, first, x);
                        sums[r][2 * p] = vmlal_lane_s16::<1>(low, vget_low_s16(second), x);
                        sums[r][2 * p + 1] = vmlal_high_lane_s16::<1>(high, second, x);
                    }
                }
            }
        }
        for r in 0..R {
            for p in 0..4 {
                store(sums[r][p], &mut out[r][c], p);
            }
        }
    }
    out
}
