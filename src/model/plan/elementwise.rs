//! Operators on single elements, and the choice between two values.

use bytemuck::Pod;
use trueline_kernels::{Isa, activation_f32, erf_f32, exp_f32};

use crate::Error;
use crate::model::plan::data::{Data, View};
use crate::model::plan::ir::{Activation, Kind, Unary};
use crate::model::plan::linear::of_kernels;
use crate::model::plan::operator::{Context, Element, Output, by_size};
use crate::model::plan::shape::mismatch;
use crate::model::plan::walk::{Walk, map};

/// [`Op::Unary`](crate::model::plan::ir::Op::Unary).
pub(super) fn unary(context: &Context<'_>, op: Unary, out: &mut Output) -> Result<(), Error> {
    let x = context.input(0)?;
    match op {
        Unary::Neg | Unary::Abs | Unary::Sign => signed(context, op, &x, out),
        Unary::Not => {
            let from = x.bools()?;
            map(context.workers, from, kept_as::<u8>(out, &x, Kind::Bool)?, |x| u8::from(x == 0));
            Ok(())
        }
        Unary::IsNan => {
            let from = x.f32s()?;
            map(context.workers, from, kept_as::<u8>(out, &x, Kind::Bool)?, |x| u8::from(x.is_nan()));
            Ok(())
        }
        Unary::Sqrt => floats(context, &x, out, f32::sqrt),
        Unary::Reciprocal => floats(context, &x, out, |x| 1.0 / x),
        Unary::Exp => kernel(context, &x, out, exp_f32),
        Unary::Log => floats(context, &x, out, libm::logf),
        Unary::Erf => kernel(context, &x, out, erf_f32),
        Unary::Sin => floats(context, &x, out, libm::sinf),
        Unary::Cos => floats(context, &x, out, libm::cosf),
        Unary::Floor => floats(context, &x, out, f32::floor),
        Unary::Ceil => floats(context, &x, out, f32::ceil),
        Unary::Round => floats(context, &x, out, f32::round_ties_even),
        Unary::Activation(activation) => activate(context, activation, &x, out),
    }
}

/// Room of the shape of `x` for elements of this kind.
fn kept_as<'a, T: Element>(out: &'a mut Output, x: &View<'_>, kind: Kind) -> Result<&'a mut [T], Error> {
    if out.kind() != kind {
        return Err(mismatch(format!("the output is of kind {:?}, not {kind:?}", out.kind())));
    }
    out.make(x.shape)
}

fn floats(
    context: &Context<'_>,
    x: &View<'_>,
    out: &mut Output,
    f: impl Fn(f32) -> f32 + Sync,
) -> Result<(), Error> {
    map(context.workers, x.f32s()?, kept_as(out, x, Kind::F32)?, f);
    Ok(())
}

fn kernel(
    context: &Context<'_>,
    x: &View<'_>,
    out: &mut Output,
    kernel: fn(Isa, &[f32], &mut [f32]),
) -> Result<(), Error> {
    let (from, out) = (x.f32s()?, kept_as::<f32>(out, x, Kind::F32)?);
    context.workers.over_elements(out, |first, out| kernel(context.isa, &from[first..][..out.len()], out));
    Ok(())
}

fn activate(
    context: &Context<'_>,
    activation: Activation,
    x: &View<'_>,
    out: &mut Output,
) -> Result<(), Error> {
    let (from, out) = (x.f32s()?, kept_as::<f32>(out, x, Kind::F32)?);
    context.workers.over_elements(out, |first, out| {
        out.copy_from_slice(&from[first..][..out.len()]);
        activation_f32(context.isa, of_kernels(activation), out);
    });
    Ok(())
}

/// Numbers that have a sign.
trait Signed: Element + Send + Sync {
    fn negated(self) -> Self;
    fn size(self) -> Self;
    fn sign(self) -> Self;
}

impl Signed for f32 {
    fn negated(self) -> Self {
        -self
    }
    fn size(self) -> Self {
        self.abs()
    }
    fn sign(self) -> Self {
        if self > 0.0 {
            1.0
        } else if self < 0.0 {
            -1.0
        } else {
            self
        }
    }
}

