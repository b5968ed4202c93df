use core::arch::x86_64::*;

use super::{Layout, Operand, Shape, WIDTH};
use crate::Avx512;
use crate::attention::vector::Rows;

pub(super) fn rows(proof: Avx512, task: crate::attention::Task) {
    // SAFETY: an `Avx512` exists only after detection, so this CPU runs AVX-512 F, BW, VL and DQ.
    unsafe { body(proof, task) }
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

pub(super) fn pack(proof: Avx512, layout: Layout, shape: Shape, operands: [Operand; 2], packed: &mut [f32]) {
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
    fn compiled(proof: Avx512, layout: Layout, shape: Shape, operands: [Operand; 2], packed: &mut [f32]) {
        super::pack::pack(proof, layout, shape, operands, packed);
    }
    // SAFETY: as above.
    unsafe { compiled(proof, layout, shape, operands, packed) }
}

crate::attention::vector::vector!(
    Avx512, "avx512f,avx512bw,avx512vl,avx512dq", __m512i, 16,
    splat: |x: u32| _mm512_set1_epi32(x as i32), load: _mm512_loadu_si512, store: _mm512_storeu_si512,
    add: _mm512_add_epi32, and: _mm512_and_si512, or: _mm512_or_si512, xor: _mm512_xor_si512,
    shift: |a, bits: u32| _mm512_sll_epi32(a, _mm_cvtsi32_si128(bits as i32)), larger: _mm512_max_epu32,
    add_f32: |a, b| words(_mm512_add_ps(floats(a), floats(b))),
    sub_f32: |a, b| words(_mm512_sub_ps(floats(a), floats(b))),
    mul_f32: |a, b| words(_mm512_mul_ps(floats(a), floats(b))),
    larger_f32: |a, b| words(_mm512_max_ps(floats(a), floats(b))),
    to_f32: |a| words(_mm512_cvtepi32_ps(a)), store_pairs: store_pairs, largest: largest, sum: sum,
    columns: columns
);

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
#[inline]
fn largest([x]: [__m512i; 1]) -> f32 {
    let x = floats(x);
    super::x86::largest(_mm256_max_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps::<1>(x)))
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
#[inline]
fn sum([x]: [__m512i; 1]) -> u32 {
    super::x86::sum(_mm256_add_epi32(_mm512_castsi512_si256(x), _mm512_extracti64x4_epi64::<1>(x)))
}

#[target_feature(enable = "avx512f")]
#[inline]
fn floats(x: __m512i) -> __m512 {
    _mm512_castsi512_ps(x)
}

#[target_feature(enable = "avx512f")]
#[inline]
fn words(x: __m512) -> __m512i {
    _mm512_castps_si512(x)
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
#[inline]
fn store_pairs([x]: [__m512i; 1], out: &mut [u32; WIDTH / 2]) {
    let (low, high) = (_mm512_castsi512_si256(x), _mm512_extracti64x4_epi64::<1>(x));
    // SAFETY: `out` is 32 writable bytes; `storeu` needs no alignment.
    unsafe {
        _mm256_storeu_si256(
            out.as_mut_ptr().cast(),
            _mm256_blend_epi16::<0xaa>(low, _mm256_slli_epi32::<16>(high)),
        )
    };
}

/// Sixteen rows and four columns at a time.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
#[inline]
fn columns(rows: Rows, out: &mut [[f32; WIDTH]; WIDTH]) {
    for i in 0..WIDTH / 4 {
        let mut x = [_mm512_setzero_ps(); 4];
        for r in 0..4 {
            let first = _mm512_castps128_ps512(four(rows.four(r, i)));
            let second = _mm512_mask_broadcast_f32x4(first, 0x00f0, four(rows.four(4 + r, i)));
            let third = _mm512_mask_broadcast_f32x4(second, 0x0f00, four(rows.four(8 + r, i)));
            x[r] = _mm512_mask_broadcast_f32x4(third, 0xf000, four(rows.four(12 + r, i)));
        }
        let (a, b) = (_mm512_unpacklo_ps(x[0], x[2]), _mm512_unpackhi_ps(x[0], x[2]));
        let (c, d) = (_mm512_unpacklo_ps(x[1], x[3]), _mm512_unpackhi_ps(x[1], x[3]));
        let y = [
            _mm512_unpacklo_ps(a, c),
            _mm512_unpackhi_ps(a, c),
            _mm512_unpacklo_ps(b, d),
            _mm512_unpackhi_ps(b, d),
        ];
        for c in 0..4 {
            // SAFETY: a column is 64 writable bytes; `storeu` needs no alignment.
            unsafe { _mm512_storeu_ps(out[4 * i + c].as_mut_ptr(), y[c]) };
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
#[inline]
fn four(four: &[f32; 4]) -> __m128 {
    // SAFETY: `four` is 16 readable bytes; `loadu` needs no alignment.
    unsafe { _mm_loadu_ps(four.as_ptr()) }
}
