use super::*;
use crate::testing::{Random, lengths, patterns, shifted};
use std::vec;
use std::vec::Vec;

type Quantised = (Vec<u8>, Vec<u32>, Vec<i32>);

/// Scales as bits, one for all NaNs.
fn bits(scales: &[f32]) -> Vec<u32> {
    scales.iter().map(|x| if x.is_nan() { u32::MAX } else { x.to_bits() }).collect()
}

fn outputs(m: usize, k: usize) -> (Vec<u8>, Vec<f32>, Vec<i32>) {
    (vec![99; m * row_len(k)], vec![99.0; m], vec![99; m])
}

fn dynamic_of(isa: Isa, x: &[f32], k: usize, factors: Option<&[f32]>, m: usize) -> Quantised {
    let (mut bytes, mut scales, mut zeros) = outputs(m, k);
    quantise_rows(isa, x, k, factors, &mut bytes, &mut scales, &mut zeros);
    (bytes, bits(&scales), zeros)
}

fn static_of(isa: Isa, x: &[f32], k: usize, scale: f32, zero: i32, signed: bool, m: usize) -> Quantised {
    let (mut bytes, mut scales, mut zeros) = outputs(m, k);
    quantise_rows_static(isa, x, k, scale, zero, signed, &mut bytes, &mut scales, &mut zeros);
    (bytes, bits(&scales), zeros)
}

/// The documented rule for a row.
fn dynamic_definition(x: &[f32]) -> Quantised {
    let mut bytes = vec![0; row_len(x.len())];
    if x.iter().any(|x| !x.is_finite()) {
        return (bytes, vec![u32::MAX], vec![0]);
    }
    let (min, max) =
        x.iter().fold((0.0_f64, 0.0_f64), |(min, max), &x| (min.min(x.into()), max.max(x.into())));
    // `(max - min) / 255`, each step rounded to f32, without its overflow.
    let scale = (max / 2.0 - min / 2.0) as f32 / 127.5;
    if scale < f32::MIN_POSITIVE {
        return (bytes, vec![0], vec![0]);
    }
    let zero = (-min as f32 * (1.0 / scale)).round_ties_even().clamp(0.0, 255.0);
    for (byte, x) in bytes.iter_mut().zip(x) {
        *byte = ((x * (1.0 / scale)).round_ties_even() + zero).clamp(0.0, 255.0) as u8;
    }
    (bytes, vec![scale.to_bits()], vec![zero as i32])
}

/// QuantizeLinear on one row.
fn static_definition(x: &[f32], scale: f32, zero: i32, signed: bool) -> Quantised {
    let mut bytes = vec![0; row_len(x.len())];
    let (low, shift) = if signed { (-128.0, 128) } else { (0.0, 0) };
    let mut nan = scale.is_nan() || scale == 0.0;
    for (byte, x) in bytes.iter_mut().zip(x) {
        let x = x / scale;
        nan |= x.is_nan();
        let rounded = (x.round_ties_even() as f64 + f64::from(zero)).clamp(low, low + 255.0);
        // NaN is left as the least byte, since its row's scale is NaN.
        *byte = if x.is_nan() { 0 } else { (rounded as i32 + shift) as u8 };
    }
    (bytes, bits(&[if nan { f32::NAN } else { scale }]), vec![zero + shift])
}

#[test]
fn every_isa_follows_the_dynamic_rule() {
    for k in lengths() {
        for (place, x) in patterns(k).iter().enumerate() {
            let want = dynamic_definition(x);
            let offset = place % 2;
            for isa in Isa::available() {
                let got = dynamic_of(isa, &shifted(x, offset)[offset..], k, None, 1);
                assert_eq!(got, want, "{} length {k} pattern {place}", isa.name());
            }
        }
    }
}

#[test]
fn factors_come_first_and_rows_are_apart() {
    for (m, k) in [(0, 7), (1, 1), (3, 5), (5, 32), (4, 33), (3, 384), (2, 0)] {
        let mut random = Random(k as u64);
        let (x, factors) = (random.floats(m * k, 3.0), random.floats(k, 2.0));
        let mut want: Quantised = Default::default();
        for row in x.chunks_exact(k.max(1)).chain((k == 0).then_some([&[][..]; 2]).into_iter().flatten()) {
            let product: Vec<f32> = row.iter().zip(&factors).map(|(x, factor)| x * factor).collect();
            let (bytes, scales, zeros) = dynamic_definition(&product);
            want.0.extend(bytes);
            want.1.extend(scales);
            want.2.extend(zeros);
        }
        for isa in Isa::available() {
            let got = dynamic_of(isa, &x, k, Some(&factors), m);
            assert_eq!(got, want, "{} shape {m} {k}", isa.name());
        }
    }
}

#[test]
fn dynamic_rows_are_close_to_what_they_were() {
    for (scale, shift) in [(1.0, 0.0), (3e38, 0.0), (1e-30, 0.0), (1.0, 7.0), (1.0, -7.0)] {
        let x: Vec<f32> = Random(9).floats(1000, scale).iter().map(|x| x + shift).collect();
        let (mut bytes, mut scales, mut zeros) = outputs(1, 1000);
        quantise_rows(Isa::best(), &x, 1000, None, &mut bytes, &mut scales, &mut zeros);
        for (byte, x) in bytes.iter().zip(&x) {
            let back = (f64::from(*byte) - f64::from(zeros[0])) * f64::from(scales[0]);
            // Half a step for the value, and half for the zero point, at the ends of the range.
            assert!((back - f64::from(*x)).abs() <= 1.001 * f64::from(scales[0]), "{x} became {back}");
        }
    }
}

#[test]
fn every_isa_follows_quantize_linear() {
    let parameters = [
        (0.05, 128, false),
        (0.05, 0, false),
        (2.0, 255, false),
        (0.5, -128, true),
        (0.03, 127, true),
        (1.0, 0, true),
        (-0.1, 3, true),
        (0.0, 3, false),
        (f32::NAN, 3, false),
        (f32::from_bits(1), 10, false),
    ];
    for k in lengths() {
        for (place, x) in patterns(k).iter().enumerate() {
            let (scale, zero, signed) = parameters[(place + k) % parameters.len()];
            let want = static_definition(x, scale, zero, signed);
            for isa in Isa::available() {
                let got = static_of(isa, x, k, scale, zero, signed, 1);
                assert_eq!(got, want, "{} length {k} pattern {place} scale {scale}", isa.name());
            }
        }
    }
}

#[test]
fn ties_go_to_even() {
    let x = [0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 127.5, -300.0, 300.0];
    let (bytes, _, _) = static_of(Isa::best(), &x, 9, 1.0, 10, false, 1);
    assert_eq!(bytes[..9], [10, 12, 12, 10, 8, 8, 138, 0, 255]);
    let (bytes, _, zeros) = static_of(Isa::best(), &x, 9, 1.0, -10, true, 1);
    assert_eq!((&bytes[..9], zeros[0]), (&[118, 120, 120, 118, 116, 116, 246, 0, 255][..], 118));
}
