//! A point on the line through two vectors of logits.

use crate::Isa;

/// `from + lambda * (to - from)`, element by element: the step of decoding-time realignment.
///
/// A logit that is masked (-inf) in either vector is masked in `out`, whatever `lambda` is. Elsewhere `lambda` 0 gives the
/// bits of `from`, and 1 those of `to`; other values, below 0 and above 1 too, round at each of the three operations.
///
/// Class: same bits.
///
/// # Panics
/// If the lengths differ.
pub fn lerp_f32(isa: Isa, from: &[f32], to: &[f32], lambda: f32, out: &mut [f32]) {
    assert_eq!(from.len(), to.len(), "lerp_f32: lengths differ");
    assert_eq!(from.len(), out.len(), "lerp_f32: out has another length");
    per_isa!(isa, body, (from: &[f32], to: &[f32], lambda: f32, out: &mut [f32]))
}

#[inline(always)]
fn body(from: &[f32], to: &[f32], lambda: f32, out: &mut [f32]) {
    let pairs = from.iter().zip(to).zip(out);
    if lambda == 0.0 {
        for ((&x, &y), out) in pairs {
            *out = unless_masked(x, y, x);
        }
    } else if lambda == 1.0 {
        for ((&x, &y), out) in pairs {
            *out = unless_masked(x, y, y);
        }
    } else {
        for ((&x, &y), out) in pairs {
            *out = unless_masked(x, y, x + lambda * (y - x));
        }
    }
}

#[inline(always)]
fn unless_masked(x: f32, y: f32, value: f32) -> f32 {
    if (x == f32::NEG_INFINITY) | (y == f32::NEG_INFINITY) { f32::NEG_INFINITY } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Random, each_input, same_f32};
    use std::vec;

    #[test]
    fn every_isa_equals_the_definition() {
        each_input(|x| {
            let mut y = Random(x.len() as u64 + 3).floats(x.len(), 9.0);
            y.iter_mut().step_by(5).for_each(|y| *y = f32::NEG_INFINITY);
            let mut got = vec![0.5; x.len()];
            for (from, to) in [(x, &y[..]), (&y[..], x), (x, x)] {
                for lambda in [0.0, -0.0, 1.0, 0.3, -2.0, 3.0] {
                    for isa in Isa::available() {
                        lerp_f32(isa, from, to, lambda, &mut got);
                        for ((&x, &y), &got) in from.iter().zip(to).zip(&got) {
                            let want = match lambda {
                                _ if x == f32::NEG_INFINITY || y == f32::NEG_INFINITY => f32::NEG_INFINITY,
                                0.0 => x,
                                1.0 => y,
                                _ => x + lambda * (y - x),
                            };
                            assert!(same_f32(got, want), "{} {x} {y} {lambda}: {got}", isa.name());
                        }
                    }
                }
            }
        });
    }
}
