//! Operators that make one element of many along axes.

use crate::Error;
use crate::model::plan::data::{Data, View};
use crate::model::plan::ir::{MAX_RANK, Reduce};
use crate::model::plan::operator::{Context, Element, Output, by_size};
use crate::model::plan::reshape::marked;
use crate::model::plan::shape::{Shape, mismatch};
use crate::model::plan::walk::Walk;

/// Partial results that a stretch is folded through, so that one does not wait for the one before.
const LANES: usize = 16;

/// [`Op::Reduce`](crate::model::plan::ir::Op::Reduce).
pub(super) fn reduce(
    context: &Context<'_>,
    op: Reduce,
    keep: bool,
    noop_if_empty: bool,
    out: &mut Output,
) -> Result<(), Error> {
    let (x, axes) = (context.input(0)?, context.optional(1)?);
    let rank = x.shape.rank();
    let mut gone = [false; MAX_RANK];
    match axes {
        Some(axes) if !axes.data.is_empty() => gone = marked(&axes, rank)?,
        _ if noop_if_empty => {
            by_size!(x.data.raw(), out.make_raw(x.shape, x.kind())?, |x, out| out.copy_from_slice(x));
            return Ok(());
        }
        _ => gone[..rank].fill(true),
    }
    let folds = Folds::new(&x.shape, gone, keep)?;
    match x.data {
        Data::F32(from) => run(&folds, op, from, out),
        Data::I64(from) => run(&folds, op, from, out),
        Data::I32(from) => run(&folds, op, from, out),
        Data::U8(from) => run(&folds, op, from, out),
        Data::I8(from) => run(&folds, op, from, out),
        Data::Bool(_) => Err(mismatch(format!("{op:?} of Bool"))),
    }
}

/// Which elements go into which.
struct Folds {
    shape: Shape,
    /// Where each element of the input goes.
    walk: Walk<1>,
    /// How many go into one.
    count: usize,
}

impl Folds {
    fn new(x: &Shape, gone: [bool; MAX_RANK], keep: bool) -> Result<Self, Error> {
        let kept = Shape::build(x.rank(), |axis| if gone[axis] { 1 } else { x[axis] })?;
        let own = kept.strides();
        let strides = std::array::from_fn(|axis| if gone[axis] { 0 } else { own[axis] as isize });
        let walk = Walk::strided(x, [strides], [0]);
        let count = (0..x.rank()).filter(|&axis| gone[axis]).map(|axis| x[axis]).product();
        let mut left = (0..x.rank()).filter(|&axis| !gone[axis]).map(|axis| x[axis]);
        let shape = if keep {
            kept
        } else {
            let n = left.clone().count();
            Shape::build(n, |_| left.next().unwrap_or(1))?
        };
        Ok(Self { shape, walk, count })
    }

    fn each<T: Copy>(
        &self,
        x: &[T],
        out: &mut [T],
        identity: T,
        value: impl Fn(T) -> T,
        join: impl Fn(T, T) -> T,
    ) {
        out.fill(identity);
        let [stride] = self.walk.inner();
        self.walk.rows(0..x.len(), |range, [at]| {
            let x = &x[range];
            if stride == 0 {
                let (blocks, rest) = x.as_chunks::<LANES>();
                let mut lanes = [identity; LANES];
                for block in blocks {
                    for (lane, &x) in lanes.iter_mut().zip(block) {
                        *lane = join(*lane, value(x));
                    }
                }
                for (lane, &x) in lanes.iter_mut().zip(rest) {
                    *lane = join(*lane, value(x));
                }
                let mut width = LANES;
                while width > 1 {
                    width /= 2;
                    for i in 0..width {
                        lanes[i] = join(lanes[i], lanes[i + width]);
                    }
                }
                out[at] = join(out[at], lanes[0]);
            } else {
                for (out, &x) in out[at..].iter_mut().zip(x) {
                    *out = join(*out, value(x));
                }
            }
        });
    }
}

/// Numbers that can be added up.
trait Total: Element {
    const ZERO: Self;
    const ONE: Self;
    const LEAST: Self;
    const MOST: Self;
    fn plus(self, other: Self) -> Self;
    fn times(self, other: Self) -> Self;
    fn least(self, other: Self) -> Self;
    fn most(self, other: Self) -> Self;
    /// `None` if there is nothing to divide by, or integers have no such result.
    fn over(self, count: usize) -> Option<Self>;
    fn root(self) -> Option<Self>;
}

impl Total for f32 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
    const LEAST: Self = f32::NEG_INFINITY;
    const MOST: Self = f32::INFINITY;
    fn plus(self, other: Self) -> Self {
        self + other
    }
    fn times(self, other: Self) -> Self {
        self * other
    }
    fn least(self, other: Self) -> Self {
        if self < other || self.is_nan() { self } else { other }
    }
    fn most(self, other: Self) -> Self {
        if self > other || self.is_nan() { self } else { other }
    }
    fn over(self, count: usize) -> Option<Self> {
        Some(self / count as f32)
    }
    fn root(self) -> Option<Self> {
        Some(self.sqrt())
    }
}

