//! Packs that are too large for the repository, made by their recipes.

use std::fs;

use crate::command::{command, root, run, target};

/// Makes the aligner pack of all languages, in `target/models/aligner-multi-all`.
pub fn run_all() -> Result<(), String> {
    let work = target().join("models");
    let pack = work.join("aligner-multi-all");
    let recipe = root().join("models/recipes/aligner_multi");
    let python = work.join("venv/bin/python");
    fs::create_dir_all(&pack).map_err(|e| format!("{}: {e}", pack.display()))?;
    if !python.exists() {
        run(command("python3").args(["-m", "venv"]).arg(work.join("venv")))?;
    }
    let requirements = root().join("models/recipes/guard_en/requirements.txt");
    run(command(&python).args(["-m", "pip", "install", "-q", "-r"]).arg(requirements))?;
    let script = |name: &str| {
        let mut command = command(&python);
        command.arg(recipe.join(name)).env("PYTHONPATH", &recipe).env("PYTHONDONTWRITEBYTECODE", "1");
        command
    };
    run(script("fetch.py").arg(&work))?;
    let container = work.join("e5-small-q4.bin");
    let made = work.join("run");
    run(script("train.py").arg("--container").arg(container).args(["--pieces", "0", "--out"]).arg(&made))?;
    run(script("to_onnx.py").arg(made.join("aligner.pt")).arg(&made))?;
    let copy = |from: std::path::PathBuf, name: &str| {
        fs::copy(&from, pack.join(name)).map(drop).map_err(|e| format!("{}: {e}", from.display()))
    };
    copy(made.join("int8.onnx"), "model.onnx")?;
    copy(made.join("tokenizer.json"), "tokenizer.json")?;
    for name in ["LICENSE", "NOTICE"] {
        copy(root().join("models/aligner-multi").join(name), name)?;
    }
    run(script("pack.py").arg(&pack).args([
        "--languages",
        "mul",
        "--summary",
        "States of tokens that align texts of 100 languages",
    ]))?;
    println!("{}", pack.display());
    Ok(())
}
