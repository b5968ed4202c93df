use core::arch::x86_64::*;

use crate::Avx2;
use crate::tiles::Task;

pub(super) fn dot_matrix_i8(_proof: Avx2, task: Task<i8, i32>) {
    // SAFETY: an `Avx2` exists only after detection, so this CPU runs AVX2.
    unsafe { body(task) }
}

#[target_feature(enable = "avx2")]
fn body(task: Task<i8, i32>) {
    tiled!(task, tile, 4, 2);
}

super::registers::tile!("avx2", __m256i, 16, _mm256_setzero_si256());

/// 16 bytes as 16 words.
#[target_feature(enable = "avx2")]
#[inline]
fn load(x: &[i8; 16]) -> __m256i {
    // SAFETY: `x` is 16 readable bytes; `loadu` needs no alignment.
    let x = unsafe { _mm_loadu_si128(x.as_ptr().cast()) };
    _mm256_cvtepi8_epi16(x)
}

/// Between words, so that a pair of i8 products always fits in its i32.
#[target_feature(enable = "avx2")]
#[inline]
fn add_products(acc: __m256i, x: __m256i, y: __m256i) -> __m256i {
    _mm256_add_epi32(acc, _mm256_madd_epi16(x, y))
}

#[target_feature(enable = "avx2")]
#[inline]
fn sums<const C: usize>(acc: [__m256i; C]) -> [i32; C] {
    let mut quads = [_mm_setzero_si128(); C];
    for c in 0..C {
        quads[c] = _mm_add_epi32(_mm256_castsi256_si128(acc[c]), _mm256_extracti128_si256::<1>(acc[c]));
    }
    sums_of_quads(quads)
}

/// The sum of each accumulator, up to four at once.
#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn sums_of_quads<const C: usize>(quads: [__m128i; C]) -> [i32; C] {
    let mut padded = [_mm_setzero_si128(); 4];
    padded[..C].copy_from_slice(&quads);
    let low = _mm_hadd_epi32(padded[0], padded[1]);
    let high = _mm_hadd_epi32(padded[2], padded[3]);
    let mut four = [0; 4];
    // SAFETY: `four` is 16 writable bytes; `storeu` needs no alignment.
    unsafe { _mm_storeu_si128(four.as_mut_ptr().cast(), _mm_hadd_epi32(low, high)) };
    let mut out = [0; C];
    out.copy_from_slice(&four[..C]);
    out
}
