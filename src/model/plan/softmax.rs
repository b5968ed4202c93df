//! Probabilities along an axis.

use trueline_kernels::{Isa, log_sum_exp_f32, softmax_f32};

use crate::Error;
use crate::model::plan::operator::{Context, Output, Scratch};

/// [`Op::Softmax`](crate::model::plan::ir::Op::Softmax).
pub(super) fn softmax(
    context: &Context<'_>,
    axis: i32,
    log: bool,
    out: &mut Output,
    scratch: &mut Scratch,
) -> Result<(), Error> {
    let x = context.input(0)?;
    let [_, size, inner] = x.shape.around(x.shape.axis(axis.into())?);
    let (from, out) = (x.f32s()?, out.make::<f32>(x.shape)?);
    if from.is_empty() {
        return Ok(());
    }
    if inner == 1 {
        for (x, out) in from.chunks_exact(size).zip(out.chunks_exact_mut(size)) {
            row(context.isa, log, x, out);
        }
        return Ok(());
    }
    let columns = scratch.floats.room::<f32>(2 * size)?;
    let (column, made) = columns.split_at_mut(size);
    for (x, out) in from.chunks_exact(size * inner).zip(out.chunks_exact_mut(size * inner)) {
        for c in 0..inner {
            for (to, x) in column.iter_mut().zip(x[c..].iter().step_by(inner)) {
                *to = *x;
            }
            row(context.isa, log, column, made);
            for (x, to) in made.iter().zip(out[c..].iter_mut().step_by(inner)) {
                *to = *x;
            }
        }
    }
    Ok(())
}

fn row(isa: Isa, log: bool, x: &[f32], out: &mut [f32]) {
    if log {
        let sum = log_sum_exp_f32(isa, x);
        for (out, &x) in out.iter_mut().zip(x) {
            *out = (f64::from(x) - sum) as f32;
        }
    } else {
        softmax_f32(isa, x, out);
    }
}
