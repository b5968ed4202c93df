//! The Bhattacharyya distance of two samples, each taken for a normal distribution.

use crate::Error;
use crate::scoring::refuse::{all_finite, invalid};

/// How far two samples lie apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Separation {
    /// The Bhattacharyya distance, in nats.
    pub distance: f64,
    /// `exp(-distance)`: 1 for samples that coincide, towards 0 for samples that share nothing.
    pub coefficient: f64,
}

/// The distance of two samples with covariances over `n - 1`, each with `ridge` added on its diagonal.
///
/// A drop after quantisation is an early sign of a weaker filter. Take a few principal components of long vectors first: the
/// covariance of fewer points than dimensions is singular.
///
/// # Shapes
/// `safe`: `[n, dim]`, `harmful`: `[m, dim]`, row-major.
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) for shapes that do not fit, fewer than two points in a sample, a number
/// that is not finite, a negative `ridge`, or a singular covariance: a pivot of at most 1e-12 of the largest diagonal entry.
/// # Cost
/// `O((n + m) dim^2 + dim^3)`.
/// # Source
/// Haldar et al. 2025, `bhatta_dist`, by Cholesky factors instead of determinants and an inverse; golden file
/// `bhattacharyya.json`.
pub fn bhattacharyya(safe: &[f64], harmful: &[f64], dim: usize, ridge: f64) -> Result<Separation, Error> {
    if !(ridge >= 0.0 && ridge.is_finite()) {
        return Err(invalid(format!("ridge is {ridge}; it is finite and not negative")));
    }
    let (first_mean, first) = fit(safe, dim, ridge, "safe")?;
    let (second_mean, second) = fit(harmful, dim, ridge, "harmful")?;
    let between: Vec<f64> = first.iter().zip(&second).map(|(a, b)| (a + b) / 2.0).collect();
    let factor = cholesky(&between, dim, "mean")?;
    let log_first = log_determinant(&cholesky(&first, dim, "safe")?, dim);
    let log_second = log_determinant(&cholesky(&second, dim, "harmful")?, dim);
    // |L^-1 dm|^2 = dm' S^-1 dm.
    let mut solved = vec![0.0; dim];
    for row in 0..dim {
        let known: f64 = (0..row).map(|column| factor[row * dim + column] * solved[column]).sum();
        solved[row] = (first_mean[row] - second_mean[row] - known) / factor[row * dim + row];
    }
    let mahalanobis: f64 = solved.iter().map(|x| x * x).sum();
    let distance = mahalanobis / 8.0 + 0.5 * (log_determinant(&factor, dim) - 0.5 * (log_first + log_second));
    Ok(Separation { distance, coefficient: (-distance).exp() })
}

/// Mean and covariance of a sample.
fn fit(points: &[f64], dim: usize, ridge: f64, name: &str) -> Result<(Vec<f64>, Vec<f64>), Error> {
    if dim == 0 || !points.len().is_multiple_of(dim) {
        let n = points.len();
        return Err(invalid(format!(
            "{n} numbers of the {name} sample do not fill points of {dim} dimensions"
        )));
    }
    let n = points.len() / dim;
    if n < 2 {
        return Err(invalid(format!("the {name} sample has {n} points; a covariance takes at least two")));
    }
    all_finite("coordinate", points.iter().copied())?;
    let mut mean = vec![0.0; dim];
    for point in points.chunks_exact(dim) {
        mean.iter_mut().zip(point).for_each(|(sum, x)| *sum += x / n as f64);
    }
    let mut covariance = vec![0.0; dim * dim];
    for point in points.chunks_exact(dim) {
        for row in 0..dim {
            let deviation = (point[row] - mean[row]) / (n - 1) as f64;
            for column in 0..dim {
                covariance[row * dim + column] += deviation * (point[column] - mean[column]);
            }
        }
    }
    (0..dim).for_each(|place| covariance[place * dim + place] += ridge);
    Ok((mean, covariance))
}

/// The lower factor of a matrix.
fn cholesky(matrix: &[f64], dim: usize, name: &str) -> Result<Vec<f64>, Error> {
    let largest = (0..dim).map(|place| matrix[place * dim + place]).fold(0.0, f64::max);
    let mut factor = vec![0.0; dim * dim];
    for row in 0..dim {
        for column in 0..=row {
            let known: f64 = (0..column).map(|k| factor[row * dim + k] * factor[column * dim + k]).sum();
            let rest = matrix[row * dim + column] - known;
            if row == column {
                if rest.is_nan() || rest <= 1e-12 * largest {
                    return Err(invalid(format!(
                        "the {name} covariance is singular: pivot {row} of {dim} is {rest:e}; add a ridge or take \
                         fewer dimensions"
                    )));
                }
                factor[row * dim + row] = rest.sqrt();
            } else {
                factor[row * dim + column] = rest / factor[column * dim + column];
            }
        }
    }
    Ok(factor)
}

fn log_determinant(factor: &[f64], dim: usize) -> f64 {
    (0..dim).map(|place| 2.0 * factor[place * dim + place].ln()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_samples_coincide_and_singular_ones_are_refused() {
        let points = [0.0, 1.0, 1.0, 0.0, 2.0, 2.0];
        let same = bhattacharyya(&points, &points, 2, 0.0).expect("full rank");
        assert!(same.distance.abs() < 1e-12 && (same.coefficient - 1.0).abs() < 1e-12);
        let line = [0.0, 0.0, 1.0, 1.0, 2.0, 2.0];
        assert!(bhattacharyya(&line, &points, 2, 0.0).is_err());
        assert!(bhattacharyya(&line, &points, 2, 0.1).is_ok());
        assert!(bhattacharyya(&points[..2], &points, 2, 0.1).is_err());
        assert!(bhattacharyya(&points, &points, 4, 0.1).is_err());
        assert!(bhattacharyya(&points, &points, 2, f64::NAN).is_err());
        assert!(bhattacharyya(&[f64::INFINITY; 6], &points, 2, 0.0).is_err());
    }
}