macro_rules! signed_integers {
    ($($type:ty)*) => {
        $(impl Signed for $type {
            fn negated(self) -> Self {
                self.wrapping_neg()
            }
            fn size(self) -> Self {
                self.wrapping_abs()
            }
            fn sign(self) -> Self {
                self.signum()
            }
        })*
    };
}

signed_integers!(i64 i32 i8);

fn signed(context: &Context<'_>, op: Unary, x: &View<'_>, out: &mut Output) -> Result<(), Error> {
    fn run<T: Signed>(
        context: &Context<'_>,
        op: Unary,
        (x, from): (&View<'_>, &[T]),
        out: &mut Output,
    ) -> Result<(), Error> {
        let out = kept_as::<T>(out, x, x.kind())?;
        match op {
            Unary::Neg => map(context.workers, from, out, T::negated),
            Unary::Abs => map(context.workers, from, out, T::size),
            _ => map(context.workers, from, out, T::sign),
        }
        Ok(())
    }
    match x.data {
        Data::F32(from) => run(context, op, (x, from), out),
        Data::I64(from) => run(context, op, (x, from), out),
        Data::I32(from) => run(context, op, (x, from), out),
        Data::I8(from) => run(context, op, (x, from), out),
        Data::Bool(_) | Data::U8(_) => Err(mismatch(format!("{op:?} of {:?}", x.kind()))),
    }
}

/// [`Op::Where`](crate::model::plan::ir::Op::Where).
pub(super) fn select(context: &Context<'_>, out: &mut Output) -> Result<(), Error> {
    let (condition, a, b) = (context.input(0)?, context.input(1)?, context.input(2)?);
    let holds = condition.bools()?;
    if a.kind() != b.kind() {
        return Err(mismatch(format!("a choice between {:?} and {:?}", a.kind(), b.kind())));
    }
    let shape = condition.shape.broadcast(&a.shape)?.broadcast(&b.shape)?;
    let walk = Walk::broadcast(&shape, [&condition.shape, &a.shape, &b.shape]);
    let out = out.make_raw(shape, a.kind())?;
    by_size!(a.data.raw(), out, |a, out| choose(
        context,
        &walk,
        (holds, a, bytemuck::cast_slice(b.data.bytes())),
        out
    ));
    Ok(())
}

fn choose<T: Pod + Send + Sync>(
    context: &Context<'_>,
    walk: &Walk<3>,
    (holds, a, b): (&[u8], &[T], &[T]),
    out: &mut [T],
) {
    context.workers.over_elements(out, |first, out| {
        walk.rows(first..first + out.len(), |range, [c, i, j]| {
            let n = range.len();
            let out = &mut out[range.start - first..][..n];
            match walk.inner() {
                [1, 1, 1] => {
                    for (((out, &c), &a), &b) in
                        out.iter_mut().zip(&holds[c..][..n]).zip(&a[i..][..n]).zip(&b[j..][..n])
                    {
                        *out = if c != 0 { a } else { b };
                    }
                }
                [1, 0, 0] => {
                    let (a, b) = (a[i], b[j]);
                    for (out, &c) in out.iter_mut().zip(&holds[c..][..n]) {
                        *out = if c != 0 { a } else { b };
                    }
                }
                [1, 1, 0] => {
                    let b = b[j];
                    for ((out, &c), &a) in out.iter_mut().zip(&holds[c..][..n]).zip(&a[i..][..n]) {
                        *out = if c != 0 { a } else { b };
                    }
                }
                [1, 0, 1] => {
                    let a = a[i];
                    for ((out, &c), &b) in out.iter_mut().zip(&holds[c..][..n]).zip(&b[j..][..n]) {
                        *out = if c != 0 { a } else { b };
                    }
                }
                [_, by_a, by_b] => {
                    let (from, at, step) = if holds[c] != 0 { (a, i, by_a) } else { (b, j, by_b) };
                    if step == 0 {
                        out.fill(from[at]);
                    } else {
                        out.copy_from_slice(&from[at..][..n]);
                    }
                }
            }
        });
    });
}
