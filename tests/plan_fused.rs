//! Fused operators of a plan against what they stand for, computed in `f64`.

mod plan_support;

use plan_support::{Builder, Given, Kept, Random, run};
use trueline_core::kernels::{Isa, linear_f32, linear_i8, quantise_rows, quantise_rows_static};
use trueline_core::model::plan::data::Data;
use trueline_core::model::plan::ir::{ABSENT, Activation, Dequantise, Id, Kind, Linear, Op, Rows, Weights};

const ACTIVATIONS: [Activation; 7] = [
    Activation::None,
    Activation::Relu,
    Activation::Gelu,
    Activation::GeluTanh,
    Activation::Tanh,
    Activation::Sigmoid,
    Activation::Silu,
];

fn applied(activation: Activation, x: f64) -> f64 {
    match activation {
        Activation::None => x,
        Activation::Relu => x.max(0.0),
        Activation::Gelu => x * 0.5 * libm::erfc(-x / 2f64.sqrt()),
        Activation::GeluTanh => {
            0.5 * x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3))).tanh())
        }
        Activation::Tanh => x.tanh(),
        Activation::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        Activation::Silu => x / (1.0 + (-x).exp()),
    }
}

/// A linear layer, and what it should make.
struct Layer {
    k: usize,
    n: usize,
    bytes: Vec<i8>,
    scales: Vec<f32>,
    bias: Vec<f32>,
    factors: Vec<f32>,
}

impl Layer {
    fn new(random: &mut Random, k: usize, n: usize) -> Self {
        let scales = random.floats(n, 0.01).iter().map(|scale| scale.abs() + 0.001).collect();
        Self {
            k,
            n,
            bytes: random.bytes(k * n),
            scales,
            bias: random.floats(n, 1.0),
            factors: random.floats(k, 1.0),
        }
    }

    /// Weights as numbers, `[k, n]`.
    fn weights(&self) -> Vec<f32> {
        self.bytes
            .iter()
            .zip(self.scales.iter().cycle())
            .map(|(&byte, &scale)| f32::from(byte) * scale)
            .collect()
    }

    fn in_f32(&self, builder: &mut Builder, activation: Activation, with_bias: bool, residual: bool) -> Op {
        let mut packed = vec![0.0; linear_f32::packed_len(self.k, self.n)];
        linear_f32::pack(&self.weights(), [self.k, self.n], &mut packed);
        let packed = builder.constant(&[packed.len()], Data::F32(&packed));
        self.op(builder, Weights::F32 { packed }, activation, with_bias, residual)
    }

    fn in_i8(
        &self,
        builder: &mut Builder,
        rows: Rows,
        activation: Activation,
        with_bias: bool,
        residual: bool,
    ) -> Op {
        let mut packed = vec![0; linear_i8::packed_len(self.k, self.n)];
        let mut sums = vec![0; self.n];
        linear_i8::pack(&self.bytes, [self.k, self.n], &mut packed, &mut sums);
        let packed = builder.constant(&[packed.len()], Data::I8(&packed));
        let scales = builder.constant(&[self.n], Data::F32(&self.scales));
        let sums = builder.constant(&[self.n], Data::I32(&sums));
        self.op(builder, Weights::I8 { packed, scales, sums, rows }, activation, with_bias, residual)
    }

    fn op(
        &self,
        builder: &mut Builder,
        weights: Weights,
        activation: Activation,
        with_bias: bool,
        residual: bool,
    ) -> Op {
        let bias = if with_bias { builder.constant(&[self.n], Data::F32(&self.bias)) } else { ABSENT };
        Op::Linear(Linear { k: self.k as u32, n: self.n as u32, weights, bias, activation, residual })
    }

    /// The layer of rows that are given as numbers.
    fn expected(
        &self,
        x: &[f64],
        activation: Activation,
        with_bias: bool,
        residual: Option<&[f32]>,
    ) -> Vec<f64> {
        let weights: Vec<f64> = self
            .bytes
            .iter()
            .zip(self.scales.iter().cycle())
            .map(|(&byte, &scale)| f64::from(byte) * f64::from(scale))
            .collect();
        let (k, n) = (self.k, self.n);
        let cell = |at: usize| {
            let (i, j) = (at / n, at % n);
            let sum: f64 = (0..k).map(|l| x[i * k + l] * weights[l * n + j]).sum();
            let bias = if with_bias { f64::from(self.bias[j]) } else { 0.0 };
            applied(activation, sum + bias) + residual.map_or(0.0, |residual| f64::from(residual[at]))
        };
        (0..x.len() / k * n).map(cell).collect()
    }
}

fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&x| f64::from(x)).collect()
}

/// The numbers that rows stand for once they are bytes.
fn through_bytes(x: &[f32], k: usize, rows: &Rows, factors: &[f32]) -> Vec<f64> {
    let (m, len) = (x.len() / k, linear_i8::row_len(k));
    let (mut bytes, mut scales, mut zeros) = (vec![0; m * len], vec![0.0; m], vec![0; m]);
    match *rows {
        Rows::Dynamic { factors: id } => {
            let factors = (id != ABSENT).then_some(factors);
            quantise_rows(Isa::Scalar, x, k, factors, &mut bytes, &mut scales, &mut zeros);
        }
        Rows::Whole => {
            // As ONNX states DynamicQuantizeLinear.
            let (low, high) = x.iter().fold((0.0_f32, 0.0_f32), |(l, h), &x| (l.min(x), h.max(x)));
            let scale = if high > low { (high - low) / 255.0 } else { 1.0 };
            let zero = (-low / scale).round_ties_even() as i32;
            quantise_rows_static(Isa::Scalar, x, k, scale, zero, false, &mut bytes, &mut scales, &mut zeros)
        }
        Rows::Static { scale, zero, signed } => {
            quantise_rows_static(Isa::Scalar, x, k, scale, zero, signed, &mut bytes, &mut scales, &mut zeros)
        }
    }
    (0..m * k)
        .map(|at| {
            let (i, l) = (at / k, at % k);
            (f64::from(bytes[i * len + l]) - f64::from(zeros[i])) * f64::from(scales[i])
        })
        .collect()
}

fn assert_close(got: &Kept, want: &[f64], tolerance: f64, label: &str) {
    let got = got.f32s();
    assert_eq!(got.len(), want.len(), "{label}");
    for (i, (&g, &w)) in got.iter().zip(want).enumerate() {
        let error = (f64::from(g) - w).abs();
        assert!(error <= tolerance * w.abs().max(1.0), "{label}: element {i} is {g}, not {w}");
    }
}

