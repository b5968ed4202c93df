use core::arch::x86_64::*;

use super::PANEL;
use super::registers::Task;
use crate::Avx512;

pub(super) fn linear_f32(_proof: Avx512, task: Task) {
    // SAFETY: an `Avx512` exists only after detection, so this CPU runs AVX-512 F, BW, VL and DQ.
    unsafe { body(task) }
}

registers!(
    "avx512f,avx512bw,avx512vl,avx512dq", lanes: 16, zero: _mm512_setzero_ps(), load: _mm512_loadu_ps,
    store: _mm512_storeu_ps, splat: _mm512_set1_ps, mul: _mm512_mul_ps, add: _mm512_add_ps,
    max: 8, rows: 1 2 3 4 5 6 7 8
);

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
#[inline]
fn tile<const R: usize>(rows: [&[f32]; R], blocks: &[[f32; PANEL]], sums: &mut [[f32; PANEL]; R]) {
    part::<R, 3, 0>(rows, blocks, sums);
}
