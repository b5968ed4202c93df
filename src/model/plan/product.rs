//! Products of values, neither of which need be constant.

use trueline_kernels::linear_f32::Epilogue;
use trueline_kernels::{dot_matrix_f32, linear_f32};

use crate::Error;
use crate::model::plan::linear::in_f32;
use crate::model::plan::operator::{Context, Output, Scratch};
use crate::model::plan::shape::{Shape, mismatch};
use crate::model::plan::walk::Walk;

/// From so many columns on, packing them is worth it: panels are filled up to 48.
const MIN_PACKED: usize = 24;

/// [`Op::MatMul`](crate::model::plan::ir::Op::MatMul).
pub(super) fn mat_mul(context: &Context<'_>, out: &mut Output, scratch: &mut Scratch) -> Result<(), Error> {
    let (a, b) = (context.input(0)?, context.input(1)?);
    let (x, y) = (a.f32s()?, b.f32s()?);
    let refused = || mismatch(format!("the product of {:?} and {:?}", a.shape, b.shape));
    let (a_batch, [m, k]) = match &a.shape[..] {
        [batch @ .., m, k] => (batch, [*m, *k]),
        [k] => (&[][..], [1, *k]),
        [] => return Err(refused()),
    };
    let (b_batch, [own_k, n]) = match &b.shape[..] {
        [batch @ .., k, n] => (batch, [*k, *n]),
        [k] => (&[][..], [*k, 1]),
        [] => return Err(refused()),
    };
    if own_k != k {
        return Err(refused());
    }
    let (a_batch, b_batch) = (Shape::new(a_batch)?, Shape::new(b_batch)?);
    let batch = a_batch.broadcast(&b_batch)?;
    let (rows, columns) = (usize::from(a.shape.rank() > 1), usize::from(b.shape.rank() > 1));
    let shape = Shape::build(batch.rank() + rows + columns, |axis| match axis.checked_sub(batch.rank()) {
        None => batch[axis],
        Some(0) if rows == 1 => m,
        Some(_) => n,
    })?;
    let out = out.make::<f32>(shape)?;
    if out.is_empty() {
        return Ok(());
    }
    // A stack against one matrix is one tall product.
    let (m, walk) = if b_batch.volume() == 1 && a_batch == batch {
        (m * batch.volume(), Walk::broadcast(&Shape::SCALAR, [&Shape::SCALAR, &Shape::SCALAR]))
    } else {
        (m, Walk::broadcast(&batch, [&a_batch, &b_batch]))
    };
    let is_wide = n >= MIN_PACKED;
    let len = if is_wide { linear_f32::packed_len(k, n) } else { k * n };
    let turned = scratch.floats.room::<f32>(len)?;
    let mut last = None;
    walk.rows(0..walk.len(), |range, first| {
        for (step, at) in range.enumerate() {
            let [i, j] = [0, 1].map(|side| first[side] + step * walk.inner()[side] as usize);
            if last.replace(j) != Some(j) {
                let y = &y[j * k * n..][..k * n];
                if is_wide { linear_f32::pack(y, [k, n], turned) } else { turn(y, turned, n) }
            }
            let (x, out) = (&x[i * m * k..][..m * k], &mut out[at * m * n..][..m * n]);
            if is_wide {
                let weights = linear_f32::Weights { packed: turned, k, n };
                in_f32(context.isa, context.workers, x, weights, Epilogue::default(), out);
            } else {
                dot_matrix_f32(context.isa, x, turned, [m, n, k], out);
            }
        }
    });
    Ok(())
}

/// `[k, n]` becomes `[n, k]`.
fn turn(y: &[f32], turned: &mut [f32], n: usize) {
    let k = turned.len() / n;
    for (row, y) in y.chunks_exact(n).enumerate() {
        for (column, &y) in y.iter().enumerate() {
            turned[column * k + row] = y;
        }
    }
}
