//! Products with constant weights.

use rayon::prelude::*;
use trueline_kernels::linear_f32::Epilogue;
use trueline_kernels::linear_i8::row_len;
use trueline_kernels::{self as kernels, Isa, linear_f32, linear_i8, quantise_rows, quantise_rows_static};

use crate::Error;
use crate::model::plan::data::View;
use crate::model::plan::ir::{ABSENT, Activation, Id, Linear, Rows, Weights};
use crate::model::plan::operator::{Context, Output, Scratch};
use crate::model::plan::shape::{Shape, mismatch};
use crate::model::plan::threads::Workers;

/// [`Op::Linear`](crate::model::plan::ir::Op::Linear).
pub(super) fn linear(
    context: &Context<'_>,
    op: &Linear,
    out: &mut Output,
    scratch: &mut Scratch,
) -> Result<(), Error> {
    let product = Product::of(context, op)?;
    let (shape, x) = product.rows(&context.input(0)?)?;
    let epilogue = Epilogue { residual: residual(context, op, shape)?, ..product.epilogue };
    let out = out.make::<f32>(shape)?;
    match product.packed {
        Packed::F32(weights) => in_f32(context.isa, context.workers, x, weights, epilogue, out),
        Packed::I8(weights, ..) => {
            let quantise = product.quantise(context.repeats, x)?.map(|quantise| (x, quantise));
            in_i8(context.isa, context.workers, quantise, weights, epilogue, (out, scratch))?;
        }
    }
    Ok(())
}

/// The value that is added last, of the output's shape.
pub(super) fn residual<'a>(
    context: &Context<'a>,
    op: &Linear,
    shape: Shape,
) -> Result<Option<&'a [f32]>, Error> {
    if !op.residual {
        return Ok(None);
    }
    let residual = context.input(1)?;
    if residual.shape != shape {
        return Err(mismatch(format!("a residual of shape {:?} for {shape:?}", residual.shape)));
    }
    residual.f32s().map(Some)
}

/// What a product has of the plan, as the kernels take it.
pub(super) struct Product<'a> {
    k: usize,
    n: usize,
    packed: Packed<'a>,
    /// Without a residual, which is a text's own.
    epilogue: Epilogue<'a>,
}

