use core::arch::x86_64::*;

use super::WIDTH;

#[target_feature(enable = "avx2")]
pub(super) fn row_products(table: &[f64], x: &[f64], out: &mut [f64]) {
    let n = x.len();
    let (pairs, last) = out.as_chunks_mut::<2>();
    let whole = 2 * pairs.len();
    for (i, out) in pairs.iter_mut().enumerate() {
        let rows = &table[2 * i * n..][..2 * n];
        *out = products([&rows[..n], &rows[n..]], x);
    }
    for out in last {
        [*out] = products([&table[whole * n..][..n]], x);
    }
}

/// The products of `R` rows with `x`, each number of which is read once.
#[target_feature(enable = "avx2")]
#[inline]
fn products<const R: usize>(rows: [&[f64]; R], x: &[f64]) -> [f64; R] {
    let (x, x_tail) = x.as_chunks::<WIDTH>();
    let mut blocks: [&[[f64; WIDTH]]; R] = [&[]; R];
    let mut tails: [&[f64]; R] = [&[]; R];
    for r in 0..R {
        let (whole, tail) = rows[r].as_chunks();
        (blocks[r], tails[r]) = (&whole[..x.len()], &tail[..x_tail.len()]);
    }
    let mut sums = [[_mm256_setzero_pd(); WIDTH / 4]; R];
    for k in 0..x.len() {
        for part in 0..WIDTH / 4 {
            let x = load(&x[k], part);
            for r in 0..R {
                sums[r][part] = _mm256_add_pd(sums[r][part], _mm256_mul_pd(load(&blocks[r][k], part), x));
            }
        }
    }
    // Running sums are never minus 0, so that zeros would change none.
    for part in 0..x_tail.len().div_ceil(4) {
        let x = load_tail(&x_tail[4 * part..]);
        for r in 0..R {
            let row = load_tail(&tails[r][4 * part..]);
            sums[r][part] = _mm256_add_pd(sums[r][part], _mm256_mul_pd(row, x));
        }
    }
    let mut out = [0.0; R];
    for r in 0..R {
        // 16 -> 8 -> 4 -> 2 -> 1, the upper half into the lower.
        let [a, b, c, d] = sums[r];
        let four = _mm256_add_pd(_mm256_add_pd(a, c), _mm256_add_pd(b, d));
        let two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd::<1>(four));
        out[r] = _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)));
    }
    out
}

#[target_feature(enable = "avx2")]
#[inline]
fn load(block: &[f64; WIDTH], part: usize) -> __m256d {
    let four = &block.as_chunks::<4>().0[part];
    // SAFETY: `four` is 4 readable numbers; `loadu` needs no alignment.
    unsafe { _mm256_loadu_pd(four.as_ptr()) }
}

/// The first 4 numbers, or as many as there are and zeros behind them.
#[target_feature(enable = "avx2")]
#[inline]
fn load_tail(left: &[f64]) -> __m256d {
    let places = _mm256_setr_epi64x(0, 1, 2, 3);
    let mask = _mm256_cmpgt_epi64(_mm256_set1_epi64x(left.len() as i64), places);
    // SAFETY: of the 4 numbers only those are read that `left` has.
    unsafe { _mm256_maskload_pd(left.as_ptr(), mask) }
}
