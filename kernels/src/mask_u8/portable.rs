//! Any CPU.

#[inline(always)]
pub(super) fn mask(flags: &[u8; 64]) -> u64 {
    let (eights, _) = flags.as_chunks::<8>();
    eights.iter().enumerate().fold(0, |bits, (at, eight)| {
        // The product gathers the lowest bit of each byte in its highest byte.
        let highest = u64::from_le_bytes(*eight) >> 7 & 0x0101_0101_0101_0101;
        bits | (highest.wrapping_mul(0x0102_0408_1020_4080) >> 56) << (8 * at)
    })
}
