//! What every engine's program does: load a model, run texts, print times. One engine, one process, one thread.
//!
//! It prints a line as soon as the first output is there, for whoever started it to time, then one line for each kind and
//! length with nanoseconds a run, then peak memory. With `--outputs` it writes every text's first output instead of
//! timing: `f32`, little-endian, one text after another.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Instant;

/// What the command line says.
pub struct Arguments {
    /// The model file.
    pub model: String,
    /// Which of the program's engines, if it has several.
    pub engine: String,
    /// `int8` or `f32`, for an engine that quantises by itself.
    pub form: String,
    /// Settings of the engine, `key=value`.
    pub settings: Vec<(String, String)>,
    texts: Vec<Vec<i64>>,
    lengths: Vec<usize>,
    hot: usize,
    cold: usize,
    outputs: Option<String>,
}

/// A loaded model.
pub trait Encoder {
    /// The first output for one text: ids; mask and types are ones and zeros of the same length.
    fn run(&mut self, ids: &[i64], ones: &[i64], zeros: &[i64]) -> Result<Vec<f32>, String>;
}

/// What is written between two cold runs: more than a last-level cache holds.
const EVICTED_BYTES: usize = 192 << 20;

/// Reads the command line, loads with `load`, and does what was asked for.
pub fn main(load: impl FnOnce(&Arguments) -> Result<Box<dyn Encoder>, String>) -> std::process::ExitCode {
    match arguments().and_then(|arguments| run(&arguments, load)) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            std::process::ExitCode::FAILURE
        }
    }
}

fn arguments() -> Result<Arguments, String> {
    let mut found = Arguments {
        model: String::new(),
        engine: String::new(),
        form: "int8".into(),
        settings: Vec::new(),
        texts: Vec::new(),
        lengths: Vec::new(),
        hot: 0,
        cold: 0,
        outputs: None,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().ok_or_else(|| format!("{word} wants a value"))?;
        let number = |v: &str| v.parse::<usize>().map_err(|_| format!("{word} {v}: not a number"));
        match word.as_str() {
            "--model" => found.model = value,
            "--engine" => found.engine = value,
            "--form" => found.form = value,
            "--set" => {
                let (key, value) = value.split_once('=').ok_or("--set wants key=value")?;
                found.settings.push((key.into(), value.into()));
            }
            "--ids" => found.texts = texts(&value)?,
            "--lengths" => found.lengths = value.split(',').map(number).collect::<Result<_, _>>()?,
            "--rounds" => found.hot = number(&value)?,
            "--cold" => found.cold = number(&value)?,
            "--outputs" => found.outputs = Some(value),
            _ => return Err(format!("{word} is not known")),
        }
    }
    Ok(found)
}

/// One text a line: token ids with spaces between.
fn texts(path: &str) -> Result<Vec<Vec<i64>>, String> {
    let file = std::fs::read_to_string(path).map_err(|e| format!("{path}: {e}"))?;
    let ids = |line: &str| line.split(' ').map(|w| w.parse().map_err(|_| format!("{path}: {w:?}"))).collect();
    file.lines().map(ids).collect()
}

fn run(
    arguments: &Arguments,
    load: impl FnOnce(&Arguments) -> Result<Box<dyn Encoder>, String>,
) -> Result<(), String> {
    let short = arguments.texts.iter().find(|t| t.len() >= 16);
    let first = short.or(arguments.texts.first()).ok_or("--ids names a file with at least one text")?;
    let longest = arguments.texts.iter().map(Vec::len).max().unwrap_or(0);
    let (ones, zeros) = (vec![1; longest], vec![0; longest]);
    let mut encoder = load(arguments)?;
    let mut encode = |ids: &[i64]| encoder.run(ids, &ones[..ids.len()], &zeros[..ids.len()]);
    say(&format!("first {}", encode(first)?.len()))?;
    if let Some(path) = &arguments.outputs {
        let mut bytes = Vec::new();
        for text in &arguments.texts {
            bytes.extend(encode(text)?.iter().flat_map(|v| v.to_le_bytes()));
        }
        return std::fs::write(path, bytes).map_err(|e| format!("{path}: {e}"));
    }
    say(&format!("start_kb {}", status("VmHWM:")))?;
    let of_length = |n: usize| {
        arguments
            .texts
            .iter()
            .find(|t| t.len() == n)
            .ok_or_else(|| format!("--ids has no text of {n} tokens"))
    };
    for &length in &arguments.lengths {
        let text = of_length(length)?;
        let mut line = format!("hot {length}");
        for turn in 0..arguments.hot + 3 {
            let start = Instant::now();
            encode(text)?;
            let taken = start.elapsed().as_nanos();
            if turn >= 3 {
                write!(line, " {taken}").map_err(|e| e.to_string())?;
            }
        }
        say(&line)?;
    }
    say(&format!("peak_kb {}", status("VmHWM:")))?;
    if arguments.cold == 0 {
        return Ok(());
    }
    let mut evicted = vec![0_u8; EVICTED_BYTES];
    for &length in &arguments.lengths {
        let text = of_length(length)?;
        let mut line = format!("cold {length}");
        for turn in 0..arguments.cold {
            evicted.fill(turn as u8);
            std::hint::black_box(&evicted);
            let start = Instant::now();
            encode(text)?;
            write!(line, " {}", start.elapsed().as_nanos()).map_err(|e| e.to_string())?;
        }
        say(&line)?;
    }
    Ok(())
}

fn say(line: &str) -> Result<(), String> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(|e| e.to_string())
}

/// A line of Linux's account of this process, in KiB; 0 where there is none.
fn status(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let found = status.lines().find_map(|l| l.strip_prefix(name)?.trim().strip_suffix(" kB")?.parse().ok());
    found.unwrap_or(0)
}
