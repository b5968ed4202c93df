//! The engines of this project, for `cargo xtask compare`: see runner.rs for the command line.

mod runner;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Instant;

use runner::{Arguments, Encoder};
use tract_onnx::prelude::*;
use trueline_core::kernels::Isa;
use trueline_core::model::compile::{Options, WeightForm, compile};
use trueline_core::model::control::Control;
use trueline_core::model::map::Mapped;
use trueline_core::model::plan::data::Data;
use trueline_core::model::plan::file::{self, PlanFile, Source, Unusable};
use trueline_core::model::plan::ir::{Op, Weights};
use trueline_core::model::plan::run::{Input, Program, State};
use trueline_core::model::plan::threads::Threads;
use trueline_core::{Code, Error};

type Load = fn(&Arguments) -> Result<Box<dyn Encoder>, String>;

/// Every engine by its word; the comparison runs those that are here.
const ENGINES: &[(&str, Load)] = &[("plan", Planned::load), ("tract", Tract::load)];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let done = match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["--engines"] => {
            ENGINES.iter().for_each(|(word, _)| println!("{word}"));
            Ok(())
        }
        ["--pack", model, form, to] => pack(model, form, to),
        ["--profile", plan, tokens] => profile(plan, tokens),
        _ => {
            return runner::main(|arguments| {
                let found = ENGINES.iter().find(|(word, _)| *word == arguments.engine);
                let (_, load) =
                    found.ok_or_else(|| format!("--engine {:?} is not known", arguments.engine))?;
                load(arguments)
            });
        }
    };
    done.map_or_else(
        |message| {
            eprintln!("{message}");
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    )
}

/// Compiles a model file and writes the packed file that the engine `plan` runs.
fn pack(model: &str, form: &str, to: &str) -> Result<(), String> {
    let int8 = form == "int8";
    let bytes = std::fs::read(model).map_err(|e| format!("{model}: {e}"))?;
    let weights = if int8 { WeightForm::Int8 } else { WeightForm::AsStored };
    let compiled = compile(&bytes, &Options { weights, ..Options::default() }).map_err(|e| e.to_string())?;
    // No pack and no tokenizer stand behind it.
    let source = Source { model: [0; 32], tokenizer: [0; 32], int8_weights: int8, exact_attention: false };
    let packed = file::write(&compiled.plan, &[], &compiled.constants, &source).map_err(|e| e.message)?;
    std::fs::write(to, packed).map_err(|e| format!("{to}: {e}"))
}

/// Our plan, from a packed file that is mapped.
struct Planned {
    program: Program,
    state: State,
    isa: Isa,
    threads: Threads,
}

impl Planned {
    fn load(arguments: &Arguments) -> Result<Box<dyn Encoder>, String> {
        Ok(Box::new(Self::open(&arguments.model)?))
    }

    fn open(path: &str) -> Result<Self, String> {
        let open = || -> Result<Program, Error> {
            let io = |e: std::io::Error| Error::new(Code::Io, e.to_string());
            let file = std::fs::File::open(path).map_err(io)?;
            let len = file.metadata().map_err(io)?.len() as usize;
            let holder = Arc::new(Mapped::new(&file, len)?);
            PlanFile::of_map(holder, None).map_err(Unusable::into_error)?.program()
        };
        let isa = match std::env::var("TRUELINE_ISA") {
            Ok(name) => Isa::from_name(&name).map_err(|e| format!("TRUELINE_ISA={name}: {e:?}"))?,
            Err(_) => Isa::best(),
        };
        let program = open().map_err(|e| format!("{path}: {}", e.message))?;
        Ok(Self { program, state: State::new(), isa, threads: Threads::none() })
    }

    /// One run; `done` is called after each step.
    fn step(
        &mut self,
        ids: &[i64],
        ones: &[i64],
        zeros: &[i64],
        done: impl FnMut(usize) + Send,
    ) -> Result<(), Error> {
        let shape = [1, ids.len()];
        let mut given = [Input { shape: &shape, data: Data::I64(zeros) }; 3];
        let inputs = &mut given[..self.program.plan().inputs.len()];
        for (input, port) in inputs.iter_mut().zip(&self.program.plan().inputs) {
            match port.name.as_str() {
                "input_ids" => input.data = Data::I64(ids),
                "attention_mask" => input.data = Data::I64(ones),
                _ => {}
            }
        }
        let control = Control::unlimited();
        self.program.run_observed(&mut self.state, self.isa, &self.threads, inputs, &control, done)
    }
}

impl Encoder for Planned {
    fn run(&mut self, ids: &[i64], ones: &[i64], zeros: &[i64]) -> Result<Vec<f32>, String> {
        let mut run = || -> Result<Vec<f32>, Error> {
            self.step(ids, ones, zeros, |_| ())?;
            Ok(self.state.output(&self.program, 0)?.f32s()?.to_vec())
        };
        run().map_err(|e| e.message)
    }
}

/// Runs a packed file on one text of so many tokens, and prints what share of the time each kind of step takes.
fn profile(plan: &str, tokens: &str) -> Result<(), String> {
    const RUNS: usize = 200;
    let tokens = tokens.parse::<usize>().map_err(|e| format!("{tokens}: {e}"))?;
    let mut planned = Planned::open(plan)?;
    let ids: Vec<i64> = (0..tokens as i64).map(|i| 1000 + 37 * i).collect();
    let (ones, zeros) = (vec![1; tokens], vec![0; tokens]);
    let steps = planned.program.plan().steps.len();
    let mut times = vec![Vec::with_capacity(RUNS); steps];
    for run in 0..RUNS + 3 {
        let mut last = Instant::now();
        let observe = |step: usize| {
            let now = Instant::now();
            if run >= 3 {
                times[step].push((now - last).as_nanos() as f64 / 1e3);
            }
            last = now;
        };
        planned.step(&ids, &ones, &zeros, observe).map_err(|e| e.message)?;
    }
    let mut kinds: BTreeMap<String, (usize, f64)> = BTreeMap::new();
    for (step, times) in planned.program.plan().steps.iter().zip(&mut times) {
        times.sort_by(f64::total_cmp);
        let entry = kinds.entry(kind(&step.op)).or_default();
        *entry = (entry.0 + 1, entry.1 + times[RUNS / 2]);
    }
    let whole: f64 = kinds.values().map(|(_, time)| time).sum();
    let mut kinds: Vec<_> = kinds.into_iter().collect();
    kinds.sort_by(|a, b| b.1.1.total_cmp(&a.1.1));
    println!("{tokens} tokens, {steps} steps, {whole:.1} us");
    for (name, (count, time)) in kinds {
        println!("{time:10.1} us {:5.1} %  {count:3} x {name}", 100.0 * time / whole);
    }
    Ok(())
}

/// What a step is counted as.
fn kind(op: &Op) -> String {
    match op {
        Op::Linear(linear) => {
            let form = if matches!(linear.weights, Weights::I8 { .. }) { "int8" } else { "f32" };
            format!("linear {form} {} x {}", linear.k, linear.n)
        }
        Op::Attention(attention) => format!("attention, {} heads of {}", attention.heads, attention.dim),
        other => format!("{other:?}").split([' ', '(', '{']).next().unwrap_or_default().to_lowercase(),
    }
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
