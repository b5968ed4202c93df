//! Attention and normalisation of a plan against their definitions in `f64`.

mod plan_support;

use plan_support::{Builder, Given, Kept, Random, run};
use trueline_core::kernels::Isa;
use trueline_core::model::plan::data::Data;
use trueline_core::model::plan::ir::{ABSENT, Attention, Form, Heads, Id, Kind, Norm, Op};

/// Sizes of one case.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    batch: usize,
    heads: usize,
    kv_heads: usize,
    queries: usize,
    keys: usize,
    dim: usize,
    v_dim: usize,
}

/// An operand, `[batch, heads, rows, d]`, and how it is laid out for the plan.
struct Operand {
    values: Vec<f32>,
    shape: Vec<usize>,
    laid_out: Vec<f32>,
    heads: Heads,
}

impl Operand {
    fn new(random: &mut Random, [batch, heads, rows, d]: [usize; 4], columns: bool) -> Self {
        let values = random.floats(batch * heads * rows * d, 1.5);
        if !columns {
            let laid_out = values.clone();
            return Self { values, shape: vec![batch, heads, rows, d], laid_out, heads: Heads::First };
        }
        // Some columns before the heads and after them, as in a product that makes q, k and v at a time.
        let first = 3;
        let width = first + heads * d + 2;
        let mut laid_out = random.floats(batch * rows * width, 9.0);
        for (at, &value) in values.iter().enumerate() {
            let (c, r) = (at % d, at / d % rows);
            let (h, b) = (at / d / rows % heads, at / d / rows / heads);
            laid_out[(b * rows + r) * width + first + h * d + c] = value;
        }
        let heads = Heads::Columns { first: first as u32 };
        Self { values, shape: vec![batch, rows, width], laid_out, heads }
    }
}

/// What attention makes, `[batch, heads, queries, v_dim]`.
fn expected(
    sizes: Sizes,
    operands: &[Operand; 3],
    mask: Option<(&[f32], [usize; 4])>,
    causal: bool,
    safe: bool,
) -> Vec<f64> {
    let Sizes { batch, heads, kv_heads, queries, keys, dim, v_dim } = sizes;
    let [q, k, v] = operands.each_ref().map(|operand| &operand.values);
    let mut out = Vec::new();
    for b in 0..batch {
        for h in 0..heads {
            let shared = b * kv_heads + h * kv_heads / heads;
            for i in 0..queries {
                let score = |j: usize| {
                    let dot: f64 = (0..dim)
                        .map(|c| {
                            let q = q[((b * heads + h) * queries + i) * dim + c];
                            f64::from(q) * f64::from(k[(shared * keys + j) * dim + c])
                        })
                        .sum();
                    let added = mask.map_or(0.0, |(mask, strides)| {
                        f64::from(
                            mask[[b, h, i, j]
                                .iter()
                                .zip(strides)
                                .map(|(at, stride)| at * stride)
                                .sum::<usize>()],
                        )
                    });
                    let hidden = causal && j + queries > i + keys;
                    if hidden { f64::NEG_INFINITY } else { dot * 0.3 + added }
                };
                let scores: Vec<f64> = (0..keys).map(score).collect();
                let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let weights: Vec<f64> = scores.iter().map(|score| (score - most).exp()).collect();
                let sum: f64 = weights.iter().sum();
                for c in 0..v_dim {
                    let mixed: f64 =
                        (0..keys).map(|j| weights[j] * f64::from(v[(shared * keys + j) * v_dim + c])).sum();
                    out.push(if safe && most == f64::NEG_INFINITY { 0.0 } else { mixed / sum });
                }
            }
        }
    }
    out
}

fn assert_close(got: &[f32], want: &[f64], tolerance: f64, label: &str) {
    assert_eq!(got.len(), want.len(), "{label}");
    for (i, (&g, &w)) in got.iter().zip(want).enumerate() {
        let same = (g.is_nan() && w.is_nan()) || (f64::from(g) - w).abs() <= tolerance;
        assert!(same, "{label}: element {i} is {g}, not {w}");
    }
}

