//! Policy files: what is taken, and what is refused with its line.

mod support;

use std::fs;
use std::path::PathBuf;

use support::refused;
use trueline_core::Code;
use trueline_core::engine::Action;
use trueline_core::engine::policy::{MAX_POLICY_BYTES, Policy, Scope};
use trueline_core::model::manifest::Role;

const GOOD: &str = r#"policy = 1
name = "test"
on_failure = "review"
packs = ["guard-en"]
[limits]
max_text_bytes = 5000
[stream]
latch = false
decay = 0.25
hold_back_bytes = 100
[[category]]
name = "toxicity"
action = "block"
threshold = 0.8
low = 0.5
languages = { de = 0.7, "pt-BR" = 0.6 }
roles = ["user"]
calibration = { method = "threshold-at-fpr", target = 0.01, n = 900, date = "2026-11-24" }
[[category]]
name = "contact"
action = "redact"
replacement = "***"
[[category]]
name = "symbols"
action = "review"
scope = "local"
places = ["de", "at"]
[[words]]
category = "symbols"
match = "substring"
list = ["one", "two words"]
[[regex]]
category = "symbols"
pattern = '\bno\.\s?\d+\b'
[[pii]]
category = "contact"
kinds = ["email", "phone"]
[[allow]]
list = ["someone"]
"#;

#[test]
fn every_field_is_taken() {
    let policy = Policy::parse("test", GOOD).expect("a good policy");
    assert_eq!((policy.name(), policy.on_failure(), policy.max_text_bytes()), ("test", Action::Review, 5000));
    assert_eq!(policy.packs(), ["guard-en"]);
    assert_eq!(policy.sha256().len(), 64);
    let stream = policy.stream();
    assert_eq!((stream.latch, stream.decay), (false, 0.25));
    // A regular expression may match a kilobyte.
    assert_eq!(stream.hold_back_bytes, 1024);
    let [toxicity, contact, symbols] = policy.categories() else { panic!("three categories") };
    assert!(!toxicity.has_rules && contact.has_rules && symbols.has_rules);
    assert_eq!((contact.action, contact.replacement.as_deref()), (Action::Redact, Some("***")));
    assert_eq!(toxicity.calibration.as_ref().map(|c| c.n), Some(900));
    assert_eq!(symbols.scope, Scope::Local);
    for (language, threshold) in
        [(Some("de"), 0.7), (Some("de-AT"), 0.7), (Some("fr"), 0.8), (Some("PT-br"), 0.6), (None, 0.6)]
    {
        assert_eq!(toxicity.threshold_for(language, 0.9), threshold, "{language:?}");
    }
    assert_eq!(contact.threshold_for(None, 0.9), 0.9);
    assert!(
        symbols.applies(Some("de-DE"), None)
            && symbols.applies(None, None)
            && !symbols.applies(Some("en"), None)
    );
    assert!(toxicity.applies(None, Some(Role::User)) && !toxicity.applies(None, Some(Role::Tool)));
}

#[test]
fn the_hash_is_of_every_byte() {
    let one = Policy::parse("a", GOOD).expect("good");
    let same = Policy::parse("b", GOOD).expect("good");
    let other = Policy::parse("a", &GOOD.replace("0.8", "0.81")).expect("good");
    assert_eq!(one.sha256(), same.sha256());
    assert_ne!(one.sha256(), other.sha256());
}

/// The line on which a part of the good policy stands.
fn line_of(text: &str, part: &str) -> String {
    let at = text.rfind(part).expect("a part of it");
    format!("policy test, line {}:", text[..at].matches('\n').count() + 1)
}

#[test]
fn each_fault_is_named_with_its_line() {
    for (was, is, words) in [
        ("policy = 1", "policy = 2", "policy = 2; this library reads version 1"),
        ("name = \"test\"", "name = \"\"", "name is empty"),
        ("on_failure = \"review\"", "on_failure = \"ignore\"", "unknown variant `ignore`"),
        ("latch = false", "latches = false", "unknown field `latches`"),
        ("max_text_bytes = 5000", "max_text_bytes = 0", "max_text_bytes is 0; it lies between 1 and"),
        ("max_text_bytes = 5000", "max_text_bytes = 99999999999", "it lies between 1 and"),
        ("decay = 0.25", "decay = 1.0", "decay is 1; it lies in [0, 1)"),
        ("decay = 0.25", "decay = nan", "decay is NaN"),
        ("threshold = 0.8", "threshold = 1.5", "threshold of \"toxicity\" is 1.5; it lies in [0, 1]"),
        ("threshold = 0.8", "threshold = nan", "it lies in [0, 1]"),
        ("threshold = 0.8", "threshold = \"high\"", "invalid type"),
        ("low = 0.5", "low = 0.65", "low of \"toxicity\" is 0.65, above its threshold 0.6"),
        ("{ de = 0.7", "{ d = 0.7", "\"d\" is no language tag"),
        ("{ de = 0.7", "{ de = 0.7, DE = 0.6", "stands twice"),
        ("{ de = 0.7", "{ de = 0.7, de = 0.6", "duplicate key"),
        ("roles = [\"user\"]", "roles = [\"king\"]", "unknown variant `king`"),
        ("name = \"contact\"", "name = \"toxicity\"", "\"toxicity\" is defined twice"),
        ("name = \"contact\"", "name = \"con tact\"", "a name has 1 to 31 letters"),
        ("places = [\"de\", \"at\"]", "places = [\"german y\"]", "is no language tag"),
        ("list = [\"one\", \"two words\"]", "list = [\"one\", \"...\"]", "no letter or digit"),
        ("pattern = '", "pattern = '(", "the regular expression does not parse"),
        ("pattern = '", "pattern = '(?=x)", "the regular expression does not parse"),
        ("pattern = '", "pattern = '|", "matches the empty text"),
        ("pattern = '", "pattern = '\\w{999}{99}", "compiles to more than"),
        ("kinds = [\"email\"", "kinds = [\"e-mail\"", "the kinds are email, phone, iban, card, ip, key"),
        ("kinds = [\"email\"", "kinds = [\"phone\"", "phone has a rule already"),
        ("list = [\"someone\"]", "list = \"someone\"", "invalid type"),
    ] {
        let text = GOOD.replacen(was, is, 1);
        let Err(error) = Policy::parse("test", &text) else { panic!("{is}: taken") };
        assert!(error.message.contains(words), "{is}: {error}");
        assert!(error.message.starts_with(&line_of(&text, is)), "{is}: {error}");
        assert!(!error.message.contains('\n'), "{is}: {error}");
    }
}

