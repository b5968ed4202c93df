//! Axes in another order.

use bytemuck::Pod;

use crate::Error;
use crate::model::plan::ir::MAX_RANK;
use crate::model::plan::movement::copy;
use crate::model::plan::operator::{Context, Output, by_size};
use crate::model::plan::shape::{Shape, mismatch};
use crate::model::plan::walk::Walk;

/// A square of so many rows and columns is turned at a time, which stays in the first cache.
const TILE: usize = 16;

/// [`Op::Transpose`](crate::model::plan::ir::Op::Transpose).
pub(super) fn transpose(context: &Context<'_>, perm: &[u32], out: &mut Output) -> Result<(), Error> {
    let x = context.input(0)?;
    if perm.len() != x.shape.rank() {
        return Err(mismatch(format!("axes {perm:?} of a value of shape {:?}", x.shape)));
    }
    let own = x.shape.strides();
    let shape = Shape::build(perm.len(), |axis| x.shape[perm[axis] as usize])?;
    let mut strides = [0; MAX_RANK];
    for (stride, &axis) in strides.iter_mut().zip(perm) {
        *stride = own[axis as usize] as isize;
    }
    let walk = Walk::strided(&shape, [strides], [0]);
    if walk.is_dense() {
        by_size!(x.data.raw(), out.make_raw(shape, x.kind())?, |x, out| out.copy_from_slice(x));
        return Ok(());
    }
    let out = out.make_raw(shape, x.kind())?;
    by_size!(x.data.raw(), out, |x, out| match Turn::of(&walk) {
        Some(turn) => turn.run(&walk, x, out),
        None => copy(context.workers, &walk, x, out),
    });
    Ok(())
}

/// A transposition that ends in turning matrices: `out[.., r, c] = x[.., c, r]`.
struct Turn {
    rows: usize,
    columns: usize,
    /// Elements between two columns of the output, in `x`.
    stride: usize,
}

impl Turn {
    /// If the last two axes are those of a matrix whose columns lie next to one another in `x`.
    fn of(walk: &Walk<1>) -> Option<Self> {
        let ([columns, rows], [by_column, by_row]) = walk.last_two()?;
        let stride = usize::try_from(by_column).ok()?;
        (by_row == 1).then_some(Self { rows, columns, stride })
    }

    fn run<T: Pod>(&self, walk: &Walk<1>, x: &[T], out: &mut [T]) {
        let Self { rows, columns, stride } = *self;
        let size = rows * columns;
        if size == 0 {
            return;
        }
        let mut matrices = out.chunks_exact_mut(size);
        // Each first row of a matrix tells where the matrix starts.
        walk.rows(0..walk.len(), |range, [from]| {
            if range.start % size == 0
                && let Some(out) = matrices.next()
            {
                turn(&x[from..], out, (rows, columns), stride);
            }
        });
    }
}

/// `out[r][c] = x[c * stride + r]`.
fn turn<T: Pod>(x: &[T], out: &mut [T], (rows, columns): (usize, usize), stride: usize) {
    for first_row in (0..rows).step_by(TILE) {
        let height = TILE.min(rows - first_row);
        for first_column in (0..columns).step_by(TILE) {
            let width = TILE.min(columns - first_column);
            for c in first_column..first_column + width {
                let x = &x[c * stride + first_row..][..height];
                for (r, &x) in x.iter().enumerate() {
                    out[(first_row + r) * columns + c] = x;
                }
            }
        }
    }
}
