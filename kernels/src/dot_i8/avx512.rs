use core::arch::x86_64::*;

use crate::Avx512;

pub(super) fn dot_i8(_proof: Avx512, a: &[i8], b: &[i8]) -> i32 {
    // SAFETY: an `Avx512` exists only after detection, so this CPU runs AVX-512 F and BW.
    unsafe { body(a, b) }
}

#[target_feature(enable = "avx512f,avx512bw")]
fn body(a: &[i8], b: &[i8]) -> i32 {
    let ((a, a_tail), (b, b_tail)) = (a.as_chunks::<32>(), b.as_chunks::<32>());
    let mut acc = _mm512_setzero_si512();
    for (x, y) in a.iter().zip(b) {
        // Widened to i16 first: a pair of i8 products always fits in i32.
        acc = _mm512_add_epi32(acc, _mm512_madd_epi16(words(x), words(y)));
    }
    _mm512_reduce_add_epi32(acc) + super::scalar::dot_i8(a_tail, b_tail)
}

/// 32 bytes as 32 words.
#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn words(x: &[i8; 32]) -> __m512i {
    // SAFETY: `x` is 32 readable bytes; `loadu` needs no alignment.
    let x = unsafe { _mm256_loadu_si256(x.as_ptr().cast()) };
    _mm512_cvtepi8_epi16(x)
}
