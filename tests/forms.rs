//! Every recognised form, from a real exporter: the plan gives what ONNX Runtime gives of the same file, within what the
//! arithmetic allows, and comes closer to the `f32` original than ONNX Runtime's int8 does.
#![cfg(feature = "tract")]

mod support;

use std::path::{Path, PathBuf};

use serde_json::Value;
use support::project;
use trueline_core::Error;
use trueline_core::kernels::Isa;
use trueline_core::model::compile::{Compiled, Options, Refusal, WeightForm, compile};
use trueline_core::model::control::Control;
use trueline_core::model::graph::{self, Graph, GraphOptions};
use trueline_core::model::plan::arena::Constants;
use trueline_core::model::plan::data::Data;
use trueline_core::model::plan::run::{Input, Program, State};
use trueline_core::model::plan::threads::Threads;
use trueline_core::model::tensor;

/// Rounding by NaN: what that gives, each runtime decides for itself.
const UNSPECIFIED: &[&str] = &["qdq-nan-input-scale"];
const ALMOST_WITHOUT_A_PLAN: &[(&str, &str)] = &[
    ("dynamic-nan-scale", "DynamicQuantizeLinear"),
    ("dynamic-negative-scale", "DynamicQuantizeLinear"),
    ("dynamic-other-input-scale", "DynamicQuantizeLinear"),
    ("dynamic-other-input-zero", "DynamicQuantizeLinear"),
    ("dynamic-read-twice", "DynamicQuantizeLinear"),
    ("dynamic-zero-weights", "DynamicQuantizeLinear"),
    ("f32-norm-axis", "LayerNormalization"),
    ("f32-norm-single-weight", "normalisation"),
    ("qdq-nan-input-scale", "QuantizeLinear"),
];

/// Weights behind DequantizeLinear: ONNX Runtime makes a MatMulNBits of them, which rounds its input, too. Without its
/// optimiser it gives what the file says.
const ROUNDED_BY_ONNX_RUNTIME: &[&str] = &["nbits-4-qdq", "t5-step-weights", "weights-dequantise"];

fn models(folder: &str) -> Vec<PathBuf> {
    let folder = std::fs::read_dir(project("tests/fixtures/forms").join(folder)).expect("the fixtures");
    let mut found: Vec<PathBuf> = folder.flatten().map(|entry| entry.path()).collect();
    found.retain(|path| path.extension().is_some_and(|extension| extension == "onnx"));
    found.sort();
    assert!(found.len() > 20);
    found
}

fn name(path: &Path) -> String {
    path.file_stem().expect("a name").to_string_lossy().into_owned()
}

fn record(path: &Path) -> Value {
    let text = std::fs::read_to_string(path.with_extension("json")).expect("what was recorded");
    serde_json::from_str(&text).expect("JSON")
}

fn compiled(path: &Path, weights: WeightForm) -> Result<Compiled, Refusal> {
    compile(&std::fs::read(path).expect("the model"), &Options { weights, ..Options::default() })
}

/// Numbers of a recorded tensor.
enum Numbers {
    F32(Vec<f32>),
    I64(Vec<i64>),
    I32(Vec<i32>),
    Bool(Vec<u8>),
}

struct Recorded {
    name: String,
    shape: Vec<usize>,
    numbers: Numbers,
}

fn tensors(object: &Value) -> Vec<Recorded> {
    let read = |(name, tensor): (&String, &Value)| {
        let shape = tensor["shape"].as_array().expect("a shape").iter();
        let data = tensor["data"].as_array().expect("numbers");
        // NaN and the infinities are written as words.
        let float = |v: &Value| {
            v.as_f64().unwrap_or_else(|| v.as_str().expect("a number").parse().expect("one")) as f32
        };
        let numbers = match tensor["kind"].as_str().expect("a kind") {
            "f32" | "f16" => Numbers::F32(data.iter().map(float).collect()),
            "i64" => Numbers::I64(data.iter().map(|v| v.as_i64().expect("an integer")).collect()),
            "bool" => Numbers::Bool(
                data.iter().map(|v| u8::from(v.as_bool().unwrap_or(v.as_i64() == Some(1)))).collect(),
            ),
            "i32" => Numbers::I32(data.iter().map(|v| v.as_i64().expect("an integer") as i32).collect()),
            other => panic!("{other} is not read here"),
        };
        Recorded {
            name: name.clone(),
            shape: shape.map(|d| d.as_u64().expect("a size") as usize).collect(),
            numbers,
        }
    };
    object.as_object().expect("tensors").iter().map(read).collect()
}

