use core::arch::x86_64::*;

use super::Way;

/// Columns of a register.
const WIDTH: usize = 8;

#[target_feature(enable = "avx512f,avx512dq")]
pub(super) fn relax(
    costs: &[f64],
    prices: &[f64],
    way: Way,
    lengths: &mut [f64],
    before: &mut [usize],
) -> (usize, f64) {
    let Way { scale, base, row } = way;
    let (scales, bases) = (_mm512_set1_pd(scale), _mm512_set1_pd(base));
    let rows = _mm512_set1_epi64(row as i64);
    let mut least = _mm512_set1_pd(f64::INFINITY);
    let ((blocks, tail), (of_price, price_tail)) = (costs.as_chunks::<WIDTH>(), prices.as_chunks::<WIDTH>());
    let (of_length, length_tail) = lengths.as_chunks_mut::<WIDTH>();
    let (of_before, before_tail) = before.as_chunks_mut::<WIDTH>();
    let columns = blocks.iter().zip(of_price).zip(of_length.iter_mut().zip(of_before));
    for ((c, p), (length, before)) in columns {
        let x = _mm512_sub_pd(_mm512_add_pd(bases, _mm512_mul_pd(scales, load(c))), load(p));
        let old = load(length);
        let shorter = _mm512_cmp_pd_mask::<_CMP_LT_OQ>(x, old);
        let new = _mm512_mask_mov_pd(old, shorter, x);
        least = _mm512_min_pd(new, least);
        // Stored whole: masked stores are slow on some CPUs.
        // SAFETY: `length` is 8 writable numbers; `storeu` needs no alignment.
        unsafe { _mm512_storeu_pd(length.as_mut_ptr(), new) };
        let before: *mut i64 = before.as_mut_ptr().cast();
        // SAFETY: the 8 readable words of `before`, of 64 bits each on this architecture; `loadu` needs no alignment.
        let last = unsafe { _mm512_loadu_epi64(before) };
        // SAFETY: the same words, writable; `storeu` needs no alignment.
        unsafe { _mm512_storeu_epi64(before, _mm512_mask_mov_epi64(last, shorter, rows)) };
    }
    let half = _mm256_min_pd(_mm512_castpd512_pd256(least), _mm512_extractf64x4_pd::<1>(least));
    let half = _mm_min_pd(_mm256_castpd256_pd128(half), _mm256_extractf128_pd::<1>(half));
    let mut least = _mm_cvtsd_f64(_mm_min_sd(half, _mm_unpackhi_pd(half, half)));
    for ((c, p), (length, before)) in tail.iter().zip(price_tail).zip(length_tail.iter_mut().zip(before_tail))
    {
        let x = base + scale * c - p;
        if x < *length {
            (*length, *before) = (x, row);
        }
        least = if *length < least { *length } else { least };
    }
    if least == f64::INFINITY {
        return (0, least);
    }
    let all = _mm512_set1_pd(least);
    let is_other = |block: &&[f64; WIDTH]| _mm512_cmp_pd_mask::<_CMP_EQ_OQ>(load(block), all) == 0;
    let first = WIDTH * lengths.as_chunks().0.iter().take_while(is_other).count();
    let column = first + lengths[first..].iter().take_while(|length| **length != least).count();
    (column, lengths[column])
}

#[target_feature(enable = "avx512f")]
#[inline]
fn load(block: &[f64; WIDTH]) -> __m512d {
    // SAFETY: `block` is 8 readable numbers; `loadu` needs no alignment.
    unsafe { _mm512_loadu_pd(block.as_ptr()) }
}
