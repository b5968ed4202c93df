//! The tile of VPDPBUSD at 256 bits, which two instruction sets encode differently.

/// Defines `body` with `$dot`, the instruction in one of its encodings.
///
/// Three or four rows take half of the panel at a time, so that 12 sums, 3 registers of weights and a broadcast fill the 16
/// registers; fewer rows take all of it, so that the weights are read once.
macro_rules! vnni256 {
    ($features:literal, $dot:ident) => {
        use core::arch::x86_64::*;

        product!(
            #[target_feature(enable = $features)],
            tile, fused: fused, shift: 0, max: 4, rows: 1 2 3 4
        );

        epilogue256!($features);

        #[target_feature(enable = $features)]
        #[inline]
        fn tile<const R: usize>(
            rows: [&[[u8; 4]]; R],
            blocks: &[[i8; crate::linear_i8::BLOCK]],
            _scratch: &mut crate::linear_i8::product::Scratch,
            sums: &mut [[i32; crate::linear_i8::PANEL]; R],
        ) {
            if R <= 2 {
                part::<R, 6, 0>(rows, blocks, sums);
            } else {
                part::<R, 3, 0>(rows, blocks, sums);
                part::<R, 3, 3>(rows, blocks, sums);
            }
        }

        /// The columns of `C` registers from register `FIRST` on.
        #[target_feature(enable = $features)]
        #[inline]
        fn part<const R: usize, const C: usize, const FIRST: usize>(
            rows: [&[[u8; 4]]; R],
            blocks: &[[i8; crate::linear_i8::BLOCK]],
            sums: &mut [[i32; crate::linear_i8::PANEL]; R],
        ) {
            let mut acc = [[_mm256_setzero_si256(); C]; R];
            for (g, block) in blocks.iter().enumerate() {
                let (block, _) = block.as_chunks::<32>();
                let mut weights = [_mm256_setzero_si256(); C];
                for c in 0..C {
                    // SAFETY: `block[FIRST + c]` is 32 readable bytes; `loadu` needs no alignment.
                    weights[c] = unsafe { _mm256_loadu_si256(block[FIRST + c].as_ptr().cast()) };
                }
                for r in 0..R {
                    let x = _mm256_set1_epi32(i32::from_ne_bytes(rows[r][g]));
                    for c in 0..C {
                        acc[r][c] = $dot(acc[r][c], x, weights[c]);
                    }
                }
            }
            for r in 0..R {
                let (parts, _) = sums[r].as_chunks_mut::<8>();
                for c in 0..C {
                    // SAFETY: `parts[FIRST + c]` is 32 writable bytes; `storeu` needs no alignment.
                    unsafe { _mm256_storeu_si256(parts[FIRST + c].as_mut_ptr().cast(), acc[r][c]) };
                }
            }
        }
    };
}
