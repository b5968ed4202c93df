//! Dot product of two vectors of floats.

use crate::Isa;
use crate::lanes::{LANES, fold, padded};

/// Dot product of two vectors: 32 running sums, each of every 32nd product, folded 32 -> 16 -> 8 -> 4 -> 2 -> 1.
///
/// Class: same bits. The error is that of sums 1/32 as long. An empty product is +0.
///
/// # Panics
/// If the lengths differ.
pub fn dot_f32(isa: Isa, a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len(), "dot_f32: lengths differ");
    per_isa!(isa, body, (a: &[f32], b: &[f32]) -> f32)
}

#[inline(always)]
pub(crate) fn body(a: &[f32], b: &[f32]) -> f32 {
    let mut acc = [0.0; LANES];
    let ((a, a_tail), (b, b_tail)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (x, y) in a.iter().zip(b) {
        for i in 0..LANES {
            acc[i] += x[i] * y[i];
        }
    }
    if !a_tail.is_empty() {
        let (x, y) = (padded(a_tail, 0.0), padded(b_tail, 0.0));
        for i in 0..LANES {
            acc[i] += x[i] * y[i];
        }
    }
    fold(acc, |x, y| x + y)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Random, each_input, same_f32, shifted};

    #[test]
    fn every_isa_has_the_bits_of_scalar() {
        each_input(|a| {
            let b = shifted(&Random(a.len() as u64 + 7).floats(a.len(), 3.0), 1);
            for b in [&b[1..], a] {
                let want = dot_f32(Isa::Scalar, a, b);
                for isa in Isa::available() {
                    let got = dot_f32(isa, a, b);
                    assert!(same_f32(got, want), "{} length {}: {got}, not {want}", isa.name(), a.len());
                }
            }
        });
    }

    #[test]
    fn close_to_f64() {
        for len in [1, 16, 384, 768, 1024, 10_000] {
            let mut random = Random(len as u64);
            let (a, b) = (random.floats(len, 1.0), random.floats(len, 1.0));
            let products = a.iter().zip(&b).map(|(&x, &y)| f64::from(x) * f64::from(y));
            let (want, size): (f64, f64) = (products.clone().sum(), products.map(f64::abs).sum());
            let got = f64::from(dot_f32(Isa::best(), &a, &b));
            assert!((got - want).abs() <= 1e-6 * size, "length {len}: {got}, not {want}");
        }
    }
}
