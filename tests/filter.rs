//! Policies at work: decisions, streams cut anywhere, redaction, records.

mod support;

use std::sync::Arc;
use std::time::Duration;

use support::{Random, judge, refused, shown};
use trueline_core::Code;
use trueline_core::engine::filter::{Decision, Filter, FilterOptions, RECORD_BYTES, Record, Stream};
use trueline_core::engine::policy::Policy;
use trueline_core::engine::{Action, Reason};
use trueline_core::scoring::guard::hidden::Encoding;

const RULES: &str = r#"policy = 1
name = "rules"
[[category]]
name = "insult"
action = "block"
[[category]]
name = "contact"
action = "redact"
[[category]]
name = "note"
action = "review"
roles = ["user"]
[[words]]
category = "insult"
list = ["grobian", "go away"]
[[words]]
category = "note"
match = "substring"
list = ["stadt"]
[[allow]]
list = ["stadtplan"]
[[pii]]
category = "contact"
kinds = ["email", "card", "iban", "phone", "ip", "key"]
[[regex]]
category = "contact"
pattern = '\bK-\d{3,9}\b'
"#;

fn rules() -> Arc<Filter> {
    let policy = Policy::parse("rules", RULES).expect("a good policy");
    Arc::new(Filter::new(Arc::new(policy), None).expect("rules for every category"))
}

#[test]
fn the_strictest_action_of_what_is_found_counts() {
    let filter = rules();
    for (text, action, spans) in [
        ("good day", Action::Allow, vec![]),
        ("", Action::Allow, vec![]),
        ("write to a@b.org or call", Action::Redact, vec!["a@b.org"]),
        ("Innenstadt", Action::Review, vec!["stadt"]),
        ("ein Stadtplan", Action::Allow, vec![]),
        ("you Grobian, a@b.org", Action::Block, vec!["Grobian", "a@b.org"]),
        ("gr0b\u{456}an", Action::Block, vec!["gr0b\u{456}an"]),
        ("g r o b i a n", Action::Block, vec!["g r o b i a n"]),
        ("go\u{200b} away", Action::Block, vec!["go\u{200b} away"]),
        ("\u{ff27}rob\u{ad}ian", Action::Block, vec!["\u{ff27}rob\u{ad}ian"]),
    ] {
        let decision = judge(&filter, text);
        assert_eq!((decision.action, shown(text, &decision)), (action, spans), "{text:?}");
        let flagged = decision.categories.iter().any(|c| c.flagged);
        assert_eq!(decision.reason == Reason::Flagged, flagged);
        assert_eq!(decision.risk, if flagged { 1.0 } else { 0.0 });
    }
}

#[test]
fn hidden_texts_are_judged_where_they_stand() {
    let filter = rules();
    let tags: String = "go away".chars().filter_map(|c| char::from_u32(0xe0000 + c as u32)).collect();
    for (part, encoding) in [
        ("cGxlYXNlIGdvIGF3YXkgbm93", Encoding::Base64),
        ("676f20617761792c2067726f6269616e", Encoding::Hex),
        ("%67%6f%20away%20now", Encoding::Percent),
        (tags.as_str(), Encoding::Tags),
        // Base64 in base64.
        ("Y0d4bFlYTmxJR2R2SUdGM1lYa2dibTkz", Encoding::Base64),
    ] {
        let text = format!("read {part} please");
        let decision = judge(&filter, &text);
        assert_eq!(decision.action, Action::Block, "{part}");
        assert!(
            decision.spans.iter().all(|s| &text[s.bytes.clone()] == part && s.hidden == Some(encoding)),
            "{part}"
        );
    }
}

#[test]
fn roles_and_languages_choose_the_categories() {
    let filter = rules();
    let text = "Innenstadt";
    for (role, action) in [
        (None, Action::Review),
        (Some(trueline_core::model::manifest::Role::User), Action::Review),
        (Some(trueline_core::model::manifest::Role::Tool), Action::Allow),
    ] {
        let options = FilterOptions { role, ..FilterOptions::default() };
        assert_eq!(Filter::judge(&filter, text.as_bytes(), &options).action, action);
    }
}

#[test]
fn redaction_replaces_whole_spans_and_nothing_else() {
    let filter = rules();
    for (text, wanted) in [
        ("mail a@b.org, c@d.org.", "mail [contact], [contact]."),
        ("K-123 and 4111 1111 1111 1111", "[contact] and [contact]"),
        ("\u{e9}\u{1f600} a@b.org \u{e9}", "\u{e9}\u{1f600} [contact] \u{e9}"),
        ("nothing", "nothing"),
    ] {
        let decision = judge(&filter, text);
        assert_eq!(filter.redact(text, &decision).as_deref(), Ok(wanted));
    }
    let decision = judge(&filter, "mail a@b.org, c@d.org.");
    refused(
        "another text",
        filter.redact("short", &decision),
        Code::InvalidArgument,
        &["not one of this text"],
    );
}

