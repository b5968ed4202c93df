use core::arch::x86_64::*;

use super::avx512::sums;
use crate::Avx512Vnni;
use crate::tiles::Task;

pub(super) fn dot_matrix_i8(_proof: Avx512Vnni, task: Task<i8, i32>) {
    // SAFETY: an `Avx512Vnni` exists only after detection, so this CPU runs AVX-512 F, BW and VNNI.
    unsafe { body(task) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn body(task: Task<i8, i32>) {
    tiled!(task, tile, 4, 4);
}

/// VPDPBUSD takes unsigned by signed bytes, so `a + 128` goes in, and 128 times the sum of `b` is taken off at the end.
/// Both sums may wrap; their difference is exact all the same, because it fits in `i32`.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
#[inline]
fn tile<const R: usize, const C: usize>(a: [&[i8]; R], b: [&[i8]; C]) -> [[i32; C]; R] {
    let offset = _mm512_set1_epi8(-128);
    let mut acc = [[_mm512_setzero_si512(); C]; R];
    let mut excess = [_mm512_setzero_si512(); C];
    let d = a[0].len();
    for at in (0..d).step_by(64) {
        let mut x = [offset; R];
        for r in 0..R {
            x[r] = _mm512_xor_si512(load(&a[r][at..d]), offset);
        }
        for c in 0..C {
            let y = load(&b[c][at..d]);
            excess[c] = _mm512_dpbusd_epi32(excess[c], offset, y);
            for r in 0..R {
                acc[r][c] = _mm512_dpbusd_epi32(acc[r][c], x[r], y);
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

/// The first 64 bytes of `row`, filled up with zeroes.
#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn load(row: &[i8]) -> __m512i {
    let mask = if row.len() < 64 { (1 << row.len()) - 1 } else { u64::MAX };
    // SAFETY: `mask` has a bit for each readable byte of `row`, at most 64; the others are not read.
    unsafe { _mm512_maskz_loadu_epi8(mask, row.as_ptr()) }
}
