//! Cosine of every row of one matrix of signed bytes with every row of another.

use crate::Isa;
use crate::cosine_matrix_f32::{divide, norm_of_square};

/// Rows of `b` whose dot products are held at a time.
const BLOCK: usize = 48;
/// Rows of `a` whose dot products are held at a time.
const BAND: usize = 4;

/// Cosine of each row of `a` with each row of `b`: the dot product over the product of the two norms, held to [-1, 1].
///
/// The scale of a quantised row does not matter. The norm of a zero row is replaced by 1, so its cosines are 0.
///
/// Class: same bits. Dot products are exact, then rounded to `f32`; the square root and the division are those of IEEE 754.
///
/// # Shapes
/// `a`: `[m, d]`; `b`: `[n, d]`; `out`: `[m, n]`; all row-major. `norms` is scratch: `[n]`.
/// # Panics
/// If a slice has another length than its shape, or `d` exceeds [`MAX_LEN`](crate::dot_i8::MAX_LEN).
/// # Cost
/// That of [`dot_matrix_i8`](crate::dot_matrix_i8()), and a division for each cell.
pub fn cosine_matrix_i8(isa: Isa, a: &[i8], b: &[i8], shape: [usize; 3], norms: &mut [f32], out: &mut [f32]) {
    let [m, n, d] = shape;
    assert_eq!(Some(a.len()), m.checked_mul(d), "cosine_matrix_i8: a is not [m, d]");
    assert_eq!(Some(b.len()), n.checked_mul(d), "cosine_matrix_i8: b is not [n, d]");
    assert_eq!(Some(out.len()), m.checked_mul(n), "cosine_matrix_i8: out is not [m, n]");
    assert_eq!(norms.len(), n, "cosine_matrix_i8: norms is not [n]");
    let norm = |row| norm_of_square(crate::dot_i8(isa, row, row) as f32);
    for (j, place) in norms.iter_mut().enumerate() {
        *place = norm(&b[j * d..][..d]);
    }
    let mut dots = [0; BAND * BLOCK];
    for j in (0..n).step_by(BLOCK) {
        let columns = BLOCK.min(n - j);
        let b = &b[j * d..][..columns * d];
        for i in (0..m).step_by(BAND) {
            let rows = BAND.min(m - i);
            let dots = &mut dots[..rows * columns];
            crate::dot_matrix_i8(isa, &a[i * d..][..rows * d], b, [rows, columns, d], dots);
            for (i, dots) in (i..m).zip(dots.chunks_exact(columns)) {
                let row = &mut out[i * n + j..][..columns];
                for (cell, &dot) in row.iter_mut().zip(dots) {
                    *cell = dot as f32;
                }
                divide(isa, row, norm(&a[i * d..][..d]), &norms[j..][..columns]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Random, same_slices, shifted};
    use std::vec;

    #[test]
    fn every_isa_has_the_bits_of_scalar_and_is_close_to_f64() {
        let shapes = (0..=9).chain([47, 48, 49, 97]).flat_map(|n| [(3, n, 33), (n, 2, 64), (5, n, 128)]);
        for (m, n, d) in shapes.chain((0..130).step_by(3).map(|d| (5, 4, d))).chain([(2, 2, 1025)]) {
            let (mut a, b) = (Random(n as u64).bytes(m * d), Random(99).bytes(n * d));
            a.iter_mut().take(d).for_each(|x| *x = 0);
            for (a, b) in [(&a, &b), (&b, &b), (&vec![i8::MIN; m * d], &vec![i8::MAX; n * d])] {
                let m = a.len().checked_div(d).unwrap_or(m);
                let dot = |x: &[i8], y: &[i8]| {
                    x.iter().zip(y).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum::<f64>()
                };
                for offset in [0, 1] {
                    let (a, b) = (shifted(a, offset), shifted(b, offset));
                    let (a, b) = (&a[offset..], &b[offset..]);
                    let (mut want, mut got, mut norms) = (vec![5.0; m * n], vec![6.0; m * n], vec![5.0; n]);
                    cosine_matrix_i8(Isa::Scalar, a, b, [m, n, d], &mut norms, &mut want);
                    for (cell, &cosine) in want.iter().enumerate() {
                        let (x, y) = (&a[cell / n * d..][..d], &b[cell % n * d..][..d]);
                        let norm = (dot(x, x) * dot(y, y)).sqrt();
                        let truth = if norm == 0.0 { 0.0 } else { dot(x, y) / norm };
                        assert!((f64::from(cosine) - truth).abs() < 1e-6 && cosine.abs() <= 1.0);
                    }
                    for isa in Isa::available() {
                        cosine_matrix_i8(isa, a, b, [m, n, d], &mut norms, &mut got);
                        assert!(same_slices(&got, &want), "{} shape {m} {n} {d}", isa.name());
                    }
                }
            }
        }
    }
}
