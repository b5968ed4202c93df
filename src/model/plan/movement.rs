//! Operators that put elements elsewhere, a stretch at a time.

use bytemuck::Pod;

use crate::Error;
use crate::model::plan::ir::MAX_RANK;
use crate::model::plan::make::stated;
use crate::model::plan::operator::{Context, Output, by_size};
use crate::model::plan::reshape::marked;
use crate::model::plan::shape::{Shape, mismatch};
use crate::model::plan::threads::Workers;
use crate::model::plan::walk::Walk;

/// [`Op::Expand`](crate::model::plan::ir::Op::Expand).
pub(super) fn expand(context: &Context<'_>, out: &mut Output) -> Result<(), Error> {
    let (x, wanted) = (context.input(0)?, context.input(1)?);
    let shape = x.shape.broadcast(&stated(wanted.indices()?)?)?;
    let walk = Walk::broadcast(&shape, [&x.shape]);
    by_size!(x.data.raw(), out.make_raw(shape, x.kind())?, |x, out| copy(context.workers, &walk, x, out));
    Ok(())
}

/// What `walk` says belongs to each element of `out`.
pub(super) fn copy<T: Pod + Send + Sync>(workers: Workers, walk: &Walk<1>, x: &[T], out: &mut [T]) {
    let [stride] = walk.inner();
    workers.over_elements(out, |first, out| {
        walk.rows(first..first + out.len(), |range, [from]| {
            let out = &mut out[range.start - first..][..range.len()];
            match stride {
                0 => out.fill(x[from]),
                1 => out.copy_from_slice(&x[from..][..out.len()]),
                _ => {
                    let mut at = from;
                    for out in out {
                        *out = x[at];
                        at = at.wrapping_add_signed(stride);
                    }
                }
            }
        });
    });
}

/// [`Op::Concat`](crate::model::plan::ir::Op::Concat).
pub(super) fn concat(context: &Context<'_>, axis: i32, out: &mut Output) -> Result<(), Error> {
    let first = context.input(0)?;
    let axis = first.shape.axis(axis.into())?;
    let n = context.step.inputs.len();
    let mut total = 0_usize;
    for i in 0..n {
        let x = context.input(i)?;
        let differs = |a| a != axis && x.shape[a] != first.shape[a];
        if x.shape.rank() != first.shape.rank() || (0..x.shape.rank()).any(differs) {
            return Err(mismatch(format!("{:?} beside {:?} along axis {axis}", x.shape, first.shape)));
        }
        if x.kind() != first.kind() {
            return Err(mismatch(format!("{:?} beside {:?}", x.kind(), first.kind())));
        }
        total = total.saturating_add(x.shape[axis]);
    }
    let shape = first.shape.with(axis, total)?;
    let [_, total, inner] = shape.around(axis);
    let mut out = out.make_raw(shape, first.kind())?;
    let mut at = 0;
    for i in 0..n {
        let x = context.input(i)?;
        let [_, own, _] = x.shape.around(axis);
        by_size!(x.data.raw(), &mut out, |x, out| rows_into(
            x,
            own * inner,
            out,
            (at * inner, total * inner)
        ));
        at += own;
    }
    Ok(())
}

/// Rows of `size` become part of rows of `out_size`, from `at` on.
fn rows_into<T: Pod>(x: &[T], size: usize, out: &mut [T], (at, out_size): (usize, usize)) {
    if size > 0 {
        for (x, out) in x.chunks_exact(size).zip(out.chunks_exact_mut(out_size)) {
            out[at..][..size].copy_from_slice(x);
        }
    }
}

/// [`Op::Split`](crate::model::plan::ir::Op::Split).
pub(super) fn split(context: &Context<'_>, axis: i32, outputs: &mut [Output]) -> Result<(), Error> {
    let (x, sizes) = (context.input(0)?, context.input(1)?.indices()?);
    let axis = x.shape.axis(axis.into())?;
    let [_, total, inner] = x.shape.around(axis);
    if sizes.len() != outputs.len() {
        return Err(mismatch(format!("{} sizes for {} outputs", sizes.len(), outputs.len())));
    }
    let mut at = 0_usize;
    for (i, out) in outputs.iter_mut().enumerate() {
        let refused = || mismatch(format!("{} of {total} from {at} on", sizes.get(i)));
        let own = usize::try_from(sizes.get(i)).map_err(|_| refused())?;
        if own > total - at {
            return Err(refused());
        }
        let out = out.make_raw(x.shape.with(axis, own)?, x.kind())?;
        by_size!(x.data.raw(), out, |x, out| {
            if own * inner > 0 {
                for (x, out) in x.chunks_exact(total * inner).zip(out.chunks_exact_mut(own * inner)) {
                    out.copy_from_slice(&x[at * inner..][..own * inner]);
                }
            }
        });
        at += own;
    }
    if at != total {
        return Err(mismatch(format!("sizes that make {at} of {total}")));
    }
    Ok(())
}

