use core::arch::x86_64::*;

use crate::Avx512Vnni;

pub(super) fn dot_i8(_proof: Avx512Vnni, a: &[i8], b: &[i8]) -> i32 {
    // SAFETY: an `Avx512Vnni` exists only after detection, so this CPU runs AVX-512 F, BW and VNNI.
    unsafe { body(a, b) }
}

/// VPDPBUSD takes unsigned by signed bytes, so `a + 128` goes in, and 128 times the sum of `b` is taken off at the end.
/// Both sums may wrap; their difference is exact all the same, because it fits in `i32`.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn body(a: &[i8], b: &[i8]) -> i32 {
    let ((a, a_tail), (b, b_tail)) = (a.as_chunks::<64>(), b.as_chunks::<64>());
    let offset = _mm512_set1_epi8(-128);
    let (mut acc, mut excess) = (_mm512_setzero_si512(), _mm512_setzero_si512());
    for (x, y) in a.iter().zip(b) {
        // SAFETY: `x` is 64 readable bytes; `loadu` needs no alignment.
        let x = unsafe { _mm512_loadu_si512(x.as_ptr().cast()) };
        // SAFETY: `y` is 64 readable bytes; `loadu` needs no alignment.
        let y = unsafe { _mm512_loadu_si512(y.as_ptr().cast()) };
        acc = _mm512_dpbusd_epi32(acc, _mm512_xor_si512(x, offset), y);
        excess = _mm512_dpbusd_epi32(excess, offset, y);
    }
    let mask = (1 << a_tail.len()) - 1;
    // SAFETY: `mask` has a bit for each of the `a_tail.len()` readable bytes, and the others are not read.
    let x = unsafe { _mm512_maskz_loadu_epi8(mask, a_tail.as_ptr()) };
    // SAFETY: `b_tail` is as long as `a_tail`, because `a` is as long as `b`.
    let y = unsafe { _mm512_maskz_loadu_epi8(mask, b_tail.as_ptr()) };
    acc = _mm512_dpbusd_epi32(acc, _mm512_xor_si512(x, offset), y);
    excess = _mm512_dpbusd_epi32(excess, offset, y);
    _mm512_reduce_add_epi32(_mm512_sub_epi32(acc, excess))
}
