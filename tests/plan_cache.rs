//! A decoder whose keys and values a state keeps gives the bits of one that is given its past anew in every step.
#![cfg(feature = "tract")]

mod support;

use std::collections::HashMap;
use std::sync::Arc;

use support::project;
use trueline_core::kernels::Isa;
use trueline_core::model::compile::{Options, compile};
use trueline_core::model::control::{CancelToken, Control};
use trueline_core::model::plan::arena::Constants;
use trueline_core::model::plan::data::Data;
use trueline_core::model::plan::run::{Input, Program, State};
use trueline_core::model::plan::threads::Threads;
use trueline_core::{Code, Error};

const DECODERS: &[&str] = &["gpt", "gpt-dynamic", "llama", "llama-weights", "bart-step", "t5-step-weights"];
/// Tokens of the text that an encoder has read.
const TEXT: usize = 6;

fn program(name: &str, caches: bool) -> Program {
    let file = project("tests/fixtures/forms").join(name).with_extension("onnx");
    let options = Options { caches, ..Options::default() };
    let compiled = compile(&std::fs::read(file).expect("the model"), &options).expect("it compiles");
    Program::new(compiled.plan, Constants::copy_of(&compiled.constants)).expect("a plan")
}

/// Numbers of either kind, with their shape.
#[derive(Clone)]
enum Given {
    F32(Vec<usize>, Vec<f32>),
    I64(Vec<usize>, Vec<i64>),
}

impl Given {
    fn input(&self) -> Input<'_> {
        match self {
            Self::F32(shape, data) => Input { shape, data: Data::F32(data) },
            Self::I64(shape, data) => Input { shape, data: Data::I64(data) },
        }
    }
}

/// The same decoder twice: with caches, and with its past among inputs and outputs.
struct Pair {
    name: &'static str,
    cached: Program,
    plain: Program,
    state: State,
    other: State,
    /// What the plain one is given next, by the input's name.
    past: HashMap<String, Given>,
    texts: usize,
    rows: usize,
    seed: u64,
}

impl Pair {
    fn new(name: &'static str) -> Self {
        let (cached, plain) = (program(name, true), program(name, false));
        let (mut state, other) = (State::new(), State::new());
        state.begin(&cached, 1);
        let empty = |cache: &trueline_core::model::plan::ir::Cache| {
            let shape = vec![1, cache.heads as usize, 0, cache.dim as usize];
            (cache.name.clone(), Given::F32(shape, Vec::new()))
        };
        let past = cached.plan().caches.iter().map(empty).collect();
        Self { name, cached, plain, state, other, past, texts: 1, rows: 0, seed: 1 }
    }

    fn random(&mut self) -> u64 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.seed >> 33
    }

    /// What both are given besides the past: `tokens` new tokens of each text.
    fn inputs(&mut self, tokens: usize) -> HashMap<String, Given> {
        let (texts, rows) = (self.texts, self.rows);
        let ids = (0..texts * tokens).map(|_| (self.random() % 60) as i64 + 2).collect();
        let places = (0..texts * tokens).map(|i| (rows + i % tokens) as i64).collect();
        let mut given = HashMap::from([
            ("input_ids".to_owned(), Given::I64(vec![texts, tokens], ids)),
            ("position_ids".to_owned(), Given::I64(vec![texts, tokens], places)),
            (
                "attention_mask".to_owned(),
                Given::I64(vec![texts, rows + tokens], vec![1; texts * (rows + tokens)]),
            ),
            ("encoder_attention_mask".to_owned(), Given::I64(vec![texts, TEXT], vec![1; texts * TEXT])),
        ]);
        let cross = self.cached.plan().inputs.iter().filter(|port| port.name.contains("cross"));
        for (i, name) in cross.map(|port| port.name.clone()).enumerate() {
            let one: Vec<f32> =
                (0..4 * TEXT * 8).map(|n| ((n * 7 + i * 13) % 29) as f32 / 14.0 - 1.0).collect();
            given.insert(name, Given::F32(vec![texts, 4, TEXT, 8], one.repeat(texts)));
        }
        given
    }

    /// One step of both; every output must have the same bits.
    fn step(&mut self, tokens: usize) {
        let given = self.inputs(tokens);
        run(&self.cached, &mut self.state, &given).expect("a step");
        let mut all = given;
        all.extend(self.past.clone());
        run(&self.plain, &mut self.other, &all).expect("a step");
        self.rows += tokens;
        assert_eq!(self.state.cached(), self.rows);
        for (i, port) in self.cached.plan().outputs.iter().enumerate() {
            let wanted = output(&self.plain, &self.other, &port.name);
            let found = self.state.output(&self.cached, i).expect("an output");
            let bits = |x: &[f32]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            let Given::F32(shape, wanted) = wanted else { unreachable!("outputs are f32") };
            assert_eq!(found.shape[..], shape[..]);
            assert_eq!(
                bits(found.f32s().expect("floats")),
                bits(&wanted),
                "{}: {} after {} rows",
                self.name,
                port.name,
                self.rows
            );
        }
        for cache in &self.cached.plan().caches {
            self.past.insert(cache.name.clone(), output(&self.plain, &self.other, &cache.output));
        }
    }

    fn reorder(&mut self, from: &[usize]) {
        self.state.reorder(from).expect("texts that there are");
        for past in self.past.values_mut() {
            let Given::F32(shape, data) = past else { unreachable!("a past is f32") };
            let size = data.len() / self.texts;
            *data = from.iter().flat_map(|&text| data[text * size..][..size].to_vec()).collect();
            shape[0] = from.len();
        }
        self.texts = from.len();
    }
}

