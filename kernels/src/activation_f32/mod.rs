//! Activation functions, element by element.

use crate::Isa;
use crate::erf_f32::{EDGE, erf_inside};
use crate::exp::exp_f32;
use crate::lanes::{LANES, padded};

/// What is applied to each element.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Activation {
    /// Nothing.
    #[default]
    None,
    /// `max(x, 0)`.
    Relu,
    /// `x * (1 + erf(x / sqrt 2)) / 2`.
    Gelu,
    /// GELU within 2e-5 of it, in half the time: where bytes are made of it, whose steps are hundreds of times as large.
    GeluShort,
    /// GELU by the hyperbolic tangent: `x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))) / 2`.
    GeluTanh,
    /// `tanh x`.
    Tanh,
    /// `1 / (1 + e^-x)`.
    Sigmoid,
    /// `x * sigmoid x`.
    Silu,
}

impl Activation {
    /// Every activation.
    pub const ALL: [Activation; 8] = [
        Activation::None,
        Activation::Relu,
        Activation::Gelu,
        Activation::GeluShort,
        Activation::GeluTanh,
        Activation::Tanh,
        Activation::Sigmoid,
        Activation::Silu,
    ];
}

/// Applies `activation` to each element of `x`.
///
/// NaN stays NaN, and infinities go where the functions tend to: 0 for GELU and SiLU of -inf. Errors against the true
/// value, over all `f32`:
///
/// | | absolute, times `max(1, abs(x))` | relative, where the value is above 1e-30 |
/// | --- | --- | --- |
/// | GELU | 5e-7, and 2e-6 without the factor | |
/// | short GELU | 2e-5, and without the factor | |
/// | GELU by tanh | 3e-7 | |
/// | tanh | 3e-7 | 5e-7 |
/// | sigmoid | 3e-7 | 1e-6 |
/// | SiLU | 3e-7 | 1e-6 |
///
/// Class: same bits. The error function and the exponential are our own.
///
/// # Cost
/// One pass. GELU takes no division; the others take one for each element.
pub fn activation_f32(isa: Isa, activation: Activation, x: &mut [f32]) {
    per_isa!(isa, body, (activation: Activation, x: &mut [f32]))
}

#[inline(always)]
fn body(activation: Activation, x: &mut [f32]) {
    let (blocks, tail) = x.as_chunks_mut::<LANES>();
    for block in blocks {
        *block = apply(activation, *block);
    }
    let last = apply(activation, padded(tail, 0.0));
    tail.copy_from_slice(&last[..tail.len()]);
}

/// `activation` of each of `N` elements: for the end of another kernel's tile, where it is compiled again. The choice
/// stands outside the loops, so a caller whose activation does not change pays one well-predicted jump.
#[inline(always)]
pub(crate) fn apply<const N: usize>(activation: Activation, x: [f32; N]) -> [f32; N] {
    match activation {
        Activation::None => x,
        Activation::Relu => lanes(x, relu),
        Activation::Gelu => lanes(x, gelu),
        Activation::GeluShort => lanes(x, gelu_short),
        Activation::GeluTanh => lanes(x, gelu_tanh),
        Activation::Tanh => lanes(x, tanh),
        Activation::Sigmoid => lanes(x, sigmoid),
        Activation::Silu => lanes(x, silu),
    }
}

#[inline(always)]
fn lanes<const N: usize>(mut x: [f32; N], f: impl Fn(f32) -> f32) -> [f32; N] {
    for x in &mut x {
        *x = f(*x);
    }
    x
}

#[inline(always)]
fn relu(x: f32) -> f32 {
    if x < 0.0 { 0.0 } else { x }
}

#[inline(always)]
fn gelu(x: f32) -> f32 {
    let z = x * core::f32::consts::FRAC_1_SQRT_2;
    let half = 0.5 * x;
    let inside = half + half * erf_inside(z);
    let below = if z <= -EDGE { 0.0 } else { inside };
    if z >= EDGE { x } else { below }
}

