use super::product::Task;

pub(super) fn linear_i8(task: Task) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: this is x86-64, of which SSE2 is a part.
    unsafe {
        sse2::body(task)
    }
    #[cfg(not(target_arch = "x86_64"))]
    portable::body(task);
}

/// Every CPU of x86-64 has SSE2, and the compiler does not find its product of pairs by itself.
#[cfg(target_arch = "x86_64")]
mod sse2 {
    use core::arch::x86_64::*;

    use crate::linear_i8::product::{CHUNK, Scratch};
    use crate::linear_i8::words::split;
    use crate::linear_i8::{BLOCK, GROUP, PANEL};

    words!(
        "sse2", lanes: 4, bytes: 16,
        zero: _mm_setzero_si128, load: _mm_loadu_si128, store: _mm_storeu_si128, splat: _mm_set1_epi32,
        madd: _mm_madd_epi16, add: _mm_add_epi32, left: _mm_slli_epi16, right: _mm_srai_epi16,
        max: 4, rows: 1 2 3 4
    );

    #[target_feature(enable = "sse2")]
    #[inline]
    fn tile<const R: usize>(
        rows: [&[[u8; GROUP]]; R],
        blocks: &[[i8; BLOCK]],
        words: &mut Scratch,
        sums: &mut [[i32; PANEL]; R],
    ) {
        *sums = [[0; PANEL]; R];
        for start in (0..blocks.len()).step_by(CHUNK) {
            for r in 0..R {
                split(&rows[r][start..], &mut words[r]);
            }
            let blocks = &blocks[start..];
            part::<R, 2, 0>(words, blocks, sums);
            part::<R, 2, 2>(words, blocks, sums);
            part::<R, 2, 4>(words, blocks, sums);
            part::<R, 2, 6>(words, blocks, sums);
            part::<R, 2, 8>(words, blocks, sums);
            part::<R, 2, 10>(words, blocks, sums);
        }
    }
}

/// For any other target, and in the tests for all.
#[cfg(any(test, not(target_arch = "x86_64")))]
pub(super) mod portable {
    use crate::linear_i8::product::Scratch;
    use crate::linear_i8::{BLOCK, GROUP, PANEL};

    product!(, tile, shift: 0, max: 4, rows: 1 2 3 4);

    /// Columns whose sums stay in registers.
    const WIDTH: usize = 16;

    #[inline(always)]
    fn tile<const R: usize>(
        rows: [&[[u8; GROUP]]; R],
        blocks: &[[i8; BLOCK]],
        _scratch: &mut Scratch,
        sums: &mut [[i32; PANEL]; R],
    ) {
        for first in (0..PANEL).step_by(WIDTH) {
            let mut acc = [[0; WIDTH]; R];
            for (g, block) in blocks.iter().enumerate() {
                let (columns, _) = block[first * GROUP..][..WIDTH * GROUP].as_chunks::<GROUP>();
                for r in 0..R {
                    let x = rows[r][g].map(i32::from);
                    for c in 0..WIDTH {
                        let w = columns[c].map(i32::from);
                        acc[r][c] += x[0] * w[0] + x[1] * w[1] + x[2] * w[2] + x[3] * w[3];
                    }
                }
            }
            for r in 0..R {
                sums[r][first..][..WIDTH].copy_from_slice(&acc[r]);
            }
        }
    }
}
