use core::arch::aarch64::*;

use super::PANEL;
use super::registers::Task;
use crate::Neon;

pub(super) fn linear_f32(_proof: Neon, task: Task) {
    // SAFETY: a `Neon` exists only after detection, so this CPU runs NEON.
    unsafe { body(task) }
}

registers!(
    "neon", lanes: 4, zero: vdupq_n_f32(0.0), load: vld1q_f32, store: vst1q_f32,
    splat: vdupq_n_f32, mul: vmulq_f32, add: vaddq_f32, max: 4, rows: 1 2 3 4
);

/// Three or four rows take a third of the panel at a time, so that 16 sums, 4 registers of weights and the products in
/// flight fit in the 32 registers; fewer rows take more of it.
#[target_feature(enable = "neon")]
#[inline]
fn tile<const R: usize>(rows: [&[f32]; R], blocks: &[[f32; PANEL]], sums: &mut [[f32; PANEL]; R]) {
    if R == 1 {
        part::<R, 12, 0>(rows, blocks, sums);
    } else if R == 2 {
        part::<R, 6, 0>(rows, blocks, sums);
        part::<R, 6, 6>(rows, blocks, sums);
    } else {
        part::<R, 4, 0>(rows, blocks, sums);
        part::<R, 4, 4>(rows, blocks, sums);
        part::<R, 4, 8>(rows, blocks, sums);
    }
}