/// Here and beyond, GELU is `x` or 0 within 5e-6.
pub(crate) const SHORT_EDGE: f32 = 4.75;
/// The factors of the even and the odd powers, the highest first.
pub(crate) const SHORT_EVEN: [f32; 5] =
    [0.007_461_307_6, 0.011_844_335, 0.030_783_692, 0.053_205_986, 0.148_748_59];
pub(crate) const SHORT_ODD: [f32; 5] =
    [-0.002_616_471_6, -0.009_288_467, -0.020_383_744, -0.040_839_598, -0.073_652_46];

/// `x * (1/2 + x * p(x^2))`, where `p` is minimax for the error of the whole and hits 1/2 and -1/2 at the edges, so that
/// `x` or 0 is left beyond them. As in the error function, the powers are those of a square brought to [-1, 1].
///
/// Even and odd powers are two sums, because the time from one step to the next would be the limit.
#[inline(always)]
pub(crate) fn gelu_short(x: f32) -> f32 {
    let low = if x < -SHORT_EDGE { -SHORT_EDGE } else { x };
    let inside = if low > SHORT_EDGE { SHORT_EDGE } else { low };
    let t = (inside * inside) * (2.0 / (SHORT_EDGE * SHORT_EDGE)) - 1.0;
    let square = t * t;
    let (mut even, mut odd) = (SHORT_EVEN[0], SHORT_ODD[0]);
    for step in 1..SHORT_EVEN.len() {
        even = even * square + SHORT_EVEN[step];
        odd = odd * square + SHORT_ODD[step];
    }
    low * (inside * (even + odd * t) + 0.5)
}

#[inline(always)]
fn gelu_tanh(x: f32) -> f32 {
    // (1 + tanh(u)) / 2 = sigmoid(2 u), and 2 sqrt(2 / pi) = 1.59577.
    let u = 1.595_769_2 * (x + 0.044_715 * (x * (x * x)));
    // Not x * 0, which is NaN for -inf.
    if u < -100.0 { 0.0 } else { x * sigmoid(u) }
}

#[inline(always)]
fn silu(x: f32) -> f32 {
    if x < -100.0 { 0.0 } else { x * sigmoid(x) }
}

#[inline(always)]
fn sigmoid(x: f32) -> f32 {
    let e = exp_f32(-x.abs());
    // Above 0, 1 / (1 + e^-x); below, e^x / (1 + e^x), which keeps its precision as it goes to 0.
    (if x < 0.0 { e } else { 1.0 }) / (1.0 + e)
}

