//! Hostile ONNX files: every one is refused with its own code, or runs; none ends the process, hangs or eats memory.

mod support;

use std::time::{Duration, Instant};

use support::onnx::*;
use support::{Random, pack, refused};
use trueline_core::engine::{Action, Config, Engine, GuardOptions, Reason, Session};
use trueline_core::model::onnx::{MAX_DEPTH, MAX_NODES, inspect};
use trueline_core::{Code, Error};

/// An engine of the small pack with this model in place of its own.
fn engine(model: Vec<u8>) -> Result<Engine, Error> {
    let started = Instant::now();
    let engine = Engine::new(&Config::default(), &[&pack::with_model(model)]);
    assert!(started.elapsed() < Duration::from_secs(60), "it took {:?}", started.elapsed());
    engine
}

/// What it is, the shape that it claims, the bytes that it stores, and how it is refused.
type Claim<'a> = (&'a str, &'a [i64], usize, Code, &'a [&'a str]);

fn both_refuse(what: &str, model: &[u8], code: Code, words: &[&str]) {
    refused(what, inspect(model).map(|_| ()), code, words);
    refused(what, engine(model.to_vec()).map(|_| ()), code, words);
}

/// The small classifier with one more stored tensor.
fn with_tensor(tensor: Message) -> Vec<u8> {
    let stored = [stored(), vec![tensor]].concat();
    file(&graph(&body("logits"), &stored, &inputs(), &[output()]))
}

#[test]
fn the_small_classifier_runs() {
    let summary = inspect(&classifier()).expect("a good file");
    assert_eq!(summary.nodes.len(), 5);
    assert_eq!(summary.inputs.iter().map(|p| p.name.as_str()).collect::<Vec<_>>(), ["ids", "mask", "types"]);
    assert_eq!((summary.opset, summary.stored_bytes), (13, 4 * 3 * pack::VOCABULARY as u64 + 8));
    let engine = engine(classifier()).expect("a good file");
    let mut session = Session::new(&engine, None).expect("its pack");
    let verdict = session.guard(b"ab cd", &GuardOptions::default()).expect("a short text");
    assert_eq!((verdict.windows, verdict.categories.len()), (1, pack::LABELS));
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let good = classifier();
    for i in 0..64 {
        let cut = &good[..good.len() * i / 64];
        let found = inspect(cut).err().or_else(|| engine(cut.to_vec()).err());
        assert!(found.is_some_and(|e| e.code == Code::InvalidModel), "cut at {i} of 64");
    }
}

#[test]
fn what_is_no_onnx_file_is_refused() {
    both_refuse("nothing", b"", Code::InvalidModel, &["holds 0 graphs"]);
    both_refuse("text", b"this is no model", Code::InvalidModel, &["the ONNX file"]);
    both_refuse("ones", &[0xff; 64], Code::InvalidModel, &["truncated"]);
    both_refuse("wire type 3", &[0x3b, 1, 2], Code::InvalidModel, &["wire type 3 does not exist"]);
    both_refuse("no graph", &Message::default().int(1, 8).0, Code::InvalidModel, &["holds 0 graphs"]);
    let twice = [classifier(), classifier()].concat();
    both_refuse("two graphs", &twice, Code::InvalidModel, &["holds 2 graphs"]);
}

#[test]
fn random_damage_is_survived() {
    let good = classifier();
    let seed = 20_240_607;
    println!("seed {seed}");
    let mut random = Random(seed);
    let mut taken = 0;
    for _ in 0..300 {
        let mut model = good.clone();
        for _ in 0..=random.below(4) {
            let at = random.below(model.len());
            model[at] = random.below(256) as u8;
        }
        // More than half of the file is weights; the rest is what can break.
        let at = random.below(model.len() - 1056);
        let at = if at < 400 { at } else { at + 1056 };
        model[at] ^= 1 << random.below(8);
        if let Ok(engine) = engine(model) {
            taken += 1;
            let mut session = Session::new(&engine, None).expect("its pack");
            // A verdict or an error: anything but a panic.
            let _ = session.guard(b"some text", &GuardOptions::default());
        }
    }
    println!("{taken} of 300 damaged files still load");
}

#[test]
fn a_tensor_must_store_what_it_claims() {
    let cases: &[Claim<'_>] = &[
        ("more", &[2, 3], 20, Code::InvalidModel, &["claims the shape [2, 3]", "stores 5 elements"]),
        ("less", &[2], 12, Code::InvalidModel, &["claims the shape [2]", "stores 3 elements"]),
        ("no whole number", &[2], 7, Code::InvalidModel, &["no whole number"]),
        ("negative", &[-2], 8, Code::InvalidModel, &["claims the shape [-2]"]),
        ("two negatives", &[-2, -1], 8, Code::InvalidModel, &["claims the shape [-2, -1]"]),
        ("huge", &[i64::MAX], 8, Code::InvalidModel, &["stores 2 elements"]),
        ("overflow", &[1 << 32, 1 << 32], 0, Code::InvalidModel, &["stores 0 elements"]),
        ("overflow to fit", &[1 << 62, 4, 2], 8, Code::InvalidModel, &["stores 2 elements"]),
        ("axes", &[1; 9], 4, Code::TooLarge, &["9 axes", "at most 8"]),
        ("many axes", &[1; 1000], 4, Code::TooLarge, &["axes", "at most 8"]),
    ];
    for (what, dims, bytes, code, words) in cases {
        both_refuse(what, &with_tensor(tensor("odd", F32, dims, &vec![0; *bytes])), *code, words);
    }
    both_refuse("no type", &with_tensor(tensor("odd", 99, &[1], &[0; 4])), Code::InvalidModel, &["odd"]);
}

#[test]
fn data_in_another_file_is_refused() {
    let entry = |key: &str, value: &str| Message::default().bytes(1, key).bytes(2, value);
    for place in ["/etc/hostname", "../../secret", "weights.bin"] {
        let outside = tensor("outside", F32, &[1], &[]).bytes(13, entry("location", place)).int(14, 1);
        both_refuse(place, &with_tensor(outside), Code::InvalidModel, &["\"outside\"", "another file"]);
    }
    let sparse = file(&graph(&body("logits"), &stored(), &inputs(), &[output()]).bytes(15, b""));
    both_refuse("sparse", &sparse, Code::InvalidModel, &["sparse"]);
}

#[test]
fn sub_graphs_lie_within_a_bound() {
    let nested = |depth: usize| {
        let (stored, out) = (tensor("yes", 9, &[], &[1]), port("x", F32, &[1, 3]));
        let mut inner = graph(&[node("Identity", &["end"], "x", &[])], &[], &[], std::slice::from_ref(&out));
        for _ in 1..depth {
            let branches = ["then_branch", "else_branch"].map(|name| graph_attribute(name, &inner));
            // One branch each way would double the file at every level.
            let (then, small) = (&branches[0], graph(&[], &[], &[], &[]));
            let other = graph_attribute("else_branch", &small);
            let choice = node("If", &["yes"], "x", &[then.clone(), other]);
            inner = graph(&[choice], &[], &[], std::slice::from_ref(&out));
        }
        let other = graph_attribute("else_branch", &graph(&[], &[], &[], &[]));
        classifier_and(
            &[node("If", &["yes"], "logits", &[graph_attribute("then_branch", &inner), other])],
            &[stored],
        )
    };
    for depth in [MAX_DEPTH + 1, 50, 2000] {
        both_refuse("deep", &nested(depth), Code::TooLarge, &["sub-graphs 9 deep", "at most 8"]);
    }
    assert!(inspect(&nested(MAX_DEPTH)).is_ok());
    // tract may run it or say that it cannot.
    let _ = engine(nested(MAX_DEPTH));
}

#[test]
fn there_are_only_so_many_operators() {
    let chain = |n: usize| {
        let name = |i: usize| if i == n { "logits".to_owned() } else { format!("n{i}") };
        let first = node("Neg", &["end"], &name(1), &[]);
        let rest = (2..=n).map(|i| node("Neg", &[&name(i - 1)], &name(i), &[]));
        classifier_and(&std::iter::once(first).chain(rest).collect::<Vec<_>>(), &[])
    };
    for n in [MAX_NODES - 4, 15_000, 30_000] {
        both_refuse("many", &chain(n), Code::TooLarge, &["more than 5000 operators"]);
    }
    // The longest chain that is read: the stack must hold, on a test's 2 MiB too.
    let started = Instant::now();
    let model = chain(MAX_NODES - 5);
    assert!(inspect(&model).is_ok());
    let engine = engine(model);
    println!("{} operators in a chain: {:?}", MAX_NODES, started.elapsed());
    let mut session = Session::new(&engine.expect("a long chain"), None).expect("its pack");
    assert!(session.guard(b"some text", &GuardOptions::default()).is_ok());
}

#[test]
fn a_graph_that_is_not_the_familys_is_refused() {
    let make =
        |inputs: &[Message], output: Message| file(&graph(&body("logits"), &stored(), inputs, &[output]));
    let [ids, mask, types] = inputs();
    let all = [ids.clone(), mask.clone(), types.clone()];
    let extra = port("more", I64, &[1, -1]);
    let cases: &[(&str, Vec<u8>, &[&str])] = &[
        ("no output", file(&graph(&body("logits"), &stored(), &all, &[])), &["no output \"logits\""]),
        ("other output", make(&all, port("other", F32, &[1, 3])), &["no output \"logits\""]),
        ("no input", make(&[ids.clone(), mask.clone()], output()), &["no input \"types\""]),
        ("one more", make(&[&all[..], &[extra]].concat(), output()), &["input \"more\""]),
        (
            "type",
            make(&[port("ids", F32, &[1, -1]), mask, types], output()),
            &["\"ids\" is float32", "int64"],
        ),
        ("output type", make(&all, port("logits", I64, &[1, 3])), &["\"logits\" is int64", "has float32"]),
        ("axes", make(&all, port("logits", F32, &[1, 3, 1])), &["\"logits\" has 3 axes", "has 2"]),
    ];
    for (what, model, words) in cases {
        refused(what, engine(model.clone()).map(|_| ()), Code::ModelMismatch, words);
    }
}

#[test]
fn a_model_of_other_labels_or_words_is_refused_at_load() {
    let wide = classifier_and(&[node("Concat", &["end", "end"], "logits", &[int("axis", 1)])], &[]);
    refused("six labels", engine(wide).map(|_| ()), Code::ModelMismatch, &["[1, 6]", "3 labels need [1, 3]"]);
    let rows = 10;
    let small = vec![floats("table", &[rows, 3], &[0.0; 30]), shape("last", &[2])];
    let small = file(&graph(&body("logits"), &small, &inputs(), &[output()]));
    refused("ten words", engine(small).map(|_| ()), Code::InvalidModel, &["pack test"]);
}

#[test]
fn an_operator_that_tract_has_not_is_named() {
    let model = classifier_and(&[node("Frobnicate", &["end"], "logits", &[])], &[]);
    assert!(inspect(&model).is_ok());
    refused("no such", engine(model).map(|_| ()), Code::InvalidModel, &["pack test", "Frobnicate"]);
}

#[test]
fn weights_that_are_not_numbers_block() {
    for weight in [f32::NAN, f32::INFINITY] {
        let table = stored_as(|i| if i % 3 == 1 { weight } else { 0.0 });
        // Infinity less infinity is no number either.
        let more = [node("Sub", &["end", "end"], "zero", &[]), node("Add", &["end", "zero"], "logits", &[])];
        let nodes = [&body("end")[..], &more].concat();
        let engine = engine(file(&graph(&nodes, &table, &inputs(), &[output()]))).expect("it loads");
        let mut session = Session::new(&engine, None).expect("its pack");
        let verdict = session.guard(b"some text", &GuardOptions::default()).expect("a verdict");
        assert_eq!((verdict.action, verdict.reason), (Action::Block, Reason::InvalidScore));
        assert_eq!(verdict.risk, 1.0);
    }
}
