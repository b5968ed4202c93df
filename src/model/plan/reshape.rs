//! Operators that give the same elements another shape.

use crate::Error;
use crate::model::plan::data::View;
use crate::model::plan::ir::MAX_RANK;
use crate::model::plan::operator::{Context, Output};
use crate::model::plan::shape::{Shape, mismatch};

/// [`Op::Reshape`](crate::model::plan::ir::Op::Reshape).
pub(super) fn reshape(context: &Context<'_>, allow_zero: bool, out: &mut Output) -> Result<(), Error> {
    let (x, wanted) = (context.input(0)?, context.input(1)?.i64s()?);
    let refused = || mismatch(format!("{:?} as {wanted:?}", x.shape));
    let mut left = None;
    let mut sizes = [1; MAX_RANK];
    if wanted.len() > MAX_RANK {
        return Err(refused());
    }
    for (axis, &size) in wanted.iter().enumerate() {
        sizes[axis] = match size {
            -1 if left.replace(axis).is_some() => return Err(refused()),
            -1 => 1,
            0 if !allow_zero => *x.shape.get(axis).ok_or_else(refused)?,
            size => usize::try_from(size).map_err(|_| refused())?,
        };
    }
    let mut shape = Shape::new(&sizes[..wanted.len()])?;
    if let Some(axis) = left {
        let known = shape.volume();
        if known == 0 {
            return Err(refused());
        }
        shape = shape.with(axis, x.data.len() / known)?;
    }
    if shape.volume() != x.data.len() {
        return Err(refused());
    }
    out.make_view(&x, shape, 0)
}

/// Marks the axes that `axes` names in a value of `rank` axes.
pub(super) fn marked(axes: &View<'_>, rank: usize) -> Result<[bool; MAX_RANK], Error> {
    let (axes, all) = (axes.indices()?, Shape::build(rank, |_| 1)?);
    let mut marks = [false; MAX_RANK];
    for i in 0..axes.len() {
        let axis = all.axis(axes.get(i))?;
        if std::mem::replace(&mut marks[axis], true) {
            return Err(mismatch(format!("axis {axis} is named twice")));
        }
    }
    Ok(marks)
}

/// [`Op::Unsqueeze`](crate::model::plan::ir::Op::Unsqueeze).
pub(super) fn unsqueeze(context: &Context<'_>, out: &mut Output) -> Result<(), Error> {
    let (x, axes) = (context.input(0)?, context.input(1)?);
    let rank = x.shape.rank().saturating_add(axes.data.len());
    let marks = marked(&axes, rank)?;
    let mut sizes = x.shape.iter();
    let shape = Shape::build(rank, |axis| if marks[axis] { 1 } else { sizes.next().copied().unwrap_or(1) })?;
    out.make_view(&x, shape, 0)
}

/// [`Op::Squeeze`](crate::model::plan::ir::Op::Squeeze).
pub(super) fn squeeze(context: &Context<'_>, out: &mut Output) -> Result<(), Error> {
    let (x, axes) = (context.input(0)?, context.optional(1)?);
    let mut gone = [false; MAX_RANK];
    match axes {
        Some(axes) => gone = marked(&axes, x.shape.rank())?,
        None => {
            for (gone, &size) in gone.iter_mut().zip(x.shape.iter()) {
                *gone = size == 1;
            }
        }
    }
    let mut sizes = [0; MAX_RANK];
    let mut rank = 0;
    for (axis, &size) in x.shape.iter().enumerate() {
        if !gone[axis] {
            sizes[rank] = size;
            rank += 1;
        } else if size != 1 {
            return Err(mismatch(format!("axis {axis} of {:?} is not of size 1", x.shape)));
        }
    }
    out.make_view(&x, Shape::new(&sizes[..rank])?, 0)
}

/// [`Op::Identity`](crate::model::plan::ir::Op::Identity).
pub(super) fn identity(context: &Context<'_>, out: &mut Output) -> Result<(), Error> {
    let x = context.input(0)?;
    out.make_view(&x, x.shape, 0)
}

/// [`Op::Flatten`](crate::model::plan::ir::Op::Flatten).
pub(super) fn flatten(context: &Context<'_>, axis: i32, out: &mut Output) -> Result<(), Error> {
    let x = context.input(0)?;
    // The axis past the last is allowed too.
    let axis = if axis == x.shape.rank() as i32 { x.shape.rank() } else { x.shape.axis(axis.into())? };
    let (before, after) = x.shape.split_at(axis);
    out.make_view(&x, Shape::new(&[before.iter().product(), after.iter().product()])?, 0)
}
