//! The slim library: compiled plans only, no tract, no ONNX parser and no tokenizer library.

use std::fs;
use std::path::{Path, PathBuf};

use crate::c::{Build, Linking};
use crate::command::{cargo, command, output, root, run as execute, stdout};
use crate::report::Report;

/// The pack that is compiled and run.
const PACK: &str = "models/guard-test-f32";
const TEXTS: [&str; 3] = ["What is the capital of France?", "naïve words, and more of them", "x"];

/// An aligner, whose vocabulary is Unigram.
const ALIGNER: &str = "models/aligner-test";
const PAIRS: [&str; 3] = ["abc xyz\txyz, abc", "mmm\tabc \u{fb01}", "\u{6f22}\u{5b57} abc\txyz"];

/// Runs the checks of the slim profile; `full` is the build that can compile a pack.
pub fn run(report: &mut Report, full: &Build) {
    report.step("slim lints", || {
        for package in ["trueline_core", "trueline_ffi", "trueline_cli"] {
            execute(cargo(&["clippy", "-p", package]).args(SLIM).args(["--", "-D", "warnings"]))?;
        }
        Ok(())
    });
    report.step("slim library has no tract and no tokenizer library", no_tract);
    report.step("slim library runs a compiled pack, and C tests pass", || {
        let slim = build()?;
        let pack = compiled(&slim, full, PACK)?;
        let tar = slim.programs.join("pack.tar");
        execute(command("tar").arg("-cf").arg(&tar).arg("-C").arg(&pack).arg("."))?;
        for linking in [Linking::Static, Linking::Shared] {
            let program = slim.program(&root().join("ffi/tests/c/smoke.c"), linking, &["-std=c99"])?;
            execute(command(program).arg(&pack).arg(&tar))?;
        }
        same_verdicts(&slim, full, &pack)?;
        same_links(&slim, full, &compiled(&slim, full, ALIGNER)?)?;
        refuses_to_compile(&slim)
    });
}

/// Its own folder, so that the full build beside it is not compiled anew each time.
pub const SLIM: [&str; 3] = ["--no-default-features", "--target-dir", "target/slim"];

/// Builds library and command line of the slim profile.
pub fn build() -> Result<Build, String> {
    execute(cargo(&["build", "-p", "trueline_ffi", "-p", "trueline_cli"]).args(SLIM))?;
    let libraries = root().join("target/slim/debug");
    let programs = libraries.join("c");
    fs::create_dir_all(&programs).map_err(|e| format!("{}: {e}", programs.display()))?;
    Ok(Build { libraries, programs })
}

fn no_tract() -> Result<(), String> {
    for package in ["trueline_ffi", "trueline_cli"] {
        let tree = ["tree", "-p", package, "-e", "normal", "--prefix", "none", "--no-default-features"];
        let tree = stdout(&mut cargo(&tree))?;
        if let Some(line) = tree.lines().find(|line| not_slim(line)) {
            return Err(format!("{package} without default features needs {line}"));
        }
    }
    Ok(())
}

/// Whether a line of the tree names what only the full profile may have.
fn not_slim(line: &str) -> bool {
    line.contains("tract") || ["prost", "tokenizers "].iter().any(|name| line.starts_with(name))
}

/// A test pack with its plan and without its model.
fn compiled(slim: &Build, full: &Build, of: &str) -> Result<PathBuf, String> {
    let pack = slim.programs.join(Path::new(of).file_name().unwrap_or_default());
    if pack.exists() {
        fs::remove_dir_all(&pack).map_err(|e| format!("{}: {e}", pack.display()))?;
    }
    let tool = full.libraries.join("trueline");
    execute(command(tool).args(["pack", of, "--slim", "--output"]).arg(&pack))?;
    if pack.join("model.onnx").exists() { Err("--slim kept the model file".into()) } else { Ok(pack) }
}

fn verdicts(build: &Build, pack: &Path) -> Result<String, String> {
    let lines: String = TEXTS.iter().map(|text| format!("{{\"text\":\"{text}\"}}\n")).collect();
    let input = build.libraries.join("slim-input.jsonl");
    fs::write(&input, lines).map_err(|e| format!("{}: {e}", input.display()))?;
    let input = fs::File::open(&input).map_err(|e| e.to_string())?;
    let mut guard = command(build.libraries.join("trueline"));
    stdout(guard.args(["guard", "--jsonl", "--pack"]).arg(pack).stdin(input))
}

/// The slim program on the compiled pack answers as the full one does on the pack it was made from.
fn same_verdicts(slim: &Build, full: &Build, pack: &Path) -> Result<(), String> {
    let (found, wanted) = (verdicts(slim, pack)?, verdicts(full, &root().join(PACK))?);
    if found == wanted && found.lines().count() == TEXTS.len() {
        return Ok(());
    }
    Err(format!("the slim program answers\n{found}and the full one\n{wanted}"))
}

/// The slim program aligns as the full one does.
fn same_links(slim: &Build, full: &Build, pack: &Path) -> Result<(), String> {
    let links = |build: &Build, pack: &Path| {
        let path = build.libraries.join("slim-pairs.tsv");
        fs::write(&path, PAIRS.map(|pair| format!("{pair}\n")).concat())
            .map_err(|e| format!("{}: {e}", path.display()))?;
        let input = fs::File::open(&path).map_err(|e| e.to_string())?;
        let mut align = command(build.libraries.join("trueline"));
        stdout(align.args(["align", "words", "--pack"]).arg(pack).stdin(input))
    };
    let (found, wanted) = (links(slim, pack)?, links(full, &root().join(ALIGNER))?);
    if found == wanted && found.contains("0-2") {
        return Ok(());
    }
    Err(format!("the slim program links\n{found}and the full one\n{wanted}"))
}

/// A pack without a plan is refused with the sentence that says what to do, also by `pack`.
fn refuses_to_compile(slim: &Build) -> Result<(), String> {
    let tool = slim.libraries.join("trueline");
    for words in [&["guard", "--pack", PACK, "text"][..], &["pack", PACK, "--output", "target/slim/never"]] {
        let done = output(command(&tool).args(words))?;
        let said = String::from_utf8_lossy(&done.stderr);
        if done.status.code() != Some(2) || !said.contains("no compiler") || !said.contains("UNAVAILABLE") {
            return Err(format!("{words:?} ended with {} and said {said}", done.status));
        }
    }
    Ok(())
}
