use core::arch::aarch64::*;

use crate::Neon;
use crate::tiles::Task;

pub(super) fn dot_matrix_f32(_proof: Neon, task: Task<f32, f32>) {
    // SAFETY: a `Neon` exists only after detection, so this CPU runs NEON.
    unsafe { body(task) }
}

#[target_feature(enable = "neon")]
fn body(task: Task<f32, f32>) {
    tiled!(task, tile, 4, 4);
}

super::registers::tile!("neon", float32x4_t, 4, vdupq_n_f32(0.0), vaddq_f32, vmulq_f32);

#[target_feature(enable = "neon")]
#[inline]
fn load(x: &[f32; 4]) -> float32x4_t {
    // SAFETY: `x` is 4 readable floats; `vld1q` needs no alignment.
    unsafe { vld1q_f32(x.as_ptr()) }
}

#[target_feature(enable = "neon")]
#[inline]
fn sums<const C: usize>(acc: [float32x4_t; C]) -> [f32; C] {
    let mut out = [0.0; C];
    for c in 0..C {
        let pair = vadd_f32(vget_low_f32(acc[c]), vget_high_f32(acc[c]));
        out[c] = vget_lane_f32::<0>(pair) + vget_lane_f32::<1>(pair);
    }
    out
}
