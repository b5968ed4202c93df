//! How unsure a language model is of its next token.

use trueline_kernels::{Isa, entropy_f32};

use super::Real;
use super::softmax::peak;
use crate::Error;

/// Three measures of one row of logits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Uncertainty {
    /// `-sum p ln p`, in nats; between 0 and `ln n_vocab`.
    pub entropy: f64,
    /// The largest probability.
    pub max_prob: f64,
    /// `n_vocab / sum(max(logit, 0) + 1)`: 1 means no evidence for any token. `None` if a token is masked.
    pub evidence: Option<f64>,
}

/// Entropy, largest probability and evidence of `logits`, untempered.
///
/// # Shapes
/// `logits`: `[n_vocab]`; `-inf` masks a token, which counts for nothing.
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if a logit is NaN or `+inf`;
/// [`Code::NoCandidate`](crate::Code::NoCandidate) if there is none but `-inf`.
/// # Cost
/// Two passes in `f64`; no allocation.
/// # Source
/// Li et al. 2025, CARDS; golden file `entropy.json`.
pub fn uncertainty<T: Real>(logits: &[T]) -> Result<Uncertainty, Error> {
    let (_, max) = peak(logits)?;
    let (mut sum, mut weighted, mut evidence, mut masked) = (0.0, 0.0, 0.0, false);
    for logit in logits {
        let logit: f64 = (*logit).into();
        if logit == f64::NEG_INFINITY {
            masked = true;
            continue;
        }
        let below = logit - max;
        let mass = below.exp();
        sum += mass;
        weighted += mass * below;
        evidence += logit.max(0.0) + 1.0;
    }
    Ok(Uncertainty {
        // ln Z - sum p*logit, both taken relative to the peak; rounding may leave a hair below 0.
        entropy: (sum.ln() - weighted / sum).max(0.0),
        max_prob: sum.recip(),
        evidence: (!masked).then(|| logits.len() as f64 / evidence),
    })
}

/// The entropy of `logits` alone, for every token of a decoding loop; equals that of [`uncertainty`] to 1e-12.
///
/// # Shapes
/// `logits`: `[n_vocab]`; `-inf` masks a token.
/// # Errors
/// Those of [`uncertainty`].
/// # Cost
/// Two passes in SIMD, with the same bits on every instruction set; no allocation.
/// # Source
/// As [`uncertainty`].
pub fn entropy(isa: Isa, logits: &[f32]) -> Result<f64, Error> {
    let entropy = entropy_f32(isa, logits);
    if entropy.is_nan() {
        // The kernel says that a logit is none; the slow way says which.
        return uncertainty(logits).map(|found| found.entropy);
    }
    Ok(entropy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_agree_and_masks_count_for_nothing() {
        let wide = uncertainty(&[0.5, 2.0, -1.0]).expect("three candidates");
        assert_eq!(uncertainty(&[0.5_f32, 2.0, -1.0]), Ok(wide));
        let masked = uncertainty(&[0.5, 2.0, -1.0, f64::NEG_INFINITY]).expect("three candidates");
        assert_eq!((masked.entropy, masked.max_prob, masked.evidence), (wide.entropy, wide.max_prob, None));
    }

    #[test]
    fn extremes_stay_in_range() {
        for logits in [vec![f32::MAX, f32::MIN], vec![0.0; 32_000], vec![-0.0], vec![f32::MIN; 3]] {
            let found = uncertainty(&logits).expect("a candidate");
            assert!((0.0..=(logits.len() as f64).ln() + 1e-9).contains(&found.entropy), "{found:?}");
            assert!(found.max_prob > 0.0 && found.max_prob <= 1.0, "{found:?}");
        }
        for bad in [&[][..], &[f32::NAN, 0.0], &[0.0, f32::INFINITY], &[f32::NEG_INFINITY]] {
            let codes = [entropy(Isa::best(), bad), uncertainty(bad).map(|found| found.entropy)];
            let [fast, slow] = codes.map(|result| result.map_err(|error| error.code));
            assert!(fast.is_err() && fast == slow, "{bad:?}");
        }
        assert!(uncertainty::<f32>(&[]).is_err() && uncertainty(&[f64::NAN]).is_err());
    }
}