#[test]
fn what_cannot_be_judged_blocks_unless_the_policy_says_otherwise() {
    let filter = rules();
    let long = vec![b'a'; (1 << 20) + 1];
    let timeout = FilterOptions { timeout: Some(Duration::ZERO), ..FilterOptions::default() };
    for (text, options, code) in [
        (&b"\xff"[..], FilterOptions::default(), Code::Utf8),
        (b"go \xe2\x82", FilterOptions::default(), Code::Utf8),
        (&long, FilterOptions::default(), Code::TooLarge),
        (b"fine", timeout, Code::DeadlineExceeded),
    ] {
        let decision = Filter::judge(&filter, text, &options);
        assert_eq!(
            (decision.action, decision.reason, decision.risk),
            (Action::Block, Reason::Failed(code), 1.0)
        );
        assert_eq!(decision.error.map(|e| e.code), Some(code));
    }
    let lax = RULES.replace(
        "[[category]]\nname = \"insult\"",
        "on_failure = \"review\"\n[[category]]\nname = \"insult\"",
    );
    let policy = Policy::parse("lax", &lax).expect("a good policy");
    let lax = Arc::new(Filter::new(Arc::new(policy), None).expect("rules"));
    assert_eq!(Filter::judge(&lax, b"\xff", &FilterOptions::default()).action, Action::Review);
}

/// Pieces that texts for the streams are made of.
const PIECES: [&str; 24] = [
    "hello ",
    "go ",
    "away ",
    "grob",
    "ian ",
    "a@b",
    ".org ",
    "4111 1111 ",
    "1111 1111 ",
    "K-12",
    "345 ",
    "\n",
    "  ",
    "e\u{301}",
    "\u{200b}",
    "\u{e0067}\u{e006f}",
    "\u{1f600}",
    "cGxlYXNlIGdv",
    "IGF3YXkgbm93 ",
    "g r o b ",
    "i a n ",
    "stadt",
    "plan ",
    "DE89 3704 0044 0532 0130 00 ",
];

fn random_text(random: &mut Random, bytes: usize) -> String {
    let mut text = String::new();
    // From crowded to nearly harmless.
    let rarity = [3, 60, 600][random.below(3)];
    while text.len() < bytes {
        let piece = if random.below(rarity) > 0 { 0 } else { random.below(PIECES.len()) };
        text.push_str(PIECES[piece]);
    }
    text
}

/// Feeds a text cut at random, and checks what must hold on the way.
fn streamed(filter: &Arc<Filter>, text: &[u8], random: &mut Random) -> (Decision, String, Vec<usize>) {
    let mut stream = Stream::new(Arc::clone(filter), FilterOptions::default()).expect("a stream");
    let (mut at, mut out, mut releases) = (0, String::new(), vec![]);
    while at < text.len() {
        let most = if random.below(4) == 0 { 3000 } else { 40 };
        let end = text.len().min(at + 1 + random.below(most));
        if stream.push(&text[at..end]).is_err() {
            break;
        }
        at = end;
        let progress = stream.progress();
        assert!(progress.released <= progress.received && progress.received <= at);
        assert!(releases.last().is_none_or(|last| *last <= progress.released));
        releases.push(progress.released);
        out.push_str(&stream.take());
    }
    let decision = stream.finish().clone();
    assert_eq!(stream.finish(), &decision, "a second end changes nothing");
    out.push_str(&stream.take());
    assert!(stream.progress().finished && stream.push(b"more").is_err());
    (decision, out, releases)
}

#[test]
fn a_stream_cut_anywhere_ends_with_the_decision_of_the_whole() {
    let filter = rules();
    let seed = 20_260_101;
    let mut random = Random(seed);
    let (mut blocked, mut released_early) = (0, 0);
    for round in 0..300 {
        let size = [40_000, 400, 3000, 400, 3000][round % 5];
        let text = random_text(&mut random, size);
        let whole = judge(&filter, &text);
        let (decision, out, releases) = streamed(&filter, text.as_bytes(), &mut random);
        assert_eq!(decision, whole, "seed {seed}, round {round}");
        let last = releases.last().copied().unwrap_or(0);
        released_early += usize::from(last > 0 && last < text.len());
        if matches!(whole.action, Action::Allow | Action::Redact) {
            assert_eq!(Ok(out), filter.redact(&text, &whole), "seed {seed}, round {round}");
        } else {
            blocked += 1;
            let first = whole.spans.iter().filter(|s| s.category != 1).map(|s| s.bytes.start).min();
            assert!(
                last <= first.unwrap_or(0),
                "seed {seed}, round {round}: {last} released, {first:?} is to be stopped"
            );
        }
    }
    println!("{blocked} blocked, {released_early} released on the way");
    assert!(blocked > 20 && released_early > 50);
}

