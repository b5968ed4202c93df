//! Products with constant weights.

use rayon::prelude::*;
use trueline_kernels::linear_f32::Epilogue;
use trueline_kernels::linear_i8::row_len;
use trueline_kernels::{self as kernels, Isa, linear_f32, linear_i8, quantise_rows, quantise_rows_static};

use crate::Error;
use crate::model::plan::ir::{ABSENT, Activation, Id, Linear, Rows, Weights};
use crate::model::plan::operator::{Context, Output, Scratch};
use crate::model::plan::shape::mismatch;
use crate::model::plan::threads::Workers;

/// [`Op::Linear`](crate::model::plan::ir::Op::Linear).
pub(super) fn linear(
    context: &Context<'_>,
    op: &Linear,
    out: &mut Output,
    scratch: &mut Scratch,
) -> Result<(), Error> {
    let (k, n) = (op.k as usize, op.n as usize);
    let x = context.input(0)?;
    let Some(last) = x.shape.rank().checked_sub(1).filter(|&last| x.shape[last] == k) else {
        return Err(mismatch(format!("{k} features of a value of shape {:?}", x.shape)));
    };
    let (shape, x) = (x.shape.with(last, n)?, x.f32s()?);
    let constant = |id: Id| if id == ABSENT { Ok(None) } else { context.value(id)?.f32s().map(Some) };
    let residual = if op.residual { Some(context.input(1)?) } else { None };
    if let Some(residual) = residual
        && residual.shape != shape
    {
        return Err(mismatch(format!("a residual of shape {:?} for {shape:?}", residual.shape)));
    }
    let residual = residual.map(|residual| residual.f32s()).transpose()?;
    let activation = match (op.activation, &op.weights) {
        // What becomes bytes again is as good with less.
        (Activation::Gelu, Weights::I8 { rows: Rows::Dynamic { .. }, .. }) => kernels::Activation::GeluShort,
        (activation, _) => of_kernels(activation),
    };
    let epilogue = Epilogue { bias: constant(op.bias)?, activation, residual };
    let out = out.make::<f32>(shape)?;
    match &op.weights {
        Weights::F32 { packed } => {
            let weights = linear_f32::Weights { packed: context.value(*packed)?.f32s()?, k, n };
            in_f32(context.isa, context.workers, x, weights, epilogue, out);
        }
        Weights::I8 { packed, scales, sums, rows } => {
            let weights = linear_i8::Weights {
                packed: context.value(*packed)?.i8s()?,
                k,
                n,
                scales: context.value(*scales)?.f32s()?,
                sums: context.value(*sums)?.i32s()?,
            };
            let quantise = match *rows {
                Rows::Dynamic { factors } => Quantise::Dynamic(constant(factors)?),
                Rows::Static { scale, zero, signed } => Quantise::Static { scale, zero, signed },
                Rows::Whole if context.repeats => Quantise::Dynamic(None),
                Rows::Whole => whole(x)?,
            };
            let quantise = if context.repeats { None } else { Some(quantise) };
            in_i8(context, (x, quantise), weights, epilogue, (out, scratch))?;
        }
    }
    Ok(())
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

/// `x` as bytes times weights, rows shared between threads. Without `quantise` the bytes are there already.
fn in_i8(
    context: &Context<'_>,
    (x, quantise): (&[f32], Option<Quantise<'_>>),
    weights: linear_i8::Weights<'_>,
    epilogue: Epilogue<'_>,
    (out, scratch): (&mut [f32], &mut Scratch),
) -> Result<(), Error> {
    let linear_i8::Weights { k, n, .. } = weights;
    let (m, isa, len) = (x.len() / k, context.isa, row_len(k));
    let bytes = scratch.bytes.room::<u8>(m * len)?;
    let (scales, zeros) = (scratch.scales.room::<f32>(m)?, scratch.zeros.room::<i32>(m)?);
    let product = |first: usize, out: &mut [f32], bytes: &mut [u8], scales: &mut [f32], zeros: &mut [i32]| {
        if let Some(quantise) = quantise {
            quantise.run(isa, &x[first * k..][..scales.len() * k], k, bytes, scales, zeros);
        }
        let rows = linear_i8::Rows { bytes, scales, zeros };
        kernels::linear_i8(isa, rows, weights, part(epilogue, first, out, n), out);
    };
    let rows = context.workers.rows_at_a_time(m, k * n);
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
