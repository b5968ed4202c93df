use core::arch::aarch64::*;

use super::neon::{load, mix, store};
use super::{Layout, WIDTH};
use crate::Dotprod;
use crate::dot_i8::dotprod::sdot;

pub(super) fn rows(proof: Dotprod, task: crate::attention::Task) {
    // SAFETY: a `Dotprod` exists only after detection, so this CPU runs NEON and its dot products.
    unsafe { body(proof.neon(), task) }
}

super::block::rows!(#[target_feature(enable = "neon,dotprod")], Layout::Quads, 1, [4 2 1]);

#[target_feature(enable = "neon,dotprod")]
#[inline]
fn scores<const R: usize>(q: &[[u32; WIDTH]], at: usize, panel: &[[u32; WIDTH]]) -> [[i32; WIDTH]; R] {
    let mut out = [[0; WIDTH]; R];
    let mut sums = [[vdupq_n_s32(0); 4]; R];
    for (q, panel) in q.iter().zip(panel) {
        let mut keys = [load(panel, 0); 4];
        for p in 1..4 {
            keys[p] = load(panel, p);
        }
        let q = &q[at..][..R];
        for r in 0..R {
            let x = vreinterpretq_s8_u32(vdupq_n_u32(q[r]));
            for p in 0..4 {
                sums[r][p] = sdot(sums[r][p], keys[p], x);
            }
        }
    }
    for r in 0..R {
        for p in 0..4 {
            store(sums[r][p], &mut out[r], p);
        }
    }
    out
}
