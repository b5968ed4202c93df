//! `trueline bench`: how long packs and kernels take on this machine. Each answer is checked before it is timed.

mod kernels;
mod timing;

use std::hint::black_box;
use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;
use trueline_core::engine::{Engine, GuardOptions, Session};
use trueline_core::kernels::Isa;
use trueline_core::model::backend::Kind;
use trueline_core::model::control::Control;
use trueline_core::model::family::SPECIAL_TOKENS;
use trueline_core::model::pack::Pack;
use trueline_core::model::tokenizer::Tokenizer;

use crate::args::{BenchArgs, Common};
use crate::guard::DEFAULT_PACK;
use crate::lookup;
use crate::output::{self, Form, Stop};
use crate::progress::Progress;
use timing::{Times, time};

/// Lengths of the texts in tokens, the special ones of one window included.
const TOKENS: [usize; 4] = [16, 64, 128, 256];
/// What the texts are made of.
const WORDS: [&str; 10] = ["the", "people", "of", "this", "city", "are", "on", "their", "way", "a"];

/// One case.
#[derive(Debug, Serialize)]
struct Row {
    case: String,
    /// The pack, for what is not a kernel.
    pack: Option<String>,
    isa: &'static str,
    size: u64,
    unit: &'static str,
    median_us: f64,
    p99_us: f64,
    runs: usize,
    /// The reference's median by this one's, where there is a reference in the same run.
    ratio: Option<f64>,
    against: Option<&'static str>,
    cpu: String,
}

/// Times each pack given, or the default one.
pub fn run(args: &BenchArgs, common: &Common) -> Result<u8, Stop> {
    let paths = lookup::chosen(common, DEFAULT_PACK)?;
    let kinds = kinds(common)?;
    let cpu = cpu();
    let mut progress = Progress::new(!common.quiet, Some(paths.len() * kinds.len() * (TOKENS.len() + 1)));
    let mut rows = Vec::new();
    let mut isa = Isa::Scalar;
    for path in &paths {
        let first = rows.len();
        for &kind in &kinds {
            isa = time_pack(path, kind, args, common, &cpu, &mut rows, &mut progress)?;
        }
        relate(&mut rows[first..]);
    }
    progress.show(rows.len(), "kernels");
    rows.extend(kernels::run(isa, args.seconds)?.into_iter().map(|case| kernel_row(case, &cpu)));
    drop(progress);
    let mut out = io::BufWriter::new(io::stdout().lock());
    match args.list.form() {
        Form::Person => person(&mut out, &cpu, &rows)?,
        form => form.write(&mut out, &rows)?,
    }
    Ok(output::DONE)
}

/// The backends to time: the one asked for, and ONNX Runtime beside it if its library is given.
fn kinds(common: &Common) -> Result<Vec<Kind>, Stop> {
    let first = match common.kind()? {
        Kind::Default => Kind::Tract,
        kind => kind,
    };
    let mut kinds = vec![first];
    if common.ort_library.is_some() && first != Kind::Ort {
        if Kind::built().contains(&Kind::Ort) {
            kinds.push(Kind::Ort);
        } else if !common.quiet {
            output::complain("this build has no backend ort (feature `ort`); its rows are left out");
        }
    }
    Ok(kinds)
}

/// Times loading a pack, and texts of each length through it.
fn time_pack(
    path: &Path,
    kind: Kind,
    args: &BenchArgs,
    common: &Common,
    cpu: &str,
    rows: &mut Vec<Row>,
    progress: &mut Progress,
) -> Result<Isa, Stop> {
    let what = format!("pack {}", path.display());
    let unusable = |e: &trueline_core::Error| output::unusable(&what, e);
    let config = common.config(kind);
    let load = || -> Result<(Pack, Engine), Stop> {
        let pack = lookup::open(path)?;
        let engine = Engine::new(&config, &[&pack]).map_err(|e| unusable(&e))?;
        Ok((pack, engine))
    };
    let (pack, engine) = load()?;
    let mut add = |case: String, (size, unit): (u64, &'static str), times: Times| {
        progress.show(rows.len() + 1, &case);
        rows.push(Row {
            case,
            pack: Some(pack.manifest().name.clone()),
            isa: engine.isa().name(),
            size,
            unit,
            median_us: times.median,
            p99_us: times.p99,
            runs: times.runs,
            ratio: None,
            against: None,
            cpu: cpu.to_owned(),
        });
    };
    let times = time(args.seconds, || load().map(drop))?;
    let bytes = pack.manifest().bytes();
    add(format!("cold_start/{}", kind.name()), (bytes, "bytes"), times);

    let tokenizer = Tokenizer::of(&pack).map_err(|e| unusable(&e))?;
    let mut session = Session::new(&engine, None).map_err(|e| unusable(&e))?;
    let options = GuardOptions::default();
    for tokens in TOKENS {
        let (text, tokens) = text_of(&tokenizer, tokens).map_err(|e| unusable(&e))?;
        let verdict = session.guard(text.as_bytes(), &options).map_err(|e| unusable(&e))?;
        if !(0.0..=1.0).contains(&verdict.risk) || verdict.windows == 0 {
            return Err(Stop::Failed(format!("{what}: a text of {tokens} tokens has risk {}", verdict.risk)));
        }
        let times = time(args.seconds, || {
            session.guard(black_box(text.as_bytes()), &options).map(drop).map_err(|e| unusable(&e))
        })?;
        add(format!("guard/{}/{tokens}", kind.name()), (tokens as u64, "tokens"), times);
    }
    Ok(engine.isa())
}

