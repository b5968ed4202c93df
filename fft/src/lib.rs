//! Fourier transforms for tract's operators `DFT` and `STFT`, behind the names by which tract calls the crate `rustfft`.
//!
//! That crate has a kernel for each instruction set and each small length: over a megabyte of code in a library, for two
//! operators that few models have. Here is one way for every length, of a few kilobytes: a length whose prime factors
//! are small is split factor by factor, any other is made a convolution of a length that is a power of two. Only what
//! tract uses is here; if it comes to use more, it does not compile.

mod chirp;
mod radix;

use std::fmt::Debug;
use std::marker::PhantomData;
use std::sync::Arc;

pub use num_complex;
pub use num_traits;

use num_complex::Complex;
use num_traits::{FromPrimitive, Signed};

/// A number to transform: `f32` or `f64`.
pub trait FftNum: Copy + FromPrimitive + Signed + Sync + Send + Debug + 'static {}

impl<T: Copy + FromPrimitive + Signed + Sync + Send + Debug + 'static> FftNum for T {}

/// Whether the exponent is negative (forward) or positive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FftDirection {
    /// `sum x[k] e^(-2 pi i k j / n)`
    Forward,
    /// `sum x[k] e^(2 pi i k j / n)`, not divided by `n`.
    Inverse,
}

/// A transform of one length and direction.
pub trait Fft<T: FftNum>: Sync + Send {
    /// Transforms each stretch of [`Fft::len`] numbers where it lies.
    ///
    /// # Panics
    /// If the buffer is no whole number of such stretches.
    /// # Cost
    /// `n log n` for a length `n`, and memory for at most five times its numbers.
    fn process(&self, buffer: &mut [Complex<T>]);

    /// The length.
    fn len(&self) -> usize;

    /// Whether the length is 0.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Makes transforms.
#[derive(Debug)]
pub struct FftPlanner<T>(PhantomData<T>);

impl<T: FftNum> Default for FftPlanner<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: FftNum> FftPlanner<T> {
    /// A planner; it keeps nothing.
    pub fn new() -> Self {
        Self(PhantomData)
    }

    /// The transform of a length and direction.
    ///
    /// # Cost
    /// A sine and a cosine for each number of the length, or for about five times as many.
    pub fn plan_fft(&mut self, len: usize, direction: FftDirection) -> Arc<dyn Fft<T>> {
        match radix::Split::new(len, direction) {
            Some(split) => Arc::new(split),
            None => Arc::new(chirp::Chirp::new(len, direction)),
        }
    }

    /// The forward transform of a length.
    ///
    /// # Cost
    /// As [`FftPlanner::plan_fft`].
    pub fn plan_fft_forward(&mut self, len: usize) -> Arc<dyn Fft<T>> {
        self.plan_fft(len, FftDirection::Forward)
    }
}

/// `e^(-2 pi i k / n)`, or the conjugate for the inverse direction.
fn root<T: FftNum>(k: usize, n: usize, direction: FftDirection) -> Complex<T> {
    let angle = std::f64::consts::TAU * k as f64 / n as f64;
    let sine = match direction {
        FftDirection::Forward => -angle.sin(),
        FftDirection::Inverse => angle.sin(),
    };
    Complex::new(number(angle.cos()), number(sine))
}

fn number<T: FftNum>(x: f64) -> T {
    T::from_f64(x).expect("a number of floating point takes any other")
}

/// The stretches of `len` numbers that a buffer has.
fn stretches<T>(buffer: &mut [Complex<T>], len: usize) -> std::slice::ChunksExactMut<'_, Complex<T>> {
    // A length of 0 has nothing to do, and no stretch has it.
    let len = len.max(1);
    let n = buffer.len();
    assert!(
        n.is_multiple_of(len),
        "a buffer of {n} numbers is no whole number of transforms of length {len}"
    );
    buffer.chunks_exact_mut(len)
}
