//! Flags, one a byte, as the bits of one number.

#[cfg(not(target_arch = "x86_64"))]
mod portable;
#[cfg(target_arch = "x86_64")]
mod sse2;

#[cfg(not(target_arch = "x86_64"))]
use portable::mask;
#[cfg(target_arch = "x86_64")]
use sse2::mask;

/// The highest bit of each byte, the first byte's lowest.
///
/// Class: exact. Takes no [`Isa`](crate::Isa), unlike the other kernels: it is a few instructions that every CPU of the
/// architecture has, in the middle of its caller's loop.
#[inline(always)] // so that flags go from registers to registers
pub fn mask_u8(flags: &[u8; 64]) -> u64 {
    mask(flags)
}

#[cfg(test)]
mod tests {
    use super::mask_u8;

    #[test]
    fn each_byte_gives_its_own_bit() {
        for at in 0..64 {
            for value in 0..=u8::MAX {
                let mut flags = [0; 64];
                flags[at] = value;
                assert_eq!(mask_u8(&flags), u64::from(value >> 7) << at, "{value} at {at}");
                let mut flags = [0xff; 64];
                flags[at] = value;
                assert_eq!(mask_u8(&flags), !(u64::from(!value >> 7) << at), "{value} at {at} of ones");
            }
        }
    }
}
