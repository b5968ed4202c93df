use core::arch::aarch64::*;

use super::{Layout, Operand, Shape, WIDTH};
use crate::Neon;
use crate::attention::vector::Rows;

pub(super) fn rows(proof: Neon, task: crate::attention::Task) {
    // SAFETY: a `Neon` exists only after detection, so this CPU runs NEON.
    unsafe { body(proof, task) }
}

pub(super) fn pack(proof: Neon, layout: Layout, shape: Shape, operands: [Operand; 2], packed: &mut [f32]) {
    #[target_feature(enable = "neon")]
    fn compiled(proof: Neon, layout: Layout, shape: Shape, operands: [Operand; 2], packed: &mut [f32]) {
        super::pack::pack(proof, layout, shape, operands, packed);
    }
    // SAFETY: a `Neon` exists only after detection, so this CPU runs NEON.
    unsafe { compiled(proof, layout, shape, operands, packed) }
}

crate::attention::vector::vector!(
    Neon, "neon", uint32x4_t, 4,
    splat: |x| vdupq_n_u32(x), load: vld1q_u32, store: vst1q_u32,
    add: vaddq_u32, and: vandq_u32, or: vorrq_u32, xor: veorq_u32,
    shift: |a, bits: u32| vshlq_u32(a, vdupq_n_s32(bits as i32)), larger: vmaxq_u32,
    add_f32: |a, b| words(vaddq_f32(floats(a), floats(b))),
    sub_f32: |a, b| words(vsubq_f32(floats(a), floats(b))),
    mul_f32: |a, b| words(vmulq_f32(floats(a), floats(b))),
    larger_f32: |a, b| vbslq_u32(vcgtq_f32(floats(a), floats(b)), a, b),
    to_f32: |a| words(vcvtq_f32_s32(vreinterpretq_s32_u32(a))), store_pairs: store_pairs, largest: largest, sum: sum,
    columns: columns
);

#[target_feature(enable = "neon")]
#[inline]
fn largest([a, b, c, d]: [uint32x4_t; 4]) -> f32 {
    vmaxvq_f32(vmaxq_f32(vmaxq_f32(floats(a), floats(b)), vmaxq_f32(floats(c), floats(d))))
}

#[target_feature(enable = "neon")]
#[inline]
fn sum([a, b, c, d]: [uint32x4_t; 4]) -> u32 {
    vaddvq_u32(vaddq_u32(vaddq_u32(a, b), vaddq_u32(c, d)))
}

#[target_feature(enable = "neon")]
#[inline]
fn floats(x: uint32x4_t) -> float32x4_t {
    vreinterpretq_f32_u32(x)
}

#[target_feature(enable = "neon")]
#[inline]
fn words(x: float32x4_t) -> uint32x4_t {
    vreinterpretq_u32_f32(x)
}

#[target_feature(enable = "neon")]
#[inline]
fn store_pairs(x: [uint32x4_t; 4], out: &mut [u32; WIDTH / 2]) {
    for (n, out) in out.as_chunks_mut::<4>().0.iter_mut().enumerate() {
        let pairs = vsliq_n_u32::<16>(x[n], x[n + 2]);
        // SAFETY: `out` is 16 writable bytes; `vst1q` needs no alignment.
        unsafe { vst1q_u32(out.as_mut_ptr(), pairs) };
    }
}

/// Four rows and four columns at a time.
#[target_feature(enable = "neon")]
#[inline]
fn columns(rows: Rows, out: &mut [[f32; WIDTH]; WIDTH]) {
    for i in 0..WIDTH / 4 {
        for j in 0..WIDTH / 4 {
            let mut x = [vdupq_n_f32(0.0); 4];
            for r in 0..4 {
                let four = rows.four(4 * j + r, i);
                // SAFETY: `four` is 16 readable bytes; `vld1q` needs no alignment.
                x[r] = unsafe { vld1q_f32(four.as_ptr()) };
            }
            let (a, b) = (vzip1q_f32(x[0], x[2]), vzip2q_f32(x[0], x[2]));
            let (c, d) = (vzip1q_f32(x[1], x[3]), vzip2q_f32(x[1], x[3]));
            let y = [vzip1q_f32(a, c), vzip2q_f32(a, c), vzip1q_f32(b, d), vzip2q_f32(b, d)];
            for c in 0..4 {
                let four: &mut [f32; 4] = &mut out[4 * i + c].as_chunks_mut().0[j];
                // SAFETY: `four` is 16 writable bytes; `vst1q` needs no alignment.
                unsafe { vst1q_f32(four.as_mut_ptr(), y[c]) };
            }
        }
    }
}

super::block::rows!(#[target_feature(enable = "neon")], Layout::Quads, 1, [4 2 1]);

/// Bytes are multiplied to words, two of which always fit before they are added up in pairs.
#[target_feature(enable = "neon")]
#[inline]
fn scores<const R: usize>(q: &[[u32; WIDTH]], at: usize, panel: &[[u32; WIDTH]]) -> [[i32; WIDTH]; R] {
    let mut out = [[0; WIDTH]; R];
    let zero = vdupq_n_s32(0);
    // Half a panel at a time, so that the sums stay in registers: two for four keys.
    for half in 0..2 {
        let mut sums = [[zero; 4]; R];
        for (q, panel) in q.iter().zip(panel) {
            let keys = [load(panel, half * 2), load(panel, half * 2 + 1)];
            let q = &q[at..][..R];
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
                store(four, &mut out[r], half * 2 + p);
            }
        }
    }
    out
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
pub(super) fn store(x: int32x4_t, out: &mut [i32; WIDTH], part: usize) {
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
