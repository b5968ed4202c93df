//! Every length against the sum that a transform is.

use rustfft::num_complex::Complex;
use rustfft::{FftDirection, FftPlanner};

/// Numbers without a pattern, in -1..1.
fn noise(n: usize) -> Vec<Complex<f64>> {
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    };
    (0..n).map(|_| Complex::new(next(), next())).collect()
}

/// What is meant, term by term.
fn by_definition(x: &[Complex<f64>], direction: FftDirection) -> Vec<Complex<f64>> {
    let n = x.len();
    let sign = if direction == FftDirection::Forward { -1.0 } else { 1.0 };
    let term = |j: usize, k: usize| {
        let angle = sign * std::f64::consts::TAU * (j * k % n) as f64 / n as f64;
        Complex::new(angle.cos(), angle.sin())
    };
    (0..n).map(|j| (0..n).map(|k| x[k] * term(j, k)).sum()).collect()
}

fn furthest(a: &[Complex<f64>], b: &[Complex<f64>]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).norm()).fold(0.0, f64::max)
}

fn lengths() -> impl Iterator<Item = usize> {
    // Frames of speech models, large primes, their multiples, squares of the smallest prime that is too large.
    (1..=200).chain([256, 400, 480, 509, 512, 961, 1018, 1024, 1369, 1999])
}

#[test]
fn every_length_is_what_the_definition_says() {
    for n in lengths() {
        let x = noise(n);
        for direction in [FftDirection::Forward, FftDirection::Inverse] {
            let wanted = by_definition(&x, direction);
            let mut found = x.clone();
            let fft = FftPlanner::new().plan_fft(n, direction);
            fft.process(&mut found);
            assert_eq!((fft.len(), fft.is_empty()), (n, false));
            let apart = furthest(&found, &wanted);
            assert!(apart < 1e-12 * n as f64, "{n} {direction:?}: {apart:e}");

            let mut short: Vec<Complex<f32>> =
                x.iter().map(|x| Complex::new(x.re as f32, x.im as f32)).collect();
            FftPlanner::new().plan_fft(n, direction).process(&mut short);
            let found: Vec<_> =
                short.iter().map(|x| Complex::new(f64::from(x.re), f64::from(x.im))).collect();
            let apart = furthest(&found, &wanted);
            assert!(apart < 2e-6 * (n as f64).sqrt() * 2.0, "{n} {direction:?} f32: {apart:e}");
        }
    }
}

#[test]
fn a_buffer_has_several_transforms_and_no_part_of_one() {
    for n in [1, 6, 37] {
        let x = noise(3 * n);
        let mut found = x.clone();
        FftPlanner::new().plan_fft_forward(n).process(&mut found);
        for (x, found) in x.chunks(n).zip(found.chunks(n)) {
            assert!(furthest(found, &by_definition(x, FftDirection::Forward)) < 1e-11, "{n}");
        }
    }
    for n in [6, 37] {
        let torn = std::panic::catch_unwind(|| {
            FftPlanner::new().plan_fft_forward(n).process(&mut noise(n + 1));
        });
        assert!(torn.is_err(), "{n}");
    }
    FftPlanner::<f32>::new().plan_fft_forward(0).process(&mut []);
}
