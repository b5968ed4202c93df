use core::arch::x86_64::*;

use super::product::{CHUNK, Scratch, Task};
use super::words::split;
use super::{BLOCK, GROUP, PANEL};
use crate::Avx2;

pub(super) fn linear_i8(_proof: Avx2, task: Task) {
    // SAFETY: an `Avx2` exists only after detection, so this CPU runs AVX2.
    unsafe { body(task) }
}

words!(
    "avx2", lanes: 8, bytes: 32,
    zero: _mm256_setzero_si256, load: _mm256_loadu_si256, store: _mm256_storeu_si256, splat: _mm256_set1_epi32,
    madd: _mm256_madd_epi16, add: _mm256_add_epi32, left: _mm256_slli_epi16, right: _mm256_srai_epi16,
    fused: fused, max: 4, rows: 1 2 3 4
);

epilogue256!("avx2");

/// Three or four rows take a third of the panel at a time, so that 8 sums, 2 registers of weights in two parts each, two
/// broadcasts and a product fit in the 16 registers; fewer rows take half of it.
#[target_feature(enable = "avx2")]
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
        let blocks = &blocks[start..];
        if R <= 2 {
            part::<R, 3, 0>(words, blocks, sums);
            part::<R, 3, 3>(words, blocks, sums);
        } else {
            part::<R, 2, 0>(words, blocks, sums);
            part::<R, 2, 2>(words, blocks, sums);
            part::<R, 2, 4>(words, blocks, sums);
        }
    }
}
