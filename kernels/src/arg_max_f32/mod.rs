//! Place of the largest value of a vector.

use crate::Isa;
use crate::lanes::LANES;

/// Index of the largest value of `x`: the lowest of them if several are equal; NaN never wins, and -0 equals +0.
///
/// `None` if `x` is empty or holds nothing but NaN.
///
/// Class: exact.
///
/// # Cost
/// Two passes: the largest value, then the first place that holds it.
pub fn arg_max_f32(isa: Isa, x: &[f32]) -> Option<usize> {
    per_isa!(isa, body, (x: &[f32]) -> Option<usize>)
}

#[inline(always)]
pub(crate) fn body(x: &[f32]) -> Option<usize> {
    first(x, crate::max_f32::body(x))
}

/// The first place that holds this value.
#[inline(always)]
pub(crate) fn first(x: &[f32], best: f32) -> Option<usize> {
    let (blocks, _) = x.as_chunks::<LANES>();
    let mut before = 0;
    for block in blocks {
        let mut found = false;
        for value in block {
            found |= *value == best;
        }
        if found {
            break;
        }
        before += LANES;
    }
    x[before..].iter().position(|&value| value == best).map(|place| before + place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::each_input;

    #[test]
    fn every_isa_equals_the_definition() {
        each_input(|x| {
            let mut want: Option<usize> = None;
            for (i, &value) in x.iter().enumerate() {
                if !value.is_nan() && want.is_none_or(|best| value > x[best]) {
                    want = Some(i);
                }
            }
            for isa in Isa::available() {
                assert_eq!(arg_max_f32(isa, x), want, "{} length {}", isa.name(), x.len());
            }
        });
    }
}
