//! Every dot product between the rows of two matrices of floats.

mod scalar;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod registers;

use crate::Isa;
use crate::tiles::Task;

/// Dot product of each row of `a` with each row of `b`, with the bits that [`dot_f32`](crate::dot_f32()) gives the pair.
///
/// Class: same bits.
///
/// # Shapes
/// `a`: `[m, d]`; `b`: `[n, d]`; `out`: `[m, n]`; all row-major. With `d` 0, `out` becomes 0.
/// # Panics
/// If `a`, `b` or `out` has another length than its shape.
/// # Cost
/// `m * n * d` multiply-adds, several rows of each side in flight at a time.
pub fn dot_matrix_f32(isa: Isa, a: &[f32], b: &[f32], shape: [usize; 3], out: &mut [f32]) {
    let [m, n, d] = shape;
    assert_eq!(Some(a.len()), m.checked_mul(d), "dot_matrix_f32: a is not [m, d]");
    assert_eq!(Some(b.len()), n.checked_mul(d), "dot_matrix_f32: b is not [n, d]");
    assert_eq!(Some(out.len()), m.checked_mul(n), "dot_matrix_f32: out is not [m, n]");
    let task = Task { a, b, shape, out };
    match isa {
        Isa::Scalar => scalar::dot_matrix_f32(task),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2(proof) => avx2::dot_matrix_f32(proof, task),
        #[cfg(target_arch = "x86_64")]
        Isa::AvxVnni(proof) => avx2::dot_matrix_f32(proof.avx2(), task),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512(proof) => avx512::dot_matrix_f32(proof, task),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512Vnni(proof) => avx512::dot_matrix_f32(proof.avx512(), task),
        #[cfg(target_arch = "aarch64")]
        Isa::Neon(proof) => neon::dot_matrix_f32(proof, task),
        #[cfg(target_arch = "aarch64")]
        Isa::Dotprod(proof) => neon::dot_matrix_f32(proof.neon(), task),
        #[cfg(target_arch = "aarch64")]
        Isa::I8mm(proof) => neon::dot_matrix_f32(proof.neon(), task),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::LANES;
    use crate::testing::{Random, patterns, same_slices, shifted};
    use std::vec;
    use std::vec::Vec;

    #[test]
    fn every_isa_has_the_bits_of_dot_f32() {
        // Every shape of a tile's edge, both sides of a block of `b`, and every remainder of a row.
        let edges =
            (0..6).flat_map(|m| (0..6).map(move |n| (m, n))).flat_map(|(m, n)| [(m, n, 5), (m, n, 36)]);
        let blocks = [(5, 47, 17), (4, 48, 16), (3, 49, 32), (9, 97, 15)];
        let rows = (0..=4 * LANES).chain([383, 384, 385, 1025]).map(|d| (4, 5, d));
        let extremes = [(5, 3, 33), (4, 4, 64)];
        let shapes = edges.chain(blocks).chain(rows).map(|shape| (shape, 1));
        for ((m, n, d), count) in shapes.chain(extremes.map(|shape| (shape, usize::MAX))) {
            let b = Random(d as u64).floats(n * d, 3.0);
            for (number, a) in patterns(m * d).iter().take(count).enumerate() {
                let offset = (number + d) % 2;
                let (a, b) = (shifted(a, offset), shifted(&b, offset));
                let (a, b) = (&a[offset..], &b[offset..]);
                let pair = |cell| {
                    let (i, j) = (cell / n, cell % n);
                    crate::dot_f32(Isa::Scalar, &a[i * d..][..d], &b[j * d..][..d])
                };
                let want: Vec<f32> = (0..m * n).map(pair).collect();
                for isa in Isa::available() {
                    let mut got = vec![-1.0; m * n];
                    dot_matrix_f32(isa, a, b, [m, n, d], &mut got);
                    assert!(same_slices(&got, &want), "{} shape {m} {n} {d}", isa.name());
                }
            }
        }
    }
}
