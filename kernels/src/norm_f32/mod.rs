//! Normalisation of rows, after adding a residual.

use crate::Isa;
use crate::lanes::{LANES, fold, padded};

/// What each row goes through.
#[derive(Clone, Copy, Debug)]
pub struct Norm<'a> {
    /// `[d]`: what each feature is multiplied by. Its length says how long a row is.
    pub weight: &'a [f32],
    /// `[d]`: what is added last.
    pub bias: Option<&'a [f32]>,
    /// Added to the variance, or to the mean square.
    pub epsilon: f32,
    /// Layer norm: the mean is subtracted first. Else root-mean-square norm.
    pub centred: bool,
}

/// Normalises each row of `x + residual`, and writes it to `out`; the sum itself goes to `sum`, if there is one.
///
/// A row `y` becomes `(y - mean) / sqrt(variance + epsilon) * weight + bias`; without `centred` the mean is taken as 0. The
/// variance is that of the whole row (divided by `d`), found in a second pass from the mean. Within 1e-6 of the true value,
/// relatively to `max(1, abs(y - mean) / deviation) * abs(weight) + abs(bias)`, while the mean is not above 10 times the
/// deviation. NaN or an infinity in a row makes the whole row NaN.
///
/// Class: same bits.
///
/// # Shapes
/// `x`, `residual`, `sum` and `out`: `[rows, d]`, row-major, with `d = norm.weight.len()`.
/// # Panics
/// If a length is not that of `x`, the bias is not as long as the weight, or `d` is 0 and `x` is not empty, or does not
/// divide the length of `x`.
/// # Cost
/// Three passes over each row while it is in the first-level cache; one square root and one division a row.
pub fn norm_f32(
    isa: Isa,
    x: &[f32],
    residual: Option<&[f32]>,
    norm: Norm,
    sum: Option<&mut [f32]>,
    out: &mut [f32],
) {
    let d = norm.weight.len();
    assert_eq!(x.len(), out.len(), "norm_f32: x and out differ in length");
    assert!(x.len().is_multiple_of(d), "norm_f32: x is not whole rows of weight.len()");
    assert!(residual.is_none_or(|y| y.len() == x.len()), "norm_f32: x and residual differ in length");
    assert!(norm.bias.is_none_or(|b| b.len() == d), "norm_f32: weight and bias differ in length");
    assert!(sum.as_ref().is_none_or(|s| s.len() == x.len()), "norm_f32: x and sum differ in length");
    if x.is_empty() {
        return;
    }
    per_isa!(isa, body, (x: &[f32], residual: Option<&[f32]>, norm: Norm, sum: Option<&mut [f32]>, out: &mut [f32]))
}

/// Rows that go through each pass one after the other, so that none waits for its own mean.
const GROUP: usize = 4;

