use core::arch::x86_64::*;

use super::rows::{BLOCK, CHUNK, Limits, MAX_LEN, Row, row_len};
use crate::Avx2;
use crate::lanes::padded;
use crate::tiles::Task;

/// Rows of the left side that a pair of right rows meets before the next pair does: they stay in the first-level cache.
const ROWS: usize = 40;
/// Bytes of a chunk.
const WHOLE: usize = BLOCK * CHUNK;
const CHUNKS: usize = MAX_LEN.div_ceil(WHOLE);

pub(super) fn products(_proof: Avx2, task: Task<i8, i32>) {
    // SAFETY: an `Avx2` exists only after detection, so this CPU runs AVX2.
    unsafe { body(task) }
}

#[target_feature(enable = "avx2")]
fn body(mut task: Task<i8, i32>) {
    let [m, n, _] = task.shape;
    for first in (0..m).step_by(ROWS) {
        let end = m.min(first + ROWS);
        for j in (0..n - n % 2).step_by(2) {
            columns::<2>(&mut task, first, end, j);
        }
        if n % 2 == 1 {
            columns::<1>(&mut task, first, end, n - 1);
        }
    }
}

#[target_feature(enable = "avx2")]
#[inline]
fn columns<const C: usize>(task: &mut Task<i8, i32>, first: usize, end: usize, j: usize) {
    let b = task.b_rows::<C>(j);
    let mut excess = [[_mm256_setzero_si256(); C]; CHUNKS];
    let chunks = b[0].len().div_ceil(WHOLE);
    let excess = &mut excess[..chunks];
    for c in 0..C {
        let blocks = b[c].as_chunks::<BLOCK>().0;
        for (chunk, excess) in blocks.chunks(CHUNK).zip(excess.iter_mut()) {
            for y in chunk {
                let sums = _mm256_maddubs_epi16(_mm256_set1_epi8(-128), load(y));
                excess[c] = _mm256_sub_epi16(excess[c], sums);
            }
        }
    }
    let mut i = first;
    while i + 4 <= end {
        task.put::<4, C>(i, j, tile(task.a_rows(i), b, excess));
        i += 4;
    }
    while i < end {
        task.put::<1, C>(i, j, tile(task.a_rows(i), b, excess));
        i += 1;
    }
}

/// Sums of 16 bits over a chunk, which may wrap on the way: begun with what 128 times the right bytes will be too much, they end
/// within 16 bits, as the rows' limits have it.
#[target_feature(enable = "avx2")]
#[inline]
fn tile<const R: usize, const C: usize>(
    a: [&[i8]; R],
    b: [&[i8]; C],
    excess: &[[__m256i; C]],
) -> [[i32; C]; R] {
    let mut wide = [[_mm256_setzero_si256(); C]; R];
    let mut x_rows: ([&[[i8; WHOLE]]; R], [&[i8]; R]) = ([&[]; R], [&[]; R]);
    let mut y_rows: ([&[[i8; WHOLE]]; C], [&[i8]; C]) = ([&[]; C], [&[]; C]);
    let whole = a[0].len() / WHOLE;
    for r in 0..R {
        (x_rows.0[r], x_rows.1[r]) = a[r].as_chunks();
        x_rows.0[r] = &x_rows.0[r][..whole];
    }
    for c in 0..C {
        (y_rows.0[c], y_rows.1[c]) = b[c].as_chunks();
        y_rows.0[c] = &y_rows.0[c][..whole];
    }
    for k in 0..whole {
        let mut acc = [excess[k]; R];
        let mut x: [&[[i8; BLOCK]]; R] = [&[]; R];
        let mut y: [&[[i8; BLOCK]]; C] = [&[]; C];
        for r in 0..R {
            x[r] = x_rows.0[r][k].as_chunks().0;
        }
        for c in 0..C {
            y[c] = y_rows.0[c][k].as_chunks().0;
        }
        // A constant, so that the loop is unrolled.
        for block in 0..CHUNK {
            add(&mut acc, x, y, block);
        }
        widen(&mut wide, &acc);
    }
    let left = x_rows.1[0].len() / BLOCK;
    if left > 0 {
        let mut acc = [excess[whole]; R];
        let mut x: [&[[i8; BLOCK]]; R] = [&[]; R];
        let mut y: [&[[i8; BLOCK]]; C] = [&[]; C];
        for r in 0..R {
            x[r] = &x_rows.1[r].as_chunks().0[..left];
        }
        for c in 0..C {
            y[c] = &y_rows.1[c].as_chunks().0[..left];
        }
        for block in 0..left {
            add(&mut acc, x, y, block);
        }
        widen(&mut wide, &acc);
    }
    sums(&wide)
}

