//! Nearest neighbours across languages without hubs (CSLS), and the rotation of one space onto the other.

use super::Matrix;
use super::row::largest;
use crate::Error;
use crate::scoring::order;
use crate::scoring::refuse::{all_finite, invalid};

/// The cosine of every pair of rows; that of a zero row is 0.
///
/// # Shapes
/// `x`: `[n_source, dim]`, `y`: `[n_target, dim]`; the result `[n_source, n_target]`.
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if a length is no multiple of `dim`, `dim` is 0, or a number is
/// not finite.
/// # Cost
/// `O(n_source n_target dim)` in `f64`.
pub fn cosines(x: &[f64], y: &[f64], dim: usize) -> Result<Vec<f64>, Error> {
    let unit = |name: &str, values: &[f64]| -> Result<Vec<f64>, Error> {
        n_rows(name, values, dim)?;
        let mut values = values.to_vec();
        for row in values.chunks_exact_mut(dim) {
            let norm = row.iter().map(|x| x * x).sum::<f64>().sqrt();
            row.iter_mut().for_each(|x| *x /= if norm > 0.0 { norm } else { 1.0 });
        }
        Ok(values)
    };
    let (x, y) = (unit("source", x)?, unit("target", y)?);
    let pairs = x.chunks_exact(dim).flat_map(|x| y.chunks_exact(dim).map(move |y| (x, y)));
    Ok(pairs.map(|(x, y)| x.iter().zip(y).map(|(x, y)| x * y).sum()).collect())
}

fn n_rows(name: &str, values: &[f64], dim: usize) -> Result<usize, Error> {
    if dim == 0 || !values.len().is_multiple_of(dim) {
        return Err(invalid(format!("{} numbers of {name} vectors; a multiple of {dim}", values.len())));
    }
    all_finite(&format!("{name} vectors' number"), values.iter().copied())?;
    Ok(values.len() / dim)
}

/// `2 cos - r_source - r_target`, `r` the mean of a row's or column's `k` largest cosines, or of all if there are fewer.
///
/// # Shapes
/// `cosines` and the result: `[n_source, n_target]`.
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if `k` is 0.
/// # Cost
/// A selection for each row and column.
/// # Source
/// Conneau et al. 2018; Cao, Kitaev and Klein 2020; golden file `csls_procrustes.json`.
pub fn csls(cosines: Matrix, k: usize) -> Result<Vec<f64>, Error> {
    if k == 0 {
        return Err(invalid("0 neighbours; at least 1"));
    }
    let mut list = Vec::new();
    let mut mean = |values: &mut dyn Iterator<Item = f64>| {
        list.clear();
        list.extend(values);
        let k = k.min(list.len());
        if k < list.len() {
            list.select_nth_unstable_by(k - 1, |a, b| b.total_cmp(a));
        }
        list[..k].iter().sum::<f64>() / k.max(1) as f64
    };
    let (m, n) = (cosines.n_source(), cosines.n_target());
    let rows: Vec<f64> = (0..m).map(|i| mean(&mut cosines.row(i).iter().copied())).collect();
    let columns: Vec<f64> = (0..n).map(|j| mean(&mut (0..m).map(|i| cosines.row(i)[j]))).collect();
    let cells = (0..m).flat_map(|i| (0..n).map(move |j| (i, j)));
    Ok(cells.map(|(i, j)| 2.0 * cosines.row(i)[j] - rows[i] - columns[j]).collect())
}

/// The best target of every source, the first of equals; none without targets.
pub fn nearest_targets(scores: Matrix) -> Vec<Option<usize>> {
    (0..scores.n_source()).map(|i| largest(scores.row(i).iter().copied()).map(|(at, _)| at)).collect()
}

/// The best source of every target, the first of equals; none without sources.
pub fn nearest_sources(scores: Matrix) -> Vec<Option<usize>> {
    let column = |j: usize| (0..scores.n_source()).map(move |i| scores.row(i)[j]);
    (0..scores.n_target()).map(|j| largest(column(j)).map(|(at, _)| at)).collect()
}

