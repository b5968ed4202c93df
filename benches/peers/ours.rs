//! The engines of this project, for `cargo xtask compare`: see runner.rs for the command line.

mod runner;

use std::process::ExitCode;

use runner::{Arguments, Encoder};
use tract_onnx::prelude::*;

type Load = fn(&Arguments) -> Result<Box<dyn Encoder>, String>;

/// Every engine by its word; the comparison runs those that are here.
const ENGINES: &[(&str, Load)] = &[("tract", Tract::load)];

fn main() -> ExitCode {
    if std::env::args().nth(1).is_some_and(|word| word == "--engines") {
        ENGINES.iter().for_each(|(word, _)| println!("{word}"));
        return ExitCode::SUCCESS;
    }
    runner::main(|arguments| {
        let found = ENGINES.iter().find(|(word, _)| *word == arguments.engine);
        let (_, load) = found.ok_or_else(|| format!("--engine {:?} is not known", arguments.engine))?;
        load(arguments)
    })
}

/// Stock tract: any length in one plan, as the backend of that name has it.
struct Tract(Arc<TypedSimplePlan>);

impl Tract {
    fn load(arguments: &Arguments) -> Result<Box<dyn Encoder>, String> {
        let load = || -> TractResult<_> {
            let mut proto = onnx().proto_model_for_path(&arguments.model)?;
            if let Some(graph) = proto.graph.as_mut() {
                graph.value_info.clear();
            }
            let mut model = onnx().model_for_proto_model(&proto)?;
            let tokens = model.symbols.sym("S");
            for input in 0..model.input_outlets()?.len() {
                let shape: TVec<TDim> = tvec!(1.to_dim(), tokens.to_dim());
                model.set_input_fact(input, InferenceFact::dt_shape(i64::datum_type(), shape))?;
            }
            let outlets = model.output_outlets()?.to_vec();
            for outlet in outlets {
                model.set_outlet_fact(outlet, InferenceFact::default())?;
            }
            model.into_optimized()?.into_runnable()
        };
        Ok(Box::new(Self(load().map_err(|e| format!("{}: {e:#}", arguments.model))?)))
    }
}

impl Encoder for Tract {
    fn run(&mut self, ids: &[i64], ones: &[i64], zeros: &[i64]) -> Result<Vec<f32>, String> {
        let run = || -> TractResult<_> {
            let mut inputs = tvec!();
            for values in [ids, ones, zeros] {
                inputs.push(Tensor::from_shape(&[1, values.len()], values)?.into_tvalue());
            }
            let outputs = self.0.run(inputs)?;
            Ok(outputs[0].to_plain_array_view::<f32>()?.iter().copied().collect())
        };
        run().map_err(|e| format!("{e:#}"))
    }
}
