use core::arch::x86_64::*;

use super::Layout;
use crate::Avx512Vnni;

pub(super) fn rows(proof: Avx512Vnni, task: crate::attention::Task) {
    // SAFETY: an `Avx512Vnni` exists only after detection, so this CPU runs AVX-512 F, BW, VL, DQ and VNNI.
    unsafe { body(proof.avx512(), task) }
}

super::block::rows!(#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")], Layout::OffsetQuads, 2, [8 4 2 1]);
super::x86::tiles!(
    "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni",
    __m512i,
    16,
    _mm512_setzero_si512,
    _mm512_set1_epi32,
    _mm512_loadu_si512,
    _mm512_dpbusd_epi32,
    _mm512_dpwssd_epi32
);
