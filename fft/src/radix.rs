//! Lengths with small prime factors: a transform of length `p * m` is `p` transforms of length `m`, put together.

use num_complex::Complex;
use num_traits::Zero;

use crate::{Fft, FftDirection, FftNum, root, stretches};

/// The largest prime factor that is worked off directly, by `p * p` products for every `p` numbers.
const MOST: usize = 31;

/// A length, split into its factors.
pub(crate) struct Split<T> {
    factors: Vec<usize>,
    /// All `n` roots of one, in order.
    roots: Vec<Complex<T>>,
    direction: FftDirection,
}

impl<T: FftNum> Split<T> {
    /// `None` if a prime factor is too large.
    pub(crate) fn new(len: usize, direction: FftDirection) -> Option<Self> {
        let mut factors = Vec::new();
        let mut rest = len.max(1);
        for p in [4].into_iter().chain(2..=MOST) {
            while rest.is_multiple_of(p) {
                factors.push(p);
                rest /= p;
            }
        }
        let roots = (0..len).map(|k| root(k, len, direction)).collect();
        (rest == 1).then_some(Self { factors, roots, direction })
    }

    /// Writes the transform of every `stride`th number of `x` to `out`, whose length is the product of the factors.
    fn split(&self, factors: &[usize], x: &[Complex<T>], stride: usize, out: &mut [Complex<T>]) {
        let [p, rest @ ..] = factors else {
            out[0] = x[0];
            return;
        };
        let m = out.len() / p;
        for (part, out) in out.chunks_exact_mut(m).enumerate() {
            self.split(rest, &x[part * stride..], stride * p, out);
        }
        match p {
            2 => self.join::<2>(stride, out, |[a, b]| [a + b, a - b]),
            4 => self.join::<4>(stride, out, |[a, b, c, d]| {
                let (even, odd) = ([a + c, a - c], [b + d, b - d]);
                let turned = match self.direction {
                    FftDirection::Forward => Complex::new(odd[1].im, -odd[1].re),
                    FftDirection::Inverse => Complex::new(-odd[1].im, odd[1].re),
                };
                [even[0] + odd[0], even[1] + turned, even[0] - odd[0], even[1] - turned]
            }),
            _ => self.join_any(*p, stride, out),
        }
    }

    /// Puts `P` parts together: `small` is the transform of length `P`.
    fn join<const P: usize>(
        &self,
        stride: usize,
        out: &mut [Complex<T>],
        small: impl Fn([Complex<T>; P]) -> [Complex<T>; P],
    ) {
        let m = out.len() / P;
        for k in 0..m {
            let turned = std::array::from_fn(|part| out[part * m + k] * self.roots[part * k * stride]);
            for (part, value) in small(turned).into_iter().enumerate() {
                out[part * m + k] = value;
            }
        }
    }

    /// Puts `p` parts together.
    fn join_any(&self, p: usize, stride: usize, out: &mut [Complex<T>]) {
        let m = out.len() / p;
        let step = self.roots.len() / p;
        let mut turned = [Complex::zero(); MOST];
        let turned = &mut turned[..p];
        for k in 0..m {
            for (part, turned) in turned.iter_mut().enumerate() {
                *turned = out[part * m + k] * self.roots[part * k * stride];
            }
            for j in 0..p {
                let mut sum = turned[0];
                for (part, &value) in turned.iter().enumerate().skip(1) {
                    sum = sum + value * self.roots[part * j % p * step];
                }
                out[j * m + k] = sum;
            }
        }
    }
}

impl<T: FftNum> Fft<T> for Split<T> {
    fn process(&self, buffer: &mut [Complex<T>]) {
        let mut x = Vec::with_capacity(self.len());
        for out in stretches(buffer, self.len()) {
            x.clear();
            x.extend_from_slice(out);
            self.split(&self.factors, &x, 1, out);
        }
    }

    fn len(&self) -> usize {
        self.roots.len()
    }
}
