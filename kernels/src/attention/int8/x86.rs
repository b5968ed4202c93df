//! Tiles of the x86 instruction sets, in the words of their registers.

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
        fn store_bits(x: [$register; PARTS]) -> [f32; crate::attention::WIDTH] {
            // SAFETY: both are 16 words of 32 bits, any of which is an `f32`.
            unsafe { core::mem::transmute(x) }
        }

        #[target_feature(enable = $features)]
        #[inline]
        fn scores<const R: usize>(
            q: &[[u32; R]],
            panel: &[[u32; crate::attention::WIDTH]],
            start: &[u32; crate::attention::WIDTH],
            out: &mut [[f32; crate::attention::WIDTH]; R],
        ) {
            let mut sums = [[$zero(); PARTS]; R];
            for p in 0..PARTS {
                let start = load(&start.as_chunks().0[p]);
                for r in 0..R {
                    sums[r][p] = start;
                }
            }
            for (q, panel) in q.iter().zip(panel) {
                let mut keys = [$zero(); PARTS];
                for p in 0..PARTS {
                    keys[p] = load(&panel.as_chunks().0[p]);
                }
                for r in 0..R {
                    let x = $set(q[r] as i32);
                    for p in 0..PARTS {
                        sums[r][p] = $add_scores(sums[r][p], x, keys[p]);
                    }
                }
            }
            for r in 0..R {
                out[r] = store_bits(sums[r]);
            }
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
