use core::arch::x86_64::*;

use super::Layout;
use crate::Avx2;

pub(super) fn rows(_proof: Avx2, task: crate::attention::Task) {
    // SAFETY: an `Avx2` exists only after detection, so this CPU runs AVX2.
    unsafe { body(task) }
}

super::block::rows!(#[target_feature(enable = "avx2")], Layout::Pairs, 1, [4 2 1]);
super::x86::tiles!(
    "avx2",
    __m256i,
    8,
    _mm256_setzero_si256,
    _mm256_set1_epi32,
    _mm256_loadu_si256,
    add_pairs,
    add_pairs
);

#[target_feature(enable = "avx2")]
#[inline]
fn add_pairs(sum: __m256i, x: __m256i, y: __m256i) -> __m256i {
    _mm256_add_epi32(sum, _mm256_madd_epi16(x, y))
}
