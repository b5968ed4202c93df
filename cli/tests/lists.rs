//! `trueline packs`, `explain` and `bench`.

mod common;

use std::fs;

use common::{Ran, copy_pack, empty, f32_pack, feed, finish, models, trueline};
use serde_json::Value;

fn packs(folder: &std::path::Path, more: &[&str]) -> Ran {
    let args: Vec<&str> = ["packs"].into_iter().chain(more.iter().copied()).collect();
    let mut command = trueline(&args);
    command.env("TRUELINE_PACKS", folder);
    finish(command, b"")
}

#[test]
fn packs_are_listed_with_their_whole_size_and_hash() {
    let root = empty("listed");
    copy_pack(&root.join("guard-test-f32"));
    fs::create_dir(root.join("recipes")).unwrap();
    let person = packs(&root, &[]);
    assert_eq!((person.status, &*person.err), (Some(0), ""));
    assert_eq!(person.out.lines().count(), 2);
    let lines = packs(&root, &["--jsonl", "--verify"]);
    let array: Vec<Value> = serde_json::from_str(&packs(&root, &["--json"]).out).unwrap();
    let (line, item) = (&lines.lines()[0], &array[0]);
    let size: u64 = fs::read_dir(root.join("guard-test-f32"))
        .unwrap()
        .map(|e| e.unwrap().metadata().unwrap().len())
        .sum();
    for found in [line, item] {
        assert_eq!((&found["name"], &found["family"]), (&"guard-test-f32".into(), &"guard-encoder".into()));
        assert_eq!((found["size"].as_u64(), &found["licence"]), (Some(size), &"Apache-2.0".into()));
        assert!(found["summary"].is_string() && found["version"].is_string() && found["path"].is_string());
    }
    assert_eq!((&line["verified"], &item["verified"]), (&true.into(), &false.into()));
    let sha = item["sha256"].as_str().unwrap();
    assert!(sha.len() == 64 && person.out.contains(&sha[..12]) && !person.out.contains(sha));
}

#[test]
fn a_broken_pack_is_listed_with_its_error() {
    let root = empty("one-broken");
    copy_pack(&root.join("good"));
    copy_pack(&root.join("torn"));
    fs::write(root.join("torn/manifest.toml"), "format = 1\nname = \x1b[31m").unwrap();
    let ran = packs(&root, &["--jsonl"]);
    let found = ran.lines();
    assert_eq!((ran.status, found.len()), (Some(1), 2));
    assert_eq!((&found[0]["name"], &found[1]["name"]), (&"guard-test-f32".into(), &"torn".into()));
    assert_eq!(found[1]["error"]["code"], "INVALID_PACK");
    let ran = packs(&root, &[]);
    assert_eq!((ran.status, ran.out.lines().count()), (Some(1), 3));
    assert!(ran.out.lines().last().unwrap().starts_with("broken: ") && !ran.out.contains('\x1b'));
}

#[test]
fn only_verify_reads_every_file() {
    let root = empty("unverified");
    copy_pack(&root.join("p"));
    fs::write(root.join("p/CARD.md"), "another card").unwrap();
    assert_eq!(packs(&root, &["--jsonl"]).status, Some(0));
    let ran = packs(&root, &["--jsonl", "--verify"]);
    assert_eq!((ran.status, &ran.lines()[0]["error"]["code"]), (Some(1), &"INVALID_PACK".into()));
}

#[test]
fn no_pack_at_all_is_no_failure() {
    let root = empty("nothing");
    let ran = packs(&root, &["--json"]);
    assert_eq!((ran.status, &*ran.out), (Some(0), "[]\n"));
    assert!(ran.complaint().starts_with("no pack is in "));
    assert_eq!(packs(&root, &["--json", "--quiet"]).err, "");
    let pack = f32_pack();
    assert_eq!(packs(&root, &["--jsonl", "--pack", &pack]).lines().len(), 1);
}

#[test]
fn explain_names_every_operator_and_what_runs_it() {
    let pack = models().join("guard-test-int8");
    let pack = pack.to_str().unwrap();
    let array: Vec<Value> =
        serde_json::from_str(&feed(&["explain", "--json", "--pack", pack], b"").out).unwrap();
    let found = &array[0];
    let layers = found["layers"].as_array().unwrap();
    let counted: u64 = found["operators"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum();
    // Fused, there are fewer steps than operators in the file.
    assert!(layers.len() as u64 * 3 < counted, "{} steps for {counted} operators", layers.len());
    assert!(found["operators"].get("MatMulInteger").is_some());
    let by =
        |kernel: &str| layers.iter().filter(|l| l["kernel"].as_str().unwrap().starts_with(kernel)).count();
    assert!(by("linear_i8/") >= 4 && by("attention/") >= 1 && by("norm_f32/") >= 3);
    let ports = (found["inputs"].as_array().unwrap().len(), found["outputs"].as_array().unwrap().len());
    assert_eq!((ports, found["backend"].as_str()), ((3, 1), Some("plan")));
    let stock = feed(&["explain", "--json", "--backend", "tract", "--pack", pack], b"");
    let stock: Vec<Value> = serde_json::from_str(&stock.out).unwrap();
    let layers_of_tract = stock[0]["layers"].as_array().unwrap();
    assert_eq!(counted, layers_of_tract.len() as u64);
    assert!(layers_of_tract.iter().all(|l| l["kernel"] == "tract"));
    assert!(found["opset"].as_u64() > Some(10) && found["stored_bytes"].as_u64() > Some(100_000));
    let person = feed(&["explain", "--isa", "scalar", "--pack", pack], b"");
    assert_eq!((person.status, &*person.err), (Some(0), ""));
    assert!(person.out.contains("scalar") && person.out.lines().count() > layers.len());
}

#[test]
fn bench_gives_a_row_a_case() {
    let pack = f32_pack();
    let args = ["bench", "--seconds", "0.001", "--isa", "scalar", "--quiet", "--pack", &pack];
    let ran = feed(&[&args[..], &["--jsonl"]].concat(), b"");
    assert_eq!((ran.status, &*ran.err), (Some(0), ""));
    let rows = ran.lines();
    let cases: Vec<&str> = rows.iter().map(|r| r["case"].as_str().unwrap()).collect();
    let wanted =
        ["cold_start/tract", "guard/tract/16", "guard/tract/64", "guard/tract/128", "guard/tract/256"];
    assert_eq!(cases[..5], wanted);
    assert!(cases.contains(&"dot_i8/scalar/768"));
    for row in &rows {
        let (median, p99) = (row["median_us"].as_f64().unwrap(), row["p99_us"].as_f64().unwrap());
        assert!(0.0 < median && median <= p99 && row["isa"] == "scalar", "{row}");
        assert!(!row["cpu"].as_str().unwrap().is_empty() && row["runs"].as_u64() >= Some(5));
    }
    let person = feed(&args, b"");
    assert!(person.out.starts_with("CPU: ") && person.out.lines().count() == rows.len() + 2);
}
