//! The tile that the widening instruction sets compute, in the words of their own registers.

/// Defines `tile`, the dot products of `R` rows with `C` rows, from an instruction set's register, the bytes of a row that
/// it takes at a time, its zero, and three functions of the file that uses it: `load`, `add_products` and `sums`.
///
/// Plain loops, no closures: a closure handed to `map` is not always inlined, because `map` has no target feature.
macro_rules! tile {
    ($features:literal, $register:ty, $width:literal, $zero:expr) => {
        #[target_feature(enable = $features)]
        #[inline]
        fn tile<const R: usize, const C: usize>(a: [&[i8]; R], b: [&[i8]; C]) -> [[i32; C]; R] {
            let (a, a_tail) = super::registers::split::<$width, R>(a);
            let (b, b_tail) = super::registers::split::<$width, C>(b);
            let mut acc: [[$register; C]; R] = [[$zero; C]; R];
            for k in 0..a[0].len() {
                let mut x = [load(&a[0][k]); R];
                for r in 1..R {
                    x[r] = load(&a[r][k]);
                }
                for c in 0..C {
                    let y = load(&b[c][k]);
                    for r in 0..R {
                        acc[r][c] = add_products(acc[r][c], x[r], y);
                    }
                }
            }
            if !a_tail[0].is_empty() {
                for r in 0..R {
                    let x = load(&super::registers::padded(a_tail[r]));
                    for c in 0..C {
                        let y = load(&super::registers::padded(b_tail[c]));
                        acc[r][c] = add_products(acc[r][c], x, y);
                    }
                }
            }
            let mut out = [[0; C]; R];
            for r in 0..R {
                out[r] = sums(acc[r]);
            }
            out
        }
    };
}
pub(super) use tile;

/// Each row as whole blocks of `W` bytes, all rows with the same number, and what is left of it.
#[inline(always)]
pub(super) fn split<const W: usize, const R: usize>(rows: [&[i8]; R]) -> ([&[[i8; W]]; R], [&[i8]; R]) {
    let count = rows[0].len() / W;
    let mut whole: [&[[i8; W]]; R] = [&[]; R];
    let mut left: [&[i8]; R] = [&[]; R];
    for r in 0..R {
        let (blocks, tail) = rows[r].as_chunks();
        (whole[r], left[r]) = (&blocks[..count], tail);
    }
    (whole, left)
}

/// `tail`, filled up with zeroes, which add nothing.
#[inline(always)]
pub(super) fn padded<const W: usize>(tail: &[i8]) -> [i8; W] {
    let mut block = [0; W];
    block[..tail.len()].copy_from_slice(tail);
    block
}