#[test]
fn what_is_missing_or_names_nothing_is_refused() {
    let empty = "policy = 1\nname = \"x\"\n";
    refused("no category", Policy::parse("p", empty), Code::InvalidArgument, &["line 2", "no [[category]]"]);
    let local = format!("{empty}[[category]]\nname = \"a\"\nscope = \"local\"\n");
    refused("no places", Policy::parse("p", &local), Code::InvalidArgument, &["line 4", "places"]);
    let unknown = format!("{empty}[[category]]\nname = \"a\"\n[[words]]\ncategory = \"b\"\nlist = [\"x\"]\n");
    refused("unknown", Policy::parse("p", &unknown), Code::InvalidArgument, &["line 6", "\"b\" has no"]);
    let nothing = format!("{empty}[[category]]\nname = \"a\"\n[[words]]\ncategory = \"a\"\n");
    refused(
        "no words",
        Policy::parse("p", &nothing),
        Code::InvalidArgument,
        &["line 5", "neither list nor file"],
    );
    refused("no TOML", Policy::parse("p", "policy = = 1"), Code::InvalidArgument, &["policy p, line 1:"]);
    refused("nothing", Policy::parse("p", ""), Code::InvalidArgument, &["missing field"]);
    let long = " ".repeat(MAX_POLICY_BYTES + 1);
    refused("long", Policy::parse("p", &long), Code::TooLarge, &["at most"]);
    let file = format!("{nothing}file = \"words.txt\"\n");
    refused("as text", Policy::parse("p", &file), Code::InvalidArgument, &["line 7", "no folder"]);
    let many: String = (0..65).map(|n| format!("[[category]]\nname = \"c{n}\"\n")).collect();
    refused("many", Policy::parse("p", &format!("{empty}{many}")), Code::TooLarge, &["more than 64"]);
}

fn folder(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(path.join("lists")).expect("a folder");
    path
}

#[test]
fn lists_in_files_are_read_hashed_and_refused_with_their_line() {
    let folder = folder("policy_lists");
    let path = folder.join("p.toml");
    let write = |list: &str, words: &str| {
        let text = format!(
            "policy = 1\nname = \"x\"\n[[category]]\nname = \"a\"\n[[words]]\ncategory = \"a\"\nfile = \"{list}\"\n"
        );
        fs::write(&path, text).expect("a writable folder");
        fs::write(folder.join("lists/a.txt"), words).expect("a writable folder");
    };
    write("lists/a.txt", "# words\none\n\n two words \n");
    let first = Policy::open(&path).expect("a good policy");
    write("lists/a.txt", "# words\none\n\n two word \n");
    assert_ne!(Policy::open(&path).expect("a good policy").sha256(), first.sha256());
    write("lists/a.txt", "one\n!!!\n");
    refused(
        "list",
        Policy::open(&path),
        Code::InvalidArgument,
        &["p.toml, line 7", "lists/a.txt, line 2", "no letter"],
    );
    write("lists/b.txt", "");
    refused("absent", Policy::open(&path), Code::Io, &["p.toml, line 7", "b.txt"]);
    for outside in ["../p.toml", "/etc/hostname", "lists/../../x"] {
        write(outside, "");
        refused(
            outside,
            Policy::open(&path),
            Code::InvalidArgument,
            &["line 7", "leaves the policy's folder"],
        );
    }
    refused("no file", Policy::open(&folder.join("none.toml")), Code::Io, &["none.toml"]);
    fs::write(&path, b"policy = 1\nname = \"\xff\"").expect("a writable folder");
    refused("bytes", Policy::open(&path), Code::Utf8, &["byte 19"]);
}

#[test]
fn the_example_policies_are_good() {
    let folder = support::project("examples/policies");
    let mut seen = 0;
    for entry in fs::read_dir(&folder).expect("examples/policies") {
        let path = entry.expect("a readable entry").path();
        if path.extension().is_some_and(|e| e == "toml") {
            let policy = Policy::open(&path).unwrap_or_else(|e| panic!("{e}"));
            assert!(!policy.summary().is_empty() && !policy.rules().is_empty(), "{}", path.display());
            seen += 1;
        }
    }
    assert!(seen >= 3, "{seen} policies");
}
