use core::arch::x86_64::*;

use crate::Avx2;

pub(super) fn dot_i8(_proof: Avx2, a: &[i8], b: &[i8]) -> i32 {
    // SAFETY: an `Avx2` exists only after detection, so this CPU runs AVX2.
    unsafe { body(a, b) }
}

#[target_feature(enable = "avx2")]
fn body(a: &[i8], b: &[i8]) -> i32 {
    let ((a, a_tail), (b, b_tail)) = (a.as_chunks::<32>(), b.as_chunks::<32>());
    let mut acc = [_mm256_setzero_si256(); 2];
    for (x, y) in a.iter().zip(b) {
        let (x, y) = (halves(x), halves(y));
        // Widened to i16 first: a pair of i8 products always fits in i32.
        acc[0] = _mm256_add_epi32(acc[0], _mm256_madd_epi16(x[0], y[0]));
        acc[1] = _mm256_add_epi32(acc[1], _mm256_madd_epi16(x[1], y[1]));
    }
    sum(_mm256_add_epi32(acc[0], acc[1])) + super::scalar::dot_i8(a_tail, b_tail)
}

/// 32 bytes as twice 16 words.
#[target_feature(enable = "avx2")]
#[inline]
fn halves(x: &[i8; 32]) -> [__m256i; 2] {
    // SAFETY: `x` is 32 readable bytes; `loadu` needs no alignment.
    let x = unsafe { _mm256_loadu_si256(x.as_ptr().cast()) };
    [_mm256_cvtepi8_epi16(_mm256_castsi256_si128(x)), _mm256_cvtepi8_epi16(_mm256_extracti128_si256::<1>(x))]
}

#[target_feature(enable = "avx2")]
#[inline]
fn sum(x: __m256i) -> i32 {
    let x = _mm_add_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256::<1>(x));
    let x = _mm_add_epi32(x, _mm_shuffle_epi32::<0b00_00_11_10>(x));
    let x = _mm_add_epi32(x, _mm_shuffle_epi32::<0b00_00_00_01>(x));
    _mm_cvtsi128_si32(x)
}
