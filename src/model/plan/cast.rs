//! From one kind of element to another.

use crate::Error;
use crate::model::plan::data::{Data, View};
use crate::model::plan::ir::Kind;
use crate::model::plan::operator::{Context, Output};
use crate::model::plan::shape::mismatch;
use crate::model::plan::walk::map;

/// Every kind of element of `$x` by `as`, which saturates from floating point and wraps between integers.
macro_rules! by_as {
    ($workers:expr, $x:expr, $out:expr, $to:ty) => {{
        let (workers, out) = ($workers, $out);
        match $x {
            Data::F32(x) => map(workers, x, out, |x| x as $to),
            Data::I64(x) => map(workers, x, out, |x| x as $to),
            Data::I32(x) => map(workers, x, out, |x| x as $to),
            Data::Bool(x) | Data::U8(x) => map(workers, x, out, |x| x as $to),
            Data::I8(x) => map(workers, x, out, |x| x as $to),
        }
    }};
}

/// [`Op::Cast`](crate::model::plan::ir::Op::Cast).
pub(super) fn cast(context: &Context<'_>, out: &mut Output) -> Result<(), Error> {
    let View { shape, data } = context.input(0)?;
    let workers = context.workers;
    match out.kind() {
        Kind::F32 => by_as!(workers, data, out.make(shape)?, f32),
        Kind::I64 => by_as!(workers, data, out.make(shape)?, i64),
        Kind::I32 => by_as!(workers, data, out.make(shape)?, i32),
        Kind::U8 => by_as!(workers, data, out.make(shape)?, u8),
        Kind::I8 => by_as!(workers, data, out.make(shape)?, i8),
        Kind::Bool => {
            let out = out.make(shape)?;
            match data {
                Data::F32(x) => map(workers, x, out, |x| u8::from(x != 0.0)),
                Data::I64(x) => map(workers, x, out, |x| u8::from(x != 0)),
                Data::I32(x) => map(workers, x, out, |x| u8::from(x != 0)),
                Data::Bool(x) | Data::U8(x) => map(workers, x, out, |x| u8::from(x != 0)),
                Data::I8(x) => map(workers, x, out, |x| u8::from(x != 0)),
            }
        }
    }
    Ok(())
}

/// Scales and zero points, and how they belong to the elements of `x`.
struct Steps<'a> {
    scales: &'a [f32],
    zeros: Option<View<'a>>,
    /// Elements after one another that have the same scale.
    run: usize,
}

impl<'a> Steps<'a> {
    fn new(context: &Context<'a>, x: &View<'_>, axis: i32) -> Result<Self, Error> {
        let (scale, zeros) = (context.input(1)?, context.optional(2)?);
        let scales = scale.f32s()?;
        if zeros.is_some_and(|zeros| zeros.data.len() != scales.len()) {
            return Err(mismatch(format!("{} scales, and zero points of another number", scales.len())));
        }
        if scales.len() == 1 {
            return Ok(Self { scales, zeros, run: x.data.len().max(1) });
        }
        let [_, n, inner] = x.shape.around(x.shape.axis(axis.into())?);
        if scales.len() != n {
            return Err(mismatch(format!("{} scales for axis {axis} of {:?}", scales.len(), x.shape)));
        }
        Ok(Self { scales, zeros, run: inner.max(1) })
    }

    fn zero(&self, i: usize) -> i32 {
        match self.zeros.map(|zeros| zeros.data) {
            Some(Data::U8(zeros)) => zeros[i].into(),
            Some(Data::I8(zeros)) => zeros[i].into(),
            Some(Data::I32(zeros)) => zeros[i],
            _ => 0,
        }
    }

    /// Calls `run` for each stretch with one scale.
    fn each<T: Copy, U>(&self, x: &[T], out: &mut [U], mut run: impl FnMut(&[T], &mut [U], f32, i32)) {
        let steps = (0..self.scales.len()).cycle();
        for ((x, out), i) in x.chunks(self.run).zip(out.chunks_mut(self.run)).zip(steps) {
            run(x, out, self.scales[i], self.zero(i));
        }
    }
}

/// [`Op::Quantise`](crate::model::plan::ir::Op::Quantise).
pub(super) fn quantise(context: &Context<'_>, axis: i32, out: &mut Output) -> Result<(), Error> {
    let x = context.input(0)?;
    let (from, steps) = (x.f32s()?, Steps::new(context, &x, axis)?);
    if steps.zeros.is_some_and(|zeros| zeros.kind() != out.kind()) {
        return Err(mismatch(format!("zero points of another kind than {:?}", out.kind())));
    }
    // In `f32`: what is past its whole numbers saturates in any case.
    macro_rules! bytes {
        ($type:ty) => {
            steps.each(from, out.make::<$type>(x.shape)?, |x, out, scale, zero| {
                for (out, &x) in out.iter_mut().zip(x) {
                    *out = ((x / scale).round_ties_even() + zero as f32) as $type;
                }
            })
        };
    }
    match out.kind() {
        Kind::U8 => bytes!(u8),
        Kind::I8 => bytes!(i8),
        kind => return Err(mismatch(format!("quantised to {kind:?}"))),
    }
    Ok(())
}

/// [`Op::Dequantise`](crate::model::plan::ir::Op::Dequantise).
pub(super) fn dequantise(context: &Context<'_>, axis: i32, out: &mut Output) -> Result<(), Error> {
    let x = context.input(0)?;
    let steps = Steps::new(context, &x, axis)?;
    if steps.zeros.is_some_and(|zeros| zeros.kind() != x.kind()) {
        return Err(mismatch(format!("zero points of another kind than {:?}", x.kind())));
    }
    let out = out.make::<f32>(x.shape)?;
    macro_rules! from {
        ($from:expr) => {
            steps.each($from, out, |x, out, scale, zero| {
                for (out, &x) in out.iter_mut().zip(x) {
                    *out = i32::from(x).wrapping_sub(zero) as f32 * scale;
                }
            })
        };
    }
    match x.data {
        Data::U8(from) => from!(from),
        Data::I8(from) => from!(from),
        Data::I32(from) => from!(from),
        _ => return Err(mismatch(format!("dequantised from {:?}", x.kind()))),
    }
    Ok(())
}