/// The plan's outputs, in its order.
fn run(program: &Program, state: &mut State, isa: Isa, inputs: &[Recorded]) -> Result<Vec<Vec<f32>>, Error> {
    let given: Vec<Input<'_>> = program
        .plan()
        .inputs
        .iter()
        .map(|port| {
            let input = inputs
                .iter()
                .find(|input| input.name == port.name)
                .unwrap_or_else(|| panic!("{}", port.name));
            let data = match &input.numbers {
                Numbers::F32(v) => Data::F32(v),
                Numbers::I64(v) => Data::I64(v),
                Numbers::I32(v) => Data::I32(v),
                Numbers::Bool(v) => Data::Bool(v),
            };
            Input { shape: &input.shape, data }
        })
        .collect();
    program.run(state, isa, &Threads::none(), &given, &Control::unlimited())?;
    (0..program.plan().outputs.len())
        .map(|i| {
            let view = state.output(program, i)?;
            Ok(view.f32s().map(<[f32]>::to_vec).unwrap_or_default())
        })
        .collect()
}

/// The largest difference, with NaN equal to NaN.
fn distance(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let one = |(a, b): (&f32, &f32)| {
        if a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan() { 0.0 } else { (a - b).abs() }
    };
    a.iter().zip(b).map(one).fold(0.0, |worst, d| if d.is_nan() { f32::INFINITY } else { worst.max(d) })
}

/// What runs a file: its plan, or tract.
#[allow(clippy::large_enum_variant, reason = "one at a time")]
enum Runner {
    Plan(Box<Program>, State),
    Graph(Box<Graph>),
}

impl Runner {
    fn names(&self) -> Vec<String> {
        match self {
            Self::Plan(program, _) => program.plan().outputs.iter().map(|port| port.name.clone()).collect(),
            Self::Graph(graph) => graph.outputs().iter().map(|port| port.name.clone()).collect(),
        }
    }

    /// The outputs that are numbers, each under its place; on every instruction set with the same bits.
    fn run(&mut self, case: &str, inputs: &[Recorded]) -> Result<Vec<Vec<f32>>, Error> {
        match self {
            Self::Plan(program, state) => {
                let outputs = run(program, state, Isa::best(), inputs);
                for isa in Isa::available() {
                    let same = run(program, state, isa, inputs);
                    match (&same, &outputs) {
                        (Ok(same), Ok(outputs)) => {
                            assert_eq!(bits(same), bits(outputs), "{case} on {}", isa.name())
                        }
                        (same, outputs) => {
                            assert_eq!(same.is_err(), outputs.is_err(), "{case} on {}", isa.name())
                        }
                    }
                }
                outputs
            }
            Self::Graph(graph) => {
                let tensor = |input: &Recorded| {
                    let data = match &input.numbers {
                        Numbers::F32(v) => tensor::Data::F32(v.clone()),
                        Numbers::I64(v) => tensor::Data::I64(v.clone()),
                        Numbers::I32(v) => tensor::Data::I32(v.clone()),
                        Numbers::Bool(v) => tensor::Data::Bool(v.iter().map(|&x| x == 1).collect()),
                    };
                    tensor::Tensor::new(input.shape.clone(), data).expect("a whole tensor")
                };
                let given: Vec<(&str, tensor::Tensor)> =
                    inputs.iter().map(|input| (input.name.as_str(), tensor(input))).collect();
                let outputs = graph.run(&given, &Control::unlimited())?;
                Ok(outputs
                    .iter()
                    .map(|(_, tensor)| tensor.f32s().map(<[f32]>::to_vec).unwrap_or_default())
                    .collect())
            }
        }
    }
}

fn bits(all: &[Vec<f32>]) -> Vec<u32> {
    all.iter().flatten().map(|x| if x.is_nan() { 0 } else { x.to_bits() }).collect()
}

fn on_tract() -> GraphOptions {
    GraphOptions { runner: Some(graph::Runner::Tract), ..GraphOptions::default() }
}

/// The plan of a file, or else tract with the reason.
fn runner(path: &Path, weights: WeightForm) -> (Result<Runner, Error>, Option<Refusal>) {
    match compiled(path, weights) {
        Ok(Compiled { plan, constants }) => {
            let program = Program::new(plan, Constants::copy_of(&constants));
            (program.map(|program| Runner::Plan(Box::new(program), State::new())), None)
        }
        Err(refusal) => {
            let graph = Graph::load(&std::fs::read(path).expect("the model"), &on_tract());
            (graph.map(|graph| Runner::Graph(Box::new(graph))), Some(refusal))
        }
    }
}

/// The largest differences: to ONNX Runtime on the same file, and to the `f32` original. What ONNX Runtime refuses may
/// be refused.
fn distances(path: &Path, runner: &mut Runner) -> Result<[f32; 2], String> {
    let record = record(path);
    let names = runner.names();
    let mut worst = [0.0_f32; 2];
    for case in record["cases"].as_array().expect("cases") {
        let inputs = tensors(&case["inputs"]);
        let outputs = match runner.run(&format!("{} of {}", case["name"], name(path)), &inputs) {
            Ok(outputs) => outputs,
            Err(_) if !case["ort"].is_object() => continue,
            Err(error) => return Err(format!("{}: {}", case["name"], error.message)),
        };
        for (place, of) in [(0, "ort"), (1, "f32")] {
            if !case[of].is_object() {
                continue;
            }
            for recorded in tensors(&case[of]) {
                let Numbers::F32(wanted) = &recorded.numbers else { continue };
                let at = names.iter().position(|name| *name == recorded.name);
                let found = &outputs[at.unwrap_or_else(|| panic!("output {}", recorded.name))];
                worst[place] = worst[place].max(distance(found, wanted));
            }
        }
    }
    Ok(worst)
}

