//! Steps of decoding at a vocabulary of 128,000, beside the memory's bandwidth in the same run:
//! `cargo bench --no-default-features --bench decode`; `-- python PATH` times the reference permutation, too.
//!
//! Inputs come from main memory: each call takes the next of many sets of logits. Medians of rounds that take everything in turn.

use std::hint::black_box;
use std::process::Command;
use std::time::Instant;

use trueline_core::kernels::Isa;
use trueline_core::scoring::decode::green::{DEFAULT_KEY, Scheme, Scratch, Watermark};
use trueline_core::scoring::decode::heal::{Healing, Masks, Vocabulary, mask};
use trueline_core::scoring::decode::realign::realign_f32;
use trueline_core::scoring::decode::sample::{Sampler, Sampling};
use trueline_core::scoring::score::entropy::entropy;

const VOCABULARY: usize = 128_000;
/// Sets of two vectors and one for the result: 295 MB, more than a cache.
const SETS: usize = 192;
const ROUNDS: usize = 15;

struct Set {
    reference: Vec<f32>,
    aligned: Vec<f32>,
    out: Vec<f32>,
}

fn logits(seed: usize) -> Vec<f32> {
    let mut state = seed as u64 * 2 + 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 24) as f32
    };
    // About normal, as logits are.
    (0..VOCABULARY).map(|_| (next() + next() + next() + next() - 2.0) * 5.0).collect()
}

