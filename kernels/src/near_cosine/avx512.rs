use core::arch::x86_64::*;

use super::rows::{BLOCK, CHUNK, Limits, Row, row_len};
use crate::Avx512Vnni;
use crate::dot_matrix_i8::avx512::sums;
use crate::lanes::padded;
use crate::tiles::Task;

/// Rows of both sides that are multiplied with each other in registers.
const ROWS: usize = 6;
const COLUMNS: usize = 4;
/// Bytes of a register.
const WIDE: usize = 64;

pub(super) fn products(_proof: Avx512Vnni, task: Task<i8, i32>) {
    // SAFETY: an `Avx512Vnni` exists only after detection, so this CPU runs AVX-512 F, BW, VL and VNNI.
    unsafe { body(task) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn body(mut task: Task<i8, i32>) {
    let [m, n, _] = task.shape;
    let mut j = 0;
    while j < n {
        if j + COLUMNS <= n {
            columns::<COLUMNS>(&mut task, m, j);
            j += COLUMNS;
        } else {
            columns::<1>(&mut task, m, j);
            j += 1;
        }
    }
}

/// All rows with a few columns. Left bytes are 128 higher, so that 128 times the sum of the right bytes is taken off; the sums
/// may wrap, and their difference fits.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
#[inline]
fn columns<const C: usize>(task: &mut Task<i8, i32>, m: usize, j: usize) {
    let b = task.b_rows::<C>(j);
    let mut excess = [_mm512_setzero_si512(); C];
    for c in 0..C {
        for at in (0..b[c].len()).step_by(WIDE) {
            excess[c] = _mm512_dpbusd_epi32(excess[c], _mm512_set1_epi8(-128), load(&b[c][at..]));
        }
    }
    let mut i = 0;
    while i < m {
        let count = crate::linear::step(m - i, ROWS);
        match count {
            ROWS => task.put::<ROWS, C>(i, j, tile(task.a_rows(i), b, &excess)),
            5 => task.put::<5, C>(i, j, tile(task.a_rows(i), b, &excess)),
            4 => task.put::<4, C>(i, j, tile(task.a_rows(i), b, &excess)),
            3 => task.put::<3, C>(i, j, tile(task.a_rows(i), b, &excess)),
            2 => task.put::<2, C>(i, j, tile(task.a_rows(i), b, &excess)),
            _ => task.put::<1, C>(i, j, tile(task.a_rows(i), b, &excess)),
        }
        i += count;
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
#[inline]
fn tile<const R: usize, const C: usize>(
    a: [&[i8]; R],
    b: [&[i8]; C],
    excess: &[__m512i; C],
) -> [[i32; C]; R] {
    let mut acc = [[_mm512_setzero_si512(); C]; R];
    let whole = a[0].len() / WIDE;
    let mut x_rows: [&[[i8; WIDE]]; R] = [&[]; R];
    let mut y_rows: [&[[i8; WIDE]]; C] = [&[]; C];
    for r in 0..R {
        x_rows[r] = &a[r].as_chunks().0[..whole];
    }
    for c in 0..C {
        y_rows[c] = &b[c].as_chunks().0[..whole];
    }
    for at in 0..whole {
        let mut y = [_mm512_setzero_si512(); C];
        for c in 0..C {
            y[c] = load(&y_rows[c][at]);
        }
        for r in 0..R {
            let x = load(&x_rows[r][at]);
            for c in 0..C {
                acc[r][c] = _mm512_dpbusd_epi32(acc[r][c], x, y[c]);
            }
        }
    }
    // A row is whole blocks of 32 bytes.
    if a[0].len() > whole * WIDE {
        for r in 0..R {
            let x = load(&a[r][whole * WIDE..]);
            for c in 0..C {
                acc[r][c] = _mm512_dpbusd_epi32(acc[r][c], x, load(&b[c][whole * WIDE..]));
            }
        }
    }
    let mut out = [[0; C]; R];
    for r in 0..R {
        for c in 0..C {
            acc[r][c] = _mm512_sub_epi32(acc[r][c], excess[c]);
        }
        out[r] = sums(acc[r]);
    }
    out
}

/// The first 64 bytes, or 32 and zeroes.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
#[inline]
fn load(x: &[i8]) -> __m512i {
    let mask = if x.len() < WIDE { (1 << x.len()) - 1 } else { u64::MAX };
    // SAFETY: `mask` has a bit for each readable byte of `x`, at most 64; the others are not read.
    unsafe { _mm512_maskz_loadu_epi8(mask, x.as_ptr()) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
pub(super) fn quantise(x: &[f32], d: usize, limits: Limits, shift: u8, bytes: &mut [i8], rows: &mut [Row]) {
    let len = row_len(d);
    for (i, row) in rows.iter_mut().enumerate() {
        *row = quantise_row(&x[i * d..][..d], &limits, shift, &mut bytes[i * len..][..len]);
    }
}

/// Two registers of lanes.
type Lanes = [__m512; 2];

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
fn quantise_row(x: &[f32], limits: &Limits, shift: u8, bytes: &mut [i8]) -> Row {
    let zero = _mm512_setzero_ps();
    let (blocks, tail) = x.as_chunks::<BLOCK>();
    let (mut sums, mut most, mut of_pair) = ([zero; 2], [zero; 2], zero);
    for chunk in blocks.chunks(CHUNK) {
        let before = sums;
        for block in chunk {
            see(block, &mut sums, &mut most);
        }
        of_pair = _mm512_max_ps(added(&before, &sums), of_pair);
    }
    let mut of_pair = largest(of_pair);
    let last = padded(tail, 0.0);
    if !tail.is_empty() {
        let before = sums;
        see(&last, &mut sums, &mut most);
        of_pair += largest(_mm512_max_ps(added(&before, &sums), zero));
    }
    let square = {
        let sixteen = _mm512_add_ps(sums[0], sums[1]);
        let eight = _mm256_add_ps(_mm512_castps512_ps256(sixteen), _mm512_extractf32x8_ps::<1>(sixteen));
        let four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
        let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
        _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
    };
    let most = largest(_mm512_max_ps(most[0], most[1]));
    let Some((step, inverse)) = limits.step(square, most, of_pair) else {
        bytes.fill(shift as i8);
        return Row { square, step: 0.0 };
    };
    let (inverse, shift) = (_mm512_set1_ps(inverse), _mm_set1_epi8(shift as i8));
    let out = bytes.as_chunks_mut::<BLOCK>().0;
    let last = (!tail.is_empty()).then_some(&last);
    for (block, out) in blocks.iter().chain(last).zip(out) {
        for (part, out) in out.as_chunks_mut::<16>().0.iter_mut().enumerate() {
            // No integer is beyond a byte.
            let whole = _mm512_cvtps_epi32(_mm512_mul_ps(floats(block, part), inverse));
            let sixteen = _mm_xor_si128(_mm512_cvtepi32_epi8(whole), shift);
            // SAFETY: `out` is 16 writable bytes; `storeu` needs no alignment.
            unsafe { _mm_storeu_si128(out.as_mut_ptr().cast(), sixteen) };
        }
    }
    Row { square, step }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
#[inline]
fn see(block: &[f32; BLOCK], sums: &mut Lanes, most: &mut Lanes) {
    for part in 0..2 {
        let x = floats(block, part);
        sums[part] = _mm512_add_ps(sums[part], _mm512_mul_ps(x, x));
        // The second operand stays where one is NaN.
        most[part] = _mm512_max_ps(_mm512_abs_ps(x), most[part]);
    }
}

/// What was added to pairs of lanes, in both of them; the larger of two such sums.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
#[inline]
fn added(before: &Lanes, after: &Lanes) -> __m512 {
    let mut added = *after;
    for part in 0..2 {
        added[part] = _mm512_sub_ps(after[part], before[part]);
        added[part] = _mm512_add_ps(added[part], _mm512_permute_ps::<0b1011_0001>(added[part]));
    }
    _mm512_max_ps(added[1], _mm512_max_ps(added[0], _mm512_setzero_ps()))
}

/// The largest lane; none is NaN.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
#[inline]
fn largest(x: __m512) -> f32 {
    let eight = _mm256_max_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps::<1>(x));
    let four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
    let two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)))
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
#[inline]
fn floats(block: &[f32; BLOCK], part: usize) -> __m512 {
    let sixteen = &block.as_chunks::<16>().0[part];
    // SAFETY: `sixteen` is 16 readable floats; `loadu` needs no alignment.
    unsafe { _mm512_loadu_ps(sixteen.as_ptr()) }
}
