//! Policies at work: decisions, streams cut anywhere, redaction, records.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use support::{Function, Random, logits, pack, refused};
use trueline_core::Code;
use trueline_core::engine::filter::{Decision, Filter, FilterOptions, RECORD_BYTES, Record, Stream};
use trueline_core::engine::policy::Policy;
use trueline_core::engine::{Action, Guard, Reason};
use trueline_core::model::manifest::Manifest;
use trueline_core::model::tensor::{Data, Tensor};
use trueline_core::model::tokenizer::Tokenizer;
use trueline_core::scoring::guard::hidden::Encoding;
use trueline_core::scoring::guard::sentences;

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

fn judge(filter: &Arc<Filter>, text: &str) -> Decision {
    Filter::judge(filter, text.as_bytes(), &FilterOptions::default())
}

fn shown<'a>(text: &'a str, decision: &Decision) -> Vec<&'a str> {
    decision.spans.iter().map(|s| &text[s.bytes.clone()]).collect()
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

const MODEL: &str = r#"policy = 1
name = "model"
[stream]
decay = 0.0
[[category]]
name = "rude"
threshold = 0.6
languages = { de = 0.9, fr = 0.4 }
[[category]]
name = "insult"
[[words]]
category = "insult"
list = ["grobian"]
"#;

/// A guard whose `rude` is the share of the letter `z` among a window's tokens; counts its runs.
fn guard(runs: &Arc<AtomicUsize>) -> Arc<Guard> {
    guard_with(runs, &[])
}

/// The same, with changes to its manifest.
fn guard_with(runs: &Arc<AtomicUsize>, changes: &[(&str, &str)]) -> Arc<Guard> {
    let mut manifest = pack::manifest_text().replace("max_text_bytes = 2000", "max_text_bytes = 20000");
    for (old, new) in changes {
        assert!(manifest.contains(old), "{old}");
        manifest = manifest.replacen(old, new, 1);
    }
    let manifest = Manifest::parse(&manifest);
    let tokenizer = Tokenizer::from_bytes(pack::tokenizer().as_bytes()).expect("a good tokenizer");
    let runs = Arc::clone(runs);
    let backend = Function(move |inputs: &[Tensor], _: &_| {
        runs.fetch_add(1, Ordering::Relaxed);
        let Data::I64(ids) = inputs[0].data() else { panic!("ids are i64") };
        let z = 4 + 2 * 25;
        let content = (ids.len() - 2) as f32;
        let share = ids.iter().filter(|id| **id == z || **id == z + 1).count() as f32 / content;
        let logit = if ids.contains(&(4 + 2 * 24)) { f32::NAN } else { (share - 0.5) * 10.0 };
        Ok(logits(&[logit, -9.0, -9.0]))
    });
    Arc::new(
        Guard::from_parts(manifest.expect("good"), tokenizer, Box::new(backend)).expect("parts that fit"),
    )
}

fn with_model(runs: &Arc<AtomicUsize>) -> Arc<Filter> {
    let policy = Policy::parse("model", MODEL).expect("a good policy");
    Arc::new(Filter::new(Arc::new(policy), Some(guard(runs))).expect("a label for every category"))
}

#[test]
fn scores_are_held_against_the_thresholds_of_the_language() {
    let runs = Arc::default();
    let filter = with_model(&runs);
    for (language, action, threshold) in [
        (Some("en"), Action::Allow, 0.6_f32),
        (Some("de"), Action::Allow, 0.9),
        (Some("fr-CA"), Action::Block, 0.4),
        (None, Action::Block, 0.4),
        (Some("und"), Action::Block, 0.4),
    ] {
        let options = FilterOptions { language: language.map(str::to_owned), ..FilterOptions::default() };
        // Three of six: 0.5.
        let decision = Filter::judge(&filter, b"a z b z c z", &options);
        assert_eq!((decision.action, decision.categories[0].threshold), (action, threshold), "{language:?}");
        assert!((decision.categories[0].score - 0.5).abs() < 1e-6);
    }
    for empty in ["", " \n\u{a0}"] {
        assert_eq!((judge(&filter, empty).action, judge(&filter, empty).risk), (Action::Allow, 0.0));
    }
    assert_eq!(judge(&filter, "\u{200b}\u{ad}").reason, Reason::Failed(Code::EmptyText));
    assert_eq!(
        (judge(&filter, "a y").action, judge(&filter, "a y").reason),
        (Action::Block, Reason::InvalidScore)
    );
    assert_eq!(judge(&filter, "a grobian").action, Action::Block);
    // A hidden text is scored, too: on its own it is nothing but "z".
    let hidden = judge(&filter, "a eiB6IHogeiB6IHogeiB6IHogeg== b");
    assert_eq!((hidden.action, hidden.categories[0].score > 0.9), (Action::Block, true));
}

