use core::arch::aarch64::*;
use core::arch::asm;

use super::neon::{add, load};
use super::product::{CHUNK, Scratch, Task};
use super::{BLOCK, GROUP, PANEL};
use crate::I8mm;

pub(super) fn linear_i8(_proof: I8mm, task: Task) {
    // SAFETY: an `I8mm` exists only after detection, so this CPU runs NEON and its matrix products.
    unsafe { body(task) }
}

product!(#[target_feature(enable = "neon,i8mm")], tile, fused: fused, shift: 0, max: 8, rows: 1 2 3 4 5 6 7 8);

epilogue_neon!("neon,i8mm");

/// Columns at a time such that 12 to 18 registers hold the sums of all pairs of rows with all pairs of columns. With more, the
/// compiler copies them about.
#[target_feature(enable = "neon,i8mm")]
#[inline]
fn tile<const R: usize>(
    rows: [&[[u8; GROUP]]; R],
    blocks: &[[i8; BLOCK]],
    paired: &mut Scratch,
    sums: &mut [[i32; PANEL]; R],
) {
    *sums = [[0; PANEL]; R];
    match R {
        1 | 2 => pairs::<R, 1, 6>(rows, blocks, paired, sums),
        3 | 4 => pairs::<R, 2, 4>(rows, blocks, paired, sums),
        5 | 6 => pairs::<R, 3, 3>(rows, blocks, paired, sums),
        _ => pairs::<R, 4, 2>(rows, blocks, paired, sums),
    }
}

/// A tile of `P` pairs of rows; an odd last row makes a pair with itself. The columns of `C` registers are taken at a time.
#[target_feature(enable = "neon,i8mm")]
#[inline]
fn pairs<const R: usize, const P: usize, const C: usize>(
    rows: [&[[u8; GROUP]]; R],
    blocks: &[[i8; BLOCK]],
    paired: &mut Scratch,
    sums: &mut [[i32; PANEL]; R],
) {
    for start in (0..blocks.len()).step_by(CHUNK) {
        let end = blocks.len().min(start + CHUNK);
        for p in 0..P {
            let (even, odd) = (&rows[2 * p][start..end], &rows[R.min(2 * p + 2) - 1][start..end]);
            let (to, _) = paired[p].as_flattened_mut().as_chunks_mut::<4>();
            for ((to, even), odd) in to.iter_mut().zip(even.chunks(2)).zip(odd.chunks(2)) {
                // Beside the last of an odd number is itself, and the weights for it are 0.
                let (a, b) = (even[0], even[even.len() - 1]);
                let (c, d) = (odd[0], odd[odd.len() - 1]);
                *to = [a, b, c, d].map(u32::from_ne_bytes);
            }
        }
        for first in (0..PANEL / 4).step_by(C) {
            part::<R, P, C>(paired, &blocks[start..end], first, sums);
        }
    }
}

/// The columns of `C` registers from register `first` on.
///
/// The instruction takes two rows and two columns of eight bytes each. Two registers of weights, four columns of the same
/// two groups, are two such pairs of columns once their groups are put side by side.
#[target_feature(enable = "neon,i8mm")]
#[inline]
fn part<const R: usize, const P: usize, const C: usize>(
    rows: &Scratch,
    blocks: &[[i8; BLOCK]],
    first: usize,
    sums: &mut [[i32; PANEL]; R],
) {
    let mut acc = [[[vdupq_n_s32(0); 2]; C]; P];
    // Adds the products of two groups of each row with the blocks of these groups; a function would not always be inlined.
    macro_rules! step {
        ($q:expr, $even:expr, $odd:expr) => {
            let (even, _) = $even[first * 16..][..C * 16].as_chunks::<16>();
            let (odd, _) = $odd[first * 16..][..C * 16].as_chunks::<16>();
            let mut x = [vdupq_n_u8(0); P];
            for p in 0..P {
                x[p] = load_pair(&rows[p].as_flattened().as_chunks().0[$q]);
            }
            for c in 0..C {
                let (even, odd) = (vreinterpretq_s32_s8(load(&even[c])), vreinterpretq_s32_s8(load(&odd[c])));
                let low = vreinterpretq_s8_s32(vzip1q_s32(even, odd));
                let high = vreinterpretq_s8_s32(vzip2q_s32(even, odd));
                for p in 0..P {
                    acc[p][c] = [usmmla(acc[p][c][0], x[p], low), usmmla(acc[p][c][1], x[p], high)];
                }
            }
        };
    }
    let (twos, left) = blocks.as_chunks::<2>();
    for (q, two) in twos.iter().enumerate() {
        step!(q, two[0], two[1]);
    }
    if let [block] = left {
        step!(twos.len(), block, [0; BLOCK]);
    }
    for r in 0..R {
        let (parts, _) = sums[r][first * 4..][..C * 4].as_chunks_mut::<4>();
        for c in 0..C {
            let [low, high] = acc[r / 2][c];
            let (low, high) = (vreinterpretq_s64_s32(low), vreinterpretq_s64_s32(high));
            // The sums of the even row are in the lower halves.
            let row = if r % 2 == 0 { vzip1q_s64(low, high) } else { vzip2q_s64(low, high) };
            add(&mut parts[c], vreinterpretq_s32_s64(row));
        }
    }
}

#[target_feature(enable = "neon")]
#[inline]
fn load_pair(x: &[u32; 4]) -> uint8x16_t {
    // SAFETY: `x` is 16 readable bytes; `vld1q` needs no alignment.
    vreinterpretq_u8_u32(unsafe { vld1q_u32(x.as_ptr()) })
}

/// Adds to `acc`, two by two, the dot products of two rows of `x` with two columns of `weights`, eight bytes each. The
/// intrinsic is not stable on Rust 1.95.
#[target_feature(enable = "neon,i8mm")]
#[inline]
fn usmmla(mut acc: int32x4_t, x: uint8x16_t, weights: int8x16_t) -> int32x4_t {
    // SAFETY: the instruction reads and writes the named registers only, and this function's features include it.
    unsafe {
        asm!(
            "usmmla {acc:v}.4s, {x:v}.16b, {weights:v}.16b",
            acc = inout(vreg) acc,
            x = in(vreg) x,
            weights = in(vreg) weights,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    acc
}