fn run(program: &Program, state: &mut State, given: &HashMap<String, Given>) -> Result<(), Error> {
    let inputs = program.plan().inputs.iter();
    let inputs: Vec<Input<'_>> =
        inputs.map(|port| given.get(&port.name).unwrap_or_else(|| panic!("{}", port.name)).input()).collect();
    program.run(state, Isa::best(), &Threads::none(), &inputs, &Control::unlimited())
}

fn output(program: &Program, state: &State, name: &str) -> Given {
    let at = program.plan().outputs.iter().position(|port| port.name == name).expect("the output");
    let view = state.output(program, at).expect("an output");
    Given::F32(view.shape.to_vec(), view.f32s().expect("floats").to_vec())
}

#[test]
fn every_decoders_past_becomes_a_cache() {
    for name in DECODERS {
        let (cached, plain) = (program(name, true), program(name, false));
        assert_eq!(cached.plan().caches.len(), 4, "{name}: keys and values of two layers");
        assert_eq!(cached.plan().inputs.len() + 4, plain.plan().inputs.len(), "{name}");
        assert_eq!(cached.plan().outputs.len() + 4, plain.plan().outputs.len(), "{name}");
        assert!(plain.plan().caches.is_empty());
    }
}

#[test]
fn a_kept_past_gives_the_bits_of_one_that_is_given() {
    for &name in DECODERS {
        let mut pair = Pair::new(name);
        pair.step(7);
        pair.step(1);
        // One text becomes three beams, which then change places.
        for from in [&[0, 0, 0][..], &[2, 0, 1], &[1, 1, 0], &[0, 2]] {
            pair.reorder(from);
            pair.step(1);
        }
        // The cache grows several times.
        for _ in 0..25 {
            pair.step(1);
        }
        pair.step(3);
    }
}

#[test]
fn a_run_that_fails_leaves_the_past_as_it_was() {
    let mut pair = Pair::new("gpt");
    pair.step(5);
    let given = pair.inputs(2);
    let inputs = pair.cached.plan().inputs.iter();
    let inputs: Vec<Input<'_>> = inputs.map(|port| given[&port.name].input()).collect();
    for stop in 0..pair.cached.plan().steps.len() - 1 {
        let cancel = Arc::new(CancelToken::new());
        let control = Control::new(None, Some(Arc::clone(&cancel)));
        let done = |step| {
            if step == stop {
                cancel.cancel();
            }
        };
        let (state, threads) = (&mut pair.state, Threads::none());
        let ended = pair.cached.run_observed(state, Isa::best(), &threads, &inputs, &control, done);
        assert_eq!(ended.unwrap_err().code, Code::Cancelled);
    }
    assert_eq!(pair.state.cached(), 5);
    pair.step(2);
    assert_eq!(pair.state.reorder(&[1]).unwrap_err().code, Code::InvalidArgument);
    pair.step(1);
}

#[test]
fn a_past_can_come_from_elsewhere_and_be_cut() {
    let mut pair = Pair::new("bart-step");
    pair.step(4);
    // Another graph's keys and values.
    pair.state.begin(&pair.cached, 1);
    for (name, past) in &pair.past {
        pair.state.fill(&pair.cached, name, &past.input()).expect("it fits");
        let twice = pair.state.fill(&pair.cached, name, &past.input());
        assert_eq!(twice.unwrap_err().code, Code::InvalidArgument);
    }
    pair.step(2);
    assert_eq!(
        pair.state
            .fill(&pair.cached, "none", &pair.past.values().next().expect("one").input())
            .unwrap_err()
            .code,
        Code::InvalidArgument
    );
    // Tokens that were tried are taken back.
    let before = pair.past.clone();
    pair.step(3);
    pair.state.truncate(6);
    (pair.past, pair.rows) = (before, 6);
    pair.step(1);
}
