//! x86-64.

use core::arch::x86_64::{_mm_movemask_epi8, _mm_set_epi64x};

#[inline(always)]
pub(super) fn mask(flags: &[u8; 64]) -> u64 {
    let (eights, _) = flags.as_chunks::<8>();
    let half = |at: usize| i64::from_le_bytes(eights[at]);
    (0..4).fold(0, |bits, at| {
        // SAFETY: SSE2 belongs to every x86-64 CPU, and no memory is touched.
        let mask = unsafe { _mm_movemask_epi8(_mm_set_epi64x(half(2 * at + 1), half(2 * at))) };
        bits | u64::from(mask as u16) << (16 * at)
    })
}
