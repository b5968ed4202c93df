//! Layer and root-mean-square normalisation.

use rayon::prelude::*;
use trueline_kernels::{self as kernels, norm_f32};

use crate::Error;
use crate::model::plan::ir::Norm;
use crate::model::plan::operator::{Context, Output};
use crate::model::plan::shape::mismatch;

/// About how many multiply-adds an element of a row is worth.
const ELEMENT: usize = 16;

/// [`Op::Norm`](crate::model::plan::ir::Op::Norm).
pub(super) fn norm(context: &Context<'_>, op: Norm, outputs: &mut [Output]) -> Result<(), Error> {
    let (x, weight) = (context.input(0)?, context.input(1)?);
    let (bias, residual) = (context.optional(2)?, context.optional(3)?);
    let d = weight.data.len();
    if d == 0 || x.shape.rank() == 0 || x.shape.last_size() != d {
        return Err(mismatch(format!("{d} weights for a value of shape {:?}", x.shape)));
    }
    if bias.is_some_and(|bias| bias.data.len() != d) {
        return Err(mismatch(format!("{d} weights and a bias of another length")));
    }
    if let Some(residual) = residual
        && residual.shape != x.shape
    {
        return Err(mismatch(format!("a residual of shape {:?} for {:?}", residual.shape, x.shape)));
    }
    let norm = kernels::Norm {
        weight: weight.f32s()?,
        bias: bias.map(|bias| bias.f32s()).transpose()?,
        epsilon: op.epsilon,
        centred: op.centred,
    };
    let residual = residual.map(|residual| residual.f32s()).transpose()?;
    let (shape, x, isa) = (x.shape, x.f32s()?, context.isa);
    let (out, sum) = match outputs {
        [out, sum, ..] => (out, Some(sum.make::<f32>(shape)?)),
        [out] => (out, None),
        [] => return Err(mismatch("a step without outputs".into())),
    };
    let out = out.make::<f32>(shape)?;
    let m = out.len() / d;
    let rows = context.workers.rows_at_a_time(m, d * ELEMENT);
    let part = |first: usize, out: &mut [f32], sum: Option<&mut [f32]>| {
        let range = first * d..first * d + out.len();
        norm_f32(isa, &x[range.clone()], residual.map(|residual| &residual[range]), norm, sum, out);
    };
    match sum {
        None if rows >= m => part(0, out, None),
        Some(sum) if rows >= m => part(0, out, Some(sum)),
        None => out.par_chunks_mut(rows * d).enumerate().for_each(|(i, out)| part(i * rows, out, None)),
        Some(sum) => {
            let parts = out.par_chunks_mut(rows * d).zip(sum.par_chunks_mut(rows * d));
            parts.enumerate().for_each(|(i, (out, sum))| part(i * rows, out, Some(sum)));
        }
    }
    Ok(())
}
