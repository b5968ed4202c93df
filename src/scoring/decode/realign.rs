//! DeRa: one dial from unaligned to more than aligned, at decoding time.

use trueline_kernels::{Isa, lerp_f32};

use crate::Error;
use crate::scoring::refuse::{invalid, same_length};
use crate::scoring::score::Real;
use crate::scoring::score::softmax::{argmax, softmax};

/// Writes `reference + lambda * (aligned - reference)`, and returns the position of its highest logit.
///
/// `lambda` 0 gives the reference model and 1 the aligned one, bit for bit; above 1 extrapolates. A token masked
/// in either input is masked in the output, whatever `lambda` is. Apply it before temperature, top-k and top-p.
///
/// # Shapes
/// `reference`, `aligned` and `out`: `[n_vocab]`, of both models at the same prefix.
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if the lengths differ, `lambda` is not finite, a logit
/// is NaN or `+inf`, or a result is too large for its type; [`Code::NoCandidate`](crate::Code::NoCandidate) if all
/// are masked. On an error, `out` is all masked.
/// # Cost
/// Two passes in `f64`; no allocation.
/// # Source
/// Liu et al. 2024, decoding-time realignment; golden file `dera.json`.
pub fn realign<T: Real>(reference: &[T], aligned: &[T], lambda: f64, out: &mut [T]) -> Result<usize, Error> {
    let result = blend(reference, aligned, lambda, out).and_then(|()| argmax(out));
    if result.is_err() {
        out.fill(T::narrow(f64::NEG_INFINITY));
    }
    result
}

/// [`realign`], then the softmax of its logits.
///
/// # Shapes
/// Those of [`realign`]; `probabilities`: `[n_vocab]`.
/// # Errors
/// Those of [`realign`].
/// # Cost
/// Five passes in `f64`; no allocation.
/// # Source
/// As [`realign`]: the probabilities are `p_ref^(1-lambda) * p_aligned^lambda`, renormalised.
pub fn realign_probabilities<T: Real>(
    reference: &[T],
    aligned: &[T],
    lambda: f64,
    out: &mut [T],
    probabilities: &mut [f64],
) -> Result<usize, Error> {
    same_length(("logits", out.len()), ("probabilities", probabilities.len()))?;
    let chosen = realign(reference, aligned, lambda, out)?;
    softmax(out, probabilities)?;
    Ok(chosen)
}

/// [`realign`] for every token of a decoding loop, with each step rounded to 32 bits.
///
/// # Shapes
/// Those of [`realign`].
/// # Errors
/// Those of [`realign`].
/// # Cost
/// Two passes in SIMD, with the same bits on every instruction set; no allocation.
/// # Source
/// As [`realign`].
pub fn realign_f32(
    isa: Isa,
    reference: &[f32],
    aligned: &[f32],
    lambda: f32,
    out: &mut [f32],
) -> Result<usize, Error> {
    if reference.len() == aligned.len()
        && reference.len() == out.len()
        && lambda.is_finite()
        && let Some(position) = lerp_f32(isa, reference, aligned, lambda, out)
    {
        return Ok(position);
    }
    // Something is wrong, and the slow way says what.
    realign(reference, aligned, f64::from(lambda), out)
}

fn blend<T: Real>(reference: &[T], aligned: &[T], lambda: f64, out: &mut [T]) -> Result<(), Error> {
    same_length(("reference logits", reference.len()), ("aligned logits", aligned.len()))?;
    same_length(("reference logits", reference.len()), ("output logits", out.len()))?;
    if !lambda.is_finite() {
        return Err(invalid(format!("lambda is {lambda}; it is a finite number")));
    }
    for (position, ((out, reference), aligned)) in out.iter_mut().zip(reference).zip(aligned).enumerate() {
        let (from, to): (f64, f64) = ((*reference).into(), (*aligned).into());
        for (name, logit) in [("reference", from), ("aligned", to)] {
            if logit.is_nan() || logit == f64::INFINITY {
                return Err(invalid(format!("{name} logit {position} is {logit}; it is a number or -inf")));
            }
        }
        *out = if from == f64::NEG_INFINITY || to == f64::NEG_INFINITY {
            T::narrow(f64::NEG_INFINITY)
        } else if lambda == 0.0 {
            *reference
        } else if lambda == 1.0 {
            *aligned
        } else {
            let blended = T::narrow(from + lambda * (to - from));
            if !blended.into().is_finite() {
                let result: f64 = blended.into();
                return Err(invalid(format!(
                    "lambda {lambda} takes logit {position} from {from} to {result}"
                )));
            }
            blended
        };
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Code;

    #[test]
    fn the_ends_of_the_dial_are_the_models_bit_for_bit() {
        let (reference, aligned) = ([0.1_f32, -0.0, 1e-40, 3.0], [7e9_f32, 0.0, -1e30, 0.3]);
        let mut out = [0.0; 4];
        for (lambda, expected) in [(0.0, reference), (-0.0, reference), (1.0, aligned)] {
            realign(&reference, &aligned, lambda, &mut out).expect("finite");
            assert_eq!(out.map(f32::to_bits), expected.map(f32::to_bits), "lambda {lambda}");
        }
    }

    #[test]
    fn a_mask_in_either_input_holds_at_every_lambda() {
        const MASK: f32 = f32::NEG_INFINITY;
        let mut out = [0.0; 3];
        for lambda in [0.0, 1.0, 0.5, 3.0, -2.0] {
            assert_eq!(realign(&[MASK, 0.0, 1.0], &[5.0, MASK, 1.0], lambda, &mut out), Ok(2));
            assert_eq!(out, [MASK, MASK, 1.0]);
        }
        let none = realign(&[MASK, 0.0], &[0.0, MASK], 0.5, &mut out[..2]);
        assert_eq!(none.map_err(|error| error.code), Err(Code::NoCandidate));
    }

    #[test]
    fn an_error_leaves_nothing_to_pick() {
        for (reference, aligned, lambda) in [
            ([f32::NAN, 0.0], [0.0; 2], 0.5),
            ([0.0; 2], [f32::INFINITY, 0.0], 0.0),
            ([0.0; 2], [1.0; 2], f64::NAN),
            ([0.0; 2], [1.0; 2], 1e300),
        ] {
            let mut out = [1.0; 2];
            assert!(realign(&reference, &aligned, lambda, &mut out).is_err());
            assert_eq!(out, [f32::NEG_INFINITY; 2]);
            out = [1.0; 2];
            assert!(realign_f32(Isa::best(), &reference, &aligned, lambda as f32, &mut out).is_err());
            assert_eq!(out, [f32::NEG_INFINITY; 2]);
        }
        let hidden =
            realign_f32(Isa::best(), &[f32::NEG_INFINITY, 0.0], &[f32::NAN, 0.0], 0.5, &mut [0.0; 2]);
        assert!(hidden.is_err(), "a mask hides no NaN");
        assert!(realign(&[0.0_f32], &[0.0; 2], 0.5, &mut [0.0]).is_err());
    }
}
