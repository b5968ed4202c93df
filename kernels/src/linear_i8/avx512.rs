use core::arch::x86_64::*;

use super::product::{CHUNK, Scratch, Task};
use super::words::split;
use super::{BLOCK, GROUP, PANEL};
use crate::Avx512;

pub(super) fn linear_i8(_proof: Avx512, task: Task) {
    // SAFETY: an `Avx512` exists only after detection, so this CPU runs AVX-512 F, BW, VL and DQ.
    unsafe { body(task) }
}

words!(
    "avx512f,avx512bw,avx512vl,avx512dq", lanes: 16, bytes: 64,
    zero: _mm512_setzero_si512, load: _mm512_loadu_si512, store: _mm512_storeu_si512, splat: _mm512_set1_epi32,
    madd: _mm512_madd_epi16, add: _mm512_add_epi32, left: _mm512_slli_epi16, right: _mm512_srai_epi16,
    fused: fused, max: 6, rows: 1 2 3 4 5 6
);

epilogue512!("avx512f,avx512bw,avx512vl,avx512dq");

/// 18 sums, 3 registers of weights in two parts each, two broadcasts and a product fit in the 32 registers.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
#[inline]
fn tile<const R: usize>(
    rows: [&[[u8; GROUP]]; R],
    blocks: &[[i8; BLOCK]],
    words: &mut Scratch,
    sums: &mut [[i32; PANEL]; R],
) {
    *sums = [[0; PANEL]; R];
    for start in (0..blocks.len()).step_by(CHUNK) {
        for r in 0..R {
            split(&rows[r][start..], &mut words[r]);
        }
        part::<R, 3, 0>(words, &blocks[start..], sums);
    }
}
