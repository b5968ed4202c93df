//! Our ids and byte offsets are those of the reference tokenizers, over lines of text in many scripts.
//!
//! The expected values were made by `tests/fixtures/tokenizer/make.py`.

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use support::{bytes, refused, text};
use trueline_core::Code;
use trueline_core::model::control::{CancelToken, Control};
use trueline_core::model::tokenizer::{Encoding, Tokenizer};

const FOLDER: &str = "tests/fixtures/tokenizer";

fn tokenizer(name: &str) -> Tokenizer {
    let file = match name {
        "wordpiece" => "models/guard-en/tokenizer.json".to_owned(),
        name => format!("{FOLDER}/{name}.json"),
    };
    Tokenizer::from_bytes(&bytes(&file)).unwrap_or_else(|e| panic!("{file}: {e}"))
}

fn lines() -> Vec<String> {
    let text = text(&format!("{FOLDER}/lines.txt"));
    text.strip_suffix('\n').expect("the last line ends").split('\n').map(str::to_owned).collect()
}

/// The kind of every line.
fn kinds() -> Vec<String> {
    let text = text(&format!("{FOLDER}/sections.txt"));
    let parts = text.lines().map(|l| l.split_once(' ').expect("a kind and a number of lines"));
    parts.flat_map(|(kind, n)| vec![kind.to_owned(); n.parse().expect("a number")]).collect()
}

/// Hash and token count of every line, then of every long text.
fn expected(name: &str) -> Vec<String> {
    text(&format!("{FOLDER}/{name}.txt")).lines().map(str::to_owned).collect()
}

