//! Cosine of every row of one matrix with every row of another.

use crate::Isa;

/// Cosine of each row of `a` with each row of `b`: the dot product over the product of the two norms, held to [-1, 1].
///
/// The norm of a zero row is replaced by 1, so its cosines are 0. Squares must neither overflow nor vanish: norms between
/// 1e-15 and 1e15 are safe. A row with NaN or an infinity has no cosine; its cells are unspecified but for their range, or
/// NaN.
///
/// Class: same bits. The square root and the division are those of IEEE 754.
///
/// # Shapes
/// `a`: `[m, d]`; `b`: `[n, d]`; `out`: `[m, n]`; all row-major. `norms` is scratch: `[n]`.
/// # Panics
/// If a slice has another length than its shape.
/// # Cost
/// That of [`dot_matrix_f32`](crate::dot_matrix_f32()), and a division for each cell.
pub fn cosine_matrix_f32(
    isa: Isa,
    a: &[f32],
    b: &[f32],
    shape: [usize; 3],
    norms: &mut [f32],
    out: &mut [f32],
) {
    let [m, n, d] = shape;
    assert_eq!(norms.len(), n, "cosine_matrix_f32: norms is not [n]");
    crate::dot_matrix_f32(isa, a, b, shape, out);
    let norm = |row| norm_of_square(crate::dot_f32(isa, row, row));
    for (j, place) in norms.iter_mut().enumerate() {
        *place = norm(&b[j * d..][..d]);
    }
    for i in 0..m {
        divide(isa, &mut out[i * n..][..n], norm(&a[i * d..][..d]), norms);
    }
}

/// The norm of a vector whose product with itself is `square`; 1 if that is 0.
pub fn norm_of_square(square: f32) -> f32 {
    if square == 0.0 { 1.0 } else { square.sqrt() }
}

/// Turns a row of dot products into cosines.
pub(crate) fn divide(isa: Isa, row: &mut [f32], norm: f32, norms: &[f32]) {
    per_isa!(isa, divide_body, (row: &mut [f32], norm: f32, norms: &[f32]))
}

#[inline(always)]
fn divide_body(row: &mut [f32], norm: f32, norms: &[f32]) {
    for (cell, other) in row.iter_mut().zip(norms) {
        *cell = cosine_of(*cell, norm, *other);
    }
}

/// The cosine of a pair with this dot product and these norms, with the bits of [`cosine_matrix_f32()`].
#[inline(always)]
pub fn cosine_of(dot: f32, norm: f32, other: f32) -> f32 {
    let cosine = dot / (norm * other);
    // Not `clamp`, whose treatment of NaN is left to the instruction set's minimum.
    let cosine = if cosine > 1.0 { 1.0 } else { cosine };
    if cosine < -1.0 { -1.0 } else { cosine }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::LANES;
    use crate::testing::{Random, patterns, same_slices, shifted};
    use std::vec;

    #[test]
    fn every_isa_has_the_bits_of_scalar() {
        let shapes = (0..=9).chain([47, 48, 49]).flat_map(|n| [(3, n, 33), (n, 2, 64)]);
        let rows = (0..=4 * LANES).step_by(3).map(|d| (5, 4, d));
        let extremes = [(5, 3, 33), (4, 4, 64)];
        let shapes = shapes.chain(rows).map(|shape| (shape, 1));
        for ((m, n, d), count) in shapes.chain(extremes.map(|shape| (shape, usize::MAX))) {
            let b = Random(n as u64).floats(n * d, 3.0);
            for (number, a) in patterns(m * d).iter().take(count).enumerate() {
                let offset = (number + d) % 2;
                let (a, b) = (shifted(a, offset), shifted(&b, offset));
                let (a, b) = (&a[offset..], &b[offset..]);
                let (mut want, mut got, mut norms) = (vec![5.0; m * n], vec![6.0; m * n], vec![5.0; n]);
                cosine_matrix_f32(Isa::Scalar, a, b, [m, n, d], &mut norms, &mut want);
                assert!(want.iter().all(|x| x.is_nan() || (-1.0..=1.0).contains(x)));
                for isa in Isa::available() {
                    cosine_matrix_f32(isa, a, b, [m, n, d], &mut norms, &mut got);
                    assert!(same_slices(&got, &want), "{} shape {m} {n} {d}", isa.name());
                }
            }
        }
    }

    #[test]
    fn close_to_f64_and_zero_for_a_zero_row() {
        let (m, n, d) = (7, 9, 768);
        let (mut a, b) = (Random(1).floats(m * d, 2.0), Random(2).floats(n * d, 0.1));
        a[..d].fill(0.0);
        a[d..2 * d].copy_from_slice(&b[..d]);
        let (mut got, mut norms) = (vec![0.0; m * n], vec![0.0; n]);
        cosine_matrix_f32(Isa::best(), &a, &b, [m, n, d], &mut norms, &mut got);
        assert!(got[..n].iter().all(|&x| x == 0.0));
        assert!((got[n] - 1.0).abs() < 1e-6);
        for (cell, &got) in got.iter().enumerate().skip(n) {
            let (x, y) = (&a[cell / n * d..][..d], &b[cell % n * d..][..d]);
            let dot = |x: &[f32], y: &[f32]| {
                x.iter().zip(y).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum::<f64>()
            };
            let want = dot(x, y) / (dot(x, x) * dot(y, y)).sqrt();
            assert!((f64::from(got) - want).abs() < 1e-6, "{got}, not {want}");
        }
    }
}