#[test]
fn attention_makes_what_its_definition_says() {
    let mut random = Random(12);
    let base = Sizes { batch: 2, heads: 4, kv_heads: 4, queries: 5, keys: 5, dim: 8, v_dim: 8 };
    let cases = [
        base,
        Sizes { kv_heads: 2, keys: 9, ..base },
        Sizes { kv_heads: 1, queries: 1, keys: 33, dim: 16, v_dim: 12, ..base },
        Sizes { batch: 1, queries: 70, keys: 70, dim: 32, v_dim: 32, ..base },
        Sizes { batch: 3, heads: 1, kv_heads: 1, queries: 17, keys: 3, dim: 5, v_dim: 7 },
    ];
    for (number, sizes) in cases.into_iter().enumerate() {
        let Sizes { batch, heads, kv_heads, queries, keys, dim, v_dim } = sizes;
        for variant in 0..12 {
            let columns = variant % 2 == 0;
            let operands = [
                Operand::new(&mut random, [batch, heads, queries, dim], columns),
                Operand::new(&mut random, [batch, kv_heads, keys, dim], variant % 3 == 0),
                Operand::new(&mut random, [batch, kv_heads, keys, v_dim], columns),
            ];
            let (causal, heads_first) = (variant % 4 == 3, variant % 3 == 1);
            let form = if variant < 8 { Form::F32 } else { Form::I8 };
            // A mask of one row for each text, of one for each query, of one for each head, and none.
            let mask_shapes: [&[usize]; 3] =
                [&[batch, 1, 1, keys], &[queries, keys], &[1, heads, queries, keys]];
            let strides = [[keys, 0, 0, 1], [0, 0, keys, 1], [0, queries * keys, keys, 1]];
            let with_mask = (variant + number) % 4;
            let mask = (with_mask < 3).then(|| {
                let mut mask = random.floats(mask_shapes[with_mask].iter().product(), 1.0);
                mask.iter_mut().step_by(3).for_each(|x| *x = f32::NEG_INFINITY);
                mask
            });
            let mut builder = Builder::default();
            let ids: Vec<Id> = (0..3).map(|_| builder.input(Kind::F32)).collect();
            let added = if mask.is_some() { builder.input(Kind::F32) } else { ABSENT };
            let out = builder.slot(Kind::F32);
            let op = Attention {
                heads: heads as u32,
                kv_heads: kv_heads as u32,
                dim: dim as u32,
                v_dim: v_dim as u32,
                scale: 0.3,
                form,
                causal,
                safe: true,
                operands: operands.each_ref().map(|operand| operand.heads),
                heads_first,
            };
            builder.step(Op::Attention(op), &[ids[0], ids[1], ids[2], added], &[out]);
            builder.output(out);
            let program = builder.program().expect("a plan");
            let mut given: Vec<Given<'_>> =
                operands.iter().map(|o| (&o.shape[..], Data::F32(&o.laid_out))).collect();
            if let Some(mask) = &mask {
                given.push((mask_shapes[with_mask], Data::F32(mask)));
            }
            let stated = mask.as_deref().map(|mask| (mask, strides[with_mask.min(2)]));
            let mut want = expected(sizes, &operands, stated, causal, true);
            let shape = if heads_first {
                vec![batch, heads, queries, v_dim]
            } else {
                let rows_first = |at: usize| {
                    let (c, h) = (at % v_dim, at / v_dim % heads);
                    let (i, b) = (at / v_dim / heads % queries, at / v_dim / heads / queries);
                    want[((b * heads + h) * queries + i) * v_dim + c]
                };
                want = (0..want.len()).map(rows_first).collect();
                vec![batch, queries, heads * v_dim]
            };
            let tolerance = if form == Form::F32 { 5e-6 } else { 0.05 };
            let label = format!("case {number} variant {variant} {sizes:?}");
            let mut first: Option<(Vec<usize>, Kept)> = None;
            for isa in Isa::available() {
                for threads in [1, 2] {
                    let got = run(&program, &given, isa, threads).expect("a run").remove(0);
                    assert_eq!(got.0, shape, "{label}");
                    assert_close(got.1.f32s(), &want, tolerance, &label);
                    let first = first.get_or_insert_with(|| got.clone());
                    assert!(*first == got, "{label}: {} on {threads} threads differs", isa.name());
                }
            }
        }
    }
}

