//! The default backend gives what ONNX Runtime gave: the agreement is tested without its library too.

mod support;

use support::{project, text};
use trueline_core::model::backend::{self, Kind, Memory, Settings};
use trueline_core::model::control::Control;
use trueline_core::model::family;
use trueline_core::model::pack::{Pack, sha256};
use trueline_core::model::tensor::Data;
use trueline_core::model::tokenizer::Tokenizer;

#[test]
fn logits_are_those_recorded_from_onnx_runtime() {
    for kind in [Kind::Plan, Kind::Tract] {
        check(kind);
    }
}

fn check(kind: Kind) {
    let file = text("tests/fixtures/backends/guard-test-f32.json");
    let recorded: serde_json::Value = serde_json::from_str(&file).expect("JSON");
    let pack = Pack::open(&project("models/guard-test-f32")).expect("the test pack");
    let again = "another model: run tests/fixtures/backends/make.py again";
    assert_eq!(recorded["model_sha256"], sha256(pack.model().expect("the model")), "{again}");
    let backend = backend::load(&Settings::new(kind), &pack).expect("it loads").backend;
    let tokenizer =
        Tokenizer::from_bytes(pack.tokenizer().expect("its bytes")).expect("the pack's tokenizer");
    let family = family::find(&pack.manifest().family).expect("the pack's family");
    let tolerance = recorded["tolerance"].as_f64().expect("a number");
    let mut memory = Memory::default();
    let most = pack.manifest().limits.max_tokens - family::SPECIAL_TOKENS;
    let cases = recorded["cases"].as_array().expect("cases");
    let mut worst = 0.0_f64;
    for (at, case) in cases.iter().enumerate() {
        let text = case["text"].as_str().expect("a text");
        let ids = tokenizer.encode(text, &Control::unlimited()).expect("no limit").ids;
        let inputs = family.encode(pack.manifest(), &ids[..ids.len().min(most)]).expect("short enough");
        let ids: Vec<i64> = serde_json::from_value(case["ids"].clone()).expect("ids");
        assert_eq!(*inputs[0].data(), Data::I64(ids), "case {at}");
        let outputs = backend.run(&mut memory, &inputs, &Control::unlimited()).expect("the model runs");
        let logits: Vec<f64> = serde_json::from_value(case["logits"].clone()).expect("logits");
        let found = outputs[0].f32s().expect("logits");
        assert_eq!(found.len(), logits.len(), "case {at}");
        for (found, expected) in found.iter().zip(&logits) {
            worst = worst.max((f64::from(*found) - expected).abs());
        }
        assert!(worst <= tolerance, "case {at}: off by {worst:e}, at most {tolerance:e}");
    }
    println!("{}: {} recorded texts, largest difference of a logit {worst:e}", kind.name(), cases.len());
    assert!(cases.len() >= 20);
}
