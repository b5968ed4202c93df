//! `align`: the forms of its input and output, on a small pack of random weights.

mod common;

use std::fs;

use common::{empty, f32_pack, feed, models};
use serde_json::json;

fn pack() -> String {
    models().join("aligner-test").to_str().unwrap().to_owned()
}

#[test]
fn objects_are_answered_in_order_with_their_ids() {
    let input = r#"{"id":1,"source":"abc, xyz","target":"xyz abc"}
{"id":"w","source":["abc","q"],"target":["q","abc"],"method":"match"}
{"source":"abc","target":[]}
{"id":4,"source":7,"target":"a"}
{"id":5,"source":"a","target":"b","method":"best"}
{"id":6,"source":"a"}
not json
"#;
    let ran = feed(&["align", "words", "--jsonl", "--pack", &pack()], input.as_bytes());
    assert_eq!((ran.status, &*ran.err), (Some(1), ""));
    let found = ran.lines();
    assert_eq!(found.len(), 7);
    assert_eq!(found[0]["id"], 1);
    assert_eq!(found[0]["source_words"], json!([[0, 3], [3, 4], [5, 8]]));
    assert_eq!(found[0]["target_words"], json!([[0, 3], [4, 7]]));
    let link = &found[0]["links"][0];
    assert_eq!((&link[0], &link[1]), (&json!(0), &json!(1)));
    assert!((0.0..=1.0).contains(&link[2].as_f64().unwrap()));
    assert_eq!(found[1]["pharaoh"], "0-1 1-0");
    assert!(found[1].get("source_words").is_none());
    assert_eq!((&found[2]["links"], &found[2]["null_source"]), (&json!([]), &json!([0])));
    for (at, word) in [(3, "source is neither"), (4, "\"best\""), (5, "\"target\""), (6, "no JSON object")] {
        let message = found[at]["error"]["message"].as_str().unwrap();
        assert!(message.contains(word), "{message}");
    }
    assert_eq!((&found[3]["id"], &found[5]["id"]), (&json!(4), &json!(6)));
}

#[test]
fn lines_are_answered_by_links() {
    let input = "abc xyz ||| xyz abc\nabc, xyz\txyz abc\n ||| \nno bars\na ||| b ||| c\n";
    let ran = feed(&["align", "words", "--pack", &pack()], input.as_bytes());
    assert_eq!(ran.status, Some(1));
    let lines: Vec<&str> = ran.out.lines().collect();
    assert_eq!(lines.len(), 5);
    assert_eq!((lines[0], lines[2], lines[3], lines[4]), ("0-1 1-0", "", "", ""));
    assert!(lines[1].contains("0-1") && lines[1].contains("2-0"), "{}", lines[1]);
    assert!(ran.err.contains("line 4: neither") && ran.err.contains("line 5: more than one"), "{}", ran.err);
}

#[test]
fn a_page_shows_every_pair() {
    let page = empty("align-page").join("page.html");
    let args = ["align", "words", "--pack", &pack(), "--html", page.to_str().unwrap(), "abc <b>", "abc"];
    let ran = feed(&args, b"");
    assert_eq!((ran.status, &*ran.err), (Some(0), ""));
    assert!(ran.out.starts_with("SOURCE") && ran.out.contains("abc"), "{}", ran.out);
    let html = fs::read_to_string(page).unwrap();
    assert!(html.contains("&lt;") && !html.contains("<b>") && html.ends_with("</html>\n"));
}

#[test]
fn a_page_shows_documents_from_files_and_from_objects() {
    let folder = empty("align-sentence-page");
    let (a, page) = (folder.join("a"), folder.join("page.html"));
    fs::write(&a, "abc <b> abc.\nxyz xyz.\n").unwrap();
    let (a, name) = (a.to_str().unwrap(), page.to_str().unwrap());
    let ran = feed(&["align", "sentences", "--pack", &pack(), "--html", name, a, a], b"");
    assert_eq!((ran.status, &*ran.err), (Some(0), ""));
    let html = fs::read_to_string(&page).unwrap();
    assert!(html.contains("abc &lt;b&gt; abc.") && !html.contains("<b>") && html.ends_with("</html>\n"));
    // Each object is a part; one that has no answer is none.
    let input = b"{\"source\":\"Abc. Xyz.\",\"target\":[\"abc\"]}\n{\"source\":7,\"target\":[]}\n{\"source\":[],\"target\":[\"q\"]}\n";
    let ran = feed(&["align", "sentences", "--jsonl", "--pack", &pack(), "--html", name], input);
    assert_eq!(ran.status, Some(1));
    let html = fs::read_to_string(&page).unwrap();
    // The lines of the page are the pairs that are answered.
    let found = ran.lines();
    let mut links = String::new();
    for pair in found[0]["pairs"].as_array().unwrap() {
        for i in pair["source"].as_array().unwrap() {
            for j in pair["target"].as_array().unwrap() {
                links += &format!("{i}:{j}:{:.3} ", pair["score"].as_f64().unwrap());
            }
        }
    }
    assert!(!links.is_empty() && html.contains(&format!("data-links=\"{links}\"")), "{links}: {html}");
    assert_eq!(html.matches("<section>").count(), 2, "{html}");
    assert!(html.contains("Document 2: sentences and links"), "{html}");
    let ran = feed(&["align", "sentences", "--pack", &pack(), "--html", "/nowhere/page", a, a], b"");
    assert_eq!(ran.status, Some(1));
    assert!(ran.err.contains("/nowhere/page"), "{}", ran.err);
}

