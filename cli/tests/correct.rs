//! `trueline inspect` and `trueline correct`, on the packs for tests.

mod common;

use common::{feed, models};

fn pack(name: &str) -> String {
    models().join(name).to_str().unwrap().to_owned()
}

#[test]
fn objects_are_corrected_in_order_and_errors_stay_in_their_place() {
    let pack = pack("corrector-test");
    let input = b"{\"id\":1,\"question\":\"why?\",\"answer\":\"damn it all, you idiot\"}\n{\"id\":2}\n\
                  {\"id\":3,\"text\":\"what a lovely day\"}\n{\"id\":4,\"text\":\"\"}\n";
    let ran = feed(&["correct", "--jsonl", "--pack", &pack], input);
    assert_eq!((ran.status, &ran.err[..]), (Some(1), ""));
    let lines = ran.lines();
    let ids: Vec<_> = lines.iter().map(|l| l["id"].as_i64().unwrap()).collect();
    assert_eq!(ids, [1, 2, 3, 4]);
    for (at, text) in [(0, "damn it all, you idiot"), (2, "what a lovely day")] {
        let line = &lines[at];
        let made = line["edits"].as_array().unwrap().iter().rev().fold(text.to_owned(), |mut text, edit| {
            let place = |name: &str| edit[name].as_u64().unwrap() as usize;
            text.replace_range(place("start")..place("end"), edit["replacement"].as_str().unwrap());
            text
        });
        assert_eq!(line["text"], made);
        assert_eq!(line["changed"], made != text);
        assert!(
            line["accepted"].is_boolean() && line["reason"].is_string() && line["copy_ratio"].is_number()
        );
    }
    assert_eq!(lines[1]["error"]["code"], "INVALID_ARGUMENT");
    assert_eq!(lines[3]["error"]["code"], "EMPTY_TEXT");
}

#[test]
fn answers_are_inspected_by_every_pack() {
    let pack = pack("inspector-test");
    let input = b"{\"question\":\"why?\",\"answer\":\"because\"}\n{\"answer\":7}\n{\"answer\":\"yes\"}\n";
    let ran = feed(&["inspect", "--jsonl", "--pack", &pack], input);
    assert_eq!((ran.status, &ran.err[..]), (Some(1), ""));
    let lines = ran.lines();
    for at in [0, 2] {
        let aligned = lines[at]["aligned"].as_f64().unwrap();
        assert!((0.0..=1.0).contains(&aligned));
        assert_eq!(lines[at]["scores"]["inspector-test"], aligned);
    }
    assert_eq!(lines[1]["error"]["code"], "INVALID_ARGUMENT");
    let ran = feed(&["inspect", "--pack", &pack, "--question", "why?", "because"], b"");
    assert_eq!(ran.status, Some(0));
    let shown = format!("{:.3}", lines[0]["aligned"].as_f64().unwrap());
    assert!(ran.out.starts_with(&shown), "{} {shown}", ran.out);
}

#[test]
fn people_get_lines_and_other_packs_are_refused() {
    let ran = feed(&["correct", "--pack", &pack("corrector-test")], b"what a lovely day\n\xff\n");
    assert_eq!((ran.status, &ran.out[..]), (Some(1), "what a lovely day\n"));
    assert!(ran.complaint().contains("text 2") && ran.complaint().contains("UTF8"), "{}", ran.err);
    for (command, other) in [("correct", "guard-test-int8"), ("inspect", "corrector-test")] {
        let ran = feed(&[command, "--pack", &pack(other), "text"], b"");
        assert_eq!((ran.status, &ran.out[..]), (Some(2), ""));
        assert!(ran.complaint().contains(other), "{}", ran.err);
    }
    let ran = feed(&["correct", "--pack", &pack("corrector-test"), "--max-rounds", "0", "text"], b"");
    assert_eq!(ran.status, Some(1));
    assert!(ran.complaint().contains("max_rounds is 0"), "{}", ran.err);
}

#[test]
fn a_shared_model_stays_with_its_owner() {
    let out = std::env::temp_dir().join(format!("trueline-shared-{}", std::process::id()));
    let folder = out.to_str().unwrap();
    let ran = feed(&["pack", &pack("inspector-test"), "--output", folder], b"");
    assert_eq!(ran.status, Some(2));
    assert!(ran.complaint().contains("../corrector-test/model.onnx"), "{}", ran.err);
    let ran = feed(&["pack", &pack("inspector-test"), "--output", folder, "--slim"], b"");
    assert_eq!((ran.status, &ran.err[..]), (Some(0), ""));
    let answer = |pack: &str| feed(&["inspect", "--pack", pack, "because"], b"").out;
    let ours = answer(folder);
    assert!(!ours.is_empty());
    assert_eq!(ours.split_whitespace().next(), answer(&pack("inspector-test")).split_whitespace().next());
    assert!(models().join("corrector-test/model.onnx").exists());
    std::fs::remove_dir_all(&out).unwrap();
}