fn kernel_row(case: kernels::Case, cpu: &str) -> Row {
    let isa = case.isa.name();
    Row {
        case: format!("{}/{isa}/{}", case.kernel, case.size),
        pack: None,
        isa,
        size: case.size as u64,
        unit: "values",
        median_us: case.times.median,
        p99_us: case.times.p99,
        runs: case.times.runs,
        ratio: Some(case.ratio),
        against: Some(Isa::Scalar.name()),
        cpu: cpu.to_owned(),
    }
}

/// A text of common words with as many tokens as asked for, or a few less where no word fits, and their number; the
/// special tokens of one window count.
fn text_of(tokenizer: &Tokenizer, tokens: usize) -> Result<(String, usize), trueline_core::Error> {
    let count = |text: &str| tokenizer.encode(text, &Control::unlimited()).map(|e| e.ids.len());
    let wanted = tokens - SPECIAL_TOKENS;
    let mut text = String::new();
    let mut found = 0;
    let mut misses = 0;
    for word in WORDS.iter().cycle() {
        if found == wanted || misses == WORDS.len() {
            break;
        }
        let longer = if text.is_empty() { (*word).to_owned() } else { format!("{text} {word}") };
        let n = count(&longer)?;
        if n <= wanted {
            (text, found, misses) = (longer, n, 0);
        } else {
            misses += 1;
        }
    }
    Ok((text, found + SPECIAL_TOKENS))
}

/// States each case of a pack against the same case under ONNX Runtime, where both were timed.
fn relate(rows: &mut [Row]) {
    let split = |case: &str| -> Option<(String, String)> {
        let mut parts = case.splitn(3, '/');
        let (what, backend) = (parts.next()?, parts.next()?);
        Some((format!("{what}/{}", parts.next().unwrap_or("")), backend.to_owned()))
    };
    let reference: Vec<(String, f64)> = rows
        .iter()
        .filter_map(|row| split(&row.case).map(|(case, backend)| (case, backend, row.median_us)))
        .filter(|(_, backend, _)| backend == Kind::Ort.name())
        .map(|(case, _, median)| (case, median))
        .collect();
    for row in rows {
        let Some((case, _)) = split(&row.case) else { continue };
        if let Some((_, median)) = reference.iter().find(|(known, _)| *known == case) {
            row.ratio = Some(median / row.median_us);
            row.against = Some(Kind::Ort.name());
        }
    }
}

/// The CPU's name, as the system gives it.
fn cpu() -> String {
    let about = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let value = |key: &str| {
        let line = about.lines().find(|line| line.split(':').next().is_some_and(|k| k.trim() == key))?;
        line.split_once(':').map(|(_, value)| value.trim().to_owned()).filter(|v| !v.is_empty())
    };
    ["model name", "Model", "Hardware", "CPU part"]
        .into_iter()
        .find_map(value)
        .unwrap_or_else(|| format!("unknown CPU ({})", std::env::consts::ARCH))
}

fn person(out: &mut impl Write, cpu: &str, rows: &[Row]) -> Result<(), Stop> {
    writeln!(out, "CPU: {}", output::printable(cpu))?;
    let cells = |row: &Row| {
        let ratio = match (row.ratio, row.against) {
            (Some(ratio), Some(against)) => format!("{ratio:.2} x {against}"),
            _ => "-".to_owned(),
        };
        let size =
            if row.unit == "bytes" { output::size(row.size) } else { format!("{} {}", row.size, row.unit) };
        vec![
            row.pack.clone().unwrap_or_else(|| "-".to_owned()),
            row.case.clone(),
            row.isa.to_owned(),
            size,
            duration(row.median_us),
            duration(row.p99_us),
            row.runs.to_string(),
            ratio,
        ]
    };
    let rows: Vec<Vec<String>> = rows.iter().map(cells).collect();
    let header = ["pack", "case", "isa", "size", "median", "p99", "runs", "ratio"];
    output::table(out, &header, &rows, &[3, 4, 5, 6, 7])?;
    Ok(out.flush()?)
}

fn duration(us: f64) -> String {
    match us {
        ..1.0 => format!("{:.1} ns", us * 1e3),
        1.0..1e3 => format!("{us:.1} us"),
        _ => format!("{:.2} ms", us / 1e3),
    }
}