#[test]
fn linear_layers_make_what_their_parts_would() {
    let mut random = Random(5);
    for (number, (m, k, n)) in
        [(1, 1, 1), (3, 7, 5), (8, 32, 48), (9, 33, 49), (17, 64, 100), (0, 4, 4)].into_iter().enumerate()
    {
        for (which, activation) in ACTIVATIONS.into_iter().enumerate() {
            let layer = Layer::new(&mut random, k, n);
            let (x, other) = (random.floats(m * k, 2.0), random.floats(m * n, 2.0));
            let (with_bias, residual) = ((which + number) % 2 == 0, (which + number) % 3 == 0);
            for form in 0..6 {
                let mut builder = Builder::default();
                let (input, added) = (builder.input(Kind::F32), builder.input(Kind::F32));
                let factors = builder.constant(&[k], Data::F32(&layer.factors));
                let rows = [
                    Rows::Dynamic { factors: ABSENT },
                    Rows::Dynamic { factors },
                    Rows::Static { scale: 0.03, zero: 120, signed: false },
                    Rows::Static { scale: 0.03, zero: -7, signed: true },
                    Rows::Whole,
                ];
                let op = match form {
                    5 => layer.in_f32(&mut builder, activation, with_bias, residual),
                    _ => layer.in_i8(&mut builder, rows[form].clone(), activation, with_bias, residual),
                };
                let out = builder.slot(Kind::F32);
                let inputs = if residual { vec![input, added] } else { vec![input] };
                builder.step(op, &inputs, &[out]);
                builder.output(out);
                let program = builder.program().expect("a plan");
                let given: [Given<'_>; 2] = [(&[1, m, k], Data::F32(&x)), (&[1, m, n], Data::F32(&other))];
                let numbers =
                    if form == 5 { wide(&x) } else { through_bytes(&x, k, &rows[form], &layer.factors) };
                let want = layer.expected(&numbers, activation, with_bias, residual.then_some(&other));
                for isa in Isa::available() {
                    let label = format!("{} {m} {k} {n} {activation:?} form {form}", isa.name());
                    let got = run(&program, &given, isa, 1).expect("a run").remove(0);
                    assert_eq!(got.0, [1, m, n], "{label}");
                    assert_close(&got.1, &want, 2e-5, &label);
                }
            }
        }
    }
}

#[test]
fn products_that_share_their_input_make_what_each_would_alone() {
    let mut random = Random(8);
    let (m, k) = (21, 40);
    let layers: Vec<Layer> = [30, 50, 10].iter().map(|&n| Layer::new(&mut random, k, n)).collect();
    let (x, other) = (random.floats(m * k, 2.0), random.floats(m * k, 2.0));
    let dynamic = Rows::Dynamic { factors: ABSENT };
    // The second and third read what the first has turned into bytes; the fourth's bytes differ, the fifth's input.
    let fixed = Rows::Static { scale: 0.02, zero: 128, signed: false };
    let plan = [(0, 0, &dynamic), (1, 0, &dynamic), (2, 0, &dynamic), (0, 0, &fixed), (1, 1, &fixed)];
    let build = |steps: &[(usize, Id, &Rows)]| {
        let mut builder = Builder::default();
        builder.input(Kind::F32);
        builder.input(Kind::F32);
        for &(layer, input, rows) in steps {
            let op = layers[layer].in_i8(&mut builder, rows.clone(), Activation::None, true, false);
            let out = builder.slot(Kind::F32);
            builder.step(op, &[input], &[out]);
            builder.output(out);
        }
        let given: [Given<'_>; 2] = [(&[m, k], Data::F32(&x)), (&[m, k], Data::F32(&other))];
        run(&builder.program().expect("a plan"), &given, Isa::best(), 1).expect("a run")
    };
    let together = build(&plan);
    for (step, got) in plan.iter().zip(&together) {
        assert_eq!(build(&[*step]), std::slice::from_ref(got), "{step:?}");
    }
}

#[test]
fn threads_change_no_bit_of_a_product() {
    let mut random = Random(9);
    let (m, k, n) = (403, 128, 200);
    let layer = Layer::new(&mut random, k, n);
    let (x, other) = (random.floats(m * k, 2.0), random.floats(m * n, 2.0));
    let mut builder = Builder::default();
    let (input, added) = (builder.input(Kind::F32), builder.input(Kind::F32));
    let rows = Rows::Dynamic { factors: ABSENT };
    let ops = [
        layer.in_i8(&mut builder, rows.clone(), Activation::Gelu, true, true),
        layer.in_i8(&mut builder, rows, Activation::None, false, true),
        layer.in_f32(&mut builder, Activation::Tanh, true, true),
    ];
    for op in ops {
        let out = builder.slot(Kind::F32);
        builder.step(op, &[input, added], &[out]);
        builder.output(out);
    }
    let program = builder.program().expect("a plan");
    let given: [Given<'_>; 2] = [(&[m, k], Data::F32(&x)), (&[m, n], Data::F32(&other))];
    let alone = run(&program, &given, Isa::best(), 1).expect("a run");
    for threads in [2, 3, 4] {
        assert!(run(&program, &given, Isa::best(), threads).expect("a run") == alone, "{threads} threads");
    }
}

#[test]
fn rows_of_bytes_become_numbers() {
    let table: Vec<i8> = (0..12).map(|i| i * 9 - 50).collect();
    let unsigned: Vec<u8> = (0..12).map(|i| i * 20).collect();
    let ids = [3_i64, 0, -1];
    for (scales, zero, signed) in
        [(vec![0.5], 0, true), (vec![0.5, 1.0, 2.0, 3.0], 3, true), (vec![0.25], 128, false)]
    {
        let mut builder = Builder::default();
        let bytes = if signed { Data::I8(&table) } else { Data::U8(&unsigned) };
        let stored = builder.constant(&[4, 3], bytes);
        let scale_id = builder.constant(&[scales.len()], Data::F32(&scales));
        let (input, out) = (builder.input(Kind::I64), builder.slot(Kind::F32));
        builder.step(Op::GatherRows(Dequantise { scales: scale_id, zero }), &[stored, input], &[out]);
        builder.output(out);
        let program = builder.program().expect("a plan");
        let got = run(&program, &[(&[1, 3], Data::I64(&ids))], Isa::best(), 1).expect("a run").remove(0);
        let want: Vec<f32> = ids
            .iter()
            .flat_map(|&id| {
                let row = if id < 0 { id + 4 } else { id } as usize;
                let (table, unsigned, scales) = (&table, &unsigned, &scales);
                (row * 3..row * 3 + 3).map(move |at| {
                    let byte = if signed { i32::from(table[at]) } else { i32::from(unsigned[at]) };
                    (byte - zero) as f32 * scales[row % scales.len()]
                })
            })
            .collect();
        assert_eq!(got, (vec![1, 3, 3], Kept::F32(want)));
        let missing = run(&program, &[(&[1], Data::I64(&[4]))], Isa::best(), 1);
        assert!(missing.expect_err("no such row").message.contains("index 4 of an axis of 4"));
    }
}
