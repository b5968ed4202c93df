//! `eval classify`, `calibrate` and `audit`: labels in, tables and policies out.

mod common;

use std::fs;

use common::{copy_pack, empty, f32_pack, feed, models};
use serde_json::{Value, json};

#[test]
fn scores_and_actions_are_held_against_labels() {
    let folder = empty("classify");
    let (gold, output) = (folder.join("gold"), folder.join("output"));
    fs::write(
        &gold,
        r#"{"id":1,"label":["a"],"language":"en"}
{"id":2,"label":[],"language":"en"}
{"id":3,"label":["a","b"],"language":"de"}
{"id":4,"label":[],"language":"de"}
"#,
    )
    .unwrap();
    let answers = r#"{"id":1,"action":"block","risk":0.9,"categories":{"a":0.9,"b":0.2}}
{"id":2,"action":"allow","risk":0.3,"categories":{"a":0.3,"b":0.1}}
{"id":3,"action":"allow","risk":0.8,"categories":{"a":0.2,"b":0.8}}
{"id":4,"action":"redact","risk":0.4,"categories":{"a":0.1,"b":0.4}}
"#;
    fs::write(&output, answers).unwrap();
    let args = ["eval", "classify", "--jsonl", gold.to_str().unwrap(), output.to_str().unwrap()];
    let ran = feed(&args, b"");
    assert_eq!((ran.status, &*ran.err), (Some(0), ""));
    let rows = ran.lines();
    let row = |key: &str, name: &str| rows.iter().find(|r| r[key] == name).cloned().unwrap_or(Value::Null);
    assert_eq!(row("category", "a")["auroc"], 0.75);
    assert_eq!((&row("category", "b")["auroc"], &row("category", "b")["harmful"]), (&json!(1.0), &json!(1)));
    assert_eq!(row("category", "(any)")["auroc"], 1.0);
    let all = row("language", "(all)");
    assert_eq!(
        (&all["n"], &all["recall"], &all["false_positive_rate"]),
        (&json!(4), &json!(0.5), &json!(0.5))
    );
    assert_eq!(
        (&row("language", "en")["miss_rate"], &row("language", "de")["miss_rate"]),
        (&json!(0.0), &json!(1.0))
    );

    let ran = feed(&["eval", "classify", args[3], args[4]], b"");
    assert!(
        ran.out.contains("category") && ran.out.contains("0.7500") && ran.out.contains("\n\n"),
        "{}",
        ran.out
    );

    fs::write(&output, answers.replace("\"id\":2", "\"id\":7")).unwrap();
    let ran = feed(&args, b"");
    assert_eq!(ran.status, Some(1));
    assert!(ran.err.contains("gold has id 2 and the output 7"), "{}", ran.err);
    fs::write(&output, "{}\n").unwrap();
    let ran = feed(&args, b"");
    assert_eq!(ran.status, Some(1));
    assert!(ran.complaint().contains("4 lines") && ran.complaint().contains("has 1"), "{}", ran.err);
}

#[test]
fn thresholds_are_written_as_a_policy_that_is_read_again() {
    let input: String = (0..200)
        .map(|i| {
            format!(
                "{{\"label\":{},\"score\":{}}}\n",
                i % 4 == 0,
                if i % 4 == 0 { 0.9 } else { f64::from(i) / 400.0 }
            )
        })
        .collect();
    let ran = feed(&["calibrate", "--category", "harm", "--target", "0.02"], input.as_bytes());
    assert_eq!((ran.status, &*ran.err), (Some(0), ""));
    assert!(ran.out.contains("name = \"harm\"\nthreshold = ") && ran.out.contains("n = 200"), "{}", ran.out);
    let threshold: f64 =
        ran.out.lines().find_map(|l| l.strip_prefix("threshold = ")).unwrap().parse().expect("a number");
    // 150 harmless items, of which at most 3 may be flagged: those of 199, 198 and 197.
    assert!((threshold - 0.4925).abs() < 1e-9, "{threshold}");

    let folder = empty("calibrate");
    let policy = folder.join("policy.toml");
    fs::write(&policy, format!("{}\n[[words]]\ncategory = \"harm\"\nlist = [\"x\"]\n", ran.out)).unwrap();
    let policy = policy.to_str().unwrap();
    let again =
        feed(&["calibrate", "--category", "harm", "--method", "miss", "--policy", policy], input.as_bytes());
    assert_eq!((again.status, &*again.err), (Some(0), ""));
    assert!(again.out.contains("risk-control-miss") && again.out.contains("[[words]]"), "{}", again.out);
    assert_eq!(again.out.matches("threshold = ").count(), 1);
    let guarded = feed(&["guard", "--policy", policy, "a y x"], b"");
    assert!(guarded.out.contains("block"), "{} {}", guarded.out, guarded.err);
}