#[derive(Clone, Copy)]
enum Packed<'a> {
    F32(linear_f32::Weights<'a>),
    /// With how rows become bytes, and their factors.
    I8(linear_i8::Weights<'a>, &'a Rows, Option<&'a [f32]>),
}

impl<'a> Product<'a> {
    /// The constants of the context's step.
    pub(super) fn of(context: &Context<'a>, op: &'a Linear) -> Result<Self, Error> {
        let (k, n) = (op.k as usize, op.n as usize);
        let constant = |id: Id| if id == ABSENT { Ok(None) } else { context.value(id)?.f32s().map(Some) };
        let activation = match (op.activation, &op.weights) {
            // What becomes bytes again is as good with less.
            (Activation::Gelu, Weights::I8 { rows: Rows::Dynamic { .. }, .. }) => {
                kernels::Activation::GeluShort
            }
            (activation, _) => of_kernels(activation),
        };
        let packed = match &op.weights {
            Weights::F32 { packed } => {
                Packed::F32(linear_f32::Weights { packed: context.value(*packed)?.f32s()?, k, n })
            }
            Weights::I8 { packed, scales, sums, rows } => {
                let weights = linear_i8::Weights {
                    packed: context.value(*packed)?.i8s()?,
                    k,
                    n,
                    scales: context.value(*scales)?.f32s()?,
                    sums: context.value(*sums)?.i32s()?,
                };
                let factors = match *rows {
                    Rows::Dynamic { factors } => constant(factors)?,
                    _ => None,
                };
                Packed::I8(weights, rows, factors)
            }
        };
        let epilogue = Epilogue { bias: constant(op.bias)?, activation, residual: None };
        Ok(Self { k, n, packed, epilogue })
    }

    /// Output features.
    pub(super) fn width(&self) -> usize {
        self.n
    }

    /// The shape of what is made of `x`, and its numbers.
    pub(super) fn rows<'x>(&self, x: &View<'x>) -> Result<(Shape, &'x [f32]), Error> {
        match x.shape.rank().checked_sub(1).filter(|&last| x.shape[last] == self.k) {
            Some(last) => Ok((x.shape.with(last, self.n)?, x.f32s()?)),
            None => Err(mismatch(format!("{} features of a value of shape {:?}", self.k, x.shape))),
        }
    }

    /// How the numbers of a text become bytes; `None` if they have.
    fn quantise(&self, repeats: bool, x: &[f32]) -> Result<Option<Quantise<'a>>, Error> {
        Ok(match self.packed {
            Packed::I8(_, rows, factors) if !repeats => Some(match *rows {
                Rows::Dynamic { .. } => Quantise::Dynamic(factors),
                Rows::Static { scale, zero, signed } => Quantise::Static { scale, zero, signed },
                Rows::Whole => whole(x)?,
            }),
            _ => None,
        })
    }

    /// Puts the rows of one text where [`Product::multiply`] takes those of all: from row `first` on, of `all` rows. With
    /// `repeats` the step before has put them there.
    pub(super) fn put(
        &self,
        isa: Isa,
        repeats: bool,
        x: &[f32],
        (first, all): (usize, usize),
        scratch: &mut Scratch,
    ) -> Result<(), Error> {
        let (k, len) = (self.k, row_len(self.k));
        if let Packed::F32(_) = self.packed {
            scratch.floats.room::<f32>(all * k)?[first * k..][..x.len()].copy_from_slice(x);
        } else if let Some(quantise) = self.quantise(repeats, x)? {
            let m = x.len() / k;
            let bytes = &mut scratch.bytes.room::<u8>(all * len)?[first * len..][..m * len];
            let scales = &mut scratch.scales.room::<f32>(all)?[first..][..m];
            let zeros = &mut scratch.zeros.room::<i32>(all)?[first..][..m];
            quantise.run(isa, x, k, bytes, scales, zeros);
        }
        Ok(())
    }

    /// The product of all rows that were put, in `scratch.scores`; without a residual.
    pub(super) fn multiply(
        &self,
        isa: Isa,
        workers: Workers,
        all: usize,
        scratch: &mut Scratch,
    ) -> Result<(), Error> {
        // Not used by a product otherwise; taken so that the rest can be lent at the same time.
        let mut out = std::mem::take(&mut scratch.scores);
        let result = out.room::<f32>(all.saturating_mul(self.n)).and_then(|out| match self.packed {
            Packed::F32(weights) => {
                let x = scratch.floats.room::<f32>(all * self.k)?;
                in_f32(isa, workers, x, weights, self.epilogue, out);
                Ok(())
            }
            Packed::I8(weights, ..) => in_i8(isa, workers, None, weights, self.epilogue, (out, scratch)),
        });
        scratch.scores = out;
        result
    }
}

pub(super) fn of_kernels(activation: Activation) -> kernels::Activation {
    match activation {
        Activation::None => kernels::Activation::None,
        Activation::Relu => kernels::Activation::Relu,
        Activation::Gelu => kernels::Activation::Gelu,
        Activation::GeluTanh => kernels::Activation::GeluTanh,
        Activation::Tanh => kernels::Activation::Tanh,
        Activation::Sigmoid => kernels::Activation::Sigmoid,
        Activation::Silu => kernels::Activation::Silu,
    }
}

/// The part of an epilogue that is for rows from `first` on.
fn part<'a>(epilogue: Epilogue<'a>, first: usize, out: &[f32], n: usize) -> Epilogue<'a> {
    let residual = epilogue.residual.map(|residual| &residual[first * n..][..out.len()]);
    Epilogue { residual, ..epilogue }
}

