//! Tiles of the x86 instruction sets, in the words of their registers.

use core::arch::x86_64::*;

/// The largest of eight lanes.
#[target_feature(enable = "avx")]
#[inline]
pub(super) fn largest(x: __m256) -> f32 {
    let four = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps::<1>(x));
    let two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps::<1>(two, two)))
}

/// Eight lanes added up.
#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn sum(x: __m256i) -> u32 {
    let four = _mm_add_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256::<1>(x));
    let two = _mm_add_epi32(four, _mm_shuffle_epi32::<0b1110>(four));
    _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32::<1>(two))) as u32
}

/// Defines `scores` and `mix` from a register of `$lanes` words, the two multiply-adds on it, its zero and its stores.
///
/// Plain loops, no closures: a closure handed to `map` is not always inlined, because `map` has no target feature.
macro_rules! tiles {
    ($features:literal, $register:ty, $lanes:literal, $zero:ident, $set:ident, $load:ident, $add_scores:ident, $add_pairs:ident) => {
        const PARTS: usize = crate::attention::WIDTH / $lanes;

        #[target_feature(enable = $features)]
        #[inline]
        fn load(x: &[u32; $lanes]) -> $register {
            // SAFETY: `x` is as many readable bytes as the register holds, and the load needs no alignment.
            unsafe { $load(x.as_ptr().cast()) }
        }

        #[target_feature(enable = $features)]
        #[inline]
        fn store(x: [$register; PARTS]) -> [i32; crate::attention::WIDTH] {
            // SAFETY: both are 16 words of 32 bits, any of which is an `i32`.
            unsafe { core::mem::transmute(x) }
        }

        #[target_feature(enable = $features)]
        #[inline]
        fn scores<const R: usize>(
            q: &[[u32; crate::attention::WIDTH]],
            at: usize,
            panel: &[[u32; crate::attention::WIDTH]],
        ) -> [[i32; crate::attention::WIDTH]; R] {
            let mut sums = [[$zero(); PARTS]; R];
            for p in 0..PARTS {
                let start = load(&panel[q.len()].as_chunks().0[p]);
                for r in 0..R {
                    sums[r][p] = start;
                }
            }
            for (q, panel) in q.iter().zip(panel) {
                let mut keys = [$zero(); PARTS];
                for p in 0..PARTS {
                    keys[p] = load(&panel.as_chunks().0[p]);
                }
                let q = &q[at..][..R];
                for r in 0..R {
                    let x = $set(q[r] as i32);
                    for p in 0..PARTS {
                        sums[r][p] = $add_scores(sums[r][p], x, keys[p]);
                    }
                }
            }
            let mut out = [[0; crate::attention::WIDTH]; R];
            for r in 0..R {
                out[r] = store(sums[r]);
            }
            out
        }

        #[target_feature(enable = $features)]
        #[inline]
        fn mix<const R: usize, const C: usize>(
            weights: &[[[u32; crate::attention::WIDTH / 2]; R]],
            values: &[u32],
            features: usize,
        ) -> [[[i32; crate::attention::WIDTH]; C]; R] {
            let mut sums = [[[$zero(); PARTS]; C]; R];
            for (n, weights) in weights.iter().enumerate() {
                for k in 0..crate::attention::WIDTH / 2 {
                    let at = (n * crate::attention::WIDTH / 2 + k) * features;
                    let row = values[at..][..C * crate::attention::WIDTH].as_chunks::<$lanes>().0;
                    let mut y = [[$zero(); PARTS]; C];
                    for c in 0..C {
                        for p in 0..PARTS {
                            y[c][p] = load(&row[c * PARTS + p]);
                        }
                    }
                    for r in 0..R {
                        let x = $set(weights[r][k] as i32);
                        for c in 0..C {
                            for p in 0..PARTS {
                                sums[r][c][p] = $add_pairs(sums[r][c][p], x, y[c][p]);
                            }
                        }
                    }
                }
            }
            let mut out = [[[0; crate::attention::WIDTH]; C]; R];
            for r in 0..R {
                for c in 0..C {
                    out[r][c] = store(sums[r][c]);
                }
            }
            out
        }
    };
}
pub(super) use tiles;
