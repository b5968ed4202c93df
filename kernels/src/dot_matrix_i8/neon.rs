use core::arch::aarch64::*;

use crate::Neon;
use crate::tiles::Task;

pub(super) fn dot_matrix_i8(_proof: Neon, task: Task<i8, i32>) {
    // SAFETY: a `Neon` exists only after detection, so this CPU runs NEON.
    unsafe { body(task) }
}

#[target_feature(enable = "neon")]
fn body(task: Task<i8, i32>) {
    tiled!(task, tile, 4, 2);
}

super::registers::tile!("neon", int32x4_t, 16, vdupq_n_s32(0));

#[target_feature(enable = "neon")]
#[inline]
pub(super) fn load(x: &[i8; 16]) -> int8x16_t {
    // SAFETY: `x` is 16 readable bytes; `vld1q` needs no alignment.
    unsafe { vld1q_s8(x.as_ptr()) }
}

/// One i8 product always fits in i16; pairs are added in i32.
#[target_feature(enable = "neon")]
#[inline]
fn add_products(acc: int32x4_t, x: int8x16_t, y: int8x16_t) -> int32x4_t {
    let acc = vpadalq_s16(acc, vmull_s8(vget_low_s8(x), vget_low_s8(y)));
    vpadalq_s16(acc, vmull_high_s8(x, y))
}

#[target_feature(enable = "neon")]
#[inline]
pub(super) fn sums<const C: usize>(acc: [int32x4_t; C]) -> [i32; C] {
    let mut out = [0; C];
    for c in 0..C {
        out[c] = vaddvq_s32(acc[c]);
    }
    out
}
