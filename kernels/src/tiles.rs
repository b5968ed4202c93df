//! How a product of two matrices is cut into tiles that stay in registers.

/// A product `[m, d] x [n, d] -> [m, n]` whose lengths have been checked.
pub(crate) struct Task<'a, T, U> {
    pub(crate) a: &'a [T],
    pub(crate) b: &'a [T],
    pub(crate) shape: [usize; 3],
    pub(crate) out: &'a mut [U],
}

impl<'a, T, U: Copy> Task<'a, T, U> {
    /// Rows `i..i + R` of `a`.
    #[inline(always)]
    pub(crate) fn a_rows<const R: usize>(&self, i: usize) -> [&'a [T]; R] {
        rows(self.a, self.shape[2], i)
    }

    /// Rows `j..j + C` of `b`.
    #[inline(always)]
    pub(crate) fn b_rows<const C: usize>(&self, j: usize) -> [&'a [T]; C] {
        rows(self.b, self.shape[2], j)
    }

    /// Stores a tile whose first cell is `[i, j]`.
    #[inline(always)]
    pub(crate) fn put<const R: usize, const C: usize>(&mut self, i: usize, j: usize, tile: [[U; C]; R]) {
        for (r, row) in tile.iter().enumerate() {
            self.out[(i + r) * self.shape[1] + j..][..C].copy_from_slice(row);
        }
    }
}

#[inline(always)]
fn rows<T, const R: usize>(matrix: &[T], d: usize, first: usize) -> [&[T]; R] {
    let mut rows: [&[T]; R] = [&[]; R];
    for (r, row) in rows.iter_mut().enumerate() {
        *row = &matrix[(first + r) * d..][..d];
    }
    rows
}

/// Rows of `b` that a band of `a` meets before the next band does, so that they stay in the second-level cache.
pub(crate) const BLOCK: usize = 48;

/// Fills the output of a [`Task`] with `$tile::<R, C>([a rows; R], [b rows; C])`, which must compute each cell in the
/// same way whatever its tile is. The edges are tiles of one row, one column, or both.
///
/// A macro, so that the calls stand inside the `#[target_feature]` function that uses it.
macro_rules! tiled {
    ($task:expr, $tile:ident, $rows:literal, $columns:literal) => {{
        let mut task = $task;
        let [m, n, _] = task.shape;
        for start in (0..n).step_by(crate::tiles::BLOCK) {
            let end = n.min(start + crate::tiles::BLOCK);
            let (m_full, n_full) = (m - m % $rows, end - (end - start) % $columns);
            for i in (0..m_full).step_by($rows) {
                for j in (start..n_full).step_by($columns) {
                    task.put::<$rows, $columns>(i, j, $tile(task.a_rows(i), task.b_rows(j)));
                }
                for j in n_full..end {
                    task.put::<$rows, 1>(i, j, $tile(task.a_rows(i), task.b_rows(j)));
                }
            }
            for i in m_full..m {
                for j in (start..n_full).step_by($columns) {
                    task.put::<1, $columns>(i, j, $tile(task.a_rows(i), task.b_rows(j)));
                }
                for j in n_full..end {
                    task.put::<1, 1>(i, j, $tile(task.a_rows(i), task.b_rows(j)));
                }
            }
        }
    }};
}
