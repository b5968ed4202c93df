use super::*;
use crate::activation_f32::{Activation, apply};
use crate::testing::{Random, same_slices, shifted};
use std::vec;
use std::vec::Vec;

/// A layer and its input, as a caller would hold them.
struct Case {
    shape: [usize; 3],
    bytes: Vec<u8>,
    row_scales: Vec<f32>,
    zeros: Vec<i32>,
    plain: Vec<i8>,
    packed: Vec<i8>,
    scales: Vec<f32>,
    sums: Vec<i32>,
    bias: Vec<f32>,
    residual: Vec<f32>,
}

impl Case {
    fn new(shape: [usize; 3], byte: impl FnMut() -> u8, weight: impl FnMut() -> i8) -> Self {
        let [m, k, n] = shape;
        let mut random = Random((m * 1_000_003 + k * 1009 + n) as u64);
        let fill = |len| vec![0; len];
        let mut case = Case {
            shape,
            bytes: core::iter::repeat_with(byte).take(m * row_len(k)).collect(),
            row_scales: random.floats(m, 0.1),
            zeros: (0..m).map(|i| [0, 255, 128, 77][i % 4]).collect(),
            plain: core::iter::repeat_with(weight).take(k * n).collect(),
            packed: vec![1; packed_len(k, n)],
            scales: random.floats(n, 0.01),
            sums: fill(n),
            bias: random.floats(n, 2.0),
            residual: random.floats(m * n, 2.0),
        };
        pack(&case.plain, [k, n], &mut case.packed, &mut case.sums);
        case
    }

    fn random(shape: [usize; 3]) -> Self {
        let (mut bytes, mut weights) = (Random(3), Random(4));
        Case::new(shape, || bytes.next() as u8, || weights.next() as i8)
    }

    fn rows(&self) -> Rows<'_> {
        Rows { bytes: &self.bytes, scales: &self.row_scales, zeros: &self.zeros }
    }

    fn weights(&self) -> Weights<'_> {
        let [_, k, n] = self.shape;
        Weights { packed: &self.packed, k, n, scales: &self.scales, sums: &self.sums }
    }

    fn epilogue(&self, activation: Activation) -> Epilogue<'_> {
        Epilogue { bias: Some(&self.bias), activation, residual: Some(&self.residual) }
    }

    fn task<'a>(&'a self, epilogue: Epilogue<'a>, out: &'a mut [f32]) -> Task<'a> {
        let [m, _, n] = self.shape;
        Task { rows: self.rows(), weights: self.weights(), output: Output::new(m, n, epilogue, out) }
    }

    /// The documented formula, from weights that were never packed and sums that are taken here.
    fn definition(&self, epilogue: Epilogue<'_>) -> Vec<f32> {
        let [m, k, n] = self.shape;
        let mut out = vec![0.0; m * n];
        for i in 0..m {
            let row = &self.bytes[i * row_len(k)..][..k];
            let mut sums = vec![0_i64; n];
            for (&byte, weights) in row.iter().zip(self.plain.chunks_exact(n.max(1))) {
                for (sum, &weight) in sums.iter_mut().zip(weights) {
                    *sum += (i64::from(byte) - i64::from(self.zeros[i])) * i64::from(weight);
                }
            }
            for j in 0..n {
                let sum = i32::try_from(sums[j]).expect("sums fit in i32");
                let x = sum as f32 * (self.row_scales[i] * self.scales[j]);
                let [x] = apply(epilogue.activation, [epilogue.bias.map_or(x, |bias| x + bias[j])]);
                out[i * n + j] = epilogue.residual.map_or(x, |residual| x + residual[i * n + j]);
            }
        }
        out
    }

    /// Every instruction set against the definition, and the 256-bit VNNI code in whatever encoding runs here.
    fn check(&self, epilogue: Epilogue<'_>) {
        let want = self.definition(epilogue);
        for isa in Isa::available() {
            let mut got = vec![f32::NAN; want.len()];
            linear_i8(isa, self.rows(), self.weights(), epilogue, &mut got);
            assert!(same_slices(&got, &want), "{} shape {:?} {epilogue:?}", isa.name(), self.shape);
            let mut got = vec![f32::NAN; want.len()];
            scalar::portable::body(self.task(epilogue, &mut got));
            assert!(same_slices(&got, &want), "portable, shape {:?}", self.shape);
            #[cfg(target_arch = "x86_64")]
            if let Isa::Avx512Vnni(proof) = isa {
                let mut got = vec![f32::NAN; want.len()];
                avxvnni::evex::linear_i8(proof, self.task(epilogue, &mut got));
                assert!(same_slices(&got, &want), "256-bit VNNI, shape {:?}", self.shape);
            }
        }
    }
}

