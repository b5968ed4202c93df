//! Kernels: the instruction set in use beside scalar code, at the sizes of real models.

use std::hint::black_box;

use trueline_core::kernels::{Isa, dot_f32, dot_i8, softmax_f32};

use crate::bench::timing::{Times, time};
use crate::output::Stop;

/// Sizes at which each kernel runs.
const SIZES: [usize; 2] = [384, 768];
/// Calls in one timed run: a single one is shorter than the clock's step.
const CALLS: usize = 256;
/// The most seconds that a kernel gets, which takes microseconds.
const LONGEST: f64 = 0.2;

/// One kernel, on one instruction set, at one size.
pub struct Case {
    pub kernel: &'static str,
    pub isa: Isa,
    pub size: usize,
    pub times: Times,
    /// The scalar median by this one.
    pub ratio: f64,
}

/// Times each kernel under scalar code and under `isa`. Their answers must be the same, to the bit.
pub fn run(isa: Isa, seconds: f64) -> Result<Vec<Case>, Stop> {
    let mut isas = vec![Isa::Scalar];
    isas.extend((isa != Isa::Scalar).then_some(isa));
    let mut cases = Vec::new();
    for size in SIZES {
        let (x, y) = (floats(size, 1), floats(size, 2));
        let (a, b) = (bytes(size, 1), bytes(size, 2));
        pair("dot_f32", size, &isas, seconds, &mut cases, |isa| {
            dot_f32(isa, black_box(&x), black_box(&y)).to_bits()
        })?;
        pair("dot_i8", size, &isas, seconds, &mut cases, |isa| dot_i8(isa, black_box(&a), black_box(&b)))?;
        let mut out = vec![0.0; size];
        pair("softmax_f32", size, &isas, seconds, &mut cases, |isa| {
            softmax_f32(isa, black_box(&x), &mut out);
            out.iter().fold(0_u32, |h, v| h.rotate_left(5) ^ v.to_bits())
        })?;
    }
    Ok(cases)
}

/// Times one kernel under each instruction set, the first of which is the reference.
fn pair<A: PartialEq>(
    kernel: &'static str,
    size: usize,
    isas: &[Isa],
    seconds: f64,
    cases: &mut Vec<Case>,
    mut call: impl FnMut(Isa) -> A,
) -> Result<(), Stop> {
    let reference = call(Isa::Scalar);
    let mut scalar = None;
    for &isa in isas {
        if call(isa) != reference {
            let name = isa.name();
            return Err(Stop::Failed(format!("{kernel}/{name}/{size} differs from the scalar answer")));
        }
        let times = time(seconds.min(LONGEST), || {
            for _ in 0..CALLS {
                black_box(call(isa));
            }
            Ok(())
        })?
        .per(CALLS);
        let ratio = *scalar.get_or_insert(times.median) / times.median;
        cases.push(Case { kernel, isa, size, times, ratio });
    }
    Ok(())
}

/// Numbers in [-1, 1) that look random and are the same each time.
fn floats(n: usize, seed: u32) -> Vec<f32> {
    bytes(n, seed).into_iter().map(|b| f32::from(b) / 128.0).collect()
}

fn bytes(n: usize, seed: u32) -> Vec<i8> {
    let step = |state: &mut u32| {
        *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Some((*state >> 24) as u8 as i8)
    };
    std::iter::repeat_n((), n).scan(seed, |state, ()| step(state)).collect()
}
