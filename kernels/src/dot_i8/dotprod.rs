use core::arch::aarch64::*;
use core::arch::asm;

use crate::Dotprod;

pub(super) fn dot_i8(_proof: Dotprod, a: &[i8], b: &[i8]) -> i32 {
    // SAFETY: a `Dotprod` exists only after detection, so this CPU runs NEON and its dot products.
    unsafe { body(a, b) }
}

#[target_feature(enable = "neon,dotprod")]
fn body(a: &[i8], b: &[i8]) -> i32 {
    let ((a, a_tail), (b, b_tail)) = (a.as_chunks::<32>(), b.as_chunks::<32>());
    let mut acc = [vdupq_n_s32(0); 2];
    for (x, y) in a.iter().zip(b) {
        let ((x, _), (y, _)) = (x.as_chunks::<16>(), y.as_chunks::<16>());
        for i in 0..2 {
            acc[i] = sdot(acc[i], load(&x[i]), load(&y[i]));
        }
    }
    vaddvq_s32(vaddq_s32(acc[0], acc[1])) + super::scalar::dot_i8(a_tail, b_tail)
}

#[target_feature(enable = "neon")]
#[inline]
fn load(x: &[i8; 16]) -> int8x16_t {
    // SAFETY: `x` is 16 readable bytes; `vld1q` needs no alignment.
    unsafe { vld1q_s8(x.as_ptr()) }
}

/// Adds to each lane of `acc` the dot product of four bytes. The intrinsic is not stable on Rust 1.95.
#[target_feature(enable = "neon,dotprod")]
#[inline]
pub(crate) fn sdot(mut acc: int32x4_t, x: int8x16_t, y: int8x16_t) -> int32x4_t {
    // SAFETY: the instruction reads and writes the named registers only, and this function's features include it.
    unsafe {
        asm!(
            "sdot {acc:v}.4s, {x:v}.16b, {y:v}.16b",
            acc = inout(vreg) acc,
            x = in(vreg) x,
            y = in(vreg) y,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    acc
}
