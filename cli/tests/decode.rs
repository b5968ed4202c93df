//! `decode`: the methods beyond a step on one vector of logits.

mod common;

use std::fs;
use std::path::Path;

use common::feed;
use serde_json::{Value, json};

fn answers(lines: &[Value]) -> Vec<Value> {
    let input: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let ran = feed(&["decode", "--jsonl"], input.as_bytes());
    assert_eq!(ran.err, "");
    ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn near(found: &Value, wanted: f64) -> bool {
    found.as_f64().is_some_and(|found| (found - wanted).abs() < 1e-6)
}

#[test]
fn choices_and_preferences_are_those_of_a_pencil() {
    let found = answers(&[
        json!({ "method": "entropy", "logits": [0, 0, "-inf"] }),
        json!({ "method": "best", "scores": [1, "nan", 3, 3] }),
        json!({ "method": "best_of", "n": 4 }),
        json!({ "method": "law", "probabilities": [0.5, 0.3, 0.2], "rewards": [1, 2, 2], "n": 2 }),
        json!({ "method": "calibrate", "base": [3, 1, 2, 2], "rewards": [2, 9] }),
        json!({ "method": "panacea", "u": [1, 2], "vt": [3, 4], "sigma": [0.5], "scale": 2, "preference": [1], "x": [1] }),
        json!({ "method": "deal", "texts": ["a b", "a"], "keywords": ["b"], "log_probs": [-3, -2.5], "keep": 1 }),
        json!({ "method": "deal", "texts": ["a b", "a"], "target": 1, "log_probs": [0, 0] }),
        json!({ "method": "preference", "beta": 0.5, "chosen": { "policy": -10, "reference": -12, "len": 4 },
                "rejected": { "policy": -9, "reference": -8, "len": 2 } }),
        json!({ "method": "preference", "chosen": [1, 2, 3], "rejected": [0, 2, 4] }),
        json!({ "method": "shift", "rewards": [1, 3] }),
        json!({ "method": "urial", "template": "urial_v6", "system": "S", "turns": ["Hi"] }),
        json!({ "method": "heal", "vocabulary": ["pr", "print", "in", "t", "x"], "prompt": [4, 0, 2], "backtrack": 2,
                "logits_per_step": [[0, 1, 9, 9, 9], [0, 0, 9, 0, 0]] }),
    ]);
    assert!(near(&found[0]["entropy"], 2.0_f64.ln()));
    assert_eq!((&found[1]["best"], &found[1]["worst"]), (&json!(2), &json!(0)));
    assert!(near(&found[2]["win_rate"], 0.8) && near(&found[2]["kl_bound"], 4.0_f64.ln() - 0.75));
    assert!(near(&found[3]["probs"][1], 0.45) && near(&found[3]["win_rate"], 0.625));
    assert_eq!(found[4]["u"], json!([0.5, 1.0]));
    assert_eq!((&found[5]["diagonal"], &found[5]["y"]), (&json!([0.5, 2.0]), &json!([17.5])));
    assert_eq!((&found[6]["kept"], &found[6]["heuristics"]), (&json!([0]), &json!([1.0, 0.0])));
    assert_eq!(found[7]["kept"], json!([1, 0]));
    assert!(near(&found[8]["dpo"]["margin"], 1.5) && near(&found[8]["by_length"]["margin"], 0.5));
    assert!(near(&found[9]["accuracy"], 1.0 / 3.0) && near(&found[9]["accuracy_half_ties"], 0.5));
    assert!(near(&found[10]["state"][0], 2.0) && near(&found[10]["state"][1], 1.0));
    assert_eq!(found[11], json!({ "text": "S\n\n# User:\nHi\n\n\n# Assistant:\n", "stop": "# User" }));
    assert_eq!(found[12], json!({ "kept": 1, "tokens": [1, 2], "remaining": 0 }));
}

#[test]
fn tokens_are_held_against_the_index_that_deny_writes() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("prov");
    fs::create_dir_all(&folder).unwrap();
    let (texts, index) = (folder.join("texts.txt"), folder.join("texts.deny"));
    fs::write(&texts, "The quick brown fox jumps over the lazy dog.\nPack my box with five dozen jugs.\n")
        .unwrap();
    let (from, into) = (texts.display().to_string(), index.display().to_string());
    let ran = feed(&["deny", &into, &from], b"");
    assert_eq!(ran.status, Some(0), "{}", ran.err);
    let found = answers(&[
        json!({ "method": "prov", "deny": index, "min_words": 3, "tau": 5, "text": "See the quick", "vocabulary":
                [" brown", " red", "ly", ""], "logits": [1, 2, 3, 4] }),
        json!({ "method": "prov", "deny": index, "min_words": 3, "tau": 5, "text": "See the quick", "vocabulary":
                [" brown", " red"], "logits": [1, 2], "candidates": [0], "penalty": 0.5 }),
        json!({ "method": "prov_beams", "deny": index, "min_words": 3, "tau": 5, "scores": [3, 1, 2],
                "texts": ["the quick brown fox", "a new text", "pack my bag"] }),
        json!({ "method": "prov_beams", "deny": folder.join("none"), "scores": [3], "texts": ["a"] }),
    ]);
    assert_eq!((&found[0]["vetoed"], &found[0]["logits"]), (&json!([0]), &json!(["-inf", 2.0, 3.0, 4.0])));
    assert_eq!((&found[1]["vetoed"], &found[1]["logits"]), (&json!([0]), &json!([0.5, 2.0])));
    assert_eq!(
        (&found[2]["order"], &found[2]["vetoed"], &found[2]["all_vetoed"]),
        (&json!([2, 1]), &json!([0]), &json!(false))
    );
    assert!(found[3]["error"]["message"].as_str().unwrap().contains("none"));
}

#[test]
fn what_cannot_be_answered_is_an_error_of_its_line() {
    let found = answers(&[
        json!({ "method": "best_of", "n": 0 }),
        json!({ "method": "shift", "rewards": [1], "state": [1] }),
        json!({ "method": "preference", "chosen": 1, "rejected": 2 }),
        json!({ "method": "heal", "vocabulary": ["a"], "prompt": [0], "logits_per_step": [[1, 2]] }),
        json!({ "method": "deal", "texts": ["a"], "log_probs": [0], "target": 0 }),
        json!({ "method": "nothing" }),
    ]);
    for line in &found {
        assert!(line["error"]["code"].is_string() && line["error"]["message"].is_string(), "{line}");
    }
    assert!(found[5]["error"]["message"].as_str().unwrap().contains("prov_beams"));
}
