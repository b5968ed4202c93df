//! Packed files give the same bits wherever they run: every form that compiles, and the pack that ships from text to score.
//!
//! Alone, the test compiles them, runs them on every instruction set, and keeps what they gave in `TRUELINE_PLANS_TO`
//! (else in the build folder). With `TRUELINE_PLANS_FROM=folder` it runs what another machine left there and compares the
//! digests: `cargo xtask arm` does so on each emulated CPU, with the library's slim profile.

mod support;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};
use support::project;
use trueline_core::engine::{Config, Engine, GuardOptions, Session};
use trueline_core::kernels::Isa;
use trueline_core::model::backend::Kind;
use trueline_core::model::control::Control;
use trueline_core::model::map::Mapped;
use trueline_core::model::pack::Pack;
use trueline_core::model::plan::data::Data;
use trueline_core::model::plan::file::PlanFile;
use trueline_core::model::plan::run::{Input, Program, State};
use trueline_core::model::plan::threads::Threads;

/// What the folder holds besides the packed files: each one's name, its inputs' file, and a digest for each case.
const EXPECTED: &str = "expected.json";
const PACK: &str = "guard-en";
/// Short, because emulation is slow.
const TEXTS: [&str; 4] = [
    "What is the capital of France?",
    "naïve words, and ﬁne ones; 12 of them (or so)",
    "x",
    "The people of this city are on their way to the old bridge, where the market opens at nine, and they talk of bread.",
];

/// Numbers of a recorded input.
enum Numbers {
    F32(Vec<f32>),
    I64(Vec<i64>),
    I32(Vec<i32>),
    Bool(Vec<u8>),
}

impl Numbers {
    fn of(tensor: &Value) -> Self {
        let data = tensor["data"].as_array().expect("numbers").iter();
        let integer = |v: &Value| v.as_i64().unwrap_or_else(|| i64::from(v.as_bool() == Some(true)));
        // NaN and the infinities are written as words.
        let float =
            |v: &Value| v.as_f64().unwrap_or_else(|| v.as_str().and_then(|s| s.parse().ok()).expect("one"));
        match tensor["kind"].as_str().expect("a kind") {
            "f32" | "f16" => Self::F32(data.map(|v| float(v) as f32).collect()),
            "i64" => Self::I64(data.map(integer).collect()),
            "i32" => Self::I32(data.map(|v| integer(v) as i32).collect()),
            "bool" => Self::Bool(data.map(|v| integer(v) as u8).collect()),
            other => panic!("{other} is not read here"),
        }
    }

    fn data(&self) -> Data<'_> {
        match self {
            Self::F32(v) => Data::F32(v),
            Self::I64(v) => Data::I64(v),
            Self::I32(v) => Data::I32(v),
            Self::Bool(v) => Data::Bool(v),
        }
    }
}

/// BLAKE3 over shape and elements of every output. One NaN is as good as another.
fn digest(program: &Program, state: &State) -> String {
    let mut hasher = blake3::Hasher::new();
    for place in 0..program.plan().outputs.len() {
        let view = state.output(program, place).expect("the plan has run");
        for &size in view.shape.iter() {
            hasher.update(&(size as u64).to_le_bytes());
        }
        match view.data {
            Data::F32(values) => {
                for x in values {
                    let bits = if x.is_nan() { f32::NAN.to_bits() } else { x.to_bits() };
                    hasher.update(&bits.to_le_bytes());
                }
            }
            other => {
                hasher.update(other.bytes());
            }
        }
    }
    hasher.finalize().to_hex().to_string()
}

/// A digest for each recorded case of a model, or the error's sentence.
fn cases(program: &Program, inputs: &Value, isa: Isa) -> Vec<String> {
    let mut state = State::new();
    let run = |case: &Value| {
        let tensors: Vec<(Vec<usize>, Numbers)> = program
            .plan()
            .inputs
            .iter()
            .map(|port| {
                let tensor = &case["inputs"][&port.name];
                let shape =
                    tensor["shape"].as_array().unwrap_or_else(|| panic!("input {}", port.name)).iter();
                (shape.map(|size| size.as_u64().expect("a size") as usize).collect(), Numbers::of(tensor))
            })
            .collect();
        let given: Vec<Input<'_>> =
            tensors.iter().map(|(shape, numbers)| Input { shape, data: numbers.data() }).collect();
        match program.run(&mut state, isa, &Threads::none(), &given, &Control::unlimited()) {
            Ok(()) => digest(program, &state),
            Err(error) => error.message,
        }
    };
    inputs["cases"].as_array().expect("cases").iter().map(run).collect()
}

fn read(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).expect("JSON")
}

fn open(path: &Path) -> Program {
    let bytes = fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let file = PlanFile::read(Arc::new(Mapped::copy_of(&bytes)), None).expect("a packed file");
    file.program().expect("a plan")
}

/// The bits of every score of every text.
fn scores(pack: &Path, isa: Isa) -> Vec<String> {
    let pack = Pack::open(pack).expect("the packed pack");
    assert!(pack.plan().is_some(), "the pack has no plan");
    let config = Config { isa: Some(isa.name().to_owned()), backend: Kind::Default, ..Config::default() };
    let engine = Engine::new(&config, &[&pack]).expect("an engine");
    let mut session = Session::new(&engine, None).expect("a session");
    let judge = |text: &&str| {
        let verdict = session.guard(text.as_bytes(), &GuardOptions::default()).expect("a verdict");
        let scores = verdict.categories.iter().map(|category| format!("{:08x}", category.score.to_bits()));
        format!("{} {}", verdict.windows, scores.collect::<Vec<_>>().join(" "))
    };
    TEXTS.iter().map(judge).collect()
}

