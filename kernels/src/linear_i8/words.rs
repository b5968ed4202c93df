//! The exact product of unsigned by signed bytes for instruction sets that multiply words: VPMADDUBSW saturates.
//!
//! A group of four bytes becomes two pairs of words, the even and the odd bytes; a product of two bytes, twice, always
//! fits in the i32 that VPMADDWD gives. Weights are split where they are used. The rows are split once for a tile, so that
//! the inner loop has nothing but broadcasts to do for them.

use super::GROUP;
use super::product::CHUNK;

/// Splits at most [`CHUNK`] groups into pairs of words, the even and the odd bytes, a pair's first word in the low half.
#[inline(always)]
pub(super) fn split(row: &[[u8; GROUP]], to: &mut [[u32; CHUNK]; 2]) {
    let [even, odd] = to;
    for ((even, odd), group) in even.iter_mut().zip(odd).zip(row) {
        let group = u32::from_le_bytes(*group);
        *even = group & 0x00ff_00ff;
        *odd = (group >> 8) & 0x00ff_00ff;
    }
}

/// Defines `body` in the words of an instruction set's registers, from the `tile` of the file that uses it, and `part`, which
/// that tile is made of.
macro_rules! words {
    (
        $features:literal, lanes: $lanes:literal, bytes: $bytes:literal,
        zero: $zero:ident, load: $load:ident, store: $store:ident, splat: $splat:ident,
        madd: $madd:ident, add: $add:ident, left: $left:ident, right: $right:ident,
        $(fused: $fused:ident,)? max: $max:literal, rows: $($rows:literal)*
    ) => {
        product!(
            #[target_feature(enable = $features)],
            tile, $(fused: $fused,)? shift: 0, max: $max, rows: $($rows)*
        );

        /// The columns of `C` registers from register `FIRST` on.
        #[target_feature(enable = $features)]
        #[inline]
        fn part<const R: usize, const C: usize, const FIRST: usize>(
            rows: &crate::linear_i8::product::Scratch,
            blocks: &[[i8; crate::linear_i8::BLOCK]],
            sums: &mut [[i32; crate::linear_i8::PANEL]; R],
        ) {
            let mut acc = [[$zero(); C]; R];
            for r in 0..R {
                let (parts, _) = sums[r].as_chunks::<$lanes>();
                for c in 0..C {
                    // SAFETY: `parts[FIRST + c]` is a register's worth of readable integers; no alignment is needed.
                    acc[r][c] = unsafe { $load(parts[FIRST + c].as_ptr().cast()) };
                }
            }
            let blocks = &blocks[..blocks.len().min(crate::linear_i8::product::CHUNK)];
            for (g, block) in blocks.iter().enumerate() {
                let (block, _) = block.as_chunks::<$bytes>();
                let (mut even, mut odd) = ([$zero(); C], [$zero(); C]);
                for c in 0..C {
                    // SAFETY: `block[FIRST + c]` is a register's worth of readable bytes; no alignment is needed.
                    let weights = unsafe { $load(block[FIRST + c].as_ptr().cast()) };
                    even[c] = $right::<8>($left::<8>(weights));
                    odd[c] = $right::<8>(weights);
                }
                for r in 0..R {
                    let x = [$splat(rows[r][0][g] as i32), $splat(rows[r][1][g] as i32)];
                    for c in 0..C {
                        acc[r][c] = $add(acc[r][c], $madd(even[c], x[0]));
                        acc[r][c] = $add(acc[r][c], $madd(odd[c], x[1]));
                    }
                }
            }
            for r in 0..R {
                let (parts, _) = sums[r].as_chunks_mut::<$lanes>();
                for c in 0..C {
                    // SAFETY: `parts[FIRST + c]` is a register's worth of writable integers; no alignment is needed.
                    unsafe { $store(parts[FIRST + c].as_mut_ptr().cast(), acc[r][c]) };
                }
            }
        }
    };
}
