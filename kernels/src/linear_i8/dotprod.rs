use core::arch::aarch64::*;
use core::arch::asm;

use super::neon::{add, load};
use super::product::{CHUNK, Scratch, Task};
use super::signed::signed;
use super::{BLOCK, GROUP, PANEL};
use crate::Dotprod;

pub(super) fn linear_i8(_proof: Dotprod, task: Task) {
    // SAFETY: a `Dotprod` exists only after detection, so this CPU runs NEON and its dot products.
    unsafe { body(task) }
}

product!(#[target_feature(enable = "neon,dotprod")], tile, fused: fused, shift: 128, max: 4, rows: 1 2 3 4);

epilogue_neon!("neon,dotprod");

/// Columns at a time such that at most 24 sums, a register for each row and those of the weights fit in 32.
#[target_feature(enable = "neon,dotprod")]
#[inline]
fn tile<const R: usize>(
    rows: [&[[u8; GROUP]]; R],
    blocks: &[[i8; BLOCK]],
    turned: &mut Scratch,
    sums: &mut [[i32; PANEL]; R],
) {
    *sums = [[0; PANEL]; R];
    for start in (0..blocks.len()).step_by(CHUNK) {
        for r in 0..R {
            signed(&rows[r][start..], &mut turned[r][0]);
        }
        let blocks = &blocks[start..blocks.len().min(start + CHUNK)];
        if R <= 2 {
            part::<R, 12>(turned, blocks, 0, sums);
        } else {
            for first in [0, 6] {
                part::<R, 6>(turned, blocks, first, sums);
            }
        }
    }
}

/// The columns of `C` registers from register `first` on. Four groups of a row make a register, of which the instruction
/// takes one as it is told.
#[target_feature(enable = "neon,dotprod")]
#[inline]
fn part<const R: usize, const C: usize>(
    rows: &Scratch,
    blocks: &[[i8; BLOCK]],
    first: usize,
    sums: &mut [[i32; PANEL]; R],
) {
    let mut acc = [[vdupq_n_s32(0); C]; R];
    // Adds the products of group `$lane` of each row with a block; a function would not always be inlined.
    macro_rules! step {
        ($lane:literal, $x:ident, $block:expr) => {
            let (block, _) = $block[first * 16..][..C * 16].as_chunks::<16>();
            for c in 0..C {
                let weights = load(&block[c]);
                for r in 0..R {
                    acc[r][c] = sdot::<$lane>(acc[r][c], weights, $x[r]);
                }
            }
        };
    }
    let (fours, left) = blocks.as_chunks::<4>();
    for (q, four) in fours.iter().enumerate() {
        let mut x = [vdupq_n_s8(0); R];
        for r in 0..R {
            x[r] = load_groups(&rows[r][0].as_chunks::<4>().0[q]);
        }
        step!(0, x, four[0]);
        step!(1, x, four[1]);
        step!(2, x, four[2]);
        step!(3, x, four[3]);
    }
    for (g, block) in (fours.len() * 4..).zip(left) {
        let mut x = [vdupq_n_s8(0); R];
        for r in 0..R {
            x[r] = vreinterpretq_s8_u32(vdupq_n_u32(rows[r][0][g]));
        }
        step!(0, x, block);
    }
    for r in 0..R {
        let (parts, _) = sums[r][first * 4..][..C * 4].as_chunks_mut::<4>();
        for c in 0..C {
            add(&mut parts[c], acc[r][c]);
        }
    }
}

#[target_feature(enable = "neon")]
#[inline]
fn load_groups(x: &[u32; 4]) -> int8x16_t {
    // SAFETY: `x` is 16 readable bytes; `vld1q` needs no alignment.
    vreinterpretq_s8_u32(unsafe { vld1q_u32(x.as_ptr()) })
}

/// Adds to each lane of `acc` the dot product of four weights with group `LANE` of `x`. The intrinsic is not stable on Rust
/// 1.95.
#[target_feature(enable = "neon,dotprod")]
#[inline]
fn sdot<const LANE: i32>(mut acc: int32x4_t, weights: int8x16_t, x: int8x16_t) -> int32x4_t {
    // SAFETY: the instruction reads and writes the named registers only, and this function's features include it.
    unsafe {
        asm!(
            "sdot {acc:v}.4s, {weights:v}.16b, {x:v}.4b[{lane}]",
            acc = inout(vreg) acc,
            weights = in(vreg) weights,
            x = in(vreg) x,
            lane = const LANE,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    acc
}