#[test]
fn sentences_and_documents_come_from_objects_and_from_files() {
    let input = r#"{"id":1,"source":"Abc abc. Xyz xyz.","target":["abc abc","xyz xyz"]}
{"source":["a",1],"target":[]}
"#;
    let ran = feed(&["align", "sentences", "--pack", &pack()], input.as_bytes());
    assert_eq!(ran.status, Some(1));
    let found = ran.lines();
    assert_eq!(found[0]["source_sentences"], json!([[0, 8], [9, 17]]));
    let covered: usize =
        found[0]["pairs"].as_array().unwrap().iter().map(|p| p["target"].as_array().unwrap().len()).sum();
    assert_eq!(covered, 2);
    assert!(found[1]["error"]["message"].as_str().unwrap().contains("entry 1"));

    let input = r#"{"source":[["abcabc","xyz xyz"],["mnopq","ghijk"]],"target":[["mnopq","ghijk"],"abcabc. xyz xyz"]}"#;
    let ran = feed(&["align", "documents", "--jsonl", "--pack", &pack()], input.as_bytes());
    assert_eq!((ran.status, &*ran.err), (Some(0), ""));
    let mut pairs: Vec<_> =
        ran.lines()[0]["pairs"].as_array().unwrap().iter().map(|p| (p[0].clone(), p[1].clone())).collect();
    pairs.sort_by_key(|p| p.0.as_u64());
    assert_eq!(pairs, [(json!(0), json!(1)), (json!(1), json!(0))]);

    let folder = empty("align-files");
    let (a, b) = (folder.join("a"), folder.join("b"));
    fs::write(&a, "abcabc\nxyz xyz\n\nmnopq\nghijk\n").unwrap();
    fs::write(&b, "mnopq\nghijk\n\n\nabcabc\nxyz xyz\n").unwrap();
    let (a, b) = (a.to_str().unwrap(), b.to_str().unwrap());
    let ran = feed(&["align", "documents", "--pack", &pack(), a, b], b"");
    assert_eq!((ran.status, ran.out.lines().count()), (Some(0), 2), "{}", ran.err);
    let ran = feed(&["align", "sentences", "--pack", &pack(), a, a], b"");
    assert_eq!(ran.status, Some(0), "{}", ran.err);
    assert!(ran.out.lines().all(|line| line.split('\t').count() == 3), "{}", ran.out);
}

#[test]
fn wrong_usage_is_said() {
    let guard = f32_pack();
    for (args, word) in [
        (&["align", "words", "--pack", &guard][..], "aligner-encoder"),
        (&["guard", "--pack", &pack(), "text"], "guard-encoder"),
        (&["align", "words", "--pack", "/nowhere"], "/nowhere"),
        (&["align", "words", "--method", "best", "--pack", &pack()], "itermax"),
        (&["align", "sentences", "--pack", &pack(), "/nowhere/a", "/nowhere/b"], "/nowhere/a"),
    ] {
        let ran = feed(args, b"");
        assert_eq!(ran.status, Some(2), "{args:?}");
        assert!(ran.complaint().contains(word), "{}", ran.err);
    }
}

#[test]
fn a_table_is_trained_and_used() {
    let folder = empty("align-train");
    let (bitext, table) = (folder.join("bitext"), folder.join("table"));
    let lines =
        ["the house ||| das Haus", "the book ||| das Buch", "a book ||| ein Buch", "a house ||| ein Haus"];
    fs::write(&bitext, lines.join("\n")).unwrap();
    let (bitext, table) = (bitext.to_str().unwrap(), table.to_str().unwrap());
    let ran = feed(&["align", "train", bitext, "--output", table, "--no-diagonal"], b"");
    assert_eq!((ran.status, &*ran.out, &*ran.err), (Some(0), "", ""));
    let ran = feed(&["align", "words", "--table", table], b"the book ||| Buch das\nno bars\n");
    assert_eq!((ran.status, ran.out.lines().next()), (Some(1), Some("0-1 1-0")), "{}", ran.err);
    assert!(ran.err.contains("line 2"), "{}", ran.err);
    let input = b"{\"id\":1,\"source\":\"the book now\",\"target\":[\"Buch\"]}\n";
    let ran = feed(&["align", "words", "--jsonl", "--table", table, "--symmetrise", "intersection"], input);
    assert_eq!((ran.status, &*ran.err), (Some(0), ""));
    let found = &ran.lines()[0];
    assert_eq!(
        (&found["pharaoh"], &found["null_source"], &found["id"]),
        (&json!("1-0"), &json!([0, 2]), &json!(1))
    );
    assert!(found["links"][0][2].as_f64().unwrap() > 0.5);

    // Two files, and what is wrong with files.
    let (source, target) = (folder.join("s"), folder.join("t"));
    fs::write(&source, "a b\nc\n").unwrap();
    fs::write(&target, "x y\nz\n").unwrap();
    let (source, target) = (source.to_str().unwrap(), target.to_str().unwrap());
    assert_eq!(feed(&["align", "train", source, target, "--output", table], b"").status, Some(0));
    for (args, status, word) in [
        (&["align", "train", source, "--output", table][..], 1, "line 1: not one |||"),
        (&["align", "train", source, bitext, "--output", table], 1, "2 and 4 lines"),
        (&["align", "train", "/nowhere", "--output", table], 2, "/nowhere"),
        (&["align", "train", bitext, "--output", "/nowhere/table"], 1, "/nowhere"),
        (&["align", "words", "--table", source], 2, "too short"),
        (&["align", "words", "--table", table, "--html", "x"], 2, "--html"),
    ] {
        let ran = feed(args, b"");
        assert_eq!(ran.status, Some(status), "{args:?}: {}", ran.err);
        assert!(ran.err.contains(word), "{args:?}: {}", ran.err);
    }
}