/// [`Op::Slice`](crate::model::plan::ir::Op::Slice).
pub(super) fn slice(context: &Context<'_>, out: &mut Output) -> Result<(), Error> {
    let x = context.input(0)?;
    let (starts, ends) = (context.input(1)?.indices()?, context.input(2)?.indices()?);
    let (axes, steps) = (context.optional(3)?, context.optional(4)?);
    let (steps, n) = (steps.map(|steps| steps.indices()).transpose()?, starts.len());
    let lengths = [ends.len(), axes.map_or(n, |axes| axes.data.len()), steps.map_or(n, |steps| steps.len())];
    if lengths != [n; 3] || n > x.shape.rank() {
        return Err(mismatch(format!("{n} starts, and {lengths:?} ends, axes and steps")));
    }
    if let Some(axes) = &axes {
        marked(axes, x.shape.rank())?;
    }
    let axes = axes.map(|axes| axes.indices()).transpose()?;
    let own = x.shape.strides();
    let (mut sizes, mut first) = ([0; MAX_RANK], 0);
    let mut strides: [isize; MAX_RANK] = std::array::from_fn(|axis| own[axis] as isize);
    sizes[..x.shape.rank()].copy_from_slice(&x.shape);
    for i in 0..n {
        let axis = axes.map_or(Ok(i), |axes| x.shape.axis(axes.get(i)))?;
        let step = steps.map_or(1, |steps| steps.get(i));
        let (start, count) = stretch(x.shape[axis], starts.get(i), ends.get(i), step)
            .ok_or_else(|| mismatch("a slice with steps of 0".into()))?;
        sizes[axis] = count;
        first += start as isize * strides[axis];
        // A step past the axis' end is never taken.
        strides[axis] *= if count > 1 { step as isize } else { 1 };
    }
    let shape = Shape::new(&sizes[..x.shape.rank()])?;
    let walk = Walk::strided(&shape, [strides], [first]);
    if walk.is_dense() {
        let first = if shape.volume() == 0 { 0 } else { first as usize };
        return out.make_view(&x, shape, first);
    }
    if out.is_view() {
        return Err(mismatch(format!("a slice of {:?} to {shape:?} that is not in one piece", x.shape)));
    }
    by_size!(x.data.raw(), out.make_raw(shape, x.kind())?, |x, out| copy(context.workers, &walk, x, out));
    Ok(())
}

/// The first index, and how many there are, of `start..end` by `step` along an axis; `None` for steps of 0.
fn stretch(size: usize, start: i64, end: i64, step: i64) -> Option<(usize, usize)> {
    let size = size as i64;
    let from_front = |index: i64| if index < 0 { index.saturating_add(size) } else { index };
    let (start, end) = (from_front(start), from_front(end));
    let (start, span) = if step > 0 {
        let start = start.clamp(0, size);
        (start, end.clamp(0, size) - start)
    } else {
        let start = start.clamp(-1, size - 1);
        (start, start - end.clamp(-1, size - 1))
    };
    let count = match step.unsigned_abs() {
        0 => return None,
        by => (span.max(0) as u64).div_ceil(by),
    };
    Some((start.max(0) as usize, count as usize))
}

#[cfg(test)]
mod tests {
    use super::stretch;

    #[test]
    fn stretches_are_those_of_numpy() {
        for (size, start, end, step, want) in [
            (5, 1, 4, 1, (1, 3)),
            (5, -3, i64::MAX, 1, (2, 3)),
            (5, 4, i64::MIN, -1, (4, 5)),
            (5, i64::MAX, i64::MIN, -2, (4, 3)),
            (5, 3, 1, 1, (3, 0)),
            (0, 0, 5, 1, (0, 0)),
            (0, -1, i64::MIN, -1, (0, 0)),
            (5, 0, 5, i64::MAX, (0, 1)),
            (5, 4, i64::MIN, i64::MIN, (4, 1)),
        ] {
            assert_eq!(stretch(size, start, end, step), Some(want), "{size} {start} {end} {step}");
        }
        assert_eq!(stretch(5, 0, 5, 0), None);
    }
}
