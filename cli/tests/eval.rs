//! `trueline eval align`: links against gold links, and lines that cannot be used.

mod common;

use std::fs;

use common::{Ran, empty, feed};

fn eval(name: &str, gold: &[u8], output: &[u8], more: &[&str]) -> Ran {
    let folder = empty(name);
    let (g, o) = (folder.join("gold"), folder.join("output"));
    fs::write(&g, gold).unwrap();
    fs::write(&o, output).unwrap();
    feed(&[&["eval", "align", g.to_str().unwrap(), o.to_str().unwrap()], more].concat(), b"")
}

#[test]
fn scores_are_those_of_och_and_ney_in_either_form() {
    // A = 4, S = 3, A and S = 2, A and P = 3.
    let gold = b"0-0 1p1\n1-2 2-2\n";
    let json = br#"{"id":1,"sure":[[0,0]],"possible":[[0,0],[1,1]]}
{"id":2,"links":[[1,2,0.5],[2,2]]}
"#;
    let found = br#"{"id":1,"links":[[0,0,0.9],[1,1,0.8]],"pharaoh":"5-5"}
{"id":2,"pharaoh":"1-2 7-7"}
"#;
    for (gold, found) in [(&gold[..], &b"0-0 1-1\r\n1-2 7-7"[..]), (json, found), (gold, found)] {
        let ran = eval("eval-forms", gold, found, &["--jsonl"]);
        assert_eq!((ran.status, &*ran.err), (Some(0), ""));
        let row = &ran.lines()[0];
        for (name, value) in [("precision", 0.75), ("recall", 2.0 / 3.0), ("aer", 2.0 / 7.0), ("links", 4.0)]
        {
            assert!((row[name].as_f64().unwrap() - value).abs() < 1e-12, "{name}: {row}");
        }
        assert_eq!((&row["pairs"], &row["failed"]), (&2.into(), &0.into()));
    }
    let ran = eval("eval-table", gold, b"0-0 1-1\n1-2 7-7\n", &[]);
    assert!(ran.out.lines().nth(1).unwrap().ends_with("0.7500  0.6667  0.7059  0.2857"), "{}", ran.out);
    let ran = eval("eval-one", b"1-1\n", b"1-1\n", &["--one-indexed", "--jsonl"]);
    assert_eq!(ran.lines()[0]["aer"], 0.0);
}

#[test]
fn a_bad_line_is_named_left_out_and_ends_in_1() {
    let bad: [&[u8]; 8] = [
        b"0-x",
        b"{\"links\":[[0,-1]]}",
        b"{\"links\":[[0,NaN]]}",
        b"{\"links\":[[0,1,2,3]]}",
        b"{\"links\":7}",
        b"{\"id\":1}",
        b"{\"error\":{\"code\":\"X\"}}",
        b"\xff",
    ];
    for line in bad {
        let ran = eval("eval-bad", b"0-0\n1-1\n", &[line, b"\n1-1\n"].concat(), &["--jsonl"]);
        assert_eq!((ran.status, &*ran.err), (Some(1), ""));
        let lines = ran.lines();
        assert_eq!((&lines[0]["line"], &lines[0]["error"]["code"]), (&1.into(), &"INVALID_ARGUMENT".into()));
        assert_eq!((&lines[1]["pairs"], &lines[1]["failed"]), (&1.into(), &1.into()));
        assert_eq!(lines[1]["aer"], 0.0);
    }
    let ran = eval("eval-id", br#"{"id":1,"pharaoh":"0-0"}"#, br#"{"id":2,"pharaoh":"0-0"}"#, &["--jsonl"]);
    assert_eq!((ran.status, ran.out.contains("gold has id 1 and the output 2")), (Some(1), true));
}

#[test]
fn nothing_to_score_is_said() {
    for (gold, found, why) in [
        (&b""[..], &b""[..], "no pair of lines"),
        (b"0-0\n1-1\n", b"0-0\n", "ends after line 1"),
        (b"0-0\n", b"0-0\n1-1\n", "ends after line 1"),
        (b"0p0\n", b"0-0\n", "no sure links"),
    ] {
        let ran = eval("eval-none", gold, found, &["--jsonl"]);
        assert_eq!((ran.status, &*ran.out), (Some(1), ""));
        assert!(ran.complaint().contains(why), "{}", ran.err);
    }
    let ran = feed(&["eval", "align", "/nowhere/gold", "/nowhere/output"], b"");
    assert_eq!((ran.status, &*ran.out), (Some(2), ""));
}
