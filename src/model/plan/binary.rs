//! Operators on pairs of elements.

use crate::Error;
use crate::model::plan::data::{Data, View};
use crate::model::plan::ir::{Binary, Kind};
use crate::model::plan::operator::{Context, Element, Output};
use crate::model::plan::shape::{Shape, mismatch};
use crate::model::plan::walk::{Walk, map, zip};

/// [`Op::Binary`](crate::model::plan::ir::Op::Binary).
pub(super) fn binary(context: &Context<'_>, op: Binary, out: &mut Output) -> Result<(), Error> {
    let (a, b) = (context.input(0)?, context.input(1)?);
    let shape = a.shape.broadcast(&b.shape)?;
    let walk = Walk::broadcast(&shape, [&a.shape, &b.shape]);
    let pair = Pair { context, walk, a, b };
    match op {
        Binary::Add | Binary::Sub | Binary::Mul | Binary::Div | Binary::Min | Binary::Max | Binary::Mod => {
            match (a.data, b.data) {
                (Data::F32(x), Data::F32(y)) => arithmetic(&pair, op, (x, y), out.make(shape)?),
                (Data::I64(x), Data::I64(y)) => arithmetic(&pair, op, (x, y), out.make(shape)?),
                (Data::I32(x), Data::I32(y)) => arithmetic(&pair, op, (x, y), out.make(shape)?),
                (Data::U8(x), Data::U8(y)) => arithmetic(&pair, op, (x, y), out.make(shape)?),
                (Data::I8(x), Data::I8(y)) => arithmetic(&pair, op, (x, y), out.make(shape)?),
                _ => Err(pair.refused(op)),
            }
        }
        Binary::Pow => power(&pair, shape, out),
        Binary::And | Binary::Or => {
            let (x, y) = (a.bools()?, b.bools()?);
            let out = bools(out, shape)?;
            if op == Binary::And {
                pair.zip(x, y, out, |x, y| x & y)
            } else {
                pair.zip(x, y, out, |x, y| x | y)
            }
            Ok(())
        }
        Binary::Equal | Binary::Less | Binary::LessOrEqual | Binary::Greater | Binary::GreaterOrEqual => {
            let out = bools(out, shape)?;
            match (a.data, b.data) {
                (Data::F32(x), Data::F32(y)) => compare(&pair, op, (x, y), out),
                (Data::I64(x), Data::I64(y)) => compare(&pair, op, (x, y), out),
                (Data::I32(x), Data::I32(y)) => compare(&pair, op, (x, y), out),
                (Data::U8(x), Data::U8(y)) => compare(&pair, op, (x, y), out),
                (Data::I8(x), Data::I8(y)) => compare(&pair, op, (x, y), out),
                (Data::Bool(x), Data::Bool(y)) if op == Binary::Equal => compare(&pair, op, (x, y), out),
                _ => return Err(pair.refused(op)),
            }
            Ok(())
        }
    }
}

/// Two values that are run through together.
struct Pair<'a> {
    context: &'a Context<'a>,
    walk: Walk<2>,
    a: View<'a>,
    b: View<'a>,
}

impl Pair<'_> {
    fn zip<A: Copy + Sync, B: Copy + Sync, U: Copy + Send>(
        &self,
        a: &[A],
        b: &[B],
        out: &mut [U],
        f: impl Fn(A, B) -> U + Sync,
    ) {
        zip(self.context.workers, &self.walk, (a, b), out, f);
    }

    fn refused(&self, op: Binary) -> Error {
        mismatch(format!("{op:?} of {:?} and {:?}", self.a.kind(), self.b.kind()))
    }
}

fn bools(out: &mut Output, shape: Shape) -> Result<&mut [u8], Error> {
    if out.kind() != Kind::Bool {
        return Err(mismatch(format!("truth values are to become {:?}", out.kind())));
    }
    out.make(shape)
}

/// Numbers of one kind. Integers wrap.
trait Number: Element + PartialOrd + Send + Sync {
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    fn div(self, other: Self) -> Self;
    fn rem(self, other: Self) -> Self;
    fn min(self, other: Self) -> Self;
    fn max(self, other: Self) -> Self;
    /// Whether nothing can be divided by it.
    fn is_no_divisor(self) -> bool;
}

impl Number for f32 {
    fn add(self, other: Self) -> Self {
        self + other
    }
    fn sub(self, other: Self) -> Self {
        self - other
    }
    fn mul(self, other: Self) -> Self {
        self * other
    }
    fn div(self, other: Self) -> Self {
        self / other
    }
    fn rem(self, other: Self) -> Self {
        self % other
    }
    // `other` if a comparison with NaN fails, which is right if `other` is the NaN.
    fn min(self, other: Self) -> Self {
        if self < other || self.is_nan() { self } else { other }
    }
    fn max(self, other: Self) -> Self {
        if self > other || self.is_nan() { self } else { other }
    }
    fn is_no_divisor(self) -> bool {
        false
    }
}

