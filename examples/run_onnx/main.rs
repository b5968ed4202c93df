//! Runs any ONNX file: `run_onnx MODEL CASE [FOLDER]`.
//!
//! CASE is a JSON file:
//!
//! ```json
//! {"inputs": {"ids": {"kind": "i64", "shape": [1, 3], "data": [101, 7, 102]}, "sound": "sound.npy"},
//!  "outputs": ["logits"], "sizes": {"batch": 1}}
//! ```
//!
//! Inputs are written out, or name NumPy files beside it; `outputs` and `sizes` may be left out. Each output goes to
//! FOLDER as `0.npy`, `1.npy` and so on; a line on standard output says which is which.

mod npy;

use std::path::Path;
use std::process::ExitCode;

use serde_json::Value;
use trueline_core::model::control::Control;
use trueline_core::model::graph::{Fixed, Graph, GraphOptions};
use trueline_core::model::tensor::{Data, Tensor};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (model, case, folder) = match &arguments[..] {
        [model, case] => (model, case, None),
        [model, case, folder] => (model, case, Some(folder)),
        _ => {
            eprintln!("usage: run_onnx MODEL CASE [FOLDER]");
            return ExitCode::from(2);
        }
    };
    match run(Path::new(model), Path::new(case), folder.map(Path::new)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("run_onnx: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(model: &Path, case: &Path, folder: Option<&Path>) -> Result<(), String> {
    let read = |path: &Path| std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()));
    let wanted: Value =
        serde_json::from_slice(&read(case)?).map_err(|e| format!("{}: {e}", case.display()))?;
    let sizes = wanted["sizes"].as_object().into_iter().flatten();
    let sizes = sizes.filter_map(|(name, n)| Some((name.clone(), n.as_u64()? as usize))).collect();
    let names = |list: &Vec<Value>| list.iter().filter_map(|v| v.as_str().map(str::to_owned)).collect();
    let options = GraphOptions {
        fixed: Fixed { sizes, ..Fixed::default() },
        outputs: wanted["outputs"].as_array().map(names),
        ..GraphOptions::default()
    };
    let graph = Graph::load(&read(model)?, &options).map_err(|e| e.to_string())?;
    if let Some(why) = graph.no_plan() {
        eprintln!("run_onnx: runs on tract: {why}");
    }
    if let Some(why) = graph.deferred() {
        eprintln!("run_onnx: compiled for the sizes of the run: {}", why.message);
    }
    let mut inputs = Vec::new();
    for (name, value) in wanted["inputs"].as_object().into_iter().flatten() {
        let tensor = match value.as_str() {
            Some(file) => npy::read(&read(&case.with_file_name(file))?),
            None => written(value),
        };
        inputs.push((name.as_str(), tensor.map_err(|e| format!("input {name:?}: {e}"))?));
    }
    let outputs = graph.run(&inputs, &Control::unlimited()).map_err(|e| e.to_string())?;
    for (i, (name, tensor)) in outputs.iter().enumerate() {
        println!("{i} {name} {:?} {:?}", tensor.data().kind(), tensor.shape());
        if let Some(folder) = folder {
            let path = folder.join(format!("{i}.npy"));
            std::fs::write(&path, npy::write(tensor)).map_err(|e| format!("{}: {e}", path.display()))?;
        }
    }
    Ok(())
}

/// A tensor that is written out.
fn written(value: &Value) -> Result<Tensor, String> {
    let list = |key: &str| value[key].as_array().ok_or_else(|| format!("has no list {key:?}"));
    let shape = list("shape")?.iter().map(|n| n.as_u64().map(|n| n as usize));
    let shape = shape.collect::<Option<Vec<_>>>().ok_or("has a shape that is not of sizes")?;
    let numbers = list("data")?;
    let integers = || numbers.iter().map(|v| v.as_i64().or_else(|| v.as_bool().map(i64::from)).unwrap_or(0));
    let data = match value["kind"].as_str() {
        Some("f32") => Data::F32(numbers.iter().map(|v| v.as_f64().unwrap_or(f64::NAN) as f32).collect()),
        Some("i64") => Data::I64(integers().collect()),
        Some("i32") => Data::I32(integers().map(|v| v as i32).collect()),
        Some("bool") => Data::Bool(integers().map(|v| v != 0).collect()),
        Some("u8") => Data::U8(integers().map(|v| v as u8).collect()),
        Some("i8") => Data::I8(integers().map(|v| v as i8).collect()),
        other => return Err(format!("is of kind {other:?}; there are f32, i64, i32, bool, u8 and i8")),
    };
    Tensor::new(shape, data).map_err(|e| e.message)
}
