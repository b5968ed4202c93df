//! The benchmark that goes to a board: one static program, a packed pack beside it, a table and a JSON file as the result.
//!
//! `cargo xtask bench-kit` builds it and puts it into an archive; README.md, beside this, goes with it.

mod cases;
mod float;
mod system;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Instant, SystemTime};

use serde_json::{Value, json};
use trueline_core::kernels::Isa;
use trueline_core::model::pack::Pack;
use trueline_core::model::plan::threads::Threads;

use cases::Row;

const USAGE: &str = "\
bench [--pack FOLDER] [--json FILE] [--seconds S] [--lengths N,N,..] [--isas NAME,NAME,..] [--threads N] [--no-kernels]

  --pack FOLDER    a pack with a compiled plan (default: guard-en, beside this program)
  --json FILE      where the results go (default: trueline-bench.json, in this folder)
  --seconds S      for how long each form of a case is timed (default: 1)
  --lengths N,..   tokens of the texts (default: 8,16,32,64,128)
  --isas NAME,..   instruction sets to run beside scalar code (default: all that this CPU has)
  --threads N      threads that share a run of the plan (default: 1, the calling one)
  --no-kernels     the plan alone
";

/// A line to standard output; that it is gone is an error, and no panic.
macro_rules! say {
    ($($part:tt)*) => {
        writeln!(std::io::stdout(), $($part)*).map_err(|e| format!("standard output: {e}"))?
    };
}

/// What is asked for.
struct Arguments {
    pack: PathBuf,
    json: PathBuf,
    seconds: f64,
    lengths: Vec<usize>,
    isas: Vec<Isa>,
    threads: usize,
    kernels: bool,
}

impl Arguments {
    fn read() -> Result<Self, String> {
        let beside = std::env::current_exe().ok().and_then(|path| Some(path.parent()?.join("guard-en")));
        let mut found = Self {
            pack: beside.unwrap_or_else(|| PathBuf::from("guard-en")),
            json: PathBuf::from("trueline-bench.json"),
            seconds: 1.0,
            lengths: vec![8, 16, 32, 64, 128],
            isas: Isa::available().collect(),
            threads: 1,
            kernels: true,
        };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            if word == "--no-kernels" {
                found.kernels = false;
                continue;
            }
            if matches!(word.as_str(), "--help" | "-h") {
                return Err(USAGE.into());
            }
            let value = words.next().ok_or_else(|| format!("{word} has no value\n\n{USAGE}"))?;
            let bad = |why: String| format!("{word} {value}: {why}");
            match word.as_str() {
                "--pack" => found.pack = PathBuf::from(&value),
                "--json" => found.json = PathBuf::from(&value),
                "--seconds" => {
                    found.seconds = value.parse().map_err(|e| bad(format!("{e}")))?;
                    if !(0.0..=3600.0).contains(&found.seconds) {
                        return Err(bad("0 to 3600 are allowed".into()));
                    }
                }
                "--lengths" => {
                    let lengths = value.split(',').map(str::parse).collect::<Result<_, _>>();
                    found.lengths = lengths.map_err(|e| bad(format!("{e}")))?;
                    if found.lengths.iter().any(|length| !(1..=512).contains(length)) {
                        return Err(bad("1 to 512 are allowed".into()));
                    }
                }
                "--isas" => {
                    let isas = value.split(',').map(Isa::from_name).collect::<Result<_, _>>();
                    found.isas = isas.map_err(|e| bad(format!("{e}")))?;
                }
                "--threads" => found.threads = value.parse().map_err(|e| bad(format!("{e}")))?,
                _ => return Err(format!("{word} is not known\n\n{USAGE}")),
            }
        }
        // Scalar code comes first: it is what the others are compared with.
        found.isas.retain(|isa| *isa != Isa::Scalar);
        found.isas.insert(0, Isa::Scalar);
        Ok(found)
    }
}

fn main() -> ExitCode {
    match Arguments::read().and_then(|arguments| run(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{}", message.trim_end());
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), String> {
    let isas: Vec<&str> = arguments.isas.iter().map(|isa| isa.name()).collect();
    let before = system::state();
    say!("CPU: {}", system::cpu().join(", "));
    say!("instruction sets: {} (best: {})", isas.join(", "), Isa::best().name());
    say!("before: {}", system::sentence(&before));
    let sentence = |e: trueline_core::Error| format!("{}: {e}", arguments.pack.display());
    let start = Instant::now();
    let pack = Pack::open(&arguments.pack).map_err(sentence)?;
    let file = pack.plan().ok_or_else(|| format!("{} has no compiled plan", arguments.pack.display()))?;
    let int8 = file.program().map_err(sentence)?;
    let loaded = start.elapsed().as_secs_f64() * 1e6;
    let float = float::float(&int8).map_err(sentence)?;
    let threads = Threads::new(arguments.threads).map_err(|e| format!("--threads: {e}"))?;
    say!("pack {} {}, mapped and checked in {loaded:.0} us\n", pack.manifest().name, pack.manifest().version);
    say!(
        "{:<20} {:<5} {:<11} {:>11} {:>11} {:>7} {:>9} {:>7}",
        "case",
        "form",
        "isa",
        "median us",
        "p99 us",
        "runs",
        "x scalar",
        "x f32"
    );
    let mut rows: Vec<Row> = Vec::new();
    let mut states = Vec::new();
    for &tokens in &arguments.lengths {
        let found = cases::plan([&int8, &float], tokens, &threads, &arguments.isas, arguments.seconds)?;
        found.iter().try_for_each(print)?;
        rows.extend(found);
        // Heat is what a board's figures change with.
        states.push(json!({ "after": format!("plan/{tokens}"), "state": system::state() }));
    }
    if arguments.kernels {
        let found = cases::kernels(&arguments.isas, arguments.seconds.min(0.3))?;
        found.iter().try_for_each(print)?;
        rows.extend(found);
    }
    let after = system::state();
    say!("\nafter: {}", system::sentence(&after));
    let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let result = json!({
        "format": 1,
        "library": env!("CARGO_PKG_VERSION"),
        "unix_time": time,
        "machine": system::machine(),
        "isas": isas,
        "best_isa": Isa::best().name(),
        "threads": threads.count(),
        "seconds": arguments.seconds,
        "pack": { "name": pack.manifest().name, "version": pack.manifest().version, "sha256": pack.sha256() },
        "load_us": loaded,
        "before": before,
        "meanwhile": states,
        "after": after,
        "cases": rows.iter().map(Row::json).collect::<Vec<Value>>(),
    });
    let text = serde_json::to_string_pretty(&result).map_err(|e| e.to_string())?;
    let path = arguments.json.display();
    std::fs::write(&arguments.json, text + "\n").map_err(|e| format!("{path}: {e}"))?;
    say!("written to {path}");
    Ok(())
}

fn print(row: &Row) -> Result<(), String> {
    // A dot product takes less than a tenth of a microsecond.
    let time = |us: f64| if us < 10.0 { format!("{us:.3}") } else { format!("{us:.1}") };
    let ratio = |ratio: Option<f64>| ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
    say!(
        "{:<20} {:<5} {:<11} {:>11} {:>11} {:>7} {:>9} {:>7}",
        row.case,
        row.form,
        row.isa,
        time(row.median),
        time(row.p99),
        row.runs,
        ratio(row.over_scalar),
        ratio(row.over_f32)
    );
    Ok(())
}