#[test]
fn a_match_across_pushes_is_never_shown() {
    let filter = rules();
    for part in ["grobian", "go away", "g r o b i a n", "gr0b\u{456}an"] {
        let before = "some harmless words, ".repeat(80);
        let text = format!("{before}{part} and more");
        for cut in (0..=text.len()).filter(|at| text.is_char_boundary(*at) && *at + 30 > before.len()) {
            let mut stream = Stream::new(Arc::clone(&filter), FilterOptions::default()).expect("a stream");
            for piece in [&text[..cut], &text[cut..]] {
                stream.push(piece.as_bytes()).expect("a good text");
                assert!(stream.progress().released <= before.len(), "{part}, cut at {cut}");
            }
            assert!(stream.progress().released > 0 || cut > before.len(), "{part}, cut at {cut}");
            assert_eq!(stream.finish().action, Action::Block);
            assert!(stream.progress().blocked);
        }
    }
}

#[test]
fn a_stream_that_never_ends_is_ended() {
    let filter = rules();
    let mut stream = Stream::new(Arc::clone(&filter), FilterOptions::default()).expect("a stream");
    let piece = "word after word ".repeat(64);
    let mut pushed = 0;
    let error = loop {
        match stream.push(piece.as_bytes()) {
            Ok(_) => pushed += piece.len(),
            Err(error) => break error,
        }
        assert!(pushed <= 1 << 20);
    };
    assert_eq!(error.code, Code::TooLarge);
    assert!(stream.progress().blocked && stream.push(b"x").is_err());
    assert_eq!(
        (stream.finish().action, stream.finish().reason),
        (Action::Block, Reason::Failed(Code::TooLarge))
    );
}

#[test]
fn bytes_that_are_no_text_end_a_stream_wherever_they_are_cut() {
    let filter = rules();
    let text = b"good \xf0\x9f\x98\x80 \xe2\x28\xa1 rest";
    for cut in 0..text.len() {
        let mut stream = Stream::new(Arc::clone(&filter), FilterOptions::default()).expect("a stream");
        let pushed = stream.push(&text[..cut]).and_then(|_| stream.push(&text[cut..]));
        refused("broken", pushed, Code::Utf8, &["at byte 10"]);
        let decision = stream.finish();
        assert_eq!((decision.action, decision.reason), (Action::Block, Reason::Failed(Code::Utf8)));
    }
    let mut stream = Stream::new(filter, FilterOptions::default()).expect("a stream");
    stream.push(b"half \xf0\x9f").expect("the rest may come");
    assert_eq!(stream.finish().reason, Reason::Failed(Code::Utf8));
}

#[test]
fn a_record_has_one_size_no_text_and_is_the_same_each_time() {
    let filter = rules();
    let text = "you Grobian, write to secret.person@b.org";
    let record = Record::new(&filter, &judge(&filter, text), 0);
    assert_eq!(record.to_bytes(), Record::new(&filter, &judge(&filter, text), 0).to_bytes());
    assert_eq!(record.to_bytes().len(), RECORD_BYTES);
    let json: serde_json::Value = serde_json::from_str(&record.to_json()).expect("JSON");
    assert_eq!((&json["action"], &json["n_flagged"]), (&"block".into(), &2.into()));
    assert_eq!(json["categories"][0]["name"], "insult");
    assert_eq!(json["categories"][0]["start"], 4);
    assert_eq!(json["policy_sha256"], filter.policy().sha256());
    assert!(!record.to_json().contains("Grobian") && !record.to_json().contains("secret"));
    let failed = Filter::judge(&filter, b"\xff", &FilterOptions::default());
    let failed = Record::new(&filter, &failed, 12);
    assert_eq!(
        (failed.action_name(), failed.reason_name(), failed.code),
        ("block", "failed", Code::Utf8 as i32)
    );
    let zeros = Record { latency_us: 0, ..failed };
    assert_ne!(zeros.to_bytes(), failed.to_bytes());
}
