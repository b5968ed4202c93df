use core::arch::x86_64::*;

use super::product::{Scratch, Task};
use super::{BLOCK, GROUP, PANEL};
use crate::Avx512Vnni;

pub(super) fn linear_i8(_proof: Avx512Vnni, task: Task) {
    // SAFETY: an `Avx512Vnni` exists only after detection, so this CPU runs AVX-512 F, BW, VL, DQ and VNNI.
    unsafe { body(task) }
}

/// How far ahead weights are fetched, in bytes: up to a tenth less time for 16 rows when weights come from the last level.
/// With fewer than four rows the CPU's own prefetching is better alone. What lies there is never read, so that it may lie
/// beyond the end.
const AHEAD: usize = 8192;

product!(
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")],
    tile, fused: fused, shift: 0, max: 8, rows: 1 2 3 4 5 6 7 8
);

epilogue512!("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni");

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
fn tile<const R: usize>(
    rows: [&[[u8; GROUP]]; R],
    blocks: &[[i8; BLOCK]],
    _scratch: &mut Scratch,
    sums: &mut [[i32; PANEL]; R],
) {
    let mut acc = [[_mm512_setzero_si512(); 3]; R];
    for (g, block) in blocks.iter().enumerate() {
        let weights = load(block);
        if R >= 4 {
            for line in 0..3 {
                _mm_prefetch::<_MM_HINT_T0>(block.as_ptr().wrapping_add(AHEAD + 64 * line));
            }
        }
        for r in 0..R {
            let x = _mm512_set1_epi32(i32::from_ne_bytes(rows[r][g]));
            for c in 0..3 {
                acc[r][c] = _mm512_dpbusd_epi32(acc[r][c], x, weights[c]);
            }
        }
    }
    for r in 0..R {
        let (parts, _) = sums[r].as_chunks_mut::<16>();
        for c in 0..3 {
            // SAFETY: `parts[c]` is 64 writable bytes; `storeu` needs no alignment.
            unsafe { _mm512_storeu_si512(parts[c].as_mut_ptr().cast(), acc[r][c]) };
        }
    }
}

#[target_feature(enable = "avx512f")]
#[inline]
fn load(block: &[i8; BLOCK]) -> [__m512i; 3] {
    let (parts, _) = block.as_chunks::<64>();
    let mut weights = [_mm512_setzero_si512(); 3];
    for c in 0..3 {
        // SAFETY: `parts[c]` is 64 readable bytes; `loadu` needs no alignment.
        weights[c] = unsafe { _mm512_loadu_si512(parts[c].as_ptr().cast()) };
    }
    weights
}