/// The share of sources, of those that have a translation at their own position, whose neighbour it is.
///
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if there is none.
pub fn accuracy(nearest: &[Option<usize>], n_target: usize) -> Result<f64, Error> {
    let n = nearest.len().min(n_target);
    if n == 0 {
        return Err(invalid("no pair to count: a side is empty"));
    }
    let right = nearest[..n].iter().enumerate().filter(|(i, nearest)| **nearest == Some(*i)).count();
    Ok(right as f64 / n as f64)
}

/// The orthogonal map nearest to taking one set of vectors to the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Procrustes {
    /// `[dim, dim]`: `x map` is nearest to `y`. Unique only if all of `singular_values` are above 0.
    pub map: Vec<f64>,
    /// Those of `xᵀ y`, descending; their sum is the trace that the map reaches.
    pub singular_values: Vec<f64>,
    /// The Frobenius norm of `x map - y`.
    pub residual: f64,
}

/// Finds the orthogonal map that takes the rows of `x` nearest to those of `y`.
///
/// # Shapes
/// `x` and `y`: `[n, dim]`, pair by pair.
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if the shapes differ, `dim` is 0, or a number is not finite.
/// # Cost
/// `O(n dim²)`, and `O(dim³)` for each of some ten sweeps of one-sided Jacobi rotations.
/// # Source
/// Schönemann 1966; golden file `csls_procrustes.json`.
pub fn procrustes(x: &[f64], y: &[f64], dim: usize) -> Result<Procrustes, Error> {
    let (n, m) = (n_rows("source", x, dim)?, n_rows("target", y, dim)?);
    if n != m {
        return Err(invalid(format!("{n} source and {m} target vectors; they go in pairs")));
    }
    // Column j of the product is kept as row j.
    let mut product = vec![0.0_f64; dim * dim];
    for (x, y) in x.chunks_exact(dim).zip(y.chunks_exact(dim)) {
        for (column, y) in product.chunks_exact_mut(dim).zip(y) {
            column.iter_mut().zip(x).for_each(|(sum, x)| *sum += x * y);
        }
    }
    let (left, values, right) = singular(product, dim);
    // map = U Vᵀ; row a of `left` and of `right` is the a-th singular vector.
    let mut map = vec![0.0_f64; dim * dim];
    for (u, v) in left.chunks_exact(dim).zip(right.chunks_exact(dim)) {
        for (row, u) in map.chunks_exact_mut(dim).zip(u) {
            row.iter_mut().zip(v).for_each(|(cell, v)| *cell += u * v);
        }
    }
    let mut residual = 0.0_f64;
    for (x, y) in x.chunks_exact(dim).zip(y.chunks_exact(dim)) {
        for (j, y) in y.iter().enumerate() {
            let mapped: f64 = x.iter().enumerate().map(|(i, x)| x * map[i * dim + j]).sum();
            residual += (mapped - y) * (mapped - y);
        }
    }
    Ok(Procrustes { map, singular_values: values, residual: residual.sqrt() })
}