#[inline(always)]
fn body(x: &[f32], residual: Option<&[f32]>, norm: Norm, mut sum: Option<&mut [f32]>, out: &mut [f32]) {
    let d = norm.weight.len();
    for (group, out) in out.chunks_mut(GROUP * d).enumerate() {
        let at = group * GROUP * d;
        let x = &x[at..][..out.len()];
        // A sum is put together where its row will be.
        if let Some(residual) = residual {
            add(x, &residual[at..][..x.len()], out);
        }
        if let Some(sum) = &mut sum {
            sum[at..][..x.len()].copy_from_slice(if residual.is_some() { out } else { x });
        }
        let (mut means, mut squared) = ([0.0; GROUP], [0.0; GROUP]);
        {
            let rows = if residual.is_some() { &*out } else { x };
            if norm.centred {
                for (mean, row) in means.iter_mut().zip(rows.chunks_exact(d)) {
                    *mean = total(row) / d as f32;
                }
            }
            for ((squared, row), mean) in squared.iter_mut().zip(rows.chunks_exact(d)).zip(means) {
                *squared = squares(row, mean);
            }
        }
        let scales = squared.map(|squared| 1.0 / (squared / d as f32 + norm.epsilon).sqrt());
        for (r, (out, x)) in out.chunks_exact_mut(d).zip(x.chunks_exact(d)).enumerate() {
            match (residual, norm.bias) {
                (None, Some(bias)) => finish_of(x, [means[r], scales[r]], norm.weight, bias, out),
                (_, bias) => {
                    if residual.is_none() {
                        out.copy_from_slice(x);
                    }
                    match bias {
                        Some(bias) => finish(out, [means[r], scales[r]], norm.weight, bias),
                        None => scale_by(out, [means[r], scales[r]], norm.weight),
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn add(x: &[f32], y: &[f32], out: &mut [f32]) {
    for ((x, y), out) in x.iter().zip(y).zip(out) {
        *out = x + y;
    }
}

#[inline(always)]
fn total(x: &[f32]) -> f32 {
    let mut sums = [0.0; LANES];
    let (blocks, tail) = x.as_chunks::<LANES>();
    for block in blocks {
        for i in 0..LANES {
            sums[i] += block[i];
        }
    }
    if !tail.is_empty() {
        let last = padded(tail, 0.0);
        for i in 0..LANES {
            sums[i] += last[i];
        }
    }
    fold(sums, |x, y| x + y)
}

#[inline(always)]
fn squares(x: &[f32], mean: f32) -> f32 {
    let mut sums = [0.0; LANES];
    let (blocks, tail) = x.as_chunks::<LANES>();
    for block in blocks {
        for i in 0..LANES {
            let y = block[i] - mean;
            sums[i] += y * y;
        }
    }
    if !tail.is_empty() {
        let last = padded(tail, mean);
        for i in 0..LANES {
            let y = last[i] - mean;
            sums[i] += y * y;
        }
    }
    fold(sums, |x, y| x + y)
}

#[inline(always)]
fn finish_of(x: &[f32], [mean, scale]: [f32; 2], weight: &[f32], bias: &[f32], out: &mut [f32]) {
    for (((out, x), w), b) in out.iter_mut().zip(x).zip(weight).zip(bias) {
        *out = ((x - mean) * scale) * w + b;
    }
}

#[inline(always)]
fn finish(out: &mut [f32], [mean, scale]: [f32; 2], weight: &[f32], bias: &[f32]) {
    for ((y, w), b) in out.iter_mut().zip(weight).zip(bias) {
        *y = ((*y - mean) * scale) * w + b;
    }
}

#[inline(always)]
fn scale_by(out: &mut [f32], [mean, scale]: [f32; 2], weight: &[f32]) {
    for (y, w) in out.iter_mut().zip(weight) {
        *y = ((*y - mean) * scale) * w;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Random, patterns, same_slices, shifted};
    use std::vec;
    use std::vec::Vec;

    const FORMS: [(bool, bool, bool); 4] =
        [(true, true, true), (true, false, false), (false, true, false), (false, false, true)];

    #[test]
    fn every_isa_has_the_bits_of_scalar() {
        for d in (1..=4 * LANES).chain([383, 384, 385, 1025]) {
            let mut random = Random(d as u64);
            let (weight, bias) = (random.floats(d, 2.0), random.floats(d, 2.0));
            for (number, x) in patterns(3 * d).iter().enumerate() {
                let (centred, with_bias, with_residual) = FORMS[number % 4];
                let offset = number / 4 % 2;
                let (x, y) = (shifted(x, offset), shifted(&random.floats(3 * d, 3.0), offset));
                let (x, y) = (&x[offset..], with_residual.then_some(&y[offset..]));
                let bias = with_bias.then_some(&bias[..]);
                let norm = Norm { weight: &weight, bias, epsilon: 1e-5, centred };
                let run = |isa| {
                    let (mut sum, mut out) = (vec![-1.0; 3 * d], vec![-1.0; 3 * d]);
                    norm_f32(isa, x, y, norm, Some(&mut sum), &mut out);
                    let mut alone = vec![-2.0; 3 * d];
                    norm_f32(isa, x, y, norm, None, &mut alone);
                    assert!(same_slices(&alone, &out));
                    (sum, out)
                };
                let want = run(Isa::Scalar);
                for isa in Isa::available() {
                    let got = run(isa);
                    let same = same_slices(&got.0, &want.0) && same_slices(&got.1, &want.1);
                    assert!(same, "{} length {d} pattern {number}", isa.name());
                }
            }
        }
    }

    #[test]
    fn close_to_f64() {
        for (d, scale, shift) in
            [(1, 1.0, 0.0), (7, 3.0, 20.0), (384, 1.0, 0.0), (384, 1e-3, 5e-3), (4096, 50.0, 300.0)]
        {
            let mut random = Random(d as u64);
            let (weight, bias) = (random.floats(d, 2.0), random.floats(d, 2.0));
            let x: Vec<f32> = random.floats(5 * d, scale).iter().map(|x| x + shift).collect();
            let residual = random.floats(5 * d, scale);
            for centred in [false, true] {
                let norm = Norm { weight: &weight, bias: Some(&bias), epsilon: 1e-12, centred };
                let (mut sum, mut out) = (vec![0.0; 5 * d], vec![0.0; 5 * d]);
                norm_f32(Isa::best(), &x, Some(&residual), norm, Some(&mut sum), &mut out);
                for (row, out) in out.chunks_exact(d).enumerate() {
                    let sum = &sum[row * d..][..d];
                    assert!((0..d).all(|i| sum[i] == x[row * d + i] + residual[row * d + i]));
                    let y: Vec<f64> = sum.iter().map(|&y| f64::from(y)).collect();
                    let mean = if centred { y.iter().sum::<f64>() / d as f64 } else { 0.0 };
                    let square = y.iter().map(|y| (y - mean).powi(2)).sum::<f64>() / d as f64;
                    let scale = 1.0 / (square + 1e-12).sqrt();
                    for i in 0..d {
                        let (z, w, b) = ((y[i] - mean) * scale, f64::from(weight[i]), f64::from(bias[i]));
                        let bound = 1e-6 * (z.abs().max(1.0) * w.abs() + b.abs());
                        let error = (f64::from(out[i]) - (z * w + b)).abs();
                        assert!(error <= bound, "length {d} centred {centred}: {error} above {bound}");
                    }
                }
            }
        }
    }

    #[test]
    fn no_rows_is_nothing_and_half_a_row_is_refused() {
        let norm = Norm { weight: &[1.0; 4], bias: None, epsilon: 0.0, centred: true };
        norm_f32(Isa::best(), &[], None, norm, None, &mut []);
        norm_f32(Isa::best(), &[], None, Norm { weight: &[], ..norm }, None, &mut []);
        let half =
            std::panic::catch_unwind(|| norm_f32(Isa::best(), &[1.0; 6], None, norm, None, &mut [0.0; 6]));
        let empty = std::panic::catch_unwind(|| {
            norm_f32(Isa::best(), &[1.0], None, Norm { weight: &[], ..norm }, None, &mut [0.0])
        });
        assert!(half.is_err() && empty.is_err());
    }
}
