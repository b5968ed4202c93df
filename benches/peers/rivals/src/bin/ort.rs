//! ONNX Runtime, for `cargo xtask compare`: see runner.rs for the command line. `--set library=PATH` names
//! libonnxruntime; every other setting is an entry of the session's configuration.

#[path = "../../../runner.rs"]
mod runner;

use ort::session::Session;
use ort::session::builder::GraphOptimizationLevel;
use ort::value::TensorRef;
use runner::{Arguments, Encoder};

struct Ort {
    session: Session,
    output: String,
}

fn main() -> std::process::ExitCode {
    runner::main(load)
}

fn load(arguments: &Arguments) -> Result<Box<dyn Encoder>, String> {
    let library =
        arguments.settings.iter().find(|(key, _)| key == "library").ok_or("--set library=PATH is needed")?;
    let environment = ort::init_from(&library.1)
        .map_err(|e| e.to_string())?
        .with_telemetry(false)
        .build()
        .map_err(|e| e.to_string())?;
    let mut builder = Session::builder(&environment)
        .map_err(|e| e.to_string())?
        .with_optimization_level(GraphOptimizationLevel::All)
        .map_err(|e| e.to_string())?
        .with_intra_threads(1)
        .map_err(|e| e.to_string())?
        .with_intra_op_spinning(false)
        .map_err(|e| e.to_string())?;
    for (key, value) in arguments.settings.iter().filter(|(key, _)| key != "library") {
        builder = builder.with_config_entry(key, value).map_err(|e| e.to_string())?;
    }
    let session =
        builder.commit_from_file(&arguments.model).map_err(|e| format!("{}: {e}", arguments.model))?;
    let output = session.outputs().first().ok_or("the model has no output")?.name().to_owned();
    Ok(Box::new(Ort { session, output }))
}

impl Encoder for Ort {
    fn run(&mut self, ids: &[i64], ones: &[i64], zeros: &[i64]) -> Result<Vec<f32>, String> {
        let tensor =
            |v| TensorRef::from_array_view(([1, ids.len()], v)).map_err(|e: ort::Error| e.to_string());
        let inputs = ort::inputs![
            "input_ids" => tensor(ids)?,
            "attention_mask" => tensor(ones)?,
            "token_type_ids" => tensor(zeros)?,
        ];
        let outputs = self.session.run(inputs).map_err(|e| e.to_string())?;
        let (_, data) =
            outputs[self.output.as_str()].try_extract_tensor::<f32>().map_err(|e| e.to_string())?;
        Ok(data.to_vec())
    }
}
