use core::arch::x86_64::*;

use super::Layout;
use crate::Avx512;

pub(super) fn rows(_proof: Avx512, task: crate::attention::Task) {
    // SAFETY: an `Avx512` exists only after detection, so this CPU runs AVX-512 F, BW, VL and DQ.
    unsafe { body(task) }
}

super::block::rows!(#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")], Layout::Pairs, 2, [8 4 2 1]);
super::x86::tiles!(
    "avx512f,avx512bw,avx512vl,avx512dq",
    __m512i,
    16,
    _mm512_setzero_si512,
    _mm512_set1_epi32,
    _mm512_loadu_si512,
    add_pairs,
    add_pairs
);

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
#[inline]
fn add_pairs(sum: __m512i, x: __m512i, y: __m512i) -> __m512i {
    _mm512_add_epi32(sum, _mm512_madd_epi16(x, y))
}
