//! What the products of signed bytes share: rows less 128, which [`product!`] puts right by the columns' sums.

use super::GROUP;
use super::product::CHUNK;

/// Turns at most [`CHUNK`] groups. Taking 128 off is turning the highest bit.
#[inline(always)]
pub(super) fn signed(row: &[[u8; GROUP]], to: &mut [u32; CHUNK]) {
    for (to, group) in to.iter_mut().zip(row) {
        *to = u32::from_ne_bytes(*group) ^ 0x8080_8080;
    }
}
