//! Mutual links straight from embeddings: the matrix of similarities is looked at tile by tile and never kept.

use trueline_kernels::{Isa, cosine_matrix_f32};

use super::Link;
use super::similarity::{checked, exact_cosine};
use crate::Error;

/// Rows of a tile: with [`COLUMNS`] and 384 numbers a row, a tile and what it is made from take about 1 MB.
const ROWS: usize = 64;
/// Columns of a tile.
const COLUMNS: usize = 512;

/// A link and how alike its ends are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScoredLink {
    /// The pair.
    pub link: Link,
    /// `(cos + 1) / 2`.
    pub score: f64,
}

/// Memory of [`mutual_cosine`], for reuse.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    tile: Vec<f64>,
    pairs: Vec<f32>,
    norms: Vec<f32>,
    of_source: Vec<(f64, usize)>,
    of_target: Vec<(f64, usize)>,
}

/// Replaces `links` by the pairs of rows that are most alike for each other, the lowest of equals.
///
/// # Shapes
/// `x`: `[n_source, dim]`, `y`: `[n_target, dim]`. Links come sorted, one a row and column at most. An empty side gives none.
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if `dim` is 0, the rows are not full, or a value is not finite.
/// # Cost
/// `O(n_source * n_target * dim)` in SIMD; memory for `n_source + n_target` entries and a tile of 64 x 512.
/// # Source
/// SimAlign's `inter`: the links of [`cosine`](crate::scoring::align::similarity::cosine) and
/// [`mutual_argmax`](super::argmax::mutual_argmax), which a test compares.
pub fn mutual_cosine(
    isa: Isa,
    x: &[f32],
    y: &[f32],
    dim: usize,
    scratch: &mut Scratch,
    links: &mut Vec<ScoredLink>,
) -> Result<(), Error> {
    links.clear();
    let (n_source, n_target, fits) = checked(isa, x, y, dim)?;
    let Scratch { tile, pairs, norms, of_source, of_target } = scratch;
    for (best, n) in [(&mut *of_source, n_source), (&mut *of_target, n_target)] {
        best.clear();
        best.resize(n, (f64::NEG_INFINITY, 0));
    }
    let mut see = |i: usize, j: usize, score: f64| {
        if score > of_source[i].0 {
            of_source[i] = (score, j);
        }
        if score > of_target[j].0 {
            of_target[j] = (score, i);
        }
    };
    for (down, rows) in x.chunks(ROWS * dim).enumerate() {
        for (across, columns) in y.chunks(COLUMNS * dim).enumerate() {
            let (n, m) = (rows.len() / dim, columns.len() / dim);
            tile.resize(n * m, 0.0);
            if fits {
                pairs.resize(n * m, 0.0);
                norms.resize(m, 0.0);
                cosine_matrix_f32(isa, rows, columns, [n, m, dim], norms, pairs);
                for (score, cosine) in tile.iter_mut().zip(pairs.iter()) {
                    *score = (f64::from(*cosine) + 1.0) / 2.0;
                }
            } else {
                exact_cosine(rows, columns, dim, tile);
            }
            for (i, row) in tile.chunks_exact(m).enumerate() {
                for (j, score) in row.iter().enumerate() {
                    see(down * ROWS + i, across * COLUMNS + j, *score);
                }
            }
        }
    }
    let mutual = of_source.iter().enumerate().filter(|(i, (_, j))| n_target > 0 && of_target[*j].1 == *i);
    links.extend(mutual.map(|(i, (score, j))| ScoredLink { link: Link::new(i, *j), score: *score }));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoring::align::Matrix;
    use crate::scoring::align::argmax::mutual_argmax;
    use crate::scoring::align::similarity::{Scratch as Whole, cosine};

    #[test]
    fn tiles_find_what_the_whole_matrix_has() {
        let mut state = 1_u64;
        let mut next = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            // Few values, so that there are equals.
            ((state >> 60) as f32) - 7.5
        };
        for (n, m, dim) in
            [(1, 1, 3), (70, 5, 2), (5, 700, 2), (130, 1100, 4), (0, 4, 3), (4, 0, 3), (65, 513, 16)]
        {
            let mut x: Vec<f32> = (0..n * dim).map(|_| next()).collect();
            let y: Vec<f32> = (0..m * dim).map(|_| next()).collect();
            for scale in [1.0, 1e25] {
                x.iter_mut().for_each(|x| *x *= scale);
                if n > 0 {
                    x[..dim].fill(0.0);
                }
                let mut similarity = vec![0.0; n * m];
                cosine(Isa::best(), &x, &y, dim, &mut Whole::default(), &mut similarity).unwrap();
                let (mut want, mut got) = (Vec::new(), Vec::new());
                mutual_argmax(Matrix::new(&similarity, n, m).unwrap(), &mut want);
                mutual_cosine(Isa::best(), &x, &y, dim, &mut Scratch::default(), &mut got).unwrap();
                assert_eq!(got.iter().map(|l| l.link).collect::<Vec<_>>(), want, "{n} x {m} x {dim}");
                for ScoredLink { link, score } in got {
                    assert_eq!(score, similarity[link.source * m + link.target]);
                }
            }
        }
    }

    #[test]
    fn rows_that_are_not_numbers_are_refused() {
        let mut links = Vec::new();
        for (x, dim) in [(&[f32::NAN, 1.0][..], 2), (&[1.0], 2), (&[1.0], 0)] {
            let found = mutual_cosine(Isa::best(), x, &[1.0, 2.0], dim, &mut Scratch::default(), &mut links);
            assert_eq!(found.unwrap_err().code, crate::Code::InvalidArgument);
        }
    }
}