#[test]
fn threads_change_no_bit_of_attention() {
    let mut random = Random(13);
    for (batch, queries) in [(1, 300), (6, 120)] {
        for (form, heads_first) in
            [(Form::F32, false), (Form::I8, false), (Form::F32, true), (Form::I8, true)]
        {
            let x = random.floats(batch * queries * 192, 1.0);
            let mut builder = Builder::default();
            let (input, out) = (builder.input(Kind::F32), builder.slot(Kind::F32));
            let operands = [0, 64, 128].map(|first| Heads::Columns { first });
            let (heads, dim) = (4, 16);
            let op = Attention {
                heads,
                kv_heads: heads,
                dim,
                v_dim: dim,
                scale: 0.25,
                form,
                causal: true,
                safe: false,
                operands,
                heads_first,
            };
            builder.step(Op::Attention(op), &[input, input, input, ABSENT], &[out]);
            builder.output(out);
            let program = builder.program().expect("a plan");
            let given: [Given<'_>; 1] = [(&[batch, queries, 192], Data::F32(&x))];
            let alone = run(&program, &given, Isa::best(), 1).expect("a run");
            for threads in [2, 3, 7] {
                let got = run(&program, &given, Isa::best(), threads).expect("a run");
                assert!(got == alone, "{form:?} on {threads} threads");
            }
        }
    }
}

#[test]
fn norms_make_what_their_definition_says() {
    let mut random = Random(14);
    for (rows, d) in [(1, 1), (3, 7), (5, 64), (2, 100), (0, 8), (3000, 64)] {
        for variant in 0..16 {
            let [centred, with_bias, with_residual, with_sum] = [1, 2, 4, 8].map(|bit| variant & bit != 0);
            let (x, residual) = (random.floats(rows * d, 3.0), random.floats(rows * d, 3.0));
            let (weight, bias) = (random.floats(d, 1.0), random.floats(d, 1.0));
            let mut builder = Builder::default();
            let (input, added) = (builder.input(Kind::F32), builder.input(Kind::F32));
            let weight_id = builder.constant(&[d], Data::F32(&weight));
            let bias_id = if with_bias { builder.constant(&[d], Data::F32(&bias)) } else { ABSENT };
            let outputs: Vec<Id> = (0..1 + usize::from(with_sum)).map(|_| builder.slot(Kind::F32)).collect();
            let inputs = [input, weight_id, bias_id, if with_residual { added } else { ABSENT }];
            builder.step(Op::Norm(Norm { centred, epsilon: 1e-5 }), &inputs, &outputs);
            outputs.iter().for_each(|&id| builder.output(id));
            let program = builder.program().expect("a plan");
            let given: [Given<'_>; 2] = [(&[rows, d], Data::F32(&x)), (&[rows, d], Data::F32(&residual))];
            let got = run(&program, &given, Isa::best(), 1).expect("a run");
            let sums: Vec<f64> = std::iter::zip(&x, &residual)
                .map(|(&x, &r)| f64::from(if with_residual { x + r } else { x }))
                .collect();
            let mut want = Vec::new();
            for row in sums.chunks(d) {
                let mean = if centred { row.iter().sum::<f64>() / d as f64 } else { 0.0 };
                let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / d as f64;
                for (c, x) in row.iter().enumerate() {
                    let bias = if with_bias { f64::from(bias[c]) } else { 0.0 };
                    want.push((x - mean) / (variance + 1e-5).sqrt() * f64::from(weight[c]) + bias);
                }
            }
            let label = format!("{rows} {d} variant {variant}");
            assert_close(got[0].1.f32s(), &want, 2e-5, &label);
            if with_sum {
                assert_close(got[1].1.f32s(), &sums, 0.0, &label);
            }
            let shared = run(&program, &given, Isa::best(), 3).expect("a run");
            assert!(shared == got, "{label} on threads");
        }
    }
}