/// `x` times weights, rows shared between threads.
pub(super) fn in_f32(
    isa: Isa,
    workers: Workers,
    x: &[f32],
    weights: linear_f32::Weights<'_>,
    epilogue: Epilogue<'_>,
    out: &mut [f32],
) {
    let linear_f32::Weights { k, n, .. } = weights;
    let m = out.len().checked_div(n).unwrap_or(0);
    let rows = workers.rows_at_a_time(m, k * n);
    if rows >= m {
        return kernels::linear_f32(isa, x, weights, epilogue, out);
    }
    out.par_chunks_mut(rows * n).enumerate().for_each(|(i, out)| {
        let x = &x[i * rows * k..][..out.len() / n * k];
        kernels::linear_f32(isa, x, weights, part(epilogue, i * rows, out, n), out);
    });
}

/// How rows become bytes.
#[derive(Clone, Copy)]
enum Quantise<'a> {
    Dynamic(Option<&'a [f32]>),
    Static { scale: f32, zero: i32, signed: bool },
}

/// The scale and the zero point of DynamicQuantizeLinear.
fn whole<'a>(x: &[f32]) -> Result<Quantise<'a>, Error> {
    let (low, high) = x.iter().fold((0.0_f32, 0.0_f32), |(low, high), &x| (low.min(x), high.max(x)));
    let scale = (high - low) / 255.0;
    if !scale.is_finite() || x.iter().any(|x| x.is_nan()) {
        return Err(mismatch(format!("numbers from {low} to {high} as bytes of one scale")));
    }
    // Nothing but 0, or a range too small for a scale.
    let scale = if scale > 0.0 { scale } else { 1.0 };
    let zero = (-low / scale).round_ties_even().clamp(0.0, 255.0) as i32;
    Ok(Quantise::Static { scale, zero, signed: false })
}

impl Quantise<'_> {
    fn run(self, isa: Isa, x: &[f32], k: usize, bytes: &mut [u8], scales: &mut [f32], zeros: &mut [i32]) {
        match self {
            Self::Dynamic(factors) => quantise_rows(isa, x, k, factors, bytes, scales, zeros),
            Self::Static { scale, zero, signed } => {
                quantise_rows_static(isa, x, k, scale, zero, signed, bytes, scales, zeros);
            }
        }
    }
}

/// Rows as bytes times weights, rows shared between threads. Without `x` the bytes are there already.
fn in_i8(
    isa: Isa,
    workers: Workers,
    x: Option<(&[f32], Quantise<'_>)>,
    weights: linear_i8::Weights<'_>,
    epilogue: Epilogue<'_>,
    (out, scratch): (&mut [f32], &mut Scratch),
) -> Result<(), Error> {
    let linear_i8::Weights { k, n, .. } = weights;
    let (m, len) = (out.len().checked_div(n).unwrap_or(0), row_len(k));
    let bytes = scratch.bytes.room::<u8>(m * len)?;
    let (scales, zeros) = (scratch.scales.room::<f32>(m)?, scratch.zeros.room::<i32>(m)?);
    let product = |first: usize, out: &mut [f32], bytes: &mut [u8], scales: &mut [f32], zeros: &mut [i32]| {
        if let Some((x, quantise)) = x {
            quantise.run(isa, &x[first * k..][..scales.len() * k], k, bytes, scales, zeros);
        }
        let rows = linear_i8::Rows { bytes, scales, zeros };
        kernels::linear_i8(isa, rows, weights, part(epilogue, first, out, n), out);
    };
    let rows = workers.rows_at_a_time(m, k * n);
    if rows >= m {
        product(0, out, bytes, scales, zeros);
        return Ok(());
    }
    let parts = out.par_chunks_mut(rows * n).zip(bytes.par_chunks_mut(rows * len));
    let parts = parts.zip(scales.par_chunks_mut(rows)).zip(zeros.par_chunks_mut(rows));
    parts.enumerate().for_each(|(i, (((out, bytes), scales), zeros))| {
        product(i * rows, out, bytes, scales, zeros);
    });
    Ok(())
}
