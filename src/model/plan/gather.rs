//! Elements picked by indices.

use bytemuck::Pod;

use crate::Error;
use crate::model::plan::data::Indices;
use crate::model::plan::operator::{Context, Output, by_size};
use crate::model::plan::shape::{Shape, index_of, mismatch};
use crate::model::plan::walk::Walk;

/// [`Op::Gather`](crate::model::plan::ir::Op::Gather).
pub(super) fn gather(context: &Context<'_>, axis: i32, out: &mut Output) -> Result<(), Error> {
    let (x, at) = (context.input(0)?, context.input(1)?);
    let (axis, indices) = (x.shape.axis(axis.into())?, at.indices()?);
    let [_, size, inner] = x.shape.around(axis);
    check(indices, size)?;
    let (before, after) = (&x.shape[..axis], &x.shape[axis + 1..]);
    let shape = Shape::build(before.len() + at.shape.rank() + after.len(), |a| {
        let sizes = before.iter().chain(at.shape.iter()).chain(after);
        sizes.copied().nth(a).unwrap_or(1)
    })?;
    let out = out.make_raw(shape, x.kind())?;
    by_size!(x.data.raw(), out, |x, out| pick(x, size, inner, indices, out));
    Ok(())
}

/// Refuses an index that is none of `size`.
pub(super) fn check(indices: Indices<'_>, size: usize) -> Result<(), Error> {
    for i in 0..indices.len() {
        if index_of(indices.get(i), size).is_none() {
            return Err(mismatch(format!("index {} of an axis of {size}", indices.get(i))));
        }
    }
    Ok(())
}

/// Where a checked index points.
pub(super) fn place(index: i64, size: usize) -> usize {
    (if index < 0 { index + size as i64 } else { index }) as usize
}

fn pick<T: Pod>(x: &[T], size: usize, inner: usize, indices: Indices<'_>, out: &mut [T]) {
    let (n, block) = (indices.len(), size * inner);
    if out.is_empty() {
        return;
    }
    for (x, out) in x.chunks_exact(block).zip(out.chunks_exact_mut(n * inner)) {
        if inner == 1 {
            for (i, out) in out.iter_mut().enumerate() {
                *out = x[place(indices.get(i), size)];
            }
        } else {
            for (i, out) in out.chunks_exact_mut(inner).enumerate() {
                out.copy_from_slice(&x[place(indices.get(i), size) * inner..][..inner]);
            }
        }
    }
}

/// [`Op::GatherElements`](crate::model::plan::ir::Op::GatherElements).
pub(super) fn gather_elements(context: &Context<'_>, axis: i32, out: &mut Output) -> Result<(), Error> {
    let (x, at) = (context.input(0)?, context.input(1)?);
    let (axis, indices) = (x.shape.axis(axis.into())?, at.indices()?);
    let fits = |a: usize| a == axis || at.shape[a] <= x.shape[a];
    if at.shape.rank() != x.shape.rank() || !(0..x.shape.rank()).all(fits) {
        return Err(mismatch(format!("indices of shape {:?} into {:?}", at.shape, x.shape)));
    }
    let size = x.shape[axis];
    check(indices, size)?;
    let own = x.shape.strides();
    let mut strides = own.map(|stride| stride as isize);
    strides[axis] = 0;
    let walk = Walk::strided(&at.shape, [strides], [0]);
    let out = out.make_raw(at.shape, x.kind())?;
    by_size!(x.data.raw(), out, |x, out| {
        let [stride] = walk.inner();
        walk.rows(0..out.len(), |range, [from]| {
            let mut base = from;
            for (out, i) in out[range.clone()].iter_mut().zip(range) {
                *out = x[base + place(indices.get(i), size) * own[axis]];
                base = base.wrapping_add_signed(stride);
            }
        });
    });
    Ok(())
}
