//! The archive for a board: a static program, a packed pack, and what to do with them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{cargo, command, root, run as execute, stdout};
use crate::{arm, c};

/// Apart from the others, because the programs are static.
const FOLDER: &str = "target/kit";
const PACK: &str = "models/guard-en";
/// What goes beside the program.
const PAPERS: [(&str, &str); 4] = [
    ("benches/board/README.md", "README.md"),
    ("LICENSE-MIT", "LICENSE-MIT"),
    ("LICENSE-APACHE", "LICENSE-APACHE"),
    ("THIRD-PARTY.md", "THIRD-PARTY.md"),
];
/// What each archive is tried with before it is called done: everything, for a moment.
const TRIAL: [&str; 4] = ["--seconds", "0", "--lengths", "8"];

/// Makes an archive for this architecture: `aarch64` or `x86_64`.
///
/// # Errors
/// A sentence: which word is not known, what is not installed, or which command failed.
pub fn run(architecture: &str) -> Result<(), String> {
    let (built, emulator) = match architecture {
        "aarch64" => match arm::missing() {
            Some(why) => return Err(why),
            None => (
                build(arm::cross_to("build", FOLDER), arm::TARGET)?,
                Some([arm::EMULATOR, "-cpu", "cortex-a72"]),
            ),
        },
        "x86_64" => {
            let target = "x86_64-unknown-linux-gnu";
            let build_words = ["build", "--release", "--target", target, "--target-dir", FOLDER];
            (build(cargo(&build_words), target)?, None)
        }
        other => return Err(format!("{other:?} is no architecture of the kit; aarch64 and x86_64 are")),
    };
    let name = format!("trueline-bench-{architecture}");
    let folder = root().join(FOLDER).join(&name);
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    }
    fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let program = folder.join("bench");
    copy(&built, &program)?;
    strip(architecture, &program)?;
    is_static(&program)?;
    for (from, to) in PAPERS {
        copy(&root().join(from), &folder.join(to))?;
    }
    let tool = c::build()?.libraries.join("trueline");
    execute(
        command(tool).args(["--quiet", "pack", PACK, "--slim", "--output"]).arg(folder.join("guard-en")),
    )?;
    try_out(&program, emulator)?;
    let archive = root().join(FOLDER).join(format!("{name}.tar"));
    let mut tar = command("tar");
    tar.args(["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--mtime=@0", "-cf"]).arg(&archive);
    execute(tar.arg("-C").arg(root().join(FOLDER)).arg(&name))?;
    let bytes = fs::metadata(&archive).map_err(|e| format!("{}: {e}", archive.display()))?.len();
    println!("{FOLDER}/{name}.tar: {bytes} bytes; unpack it on the board and run ./bench there");
    Ok(())
}

/// Builds the program without shared libraries.
fn build(mut cargo: Command, target: &str) -> Result<PathBuf, String> {
    cargo.args(["-p", "trueline_core", "--no-default-features", "--example", "board"]);
    let variable = format!("CARGO_TARGET_{}_RUSTFLAGS", target.replace('-', "_").to_uppercase());
    execute(cargo.env(variable, "-C target-feature=+crt-static"))?;
    Ok(root().join(FOLDER).join(target).join("release/examples/board"))
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    fs::copy(from, to).map(|_| ()).map_err(|e| format!("{}: {e}", from.display()))
}

fn strip(architecture: &str, program: &Path) -> Result<(), String> {
    let tool = if architecture == "aarch64" { "aarch64-linux-gnu-strip" } else { "strip" };
    execute(command(tool).arg(program))
}

/// Fails if the program asks for a loader or a shared library.
fn is_static(program: &Path) -> Result<(), String> {
    let listed = stdout(command("readelf").arg("-lWd").arg(program))?;
    match listed.lines().find(|line| line.contains("INTERP") || line.contains("(NEEDED)")) {
        None => Ok(()),
        Some(line) => Err(format!("{} is not static: {}", program.display(), line.trim())),
    }
}

/// Runs the program once, emulated if need be, and looks at what it wrote.
fn try_out(program: &Path, emulator: Option<[&str; 3]>) -> Result<(), String> {
    let result = root().join(FOLDER).join("trial.json");
    let mut words = emulator.iter().flatten().map(std::ffi::OsStr::new).chain([program.as_os_str()]);
    let mut trial = command(words.next().unwrap_or_default());
    execute(trial.args(words).args(TRIAL).arg("--json").arg(&result))?;
    let text = fs::read_to_string(&result).map_err(|e| format!("{}: {e}", result.display()))?;
    let found: serde_json::Value =
        serde_json::from_str(&text).map_err(|e| format!("{}: {e}", result.display()))?;
    let cases = found["cases"].as_array().map_or(0, Vec::len);
    let timed = |row: &serde_json::Value| row["median_us"].as_f64().is_some_and(|median| median > 0.0);
    let all_timed = found["cases"].as_array().is_some_and(|rows| rows.iter().all(timed));
    if cases > 20 && all_timed && found["machine"]["cpu"].is_array() {
        Ok(())
    } else {
        Err(format!("{} holds {cases} cases; that is not a whole result", result.display()))
    }
}
