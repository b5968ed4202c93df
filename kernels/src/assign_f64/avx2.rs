use core::arch::x86_64::*;

use super::Way;

/// Columns of a register.
const WIDTH: usize = 4;

#[target_feature(enable = "avx2")]
pub(super) fn relax(
    costs: &[f64],
    prices: &[f64],
    way: Way,
    lengths: &mut [f64],
    before: &mut [usize],
) -> (usize, f64) {
    let Way { scale, base, row } = way;
    let (scales, bases) = (_mm256_set1_pd(scale), _mm256_set1_pd(base));
    // A row's number is moved as if it were a float: only its bits count.
    let rows = _mm256_castsi256_pd(_mm256_set1_epi64x(row as i64));
    let mut least = _mm256_set1_pd(f64::INFINITY);
    let ((blocks, tail), (of_price, price_tail)) = (costs.as_chunks::<WIDTH>(), prices.as_chunks::<WIDTH>());
    let (of_length, length_tail) = lengths.as_chunks_mut::<WIDTH>();
    let (of_before, before_tail) = before.as_chunks_mut::<WIDTH>();
    let columns = blocks.iter().zip(of_price).zip(of_length.iter_mut().zip(of_before));
    for ((c, p), (length, before)) in columns {
        let x = _mm256_sub_pd(_mm256_add_pd(bases, _mm256_mul_pd(scales, load(c))), load(p));
        let old = load(length);
        let shorter = _mm256_cmp_pd::<_CMP_LT_OQ>(x, old);
        let new = _mm256_blendv_pd(old, x, shorter);
        least = _mm256_min_pd(new, least);
        // SAFETY: `length` is 4 writable numbers; `storeu` needs no alignment.
        unsafe { _mm256_storeu_pd(length.as_mut_ptr(), new) };
        let before: *mut f64 = before.as_mut_ptr().cast();
        // SAFETY: the 4 readable words of `before`, of 64 bits each on this architecture; `loadu` needs no alignment.
        let last = unsafe { _mm256_loadu_pd(before) };
        // SAFETY: the same words, writable; `storeu` needs no alignment.
        unsafe { _mm256_storeu_pd(before, _mm256_blendv_pd(last, rows, shorter)) };
    }
    let half = _mm_min_pd(_mm256_castpd256_pd128(least), _mm256_extractf128_pd::<1>(least));
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
    let all = _mm256_set1_pd(least);
    let is_other =
        |block: &&[f64; WIDTH]| _mm256_movemask_pd(_mm256_cmp_pd::<_CMP_EQ_OQ>(load(block), all)) == 0;
    let first = WIDTH * lengths.as_chunks().0.iter().take_while(is_other).count();
    let column = first + lengths[first..].iter().take_while(|length| **length != least).count();
    (column, lengths[column])
}

#[target_feature(enable = "avx2")]
#[inline]
fn load(block: &[f64; WIDTH]) -> __m256d {
    // SAFETY: `block` is 4 readable numbers; `loadu` needs no alignment.
    unsafe { _mm256_loadu_pd(block.as_ptr()) }
}
