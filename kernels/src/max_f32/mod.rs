//! Largest value of a vector.

use crate::Isa;
use crate::lanes::{LANES, fold, larger, padded};

/// Largest value of `x`; NaN never wins.
///
/// -inf if `x` is empty or holds nothing but NaN. A largest value of zero is +0, whichever zeroes `x` holds.
///
/// Class: same bits.
pub fn max_f32(isa: Isa, x: &[f32]) -> f32 {
    per_isa!(isa, body, (x: &[f32]) -> f32)
}

#[inline(always)]
pub(crate) fn body(x: &[f32]) -> f32 {
    let mut best = [f32::NEG_INFINITY; LANES];
    let (blocks, tail) = x.as_chunks::<LANES>();
    for block in blocks {
        for i in 0..LANES {
            best[i] = larger(best[i], block[i]);
        }
    }
    let last = padded(tail, f32::NEG_INFINITY);
    for i in 0..LANES {
        best[i] = larger(best[i], last[i]);
    }
    // Turns -0 into +0, and changes nothing else.
    fold(best, larger) + 0.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{each_input, same_f32};

    #[test]
    fn every_isa_equals_the_definition() {
        each_input(|x| {
            let want = x.iter().filter(|x| !x.is_nan()).fold(f32::NEG_INFINITY, |best, &x| best.max(x)) + 0.0;
            for isa in Isa::available() {
                let got = max_f32(isa, x);
                assert!(same_f32(got, want), "{} length {}: {got}, not {want}", isa.name(), x.len());
            }
        });
    }
}
