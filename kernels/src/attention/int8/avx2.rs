use core::arch::x86_64::*;

use super::{Layout, Operand, Shape, WIDTH};
use crate::Avx2;
use crate::attention::vector::Rows;

pub(super) fn rows(proof: Avx2, task: crate::attention::Task) {
    // SAFETY: an `Avx2` exists only after detection, so this CPU runs AVX2.
    unsafe { body(proof, task) }
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

pub(super) fn pack(proof: Avx2, layout: Layout, shape: Shape, operands: [Operand; 2], packed: &mut [f32]) {
    #[target_feature(enable = "avx2")]
    fn compiled(proof: Avx2, layout: Layout, shape: Shape, operands: [Operand; 2], packed: &mut [f32]) {
        super::pack::pack(proof, layout, shape, operands, packed);
    }
    // SAFETY: as above.
    unsafe { compiled(proof, layout, shape, operands, packed) }
}

crate::attention::vector::vector!(
    Avx2, "avx2", __m256i, 8,
    splat: |x: u32| _mm256_set1_epi32(x as i32), load: _mm256_loadu_si256, store: _mm256_storeu_si256,
    add: _mm256_add_epi32, and: _mm256_and_si256, or: _mm256_or_si256, xor: _mm256_xor_si256,
    shift: |a, bits: u32| _mm256_sll_epi32(a, _mm_cvtsi32_si128(bits as i32)), larger: _mm256_max_epu32,
    add_f32: |a, b| words(_mm256_add_ps(floats(a), floats(b))),
    sub_f32: |a, b| words(_mm256_sub_ps(floats(a), floats(b))),
    mul_f32: |a, b| words(_mm256_mul_ps(floats(a), floats(b))),
    larger_f32: |a, b| words(_mm256_max_ps(floats(a), floats(b))),
    to_f32: |a| words(_mm256_cvtepi32_ps(a)), store_pairs: store_pairs, largest: largest, sum: sum,
    columns: columns
);

#[target_feature(enable = "avx2")]
#[inline]
fn largest([low, high]: [__m256i; 2]) -> f32 {
    super::x86::largest(_mm256_max_ps(floats(low), floats(high)))
}

#[target_feature(enable = "avx2")]
#[inline]
fn sum([low, high]: [__m256i; 2]) -> u32 {
    super::x86::sum(_mm256_add_epi32(low, high))
}

#[target_feature(enable = "avx2")]
#[inline]
fn floats(x: __m256i) -> __m256 {
    _mm256_castsi256_ps(x)
}

#[target_feature(enable = "avx2")]
#[inline]
fn words(x: __m256) -> __m256i {
    _mm256_castps_si256(x)
}

#[target_feature(enable = "avx2")]
#[inline]
fn store_pairs([low, high]: [__m256i; 2], out: &mut [u32; WIDTH / 2]) {
    // SAFETY: `out` is 32 writable bytes; `storeu` needs no alignment.
    unsafe {
        _mm256_storeu_si256(
            out.as_mut_ptr().cast(),
            _mm256_blend_epi16::<0xaa>(low, _mm256_slli_epi32::<16>(high)),
        )
    };
}

/// Eight rows and four columns at a time.
#[target_feature(enable = "avx2")]
#[inline]
fn columns(rows: Rows, out: &mut [[f32; WIDTH]; WIDTH]) {
    for half in 0..2 {
        for i in 0..WIDTH / 4 {
            let mut x = [_mm256_setzero_ps(); 4];
            for r in 0..4 {
                let (low, high) = (four(rows.four(8 * half + r, i)), four(rows.four(8 * half + 4 + r, i)));
                x[r] = _mm256_insertf128_ps::<1>(_mm256_castps128_ps256(low), high);
            }
            let (a, b) = (_mm256_unpacklo_ps(x[0], x[2]), _mm256_unpackhi_ps(x[0], x[2]));
            let (c, d) = (_mm256_unpacklo_ps(x[1], x[3]), _mm256_unpackhi_ps(x[1], x[3]));
            let y = [
                _mm256_unpacklo_ps(a, c),
                _mm256_unpackhi_ps(a, c),
                _mm256_unpacklo_ps(b, d),
                _mm256_unpackhi_ps(b, d),
            ];
            for c in 0..4 {
                let eight: &mut [f32; 8] = &mut out[4 * i + c].as_chunks_mut().0[half];
                // SAFETY: `eight` is 32 writable bytes; `storeu` needs no alignment.
                unsafe { _mm256_storeu_ps(eight.as_mut_ptr(), y[c]) };
            }
        }
    }
}

#[target_feature(enable = "avx2")]
#[inline]
fn four(four: &[f32; 4]) -> __m128 {
    // SAFETY: `four` is 16 readable bytes; `loadu` needs no alignment.
    unsafe { _mm_loadu_ps(four.as_ptr()) }
}
