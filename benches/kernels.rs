//! The kernels, one by one: `cargo bench --no-default-features --bench kernels`.
//!
//! Every answer is checked against scalar before it is timed. Benches are named `<kernel>/<isa>/<size>`. At the end comes a
//! table of medians and of ratios to scalar, taken in rotation within this run; `TRUELINE_BENCH_CSV=path` writes it as CSV.
//! Scalar is what the target's baseline compiles to, SSE2 or NEON included.

use std::fmt::Write;
use std::hint::black_box;
use std::process::Command;
use std::time::{Duration, Instant};

use criterion::Criterion;
use trueline_kernels as kernels;
use trueline_kernels::attention::{self, Form, Operand, Options, Output, Shape};
use trueline_kernels::mersenne_u32::DRAWS;
use trueline_kernels::{Activation, Isa, Norm, linear_f32, linear_i8, near_cosine};

/// Rounds of the table; each round times every instruction set once.
const ROUNDS: usize = 21;
/// Rows on each side of a matrix: two sentences.
const ROWS: usize = 64;
const EMBEDDING: [usize; 4] = [64, 384, 768, 1024];
/// Input and output features of layers of MiniLM; their size in the table is that of the input.
const LAYERS: [[usize; 2]; 2] = [[384, 1152], [1536, 384]];
const VOCABULARY: [usize; 2] = [32_000, 128_000];
/// Rows and columns of a table of costs.
const COSTS: [usize; 3] = [60, 200, 1000];
/// Tokens of a text.
const TOKENS: [usize; 4] = [8, 32, 128, 512];
/// Features of a token, and those inside the feed-forward.
const HIDDEN: usize = 384;
const INNER: usize = 1536;

/// A kernel at one size: runs once, and returns the bits of what it computed.
struct Case {
    kernel: &'static str,
    size: usize,
    run: Box<dyn FnMut(Isa) -> u64>,
}

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(50))
        .measurement_time(Duration::from_millis(200))
        .configure_from_args();
    let isas: Vec<Isa> = Isa::available().collect();
    let mut rows = Vec::new();
    for mut case in cases() {
        let want = (case.run)(Isa::Scalar);
        for &isa in &isas {
            assert_eq!((case.run)(isa), want, "{}/{}/{}", case.kernel, isa.name(), case.size);
            let name = format!("{}/{}/{}", case.kernel, isa.name(), case.size);
            criterion.bench_function(&name, |b| b.iter(|| (case.run)(isa)));
        }
        let medians = medians(&mut case, &isas);
        let scalar = medians[isas.len() - 1];
        for (isa, median) in isas.iter().zip(&medians) {
            rows.push((case.kernel, isa.name(), case.size, *median, scalar / median));
        }
    }
    criterion.final_summary();

    println!("{:<22} {:<11} {:>7} {:>12} {:>16}", "kernel", "isa", "size", "median ns", "ratio-to-scalar");
    let mut csv = String::from("date,kernel,isa,size,median_ns,ratio_to_scalar\n");
    let date = today();
    for (kernel, isa, size, median, ratio) in rows {
        println!("{kernel:<22} {isa:<11} {size:>7} {median:>12.1} {ratio:>16.2}");
        writeln!(csv, "{date},{kernel},{isa},{size},{median:.1},{ratio:.2}")
            .expect("a String takes every write");
    }
    if let Ok(path) = std::env::var("TRUELINE_BENCH_CSV") {
        std::fs::write(&path, csv).unwrap_or_else(|error| panic!("TRUELINE_BENCH_CSV {path}: {error}"));
    }
}