/// 64-bit FNV-1a over id, start and end of each token as 32-bit little-endian, and the number of tokens.
fn found(encoding: &Encoding) -> String {
    assert_eq!(encoding.ids.len(), encoding.offsets.len());
    let mut state = 0xcbf2_9ce4_8422_2325_u64;
    for (&id, &(start, end)) in encoding.ids.iter().zip(&encoding.offsets) {
        for number in [id, start as u32, end as u32] {
            for byte in number.to_le_bytes() {
                state = (state ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
            }
        }
    }
    format!("{state:016x} {}", encoding.ids.len())
}

fn encode(tokenizer: &Tokenizer, text: &str) -> Encoding {
    let encoding = tokenizer.encode(text, &Control::unlimited()).expect("no limit");
    for &(start, end) in &encoding.offsets {
        assert!(start <= end && text.get(start..end).is_some(), "{start}..{end} cuts a character");
    }
    encoding
}

fn lines_agree(name: &str) {
    let (tokenizer, lines, kinds, expected) = (tokenizer(name), lines(), kinds(), expected(name));
    assert!(lines.len() >= 10_500, "{} lines", lines.len());
    assert_eq!(kinds.len(), lines.len());
    let mut wrong = Vec::new();
    for (at, (line, expected)) in lines.iter().zip(&expected).enumerate() {
        let found = found(&encode(&tokenizer, line));
        if found != *expected {
            wrong.push(format!("line {} ({}): found {found}, expected {expected}", at + 1, kinds[at]));
        }
    }
    println!("tokenizer {name}: {} of {} lines", lines.len() - wrong.len(), lines.len());
    assert!(
        wrong.is_empty(),
        "{} differ; the first:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(40)].join("\n")
    );
}

fn long_texts_agree(name: &str) {
    let (tokenizer, lines) = (tokenizer(name), lines());
    let expected = expected(name).split_off(lines.len());
    let long = long(&lines);
    assert_eq!(expected.len(), long.len());
    for (at, (text, expected)) in long.iter().zip(&expected).enumerate() {
        assert_eq!(
            found(&encode(&tokenizer, text)),
            *expected,
            "{name}: long text {at} of {} bytes",
            text.len()
        );
    }
    println!("tokenizer {name}: {} of {} long texts", long.len(), long.len());
}

/// The long texts, as `texts.py` builds them.
fn long(lines: &[String]) -> Vec<String> {
    let (first, second) = lines.split_at(lines.len() / 2);
    let mut out: Vec<String> =
        [first, second].iter().flat_map(|part| [" ", "\n", ""].map(|gap| part.join(gap))).collect();
    // What follows the gap of a cut text matters: marks, zero-width characters, more spaces.
    let units = [
        " \u{301}x",
        "\u{200b} ",
        "a  \u{a0} ",
        "[SEP] ",
        "日本 ",
        "\n\u{323}e",
        "''\n ",
        "x\u{300}\u{301} ",
    ];
    out.extend(units.map(|unit| unit.repeat(110_000 / unit.len())));
    let unbroken = lines.concat().replace([' ', '\n'], "");
    out.push(unbroken.chars().skip(20_000).take(20_000).collect());
    out.extend(["a".repeat(60_000), "字".repeat(20_000)]);
    assert!(out[..6].iter().all(|text| text.len() > 100_000));
    assert!(out[14..].iter().all(|text| text.len() >= 50_000 && !text.contains([' ', '\n'])));
    out
}

#[test]
fn wordpiece_agrees_on_every_line() {
    lines_agree("wordpiece");
}

#[test]
fn unigram_agrees_on_every_line() {
    lines_agree("unigram");
}

#[test]
fn unigram_with_a_rewriting_normalizer_agrees_on_every_line() {
    lines_agree("unigram-rewriting");
}

#[test]
fn byte_level_bpe_agrees_on_every_line() {
    lines_agree("bpe");
}

#[test]
fn a_long_text_encodes_as_in_one_piece() {
    ["wordpiece", "unigram", "unigram-rewriting", "bpe"].into_iter().for_each(long_texts_agree);
}

#[test]
fn a_special_token_in_the_text_is_ordinary_text() {
    let tokenizer = tokenizer("wordpiece");
    let ids = |text: &str| encode(&tokenizer, text).ids;
    let spelt: Vec<u32> = ["[", "sep", "]"].iter().flat_map(|part| ids(part)).collect();
    assert_eq!(ids("[SEP]"), spelt);
    assert!(!ids("[CLS] a [MASK] b [PAD]").iter().any(|&id| id == 0 || (100..104).contains(&id)));
}

#[test]
fn an_added_token_with_a_space_is_found_where_a_piece_would_end() {
    let json = text("models/guard-en/tokenizer.json");
    let added = r#""added_tokens": [{"id":30522,"content":"a b","single_word":false,"lstrip":false,"rstrip":false,
        "normalized":false,"special":false},"#;
    let json = json.replacen(r#""added_tokens":["#, r#""added_tokens": ["#, 1);
    assert!(json.contains(r#""added_tokens": ["#));
    let tokenizer = json.replacen(r#""added_tokens": ["#, added, 1);
    let tokenizer = Tokenizer::from_bytes(tokenizer.as_bytes()).expect("one more token");
    let ids = encode(&tokenizer, &"a b".repeat(10_000)).ids;
    assert!(ids.len() == 10_000 && ids.iter().all(|&id| id == 30_522), "{} ids", ids.len());
}

#[test]
fn a_long_text_ends_at_its_deadline() {
    let tokenizer = tokenizer("wordpiece");
    let text = "some words, and more of them ".repeat(700_000);
    let started = Instant::now();
    let control = Control::new(Some(Duration::from_millis(50)), None);
    refused("50 ms", tokenizer.encode(&text, &control), Code::DeadlineExceeded, &["50 ms"]);
    // The whole text takes tens of seconds; a piece takes milliseconds.
    assert!(started.elapsed() < Duration::from_secs(2), "it took {:?}", started.elapsed());
    let cancel = Arc::new(CancelToken::new());
    cancel.cancel();
    refused("set", tokenizer.encode(&text, &Control::new(None, Some(cancel))), Code::Cancelled, &["token"]);
}

#[test]
fn a_file_that_is_no_tokenizer_is_refused() {
    let good = support::pack::tokenizer();
    for (what, json) in [
        ("nothing", ""),
        ("no JSON", "{"),
        ("no model", "{}"),
        ("cut", &good[..good.len() / 2]),
        ("a list", "[]"),
    ] {
        refused(
            what,
            Tokenizer::from_bytes(json.as_bytes()).map(|_| ()),
            Code::InvalidTokenizer,
            &["tokenizer"],
        );
    }
}
