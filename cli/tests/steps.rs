//! `decode` and `watermark detect`: JSON lines in and out.

mod common;

use common::feed;
use serde_json::Value;

fn lines(out: &str) -> Vec<Value> {
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_method_takes_a_step() {
    let input = r#"{"id":1,"method":"dera","reference_logits":[0,1],"aligned_logits":[2,1],"lambda":1}
{"id":"b","method":"clm","unaligned_logits":[0,0],"aligned_logits":[1,3],"lambda":0.5}
{"method":"args","logits":[3,2,1],"k":2,"w":10,"reward":[0,1,5],"temperature":0.5}
{"method":"tq_indirect","logits":[3,2,1],"k":2,"w":10,"reward":[1,1],"reward_target":[0,0]}
{"method":"kgw","logits":[0,0,0,0],"tokens":[2],"gamma":0.5,"delta":2}
{"method":"gumbel","logits":[0,"-inf"],"key":7,"context":[1]}
"#;
    let ran = feed(&["decode", "--jsonl"], input.as_bytes());
    assert_eq!((ran.status, &*ran.err), (Some(0), ""));
    let found = lines(&ran.out);
    assert_eq!(found.len(), 6);
    assert_eq!((&found[0]["id"], &found[0]["token"]), (&Value::from(1), &Value::from(0)));
    assert_eq!((&found[1]["id"], found[1]["logits"].as_array().unwrap().len()), (&Value::from("b"), 2));
    assert_eq!((&found[2]["token"], found[2]["candidates"].as_array().unwrap().len()), (&Value::from(1), 2));
    assert_eq!(found[3]["scores"].as_array().unwrap().len(), 2);
    let green = found[4]["logits"].as_array().unwrap().iter().filter(|x| x.as_f64() == Some(2.0)).count();
    assert_eq!((green, &found[5]["token"]), (2, &Value::from(0)));
}

#[test]
fn a_line_without_an_answer_is_one_error_and_the_others_go_on() {
    let input = br#"not json
[]
{"id":{"a":[1]},"method":"nonsense"}
{"method":"dera","reference_logits":[0],"aligned_logits":[0,1],"lambda":1}
{"method":"args","logits":[1,2],"k":0,"w":1,"reward":[1,1]}
{"method":"args","logits":[1,2,3],"k":2,"w":1,"reward":[1]}
{"method":"gumbel","logits":["nan"],"uniforms":[0.5]}
{"method":"clm","unaligned_logits":[0],"aligned_logits":[1],"lambda":0}
"#;
    let ran = feed(&["decode"], input);
    assert_eq!((ran.status, &*ran.err), (Some(1), ""));
    let found = lines(&ran.out);
    assert_eq!(found.len(), 8);
    for (number, line) in found[..7].iter().enumerate() {
        assert!(
            line["error"]["code"].is_string() && line["error"]["message"].is_string(),
            "{number}: {line}"
        );
    }
    assert_eq!(found[2]["id"], serde_json::json!({ "a": [1] }));
    assert!(found[2]["error"]["message"].as_str().unwrap().contains("nonsense"));
    assert!(found[7]["error"].is_null());
}

#[test]
fn a_watermark_that_was_written_is_found() {
    // The token that each step marks green, written after the one before.
    let mut tokens = vec![5_u32];
    for _ in 0..40 {
        let logits: Vec<u32> = vec![0; 50];
        let line = serde_json::json!({
            "method": "kgw", "logits": logits, "tokens": tokens, "delta": 4, "gamma": 0.25, "key": 99,
        });
        let ran = feed(&["decode"], line.to_string().as_bytes());
        let found = lines(&ran.out);
        let green = found[0]["logits"].as_array().unwrap().iter().position(|x| x.as_f64() == Some(4.0));
        tokens.push(u32::try_from(green.unwrap()).unwrap());
    }
    let detect = |key: u32| {
        let line =
            serde_json::json!({ "tokens": tokens, "scheme": "simple_1", "key": key, "vocab_size": 50 });
        let ran = feed(&["watermark", "detect", "--jsonl"], line.to_string().as_bytes());
        assert_eq!(ran.status, Some(0), "{}", ran.out);
        lines(&ran.out).remove(0)
    };
    let found = detect(99);
    assert_eq!((&found["green"], &found["scored"]), (&Value::from(40), &Value::from(40)));
    assert!(found["z"].as_f64().unwrap() > 10.0 && found["p"].as_f64().unwrap() < 1e-9);
    assert!(detect(98)["z"].as_f64().unwrap() < 10.0);
    let bad = br#"{"tokens":[1],"scheme":"gumbel","key":1}
{"tokens":[1,2,3],"scheme":"gumbel","key":1}
{"tokens":[1,2,-3],"vocab_size":5}
{"tokens":[1,2],"scheme":"other","vocab_size":5}
"#;
    let ran = feed(&["watermark", "detect"], bad);
    let found = lines(&ran.out);
    assert_eq!(ran.status, Some(1));
    assert_eq!(found[1]["scored"], Value::from(2));
    assert!([0, 2, 3].iter().all(|at| found[*at]["error"]["code"].is_string()));
}
