//! The checked matrix that every aligner reads.

use crate::Error;
use crate::scoring::refuse::{all_finite, invalid};

/// Scores of every pair of a source and a target position: of the right length, and all finite.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    values: &'a [f64],
    n_source: usize,
    n_target: usize,
}

impl<'a> Matrix<'a> {
    /// A view of `values` as a matrix. Either side may be empty: every aligner then finds no links.
    ///
    /// # Shapes
    /// `values`: `[n_source, n_target]`, row-major.
    /// # Errors
    /// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if the length differs, or a value is not finite.
    /// # Cost
    /// One pass.
    pub fn new(values: &'a [f64], n_source: usize, n_target: usize) -> Result<Self, Error> {
        if n_source.checked_mul(n_target) != Some(values.len()) {
            let n = values.len();
            return Err(invalid(format!(
                "{n} similarities of {n_source} source and {n_target} target positions"
            )));
        }
        // Without a branch for each number, which is all that most calls need.
        if !values.iter().fold(true, |fine, value| fine & value.is_finite()) {
            all_finite("similarity", values.iter().copied())?;
        }
        Ok(Self { values, n_source, n_target })
    }

    /// The number of rows.
    pub fn n_source(&self) -> usize {
        self.n_source
    }

    /// The number of columns.
    pub fn n_target(&self) -> usize {
        self.n_target
    }

    /// All values, row after row.
    pub fn values(&self) -> &'a [f64] {
        self.values
    }

    /// The scores of one source position.
    ///
    /// # Panics
    /// If `source` is not below [`Matrix::n_source`].
    pub fn row(&self, source: usize) -> &'a [f64] {
        &self.values[source * self.n_target..][..self.n_target]
    }

    /// Every row, in order; none if a side is empty.
    pub(super) fn rows(&self) -> impl Iterator<Item = &'a [f64]> {
        self.values.chunks_exact(self.n_target.max(1))
    }
}
