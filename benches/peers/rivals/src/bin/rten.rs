//! RTen, for `cargo xtask compare`: see runner.rs for the command line.

#[path = "../../../runner.rs"]
mod runner;

use std::sync::Arc;

use rten::{Model, NodeId, RunOptions, ThreadPool, Value};
use rten_tensor::Tensor;
use rten_tensor::prelude::*;
use runner::{Arguments, Encoder};

struct Rten {
    model: Model,
    inputs: Vec<NodeId>,
    output: NodeId,
    pool: Arc<ThreadPool>,
}

fn main() -> std::process::ExitCode {
    runner::main(load)
}

fn load(arguments: &Arguments) -> Result<Box<dyn Encoder>, String> {
    let model = Model::load_file(&arguments.model).map_err(|e| format!("{}: {e}", arguments.model))?;
    let id = |name: &str| model.node_id(name).map_err(|e| e.to_string());
    let inputs =
        ["input_ids", "attention_mask", "token_type_ids"].map(id).into_iter().collect::<Result<_, _>>()?;
    let output = *model.output_ids().first().ok_or("the model has no output")?;
    Ok(Box::new(Rten { model, inputs, output, pool: Arc::new(ThreadPool::with_num_threads(1)) }))
}

impl Encoder for Rten {
    fn run(&mut self, ids: &[i64], ones: &[i64], zeros: &[i64]) -> Result<Vec<f32>, String> {
        let tensor = |values: &[i64]| {
            Value::from(Tensor::from_data(
                &[1, values.len()],
                values.iter().map(|&v| v as i32).collect::<Vec<_>>(),
            ))
        };
        let inputs =
            self.inputs.iter().zip([ids, ones, zeros]).map(|(&id, v)| (id, tensor(v).into())).collect();
        let options = RunOptions::default().with_thread_pool(Some(Arc::clone(&self.pool)));
        let mut outputs = self.model.run(inputs, &[self.output], Some(options)).map_err(|e| e.to_string())?;
        let tensor: Tensor<f32> = outputs.remove(0).into_tensor().ok_or("the output is not f32")?;
        Ok(tensor.to_vec())
    }
}
