//! A point on the line through two vectors of logits.

use crate::Isa;
use crate::lanes::{LANES, fold, larger, padded};

/// `from + lambda * (to - from)`, element by element: the step of decoding-time realignment. Returns the place of the largest
/// result, the lowest of equals; `None` if one of the numbers cannot be relied on (an input is NaN or +inf, or a result that
/// is not masked is not finite), or none is left: `out` is then written all the same.
///
/// A logit that is masked (-inf) in either vector is masked in `out`, whatever `lambda` is. Elsewhere `lambda` 0 gives the
/// bits of `from`, and 1 those of `to`; other values, below 0 and above 1 too, round at each of the three operations.
///
/// Class: same bits.
///
/// # Panics
/// If the lengths differ.
/// # Cost
/// One pass over all three, and one over `out` up to the place.
pub fn lerp_f32(isa: Isa, from: &[f32], to: &[f32], lambda: f32, out: &mut [f32]) -> Option<usize> {
    assert_eq!(from.len(), to.len(), "lerp_f32: lengths differ");
    assert_eq!(from.len(), out.len(), "lerp_f32: out has another length");
    per_isa!(isa, body, (from: &[f32], to: &[f32], lambda: f32, out: &mut [f32]) -> Option<usize>)
}

#[inline(always)]
fn body(from: &[f32], to: &[f32], lambda: f32, out: &mut [f32]) -> Option<usize> {
    if lambda == 0.0 {
        with::<0>(from, to, lambda, out)
    } else if lambda == 1.0 {
        with::<1>(from, to, lambda, out)
    } else {
        with::<2>(from, to, lambda, out)
    }
}

/// `END`: 0 takes `from`, 1 takes `to`, anything else what lies at `lambda`.
#[inline(always)]
fn with<const END: u8>(from: &[f32], to: &[f32], lambda: f32, out: &mut [f32]) -> Option<usize> {
    let mut most = [f32::NEG_INFINITY; LANES];
    // 0 where all is well: bits of wrong lanes.
    let mut wrong = [0_u32; LANES];
    let (xs, x_tail) = from.as_chunks::<LANES>();
    let (ys, y_tail) = to.as_chunks::<LANES>();
    let (outs, out_tail) = out.as_chunks_mut::<LANES>();
    for ((x, y), out) in xs.iter().zip(ys).zip(outs) {
        block::<END>(x, y, lambda, out, &mut most, &mut wrong);
    }
    let mut last = [0.0; LANES];
    let (x, y) = (padded(x_tail, f32::NEG_INFINITY), padded(y_tail, f32::NEG_INFINITY));
    block::<END>(&x, &y, lambda, &mut last, &mut most, &mut wrong);
    let tail = out_tail.len();
    out_tail.copy_from_slice(&last[..tail]);
    let mut all = 0;
    for lane in wrong {
        all |= lane;
    }
    let most = fold(most, larger);
    if all != 0 || most == f32::NEG_INFINITY {
        return None;
    }
    crate::arg_max_f32::first(out, most)
}

#[inline(always)]
fn block<const END: u8>(
    x: &[f32; LANES],
    y: &[f32; LANES],
    lambda: f32,
    out: &mut [f32; LANES],
    most: &mut [f32; LANES],
    wrong: &mut [u32; LANES],
) {
    for i in 0..LANES {
        let value = match END {
            0 => x[i],
            1 => y[i],
            _ => x[i] + lambda * (y[i] - x[i]),
        };
        let masked = (x[i] == f32::NEG_INFINITY) | (y[i] == f32::NEG_INFINITY);
        let bad = unreliable(x[i]) | unreliable(y[i]) | (!masked & !is_finite(value));
        let value = if masked { f32::NEG_INFINITY } else { value };
        wrong[i] |= u32::from(bad);
        most[i] = larger(most[i], value);
        out[i] = value;
    }
}

/// Whether a logit is NaN or +inf. Told from its bits: of `x < INFINITY` a comparison is made that Valgrind takes for true of NaN.
#[inline(always)]
fn unreliable(logit: f32) -> bool {
    let bits = logit.to_bits();
    ((bits & !SIGN) > INFINITE) | (bits == INFINITE)
}

#[inline(always)]
fn is_finite(value: f32) -> bool {
    (value.to_bits() & !SIGN) < INFINITE
}

const SIGN: u32 = 1 << 31;
const INFINITE: u32 = f32::INFINITY.to_bits();

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Random, each_input, same_f32};
    use std::vec;

    /// The place of the largest result, if every number can be relied on.
    fn best(from: &[f32], to: &[f32], out: &[f32]) -> Option<usize> {
        let all = from.iter().zip(to).zip(out);
        let good = |((x, y), out): ((&f32, &f32), &f32)| {
            *x < f32::INFINITY
                && *y < f32::INFINITY
                && (out.is_finite() || *x == f32::NEG_INFINITY || *y == f32::NEG_INFINITY)
        };
        let mut best: Option<usize> = None;
        for (at, &value) in out.iter().enumerate() {
            if value > f32::NEG_INFINITY && best.is_none_or(|b| value > out[b]) {
                best = Some(at);
            }
        }
        best.filter(|_| all.into_iter().all(good))
    }

    #[test]
    fn every_isa_equals_the_definition() {
        each_input(|x| {
            let mut y = Random(x.len() as u64 + 3).floats(x.len(), 9.0);
            y.iter_mut().step_by(5).for_each(|y| *y = f32::NEG_INFINITY);
            let mut got = vec![0.5; x.len()];
            for (from, to) in [(x, &y[..]), (&y[..], x), (x, x)] {
                for lambda in [0.0, -0.0, 1.0, 0.3, -2.0, 3.0] {
                    for isa in Isa::available() {
                        let place = lerp_f32(isa, from, to, lambda, &mut got);
                        assert_eq!(place, best(from, to, &got), "{} {lambda}", isa.name());
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
