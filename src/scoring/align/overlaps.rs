//! Vectors of sentences and of the runs of sentences that end at each: what aligners of sentences read.

use crate::Error;
use crate::scoring::refuse::{all_finite, invalid};

/// For `k` in `0..n_layer`, the vector of each run of `k + 1` sentences that ends at sentence `i`.
#[derive(Clone, Debug, PartialEq)]
pub struct Overlaps {
    vectors: Vec<f32>,
    n_layer: usize,
    n: usize,
    dim: usize,
}

impl Overlaps {
    /// Takes the vectors of a side.
    ///
    /// # Shapes
    /// `vectors`: `[n_layer, n, dim]`; of layer `k` the first `k` rows are padding, which is never read.
    /// # Errors
    /// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if the length differs, `n_layer` or `dim` is 0, or a number
    /// is not finite.
    pub fn new(vectors: Vec<f32>, n_layer: usize, n: usize, dim: usize) -> Result<Self, Error> {
        let wanted = n_layer.checked_mul(n).and_then(|rows| rows.checked_mul(dim));
        if n_layer == 0 || dim == 0 || wanted != Some(vectors.len()) {
            let given = vectors.len();
            return Err(invalid(format!("{given} numbers for {n_layer} layers of {n} vectors of {dim}")));
        }
        all_finite("vectors' number", vectors.iter().map(|x| f64::from(*x)))?;
        Ok(Self { vectors, n_layer, n, dim })
    }

    /// The vectors, each divided by its length plus `floor`.
    pub(super) fn scaled(&self, floor: f32) -> Self {
        let mut scaled = self.clone();
        for row in scaled.vectors.chunks_exact_mut(self.dim) {
            let norm = dot(row, row).sqrt() + floor;
            row.iter_mut().for_each(|x| *x = if norm > 0.0 { *x / norm } else { 0.0 });
        }
        scaled
    }

    /// The number of sentences.
    pub fn len(&self) -> usize {
        self.n
    }

    /// Whether there is no sentence.
    pub fn is_empty(&self) -> bool {
        self.n == 0
    }

    /// The most sentences in a run.
    pub fn n_layer(&self) -> usize {
        self.n_layer
    }

    /// The length of a vector.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The vector of the run of `layer + 1` sentences that ends at `last`, which is not before `layer`.
    pub fn row(&self, layer: usize, last: usize) -> &[f32] {
        &self.vectors[(layer * self.n + last) * self.dim..][..self.dim]
    }

    /// The mean of all vectors that are not padding.
    pub(super) fn mean(&self) -> Vec<f32> {
        let mut sum = vec![0.0_f64; self.dim];
        let mut n = 0_usize;
        for layer in 0..self.n_layer.min(self.n) {
            for last in layer..self.n {
                sum.iter_mut().zip(self.row(layer, last)).for_each(|(sum, x)| *sum += f64::from(*x));
                n += 1;
            }
        }
        sum.iter().map(|sum| (sum / n.max(1) as f64) as f32).collect()
    }

    /// Half as many single sentences: sums of neighbours, less their mean, of length 1.
    pub(super) fn halved(&self) -> Self {
        let n = self.n.div_ceil(2);
        let mut vectors = vec![0.0_f32; n * self.dim];
        for (at, row) in vectors.chunks_exact_mut(self.dim).enumerate() {
            for last in 2 * at..(2 * at + 2).min(self.n) {
                row.iter_mut().zip(self.row(0, last)).for_each(|(sum, x)| *sum += x);
            }
        }
        let mean = Self { vectors: vectors.clone(), n_layer: 1, n, dim: self.dim }.mean();
        for row in vectors.chunks_exact_mut(self.dim) {
            row.iter_mut().zip(&mean).for_each(|(x, mean)| *x -= mean);
        }
        Self { vectors, n_layer: 1, n, dim: self.dim }.scaled(1e-5)
    }
}

/// The dot product, summed in eight lanes whatever the CPU.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0_f32; 8];
    let (head_a, tail_a) = a.as_chunks::<8>();
    let (head_b, tail_b) = b.as_chunks::<8>();
    for (a, b) in head_a.iter().zip(head_b) {
        for lane in 0..8 {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    let rest: f32 = tail_a.iter().zip(tail_b).map(|(a, b)| a * b).sum();
    (lanes[0] + lanes[4]) + (lanes[1] + lanes[5]) + (lanes[2] + lanes[6]) + (lanes[3] + lanes[7]) + rest
}

/// Sentences that belong together; an empty side was added or left out.
#[derive(Clone, Debug, PartialEq)]
pub struct Bead {
    /// Sentences of the source.
    pub source: std::ops::Range<usize>,
    /// Sentences of the target.
    pub target: std::ops::Range<usize>,
    /// The aligner's score; see there.
    pub score: f64,
}

/// Refuses sides of different vectors.
pub(super) fn same_space(source: &Overlaps, target: &Overlaps) -> Result<(), Error> {
    if source.dim == target.dim {
        return Ok(());
    }
    Err(invalid(format!(
        "source vectors of {} numbers, target vectors of {}; of one length",
        source.dim, target.dim
    )))
}