#[target_feature(enable = "avx2")]
#[inline]
fn add<const R: usize, const C: usize>(
    acc: &mut [[__m256i; C]; R],
    x_rows: [&[[i8; BLOCK]]; R],
    y_rows: [&[[i8; BLOCK]]; C],
    block: usize,
) {
    let mut x = [_mm256_setzero_si256(); R];
    for r in 0..R {
        x[r] = load(&x_rows[r][block]);
    }
    for c in 0..C {
        let y = load(&y_rows[c][block]);
        for r in 0..R {
            acc[r][c] = _mm256_add_epi16(acc[r][c], _mm256_maddubs_epi16(x[r], y));
        }
    }
}

#[target_feature(enable = "avx2")]
#[inline]
fn widen<const R: usize, const C: usize>(wide: &mut [[__m256i; C]; R], acc: &[[__m256i; C]; R]) {
    let ones = _mm256_set1_epi16(1);
    for r in 0..R {
        for c in 0..C {
            wide[r][c] = _mm256_add_epi32(wide[r][c], _mm256_madd_epi16(acc[r][c], ones));
        }
    }
}

/// The sum of each register, four registers at a time.
#[target_feature(enable = "avx2")]
#[inline]
fn sums<const R: usize, const C: usize>(wide: &[[__m256i; C]; R]) -> [[i32; C]; R] {
    let half = |x: __m256i| _mm_add_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256::<1>(x));
    let mut out = [[0; C]; R];
    let pick = |at: usize| half(wide[(at / C).min(R - 1)][at % C]);
    let mut first = 0;
    while first < R * C {
        let low = _mm_hadd_epi32(pick(first), pick(first + 1));
        let high = _mm_hadd_epi32(pick(first + 2), pick(first + 3));
        let mut four = [0; 4];
        // SAFETY: `four` is 16 writable bytes; `storeu` needs no alignment.
        unsafe { _mm_storeu_si128(four.as_mut_ptr().cast(), _mm_hadd_epi32(low, high)) };
        for at in first..(first + 4).min(R * C) {
            out[at / C][at % C] = four[at - first];
        }
        first += 4;
    }
    out
}

#[target_feature(enable = "avx2")]
#[inline]
fn load(x: &[i8; BLOCK]) -> __m256i {
    // SAFETY: `x` is 32 readable bytes; `loadu` needs no alignment.
    unsafe { _mm256_loadu_si256(x.as_ptr().cast()) }
}

#[target_feature(enable = "avx2")]
pub(super) fn quantise(x: &[f32], d: usize, limits: Limits, shift: u8, bytes: &mut [i8], rows: &mut [Row]) {
    let len = row_len(d);
    for (i, row) in rows.iter_mut().enumerate() {
        *row = quantise_row(&x[i * d..][..d], &limits, shift, &mut bytes[i * len..][..len]);
    }
}

/// Four registers of lanes.
type Lanes = [__m256; 4];

