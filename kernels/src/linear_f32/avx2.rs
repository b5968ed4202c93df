use core::arch::x86_64::*;

use super::PANEL;
use super::registers::Task;
use crate::Avx2;

pub(super) fn linear_f32(_proof: Avx2, task: Task) {
    // SAFETY: an `Avx2` exists only after detection, so this CPU runs AVX2.
    unsafe { body(task) }
}

registers!(
    "avx2", lanes: 8, zero: _mm256_setzero_ps(), load: _mm256_loadu_ps, store: _mm256_storeu_ps,
    splat: _mm256_set1_ps, mul: _mm256_mul_ps, add: _mm256_add_ps, max: 6, rows: 1 2 3 4 5 6
);

/// Four to six rows take a third of the panel at a time, so that 12 sums, 2 registers of weights, a broadcast and a product
/// fill the 16 registers; fewer rows take more of it.
#[target_feature(enable = "avx2")]
#[inline]
fn tile<const R: usize>(rows: [&[f32]; R], blocks: &[[f32; PANEL]], sums: &mut [[f32; PANEL]; R]) {
    if R == 1 {
        part::<R, 6, 0>(rows, blocks, sums);
    } else if R <= 3 {
        part::<R, 3, 0>(rows, blocks, sums);
        part::<R, 3, 3>(rows, blocks, sums);
    } else {
        part::<R, 2, 0>(rows, blocks, sums);
        part::<R, 2, 2>(rows, blocks, sums);
        part::<R, 2, 4>(rows, blocks, sums);
    }
}
