//! Principal components: long vectors in the few directions in which they vary most.

use crate::Error;
use crate::scoring::refuse::{all_finite, invalid};

/// Rounds of the search; each shrinks what is left of a weaker direction by the ratio of their variances.
const ROUNDS: usize = 200;
/// The largest change of a direction, as 1 less a cosine, that counts as none.
const REST: f64 = 1e-15;

/// The coordinates of points on their first `most` principal components, about their mean: by falling variance, fewer where the
/// points do not vary in so many directions.
///
/// The sign of a component is free; here its largest entry is positive.
///
/// # Shapes
/// `points`: `[n, dim]`, row-major. The result: `[n, k]` and `k`, at most `min(most, dim, n - 1)`.
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) for points that do not fill rows of `dim`, fewer than two points, or a
/// number that is not finite.
/// # Cost
/// `O(n dim most)` for each of at most 200 rounds.
/// # Source
/// Hotelling 1933; found by simultaneous iteration (Bauer 1957).
pub fn principal(points: &[f64], dim: usize, most: usize) -> Result<(Vec<f64>, usize), Error> {
    if dim == 0 || !points.len().is_multiple_of(dim) {
        return Err(invalid(format!("{} numbers do not fill points of {dim} dimensions", points.len())));
    }
    let n = points.len() / dim;
    if n < 2 {
        return Err(invalid(format!("{n} points; components take two at least")));
    }
    all_finite("point", points.iter().copied())?;
    let mut centred = points.to_vec();
    for column in 0..dim {
        let mean = points.iter().skip(column).step_by(dim).sum::<f64>() / n as f64;
        centred.iter_mut().skip(column).step_by(dim).for_each(|x| *x -= mean);
    }
    let size = centred.iter().map(|x| x * x).sum::<f64>();
    let mut k = most.min(dim).min(n - 1);
    // A fixed start that no data have as their own direction but by chance.
    let mut state = 1_u64;
    let mut basis: Vec<f64> = (0..k * dim)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as f64 / f64::from(1_u32 << 31) - 0.5
        })
        .collect();
    for _ in 0..ROUNDS {
        let mut next = vec![0.0; k * dim];
        for row in centred.chunks_exact(dim) {
            for (direction, next) in basis.chunks_exact(dim).zip(next.chunks_exact_mut(dim)) {
                let along = dot(row, direction);
                next.iter_mut().zip(row).for_each(|(next, x)| *next += along * x);
            }
        }
        k = orthonormal(&mut next, dim, size * 1e-13);
        next.truncate(k * dim);
        let pairs = basis.chunks_exact(dim).zip(next.chunks_exact(dim));
        let moved = pairs.map(|(old, new)| 1.0 - dot(old, new).abs()).fold(0.0, f64::max);
        basis = next;
        if moved <= REST {
            break;
        }
    }
    for direction in basis.chunks_exact_mut(dim) {
        let largest =
            direction.iter().copied().fold(0.0_f64, |most, x| if x.abs() > most.abs() { x } else { most });
        if largest < 0.0 {
            direction.iter_mut().for_each(|x| *x = -*x);
        }
    }
    let on = |row: &[f64]| basis.chunks_exact(dim).map(|direction| dot(row, direction)).collect::<Vec<_>>();
    Ok((centred.chunks_exact(dim).flat_map(on).collect(), k))
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Makes rows orthogonal to those before and of length 1, and leaves out those of which no more than `least` is left; how many
/// there are now.
fn orthonormal(rows: &mut [f64], dim: usize, least: f64) -> usize {
    let mut kept = 0;
    for row in 0..rows.len() / dim {
        rows.copy_within(row * dim..(row + 1) * dim, kept * dim);
        let (before, rest) = rows.split_at_mut(kept * dim);
        let new = &mut rest[..dim];
        // Twice: what rounding left of the first time is taken away, too.
        for _ in 0..2 {
            for old in before.chunks_exact(dim) {
                let along = dot(old, new);
                new.iter_mut().zip(old).for_each(|(new, old)| *new -= along * old);
            }
        }
        let norm = dot(new, new).sqrt();
        if norm > least {
            new.iter_mut().for_each(|x| *x /= norm);
            kept += 1;
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directions_come_by_falling_variance_and_the_rest_is_left_out() {
        // Along (3, 4) / 5 by multiples of 10, across it by 1, and never along the third axis.
        let along = [-20.0, -10.0, 0.0, 10.0, 20.0];
        let across = [1.0, -1.0, 0.0, -1.0, 1.0];
        let points: Vec<f64> = along
            .iter()
            .zip(across)
            .flat_map(|(a, b)| [0.6 * a - 0.8 * b + 7.0, 0.8 * a + 0.6 * b - 3.0, 5.0])
            .collect();
        let (found, k) = principal(&points, 3, 3).expect("five points");
        assert_eq!((k, found.len()), (2, 10));
        for (row, (a, b)) in found.chunks_exact(2).zip(along.iter().zip(across)) {
            assert!((row[0] - a).abs() < 1e-6 && (row[1].abs() - b.abs()).abs() < 1e-6, "{row:?}, {a}, {b}");
        }
        let (first, k) = principal(&points, 3, 1).expect("five points");
        assert_eq!((k, first.len()), (1, 5));
        assert!((first[0] + 20.0).abs() < 1e-6);
        // Points that do not vary have no direction.
        assert_eq!(principal(&[2.0; 8], 2, 2).map(|(found, k)| (found.len(), k)), Ok((0, 0)));
    }

    #[test]
    fn bad_input_is_refused() {
        assert!(principal(&[1.0], 1, 1).is_err_and(|e| e.message.contains("1 points")));
        assert!(principal(&[1.0, 2.0, 3.0], 2, 1).is_err() && principal(&[], 0, 1).is_err());
        assert!(principal(&[1.0, f64::NAN], 1, 1).is_err());
    }
}
