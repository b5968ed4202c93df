//! The next token by temperature, top-k and top-p, with a uniform of the caller's.

use trueline_kernels::{Isa, arg_max_f32, top_k_f32};

use crate::scoring::refuse::{invalid, open_unit};
use crate::{Code, Error};

/// How a token is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// Divides the logits; 0 takes the likeliest token.
    pub temperature: f64,
    /// Only so many of the likeliest tokens; 0: all.
    pub top_k: usize,
    /// Of those, only as many as it takes to reach this probability, in (0, 1]; one at least.
    pub top_p: f64,
}

impl Default for Sampling {
    fn default() -> Self {
        Self { temperature: 1.0, top_k: 0, top_p: 1.0 }
    }
}

/// Draws tokens of one vocabulary, in memory that is used again.
#[derive(Clone, Debug)]
pub struct Sampler {
    isa: Isa,
    values: Vec<f32>,
    tokens: Vec<u32>,
    weights: Vec<f64>,
}

impl Sampler {
    /// A sampler with room for all of a vocabulary.
    pub fn new(isa: Isa, n_vocab: usize) -> Self {
        let (values, tokens, weights) = (vec![0.0; n_vocab], vec![0; n_vocab], vec![0.0; n_vocab]);
        Self { isa, values, tokens, weights }
    }

    /// Tokens of the vocabulary.
    pub fn vocabulary(&self) -> usize {
        self.values.len()
    }

    /// The `k` tokens of largest logit, the largest first and the lower of equals before the other, masked ones last; with
    /// their logits.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`] if `k` is 0, the logits are not as many as the vocabulary, or one is NaN or `+inf`;
    /// [`Code::NoCandidate`] if all are masked.
    /// # Cost
    /// One pass in SIMD, and what [`top_k_f32()`] inserts; a sort for more than a thirty-second of the vocabulary. No
    /// allocation.
    pub fn candidates(&mut self, logits: &[f32], k: usize) -> Result<(&[u32], &[f32]), Error> {
        let n = self.vocabulary();
        if logits.len() != n {
            return Err(invalid(format!("{} logits; the vocabulary has {n} tokens", logits.len())));
        }
        if k == 0 {
            return Err(invalid("0 candidates; 1 or more"));
        }
        let k = k.min(n);
        let mut sound = true;
        if k <= n.div_ceil(32) {
            let (_, nans) = top_k_f32(self.isa, logits, &mut self.values[..k], &mut self.tokens[..k]);
            sound = !nans;
        } else {
            for (token, slot) in self.tokens.iter_mut().enumerate() {
                *slot = token as u32;
                sound &= !logits[token].is_nan();
            }
            // As integers that order as the numbers do: a comparison of floats in a sort is slower.
            let of = |token: &u32| order(logits[*token as usize]);
            let first = |a: &u32, b: &u32| of(b).cmp(&of(a)).then(a.cmp(b));
            if k < n {
                self.tokens.select_nth_unstable_by(k - 1, first);
            }
            self.tokens[..k].sort_unstable_by(first);
            for (value, &token) in self.values.iter_mut().zip(&self.tokens[..k]) {
                *value = logits[token as usize];
            }
        }
        if !sound || self.values[0] == f32::INFINITY {
            let at = logits.iter().position(|&l| l.is_nan() || l == f32::INFINITY).unwrap_or_default();
            return Err(invalid(format!("logit {at} is {}; below +inf", logits[at])));
        }
        if self.values[0] == f32::NEG_INFINITY {
            return Err(Error::new(Code::NoCandidate, format!("all of {n} logits are masked")));
        }
        Ok((&self.tokens[..k], &self.values[..k]))
    }

    /// Draws a token: the first at which the sum of probabilities, from the likeliest token on, exceeds `uniform`.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`] for options out of their range, a uniform outside (0, 1) where one is used, and as
    /// [`Sampler::candidates`].
    /// # Cost
    /// That of [`Sampler::candidates`] for `top_k`, or of a sort of the vocabulary without; an exponential for each of these.
    /// One or two passes for a temperature of 0. No allocation.
    /// # Source
    /// Conventions of decoding: ties, masked tokens, uniforms from the host.
    pub fn draw(&mut self, logits: &[f32], options: Sampling, uniform: f64) -> Result<u32, Error> {
        let Sampling { temperature, top_k, top_p } = options;
        if !(temperature.is_finite() && temperature >= 0.0) {
            return Err(invalid(format!("temperature is {temperature}; a finite number of 0 or more")));
        }
        if !(top_p > 0.0 && top_p <= 1.0) {
            return Err(invalid(format!("top_p is {top_p}; it lies in (0, 1]")));
        }
        if temperature == 0.0 {
            let sound = logits.iter().fold(true, |sound, &logit| sound & (logit < f32::INFINITY));
            let best = arg_max_f32(self.isa, logits).filter(|&at| sound && logits[at] > f32::NEG_INFINITY);
            return match best.filter(|_| logits.len() == self.vocabulary()) {
                Some(at) => Ok(at as u32),
                // Something is wrong, and the slow way says what.
                None => self.candidates(logits, 1).map(|(tokens, _)| tokens[0]),
            };
        }
        open_unit("the uniform", uniform)?;
        let n = if top_k == 0 { self.vocabulary() } else { top_k.min(self.vocabulary()) };
        self.candidates(logits, n.max(1))?;
        let most = f64::from(self.values[0]);
        let mut all = 0.0;
        for (weight, &value) in self.weights[..n].iter_mut().zip(&self.values) {
            *weight = libm::exp((f64::from(value) - most) / temperature);
            all += *weight;
        }
        let (mut kept, mut sum) = (0, 0.0);
        while kept < n && self.weights[kept] > 0.0 && (kept == 0 || sum < top_p * all) {
            sum += self.weights[kept];
            kept += 1;
        }
        let bar = uniform * sum;
        let mut reached = 0.0;
        for (&token, &weight) in self.tokens[..kept].iter().zip(&self.weights) {
            reached += weight;
            if reached > bar {
                return Ok(token);
            }
        }
        Ok(self.tokens[kept - 1])
    }
}

