use super::*;
use crate::activation_f32::{Activation, apply};
use crate::testing::{Random, patterns, same_slices, shifted};
use std::vec;
use std::vec::Vec;

/// The documented formula, from weights that were never packed.
fn definition(x: &[f32], weights: &[f32], [m, k, n]: [usize; 3], epilogue: Epilogue<'_>) -> Vec<f32> {
    let mut out = vec![0.0; m * n];
    for i in 0..m {
        for j in 0..n {
            let sum = (0..k).fold(0.0, |sum, l| sum + x[i * k + l] * weights[l * n + j]);
            let [y] = apply(epilogue.activation, [epilogue.bias.map_or(sum, |bias| sum + bias[j])]);
            out[i * n + j] = epilogue.residual.map_or(y, |residual| y + residual[i * n + j]);
        }
    }
    out
}

fn check(x: &[f32], shape: [usize; 3], epilogue: Epilogue<'_>, offset: usize) {
    let [_, k, n] = shape;
    let plain = Random(k as u64).floats(k * n, 1.0);
    let mut packed = vec![1.0; packed_len(k, n)];
    pack(&plain, [k, n], &mut packed);
    let want = definition(x, &plain, shape, epilogue);
    let (x, packed) = (shifted(x, offset), shifted(&packed, offset));
    let weights = Weights { packed: &packed[offset..], k, n };
    for isa in Isa::available() {
        let mut got = vec![f32::NAN; want.len()];
        linear_f32(isa, &x[offset..], weights, epilogue, &mut got);
        assert!(same_slices(&got, &want), "{} shape {shape:?} {epilogue:?}", isa.name());
    }
}

#[test]
fn every_isa_has_the_bits_of_the_definition() {
    let (ks, ns) = ([1, 2, 3, 9, 31, 32, 33, 384], [1, 11, 23, 24, 25, 47, 48, 49, 95, 96, 97]);
    for m in 0..=20 {
        for (place, k) in ks.into_iter().enumerate() {
            for n in ns.into_iter().skip((m + place) % 3).step_by(3) {
                let x = Random((m + n) as u64).floats(m * k, 1.0);
                check(&x, [m, k, n], Epilogue::default(), (m + n) % 2);
            }
        }
    }
    for shape @ [m, k, _] in [[3, 0, 50], [0, 0, 0], [9, 1536, 100]] {
        check(&Random(1).floats(m * k, 1.0), shape, Epilogue::default(), 0);
    }
}

#[test]
fn every_epilogue() {
    for shape @ [m, k, n] in [[1, 9, 49], [5, 8, 48], [9, 33, 97]] {
        let mut random = Random(n as u64);
        let (x, bias, residual) =
            (random.floats(m * k, 1.0), random.floats(n, 2.0), random.floats(m * n, 2.0));
        for activation in Activation::ALL {
            for (with_bias, with_residual) in [(false, false), (true, false), (false, true), (true, true)] {
                let bias = with_bias.then_some(&*bias);
                let residual = with_residual.then_some(&*residual);
                check(&x, shape, Epilogue { bias, activation, residual }, 0);
            }
        }
    }
}

#[test]
fn extremes_and_nan() {
    for shape @ [m, k, _] in [[5, 33, 49], [9, 7, 97]] {
        for x in patterns(m * k) {
            check(&x, shape, Epilogue::default(), 0);
        }
    }
}
