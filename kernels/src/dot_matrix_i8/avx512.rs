use core::arch::x86_64::*;

use super::avx2::sums_of_quads;
use crate::Avx512;
use crate::tiles::Task;

pub(super) fn dot_matrix_i8(_proof: Avx512, task: Task<i8, i32>) {
    // SAFETY: an `Avx512` exists only after detection, so this CPU runs AVX-512 F and BW.
    unsafe { body(task) }
}

#[target_feature(enable = "avx512f,avx512bw")]
fn body(task: Task<i8, i32>) {
    tiled!(task, tile, 4, 4);
}

super::registers::tile!("avx512f,avx512bw", __m512i, 32, _mm512_setzero_si512());

/// 32 bytes as 32 words.
#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn load(x: &[i8; 32]) -> __m512i {
    // SAFETY: `x` is 32 readable bytes; `loadu` needs no alignment.
    let x = unsafe { _mm256_loadu_si256(x.as_ptr().cast()) };
    _mm512_cvtepi8_epi16(x)
}

/// Between words, so that a pair of i8 products always fits in its i32.
#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn add_products(acc: __m512i, x: __m512i, y: __m512i) -> __m512i {
    _mm512_add_epi32(acc, _mm512_madd_epi16(x, y))
}

#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
pub(crate) fn sums<const C: usize>(acc: [__m512i; C]) -> [i32; C] {
    let mut quads = [_mm_setzero_si128(); C];
    for c in 0..C {
        let half = _mm256_add_epi32(_mm512_castsi512_si256(acc[c]), _mm512_extracti64x4_epi64::<1>(acc[c]));
        quads[c] = _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256::<1>(half));
    }
    sums_of_quads(quads)
}
