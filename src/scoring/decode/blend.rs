//! Preferences put into a model's own numbers: CLM's embeddings (Zhu et al. 2025) and Panacea's adapters (Zhong et al. 2024).

use crate::Error;
use crate::scoring::refuse::{all_finite, invalid, same_length};
use crate::scoring::score::Real;

/// How far a preference's sum may be from 1.
const SLACK: f64 = 1e-4;

/// Writes `(1 - lambda) * unaligned + lambda * aligned`; 0 and 1 give either, bit for bit.
///
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if the lengths differ or a number is not finite.
/// # Source
/// Golden file `preference_vectors.json` (`clm`).
pub fn interpolate<T: Real>(unaligned: &[T], aligned: &[T], lambda: f64, out: &mut [T]) -> Result<(), Error> {
    same_length(("unaligned", unaligned.len()), ("aligned numbers", aligned.len()))?;
    same_length(("unaligned", unaligned.len()), ("places", out.len()))?;
    all_finite("lambda", [lambda])?;
    all_finite("embedding", unaligned.iter().chain(aligned).map(|&x| x.into()))?;
    for ((out, a), b) in out.iter_mut().zip(unaligned).zip(aligned) {
        *out = match lambda {
            0.0 => *a,
            1.0 => *b,
            _ => T::narrow((1.0 - lambda) * (*a).into() + lambda * (*b).into()),
        };
    }
    Ok(())
}

/// An adapter of singular values, of which some are the weights of preferences.
#[derive(Clone, Copy, Debug)]
pub struct Adapter<'a, T> {
    /// `[p, k + m]`.
    pub u: &'a [T],
    /// `[k + m, q]`.
    pub vt: &'a [T],
    /// `[k]`, the same for all preferences.
    pub sigma: &'a [T],
    /// What preferences are multiplied by.
    pub scale: f64,
}

impl<T: Real> Adapter<'_, T> {
    /// The `k + m` singular values for a preference: `sigma`, then `scale * preference`.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if an entry is below 0 or they do not sum to 1 within 1e-4,
    /// unless `normalise` divides them by their sum; or for a number that is not finite.
    /// # Source
    /// Golden file `preference_vectors.json` (`panacea`).
    pub fn diagonal(&self, preference: &[f64], normalise: bool) -> Result<Vec<f64>, Error> {
        all_finite("preference", preference.iter().copied())?;
        let sigma = || self.sigma.iter().map(|&sigma| -> f64 { sigma.into() });
        all_finite("singular value or scale", sigma().chain([self.scale]))?;
        let sum: f64 = preference.iter().sum();
        if let Some(at) = preference.iter().position(|&p| p < 0.0) {
            return Err(invalid(format!("preference {at} is {}; at least 0", preference[at])));
        }
        if if normalise { sum == 0.0 } else { (sum - 1.0).abs() > SLACK } {
            return Err(invalid(format!("preferences that sum to {sum}; to 1 within {SLACK}")));
        }
        let by = if normalise { 1.0 / sum } else { 1.0 };
        Ok(sigma().chain(preference.iter().map(|p| self.scale * (p * by))).collect())
    }

    /// Adds `U diag Vt` to `weights`, `[p, q]`.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if the sizes do not fit.
    /// # Cost
    /// `O(p q (k + m))`.
    pub fn merge(&self, diagonal: &[f64], weights: &mut [T]) -> Result<(), Error> {
        let [p, q] = self.sizes(diagonal)?;
        same_length(("weights", weights.len()), ("of p x q", p * q))?;
        for (row, u) in weights.chunks_exact_mut(q.max(1)).zip(self.u.chunks_exact(diagonal.len())) {
            for (column, weight) in row.iter_mut().enumerate() {
                let mut sum = (*weight).into();
                for ((vt, &u), d) in self.vt.chunks_exact(q.max(1)).zip(u).zip(diagonal) {
                    sum += u.into() * d * vt[column].into();
                }
                *weight = T::narrow(sum);
            }
        }
        Ok(())
    }

    /// Adds `U (diag (Vt x))` to `y`, without forming the matrix.
    ///
    /// # Shapes
    /// `x`: `[q]`; `y`: `[p]`.
    /// # Errors
    /// As [`Adapter::merge`].
    /// # Cost
    /// `O((p + q) (k + m))`; no allocation.
    pub fn apply(&self, diagonal: &[f64], x: &[T], y: &mut [T]) -> Result<(), Error> {
        let [p, q] = self.sizes(diagonal)?;
        same_length(("inputs", x.len()), ("columns", q))?;
        same_length(("outputs", y.len()), ("rows", p))?;
        for (at, (vt, d)) in self.vt.chunks_exact(q.max(1)).zip(diagonal).enumerate() {
            let inner = d * vt.iter().zip(x).map(|(&v, &x)| v.into() * x.into()).sum::<f64>();
            let column = self.u.iter().skip(at).step_by(diagonal.len());
            y.iter_mut().zip(column).for_each(|(y, &u)| *y = T::narrow((*y).into() + u.into() * inner));
        }
        Ok(())
    }

    fn sizes(&self, diagonal: &[f64]) -> Result<[usize; 2], Error> {
        let n = diagonal.len();
        if n == 0 || !self.u.len().is_multiple_of(n) || !self.vt.len().is_multiple_of(n) {
            let (u, vt) = (self.u.len(), self.vt.len());
            return Err(invalid(format!(
                "{u} and {vt} numbers of U and Vt for {n} singular values; multiples of it"
            )));
        }
        Ok([self.u.len() / n, self.vt.len() / n])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preferences_are_shares() {
        let adapter = Adapter { u: &[1.0, 2.0], vt: &[3.0, 4.0], sigma: &[0.5], scale: 2.0 };
        assert_eq!(adapter.diagonal(&[1.0], false), Ok(vec![0.5, 2.0]));
        assert_eq!(adapter.diagonal(&[4.0], true), Ok(vec![0.5, 2.0]));
        assert!(adapter.diagonal(&[0.9], false).is_err() && adapter.diagonal(&[0.0], true).is_err());
        assert!(adapter.diagonal(&[-1.0, 2.0], false).is_err_and(|e| e.message.contains("preference 0")));
        let (mut weights, mut y) = ([0.0], [0.0]);
        adapter.merge(&[0.5, 2.0], &mut weights).expect("sizes");
        adapter.apply(&[0.5, 2.0], &[1.0], &mut y).expect("sizes");
        assert_eq!((weights, y), ([17.5], [17.5]));
        assert!(
            adapter.merge(&[], &mut weights).is_err() && adapter.apply(&[0.5, 2.0], &[], &mut y).is_err()
        );
        assert!(interpolate(&[1.0], &[2.0], f64::NAN, &mut y).is_err());
    }
}
