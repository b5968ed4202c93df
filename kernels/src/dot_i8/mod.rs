//! Dot product of two vectors of signed bytes.

pub(crate) mod scalar;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod avx512vnni;
#[cfg(target_arch = "aarch64")]
pub(crate) mod dotprod;
#[cfg(target_arch = "aarch64")]
mod neon;

use crate::Isa;

/// The longest vectors whose dot product is sure to fit in `i32`: 131071 times (-128)² does, once more does not.
pub const MAX_LEN: usize = i32::MAX as usize / (128 * 128);

/// Exact dot product of two signed 8-bit vectors.
///
/// Class: exact; nothing saturates, -128 times -128 included.
///
/// # Panics
/// If the lengths differ or exceed [`MAX_LEN`].
pub fn dot_i8(isa: Isa, a: &[i8], b: &[i8]) -> i32 {
    assert_eq!(a.len(), b.len(), "dot_i8: lengths differ");
    assert!(a.len() <= MAX_LEN, "dot_i8: longer than MAX_LEN");
    match isa {
        Isa::Scalar => scalar::dot_i8(a, b),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2(proof) => avx2::dot_i8(proof, a, b),
        #[cfg(target_arch = "x86_64")]
        Isa::AvxVnni(proof) => avx2::dot_i8(proof.avx2(), a, b),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512(proof) => avx512::dot_i8(proof, a, b),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512Vnni(proof) => avx512vnni::dot_i8(proof, a, b),
        #[cfg(target_arch = "aarch64")]
        Isa::Neon(proof) => neon::dot_i8(proof, a, b),
        #[cfg(target_arch = "aarch64")]
        Isa::Dotprod(proof) => dotprod::dot_i8(proof, a, b),
        #[cfg(target_arch = "aarch64")]
        Isa::I8mm(proof) => dotprod::dot_i8(proof.dotprod(), a, b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Random, shifted};
    use std::vec;

    #[test]
    fn every_isa_equals_the_definition() {
        let mut random = Random(1);
        // Four times the widest block, and the edges of larger ones.
        for len in (0..=4 * 64).chain([383, 384, 385, 1023, 1024, 1025, MAX_LEN - 1, MAX_LEN]) {
            let (x, y) = (random.bytes(len), random.bytes(len));
            let (low, high) = (vec![i8::MIN; len], vec![i8::MAX; len]);
            for (a, b) in [(&x, &y), (&low, &low), (&low, &high), (&high, &high), (&x, &low), (&high, &y)] {
                let want: i64 = a.iter().zip(b).map(|(&a, &b)| i64::from(a) * i64::from(b)).sum();
                for offset in [0, 1] {
                    let (a, b) = (shifted(a, offset), shifted(b, offset));
                    for isa in Isa::available() {
                        let got = dot_i8(isa, &a[offset..], &b[offset..]);
                        assert_eq!(i64::from(got), want, "{} length {len} offset {offset}", isa.name());
                    }
                }
            }
        }
    }
}