/// An integer that orders as the number does, -0 as +0.
fn order(x: f32) -> i32 {
    let bits = (x + 0.0).to_bits() as i32;
    bits ^ ((bits >> 31) as u32 >> 1) as i32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoring::decode::guided;

    fn sampler(n: usize) -> Sampler {
        Sampler::new(Isa::best(), n)
    }

    #[test]
    fn few_and_many_candidates_are_those_of_the_definition() {
        let logits: Vec<f32> = (0..2000_u32)
            .map(|i| match i.wrapping_mul(2_654_435_761) >> 20 {
                x if x % 97 == 0 => f32::NEG_INFINITY,
                x if x % 31 == 0 => -0.0,
                x => (x % 300) as f32 - 150.0,
            })
            .collect();
        let (mut sampler, mut wanted) = (sampler(logits.len()), Vec::new());
        let widened: Vec<f64> = logits.iter().map(|&l| f64::from(l) + 0.0).collect();
        for k in [1, 2, 40, 62, 63, 500, 1999, 2000, 5000] {
            guided::candidates(&widened, k, &mut wanted).expect("logits");
            let (tokens, values) = sampler.candidates(&logits, k).expect("logits");
            assert_eq!(tokens, wanted, "{k}");
            assert!(tokens.iter().zip(values).all(|(&t, &v)| logits[t as usize].to_bits() == v.to_bits()));
        }
    }

    #[test]
    fn a_uniform_picks_by_the_sum_from_the_likeliest_on() {
        // Probabilities 0.1, 0.6, 0.3.
        let logits = [0.1_f32.ln(), 0.6_f32.ln(), 0.3_f32.ln(), f32::NEG_INFINITY];
        let mut sampler = sampler(4);
        let mut draw = |options, uniform| sampler.draw(&logits, options, uniform);
        let plain = Sampling::default();
        for (uniform, token) in [(0.01, 1), (0.59, 1), (0.61, 2), (0.89, 2), (0.91, 0), (0.999_999, 0)] {
            assert_eq!(draw(plain, uniform), Ok(token), "{uniform}");
        }
        let two = Sampling { top_k: 2, ..plain };
        assert_eq!((draw(two, 0.66), draw(two, 0.67), draw(two, 0.99)), (Ok(1), Ok(2), Ok(2)));
        let some = Sampling { top_p: 0.5, ..plain };
        assert_eq!(draw(some, 0.99), Ok(1));
        assert_eq!(draw(Sampling { top_p: 0.61, ..plain }, 0.99), Ok(2));
        let cold = Sampling { temperature: 0.1, ..plain };
        assert_eq!(draw(cold, 0.99), Ok(1));
        assert_eq!(draw(Sampling { temperature: 0.0, ..plain }, f64::NAN), Ok(1), "greed needs no uniform");
    }

    #[test]
    fn what_is_no_draw_is_refused() {
        let mut sampler = sampler(2);
        let mut code =
            |logits: &[f32], options, uniform| sampler.draw(logits, options, uniform).map_err(|e| e.code);
        let plain = Sampling::default();
        for uniform in [0.0, 1.0, f64::NAN] {
            assert_eq!(code(&[0.0, 1.0], plain, uniform), Err(Code::InvalidArgument));
        }
        for options in [
            Sampling { temperature: -1.0, ..plain },
            Sampling { temperature: f64::NAN, ..plain },
            Sampling { top_p: 0.0, ..plain },
            Sampling { top_p: 1.1, ..plain },
        ] {
            assert_eq!(code(&[0.0, 1.0], options, 0.5), Err(Code::InvalidArgument));
        }
        for temperature in [0.0, 1.0] {
            let options = Sampling { temperature, ..plain };
            assert_eq!(code(&[f32::NAN, 1.0], options, 0.5), Err(Code::InvalidArgument));
            assert_eq!(code(&[f32::INFINITY, 1.0], options, 0.5), Err(Code::InvalidArgument));
            assert_eq!(code(&[f32::NEG_INFINITY; 2], options, 0.5), Err(Code::NoCandidate));
            assert_eq!(code(&[1.0], options, 0.5), Err(Code::InvalidArgument));
        }
        assert!(sampler.candidates(&[0.0, 1.0], 0).is_err());
    }
}