/// The date as `2026-01-31`; empty where there is no `date` command.
fn today() -> String {
    let output = Command::new("date").args(["-u", "+%F"]).output();
    output.map_or_else(|_| String::new(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Median nanoseconds of one run on each instruction set, the order turned by one each round.
fn medians(case: &mut Case, isas: &[Isa]) -> Vec<f64> {
    let start = Instant::now();
    (case.run)(Isa::Scalar);
    let repeats = (200_000 / start.elapsed().as_nanos().max(1)).clamp(1, 10_000) as usize;
    let mut samples = vec![Vec::new(); isas.len()];
    for round in 0..ROUNDS {
        for turn in 0..isas.len() {
            let place = (round + turn) % isas.len();
            let start = Instant::now();
            for _ in 0..repeats {
                black_box((case.run)(isas[place]));
            }
            samples[place].push(start.elapsed().as_nanos() as f64 / repeats as f64);
        }
    }
    for sample in &mut samples {
        sample.sort_by(f64::total_cmp);
    }
    samples.iter().map(|sample| sample[ROUNDS / 2]).collect()
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |kernel, size, run| cases.push(Case { kernel, size, run });
    let run = |isa| {
        let (mut state, mut draws) = ([0x9e37_79b9; DRAWS], [0; DRAWS]);
        kernels::mersenne_u32(isa, black_box(&mut state), 128_000, &mut draws);
        draws.iter().step_by(61).fold(0, |hash, &x| mix(hash, u64::from(x)))
    };
    add("mersenne_u32", DRAWS, boxed(run));
    for d in EMBEDDING {
        let (a, b) = (floats(1, d, 1.0), floats(2, d, 1.0));
        add("dot_f32", d, boxed(move |isa| u64::from(kernels::dot_f32(isa, black_box(&a), &b).to_bits())));
        let (a, b) = (bytes(1, d), bytes(2, d));
        add("dot_i8", d, boxed(move |isa| kernels::dot_i8(isa, black_box(&a), &b) as u64));

        let shape = [ROWS, ROWS, d];
        let (a, b, mut out) = (floats(3, ROWS * d, 1.0), floats(4, ROWS * d, 1.0), vec![0.0; ROWS * ROWS]);
        let run = move |isa| {
            kernels::dot_matrix_f32(isa, black_box(&a), &b, shape, &mut out);
            sample(&out)
        };
        add("dot_matrix_f32", d, boxed(run));
        let (a, b, mut out) = (bytes(3, ROWS * d), bytes(4, ROWS * d), vec![0; ROWS * ROWS]);
        let run = move |isa| {
            kernels::dot_matrix_i8(isa, black_box(&a), &b, shape, &mut out);
            out.iter().step_by(61).fold(0, |hash, &x| mix(hash, x as u64))
        };
        add("dot_matrix_i8", d, boxed(run));

        let (a, b) = (floats(5, ROWS * d, 1.0), floats(6, ROWS * d, 1.0));
        let (mut norms, mut out) = (vec![0.0; ROWS], vec![0.0; ROWS * ROWS]);
        let run = move |isa| {
            kernels::cosine_matrix_f32(isa, black_box(&a), &b, shape, &mut norms, &mut out);
            sample(&out)
        };
        add("cosine_matrix_f32", d, boxed(run));
        let (a, b) = (bytes(5, ROWS * d), bytes(6, ROWS * d));
        let (mut norms, mut out) = (vec![0.0; ROWS], vec![0.0; ROWS * ROWS]);
        let run = move |isa| {
            kernels::cosine_matrix_i8(isa, black_box(&a), &b, shape, &mut norms, &mut out);
            sample(&out)
        };
        add("cosine_matrix_i8", d, boxed(run));

        // From floats to products: what a search for the best pairs begins with.
        let (a, b, mut out) = (floats(5, ROWS * d, 1.0), floats(6, ROWS * d, 1.0), vec![0; ROWS * ROWS]);
        let mut sides = [(); 2]
            .map(|()| (vec![0; ROWS * near_cosine::row_len(d)], vec![near_cosine::Row::default(); ROWS]));
        let run = move |isa| {
            let [(left, of_left), (right, of_right)] = &mut sides;
            let left = near_cosine::Left::quantise(isa, black_box(&a), d, left, of_left);
            let right = near_cosine::Right::quantise(isa, &b, d, right, of_right);
            near_cosine::products(isa, &left, &right, &mut out);
            out.iter().step_by(61).fold(0, |hash, &x| mix(hash, x as u64))
        };
        add("near_cosine", d, boxed(run));
    }
    for [k, n] in LAYERS {
        let (weights, x) = (bytes(10, k * n), floats(11, ROWS * k, 1.0));
        let mut packed = vec![0; linear_i8::packed_len(k, n)];
        let (scales, mut sums, mut out) = (vec![0.01; n], vec![0; n], vec![0.0; ROWS * n]);
        linear_i8::pack(&weights, [k, n], &mut packed, &mut sums);
        let (mut rows, mut row_scales, mut zeros) =
            (vec![0; ROWS * linear_i8::row_len(k)], vec![0.0; ROWS], vec![0; ROWS]);
        kernels::quantise_rows(Isa::Scalar, &x, k, None, &mut rows, &mut row_scales, &mut zeros);
        let run = move |isa| {
            let rows = linear_i8::Rows { bytes: black_box(&rows), scales: &row_scales, zeros: &zeros };
            let weights = linear_i8::Weights { packed: &packed, k, n, scales: &scales, sums: &sums };
            kernels::linear_i8(isa, rows, weights, linear_i8::Epilogue::default(), &mut out);
            sample(&out)
        };
        add("linear_i8", k, boxed(run));

        let (weights, x) = (floats(12, k * n, 1.0), floats(11, ROWS * k, 1.0));
        let (mut packed, mut out) = (vec![0.0; linear_f32::packed_len(k, n)], vec![0.0; ROWS * n]);
        linear_f32::pack(&weights, [k, n], &mut packed);
        let run = move |isa| {
            let weights = linear_f32::Weights { packed: &packed, k, n };
            kernels::linear_f32(isa, black_box(&x), weights, linear_f32::Epilogue::default(), &mut out);
            sample(&out)
        };
        add("linear_f32", k, boxed(run));

        let x = floats(11, ROWS * k, 1.0);
        let (mut rows, mut scales, mut zeros) =
            (vec![0; ROWS * linear_i8::row_len(k)], vec![0.0; ROWS], vec![0; ROWS]);
        let run = move |isa| {
            kernels::quantise_rows(isa, black_box(&x), k, None, &mut rows, &mut scales, &mut zeros);
            rows.iter().step_by(61).fold(0, |hash, &x| mix(hash, u64::from(x)))
        };
        add("quantise_rows", k, boxed(run));

        let x = floats(11, ROWS * k, 1.0);
        let (mut rows, mut scales, mut zeros) =
            (vec![0; ROWS * linear_i8::row_len(k)], vec![0.0; ROWS], vec![0; ROWS]);
        let run = move |isa| {
            let x = black_box(&x);
            kernels::quantise_rows_static(isa, x, k, 0.01, 3, true, &mut rows, &mut scales, &mut zeros);
            rows.iter().step_by(61).fold(0, |hash, &x| mix(hash, u64::from(x)))
        };
        add("quantise_rows_static", k, boxed(run));
    }
    let (x, mut row, mut column, mut max) =
        (floats(7, 128 * 128, 1.0), vec![0; 128], vec![0; 128], vec![0.0; 128]);
    let run = move |isa| {
        kernels::arg_max_rows_cols_f32(isa, black_box(&x), &mut row, &mut column, &mut max);
        row.iter().chain(&column).fold(0, |hash, &place| mix(hash, u64::from(place)))
    };
    add("arg_max_rows_cols_f32", 128, boxed(run));
    for v in VOCABULARY {
        let x = floats(8, v, 12.0);
        add("max_f32", v, boxed(move |isa| u64::from(kernels::max_f32(isa, black_box(&x)).to_bits())));
        let x = floats(8, v, 12.0);
        add("arg_max_f32", v, boxed(move |isa| kernels::arg_max_f32(isa, black_box(&x)).unwrap_or(v) as u64));
        let (x, mut out) = (floats(8, v, 12.0), vec![0.0; v]);
        let run = move |isa| {
            kernels::softmax_f32(isa, black_box(&x), &mut out);
            sample(&out)
        };
        add("softmax_f32", v, boxed(run));
        let x = floats(8, v, 12.0);
        add("log_sum_exp_f32", v, boxed(move |isa| kernels::log_sum_exp_f32(isa, black_box(&x)).to_bits()));
        let x = floats(8, v, 12.0);
        add("entropy_f32", v, boxed(move |isa| kernels::entropy_f32(isa, black_box(&x)).to_bits()));
        let (x, mut values, mut places) = (floats(8, v, 12.0), vec![0.0; 50], vec![0; 50]);
        let run = move |isa| {
            kernels::top_k_f32(isa, black_box(&x), &mut values, &mut places);
            places.iter().fold(0, |hash, &place| mix(hash, u64::from(place)))
        };
        add("top_k_f32", v, boxed(run));
        let (x, y, mut out) = (floats(8, v, 12.0), floats(9, v, 12.0), vec![0.0; v]);
        let run = move |isa| {
            kernels::lerp_f32(isa, black_box(&x), &y, 0.5, &mut out);
            sample(&out)
        };
        add("lerp_f32", v, boxed(run));
    }
    for n in COSTS {
        add_f64(&mut add, n);
    }
    for n in TOKENS {
        for (name, activation) in [("gelu_f32", Activation::Gelu), ("silu_f32", Activation::Silu)] {
            let (x, mut out) = (floats(10, n * INNER, 4.0), vec![0.0; n * INNER]);
            let run = move |isa| {
                out.copy_from_slice(black_box(&x));
                kernels::activation_f32(isa, activation, &mut out);
                sample(&out)
            };
            add(name, n, boxed(run));
        }
        let (x, y, mut out) =
            (floats(11, n * HIDDEN, 1.0), floats(12, n * HIDDEN, 1.0), vec![0.0; n * HIDDEN]);
        let weight = floats(13, HIDDEN, 1.0);
        let run = move |isa| {
            let norm = Norm { weight: &weight, bias: Some(&weight), epsilon: 1e-12, centred: true };
            kernels::norm_f32(isa, black_box(&x), Some(&y), norm, None, &mut out);
            sample(&out)
        };
        add("norm_f32", n, boxed(run));
        // Every query on every key, and a decoder's single query.
        let whole = [("attention_f32", Form::F32, n), ("attention_i8", Form::I8, n)];
        for (name, form, queries) in whole.into_iter().chain([("attention_f32_step", Form::F32, 1)]) {
            add(name, n, attention_case(form, queries, n));
        }
    }
    cases
}

/// All heads of one layer: packing and rows.
fn attention_case(form: Form, queries: usize, keys: usize) -> Box<dyn FnMut(Isa) -> u64> {
    const DIM: usize = 32;
    let heads = HIDDEN / DIM;
    let shape = Shape { heads, kv_heads: heads, queries, keys, dim: DIM, v_dim: DIM };
    let options = Options { scale: 0.18, causal: false, safe: false };
    let qkv = floats(14, keys * 3 * HIDDEN, 2.0);
    let mut packed = vec![0.0; attention::packed_len(form, shape)];
    let mut scratch = vec![0.0; attention::scratch_len(form, shape)];
    let mut out = vec![0.0; queries * HIDDEN];
    boxed(move |isa| {
        let qkv = black_box(&qkv);
        let part = |n: usize| Operand { data: &qkv[n * HIDDEN..], row_stride: 3 * HIDDEN, head_stride: DIM };
        attention::pack(isa, form, shape, part(1), part(2), &mut packed);
        let output = Output { data: &mut out, row_stride: HIDDEN, head_stride: DIM };
        let (q, v) = (part(0), part(2));
        attention::rows(isa, form, shape, options, 0..queries, q, v, None, &packed, &mut scratch, output);
        sample(&out)
    })
}

/// What transport and matching of `n` with `n` spend their time on.
fn add_f64(add: &mut impl FnMut(&'static str, usize, Box<dyn FnMut(Isa) -> u64>), n: usize) {
    let doubles = |seed, len, scale: f64| -> Vec<f64> {
        floats(seed, len, 1.0).into_iter().map(|x| f64::from(x) * scale).collect()
    };
    let (x, mut out) = (doubles(14, n, 20.0), vec![0.0; n]);
    let run = move |isa| {
        out.copy_from_slice(black_box(&x));
        kernels::exp_f64(isa, &mut out);
        sample_f64(&out)
    };
    add("exp_f64", n, boxed(run));
    let (offsets, costs, mut out) = (doubles(14, n, 1.0), doubles(15, n, 1.0), vec![0.0; n]);
    let run = move |isa| {
        kernels::exp_less_f64(isa, 0.5, black_box(&offsets), &costs, 10.0, &mut out);
        sample_f64(&out)
    };
    add("exp_less_f64", n, boxed(run));
    let (x, mut out): (Vec<f64>, _) = (doubles(14, n, 20.0).iter().map(|x| x.abs()).collect(), vec![0.0; n]);
    let run = move |isa| {
        out.copy_from_slice(black_box(&x));
        kernels::log_f64(isa, &mut out);
        sample_f64(&out)
    };
    add("log_f64", n, boxed(run));
    let (table, x, mut out) = (doubles(16, n * n, 1.0), doubles(17, n, 1.0), vec![0.0; n]);
    let run = move |isa| {
        kernels::row_products_f64(isa, black_box(&table), &x, &mut out);
        sample_f64(&out)
    };
    add("row_products_f64", n, boxed(run));
    let (table, x, mut out) = (doubles(16, n * n, 1.0), doubles(17, n, 1.0), vec![0.0; n]);
    let run = move |isa| {
        out.fill(0.0);
        kernels::add_rows_f64(isa, black_box(&table), &x, &mut out);
        sample_f64(&out)
    };
    add("add_rows_f64", n, boxed(run));
    let (mut table, ones) = (doubles(16, n * n, 1.0), vec![1.0; n]);
    let run = move |isa| {
        let finite = kernels::scale_cells_f64(isa, black_box(&mut table), &ones, &ones);
        mix(u64::from(finite), sample_f64(&table))
    };
    add("scale_cells_f64", n, boxed(run));
    let x = doubles(16, n * n, 1.0);
    let run = move |isa| kernels::least_f64(isa, black_box(&x)).to_bits();
    add("least_f64", n, boxed(run));
    let (costs, prices) = (doubles(18, n, 1.0), doubles(19, n, 1.0));
    let run = move |isa| {
        let found = kernels::two_least_f64(isa, black_box(&costs), 1.0, &prices);
        mix(found.least.to_bits(), found.second.to_bits())
    };
    add("two_least_f64", n, boxed(run));
    let (costs, prices) = (doubles(18, n, 1.0), doubles(19, n, 1.0));
    let (mut lengths, mut before) = (vec![0.0; n], vec![0; n]);
    let run = move |isa| {
        lengths.fill(0.0);
        let costs = black_box(&costs);
        let (column, least) = kernels::relax_f64(isa, costs, 1.0, &prices, 0.5, 3, &mut lengths, &mut before);
        mix(column as u64, least.to_bits())
    };
    add("relax_f64", n, boxed(run));
}

fn boxed(run: impl FnMut(Isa) -> u64 + 'static) -> Box<dyn FnMut(Isa) -> u64> {
    Box::new(run)
}

/// The bits of some of the values: enough to see a difference, little enough not to be timed.
fn sample(x: &[f32]) -> u64 {
    x.iter().step_by(x.len() / 64 + 1).fold(0, |hash, x| mix(hash, u64::from(x.to_bits())))
}

fn sample_f64(x: &[f64]) -> u64 {
    x.iter().step_by(x.len() / 64 + 1).fold(0, |hash, x| mix(hash, x.to_bits()))
}

fn mix(hash: u64, x: u64) -> u64 {
    (hash ^ x).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
}

fn numbers(seed: u64) -> impl Iterator<Item = u64> {
    (0..).map(move |i| mix(mix(seed, i), 1))
}

/// Evenly spread over [-scale, scale).
fn floats(seed: u64, len: usize, scale: f32) -> Vec<f32> {
    numbers(seed).take(len).map(|x| ((x >> 40) as f32 / 8_388_608.0 - 1.0) * scale).collect()
}

fn bytes(seed: u64, len: usize) -> Vec<i8> {
    numbers(seed).take(len).map(|x| (x >> 40) as i8).collect()
}
