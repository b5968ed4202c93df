//! Linear layers in int8 and in f32, for every instruction set and layer shape: `cargo bench -p trueline_kernels`.
//!
//! Every answer is checked against scalar before it is timed. Weights are hot: one layer, again and again. Times are lower
//! quartiles of short rounds in rotation, so that a ratio is from one run. `floor` is a loop of VPDPBUSD on registers alone,
//! measured in the same rounds; `of-floor` is the share of its rate that int8 reaches. `TRUELINE_BENCH_CSV=path` writes the
//! table as CSV. Words after `--` keep the instruction sets with these names.
//!
//! It stands in this package, because the floor needs intrinsics.

use std::fmt::Write;
use std::hint::black_box;
use std::ops::{Deref, DerefMut};
use std::time::Instant;

use trueline_kernels::linear_f32::{self, linear_f32};
use trueline_kernels::linear_i8::{self, Epilogue, Rows, Weights, linear_i8};
use trueline_kernels::{Isa, quantise_rows};

const ROUNDS: usize = 15;
/// `[k, n]` of MiniLM: query, key and value; output; both halves of the feed-forward part.
const SHAPES: [[usize; 2]; 4] = [[384, 1152], [384, 384], [384, 1536], [1536, 384]];
const ROWS: [usize; 8] = [1, 2, 4, 8, 9, 16, 64, 128];
/// Shortest time of one sample, in nanoseconds.
const SAMPLE: u128 = 300_000;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let isas: Vec<Isa> = Isa::available()
        .filter(|isa| words.is_empty() || words.iter().any(|word| word == isa.name()))
        .collect();
    let mut csv = String::from("isa,k,n,m,i8_ns,f32_ns,f32_over_i8,i8_gmac_s,floor_gmac_s\n");
    println!(
        "{:<11} {:>5} {:>5} {:>4} {:>10} {:>10} {:>8} {:>8} {:>7} {:>9}",
        "isa", "k", "n", "m", "i8 ns", "f32 ns", "f32/i8", "GMAC/s", "floor", "of-floor"
    );
    for shape @ [k, n] in SHAPES {
        let layer = Layer::new(shape);
        for m in ROWS {
            let row = layer.measure(m, &isas);
            for (isa, [i8_ns, f32_ns, floor]) in isas.iter().zip(row) {
                let (name, macs, ratio) = (isa.name(), (m * k * n) as f64, f32_ns / i8_ns);
                let rate = macs / i8_ns;
                println!(
                    "{name:<11} {k:>5} {n:>5} {m:>4} {i8_ns:>10.0} {f32_ns:>10.0} {ratio:>8.2} {rate:>8.1} {floor:>7.1} {:>8.1}%",
                    100.0 * rate / floor
                );
                writeln!(csv, "{name},{k},{n},{m},{i8_ns:.0},{f32_ns:.0},{ratio:.2},{rate:.1},{floor:.1}")
                    .expect("a String takes every write");
            }
        }
    }
    if let Ok(path) = std::env::var("TRUELINE_BENCH_CSV") {
        std::fs::write(&path, csv).unwrap_or_else(|error| panic!("TRUELINE_BENCH_CSV {path}: {error}"));
    }
}

/// The alignment that a plan gives to constants and to the buffers of its arena.
const ALIGN: usize = 64;

/// A vector whose first element is aligned.
struct Aligned<T> {
    all: Vec<T>,
    first: usize,
    len: usize,
}

impl<T: Copy> Aligned<T> {
    fn new(value: T, len: usize) -> Self {
        let all = vec![value; len + ALIGN];
        let first = all.as_ptr().align_offset(ALIGN);
        Aligned { all, first, len }
    }
}

impl<T> Deref for Aligned<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.all[self.first..][..self.len]
    }
}

impl<T> DerefMut for Aligned<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.all[self.first..][..self.len]
    }
}

/// One layer in both forms, and rows to feed it with.
struct Layer {
    shape: [usize; 2],
    x: Vec<f32>,
    bytes: Vec<u8>,
    row_scales: Vec<f32>,
    zeros: Vec<i32>,
    packed: Aligned<i8>,
    scales: Vec<f32>,
    sums: Vec<i32>,
    packed_f32: Aligned<f32>,
    bias: Vec<f32>,
}

impl Layer {
    fn new([k, n]: [usize; 2]) -> Self {
        let m = ROWS[ROWS.len() - 1];
        let weights: Vec<i8> = numbers(1).take(k * n).map(|x| (x >> 40) as i8).collect();
        let floats: Vec<f32> = weights.iter().map(|&x| f32::from(x) / 128.0).collect();
        let mut layer = Layer {
            shape: [k, n],
            x: numbers(2).take(m * k).map(|x| (x >> 40) as f32 / 8_388_608.0 - 1.0).collect(),
            bytes: vec![0; m * linear_i8::row_len(k)],
            row_scales: vec![0.0; m],
            zeros: vec![0; m],
            packed: Aligned::new(0, linear_i8::packed_len(k, n)),
            scales: vec![1.0 / 128.0; n],
            sums: vec![0; n],
            packed_f32: Aligned::new(0.0, linear_f32::packed_len(k, n)),
            bias: vec![0.5; n],
        };
        linear_i8::pack(&weights, [k, n], &mut layer.packed, &mut layer.sums);
        linear_f32::pack(&floats, [k, n], &mut layer.packed_f32);
        let Layer { x, bytes, row_scales, zeros, .. } = &mut layer;
        quantise_rows(Isa::Scalar, x, k, None, bytes, row_scales, zeros);
        layer
    }

