//! How alike the tokens of two sentences are, from their embeddings.

use trueline_kernels::{Isa, cosine_matrix_f32, dot_f32, dot_matrix_f32};

use crate::Error;
use crate::scoring::refuse::{all_finite, invalid, same_length};

/// Rows of `x` whose cosines are made at once.
const ROWS: usize = 64;

/// Memory of this module's functions, for reuse: one `f32` for each target row and each pair, of [`cosine`] for 64 rows' pairs.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    pairs: Vec<f32>,
    norms: Vec<f32>,
}

/// Writes `(cos(x_i, y_j) + 1) / 2` for every pair of rows. A zero row is like nothing and unlike nothing: 0.5.
///
/// # Shapes
/// `x`: `[n_source, dim]`, `y`: `[n_target, dim]`, `similarity`: `[n_source, n_target]`, row-major; each result lies
/// in `[0, 1]`.
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if the shapes differ, `dim` is 0, or a value is not
/// finite.
/// # Cost
/// `O(n_source * n_target * dim)` in SIMD, with the same bits on every instruction set; in plain `f64` where a norm
/// is too extreme for `f32`. No allocation once `scratch` has room.
/// # Source
/// Jalili Sabet et al. 2020, SimAlign; golden file `simalign_end_to_end.json`.
pub fn cosine(
    isa: Isa,
    x: &[f32],
    y: &[f32],
    dim: usize,
    scratch: &mut Scratch,
    similarity: &mut [f64],
) -> Result<(), Error> {
    let (shape, fits) = shape(isa, x, y, dim, similarity.len())?;
    if !fits {
        exact_cosine(x, y, dim, similarity);
        return Ok(());
    }
    let Scratch { pairs, norms } = scratch;
    let [_, n_target, _] = shape;
    norms.resize(n_target, 0.0);
    for (x, similarity) in x.chunks(ROWS * dim).zip(similarity.chunks_mut((ROWS * n_target).max(1))) {
        pairs.resize(similarity.len(), 0.0);
        cosine_matrix_f32(isa, x, y, [x.len() / dim, n_target, dim], norms, pairs);
        for (similarity, cosine) in similarity.iter_mut().zip(pairs.iter()) {
            *similarity = (f64::from(*cosine) + 1.0) / 2.0;
        }
    }
    Ok(())
}

/// Writes the plain dot product of every pair of rows.
///
/// # Shapes
/// Those of [`cosine`].
/// # Errors
/// Those of [`cosine`].
/// # Cost
/// That of [`cosine`].
/// # Source
/// Dou and Neubig 2021, AWESOME-align (`scores`); golden file `awesome_align.json`.
pub fn dot_products(
    isa: Isa,
    x: &[f32],
    y: &[f32],
    dim: usize,
    scratch: &mut Scratch,
    products: &mut [f64],
) -> Result<(), Error> {
    let (shape, fits) = shape(isa, x, y, dim, products.len())?;
    if !fits {
        fill(x, y, dim, products, dot);
        return Ok(());
    }
    scratch.pairs.resize(products.len(), 0.0);
    dot_matrix_f32(isa, x, y, shape, &mut scratch.pairs);
    for (product, pair) in products.iter_mut().zip(&scratch.pairs) {
        *product = f64::from(*pair);
    }
    Ok(())
}

/// Multiplies every similarity by `1 - ratio * (i/(n_source-1) - j/(n_target-1))²`, in favour of the diagonal.
///
/// Changes nothing if a side has fewer than two positions, or `ratio` is 0.
///
/// # Shapes
/// `similarity`: `[n_source, n_target]`, row-major.
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if the shape differs, or a similarity or `ratio` is not
/// finite.
/// # Cost
/// Two passes; no allocation.
/// # Source
/// Jalili Sabet et al. 2020, SimAlign; golden file `simalign_matching.json` (`distorted`).
pub fn distort(similarity: &mut [f64], n_source: usize, n_target: usize, ratio: f64) -> Result<(), Error> {
    if n_source.checked_mul(n_target) != Some(similarity.len()) {
        let n = similarity.len();
        return Err(invalid(format!(
            "{n} similarities of {n_source} source and {n_target} target positions"
        )));
    }
    if !ratio.is_finite() {
        return Err(invalid(format!("distortion ratio is {ratio}; it is a finite number")));
    }
    all_finite("similarity", similarity.iter().copied())?;
    if n_source < 2 || n_target < 2 || ratio == 0.0 {
        return Ok(());
    }
    let (last_source, last_target) = ((n_source - 1) as f64, (n_target - 1) as f64);
    for (source, row) in similarity.chunks_exact_mut(n_target).enumerate() {
        for (target, value) in row.iter_mut().enumerate() {
            let apart = source as f64 / last_source - target as f64 / last_target;
            *value *= 1.0 - apart * apart * ratio;
        }
    }
    Ok(())
}

/// The number of rows of `values`, which are all finite.
pub(super) fn n_rows(name: &str, values: &[f32], dim: usize) -> Result<usize, Error> {
    let n = n_any_rows(name, values, dim)?;
    finite(name, values)?;
    Ok(n)
}

/// The number of rows of `values`.
fn n_any_rows(name: &str, values: &[f32], dim: usize) -> Result<usize, Error> {
    if dim == 0 || !values.len().is_multiple_of(dim) {
        let n = values.len();
        return Err(invalid(format!("{n} values of {name} do not fill rows of dimension {dim}")));
    }
    Ok(values.len() / dim)
}

