//! The comparison with other engines, one run, one table: sets up what benches/peers needs and runs it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::command::{self, cargo, command, root, target};
use crate::peers;

/// Fetches, converts, builds and compares; `arguments` go to benches/peers/compare.py.
pub fn run(arguments: &[&str]) -> Result<(), String> {
    peers::run()?;
    let library = peers::onnxruntime().ok_or("no libonnxruntime")?;
    let python = venv()?;
    let models = peers::folder().join("compare");
    prepare(&python, &models)?;
    command::run(&mut cargo(&["build", "--release", "--example", "encode"]))?;
    let rivals = peers::folder().join("target");
    let mut build =
        cargo(&["build", "--release", "--locked", "--manifest-path", "benches/peers/rivals/Cargo.toml"]);
    command::run(build.env("CARGO_TARGET_DIR", &rivals))?;
    let mut compare = command(&python);
    compare.arg("benches/peers/compare.py").arg(&models).arg(root());
    compare.arg(target().join("release/examples/encode")).arg(rivals.join("release")).arg(library);
    command::run(compare.args(arguments))
}

/// A Python with the pinned packages, in `.peers/`.
fn venv() -> Result<PathBuf, String> {
    let venv = peers::folder().join("venv");
    let python = venv.join("bin/python");
    let wanted = read(&root().join("benches/peers/requirements.txt"))?;
    let stamp = venv.join("requirements.txt");
    if !fs::read_to_string(&stamp).is_ok_and(|have| have == wanted) {
        command::run(command("python3").args(["-m", "venv", "--clear"]).arg(&venv))?;
        let mut pip = command(&python);
        pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "-r", "benches/peers/requirements.txt"]);
        command::run(&mut pip)?;
        fs::write(&stamp, wanted).map_err(|e| format!("{}: {e}", stamp.display()))?;
    }
    Ok(python)
}

/// Makes the models and texts, if the scripts that make them are not those that last did.
fn prepare(python: &Path, models: &Path) -> Result<(), String> {
    let mut wanted = String::new();
    for script in ["prepare.py", "classic.py", "requirements.txt"] {
        wanted += &read(&root().join("benches/peers").join(script))?;
    }
    let stamp = models.join("made-by");
    if fs::read_to_string(&stamp).is_ok_and(|have| have == wanted) {
        return Ok(());
    }
    command::run(command(python).arg("benches/peers/prepare.py").arg(models).arg(root()))?;
    fs::write(&stamp, wanted).map_err(|e| format!("{}: {e}", stamp.display()))
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))
}
