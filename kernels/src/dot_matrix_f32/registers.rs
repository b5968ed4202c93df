//! The tile that every instruction set computes, in the words of its own registers.

/// Defines `tile`, the dot products of `R` rows with `C` rows, from an instruction set's register, its width in lanes, its
/// zero, addition and product, and two functions of the file that uses it: `load`, and `sums` for the last folds.
///
/// It does what `dot_f32` does for each pair: lane `i` sums the products at `i`, `i + 32`, `i + 64`..., the tail is filled
/// up with zeroes, and the upper half of the lanes is folded into the lower until one is left. One register of lanes is
/// taken at a time, so that the running sums of all pairs stay in registers; the rows come from the first-level cache.
///
/// Plain loops, no closures: a closure handed to `map` is not always inlined, because `map` has no target feature.
macro_rules! tile {
    ($features:literal, $register:ty, $width:literal, $zero:expr, $add:ident, $product:ident) => {
        const PARTS: usize = crate::lanes::LANES / $width;

        /// The running sums of one register of lanes. A call, or the sums of other parts would push these out of the registers.
        #[target_feature(enable = $features)]
        #[inline(never)]
        fn sums_of_part<const R: usize, const C: usize>(
            a: [&[[f32; crate::lanes::LANES]]; R],
            b: [&[[f32; crate::lanes::LANES]]; C],
            part: usize,
        ) -> [[$register; C]; R] {
            let count = super::registers::common(a, b);
            let mut sums = [[$zero; C]; R];
            for k in 0..count {
                let mut x = [$zero; R];
                for r in 0..R {
                    x[r] = load(&a[r][k].as_chunks().0[part]);
                }
                for c in 0..C {
                    let y = load(&b[c][k].as_chunks().0[part]);
                    for r in 0..R {
                        sums[r][c] = $add(sums[r][c], $product(x[r], y));
                    }
                }
            }
            sums
        }

        #[target_feature(enable = $features)]
        #[inline]
        fn tile<const R: usize, const C: usize>(a: [&[f32]; R], b: [&[f32]; C]) -> [[f32; C]; R] {
            let (a, a_tail) = super::registers::split(a);
            let (b, b_tail) = super::registers::split(b);
            let mut parts = [[[$zero; C]; R]; PARTS];
            for (part, acc) in parts.iter_mut().enumerate() {
                *acc = sums_of_part(a, b, part);
            }
            if !a_tail[0].is_empty() {
                for r in 0..R {
                    let x = crate::lanes::padded(a_tail[r], 0.0);
                    for c in 0..C {
                        let y = crate::lanes::padded(b_tail[c], 0.0);
                        for (part, acc) in parts.iter_mut().enumerate() {
                            let (x, y) = (load(&x.as_chunks().0[part]), load(&y.as_chunks().0[part]));
                            acc[r][c] = $add(acc[r][c], $product(x, y));
                        }
                    }
                }
            }
            let mut half = PARTS / 2;
            while half > 0 {
                for p in 0..half {
                    for r in 0..R {
                        for c in 0..C {
                            parts[p][r][c] = $add(parts[p][r][c], parts[p + half][r][c]);
                        }
                    }
                }
                half /= 2;
            }
            let mut out = [[0.0; C]; R];
            for r in 0..R {
                out[r] = sums(parts[0][r]);
            }
            out
        }
    };
}
pub(super) use tile;

use crate::lanes::LANES;

/// Each row as whole blocks of lanes, all rows with the same number, and what is left of it.
#[inline(always)]
pub(super) fn split<const R: usize>(rows: [&[f32]; R]) -> ([&[[f32; LANES]]; R], [&[f32]; R]) {
    let count = rows[0].len() / LANES;
    let mut whole: [&[[f32; LANES]]; R] = [&[]; R];
    let mut left: [&[f32]; R] = [&[]; R];
    for r in 0..R {
        let (blocks, tail) = rows[r].as_chunks();
        (whole[r], left[r]) = (&blocks[..count], tail);
    }
    (whole, left)
}

/// The blocks that every row has.
#[inline(always)]
pub(super) fn common<const R: usize, const C: usize>(
    a: [&[[f32; LANES]]; R],
    b: [&[[f32; LANES]]; C],
) -> usize {
    let count = a[0].len();
    assert!(a.iter().chain(&b).all(|row| row.len() == count), "rows of different lengths");
    count
}