    fn run_i8(&self, isa: Isa, m: usize, out: &mut [f32]) {
        let [k, n] = self.shape;
        let rows = Rows {
            bytes: &self.bytes[..m * linear_i8::row_len(k)],
            scales: &self.row_scales[..m],
            zeros: &self.zeros[..m],
        };
        let weights = Weights { packed: &self.packed, k, n, scales: &self.scales, sums: &self.sums };
        linear_i8(isa, black_box(rows), weights, self.epilogue(), out);
    }

    fn run_f32(&self, isa: Isa, m: usize, out: &mut [f32]) {
        let [k, n] = self.shape;
        let weights = linear_f32::Weights { packed: &self.packed_f32, k, n };
        linear_f32(isa, black_box(&self.x[..m * k]), weights, self.epilogue(), out);
    }

    fn epilogue(&self) -> Epilogue<'_> {
        Epilogue { bias: Some(&self.bias), ..Epilogue::default() }
    }

    /// Nanoseconds in int8 and in f32, and the floor in multiply-adds a nanosecond, for each instruction set.
    fn measure(&self, m: usize, isas: &[Isa]) -> Vec<[f64; 3]> {
        let len = m * self.shape[1];
        let (mut out, mut want) = (Aligned::new(0.0, len), [vec![0.0; len], vec![0.0; len]]);
        self.run_i8(Isa::Scalar, m, &mut want[0]);
        self.run_f32(Isa::Scalar, m, &mut want[1]);
        for &isa in isas {
            self.run_i8(isa, m, &mut out);
            assert_eq!(*out, want[0][..], "int8 on {}", isa.name());
            self.run_f32(isa, m, &mut out);
            assert_eq!(*out, want[1][..], "f32 on {}", isa.name());
        }
        let mut samples = vec![[const { Vec::new() }; 3]; isas.len()];
        for round in 0..ROUNDS {
            for turn in 0..isas.len() {
                let place = (round + turn) % isas.len();
                let isa = isas[place];
                let ns = [
                    sample(|| self.run_i8(isa, m, &mut out)),
                    sample(|| self.run_f32(isa, m, &mut out)),
                    floor(),
                ];
                for (all, ns) in samples[place].iter_mut().zip(ns) {
                    all.push(ns);
                }
            }
        }
        samples.into_iter().map(|three| three.map(quartile)).collect()
    }
}

/// The lower quartile: what else runs on the machine can only add time.
fn quartile(mut x: Vec<f64>) -> f64 {
    x.sort_by(f64::total_cmp);
    x[x.len() / 4]
}

/// Nanoseconds of one run, from as many as make up a sample. The first run is not counted: it fetches the weights.
fn sample(mut run: impl FnMut()) -> f64 {
    run();
    let start = Instant::now();
    let mut count = 0;
    while start.elapsed().as_nanos() < SAMPLE {
        run();
        count += 1;
    }
    start.elapsed().as_nanos() as f64 / f64::from(count)
}

/// Multiply-adds a nanosecond of VPDPBUSD on registers alone; NaN where there is none.
fn floor() -> f64 {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx512vnni") {
        const STEPS: usize = 4000;
        // SAFETY: the CPU was asked for AVX-512-VNNI, which never comes without AVX-512 F.
        let ns = sample(|| unsafe { vpdpbusd(STEPS) });
        return (STEPS * 24 * 64) as f64 / ns;
    }
    f64::NAN
}

/// 24 chains of the instruction, as many as the largest tile has.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vnni")]
fn vpdpbusd(steps: usize) {
    use core::arch::x86_64::*;
    let (x, y) = (_mm512_set1_epi32(black_box(0x0102_0304)), _mm512_set1_epi32(black_box(0x0403_0201)));
    let mut acc = [_mm512_setzero_si512(); 24];
    for _ in 0..steps {
        for acc in &mut acc {
            *acc = _mm512_dpbusd_epi32(*acc, x, y);
        }
    }
    let mut sum = acc[0];
    for acc in &acc[1..] {
        sum = _mm512_add_epi32(sum, *acc);
    }
    black_box(_mm512_reduce_add_epi32(sum));
}

fn numbers(seed: u64) -> impl Iterator<Item = u64> {
    (1..).map(move |i: u64| {
        let z = (seed ^ i.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (z ^ (z >> 31)).wrapping_mul(0x94d0_49bb_1331_11eb)
    })
}
