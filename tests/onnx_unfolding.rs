//! ONNX files that are small on the disk and unfold to more than any memory: refused before they do.

mod support;

use std::time::{Duration, Instant};

use support::onnx::*;
use support::{pack, refused};
use trueline_core::engine::{Config, Engine};
use trueline_core::model::onnx::inspect;
use trueline_core::{Code, Error};

fn engine(model: Vec<u8>) -> Result<(), Error> {
    let started = Instant::now();
    let engine = Engine::new(&Config::default(), &[&pack::with_model(model)]);
    assert!(started.elapsed() < Duration::from_secs(20), "it took {:?}", started.elapsed());
    engine.map(|_| ())
}

/// The small classifier, to whose logits the sum of the value `big` is added.
fn with_big(nodes: &[Message], stored: &[Message]) -> Vec<u8> {
    let sum = [
        node("ReduceSum", &["big"], "sum", &[int("keepdims", 0)]),
        node("Add", &["end", "sum"], "logits", &[]),
    ];
    classifier_and(&[nodes, &sum].concat(), stored)
}

/// The most memory that this process ever held, in bytes.
#[cfg(target_os = "linux")]
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells");
    let line = status.lines().find(|l| l.starts_with("VmHWM")).expect("the peak");
    1024 * line.split_whitespace().nth(1).expect("a number").parse::<u64>().expect("a number")
}

/// Refused by the engine as too large, with at most 1.25 GiB taken on the way: the compiler of plans and tract each try
/// it, and the tests of this file run side by side.
fn too_large(what: &str, model: Vec<u8>) {
    refused(what, engine(model), Code::TooLarge, &["at most"]);
    #[cfg(target_os = "linux")]
    assert!(peak() < 5 << 28, "{what}: {} bytes were taken", peak());
}

#[test]
fn a_constant_shape_has_a_bound() {
    for (op, inputs) in
        [("ConstantOfShape", vec!["shape"]), ("Expand", vec!["one", "shape"]), ("Tile", vec!["one", "shape"])]
    {
        for dims in [&[1 << 40][..], &[1 << 20, 1 << 20], &[i64::MAX, 2], &[i64::MAX, i64::MAX]] {
            let rank = vec![1; dims.len()];
            let stored = [shape("shape", dims), floats("one", &rank, &[1.0])];
            let model = with_big(&[node(op, &inputs, "big", &[])], &stored);
            refused(op, inspect(&model).map(|_| ()), Code::TooLarge, &[op, "at most 268435456"]);
            too_large(op, model);
        }
    }
    // As a Constant operator's value.
    let constant = node("Constant", &[], "shape", &[tensor_attribute("value", &shape("", &[1 << 40]))]);
    let model = with_big(&[constant, node("ConstantOfShape", &["shape"], "big", &[])], &[]);
    refused("Constant", inspect(&model).map(|_| ()), Code::TooLarge, &["ConstantOfShape"]);
}

#[test]
fn a_shape_that_is_computed_has_a_bound() {
    let nodes =
        [node("Mul", &["shape", "shape"], "large", &[]), node("ConstantOfShape", &["large"], "big", &[])];
    let model = with_big(&nodes, &[shape("shape", &[1 << 20])]);
    assert!(inspect(&model).is_ok(), "what it asks for is not written in the file");
    too_large("2^40 elements", model);
}

#[test]
fn a_chain_of_tiles_has_a_bound() {
    for op in ["Tile", "Concat"] {
        let name = |i: usize| if i == 10 { "big".to_owned() } else { format!("t{i}") };
        let nodes: Vec<Message> = (1..=10)
            .map(|i| match op {
                "Tile" => node(op, &[&name(i - 1), "sixteen"], &name(i), &[]),
                _ => node(op, &[name(i - 1).as_str(); 16], &name(i), &[int("axis", 0)]),
            })
            .collect();
        too_large(op, with_big(&nodes, &[shape("sixteen", &[16]), floats("t0", &[1], &[1.0])]));
    }
}

#[test]
fn a_tile_of_a_stored_tensor_has_a_bound() {
    let stored = [shape("times", &[1 << 27]), floats("wide", &[1 << 16], &vec![0.0; 1 << 16])];
    too_large("2^43 elements", with_big(&[node("Tile", &["wide", "times"], "big", &[])], &stored));
}

#[test]
fn an_outer_product_has_a_bound() {
    let n = 1 << 20;
    let values = vec![0.0; n as usize];
    let stored = [floats("tall", &[n, 1], &values), floats("wide", &[1, n], &values)];
    for op in ["Add", "MatMul", "Mul"] {
        too_large(op, with_big(&[node(op, &["tall", "wide"], "big", &[])], &stored));
    }
}

#[test]
fn a_range_and_a_padding_have_a_bound() {
    let scalar = |name: &str, value: i64| tensor(name, I64, &[], &value.to_le_bytes());
    let stored = [scalar("from", 0), scalar("to", 1 << 40), scalar("by", 1)];
    let range = [
        node("Range", &["from", "to", "by"], "integers", &[]),
        node("Cast", &["integers"], "big", &[int("to", F32 as i64)]),
    ];
    too_large("Range", with_big(&range, &stored));
    let stored = [shape("pads", &[0, 1 << 40]), floats("one", &[1], &[1.0])];
    too_large("Pad", with_big(&[node("Pad", &["one", "pads"], "big", &[])], &stored));
}

#[test]
fn many_values_within_the_bound_are_too_many() {
    let make = |i: usize| node("ConstantOfShape", &["shape"], &format!("c{i}"), &[]);
    let mut nodes: Vec<Message> = (0..600).map(make).collect();
    let names: Vec<String> = (0..600).map(|i| format!("c{i}")).collect();
    nodes.push(node("Sum", &names.iter().map(String::as_str).collect::<Vec<_>>(), "big", &[]));
    too_large("600 MiB", with_big(&nodes, &[shape("shape", &[1 << 18])]));
}

#[test]
fn a_value_that_grows_with_the_text_has_a_bound() {
    // [1, S, 3] rows, 2^25 times over: 100 MiB a token.
    let nodes = [node("Tile", &["rows", "times"], "big", &[])];
    too_large("a window of eight", with_big(&nodes, &[shape("times", &[1, 1, 1 << 25])]));
    let nodes = [node("Tile", &["rows", "times"], "big", &[])];
    assert!(engine(with_big(&nodes, &[shape("times", &[1, 1, 4])])).is_ok());
}
