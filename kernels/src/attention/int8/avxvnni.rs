use core::arch::x86_64::*;

use super::Layout;
use crate::AvxVnni;

pub(super) fn rows(proof: AvxVnni, task: crate::attention::Task) {
    // SAFETY: an `AvxVnni` exists only after detection, so this CPU runs AVX2 and AVX-VNNI.
    unsafe { body(proof.avx2(), task) }
}

super::block::rows!(#[target_feature(enable = "avx2,avxvnni")], Layout::OffsetQuads, 1, [4 2 1]);
super::x86::tiles!(
    "avx2,avxvnni",
    __m256i,
    8,
    _mm256_setzero_si256,
    _mm256_set1_epi32,
    _mm256_loadu_si256,
    _mm256_dpbusd_avx_epi32,
    _mm256_dpwssd_avx_epi32
);

/// The same code in the encoding of AVX-512, for the tests: CPUs with one of the two encodings often lack the other.
#[cfg(test)]
pub(super) mod evex {
    use core::arch::x86_64::*;

    use crate::Avx512Vnni;
    use crate::attention::int8::Layout;

    pub(in crate::attention) fn rows(proof: Avx512Vnni, task: crate::attention::Task) {
        // SAFETY: an `Avx512Vnni` exists only after detection, so this CPU runs AVX-512 VL and VNNI.
        unsafe { body(proof.avx512(), task) }
    }

    crate::attention::int8::block::rows!(#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")], Layout::OffsetQuads, 1, [4 2 1]);
    crate::attention::int8::x86::tiles!(
        "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni",
        __m256i,
        8,
        _mm256_setzero_si256,
        _mm256_set1_epi32,
        _mm256_loadu_si256,
        _mm256_dpbusd_epi32,
        _mm256_dpwssd_epi32
    );
}