fn check(folder: &str, weights: WeightForm, without_a_plan: &[(&str, &str)]) {
    let mut failed = Vec::new();
    for path in models(folder) {
        let (name, record) = (name(&path), record(&path));
        // As stored, floating point stays what it is; bytes are run by rows, which comes closer to f32 than the file.
        let exact = weights == WeightForm::AsStored && matches!(record["form"].as_str(), Some("f32" | "f16"));
        let tolerance = |of: &str| {
            let of = if exact { of.to_owned() } else { format!("{of}_int8") };
            record["tolerance"][of].as_f64().unwrap_or(0.0) as f32
        };
        let (runner, refusal) = runner(&path, weights);
        let by = if refusal.is_some() { "tract" } else { "plan" };
        if let Some(refusal) = &refusal {
            println!("{name}: {refusal}");
            if !without_a_plan.iter().any(|(n, op)| *n == name && refusal.to_string().contains(op)) {
                failed.push(format!("{name} has no plan: {refusal}"));
            }
        }
        let found = match runner {
            Ok(mut runner) => distances(&path, &mut runner),
            Err(error) => Err(error.message),
        };
        match found {
            Ok([ort, f32]) => {
                println!(
                    "{name}, {by}: {ort:.2e} from ONNX Runtime ({:.2e}), {f32:.2e} from f32 ({:.2e})",
                    tolerance("ort"),
                    tolerance("f32")
                );
                if UNSPECIFIED.contains(&name.as_str()) {
                    continue;
                }
                if ort > tolerance("ort") || f32 > tolerance("f32") {
                    failed.push(format!("{name}, {by}: {ort:e}, {f32:e}"));
                }
            }
            // A clear error is an answer where the file is none.
            Err(error) if refusal.is_some() || folder == "almost" => println!("{name}, {by}: {error}"),
            Err(error) => failed.push(format!("{name}, {by}: {error}")),
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn every_form_has_a_plan_that_agrees() {
    check("", WeightForm::AsStored, &[]);
}

#[test]
fn weights_that_become_int8_agree() {
    check("", WeightForm::Int8, &[]);
}

#[test]
fn what_almost_matches_a_form_gives_what_the_file_says() {
    check("almost", WeightForm::AsStored, ALMOST_WITHOUT_A_PLAN);
}

#[test]
fn operators_of_onnx_runtime_agree() {
    check("contrib", WeightForm::AsStored, &[]);
}

/// How far every file of a folder is from ONNX Runtime when it is loaded by name; those that are too far, or run by
/// something else.
fn graphs(folder: &str, options: &GraphOptions, runner: graph::Runner) -> Vec<String> {
    let mut failed = Vec::new();
    for path in models(folder) {
        let (name, record) = (name(&path), record(&path));
        let graph = match Graph::load(&std::fs::read(&path).expect("the model"), options) {
            Ok(graph) => graph,
            Err(error) => {
                failed.push(format!("{name}: {}", error.message));
                continue;
            }
        };
        let of = if ROUNDED_BY_ONNX_RUNTIME.contains(&name.as_str()) { "ort_int8" } else { "ort" };
        let tolerance = record["tolerance"][of].as_f64().expect("a number") as f32;
        let by = graph.runner();
        // Half precision is rounded where ONNX Runtime rounds it, and weights in bytes that do not lie around 0 stay what
        // they are: plans do neither.
        let why = graph.no_plan().unwrap_or_default();
        let unlike = ["half precision", "DynamicQuantizeLinear"].iter().any(|word| why.contains(word));
        println!("{name}: {why}");
        match distances(&path, &mut Runner::Graph(Box::new(graph))) {
            Ok([ort, _]) if ort <= tolerance && (by == runner || unlike) => {}
            found => failed.push(format!("{name}, {by:?}: {found:?}, {tolerance:e}")),
        }
    }
    failed
}

#[test]
fn operators_of_onnx_runtime_agree_on_tract() {
    let failed = graphs("contrib", &on_tract(), graph::Runner::Tract);
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn graphs_run_by_their_plans() {
    let mut failed = graphs("contrib", &GraphOptions::default(), graph::Runner::Plan);
    failed.extend(graphs("", &GraphOptions::default(), graph::Runner::Plan));
    assert!(failed.is_empty(), "{failed:#?}");
}
