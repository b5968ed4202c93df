//! `trueline deny` makes what a policy's `[[deny]]` reads.

mod common;

use common::feed;

const POLICY: &str = "policy = 1\nname = \"copies\"\n[[category]]\nname = \"copied\"\naction = \"block\"\n\
    [[deny]]\ncategory = \"copied\"\nfile = \"deny.idx\"\ntau = 10.0\n";

#[test]
fn an_index_that_was_made_denies_copies() {
    let folder = std::env::temp_dir().join(format!("trueline-cli-deny-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let path = |name: &str| folder.join(name).display().to_string();
    std::fs::write(path("texts"), "mix moon dust with the tears of a clock\n\nseven green parrots fly\n")
        .expect("a file");
    std::fs::write(path("policy.toml"), POLICY).expect("a file");
    let made = feed(&["deny", &path("deny.idx"), &path("texts")], b"");
    assert_eq!(made.status, Some(0), "{}", made.err);
    assert!(made.err.contains("2 documents"), "{}", made.err);
    let args = ["guard", "--jsonl", "--policy", &path("policy.toml")];
    let ran = feed(
        &args,
        b"{\"text\":\"take moon dust with the tears, please\"}\n{\"text\":\"moon dust and tears\"}\n",
    );
    let actions: Vec<String> =
        ran.lines().iter().map(|v| v["action"].as_str().unwrap_or("").to_owned()).collect();
    assert_eq!(actions, ["block", "allow"], "{}", ran.err);
    assert_eq!(ran.lines()[0]["spans"][0]["start"], 5);
    // What cannot be made says so.
    std::fs::write(path("empty"), "\n ?\n").expect("a file");
    let empty = feed(&["deny", &path("other.idx"), &path("empty")], b"");
    assert!(empty.status == Some(1) && empty.err.contains("EMPTY_TEXT"), "{}", empty.err);
    assert_eq!(feed(&["deny", &path("other.idx"), &path("nowhere")], b"").status, Some(2));
    assert_eq!(feed(&["deny", &path("other.idx")], b"").status, Some(2));
    let _ = std::fs::remove_dir_all(folder);
}