/// The median time of a call, in microseconds, over all sets in turn.
fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn timed(sets: &mut [Set], step: &mut dyn FnMut(&mut Set)) -> f64 {
    let start = Instant::now();
    sets.iter_mut().for_each(&mut *step);
    start.elapsed().as_secs_f64() * 1e6 / sets.len() as f64
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let isa = Isa::best();
    let mut sets: Vec<Set> = (0..SETS)
        .map(|i| Set { reference: logits(i), aligned: logits(i + SETS), out: vec![0.0; VOCABULARY] })
        .collect();
    let mut sampler = Sampler::new(isa, VOCABULARY);
    let mut scratch = Scratch::new(isa);
    let watermark = Watermark { n_vocab: VOCABULARY, gamma: 0.25, key: DEFAULT_KEY, scheme: Scheme::Simple };
    let bytes: Vec<Vec<u8>> = (0..VOCABULARY as u32).map(|i| format!("{:x}", i * 7).into_bytes()).collect();
    let vocabulary = Vocabulary::new(bytes).expect("a vocabulary");
    let (healing, _) = Healing::start(&vocabulary, &[3], 1).expect("a token");
    let mut masks = Masks::default();
    let (mut green, mut previous) = (Vec::new(), 0_u32);
    let (mut d, mut e, self_hash) =
        (Scratch::new(isa), Scratch::new(isa), Watermark { scheme: Scheme::SelfHash, ..watermark });
    let text: Vec<u32> = (0..33).map(|i| i * 3907 % VOCABULARY as u32).collect();
    // Bytes that a step has to move: what it reads and writes once.
    let vector = (VOCABULARY * 4) as f64;
    type Step<'a> = (&'static str, f64, Box<dyn FnMut(&mut Set) + 'a>);
    let (mut a, mut b, mut c) = (sampler.clone(), sampler.clone(), Scratch::new(isa));
    let steps: Vec<Step<'_>> = vec![
        (
            "memory: two vectors read, one written",
            3.0 * vector,
            Box::new(|set| {
                for ((out, x), y) in set.out.iter_mut().zip(&set.reference).zip(&set.aligned) {
                    *out = x + 0.5 * y;
                }
            }),
        ),
        (
            "memory: one vector read",
            vector,
            Box::new(|set| {
                let mut sums = [0.0_f32; 64];
                for block in set.reference.chunks_exact(64) {
                    sums.iter_mut().zip(block).for_each(|(sum, x)| *sum += x);
                }
                black_box(sums);
            }),
        ),
        (
            "DeRa",
            3.0 * vector,
            Box::new(|set| {
                let Set { reference, aligned, out } = set;
                black_box(realign_f32(isa, reference, aligned, 1.5, out).expect("a token"));
            }),
        ),
        (
            "temperature and top-k of 40",
            vector,
            Box::new(|set| {
                let options = Sampling { temperature: 0.7, top_k: 40, top_p: 1.0 };
                black_box(sampler.draw(&set.reference, options, 0.37).expect("a token"));
            }),
        ),
        (
            "greedy",
            vector,
            Box::new(|set| {
                let options = Sampling { temperature: 0.0, top_k: 0, top_p: 1.0 };
                black_box(a.draw(&set.reference, options, 0.37).expect("a token"));
            }),
        ),
        (
            "temperature and top-p of 0.9 over all",
            vector,
            Box::new(|set| {
                let options = Sampling { temperature: 0.7, top_k: 0, top_p: 0.9 };
                black_box(b.draw(&set.reference, options, 0.37).expect("a token"));
            }),
        ),
        ("entropy", vector, Box::new(|set| _ = black_box(entropy(isa, &set.reference).expect("a number")))),
        (
            "mask of a prefix that was asked for before, found",
            0.0,
            Box::new(|_| _ = black_box(masks.of(&healing, &vocabulary).len())),
        ),
        (
            "a mask put on the logits",
            2.0 * vector,
            Box::new({
                let bits = Masks::default().of(&healing, &vocabulary).to_vec();
                move |set| {
                    black_box(mask(&bits, &mut set.out));
                }
            }),
        ),
        (
            "green list of a quarter, drawn",
            0.0,
            Box::new(|_| {
                previous += 1;
                watermark.green_unordered(&[previous], &mut scratch, &mut green).expect("a list");
                black_box(green.len());
            }),
        ),
        (
            "green list of a quarter, put on the logits",
            2.0 * vector,
            Box::new(|set| watermark.bias(&[5], 2.0, &mut c, &mut set.out).expect("a list")),
        ),
        (
            "green list of each of 41 candidates, put on the logits",
            0.0,
            Box::new(|set| self_hash.bias(&[5, 6, 7], 2.0, &mut d, &mut set.out).expect("a list")),
        ),
        (
            "32 tokens judged",
            0.0,
            Box::new(|_| _ = black_box(watermark.detect(&text, false, &mut e).expect("a text"))),
        ),
    ];
    let mut times: Vec<Vec<f64>> = vec![Vec::new(); steps.len()];
    let mut steps = steps;
    for _ in 0..ROUNDS {
        for ((_, _, step), times) in steps.iter_mut().zip(&mut times) {
            times.push(timed(&mut sets, step));
        }
    }
    println!("instruction set {}, vocabulary {VOCABULARY}, medians of {ROUNDS} rounds", isa.name());
    let rates: Vec<f64> =
        steps.iter().zip(&times).map(|((_, bytes, _), times)| bytes / median(times.clone()) / 1e3).collect();
    for (at, ((name, bytes, _), times)) in steps.iter().zip(&times).enumerate() {
        let time = median(times.clone());
        // Against what reads as much, and writes as much.
        let memory = if *bytes > vector { rates[0] } else { rates[1] };
        match at {
            0 | 1 => println!("{name}: {time:.1} us, {:.1} GB/s", rates[at]),
            _ if *bytes == 0.0 => println!("{name}: {time:.2} us"),
            _ => println!(
                "{name}: {time:.1} us, {:.1} GB/s, {:.2} of the memory",
                rates[at],
                rates[at] / memory
            ),
        }
    }
    if let [word, python] = &words[..]
        && word == "python"
    {
        reference(python);
    }
}

/// What the published implementation does for a green list, in Python with torch.
fn reference(python: &str) {
    let script = "import time, torch\ntorch.set_num_threads(1)\nrng = torch.Generator()\n\
        def once(seed):\n rng.manual_seed(seed)\n return torch.randperm(128000, generator=rng)[:32000]\n\
        once(1)\nt = []\nfor r in range(15):\n s = time.perf_counter()\n for i in range(20): once(i * 15485863)\n \
        t.append((time.perf_counter() - s) / 20)\nprint(sorted(t)[7] * 1e6)";
    match Command::new(python).args(["-c", script]).output() {
        Ok(done) => println!("torch's permutation: {} us", String::from_utf8_lossy(&done.stdout).trim()),
        Err(e) => println!("{python}: {e}"),
    }
}
