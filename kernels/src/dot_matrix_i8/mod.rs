//! Every dot product between the rows of two matrices of signed bytes.

mod scalar;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512;
#[cfg(target_arch = "x86_64")]
mod avx512vnni;
#[cfg(target_arch = "aarch64")]
mod dotprod;
#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod registers;

use crate::Isa;
use crate::dot_i8::MAX_LEN;
use crate::tiles::Task;

/// Exact dot product of each row of `a` with each row of `b`.
///
/// Class: exact; nothing saturates.
///
/// # Shapes
/// `a`: `[m, d]`; `b`: `[n, d]`; `out`: `[m, n]`; all row-major. With `d` 0, `out` becomes 0.
/// # Panics
/// If `a`, `b` or `out` has another length than its shape, or `d` exceeds [`MAX_LEN`].
/// # Cost
/// `m * n * d` multiply-adds, several rows of each side in flight at a time.
pub fn dot_matrix_i8(isa: Isa, a: &[i8], b: &[i8], [m, n, d]: [usize; 3], out: &mut [i32]) {
    assert_eq!(Some(a.len()), m.checked_mul(d), "dot_matrix_i8: a is not [m, d]");
    assert_eq!(Some(b.len()), n.checked_mul(d), "dot_matrix_i8: b is not [n, d]");
    assert_eq!(Some(out.len()), m.checked_mul(n), "dot_matrix_i8: out is not [m, n]");
    assert!(d <= MAX_LEN, "dot_matrix_i8: rows longer than MAX_LEN");
    let task = Task { a, b, shape: [m, n, d], out };
    match isa {
        Isa::Scalar => scalar::dot_matrix_i8(task),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2(proof) => avx2::dot_matrix_i8(proof, task),
        #[cfg(target_arch = "x86_64")]
        Isa::AvxVnni(proof) => avx2::dot_matrix_i8(proof.avx2(), task),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512(proof) => avx512::dot_matrix_i8(proof, task),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512Vnni(proof) => avx512vnni::dot_matrix_i8(proof, task),
        #[cfg(target_arch = "aarch64")]
        Isa::Neon(proof) => neon::dot_matrix_i8(proof, task),
        #[cfg(target_arch = "aarch64")]
        Isa::Dotprod(proof) => dotprod::dot_matrix_i8(proof, task),
        #[cfg(target_arch = "aarch64")]
        Isa::I8mm(proof) => dotprod::dot_matrix_i8(proof.dotprod(), task),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Random, shifted};
    use std::vec;

    #[test]
    fn every_isa_equals_the_definition() {
        let mut random = Random(2);
        // Every shape of a tile's edge, both sides of a block of `b`, and every remainder of a row.
        let edges =
            (0..6).flat_map(|m| (0..6).map(move |n| (m, n))).flat_map(|(m, n)| [(m, n, 5), (m, n, 68)]);
        let blocks = [(5, 47, 33), (4, 48, 32), (3, 49, 64), (9, 97, 31)];
        let rows = (0..=130).chain([191, 192, 193, 255, 256, 257, 385]).map(|d| (4, 5, d));
        for (m, n, d) in edges.chain(blocks).chain(rows).chain([(1, 4, MAX_LEN)]) {
            let (x, y) = (random.bytes(m * d), random.bytes(n * d));
            let low = |len| vec![i8::MIN; len];
            for (a, b) in [(&x, &y), (&low(m * d), &low(n * d)), (&vec![i8::MAX; m * d], &low(n * d))] {
                let mut want = vec![0; m * n];
                for (cell, out) in want.iter_mut().enumerate() {
                    let (i, j) = (cell / n, cell % n);
                    *out = crate::dot_i8(Isa::Scalar, &a[i * d..][..d], &b[j * d..][..d]);
                }
                for offset in [0, 1] {
                    let (a, b) = (shifted(a, offset), shifted(b, offset));
                    for isa in Isa::available() {
                        let mut got = vec![-1; m * n];
                        dot_matrix_i8(isa, &a[offset..], &b[offset..], [m, n, d], &mut got);
                        assert_eq!(got, want, "{} shape {m} {n} {d} offset {offset}", isa.name());
                    }
                }
            }
        }
    }
}