/// What the folder's files give on one instruction set, in the form of [`EXPECTED`].
fn outputs(folder: &Path, plans: &[(String, String)], isa: Isa) -> Value {
    let plan = |(file, inputs): &(String, String)| {
        let inputs_of = read(&project("tests/fixtures/forms").join(inputs));
        let cases = cases(&open(&folder.join(file)), &inputs_of, isa);
        json!({ "file": file, "inputs": inputs, "cases": cases })
    };
    let plans: Vec<Value> = plans.iter().map(plan).collect();
    json!({ "plans": plans, "scores": scores(&folder.join(PACK), isa) })
}

fn compare(folder: &Path, plans: &[(String, String)], expected: &Value) {
    let mut ran = Vec::new();
    for isa in Isa::available() {
        let found = outputs(folder, plans, isa);
        let name = isa.name();
        for (found, expected) in
            found["plans"].as_array().expect("plans").iter().zip(expected["plans"].as_array().expect("plans"))
        {
            assert_eq!(found, expected, "{name}: other bits");
        }
        assert_eq!(found["scores"], expected["scores"], "{name}: other scores");
        ran.push(name);
    }
    // Not `println!`, which the test runner swallows when a test passes.
    writeln!(
        std::io::stdout(),
        "{} packed plans and {PACK} on {}: the same bits",
        plans.len(),
        ran.join(" ")
    )
    .expect("standard output takes a line");
    for name in std::env::var("TRUELINE_EXPECT_ISAS").unwrap_or_default().split(',').filter(|n| !n.is_empty())
    {
        assert!(ran.contains(&name), "TRUELINE_EXPECT_ISAS names {name}; {ran:?} ran");
    }
}

#[test]
fn packed_plans_give_the_same_bits_everywhere() {
    if let Some(folder) = std::env::var_os("TRUELINE_PLANS_FROM").map(PathBuf::from) {
        let expected = read(&folder.join(EXPECTED));
        let text = |value: &Value| value.as_str().expect("a name").to_owned();
        let plans = expected["plans"].as_array().expect("plans").iter();
        let plans: Vec<_> = plans.map(|plan| (text(&plan["file"]), text(&plan["inputs"]))).collect();
        assert!(plans.len() > 40, "{} has {} plans", folder.display(), plans.len());
        compare(&folder, &plans, &expected);
        return;
    }
    #[cfg(feature = "tract")]
    made::make_and_compare();
    #[cfg(not(feature = "tract"))]
    println!("skipped: this build has no compiler, and TRUELINE_PLANS_FROM names no folder");
}

#[cfg(feature = "tract")]
mod made {
    use super::*;
    use trueline_core::model::compile::{Options, WeightForm, compile};
    use trueline_core::model::packing::{self, Choice};
    use trueline_core::model::plan::file::{Source, write};

    /// Compiles everything into a folder, keeps what the reference gives, and compares the other instruction sets.
    pub(super) fn make_and_compare() {
        let folder = std::env::var_os("TRUELINE_PLANS_TO")
            .map_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).join("packed-plans"), PathBuf::from);
        if folder.exists() {
            fs::remove_dir_all(&folder).expect("the old folder goes");
        }
        fs::create_dir_all(folder.join(PACK)).expect("a folder");
        let plans = forms(&folder);
        pack(&folder.join(PACK));
        let expected = outputs(&folder, &plans, Isa::Scalar);
        compare(&folder, &plans, &expected);
        let text = serde_json::to_string_pretty(&expected).expect("JSON");
        fs::write(folder.join(EXPECTED), text).expect("it can be written");
    }

    /// Each form as it is stored and in int8: the packed file's name, and the name of its inputs.
    fn forms(folder: &Path) -> Vec<(String, String)> {
        let mut models: Vec<PathBuf> = fs::read_dir(project("tests/fixtures/forms"))
            .expect("the fixtures")
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "onnx"))
            .collect();
        models.sort();
        let mut plans = Vec::new();
        for model in models {
            let bytes = fs::read(&model).expect("the model");
            let stem = model.file_stem().expect("a name").to_string_lossy();
            for (weights, word) in [(WeightForm::AsStored, "stored"), (WeightForm::Int8, "int8")] {
                // Which forms have no plan is what tests/forms.rs pins.
                let Ok(compiled) = compile(&bytes, &Options { weights, ..Options::default() }) else {
                    continue;
                };
                let packed = write(&compiled.plan, &[], &compiled.constants, &Source::default());
                let file = format!("{stem}-{word}.plan");
                fs::write(folder.join(&file), packed.expect("it can be packed")).expect("it can be written");
                plans.push((file, format!("{stem}.json")));
            }
        }
        assert!(plans.len() > 40, "only {} forms have a plan", plans.len());
        plans
    }

    /// The pack that ships, with its plan and without its model.
    fn pack(folder: &Path) {
        let from = project("models").join(PACK);
        let pack = Pack::open(&from).expect("the pack that ships");
        let packed = packing::pack(&pack, Choice::default(), true).expect("it has a plan");
        for listed in pack.manifest().listed().filter(|listed| listed.file != pack.manifest().model.file) {
            fs::copy(from.join(listed.file), folder.join(listed.file)).expect("a copy");
        }
        fs::write(folder.join(&packed.listed.file), &packed.bytes).expect("it can be written");
        fs::write(folder.join("manifest.toml"), &packed.manifest).expect("it can be written");
    }
}
