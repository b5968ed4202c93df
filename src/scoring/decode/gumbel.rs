//! The watermark that leaves the distribution as it is: the token of largest `ln(u) / p`, with `u` from a secret key
//! (Aaronson and Kirchner 2022).

use crate::scoring::refuse::{invalid, open_unit, same_length};
use crate::scoring::score::Real;
use crate::scoring::score::softmax::softmax;
use crate::{Code, Error};

/// A number in (0, 1) for a token after a context: the same for the same key.
///
/// For alignment resampling (Verma et al. 2025) the number of the draw is added to the context; [`detect_resampled`] asks for each.
pub fn uniform(key: u64, context: &[u32], token: u32) -> f64 {
    of_seed(context.iter().fold(mix(key), |h, &t| mix(h ^ u64::from(t))), token)
}

/// Writes [`uniform`] of every token of a vocabulary.
pub fn fill(key: u64, context: &[u32], uniforms: &mut [f64]) {
    let seeded = context.iter().fold(mix(key), |h, &t| mix(h ^ u64::from(t)));
    for (token, uniform) in uniforms.iter_mut().enumerate() {
        *uniform = of_seed(seeded, token as u32);
    }
}

fn of_seed(seeded: u64, token: u32) -> f64 {
    let h = mix(seeded ^ u64::from(token).wrapping_add(0x5851_f42d_4c95_7f2d));
    ((h >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
}

/// SplitMix64.
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The token of largest `ln(u) / p` with `p` the softmax of `logits / temperature`; the lower of equals. `keys` gets these
/// numbers, `-inf` where `p` is 0, and `probabilities` gets `p`.
///
/// # Shapes
/// All `[n_vocab]`.
/// # Errors
/// [`Code::InvalidArgument`] if the lengths differ, `temperature` is not above 0, a logit is NaN or `+inf`, or a uniform is
/// not in (0, 1); [`Code::NoCandidate`] if all are masked.
/// # Cost
/// Five passes; no allocation.
/// # Source
/// Golden file `watermark_gumbel.json` (`select`).
pub fn select<T: Real>(
    logits: &[T],
    temperature: f64,
    uniforms: &[f64],
    probabilities: &mut [f64],
    keys: &mut [f64],
) -> Result<usize, Error> {
    same_length(("logits", logits.len()), ("uniforms", uniforms.len()))?;
    same_length(("logits", logits.len()), ("keys", keys.len()))?;
    if !(temperature.is_finite() && temperature > 0.0) {
        return Err(invalid(format!("temperature {temperature}; a finite number above 0")));
    }
    if let Some(at) = uniforms.iter().position(|&u| !(u > 0.0 && u < 1.0)) {
        open_unit(&format!("uniform {at}"), uniforms[at])?;
    }
    for (key, &logit) in keys.iter_mut().zip(logits) {
        *key = logit.into() / temperature;
    }
    softmax(&*keys, probabilities)?;
    let mut best = None;
    for (at, ((key, &p), &u)) in keys.iter_mut().zip(&*probabilities).zip(uniforms).enumerate() {
        *key = if p > 0.0 { libm::log(u) / p } else { f64::NEG_INFINITY };
        if *key > best.map_or(f64::NEG_INFINITY, |(_, key)| key) {
            best = Some((at, *key));
        }
    }
    let none = || Error::new(Code::NoCandidate, "no token has a key above -inf");
    best.map(|(at, _)| at).ok_or_else(none)
}

/// What a text shows of the watermark.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Detection {
    /// `-sum ln(1 - u)` of the tokens that were written.
    pub statistic: f64,
    /// `(statistic - n) / sqrt n`.
    pub z: f64,
    /// The upper tail of Gamma(n, 1), which it follows by chance.
    pub p: f64,
}

/// Judges a text by the numbers of its tokens. Where `draws` draw numbers were tried, `p` of the best is multiplied by them.
///
/// # Errors
/// [`Code::InvalidArgument`] for no numbers, or one outside (0, 1).
/// # Cost
/// One logarithm for each, and a sum of as many terms.
/// # Source
/// Golden file `watermark_gumbel.json` (`detect`).
pub fn detect(uniforms: &[f64]) -> Result<Detection, Error> {
    if uniforms.is_empty() {
        return Err(invalid("no tokens; at least one to judge"));
    }
    for (at, &u) in uniforms.iter().enumerate() {
        crate::scoring::refuse::open_unit(&format!("uniform {at}"), u)?;
    }
    let n = uniforms.len();
    let statistic: f64 = uniforms.iter().map(|&u| -libm::log1p(-u)).sum();
    let z = (statistic - n as f64) / (n as f64).sqrt();
    Ok(Detection { statistic, z, p: upper_tail(n, statistic) })
}

/// Judges a text that may be any of `draws` of alignment resampling: each put its number, from 0 up, after the `width` tokens of
/// context. Gives the draw that shows most, and what it shows, with `p` multiplied by the draws.
///
/// # Errors
/// [`Code::InvalidArgument`] for no draws, or too few tokens to judge one.
/// # Cost
/// That of [`detect`], and one [`uniform`] for each token, a draw.
/// # Source
/// The form of decoding.md, section 9.
pub fn detect_resampled(
    key: u64,
    tokens: &[u32],
    width: usize,
    draws: u32,
) -> Result<(u32, Detection), Error> {
    let mut context = Vec::with_capacity(width + 1);
    let mut uniforms = Vec::with_capacity(tokens.len().saturating_sub(width));
    let mut best: Option<(u32, Detection)> = None;
    for draw in 0..draws {
        uniforms.clear();
        for at in width..tokens.len() {
            context.clear();
            context.extend_from_slice(&tokens[at - width..at]);
            context.push(draw);
            uniforms.push(uniform(key, &context, tokens[at]));
        }
        let found = detect(&uniforms)?;
        if best.is_none_or(|(_, other)| found.p < other.p) {
            best = Some((draw, found));
        }
    }
    let (draw, found) = best.ok_or_else(|| invalid("0 draws; at least one"))?;
    Ok((draw, Detection { p: f64::min(found.p * f64::from(draws), 1.0), ..found }))
}

/// The probability of Gamma(n, 1) above `x`: `e^-x sum_{k<n} x^k / k!`, from the last term back.
fn upper_tail(n: usize, x: f64) -> f64 {
    if x <= 0.0 {
        return 1.0;
    }
    let last = n as f64 - 1.0;
    let mut term = libm::exp(last * libm::log(x) - x - libm::lgamma(n as f64));
    // The largest term is at k = x; if that lies within, the way down from there is what counts.
    let mut sum = 0.0;
    for k in (0..n).rev() {
        sum += term;
        term *= k as f64 / x;
        if term < sum * 1e-18 && (k as f64) < x {
            break;
        }
    }
    if sum > 0.0 {
        f64::min(sum, 1.0)
    } else if x < n as f64 {
        1.0
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_are_those_of_the_gamma_distribution() {
        assert!((upper_tail(1, 2.0) - (-2.0_f64).exp()).abs() < 1e-15);
        assert!((upper_tail(3, 2.5) - (-2.5_f64).exp() * (1.0 + 2.5 + 3.125)).abs() < 1e-15);
        assert!(upper_tail(10_000, 100.0) > 0.999 && upper_tail(10, 500.0) < 1e-190);
        assert!((upper_tail(100_000, 100_000.0) - 0.5).abs() < 0.01);
    }

    #[test]
    fn numbers_outside_are_refused() {
        assert!(detect(&[]).is_err() && detect(&[0.5, 1.0]).is_err() && detect(&[f64::NAN]).is_err());
        let (mut p, mut keys) = ([0.0; 2], [0.0; 2]);
        assert!(select(&[0.0, 1.0], 0.0, &[0.5, 0.5], &mut p, &mut keys).is_err());
        assert!(select(&[0.0, f64::NAN], 1.0, &[0.5, 0.5], &mut p, &mut keys).is_err());
        let masked = select(&[f64::NEG_INFINITY; 2], 1.0, &[0.5, 0.5], &mut p, &mut keys);
        assert!(masked.is_err_and(|e| e.code == Code::NoCandidate));
        assert!((0.0..1.0).contains(&uniform(7, &[1, 2], 3)) && uniform(7, &[1], 3) != uniform(7, &[2], 3));
    }
}
