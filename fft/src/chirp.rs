//! Any length, as a convolution (Bluestein): with `2 k j = k^2 + j^2 - (k - j)^2` the transform is a product with
//! `e^(-i pi k^2 / n)` before and after a convolution with its conjugate.

use num_complex::Complex;
use num_traits::Zero;

use crate::radix::Split;
use crate::{Fft, FftDirection, FftNum, number, root, stretches};

/// A length with a large prime factor.
pub(crate) struct Chirp<T> {
    /// `e^(-i pi k^2 / n)`
    chirp: Vec<Complex<T>>,
    /// The transform of the chirp's conjugate, over the length of the convolution and divided by it.
    filter: Vec<Complex<T>>,
    there: Split<T>,
    back: Split<T>,
}

impl<T: FftNum> Chirp<T> {
    pub(crate) fn new(len: usize, direction: FftDirection) -> Self {
        // The root's exponent is taken modulo its order, in whole numbers: as a float it would lose what matters.
        let order = 2 * len as u128;
        let chirp: Vec<Complex<T>> =
            (0..len as u128).map(|k| root((k * k % order) as usize, order as usize, direction)).collect();
        let size = (2 * len - 1).next_power_of_two();
        let split = |direction| Split::new(size, direction).expect("a power of two has small factors");
        let (there, back) = (split(FftDirection::Forward), split(FftDirection::Inverse));
        let scale = number::<T>(1.0 / size as f64);
        let mut filter = vec![Complex::zero(); size];
        for (k, value) in chirp.iter().enumerate() {
            let value = value.conj().scale(scale);
            filter[k] = value;
            filter[(size - k) % size] = value;
        }
        there.process(&mut filter);
        Self { chirp, filter, there, back }
    }
}

impl<T: FftNum> Fft<T> for Chirp<T> {
    fn process(&self, buffer: &mut [Complex<T>]) {
        let mut wide = vec![Complex::zero(); self.filter.len()];
        for x in stretches(buffer, self.len()) {
            wide.fill(Complex::zero());
            for ((wide, &x), &chirp) in wide.iter_mut().zip(&*x).zip(&self.chirp) {
                *wide = x * chirp;
            }
            self.there.process(&mut wide);
            for (wide, &filter) in wide.iter_mut().zip(&self.filter) {
                *wide = *wide * filter;
            }
            self.back.process(&mut wide);
            for ((x, &wide), &chirp) in x.iter_mut().zip(&wide).zip(&self.chirp) {
                *x = wide * chirp;
            }
        }
    }

    fn len(&self) -> usize {
        self.chirp.len()
    }
}
