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
fn an_answer_by_segments_is_that_of_the_original() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/cards.json");
    let golden: Value = serde_json::from_slice(&fs::read(golden).unwrap()).unwrap();
    let cases = golden["cases"].as_array().unwrap();
    let line = |case: &Value| {
        let mut line = case["input"].clone();
        line["method"] = json!("cards");
        line
    };
    let found = answers(&cases.iter().map(line).collect::<Vec<_>>());
    assert!(found.len() == cases.len() && cases.len() > 10);
    for (found, case) in found.iter().zip(cases) {
        let wanted = &case["expected"];
        for field in ["llm_calls", "rm_calls", "uniforms_used"] {
            assert_eq!(found[field], wanted[field], "{}: {field}", case["name"]);
        }
        // The golden file has the prompt, too.
        let prompt = usize::try_from(case["input"]["prompt_len"].as_u64().unwrap()).unwrap();
        let generated = wanted["generated"].as_array().unwrap();
        let own = found["generated"].as_array().unwrap();
        assert!(own.len() == generated.len() || own.len() + prompt == generated.len(), "{}", case["name"]);
        assert_eq!(own[..], generated[generated.len() - own.len()..], "{}", case["name"]);
        assert!(near(&found["r0"], wanted["r0"].as_f64().unwrap()) && found["due"] == "nothing");
        for (found, wanted) in
            found["candidates"].as_array().unwrap().iter().zip(wanted["candidates"].as_array().unwrap())
        {
            assert_eq!(found["candidate_len"], wanted["candidate_len"]);
            assert!(near(&found["threshold"], wanted["threshold"].as_f64().unwrap()));
        }
    }
}

#[test]
fn an_answer_by_segments_says_what_it_needs_next() {
    let mut line = json!({ "method": "cards", "option": "hard", "reward_threshold": 2, "alpha": 1, "max_new_token": 2,
        "segment": "none", "end_token": 9, "reward_stream": [0] });
    let mut due = Vec::new();
    // What a host does: it gives what is asked for, one entry at a time.
    let streams = json!({ "model": ["entropy_stream", [1, 1, 1]], "token": ["token_stream", [4, 9, 9]],
        "reward": ["reward_stream", [1, 3]] });
    let mut given = std::collections::HashMap::<String, usize>::new();
    loop {
        let found = answers(&[line.clone()]).remove(0);
        let next = found["due"].as_str().unwrap().to_owned();
        due.push(next.clone());
        if next == "nothing" {
            assert_eq!(found["generated"], json!([9]));
            let outcomes: Vec<&Value> =
                found["candidates"].as_array().unwrap().iter().map(|c| &c["outcome"]).collect();
            assert_eq!(outcomes, [&json!("rejected"), &json!("accepted")]);
            break;
        }
        let at = given.entry(next.clone()).or_default();
        let (name, value) = (streams[&next][0].as_str().unwrap(), streams[&next][1][*at].clone());
        *at += 1;
        let mut stream = line.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
        stream.push(value);
        line[name] = Value::Array(stream);
    }
    let wanted = ["model", "token", "model", "token", "reward", "model", "token", "reward", "nothing"];
    assert_eq!(due, wanted);
    let soft = json!({ "method": "cards", "segment": "none", "max_new_token": 1, "reward_stream": [0, 1],
        "entropy_stream": [0], "token_stream": [1] });
    assert_eq!(answers(&[soft])[0]["due"], "uniform");
}

#[test]
fn the_best_of_resampled_answers_is_kept_and_found_by_its_number() {
    // Three answers over one flat vocabulary, each with its own draws.
    let (mut texts, logits) = (vec![vec![3_u64]; 3], vec![0; 50]);
    for _ in 0..40 {
        let contexts: Vec<&[u64]> = texts.iter().map(|text| &text[text.len() - 1..]).collect();
        let line =
            json!({ "method": "resample", "draws": 3, "key": 11, "context": contexts, "logits": logits });
        let found = answers(&[line]).remove(0);
        for (text, token) in texts.iter_mut().zip(found["tokens"].as_array().unwrap()) {
            text.push(token.as_u64().unwrap());
        }
    }
    assert!(texts[0] != texts[1] && texts[1] != texts[2]);
    let found = answers(&[
        json!({ "method": "resample", "rewards": [0.1, 0.9, "nan"] }),
        json!({ "method": "resample", "draws": 2, "key": 11, "context": [3], "logits": [[0, 0], [0]] }),
        json!({ "method": "resample", "draws": 2, "key": 11, "context": [3], "logits": [[0, 0]] }),
        json!({ "method": "resample", "draws": 0, "key": 11, "context": [3], "logits": [0, 0] }),
        json!({ "method": "resample" }),
    ]);
    assert_eq!((&found[0]["best"], &found[0]["reward"]), (&json!(1), &json!(0.9)));
    assert!(near(&found[0]["gain_bound"], (3_f64.ln()).sqrt() / (std::f64::consts::PI * 2_f64.ln()).sqrt()));
    assert_eq!(found[1]["tokens"].as_array().unwrap().len(), 2);
    for (at, words) in [(2, "1 lists of logits"), (3, "draws is 0"), (4, "neither")] {
        assert!(found[at]["error"]["message"].as_str().unwrap().contains(words), "{}", found[at]);
    }
    let line = json!({ "scheme": "gumbel", "key": 11, "tokens": texts[1], "draws": 3 });
    let ran = feed(&["watermark", "detect", "--jsonl"], line.to_string().as_bytes());
    let found: Value = serde_json::from_str(ran.out.trim()).unwrap();
    assert_eq!((&found["draw"], &found["scored"]), (&json!(1), &json!(40)));
    assert!(found["p"].as_f64().unwrap() < 1e-6, "{found}");
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
        json!({ "method": "cards" }),
        json!({ "method": "cards", "reward_stream": [0], "beta": 0 }),
        json!({ "method": "cards", "reward_stream": [0], "segment": "half" }),
    ]);
    for line in &found {
        assert!(line["error"]["code"].is_string() && line["error"]["message"].is_string(), "{line}");
    }
    assert!(found[5]["error"]["message"].as_str().unwrap().contains("prov_beams"));
}
