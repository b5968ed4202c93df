//! Policies with a model: scores held against thresholds, streams, sentences by themselves.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use support::{Function, Random, judge, logits, pack, refused, shown};
use trueline_core::Code;
use trueline_core::engine::filter::{Filter, FilterOptions, Stream};
use trueline_core::engine::policy::Policy;
use trueline_core::engine::{Action, Guard, Reason};
use trueline_core::model::control::CancelToken;
use trueline_core::model::manifest::Manifest;
use trueline_core::model::tensor::{Data, Tensor};
use trueline_core::model::tokenizer::Tokenizer;
use trueline_core::scoring::guard::sentences;

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

/// A guard whose `rude` is the share of the letter `z` among a window's tokens, and no number with a `y`, or with an `x` among fewer than
/// five; counts its runs.
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
        let has = |letter: i64| ids.contains(&(4 + 2 * letter));
        let unsound = has(24) || has(23) && content < 5.0;
        let logit = if unsound { f32::NAN } else { (share - 0.5) * 10.0 };
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
fn a_sentence_whose_score_is_no_number_blocks() {
    let policy = || Arc::new(Policy::parse("model", MODEL).expect("a good policy"));
    let runs = Arc::default();
    // Sentences count for no label here, and still what is no number is no score.
    for label in ["threshold = 0.5\n", "threshold = 0.5\nsentences = false\n"] {
        let changes = [("stride = 3", "stride = 3\nsentence_tokens = 6"), ("threshold = 0.5\n", label)];
        let by_sentences =
            Arc::new(Filter::new(policy(), Some(guard_with(&runs, &changes))).expect("labels"));
        let by_windows = Arc::new(Filter::new(policy(), Some(guard(&runs))).expect("labels"));
        let options = FilterOptions { language: Some("en".into()), plain: true, ..FilterOptions::default() };
        let text = "a b c d e. f x g. h i j k l m n o p q r s";
        assert_eq!(Filter::judge(&by_windows, text.as_bytes(), &options).action, Action::Allow);
        let whole = Filter::judge(&by_sentences, text.as_bytes(), &options);
        assert_eq!((whole.action, whole.reason), (Action::Block, Reason::InvalidScore));
        let mut stream = Stream::new(by_sentences, options).expect("a stream");
        for byte in text.bytes() {
            stream.push(&[byte]).expect("a good text");
            assert!(stream.progress().released <= "a b c d e. ".len(), "{:?}", stream.progress());
        }
        assert!(stream.progress().blocked);
        assert_eq!(stream.finish(), &whole);
    }
}

#[test]
fn a_flood_of_short_lines_is_one_run_a_line_and_ends_at_the_deadline() {
    let policy = Arc::new(Policy::parse("model", MODEL).expect("a good policy"));
    let runs = Arc::default();
    let guard = guard_with(&runs, &[("stride = 3", "stride = 3\nsentence_tokens = 6")]);
    let filter = Arc::new(Filter::new(policy, Some(guard)).expect("labels for every category"));
    let plain = FilterOptions { language: Some("en".into()), plain: true, ..FilterOptions::default() };
    let lines = 3000;
    let mut random = Random(3);
    let mut letter = || char::from(b'a' + random.below(20) as u8);
    let text: String = (0..lines).map(|_| format!("{} {} {}\n", letter(), letter(), letter())).collect();
    runs.store(0, Ordering::Relaxed);
    assert_eq!(Filter::judge(&filter, text.as_bytes(), &plain).action, Action::Allow);
    // Windows are three tokens apart, too; a line that was there before is known.
    let ran = runs.load(Ordering::Relaxed);
    assert!((lines..=2 * lines).contains(&ran), "{ran} runs for {lines} lines");
    let timeout = Some(Duration::from_nanos(1));
    let late = Filter::judge(&filter, text.as_bytes(), &FilterOptions { timeout, ..plain.clone() });
    assert_eq!((late.action, late.reason), (Action::Block, Reason::Failed(Code::DeadlineExceeded)));
    let cancel = Arc::new(CancelToken::new());
    cancel.cancel();
    let stopped = Filter::judge(&filter, text.as_bytes(), &FilterOptions { cancel: Some(cancel), ..plain });
    assert_eq!((stopped.action, stopped.reason), (Action::Block, Reason::Failed(Code::Cancelled)));
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