#[test]
fn a_stream_with_a_model_scores_each_stride_once_and_ends_like_the_whole() {
    let runs = Arc::new(AtomicUsize::new(0));
    let filter = with_model(&runs);
    let mut random = Random(7);
    for round in 0..60 {
        let n = 20 + random.below(200);
        let letters = if round % 3 == 0 { "az" } else { "abcdefgh" };
        let text: String =
            (0..n).flat_map(|_| [letters.as_bytes()[random.below(letters.len())].into(), ' ']).collect();
        // Lone letters are words in disguise, and would be judged twice.
        let options = FilterOptions { language: Some("en".into()), plain: true, ..FilterOptions::default() };
        let whole = Filter::judge(&filter, text.as_bytes(), &options);
        runs.store(0, Ordering::Relaxed);
        let mut stream = Stream::new(Arc::clone(&filter), options).expect("a stream");
        let mut at = 0;
        while at < text.len() {
            let end = text.len().min(at + 1 + random.below(9));
            stream.push(&text.as_bytes()[at..end]).expect("a good text");
            at = end;
            // Held back: all that no window covered, which is less than a stride and what its last word may become.
            let progress = stream.progress();
            assert!(
                progress.blocked || progress.released + 2 * 3 + 12 + 7 * 7 >= progress.received,
                "{progress:?}"
            );
        }
        assert_eq!(stream.finish(), &whole, "round {round}");
        let at_most = n / 3 + 3;
        assert!(
            runs.load(Ordering::Relaxed) <= at_most,
            "{} runs for {n} tokens",
            runs.load(Ordering::Relaxed)
        );
        if stream.is_latched() {
            assert!(stream.progress().blocked && stream.progress().released < text.len());
        } else if whole.action == Action::Allow {
            assert_eq!(stream.progress().released, text.len());
        }
    }
}

#[test]
fn a_sentence_is_judged_without_its_neighbours_and_held_back_until_then() {
    let policy = || Arc::new(Policy::parse("model", MODEL).expect("a good policy"));
    let runs = Arc::default();
    let by_windows = Arc::new(Filter::new(policy(), Some(guard(&runs))).expect("labels"));
    let sentences_of_six = ("stride = 3", "stride = 3\nsentence_tokens = 6");
    let filter = |changes: &[_]| {
        Arc::new(Filter::new(policy(), Some(guard_with(&runs, changes))).expect("labels for every category"))
    };
    let by_sentences = filter(&[sentences_of_six]);
    let options = FilterOptions { language: Some("en".into()), plain: true, ..FilterOptions::default() };
    // Two of three, and never more than two of the six of a window.
    let text = "a b c d. z z. f g h i j. k l m n o p q r s t u v w";
    assert_eq!(Filter::judge(&by_windows, text.as_bytes(), &options).action, Action::Allow);
    let whole = Filter::judge(&by_sentences, text.as_bytes(), &options);
    assert_eq!((whole.action, shown(text, &whole)), (Action::Block, vec!["z z."]));
    let frames = filter(&[sentences_of_six, ("threshold = 0.5\n", "threshold = 0.5\nsentences = false\n")]);
    assert_eq!(Filter::judge(&frames, text.as_bytes(), &options).action, Action::Allow);

    let mut random = Random(11);
    for round in 0..200 {
        let n = 20 + random.below(150);
        let letters = if round % 2 == 0 { "zabcde.." } else { "abcdefgh." };
        let (mut text, mut offsets) = (String::from("b"), vec![(0, 1)]);
        for _ in 0..n {
            let letter = char::from(letters.as_bytes()[random.below(letters.len())]);
            // As canonical text has it.
            text.push_str(if letter == '.' { "" } else { " " });
            text.push(letter);
            offsets.push((text.len() - 1, text.len()));
        }
        let whole = Filter::judge(&by_sentences, text.as_bytes(), &options);
        let mut pieces = Vec::new();
        sentences::pieces(&text, &offsets, 6, &mut pieces).expect("six tokens and more");
        let bad = pieces.iter().map(|piece| offsets[piece.start].0..offsets[piece.end - 1].1);
        let bad = bad.filter(|span| {
            Filter::judge(&by_windows, &text.as_bytes()[span.clone()], &options).action == Action::Block
        });
        // The place from which on nothing may be shown.
        let until = bad.map(|span| span.start).min().unwrap_or(text.len());
        let mut stream = Stream::new(Arc::clone(&by_sentences), options.clone()).expect("a stream");
        let mut at = 0;
        while at < text.len() {
            let end = text.len().min(at + 1 + random.below(9));
            stream.push(&text.as_bytes()[at..end]).expect("a good text");
            at = end;
            assert!(stream.progress().released <= until, "{:?} of {text:?}", stream.progress());
        }
        assert_eq!(stream.finish(), &whole, "round {round}: {text:?}");
        assert!(until == text.len() || whole.action == Action::Block, "{text:?}");
    }
}

#[test]
fn a_policy_that_nothing_can_serve_is_refused() {
    let policy = |text: &str| Arc::new(Policy::parse("p", text).expect("a good policy"));
    let runs = Arc::default();
    refused(
        "no pack",
        Filter::new(policy(MODEL), None),
        Code::InvalidArgument,
        &["category rude", "no rule", "no pack"],
    );
    let other = MODEL.replace("\"rude\"", "\"crude\"");
    refused(
        "label",
        Filter::new(policy(&other), Some(guard(&runs))),
        Code::InvalidArgument,
        &["crude", "pack test"],
    );
    let labels = MODEL.replace("threshold = 0.6", "threshold = 0.6\nlabels = [\"leak\", \"lek\"]");
    refused(
        "labels",
        Filter::new(policy(&labels), Some(guard(&runs))),
        Code::InvalidArgument,
        &["\"lek\"", "pack test"],
    );
    let named = MODEL.replace("name = \"model\"", "name = \"model\"\npacks = [\"guard-en\"]");
    refused(
        "packs",
        Filter::new(policy(&named), Some(guard(&runs))),
        Code::InvalidArgument,
        &["guard-en, not for test"],
    );
    refused("none", Filter::new(policy(&named), None), Code::Unavailable, &["needs the pack guard-en"]);
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
