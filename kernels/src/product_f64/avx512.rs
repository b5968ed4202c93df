use core::arch::x86_64::*;

use super::WIDTH;

/// Rows that meet each number of `x` while it is in a register.
const ROWS: usize = 4;
/// Registers of a row's running sums.
const PARTS: usize = WIDTH / 8;

#[target_feature(enable = "avx512f,avx512dq")]
pub(super) fn row_products(table: &[f64], x: &[f64], out: &mut [f64]) {
    let n = x.len();
    let (groups, last) = out.as_chunks_mut::<ROWS>();
    let whole = ROWS * groups.len();
    for (i, out) in groups.iter_mut().enumerate() {
        let rows = &table[ROWS * i * n..][..ROWS * n];
        *out = products([&rows[..n], &rows[n..2 * n], &rows[2 * n..3 * n], &rows[3 * n..]], x);
    }
    for (i, out) in last.iter_mut().enumerate() {
        [*out] = products([&table[(whole + i) * n..][..n]], x);
    }
}

/// The products of `R` rows with `x`, each number of which is read once.
#[target_feature(enable = "avx512f,avx512dq")]
#[inline]
fn products<const R: usize>(rows: [&[f64]; R], x: &[f64]) -> [f64; R] {
    let (x, x_tail) = x.as_chunks::<WIDTH>();
    let mut blocks: [&[[f64; WIDTH]]; R] = [&[]; R];
    let mut tails: [&[f64]; R] = [&[]; R];
    for r in 0..R {
        let (whole, tail) = rows[r].as_chunks();
        (blocks[r], tails[r]) = (&whole[..x.len()], &tail[..x_tail.len()]);
    }
    let mut sums = [[_mm512_setzero_pd(); PARTS]; R];
    for k in 0..x.len() {
        for part in 0..PARTS {
            let x = load(&x[k], part);
            for r in 0..R {
                sums[r][part] = _mm512_add_pd(sums[r][part], _mm512_mul_pd(load(&blocks[r][k], part), x));
            }
        }
    }
    // Running sums are never minus 0, so that zeros would change none.
    for part in 0..x_tail.len().div_ceil(8) {
        let x = load_tail(&x_tail[8 * part..]);
        for r in 0..R {
            let row = load_tail(&tails[r][8 * part..]);
            sums[r][part] = _mm512_add_pd(sums[r][part], _mm512_mul_pd(row, x));
        }
    }
    let mut out = [0.0; R];
    for r in 0..R {
        // 16 -> 8 -> 4 -> 2 -> 1, the upper half into the lower.
        let [a, b] = sums[r];
        let eight = _mm512_add_pd(a, b);
        let four = _mm256_add_pd(_mm512_castpd512_pd256(eight), _mm512_extractf64x4_pd::<1>(eight));
        let two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd::<1>(four));
        out[r] = _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)));
    }
    out
}

#[target_feature(enable = "avx512f")]
#[inline]
fn load(block: &[f64; WIDTH], part: usize) -> __m512d {
    let eight = &block.as_chunks::<8>().0[part];
    // SAFETY: `eight` is 8 readable numbers; `loadu` needs no alignment.
    unsafe { _mm512_loadu_pd(eight.as_ptr()) }
}

/// The first 8 numbers, or as many as there are and zeros behind them.
#[target_feature(enable = "avx512f")]
#[inline]
fn load_tail(left: &[f64]) -> __m512d {
    let mask = if left.len() < 8 { (1 << left.len()) - 1 } else { u8::MAX };
    // SAFETY: of the 8 numbers only those are read that `left` has.
    unsafe { _mm512_maskz_loadu_pd(mask, left.as_ptr()) }
}