#[inline(always)]
fn tanh(x: f32) -> f32 {
    let size = x.abs();
    // tanh x = (1 - e^-2x) / (1 + e^-2x), where 1 - e^-2x does not cancel.
    let e = exp_f32(-2.0 * size);
    let large = (1.0 - e) / (1.0 + e);
    // Minimax on [0, 0.625] for the relative error, 4e-9.
    let square = x * x;
    let mut sum = -0.005_660_035;
    for c in [0.020_591_037, -0.053_721_09, 0.133_311_27, -0.333_332_6, 1.0] {
        sum = sum * square + c;
    }
    if size < 0.625 { x * sum } else { large.copysign(x) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{each_input, same_f32, same_slices};
    use std::vec::Vec;

    #[test]
    fn every_isa_has_the_bits_of_scalar() {
        each_input(|x| {
            for activation in Activation::ALL {
                let mut want = x.to_vec();
                activation_f32(Isa::Scalar, activation, &mut want);
                for isa in Isa::available() {
                    let mut got = x.to_vec();
                    activation_f32(isa, activation, &mut got);
                    assert!(same_slices(&got, &want), "{activation:?} {} length {}", isa.name(), x.len());
                }
                for (x, want) in x.iter().zip(&want) {
                    assert!(same_f32(apply(activation, [*x])[0], *want));
                }
            }
        });
    }

    /// The complementary error function in `f64`, by its continued fraction or its series; within 1e-15 here.
    fn erfc(z: f64) -> f64 {
        if z < 0.0 {
            return 2.0 - erfc(-z);
        }
        if z < 2.5 {
            let (mut term, mut sum) = (z, z);
            for n in 1..100 {
                term *= -z * z / f64::from(n);
                sum += term / f64::from(2 * n + 1);
            }
            return 1.0 - sum * 2.0 / core::f64::consts::PI.sqrt();
        }
        let tail = (1..=200).rev().fold(z, |below, n| z + f64::from(n) / 2.0 / below);
        (-z * z).exp() / tail / core::f64::consts::PI.sqrt()
    }

    fn truth(activation: Activation, x: f64) -> f64 {
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        match activation {
            Activation::None => x,
            Activation::Relu => x.max(0.0),
            Activation::Gelu | Activation::GeluShort => x * 0.5 * erfc(-x / 2.0_f64.sqrt()),
            Activation::GeluTanh => {
                x * sigmoid(2.0 * (2.0 / core::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3)))
            }
            Activation::Tanh => x.tanh(),
            Activation::Sigmoid => sigmoid(x),
            Activation::Silu => x * sigmoid(x),
        }
    }

    #[test]
    fn close_to_f64() {
        // [-10, 10] evenly, then every power of two times seven, with both signs.
        let dense = (-100_000..=100_000).map(|i| i as f32 / 10_000.0);
        let wide = (-140..=120).flat_map(|e| [7.0, -7.0].map(|x| (x * 2.0_f64.powi(e)) as f32));
        let x: Vec<f32> = dense.chain(wide).chain([-87.5, -99.0, -101.0, 87.0]).collect();
        for (activation, absolute, scaled, relative) in [
            (Activation::None, 0.0, 0.0, 0.0),
            (Activation::Relu, 0.0, 0.0, 0.0),
            (Activation::Gelu, 2e-6, 5e-7, f64::INFINITY),
            (Activation::GeluShort, 2e-5, 2e-5, f64::INFINITY),
            (Activation::GeluTanh, f64::INFINITY, 3e-7, f64::INFINITY),
            (Activation::Tanh, 3e-7, 3e-7, 5e-7),
            (Activation::Sigmoid, 3e-7, 3e-7, 1e-6),
            (Activation::Silu, f64::INFINITY, 3e-7, 1e-6),
        ] {
            let mut got = x.clone();
            activation_f32(Isa::best(), activation, &mut got);
            let mut worst = [0.0_f64; 3];
            for (&x, &got) in x.iter().zip(&got) {
                let (x, got) = (f64::from(x), f64::from(got));
                let want = truth(activation, x);
                let error = (got - want).abs();
                worst[0] = worst[0].max(if x.abs() <= 10.0 { error } else { 0.0 });
                worst[1] = worst[1].max(error / x.abs().max(1.0));
                worst[2] = worst[2].max(if want.abs() > 1e-30 { error / want.abs() } else { 0.0 });
            }
            let fine = worst[0] <= absolute && worst[1] <= scaled && worst[2] <= relative;
            assert!(fine, "{activation:?}: errors {worst:?}");
        }
    }

    #[test]
    fn infinities_go_where_the_functions_tend() {
        for (activation, low, high) in [
            (Activation::None, f32::NEG_INFINITY, f32::INFINITY),
            (Activation::Relu, 0.0, f32::INFINITY),
            (Activation::Gelu, 0.0, f32::INFINITY),
            (Activation::GeluShort, 0.0, f32::INFINITY),
            (Activation::GeluTanh, 0.0, f32::INFINITY),
            (Activation::Tanh, -1.0, 1.0),
            (Activation::Sigmoid, 0.0, 1.0),
            (Activation::Silu, 0.0, f32::INFINITY),
        ] {
            let mut x = [f32::NEG_INFINITY, f32::INFINITY, f32::MIN, 0.0, f32::NAN];
            activation_f32(Isa::best(), activation, &mut x);
            assert_eq!(x[..2], [low, high], "{activation:?}");
            assert!(x[2].is_finite() && x[4].is_nan(), "{activation:?}: {x:?}");
            assert_eq!(x[3], if activation == Activation::Sigmoid { 0.5 } else { 0.0 });
        }
    }
}
