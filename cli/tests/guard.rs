//! `trueline guard`, for programs and for people.

mod common;

use std::io::{BufRead, BufReader, Write};

use common::{Ran, f32_pack, feed, models, trueline};
use serde_json::{Value, json};

fn jsonl(more: &[&str], input: &[u8]) -> Ran {
    let pack = f32_pack();
    let mut args = vec!["guard", "--jsonl", "--pack", &pack];
    args.extend(more);
    feed(&args, input)
}

fn codes(ran: &Ran) -> Vec<(Value, String)> {
    let code = |v: &Value| v["error"]["code"].as_str().unwrap_or("").to_owned();
    ran.lines().iter().map(|v| (v["id"].clone(), code(v))).collect()
}

#[test]
fn a_good_line_has_every_field_of_the_contract() {
    let ran = jsonl(
        &[],
        "{\"id\":{\"n\":[1.0]},\"text\":\"you café idiot\",\"language\":\"en\",\"x\":1}\n".as_bytes(),
    );
    assert_eq!((ran.status, &*ran.err), (Some(0), ""));
    assert!(ran.out.starts_with(r#"{"id":{"n":[1.0]},"action":""#), "{}", ran.out);
    let v = &ran.lines()[0];
    assert!(["allow", "block"].contains(&v["action"].as_str().unwrap()));
    assert!(["clear", "flagged"].contains(&v["reason"].as_str().unwrap()));
    assert_eq!(v["language"], "en");
    let categories = v["categories"].as_object().unwrap();
    let largest = categories.values().map(|s| s.as_f64().unwrap()).fold(0.0, f64::max);
    assert_eq!(v["risk"].as_f64().unwrap(), largest);
    assert!((0.0..=1.0).contains(&largest) && categories.contains_key("toxicity"));
    for span in v["spans"].as_array().unwrap() {
        assert!(span["start"].as_u64() < span["end"].as_u64() && span["end"].as_u64() <= Some(15));
        assert!(categories.contains_key(span["category"].as_str().unwrap()) && span["score"].is_f64());
    }
}

#[test]
fn scores_are_written_as_short_as_they_read_back() {
    let ran = jsonl(&[], b"{\"text\":\"hello there\"}\n");
    let risk = ran.out.split("\"risk\":").nth(1).unwrap().split(',').next().unwrap();
    assert_eq!(risk.parse::<f32>().unwrap().to_string(), risk);
    assert!(!ran.out.contains("\"id\"") && ran.out.contains("\"language\":\"und\""));
}

#[test]
fn roles_choose_the_categories() {
    let input = b"{\"text\":\"a b\"}\n{\"text\":\"a b\",\"role\":\"assistant\"}\n{\"text\":\"a b\",\"role\":\"user\"}\n";
    let has = |v: &Value| v["categories"].get("prompt_injection").is_some();
    let found: Vec<bool> = jsonl(&[], input).lines().iter().map(has).collect();
    assert_eq!(found, [true, false, true]);
    let found: Vec<bool> = jsonl(&["--role", "assistant"], input).lines().iter().map(has).collect();
    assert_eq!(found, [false, false, true]);
}

#[test]
fn a_bad_line_is_answered_in_its_place_and_the_run_goes_on() {
    let input = b"{\"id\":1,\"text\":\"fine\"}
not json
[\"text\"]

{\"id\":2,\"text\":\"\"}
{\"id\":\"three\"}
{\"id\":4,\"text\":5}
{\"id\":5,\"text\":\"a\",\"role\":\"king\"}
{\"id\":6,\"text\":\"\\ud800\"}
{\"id\":7,\"text\":\"\xff\"}
{\"id\":8,\"text\":\"a\",\"text\":\"b\"}
{\"id\":null,\"text\":\"still here\"}";
    let ran = jsonl(&[], input);
    assert_eq!((ran.status, &*ran.err), (Some(1), ""));
    let bad = "INVALID_ARGUMENT";
    let wanted = [
        (json!(1), ""),
        (Value::Null, bad),
        (Value::Null, bad),
        (Value::Null, bad),
        (json!(2), ""),
        (json!("three"), bad),
        (json!(4), bad),
        (json!(5), bad),
        (json!(6), bad),
        (json!(7), "UTF8"),
        (json!(8), bad),
        (Value::Null, ""),
    ];
    let wanted: Vec<(Value, String)> = wanted.into_iter().map(|(id, code)| (id, code.to_owned())).collect();
    assert_eq!(codes(&ran), wanted);
    assert!(ran.out.lines().last().unwrap().starts_with(r#"{"id":null,"action""#));
    assert!(ran.lines().iter().all(|v| v["error"]["message"].as_str() != Some("")));
}

#[test]
fn what_is_too_large_is_refused_and_keeps_its_id() {
    let text = |bytes: usize| "a ".repeat(bytes / 2);
    let over = format!("{{\"id\":1,\"text\":\"{}\"}}\n", text((1 << 20) + 2));
    let long = format!("{{\"id\":2,\"text\":\"{}\"}}\n", text(9 << 20));
    let ran = jsonl(&[], format!("{over}{long}{{\"id\":3,\"text\":\"a\"}}\n").as_bytes());
    let large = || "TOO_LARGE".to_owned();
    assert_eq!(codes(&ran), [(json!(1), large()), (json!(2), large()), (json!(3), String::new())]);
    assert_eq!(ran.status, Some(1));
}

#[test]
fn a_deadline_is_kept() {
    let ran = jsonl(&["--timeout-ms", "0"], b"{\"id\":1,\"text\":\"a\"}\n");
    assert_eq!(codes(&ran), [(json!(1), "DEADLINE_EXCEEDED".to_owned())]);
    assert_eq!(ran.status, Some(1));
}

#[test]
fn threads_change_neither_order_nor_answers() {
    let line = |i: usize| match i % 7 {
        3 => format!("{{\"id\":{i},\"text\":\"\\u200b\"}}\n"),
        n => format!("{{\"id\":{i},\"text\":\"{}\"}}\n", "you are on the way ".repeat(1 + n * 9)),
    };
    let input: String = (0..80).map(line).collect();
    let one = jsonl(&[], input.as_bytes());
    let four = jsonl(&["--threads", "4"], input.as_bytes());
    assert_eq!(one.lines().len(), 80);
    assert!(one.out == four.out, "the outputs differ");
    assert_eq!((one.status, four.status), (Some(1), Some(1)));
}

#[test]
fn each_answer_comes_before_the_next_line_is_asked_for() {
    for threads in ["1", "4"] {
        let pack = f32_pack();
        let mut child =
            trueline(&["guard", "--jsonl", "--pack", &pack, "--threads", threads]).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        for i in 0..3 {
            writeln!(stdin, "{{\"id\":{i},\"text\":\"hello\"}}").unwrap();
            let mut line = String::new();
            out.read_line(&mut line).unwrap();
            assert_eq!(serde_json::from_str::<Value>(&line).unwrap()["id"], json!(i));
        }
        drop(stdin);
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
}

#[test]
fn a_reader_that_leaves_ends_the_run_quietly() {
    for threads in ["1", "4"] {
        let pack = f32_pack();
        let mut child =
            trueline(&["guard", "--jsonl", "--pack", &pack, "--threads", threads]).spawn().unwrap();
        drop(child.stdout.take());
        let mut stdin = child.stdin.take().unwrap();
        // Kept open after the line: the run must not wait for more.
        stdin.write_all(b"{\"text\":\"hello\"}\n").unwrap();
        let mut err = String::new();
        std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut err).unwrap();
        assert_eq!((child.wait().unwrap().code(), &*err), (Some(0), ""));
    }
}

#[test]
fn a_person_gets_one_numbered_line_a_text_and_never_the_text() {
    let pack = f32_pack();
    let ran = feed(&["guard", "--pack", &pack, "unmistakable words", "\u{200b}"], b"not read");
    assert_eq!((ran.status, &*ran.err), (Some(1), ""));
    let lines: Vec<&str> = ran.out.lines().collect();
    let words: Vec<&str> = lines[0].split_whitespace().collect();
    assert_eq!((lines.len(), words[0]), (2, "1"));
    assert!(["allow", "block"].contains(&words[1]) && words[2].len() == "0.123".len());
    assert!(lines[1].contains("error    1.000  -  EMPTY_TEXT: "), "{}", lines[1]);
    assert!(!ran.out.contains("unmistakable") && !ran.out.contains('\x1b'));
}

#[test]
fn lines_of_standard_input_are_texts() {
    let pack = f32_pack();
    let ran = feed(&["guard", "--pack", &pack, "--paranoid"], b"one\r\n\xff\xfe\ntwo");
    let lines: Vec<&str> = ran.out.lines().collect();
    assert_eq!((ran.status, lines.len(), &*ran.err), (Some(1), 3, ""));
    assert!(lines[1].contains("UTF8: "), "{}", lines[1]);
    let ran = feed(&["guard", "--pack", &pack], b"");
    assert_eq!((ran.status, &*ran.out), (Some(0), ""));
}

#[test]
fn a_cascade_looks_first() {
    let pack = |name: &str| models().join(name).to_str().unwrap().to_owned();
    let (large, small) = (pack("guard-test-int8"), pack("guard-test-tiny"));
    let input = b"{\"text\":\"Good morning\"}\n{\"text\":\"You are an idiot and everybody hates you\"}\n";
    let alone = feed(&["guard", "--jsonl", "--pack", &large], input);
    let both = feed(&["guard", "--jsonl", "--pack", &large, "--cascade", &small], input);
    assert_eq!((both.status, &both.err[..], alone.status), (Some(0), "", Some(0)));
    assert_ne!(both.out, alone.out, "the first look cleared nothing");
    // Of another model, and where it means nothing.
    let ran = feed(&["guard", "--pack", &pack("guard-test-f32"), "--cascade", &small, "a"], b"");
    assert_eq!(ran.status, Some(2));
    assert!(ran.complaint().contains("band was chosen"), "{}", ran.err);
    let ran = feed(&["packs", "--cascade", &small], b"");
    assert_eq!(ran.status, Some(2));
    assert!(ran.complaint().contains("--cascade"), "{}", ran.err);
}