#[test]
fn unpacked_weights_are_those_that_were_packed() {
    for [k, n] in [[0, 3], [3, 0], [1, 1], [4, 48], [5, 49], [70, 97]] {
        let case = Case::random([1, k, n]);
        let mut plain = vec![77; k * n];
        unpack(&case.packed, [k, n], &mut plain);
        assert_eq!(plain, case.plain, "{k} x {n}");
    }
}

#[test]
fn every_isa_equals_the_definition() {
    let (ks, ns) =
        ([1, 2, 3, 4, 5, 6, 7, 8, 9, 31, 32, 33, 384], [1, 11, 23, 24, 25, 47, 48, 49, 95, 96, 97]);
    for m in 0..=20 {
        for (place, k) in ks.into_iter().enumerate() {
            // All pairs would take long in emulation; every pair is met with several numbers of rows.
            for n in ns.into_iter().skip((m + place) % 3).step_by(3) {
                Case::random([m, k, n]).check(Epilogue::default());
            }
        }
    }
    // No features, no columns, both sides of the blocks in which some kernels take the features, and a real layer.
    for shape in [
        [3, 0, 50],
        [3, 5, 0],
        [0, 0, 0],
        [5, 1023, 3],
        [5, 1024, 3],
        [6, 1025, 3],
        [3, 2052, 50],
        [9, 1536, 384],
    ] {
        let case = Case::random(shape);
        case.check(case.epilogue(Activation::None));
    }
}

#[test]
fn every_epilogue() {
    for shape in [[1, 9, 49], [5, 8, 48], [9, 33, 97]] {
        let mut case = Case::random(shape);
        // So that activations see more than their flat parts.
        case.scales.iter_mut().for_each(|scale| *scale *= 0.1);
        for activation in Activation::ALL {
            for (bias, residual) in [(false, false), (true, false), (false, true), (true, true)] {
                let bias = bias.then_some(&*case.bias);
                let residual = residual.then_some(&*case.residual);
                case.check(Epilogue { bias, activation, residual });
            }
        }
    }
}

#[test]
fn extremes_do_not_saturate() {
    for k in [1, 7, 33, 384, MAX_K] {
        for (byte, weight) in [(255, -128), (255, 127), (0, -128), (128, -128), (0, 127)] {
            for zero in [0, 128, 255] {
                let mut case = Case::new([if k == MAX_K { 2 } else { 9 }, k, 3], || byte, || weight);
                case.zeros.fill(zero);
                case.row_scales.fill(1.0);
                case.scales.fill(1.0);
                case.check(Epilogue::default());
            }
        }
    }
}

#[test]
fn nan_comes_out() {
    let mut case = Case::random([10, 40, 50]);
    case.row_scales[3] = f32::NAN;
    case.scales[49] = f32::NAN;
    case.bias[7] = f32::NAN;
    for activation in Activation::ALL {
        let epilogue = case.epilogue(activation);
        case.check(epilogue);
        let mut out = vec![0.0; 500];
        linear_i8(Isa::best(), case.rows(), case.weights(), epilogue, &mut out);
        for (at, x) in out.iter().enumerate() {
            let (i, j) = (at / 50, at % 50);
            assert_eq!(x.is_nan(), i == 3 || j == 49 || j == 7, "{activation:?} row {i} column {j}");
        }
    }
}

#[test]
fn slices_may_start_anywhere() {
    let case = Case::random([13, 50, 101]);
    let epilogue = case.epilogue(Activation::Relu);
    let want = case.definition(epilogue);
    for isa in Isa::available() {
        for offset in [1, 3] {
            let bytes = shifted(&case.bytes, offset);
            let packed = shifted(&case.packed, offset);
            let mut out = vec![0.0; want.len() + offset];
            let rows = Rows { bytes: &bytes[offset..], ..case.rows() };
            let weights = Weights { packed: &packed[offset..], ..case.weights() };
            linear_i8(isa, rows, weights, epilogue, &mut out[offset..]);
            assert!(same_slices(&out[offset..], &want), "{} offset {offset}", isa.name());
        }
    }
}

#[test]
fn packed_as_documented() {
    let (k, n) = (6, 50);
    let case = Case::random([0, k, n]);
    assert_eq!(case.packed.len(), 2 * 2 * 48 * 4);
    for (at, &byte) in case.packed.iter().enumerate() {
        let (panel, group, column, place) = (at / 384, at / 192 % 2, at / 4 % 48, at % 4);
        let (row, column) = (group * 4 + place, panel * 48 + column);
        let want = if row < k && column < n { case.plain[row * n + column] } else { 0 };
        assert_eq!(byte, want, "at {at}");
    }
    for (j, &sum) in case.sums.iter().enumerate() {
        assert_eq!(sum, (0..k).map(|l| i32::from(case.plain[l * n + j])).sum::<i32>());
    }
}
