//! Soft permutations.

use crate::Error;
use crate::scoring::refuse::{all_finite, invalid, same_length};
use crate::scoring::score::softmax::log_sum_exp;

/// Makes a soft permutation of scores: columns sum to 1, rows nearly.
///
/// `noise`: a number in (0, 1) for each cell and its factor, which make Gumbel noise; none at inference.
///
/// # Shapes
/// `scores` and the result: `[n, n]`.
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if the shapes differ, `temperature` is not above 0, a score is
/// not finite, or a number of `noise` is not in `[0, 1]`.
/// # Cost
/// Two passes of exponentials a round, in `f64`.
/// # Source
/// Jain et al. 2024, GraphEdX; golden file `gumbel_sinkhorn.json`.
pub fn soft_permutation(
    scores: &[f64],
    n: usize,
    temperature: f64,
    rounds: usize,
    noise: Option<(&[f64], f64)>,
) -> Result<Vec<f64>, Error> {
    same_length(("scores", scores.len()), ("cells", n.saturating_mul(n)))?;
    all_finite("score", scores.iter().copied())?;
    if !(temperature.is_finite() && temperature > 0.0) {
        return Err(invalid(format!("temperature {temperature}; above 0")));
    }
    let mut log: Vec<f64> = match noise {
        None => scores.iter().map(|score| score / temperature).collect(),
        Some((uniform, factor)) => {
            same_length(("numbers of noise", uniform.len()), ("cells", scores.len()))?;
            all_finite("factor", [factor])?;
            if let Some(at) = uniform.iter().position(|u| !(0.0..=1.0).contains(u)) {
                return Err(invalid(format!("noise {at} is {}; in 0 to 1", uniform[at])));
            }
            let gumbel = |u: f64| -libm::log(1e-20 - libm::log(u + 1e-20));
            scores.iter().zip(uniform).map(|(score, u)| (score + factor * gumbel(*u)) / temperature).collect()
        }
    };
    // A number of 1 makes the logarithm of 0 less a little, which is finite; a vast factor may not be.
    all_finite("score with noise", log.iter().copied())?;
    for _ in 0..rounds {
        for row in log.chunks_exact_mut(n.max(1)) {
            let sum = log_sum_exp(row.iter().copied());
            row.iter_mut().for_each(|cell| *cell -= sum);
        }
        for column in 0..n {
            let sum = log_sum_exp(log.iter().skip(column).step_by(n).copied());
            log.iter_mut().skip(column).step_by(n).for_each(|cell| *cell -= sum);
        }
    }
    Ok(log.iter().map(|cell| libm::exp(*cell)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_sum_to_one() {
        let plan = soft_permutation(&[3.0, 1.0, 0.0, 2.0], 2, 0.5, 20, None).expect("a plan");
        assert!((plan[0] + plan[2] - 1.0).abs() < 1e-12 && plan[0] > 0.9);
        assert_eq!(soft_permutation(&[], 0, 0.1, 20, None), Ok(Vec::new()));
        assert!(soft_permutation(&[1.0], 1, 0.0, 20, None).is_err_and(|e| e.message.contains("above 0")));
        assert!(soft_permutation(&[1.0], 2, 0.1, 20, None).is_err());
        assert!(soft_permutation(&[f64::NAN], 1, 0.1, 20, None).is_err());
        assert!(soft_permutation(&[1.0], 1, 0.1, 20, Some((&[2.0], 1.0))).is_err());
        for u in [0.0, 1.0] {
            assert_eq!(soft_permutation(&[1.0], 1, 0.1, 20, Some((&[u], 1.0))), Ok(vec![1.0]));
        }
    }
}