macro_rules! integers {
    ($($type:ty)*) => {
        $(impl Total for $type {
            const ZERO: Self = 0;
            const ONE: Self = 1;
            const LEAST: Self = <$type>::MIN;
            const MOST: Self = <$type>::MAX;
            fn plus(self, other: Self) -> Self {
                self.wrapping_add(other)
            }
            fn times(self, other: Self) -> Self {
                self.wrapping_mul(other)
            }
            fn least(self, other: Self) -> Self {
                self.min(other)
            }
            fn most(self, other: Self) -> Self {
                self.max(other)
            }
            fn over(self, count: usize) -> Option<Self> {
                // A count that the type cannot hold is more than any sum of it.
                if count == 0 { None } else { Some(<$type>::try_from(count).map_or(0, |count| self / count)) }
            }
            fn root(self) -> Option<Self> {
                None
            }
        })*
    };
}

integers!(i64 i32 u8 i8);

fn run<T: Total>(folds: &Folds, op: Reduce, x: &[T], out: &mut Output) -> Result<(), Error> {
    let out = out.make::<T>(folds.shape)?;
    match op {
        Reduce::Sum | Reduce::Mean => folds.each(x, out, T::ZERO, |x| x, T::plus),
        Reduce::Max => folds.each(x, out, T::LEAST, |x| x, T::most),
        Reduce::Min => folds.each(x, out, T::MOST, |x| x, T::least),
        Reduce::Prod => folds.each(x, out, T::ONE, |x| x, T::times),
        Reduce::L2 | Reduce::SumSquare => folds.each(x, out, T::ZERO, |x| x.times(x), T::plus),
    }
    let refused = || mismatch(format!("{op:?} of {} integers", folds.count));
    for out in out.iter_mut() {
        match op {
            Reduce::Mean => *out = out.over(folds.count).ok_or_else(refused)?,
            Reduce::L2 => *out = out.root().ok_or_else(refused)?,
            _ => break,
        }
    }
    Ok(())
}

/// [`Op::ArgMax`](crate::model::plan::ir::Op::ArgMax).
pub(super) fn arg_max(context: &Context<'_>, axis: i32, keep: bool, out: &mut Output) -> Result<(), Error> {
    let x = context.input(0)?;
    let axis = x.shape.axis(axis.into())?;
    let mut gone = [false; MAX_RANK];
    gone[axis] = true;
    let shape = Folds::new(&x.shape, gone, keep)?.shape;
    if x.shape[axis] == 0 {
        return Err(mismatch(format!("the largest along axis {axis} of {:?}", x.shape)));
    }
    let (around, out) = (x.shape.around(axis), out.make::<i64>(shape)?);
    match x.data {
        Data::F32(x) => largest(x, around, out),
        Data::I64(x) => largest(x, around, out),
        Data::I32(x) => largest(x, around, out),
        Data::Bool(x) | Data::U8(x) => largest(x, around, out),
        Data::I8(x) => largest(x, around, out),
    }
    Ok(())
}

/// NaN is never the largest; where all are, the first is.
fn largest<T: Copy + PartialOrd>(x: &[T], [_, size, inner]: [usize; 3], out: &mut [i64]) {
    if inner == 0 {
        return;
    }
    for (x, out) in x.chunks_exact(size * inner).zip(out.chunks_exact_mut(inner)) {
        for (column, out) in out.iter_mut().enumerate() {
            let mut best = 0;
            for i in 1..size {
                let (new, old) = (x[i * inner + column], x[best * inner + column]);
                #[expect(clippy::eq_op)] // Only NaN differs from itself.
                if new > old || (old != old && new == new) {
                    best = i;
                }
            }
            *out = best as i64;
        }
    }
}

/// [`Op::CumSum`](crate::model::plan::ir::Op::CumSum).
pub(super) fn cum_sum(
    context: &Context<'_>,
    exclusive: bool,
    reverse: bool,
    out: &mut Output,
) -> Result<(), Error> {
    let (x, axis) = (context.input(0)?, context.input(1)?.index()?);
    let around = x.shape.around(x.shape.axis(axis)?);
    let View { shape, data } = x;
    match data {
        Data::F32(x) => sums(x, around, (exclusive, reverse), out.make(shape)?),
        Data::I64(x) => sums(x, around, (exclusive, reverse), out.make(shape)?),
        Data::I32(x) => sums(x, around, (exclusive, reverse), out.make(shape)?),
        _ => return Err(mismatch(format!("running sums of {:?}", x.kind()))),
    }
    Ok(())
}

fn sums<T: Total>(x: &[T], [_, size, inner]: [usize; 3], (exclusive, reverse): (bool, bool), out: &mut [T]) {
    if size * inner == 0 {
        return;
    }
    for (x, out) in x.chunks_exact(size * inner).zip(out.chunks_exact_mut(size * inner)) {
        for column in 0..inner {
            let mut sum = T::ZERO;
            for i in 0..size {
                let at = if reverse { size - 1 - i } else { i } * inner + column;
                let with = sum.plus(x[at]);
                out[at] = if exclusive { sum } else { with };
                sum = with;
            }
        }
    }
}
