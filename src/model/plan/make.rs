//! Values made from sizes and counts, and triangles.

use bytemuck::Pod;

use crate::model::plan::data::{Data, Indices};
use crate::model::plan::operator::{Context, Output, by_size};
use crate::model::plan::shape::{Shape, mismatch};
use crate::{Code, Error};

/// [`Op::Shape`](crate::model::plan::ir::Op::Shape).
pub(super) fn shape(context: &Context<'_>, start: i32, end: i32, out: &mut Output) -> Result<(), Error> {
    let x = context.shape(0)?;
    let rank = x.rank() as i32;
    let clamped = |axis: i32| (if axis < 0 { axis + rank } else { axis }).clamp(0, rank) as usize;
    let (start, end) = (clamped(start), clamped(end));
    let sizes = &x[start..end.max(start)];
    for (out, &size) in out.make::<i64>(Shape::new(&[sizes.len()])?)?.iter_mut().zip(sizes) {
        *out = size as i64;
    }
    Ok(())
}

/// The shape that a value of numbers states.
pub(super) fn stated(sizes: Indices<'_>) -> Result<Shape, Error> {
    let refused = |size| mismatch(format!("a size of {size}"));
    for i in 0..sizes.len() {
        usize::try_from(sizes.get(i)).map_err(|_| refused(sizes.get(i)))?;
    }
    Shape::build(sizes.len(), |axis| sizes.get(axis) as usize)
}

/// [`Op::ConstantOfShape`](crate::model::plan::ir::Op::ConstantOfShape).
pub(super) fn constant_of_shape(context: &Context<'_>, out: &mut Output) -> Result<(), Error> {
    let (shape, filling) = (stated(context.input(0)?.indices()?)?, context.input(1)?);
    let out = out.make_raw(shape, filling.kind())?;
    by_size!(filling.data.raw(), out, |x, out| match x {
        [x] => out.fill(*x),
        _ => return Err(mismatch(format!("one element is wanted where there are {}", x.len()))),
    });
    Ok(())
}

/// [`Op::Range`](crate::model::plan::ir::Op::Range).
pub(super) fn range(context: &Context<'_>, out: &mut Output) -> Result<(), Error> {
    let values = [context.input(0)?, context.input(1)?, context.input(2)?];
    let length = |count: i128| {
        let count = usize::try_from(count.max(0)).ok();
        let count = count.ok_or_else(|| Error::new(Code::TooLarge, "a range of too many numbers"))?;
        Shape::new(&[count])
    };
    match values.map(|v| v.data) {
        [Data::F32(&[start]), Data::F32(&[limit]), Data::F32(&[delta])] => {
            let count = ((f64::from(limit) - f64::from(start)) / f64::from(delta)).ceil();
            if count.is_nan() || delta == 0.0 {
                return Err(mismatch(format!("a range from {start} to {limit} by {delta}")));
            }
            for (i, out) in out.make::<f32>(length(count as i128)?)?.iter_mut().enumerate() {
                *out = start + i as f32 * delta;
            }
        }
        [Data::I64(&[start]), Data::I64(&[limit]), Data::I64(&[delta])] => {
            let count = count(start, limit, delta)?;
            for (i, out) in out.make::<i64>(length(count)?)?.iter_mut().enumerate() {
                *out = start.wrapping_add((i as i64).wrapping_mul(delta));
            }
        }
        [Data::I32(&[start]), Data::I32(&[limit]), Data::I32(&[delta])] => {
            let count = count(start.into(), limit.into(), delta.into())?;
            for (i, out) in out.make::<i32>(length(count)?)?.iter_mut().enumerate() {
                *out = start.wrapping_add((i as i32).wrapping_mul(delta));
            }
        }
        _ => return Err(mismatch("a range of what are not three numbers of one kind".into())),
    }
    Ok(())
}

fn count(start: i64, limit: i64, delta: i64) -> Result<i128, Error> {
    if delta == 0 {
        return Err(mismatch(format!("a range from {start} to {limit} by 0")));
    }
    let (span, delta) = (i128::from(limit) - i128::from(start), i128::from(delta));
    let (span, delta) = if delta < 0 { (-span, -delta) } else { (span, delta) };
    // Rounded up.
    Ok(-(-span).div_euclid(delta))
}

/// [`Op::Trilu`](crate::model::plan::ir::Op::Trilu).
pub(super) fn trilu(context: &Context<'_>, upper: bool, out: &mut Output) -> Result<(), Error> {
    let (x, k) = (context.input(0)?, context.optional(1)?);
    let k = k.map_or(Ok(0), |k| k.index())?;
    let &[.., rows, columns] = &x.shape[..] else {
        return Err(mismatch(format!("the triangle of a value of shape {:?}", x.shape)));
    };
    let out = out.make_raw(x.shape, x.kind())?;
    by_size!(x.data.raw(), out, |x, out| triangle(x, out, (rows, columns), (upper, k)));
    Ok(())
}

fn triangle<T: Pod>(x: &[T], out: &mut [T], (rows, columns): (usize, usize), (upper, k): (bool, i64)) {
    if columns == 0 {
        return;
    }
    for (i, (x, out)) in x.chunks_exact(columns).zip(out.chunks_exact_mut(columns)).enumerate() {
        // The first column on or past the diagonal, and the first past it.
        let diagonal = k.saturating_add((i % rows) as i64);
        let from = diagonal.clamp(0, columns as i64) as usize;
        let past = diagonal.saturating_add(1).clamp(0, columns as i64) as usize;
        let kept = if upper { from..columns } else { 0..past };
        out.fill(T::zeroed());
        out[kept.clone()].copy_from_slice(&x[kept]);
    }
}