/// Singular vectors and values of a square matrix, given by columns; all three by descending value.
fn singular(mut columns: Vec<f64>, dim: usize) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let mut right: Vec<f64> = (0..dim * dim).map(|at| f64::from(u8::from(at / dim == at % dim))).collect();
    for _ in 0..60 {
        let mut turned = false;
        for p in 0..dim {
            for q in p + 1..dim {
                let (head, tail) = columns.split_at_mut(q * dim);
                let (a, b) = (&mut head[p * dim..][..dim], &mut tail[..dim]);
                let (aa, bb, ab) = (dot(a, a), dot(b, b), dot(a, b));
                if ab.abs() <= 1e-15 * (aa * bb).sqrt() || ab == 0.0 {
                    continue;
                }
                turned = true;
                let zeta = (bb - aa) / (2.0 * ab);
                let t = zeta.signum() / (zeta.abs() + (1.0 + zeta * zeta).sqrt());
                let t = if zeta == 0.0 { 1.0 } else { t };
                let c = 1.0 / (1.0 + t * t).sqrt();
                let s = c * t;
                let turn = |a: &mut [f64], b: &mut [f64]| {
                    for (a, b) in a.iter_mut().zip(b) {
                        (*a, *b) = (c * *a - s * *b, s * *a + c * *b);
                    }
                };
                turn(a, b);
                let (head, tail) = right.split_at_mut(q * dim);
                turn(&mut head[p * dim..][..dim], &mut tail[..dim]);
            }
        }
        if !turned {
            break;
        }
    }
    let norms: Vec<f64> = columns.chunks_exact(dim).map(|column| dot(column, column).sqrt()).collect();
    let mut order: Vec<usize> = (0..dim).collect();
    order::places(&mut order, &mut |a, b| norms[b].total_cmp(&norms[a]));
    let none = norms[order[0]] * 1e-13;
    let mut left: Vec<f64> = Vec::with_capacity(dim * dim);
    for &at in &order {
        if norms[at] > none {
            left.extend(columns[at * dim..][..dim].iter().map(|x| x / norms[at]));
            continue;
        }
        // No direction of its own: the axis that the others cover least, less what they cover.
        let covered = |axis: usize| left.chunks_exact(dim).map(|u| u[axis] * u[axis]).sum::<f64>();
        let axis = (0..dim).min_by(|a, b| covered(*a).total_cmp(&covered(*b))).unwrap_or(0);
        let mut new = vec![0.0; dim];
        new[axis] = 1.0;
        for _ in 0..2 {
            for u in left.chunks_exact(dim) {
                let along = dot(u, &new);
                new.iter_mut().zip(u).for_each(|(new, u)| *new -= along * u);
            }
        }
        let norm = dot(&new, &new).sqrt();
        left.extend(new.iter().map(|x| x / norm));
    }
    let right = order.iter().flat_map(|at| right[at * dim..][..dim].to_vec()).collect();
    (left, order.iter().map(|at| norms[*at]).collect(), right)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rotation_is_found_again_and_is_orthogonal() {
        let x = [1.0, 0.0, 2.0, 1.0, -1.0, 3.0];
        // A quarter turn.
        let y: Vec<f64> = x.chunks_exact(2).flat_map(|x| [-x[1], x[0]]).collect();
        let found = procrustes(&x, &y, 2).expect("three pairs");
        let close = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12);
        assert!(close(&found.map, &[0.0, 1.0, -1.0, 0.0]) && found.residual < 1e-12, "{found:?}");
        // Of rank 1 in four dimensions, and of rank 0.
        for scale in [1.0, 0.0] {
            let found = procrustes(&[scale, 0.0, 0.0, 0.0], &[0.0, 0.0, 1.0, 0.0], 4).expect("a pair");
            for (i, j) in (0..4).flat_map(|i| (0..4).map(move |j| (i, j))) {
                let product: f64 = (0..4).map(|k| found.map[i * 4 + k] * found.map[j * 4 + k]).sum();
                assert!((product - f64::from(u8::from(i == j))).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn bad_input_is_refused() {
        assert!(
            procrustes(&[1.0, 2.0], &[1.0], 1).is_err_and(|e| e.message.contains("2 source and 1 target"))
        );
        assert!(procrustes(&[1.0], &[1.0], 0).is_err() && cosines(&[f64::NAN], &[1.0], 1).is_err());
        assert!(csls(Matrix::new(&[1.0], 1, 1).expect("one"), 0).is_err());
        assert!(accuracy(&[], 3).is_err());
        assert_eq!(nearest_targets(Matrix::new(&[], 2, 0).expect("none")), [None, None]);
    }
}