#[target_feature(enable = "avx2")]
fn quantise_row(x: &[f32], limits: &Limits, shift: u8, bytes: &mut [i8]) -> Row {
    let zero = _mm256_setzero_ps();
    let (blocks, tail) = x.as_chunks::<BLOCK>();
    let (mut sums, mut most, mut of_pair) = ([zero; 4], [zero; 4], zero);
    for chunk in blocks.chunks(CHUNK) {
        let before = sums;
        for block in chunk {
            see(block, &mut sums, &mut most);
        }
        of_pair = _mm256_max_ps(added(&before, &sums), of_pair);
    }
    let mut of_pair = largest(of_pair);
    let last = padded(tail, 0.0);
    if !tail.is_empty() {
        let before = sums;
        see(&last, &mut sums, &mut most);
        of_pair += largest(_mm256_max_ps(added(&before, &sums), zero));
    }
    let square = {
        let (a, b) = (_mm256_add_ps(sums[0], sums[2]), _mm256_add_ps(sums[1], sums[3]));
        let eight = _mm256_add_ps(a, b);
        let four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
        let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
        _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
    };
    let most = largest(_mm256_max_ps(_mm256_max_ps(most[0], most[1]), _mm256_max_ps(most[2], most[3])));
    let Some((step, inverse)) = limits.step(square, most, of_pair) else {
        bytes.fill(shift as i8);
        return Row { square, step: 0.0 };
    };
    let (inverse, shift) = (_mm256_set1_ps(inverse), _mm256_set1_epi8(shift as i8));
    let (out, _) = bytes.as_chunks_mut::<BLOCK>();
    let last = (!tail.is_empty()).then_some(&last);
    for (block, out) in blocks.iter().chain(last).zip(out) {
        let mut whole = [_mm256_setzero_si256(); 4];
        for (part, whole) in whole.iter_mut().enumerate() {
            *whole = _mm256_cvtps_epi32(_mm256_mul_ps(floats(block, part), inverse));
        }
        // Nothing saturates; the halves of the registers end up in turn.
        let words = [_mm256_packs_epi32(whole[0], whole[1]), _mm256_packs_epi32(whole[2], whole[3])];
        let turns = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
        let all = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(words[0], words[1]), turns);
        // SAFETY: `out` is 32 writable bytes; `storeu` needs no alignment.
        unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), _mm256_xor_si256(all, shift)) };
    }
    Row { square, step }
}

#[target_feature(enable = "avx2")]
#[inline]
fn see(block: &[f32; BLOCK], sums: &mut Lanes, most: &mut Lanes) {
    let sign = _mm256_set1_ps(-0.0);
    for part in 0..4 {
        let x = floats(block, part);
        sums[part] = _mm256_add_ps(sums[part], _mm256_mul_ps(x, x));
        // The second operand stays where one is NaN.
        most[part] = _mm256_max_ps(_mm256_andnot_ps(sign, x), most[part]);
    }
}

/// What was added to pairs of lanes, the larger of two such sums.
#[target_feature(enable = "avx2")]
#[inline]
fn added(before: &Lanes, after: &Lanes) -> __m256 {
    let mut added = *after;
    for part in 0..4 {
        added[part] = _mm256_sub_ps(after[part], before[part]);
    }
    let zero = _mm256_setzero_ps();
    let first = _mm256_max_ps(_mm256_hadd_ps(added[0], added[1]), zero);
    _mm256_max_ps(_mm256_hadd_ps(added[2], added[3]), first)
}

/// The largest lane; none is NaN.
#[target_feature(enable = "avx2")]
#[inline]
fn largest(x: __m256) -> f32 {
    let four = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps::<1>(x));
    let two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)))
}

#[target_feature(enable = "avx2")]
#[inline]
fn floats(block: &[f32; BLOCK], part: usize) -> __m256 {
    let eight = &block.as_chunks::<8>().0[part];
    // SAFETY: `eight` is 8 readable floats; `loadu` needs no alignment.
    unsafe { _mm256_loadu_ps(eight.as_ptr()) }
}
