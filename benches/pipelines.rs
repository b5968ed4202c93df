//! The guard pipeline, text to verdict, beside ONNX Runtime on the same file in the same run:
//! `cargo bench --features ort --bench pipelines`.
//!
//! p50 and p99 of one check, cold start to the first verdict and peak memory. Each backend is timed in a process of its
//! own, in blocks whose order turns from round to round; every block checks its verdict before it is timed. The pack is
//! `TRUELINE_BENCH_PACK` (default `models/guard-en`); libonnxruntime is `TRUELINE_ORT_LIBRARY`, else what
//! `cargo xtask peers` fetched; without it tract runs alone. `TRUELINE_BENCH_CSV=path` writes the table as CSV.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use trueline_core::engine::{Config, Engine, GuardOptions, Session};
use trueline_core::model::backend::Kind;
use trueline_core::model::pack::Pack;

/// Tokens of a check, special ones included; 256 is longer than the pack's window.
const TOKENS: [usize; 4] = [16, 64, 128, 256];
const ROUNDS: usize = 7;
const CHECKS: usize = 30;
/// A word that every WordPiece vocabulary holds as one token.
const WORD: &str = "time ";

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    match words.as_slice() {
        [mode, backend] if mode == "child" => child(backend),
        _ => parent(),
    }
}

fn pack_path() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    std::env::var_os("TRUELINE_BENCH_PACK").map_or_else(|| root.join("models/guard-en"), PathBuf::from)
}

/// One process: cold start, then a block of checks at each length. Prints `name value` lines, times in microseconds.
fn child(backend: &str) {
    let start = Instant::now();
    let pack = Pack::open(&pack_path()).expect("the pack opens");
    let config = Config { backend: Kind::from_name(backend).expect("a backend"), ..Config::default() };
    let engine = Engine::new(&config, &[&pack]).expect("the pack loads");
    drop(pack);
    let mut session = Session::new(&engine, None).expect("a session");
    let options = GuardOptions::default();
    let first = session.guard(b"What is the capital of France?", &options).expect("a verdict");
    println!("cold {}", start.elapsed().as_micros());
    assert!(first.risk.is_finite() && !first.categories.is_empty());
    for tokens in TOKENS {
        let text = WORD.repeat(tokens - 2);
        let want = session.guard(text.as_bytes(), &options).expect("a verdict");
        for _ in 0..CHECKS {
            let start = Instant::now();
            let got = session.guard(text.as_bytes(), &options).expect("a verdict");
            println!("{tokens} {}", start.elapsed().as_micros());
            assert_eq!(got, want, "a check gives the same verdict each time");
        }
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status
        .lines()
        .find_map(|l| l.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    println!("peak {}", peak.unwrap_or(0));
}

/// All samples of one name, of one backend.
#[derive(Default)]
struct Samples(std::collections::BTreeMap<String, Vec<f64>>);

impl Samples {
    fn quantile(&mut self, name: &str, q: f64) -> f64 {
        let Some(values) = self.0.get_mut(name) else { return f64::NAN };
        values.sort_by(f64::total_cmp);
        values[((values.len() - 1) as f64 * q).round() as usize]
    }
}

fn parent() {
    let library = std::env::var("TRUELINE_ORT_LIBRARY").ok().or_else(fetched);
    let ort = cfg!(feature = "ort").then_some(library).flatten();
    let backends: Vec<&str> = if ort.is_some() { vec!["tract", "ort"] } else { vec!["tract"] };
    let mut samples: Vec<Samples> = backends.iter().map(|_| Samples::default()).collect();
    for round in 0..ROUNDS {
        for turn in 0..backends.len() {
            let which = (round + turn) % backends.len();
            let block = run_child(backends[which], ort.as_deref());
            for line in block.lines() {
                if let Some((name, value)) = line.split_once(' ') {
                    let value = value.parse().expect("a number");
                    samples[which].0.entry(name.to_owned()).or_default().push(value);
                }
            }
        }
    }
    report(&backends, &mut samples);
}

/// Pinned to the last core, where that is possible.
fn run_child(backend: &str, ort: Option<&str>) -> String {
    let program = std::env::current_exe().expect("this program has a path");
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
    let pinned = Command::new("taskset").arg("-V").output().is_ok_and(|o| o.status.success());
    let mut child = if pinned {
        let mut taskset = Command::new("taskset");
        taskset.args(["-c", &(cores - 1).to_string()]).arg(program);
        taskset
    } else {
        Command::new(program)
    };
    child.args(["child", backend]);
    if let Some(ort) = ort {
        child.env("TRUELINE_ORT_LIBRARY", ort);
    }
    let done = child.output().expect("the child starts");
    assert!(done.status.success(), "{backend}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).expect("numbers")
}

/// libonnxruntime as `cargo xtask peers` leaves it.
fn fetched() -> Option<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(".peers/onnxruntime/onnxruntime/capi");
    let mut found = std::fs::read_dir(folder).ok()?.flatten().map(|e| e.path());
    found.find_map(|p| p.to_str().filter(|p| p.contains("libonnxruntime.so")).map(str::to_owned))
}

fn report(backends: &[&str], samples: &mut [Samples]) {
    let mut rows: Vec<(String, &str, f64)> = vec![("cold start to first verdict".into(), "cold", 0.5)];
    let lengths: Vec<String> = TOKENS.iter().map(usize::to_string).collect();
    for length in &lengths {
        rows.push((format!("one check, {length} tokens, p50"), length, 0.5));
        rows.push((format!("one check, {length} tokens, p99"), length, 0.99));
    }
    rows.push(("peak memory".into(), "peak", 0.5));
    println!("\n{} ({ROUNDS} rounds, {CHECKS} checks a round and length, one thread)", cpu());
    println!("{:<34}{:>14}{:>14}{:>10}", "case", backends[0], backends.get(1).unwrap_or(&""), "ratio");
    let mut csv = String::from("date,cpu,case,unit,tract,ort,ratio\n");
    let date = std::env::var("TRUELINE_BENCH_DATE").unwrap_or_default();
    for (case, name, q) in rows {
        let (unit, scale) = if name == "peak" { ("MB", 1024.0) } else { ("ms", 1000.0) };
        let values: Vec<f64> = samples.iter_mut().map(|s| s.quantile(name, q) / scale).collect();
        let other = values.get(1).copied();
        let shown = other.map_or_else(String::new, |v| format!("{v:.2} {unit}"));
        let ratio = other.map_or_else(String::new, |v| format!("{:.2}", values[0] / v));
        println!("{case:<34}{:>14}{shown:>14}{ratio:>10}", format!("{:.2} {unit}", values[0]));
        let other = other.map_or_else(String::new, |v| format!("{v:.3}"));
        writeln!(csv, "{date},{},{case},{unit},{:.3},{other},{ratio}", cpu().replace(',', " "), values[0])
            .expect("a String takes every write");
    }
    if let Ok(path) = std::env::var("TRUELINE_BENCH_CSV") {
        std::fs::write(&path, csv).unwrap_or_else(|error| panic!("TRUELINE_BENCH_CSV {path}: {error}"));
    }
}

fn cpu() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info
        .lines()
        .find_map(|l| l.strip_prefix("model name")?.split_once(':').map(|(_, n)| n.trim().to_owned()));
    name.unwrap_or_else(|| std::env::consts::ARCH.to_owned())
}
