use core::arch::x86_64::*;

use crate::Avx2;
use crate::tiles::Task;

pub(super) fn dot_matrix_f32(_proof: Avx2, task: Task<f32, f32>) {
    // SAFETY: an `Avx2` exists only after detection, so this CPU runs AVX2.
    unsafe { body(task) }
}

#[target_feature(enable = "avx2")]
fn body(task: Task<f32, f32>) {
    tiled!(task, tile, 4, 2);
}

super::registers::tile!("avx2", __m256, 8, _mm256_setzero_ps(), _mm256_add_ps, _mm256_mul_ps);

#[target_feature(enable = "avx2")]
#[inline]
fn load(x: &[f32; 8]) -> __m256 {
    // SAFETY: `x` is 8 readable floats; `loadu` needs no alignment.
    unsafe { _mm256_loadu_ps(x.as_ptr()) }
}

#[target_feature(enable = "avx2")]
#[inline]
fn sums<const C: usize>(acc: [__m256; C]) -> [f32; C] {
    let mut quads = [_mm_setzero_ps(); C];
    for c in 0..C {
        quads[c] = _mm_add_ps(_mm256_castps256_ps128(acc[c]), _mm256_extractf128_ps::<1>(acc[c]));
    }
    sums_of_quads(quads)
}

/// Folds 4 -> 2 -> 1, four accumulators at a time.
#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn sums_of_quads<const C: usize>(quads: [__m128; C]) -> [f32; C] {
    // The two lanes of `x` that are left, then those of `y`.
    let fold = |x, y| _mm_add_ps(_mm_movelh_ps(x, y), _mm_movehl_ps(y, x));
    let pick = |c: usize| quads[c.min(C - 1)];
    let (low, high) = (fold(pick(0), pick(1)), fold(pick(2), pick(3)));
    let all =
        _mm_add_ps(_mm_shuffle_ps::<0b10_00_10_00>(low, high), _mm_shuffle_ps::<0b11_01_11_01>(low, high));
    let mut four = [0.0; 4];
    // SAFETY: `four` is 4 writable floats; `storeu` needs no alignment.
    unsafe { _mm_storeu_ps(four.as_mut_ptr(), all) };
    let mut out = [0.0; C];
    out.copy_from_slice(&four[..C]);
    out
}