#[test]
fn texts_are_scored_by_the_pack_and_what_cannot_be_used_is_said() {
    let pack = f32_pack();
    let input: String = (0..40)
        .map(|i| format!("{{\"label\":{{\"toxicity\":{}}},\"text\":\"text number {i}\"}}\n", i % 2))
        .collect();
    let ran = feed(&["calibrate", "--target", "0.2", "--pack", &pack], input.as_bytes());
    assert_eq!((ran.status, &*ran.err), (Some(0), ""));
    assert!(
        ran.out.contains("name = \"toxicity\"\nthreshold = 0.")
            && ran.out.matches("[[category]]").count() == 1
    );
    let hash = ran.out.split("pack_sha256 = \"").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(hash.len(), 64);

    for (input, args, word) in [
        ("{\"label\":true,\"score\":0.5}\n", &["calibrate"][..], "needs --category"),
        ("{\"label\":true,\"score\":0.5}\n", &["calibrate", "--category", "a"], "harmless"),
        ("no json\n{\"label\":false,\"score\":0.5}\n", &["calibrate", "--category", "a"], "line 1"),
        (
            "{\"label\":true,\"score\":0.5}\n",
            &["calibrate", "--category", "a", "--method", "miss"],
            "too few",
        ),
    ] {
        let ran = feed(args, input.as_bytes());
        assert_eq!(ran.status, Some(1), "{args:?}");
        assert!(ran.err.contains(word), "{word}: {}", ran.err);
    }
    for target in ["0", "1", "x"] {
        assert_eq!(feed(&["calibrate", "--target", target], b"").status, Some(2));
    }
}

#[test]
fn a_pack_does_not_drift_from_itself_and_does_from_its_int8_form() {
    let input: String = (0..60)
        .map(|i| {
            let language = if i % 2 == 0 { "en" } else { "de" };
            format!(
                "{{\"text\":\"some words {i} and {}\",\"language\":\"{language}\",\"label\":{}}}\n",
                i * i,
                i % 3 == 0
            )
        })
        .collect();
    let same = empty("audit").join("copy");
    copy_pack(&same);
    let audit =
        |second: &str| feed(&["audit", "--jsonl", "--pack", &f32_pack(), "--pack", second], input.as_bytes());
    let ran = audit(same.to_str().unwrap());
    assert_eq!((ran.status, &*ran.err), (Some(0), ""));
    let rows = ran.lines();
    assert_eq!(
        (&rows[0]["language"], &rows[0]["texts"], &rows[0]["flipped"]),
        (&json!("(all)"), &json!(60), &json!(0))
    );
    assert_eq!((&rows[1]["language"], &rows[2]["texts"]), (&json!("de"), &json!(30)));
    assert!(rows.iter().filter(|r| r.get("label").is_some()).all(|r| r["largest_difference"] == 0.0));
    let packs: Vec<&Value> = rows.iter().filter(|r| r.get("pack").is_some()).collect();
    assert_eq!((packs.len(), &packs[0]["silhouette"]), (2, &packs[1]["silhouette"]));

    let ran = audit(models().join("guard-test-int8").to_str().unwrap());
    assert_eq!(ran.status, Some(0), "{}", ran.err);
    assert!(ran.lines().iter().any(|r| r["largest_difference"].as_f64().is_some_and(|d| d > 0.0)));

    for args in [&["audit", "--pack", &f32_pack()][..], &["audit"]] {
        assert_eq!(feed(args, b"").status, Some(2), "{args:?}");
    }
    let ran = feed(
        &["audit", "--pack", &f32_pack(), "--pack", same.to_str().unwrap()],
        b"{\"text\":\"\\u200b\"}\n",
    );
    assert_eq!(ran.status, Some(1));
    assert!(ran.err.contains("line 1"), "{}", ran.err);
}

#[test]
fn packs_that_tell_states_are_compared_by_them() {
    let input: String = (0..40)
        .map(|i| {
            format!("{{\"text\":\"{} {i}\",\"label\":{}}}\n", ["red bird", "old sea"][i % 2], i % 2 == 0)
        })
        .collect();
    let aligner = models().join("aligner-test");
    let aligner = aligner.to_str().unwrap();
    let ran = feed(&["audit", "--jsonl", "--pack", aligner, "--pack", aligner], input.as_bytes());
    assert_eq!((ran.status, &*ran.err), (Some(0), ""));
    let rows = ran.lines();
    assert_eq!((rows.len(), &rows[0]["states"], &rows[0]["texts"]), (3, &json!("cosine"), &json!(40)));
    assert!((rows[0]["least"].as_f64().unwrap() - 1.0).abs() < 1e-9);
    for row in &rows[1..] {
        // Every other text is of another kind: states tell them apart by more than chance.
        assert_eq!((&row["points"], &row["bhattacharyya_dimensions"]), (&json!("states"), &json!(8)));
        assert!(row["silhouette"].as_f64().unwrap() > 0.0, "{row}");
        assert!(row["bhattacharyya"].as_f64().unwrap() > 0.1, "{row}");
    }
    // A guard that tells its states: by verdicts and scores, and by states.
    let guard = models().join("guard-en");
    let guard = guard.to_str().unwrap();
    let few: String = input.lines().take(6).map(|line| format!("{line}\n")).collect();
    let few = few + "{\"text\":\"\",\"label\":false}\n"; // clear, and without a state
    let ran = feed(&["audit", "--jsonl", "--pack", guard, "--pack", guard], few.as_bytes());
    assert_eq!((ran.status, &*ran.err), (Some(0), ""));
    let points: Vec<Value> = ran.lines().iter().filter_map(|row| row.get("points").cloned()).collect();
    assert_eq!(points, ["scores", "scores", "states", "states"]);
    // A text without a token has no state: its line is named, the rest goes on.
    let ran = feed(
        &["audit", "--jsonl", "--pack", aligner, "--pack", aligner],
        b"{\"text\":\"\"}\n{\"text\":\"bird\"}\n",
    );
    assert!(ran.status == Some(1) && ran.err.contains("line 1"), "{}", ran.err);
    // A guard without that output and an aligner have nothing to compare.
    let ran = feed(&["audit", "--pack", &f32_pack(), "--pack", aligner], b"");
    assert!(ran.status == Some(2) && ran.err.contains("neither labels nor mean states"), "{}", ran.err);
}