macro_rules! integers {
    ($($type:ty)*) => {
        $(impl Number for $type {
            fn add(self, other: Self) -> Self {
                self.wrapping_add(other)
            }
            fn sub(self, other: Self) -> Self {
                self.wrapping_sub(other)
            }
            fn mul(self, other: Self) -> Self {
                self.wrapping_mul(other)
            }
            fn div(self, other: Self) -> Self {
                self.wrapping_div(other)
            }
            // The sign of the divisor. `%` has the sign of the dividend.
            fn rem(self, other: Self) -> Self {
                let rest = self.wrapping_rem(other);
                #[allow(unused_comparisons)]
                if rest != 0 && (rest < 0) != (other < 0) { rest.wrapping_add(other) } else { rest }
            }
            fn min(self, other: Self) -> Self {
                Ord::min(self, other)
            }
            fn max(self, other: Self) -> Self {
                Ord::max(self, other)
            }
            fn is_no_divisor(self) -> bool {
                self == 0
            }
        })*
    };
}

integers!(i64 i32 u8 i8);

fn arithmetic<T: Number>(
    pair: &Pair<'_>,
    op: Binary,
    (x, y): (&[T], &[T]),
    out: &mut [T],
) -> Result<(), Error> {
    match op {
        Binary::Add => pair.zip(x, y, out, T::add),
        Binary::Sub => pair.zip(x, y, out, T::sub),
        Binary::Mul => pair.zip(x, y, out, T::mul),
        Binary::Min => pair.zip(x, y, out, T::min),
        Binary::Max => pair.zip(x, y, out, T::max),
        _ => {
            if !out.is_empty() && y.iter().any(|y| y.is_no_divisor()) {
                return Err(mismatch("an integer is divided by 0".into()));
            }
            if op == Binary::Div { pair.zip(x, y, out, T::div) } else { pair.zip(x, y, out, T::rem) }
        }
    }
    Ok(())
}

fn compare<T: Copy + PartialOrd + Sync>(pair: &Pair<'_>, op: Binary, (x, y): (&[T], &[T]), out: &mut [u8]) {
    match op {
        Binary::Less => pair.zip(x, y, out, |x, y| u8::from(x < y)),
        Binary::LessOrEqual => pair.zip(x, y, out, |x, y| u8::from(x <= y)),
        Binary::Greater => pair.zip(x, y, out, |x, y| u8::from(x > y)),
        Binary::GreaterOrEqual => pair.zip(x, y, out, |x, y| u8::from(x >= y)),
        _ => pair.zip(x, y, out, |x, y| u8::from(x == y)),
    }
}

/// The base's kind is the output's; the exponent may be of another.
fn power(pair: &Pair<'_>, shape: Shape, out: &mut Output) -> Result<(), Error> {
    match (pair.a.data, pair.b.data) {
        (Data::F32(x), Data::F32(&[e])) if out.kind() == Kind::F32 && pair.a.shape == shape => {
            let (workers, out) = (pair.context.workers, out.make(shape)?);
            match e {
                1.0 => map(workers, x, out, |x: f32| x),
                2.0 => map(workers, x, out, |x: f32| x * x),
                3.0 => map(workers, x, out, |x: f32| x * x * x),
                _ => map(workers, x, out, |x| libm::powf(x, e)),
            }
        }
        (Data::F32(x), Data::F32(y)) => pair.zip(x, y, out.make(shape)?, libm::powf),
        (Data::F32(x), Data::I64(y)) => pair.zip(x, y, out.make(shape)?, |x, y| libm::powf(x, y as f32)),
        (Data::F32(x), Data::I32(y)) => pair.zip(x, y, out.make(shape)?, |x, y| libm::powf(x, y as f32)),
        (Data::I64(x), Data::I64(y)) => pair.zip(x, y, out.make(shape)?, whole_power),
        (Data::I64(x), Data::I32(y)) => pair.zip(x, y, out.make(shape)?, |x, y| whole_power(x, y.into())),
        (Data::I64(x), Data::F32(y)) => {
            pair.zip(x, y, out.make(shape)?, |x, y| libm::pow(x as f64, y.into()) as i64);
        }
        (Data::I32(x), Data::I64(y)) => {
            pair.zip(x, y, out.make(shape)?, |x, y| whole_power(x.into(), y) as i32);
        }
        (Data::I32(x), Data::I32(y)) => {
            pair.zip(x, y, out.make(shape)?, |x, y| whole_power(x.into(), y.into()) as i32);
        }
        (Data::I32(x), Data::F32(y)) => {
            pair.zip(x, y, out.make(shape)?, |x, y| libm::pow(x.into(), y.into()) as i32);
        }
        _ => return Err(pair.refused(Binary::Pow)),
    }
    Ok(())
}

/// Wraps. A negative exponent gives what is left towards zero; 0 of 0 too.
fn whole_power(mut base: i64, exponent: i64) -> i64 {
    if exponent < 0 {
        return match base {
            1 => 1,
            -1 if exponent % 2 == 0 => 1,
            -1 => -1,
            _ => 0,
        };
    }
    let (mut power, mut left) = (1_i64, exponent);
    while left > 0 {
        if left % 2 == 1 {
            power = power.wrapping_mul(base);
        }
        base = base.wrapping_mul(base);
        left /= 2;
    }
    power
}