fn finite(name: &str, values: &[f32]) -> Result<(), Error> {
    // Without a branch for each number, which is all that most calls need.
    if values.iter().fold(true, |fine, value| fine & value.is_finite()) {
        return Ok(());
    }
    all_finite(name, values.iter().map(|value| f64::from(*value)))
}

/// The number of rows of both sides, which are all finite, and whether products of them fit `f32`.
///
/// A row whose square fits has no number that is not finite, so that most calls look at each number once.
pub(super) fn checked(isa: Isa, x: &[f32], y: &[f32], dim: usize) -> Result<(usize, usize, bool), Error> {
    let (n, m) = (n_any_rows("x", x, dim)?, n_any_rows("y", y, dim)?);
    let fits = fits_f32(isa, x, dim) && fits_f32(isa, y, dim);
    if !fits {
        finite("x", x)?;
        finite("y", y)?;
    }
    Ok((n, m, fits))
}

/// `[n_source, n_target, dim]` and whether products fit `f32`, if everything fits the shape.
fn shape(isa: Isa, x: &[f32], y: &[f32], dim: usize, n_results: usize) -> Result<([usize; 3], bool), Error> {
    let (n_source, n_target, fits) = checked(isa, x, y, dim)?;
    same_length(("pairs of rows", n_source.saturating_mul(n_target)), ("results", n_results))?;
    Ok(([n_source, n_target, dim], fits))
}

/// Whether sums of products of these rows neither overflow nor vanish in `f32`.
fn fits_f32(isa: Isa, rows: &[f32], dim: usize) -> bool {
    rows.chunks_exact(dim).all(|row| {
        let square = dot_f32(isa, row, row);
        (1e-30..=1e30).contains(&square) || row.iter().all(|x| *x == 0.0)
    })
}

/// [`cosine`] in plain `f64`, of rows that were checked.
pub(super) fn exact_cosine(x: &[f32], y: &[f32], dim: usize, similarity: &mut [f64]) {
    fill(x, y, dim, similarity, |row, column| {
        let cosine = dot(row, column) / (norm(row) * norm(column));
        (cosine.clamp(-1.0, 1.0) + 1.0) / 2.0
    });
}

fn fill(x: &[f32], y: &[f32], dim: usize, out: &mut [f64], of: impl Fn(&[f32], &[f32]) -> f64) {
    let n_target = y.len() / dim;
    for (row, out) in x.chunks_exact(dim).zip(out.chunks_exact_mut(n_target.max(1))) {
        for (column, out) in y.chunks_exact(dim).zip(out) {
            *out = of(row, column);
        }
    }
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

fn norm(row: &[f32]) -> f64 {
    let norm = dot(row, row).sqrt();
    if norm == 0.0 { 1.0 } else { norm }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cosines(x: &[f32], y: &[f32], dim: usize, out: &mut [f64]) -> Result<(), Error> {
        cosine(Isa::best(), x, y, dim, &mut Scratch::default(), out)
    }

    #[test]
    fn a_zero_row_is_halfway_and_extremes_stay_in_range() {
        let mut similarity = [0.0; 3];
        cosines(&[0.0, 0.0, 2.0, 0.0, -3.0, 0.0], &[1.0, 0.0], 2, &mut similarity).expect("finite");
        assert_eq!(similarity, [0.5, 1.0, 0.0]);
        cosines(&[0.0, 0.0, f32::MAX, 0.0, -1e-45, 0.0], &[1.0, 0.0], 2, &mut similarity).expect("finite");
        assert_eq!(similarity, [0.5, 1.0, 0.0]);
    }

    #[test]
    fn every_instruction_set_gives_the_same_bits_near_the_plain_sum() {
        let value = |i: usize| ((i * 7919 % 1000) as f32 - 500.0) / 500.0;
        let (x, y): (Vec<_>, Vec<_>) =
            ((0..5 * 67).map(value).collect(), (500..500 + 3 * 67).map(value).collect());
        let (mut scratch, mut plain) = (Scratch::default(), [0.0; 15]);
        fill(&x, &y, 67, &mut plain, dot);
        let mut first: Option<([f64; 15], [f64; 15])> = None;
        for isa in Isa::available() {
            let mut both = ([0.0; 15], [0.0; 15]);
            dot_products(isa, &x, &y, 67, &mut scratch, &mut both.0).expect("finite");
            cosine(isa, &x, &y, 67, &mut scratch, &mut both.1).expect("finite");
            assert!(
                both.0.iter().zip(&plain).all(|(got, plain)| (got - plain).abs() < 1e-5),
                "{}",
                isa.name()
            );
            assert_eq!(*first.get_or_insert(both), both, "{}", isa.name());
        }
    }

    #[test]
    fn shapes_that_do_not_fit_are_refused() {
        let mut out = [0.0; 2];
        assert!(cosines(&[1.0; 3], &[1.0; 2], 2, &mut out).is_err());
        assert!(cosines(&[1.0; 2], &[1.0; 2], 0, &mut out).is_err());
        assert!(cosines(&[1.0; 2], &[1.0; 2], 2, &mut out).is_err());
        assert!(cosines(&[f32::NAN; 2], &[1.0; 4], 2, &mut out).is_err());
        assert!(cosines(&[], &[1.0; 4], 2, &mut []).is_ok() && cosines(&[1.0; 4], &[], 2, &mut []).is_ok());
        assert!(distort(&mut out, 2, 2, 0.5).is_err() && distort(&mut out, 1, 2, f64::NAN).is_err());
    }
}
