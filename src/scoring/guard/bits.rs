//! Bytes of a text by class, 64 at a time: one bit a byte, so that what follows goes from one set bit to the next.

use trueline_kernels::mask_u8;

/// Bytes whose classes are one number's bits.
pub(super) const BLOCK: usize = 64;

/// The bit of each byte for which `class` holds; the bits beyond `bytes` are clear. Looks at [`BLOCK`] bytes at most.
#[inline(always)] // so that the test becomes part of the vector loop
pub(super) fn bitmap(bytes: &[u8], class: impl Fn(u8) -> bool) -> u64 {
    let Some(block) = bytes.first_chunk::<BLOCK>() else {
        return bytes.iter().enumerate().fold(0, |bits, (at, b)| bits | u64::from(class(*b)) << at);
    };
    let mut flags = [0_u8; BLOCK];
    flags.iter_mut().zip(block).for_each(|(flag, b)| *flag = if class(*b) { 0xff } else { 0 });
    mask_u8(&flags)
}

/// Whether the byte is a letter or digit of ASCII, in few vector operations.
#[inline(always)]
pub(super) fn is_alphanumeric(b: u8) -> bool {
    (b | 0x20).wrapping_sub(b'a') < 26 || b.wrapping_sub(b'0') < 10
}

/// The places of the bytes for which `class` holds, from `from` on.
#[inline(always)]
pub(super) fn places(
    bytes: &[u8],
    from: usize,
    class: impl Fn(u8) -> bool + Copy,
) -> impl Iterator<Item = usize> {
    let starts = (from..bytes.len()).step_by(BLOCK);
    starts.flat_map(move |start| {
        let mut bits = bitmap(&bytes[start..], class);
        std::iter::from_fn(move || {
            let at = (bits != 0).then(|| start + bits.trailing_zeros() as usize)?;
            bits &= bits - 1;
            Some(at)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_those_of_the_bytes_at_every_length_and_offset() {
        let bytes: Vec<u8> = (0..=255).cycle().map(|n: u8| n.wrapping_mul(37)).take(300).collect();
        for start in 0..70 {
            for end in (start..start + 140).step_by(3) {
                let part = &bytes[start..end];
                let wanted: Vec<usize> =
                    (0..part.len()).filter(|at| part[*at].is_ascii_alphanumeric()).collect();
                assert_eq!(places(part, 0, is_alphanumeric).collect::<Vec<_>>(), wanted);
                let bits = bitmap(part, is_alphanumeric);
                assert!((0..64).all(|at| (bits >> at & 1 == 1) == wanted.contains(&at)));
            }
        }
        assert!((0..=255).all(|b: u8| is_alphanumeric(b) == b.is_ascii_alphanumeric()));
    }
}
