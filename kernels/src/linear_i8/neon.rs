use core::arch::aarch64::*;
use core::arch::asm;

use super::product::{CHUNK, Scratch, Task};
use super::signed::signed;
use super::{BLOCK, GROUP, PANEL};
use crate::Neon;

pub(super) fn linear_i8(_proof: Neon, task: Task) {
    // SAFETY: a `Neon` exists only after detection, so this CPU runs NEON.
    unsafe { body(task) }
}

product!(#[target_feature(enable = "neon")], tile, fused: fused, shift: 128, max: 4, rows: 1 2 3 4);

epilogue_neon!("neon");

/// Columns at a time such that 12 to 18 registers of sums, those of the weights, a broadcast and products fit in 32.
#[target_feature(enable = "neon")]
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
        match R {
            1 => {
                for first in [0, 6] {
                    part::<R, 6>(turned, blocks, first, sums);
                }
            }
            2 => {
                for first in [0, 4, 8] {
                    part::<R, 4>(turned, blocks, first, sums);
                }
            }
            3 => {
                for first in [0, 3, 6, 9] {
                    part::<R, 3>(turned, blocks, first, sums);
                }
            }
            _ => {
                for first in [0, 2, 4, 6, 8, 10] {
                    part::<R, 2>(turned, blocks, first, sums);
                }
            }
        }
    }
}

/// The columns of `C` registers of weights from register `first` on. A register holds four columns; one i8 product always
/// fits in i16, and pairs are added in i32, so that two registers hold the sums of four columns, two for each.
#[target_feature(enable = "neon")]
#[inline]
fn part<const R: usize, const C: usize>(
    rows: &Scratch,
    blocks: &[[i8; BLOCK]],
    first: usize,
    sums: &mut [[i32; PANEL]; R],
) {
    let mut acc = [[[vdupq_n_s32(0); 2]; C]; R];
    for (g, block) in blocks.iter().enumerate() {
        let (block, _) = block[first * 16..][..C * 16].as_chunks::<16>();
        let mut weights = [vdupq_n_s8(0); C];
        for c in 0..C {
            weights[c] = load(&block[c]);
        }
        for r in 0..R {
            let x = vreinterpretq_s8_u32(vdupq_n_u32(rows[r][0][g]));
            for c in 0..C {
                let [low, high] = acc[r][c];
                let products = vmull_s8(vget_low_s8(weights[c]), vget_low_s8(x));
                acc[r][c] = [vpadalq_s16(low, products), vpadalq_s16(high, mull_high(weights[c], x))];
            }
        }
    }
    for r in 0..R {
        let (parts, _) = sums[r][first * 4..][..C * 4].as_chunks_mut::<4>();
        for c in 0..C {
            add(&mut parts[c], vpaddq_s32(acc[r][c][0], acc[r][c][1]));
        }
    }
}

/// The products of the upper halves. The intrinsic sees that both halves of a broadcast are the same, and then takes an
/// instruction more to bring the other factor's upper half down.
#[target_feature(enable = "neon")]
#[inline]
fn mull_high(x: int8x16_t, y: int8x16_t) -> int16x8_t {
    let products;
    // SAFETY: the instruction reads and writes the named registers only, and this function's features include it.
    unsafe {
        asm!(
            "smull2 {products:v}.8h, {x:v}.16b, {y:v}.16b",
            products = lateout(vreg) products,
            x = in(vreg) x,
            y = in(vreg) y,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    products
}

#[target_feature(enable = "neon")]
#[inline]
pub(super) fn load(x: &[i8; 16]) -> int8x16_t {
    // SAFETY: `x` is 16 readable bytes; `vld1q` needs no alignment.
    unsafe { vld1q_s8(x.as_ptr()) }
}

#[target_feature(enable = "neon")]
#[inline]
pub(super) fn add(to: &mut [i32; 4], x: int32x4_t) {
    // SAFETY: `to` is 16 readable bytes; `vld1q` needs no alignment.
    let before = unsafe { vld1q_s32(to.as_ptr()) };
    // SAFETY: `to` is 16 writable bytes; `vst1q` needs no alignment.
    unsafe { vst1q_s32(to.as_mut_ptr(), vaddq_s32(before, x)) };
}
