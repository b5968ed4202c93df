use core::arch::x86_64::*;

use super::avx2::sums_of_quads;
use crate::Avx512;
use crate::tiles::Task;

pub(super) fn dot_matrix_f32(_proof: Avx512, task: Task<f32, f32>) {
    // SAFETY: an `Avx512` exists only after detection, so this CPU runs AVX-512 F and DQ.
    unsafe { body(task) }
}

#[target_feature(enable = "avx512f,avx512dq")]
fn body(task: Task<f32, f32>) {
    tiled!(task, tile, 4, 4);
}

super::registers::tile!("avx512f,avx512dq", __m512, 16, _mm512_setzero_ps(), _mm512_add_ps, _mm512_mul_ps);

#[target_feature(enable = "avx512f")]
#[inline]
fn load(x: &[f32; 16]) -> __m512 {
    // SAFETY: `x` is 16 readable floats; `loadu` needs no alignment.
    unsafe { _mm512_loadu_ps(x.as_ptr()) }
}

#[target_feature(enable = "avx512f,avx512dq")]
#[inline]
fn sums<const C: usize>(acc: [__m512; C]) -> [f32; C] {
    let mut quads = [_mm_setzero_ps(); C];
    for c in 0..C {
        let half = _mm256_add_ps(_mm512_castps512_ps256(acc[c]), _mm512_extractf32x8_ps::<1>(acc[c]));
        quads[c] = _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps::<1>(half));
    }
    sums_of_quads(quads)
}
