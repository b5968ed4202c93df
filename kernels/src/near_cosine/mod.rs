//! Cosines of all pairs of rows to within a bound, from bytes: for a search that needs the exact ones of few pairs.
//!
//! [`Left::quantise`] and [`Right::quantise`] make bytes of rows, [`products`] multiplies them, [`scores`] makes cosines of that,
//! [`least_of_best`] finds what the best of each row and column has at least, and [`may_be_best`] marks the pairs that reach it.

mod bounds;
mod rows;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;

pub use bounds::{Bounds, COLUMN, ROW, least_of_best, may_be_best, padded_len, scores};
pub use rows::{Left, MAX_LEN, Right, Row, row_len};

use crate::Isa;
#[cfg(target_arch = "x86_64")]
use crate::tiles::Task;

/// The product of each row of `left` with each row of `right`, both as bytes.
///
/// Class: exact.
///
/// # Shapes
/// `out`: `[left rows, right rows]`, row-major.
/// # Panics
/// If `out` has another length, or the sides were quantised for other instruction sets or lengths of a row.
/// # Cost
/// `m * n * d` multiply-adds of bytes, at a rate that full bytes do not allow where products of bytes are summed in 16 bits.
pub fn products(isa: Isa, left: &Left, right: &Right, out: &mut [i32]) {
    let (m, n, d) = (left.rows.len(), right.rows.len(), left.len);
    assert_eq!(right.len, d, "near_cosine: rows of two lengths");
    assert_eq!(Some(out.len()), m.checked_mul(n), "near_cosine: out is not [m, n]");
    assert_eq!(left.shifted, rows::shifts(isa), "near_cosine: quantised for another instruction set");
    // Where whole bytes are as fast.
    let whole = |out: &mut [i32]| crate::dot_matrix_i8(isa, left.bytes, right.bytes, [m, n, d], out);
    match isa {
        Isa::Scalar => whole(out),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2(proof) => {
            avx2::products(proof, Task { a: left.bytes, b: right.bytes, shape: [m, n, d], out })
        }
        #[cfg(target_arch = "x86_64")]
        Isa::AvxVnni(proof) => {
            avx2::products(proof.avx2(), Task { a: left.bytes, b: right.bytes, shape: [m, n, d], out });
        }
        // Without VNNI, wider registers do not make up for bytes that have to become words.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512(proof) => {
            avx2::products(proof.avx2(), Task { a: left.bytes, b: right.bytes, shape: [m, n, d], out });
        }
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512Vnni(proof) => {
            avx512::products(proof, Task { a: left.bytes, b: right.bytes, shape: [m, n, d], out });
        }
        #[cfg(target_arch = "aarch64")]
        Isa::Neon(_) | Isa::Dotprod(_) | Isa::I8mm(_) => whole(out),
    }
}

#[cfg(test)]
mod tests;
