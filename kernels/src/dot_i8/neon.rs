use core::arch::aarch64::*;

use crate::Neon;

pub(super) fn dot_i8(_proof: Neon, a: &[i8], b: &[i8]) -> i32 {
    // SAFETY: a `Neon` exists only after detection, so this CPU runs NEON.
    unsafe { body(a, b) }
}

#[target_feature(enable = "neon")]
fn body(a: &[i8], b: &[i8]) -> i32 {
    let ((a, a_tail), (b, b_tail)) = (a.as_chunks::<16>(), b.as_chunks::<16>());
    let mut acc = [vdupq_n_s32(0); 2];
    for (x, y) in a.iter().zip(b) {
        // SAFETY: `x` is 16 readable bytes; `vld1q` needs no alignment.
        let x = unsafe { vld1q_s8(x.as_ptr()) };
        // SAFETY: `y` is 16 readable bytes; `vld1q` needs no alignment.
        let y = unsafe { vld1q_s8(y.as_ptr()) };
        // One i8 product always fits in i16; pairs are added in i32.
        acc[0] = vpadalq_s16(acc[0], vmull_s8(vget_low_s8(x), vget_low_s8(y)));
        acc[1] = vpadalq_s16(acc[1], vmull_high_s8(x, y));
    }
    vaddvq_s32(vaddq_s32(acc[0], acc[1])) + super::scalar::dot_i8(a_tail, b_tail)
}
