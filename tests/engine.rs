//! From windows to a verdict, over recorded logits.

mod support;

use std::sync::Arc;

use support::pack::{files, manifest_text, tar, tokenizer};
use support::{Function, bytes, logits, refused, session, session_of};
use trueline_core::engine::{Action, Config, Engine, Guard, GuardOptions, Reason, Session, Span, Verdict};
use trueline_core::model::backend::replay::Replay;
use trueline_core::model::backend::{Backend, Memory};
use trueline_core::model::control::Control;
use trueline_core::model::manifest::{Manifest, Role};
use trueline_core::model::pack::Pack;
use trueline_core::model::tensor::{Data, Tensor};
use trueline_core::model::tokenizer::Tokenizer;
use trueline_core::{Code, Error};

/// Nine tokens: the windows are tokens 0..6 and 3..9, so bytes 0..11 and 6..17.
const TEXT: &str = "a b c d e f g h i";
const CALM: [f32; 3] = [-2.0, -2.0, -2.0];

/// A session over these logits, one window's after the other's, and what it was asked.
fn replayed(rows: &[[f32; 3]]) -> (Session, Arc<Replay>) {
    let replay = Arc::new(Replay::new(rows.iter().map(|row| logits(row)).collect()));
    let backend = Arc::clone(&replay);
    let run =
        move |inputs: &[Tensor], control: &Control| backend.run(&mut Memory::default(), inputs, control);
    (session(&manifest_text(), tokenizer().as_bytes(), Function(run)), replay)
}

fn judge(rows: &[[f32; 3]], text: &str, options: &GuardOptions) -> Verdict {
    let (mut session, replay) = replayed(rows);
    // Lone letters are a word in disguise.
    let options = GuardOptions { plain: true, ..options.clone() };
    let verdict = session.guard(text.as_bytes(), &options).expect("a verdict");
    assert_eq!((verdict.windows, replay.inputs().len()), (rows.len(), rows.len()));
    verdict
}

fn span_of(verdict: &Verdict) -> (usize, usize) {
    assert_eq!(verdict.spans.len(), 1, "{:?}", verdict.spans);
    (verdict.spans[0].start, verdict.spans[0].end)
}

fn sigmoid(x: f64) -> f32 {
    (1.0 / (1.0 + (-x).exp())) as f32
}

#[test]
fn a_verdict_nobody_filled_in_blocks() {
    let verdict = Verdict::default();
    assert_eq!((verdict.action, verdict.reason), (Action::Block, Reason::Failed(Code::Internal)));
    assert_eq!((verdict.risk, verdict.windows), (1.0, 0));
    assert_eq!(Action::default() as i32, 0);
    assert_eq!(Verdict::failed(Code::Utf8).action, Action::Block);
}

#[test]
fn the_highest_window_of_each_category_counts() {
    // Temperatures 1, 2, 0.5; thresholds 0.5, 0.75, 0.9.
    let verdict = judge(&[[-2.0, 4.0, 0.5], [1.0, 2.0, -1.0]], TEXT, &GuardOptions::default());
    assert_eq!((verdict.action, verdict.reason), (Action::Block, Reason::Flagged));
    let scores: Vec<_> = verdict.categories.iter().map(|c| (c.label, c.score, c.flagged)).collect();
    assert_eq!(scores, [(0, sigmoid(1.0), true), (1, sigmoid(2.0), true), (2, sigmoid(1.0), false)]);
    assert_eq!(verdict.risk, sigmoid(2.0));
    let span = |start, end, label, score| Span { start, end, label, score };
    assert_eq!(verdict.spans, [span(6, 17, 0, sigmoid(1.0)), span(0, 11, 1, sigmoid(2.0))]);
}

#[test]
fn a_score_at_its_threshold_is_flagged() {
    for (logit, action) in [(0.0, Action::Block), (-0.000_01, Action::Allow)] {
        let verdict = judge(&[[logit, -9.0, -9.0]], "a b", &GuardOptions::default());
        assert_eq!(verdict.action, action, "{logit}");
        assert_eq!(verdict.spans.len(), usize::from(action == Action::Block));
    }
}

#[test]
fn a_calm_text_is_allowed() {
    let verdict = judge(&[CALM, CALM], TEXT, &GuardOptions::default());
    assert_eq!((verdict.action, verdict.reason), (Action::Allow, Reason::Clear));
    assert!(verdict.spans.is_empty() && verdict.categories.len() == 3);
    assert_eq!(verdict.risk, sigmoid(-1.0));
}

#[test]
fn the_model_gets_the_windows_between_special_tokens() {
    let (mut session, replay) = replayed(&[CALM; 4]);
    let options = GuardOptions { plain: true, ..GuardOptions::default() };
    session.guard(b"ab c d e f g h i [SEP]", &options).expect("a verdict");
    let tokenizer = Tokenizer::from_bytes(tokenizer().as_bytes()).expect("a good tokenizer");
    let ids = tokenizer.encode("ab c d e f g h i [SEP]", &Control::unlimited()).expect("a text").ids;
    assert_eq!(ids.len(), 14, "the special token is spelt: {ids:?}");
    let calls = replay.inputs();
    // The last window ends at the last token.
    for (call, start) in calls.iter().zip([0, 3, 6, 8]) {
        let window: Vec<i64> = ids[start..start + 6].iter().map(|&id| i64::from(id)).collect();
        let all = [&[2][..], &window, &[3]].concat();
        for (tensor, expected) in call.iter().zip([all, vec![1; 8], vec![0; 8]]) {
            assert_eq!((tensor.shape(), tensor.data()), (&[1, 8][..], &Data::I64(expected)));
        }
    }
}

#[test]
fn spans_are_bytes_of_the_text_as_given() {
    let second = [CALM, [3.0, -9.0, -9.0]];
    for text in [
        "\u{200b}a b c d e f g h i",
        "a\u{200b} b\u{ad} c d e f g h i",
        "a b c \u{200b}\u{200b}d e f\u{feff} g h i",
        "a    b c\u{a0}\u{a0}d e f g h i\u{200b}  ",
        "ａ b c d e f g h ｉ",
        "é b c d e f g h i!"[..18].trim_end_matches('!'),
    ] {
        let verdict = judge(&second, text, &GuardOptions::default());
        let last = text.char_indices().rfind(|(_, c)| "iｉ".contains(*c)).expect("an i");
        let expected = (text.find('d').expect("a d"), last.0 + last.1.len_utf8());
        assert_eq!(span_of(&verdict), expected, "{text:?}");
        assert!(text.get(expected.0..expected.1).is_some());
    }
}

#[test]
fn a_role_judges_its_own_labels() {
    let labels = |role| {
        let options = GuardOptions { role, ..GuardOptions::default() };
        let verdict = judge(&[[-9.0, 9.0, -9.0]], "a b", &options);
        let labels: Vec<_> = verdict.categories.iter().map(|c| c.label).collect();
        (labels, verdict.action)
    };
    assert_eq!(labels(None), (vec![0, 1, 2], Action::Block));
    assert_eq!(labels(Some(Role::User)), (vec![0, 1], Action::Block));
    assert_eq!(labels(Some(Role::Tool)), (vec![0, 1], Action::Block));
    assert_eq!(labels(Some(Role::Assistant)), (vec![0, 2], Action::Allow));
}

#[test]
fn a_paranoid_call_judges_the_text_as_given_too() {
    let options = GuardOptions { paranoid: true, ..GuardOptions::default() };
    let text = "a\u{200b}  b";
    let verdict = judge(&[CALM, [3.0, -9.0, -9.0]], text, &options);
    assert_eq!((verdict.action, span_of(&verdict)), (Action::Block, (0, text.len())));
    assert_eq!(judge(&[[3.0, -9.0, -9.0], CALM], text, &options).action, Action::Block);
    assert_eq!(judge(&[CALM, CALM], text, &options).action, Action::Allow);
    // Canonical text already: once is enough. And without the option, always.
    judge(&[CALM], "a b", &options);
    judge(&[CALM], text, &GuardOptions::default());
}

#[test]
fn a_score_that_is_no_number_blocks() {
    for (at, window) in [(0, 0), (1, 0), (2, 1)] {
        let mut rows = [CALM, CALM];
        rows[window][at] = f32::NAN;
        let verdict = judge(&rows, TEXT, &GuardOptions::default());
        assert_eq!((verdict.action, verdict.reason), (Action::Block, Reason::InvalidScore));
        assert_eq!(verdict.risk, 1.0);
    }
    let verdict = judge(&[[f32::NAN; 3]], "a", &GuardOptions::default());
    assert!(verdict.categories.iter().all(|c| c.score == 1.0));
    let verdict = judge(&[[f32::INFINITY, -9.0, -9.0]], "a", &GuardOptions::default());
    assert_eq!((verdict.action, verdict.risk), (Action::Block, 1.0));
    let verdict = judge(&[[f32::NEG_INFINITY; 3]], "a", &GuardOptions::default());
    assert_eq!((verdict.action, verdict.risk), (Action::Allow, 0.0));
}

#[test]
fn outputs_of_another_shape_are_refused() {
    let tensor = |shape: &[usize], data| Tensor::new(shape.to_vec(), data).expect("the right number");
    for (what, outputs) in [
        ("none", vec![]),
        ("two labels", logits(&[0.0; 2])),
        ("one axis", vec![tensor(&[3], Data::F32(vec![0.0; 3]))]),
        ("two rows", vec![tensor(&[2, 3], Data::F32(vec![0.0; 6]))]),
        ("turned", vec![tensor(&[3, 1], Data::F32(vec![0.0; 3]))]),
        ("integers", vec![tensor(&[1, 3], Data::I64(vec![0; 3]))]),
    ] {
        let mut session = session_of(move |_, _| Ok(outputs.clone()));
        let found = session.guard(b"a b", &GuardOptions::default());
        refused(what, found, Code::ModelMismatch, &["\"logits\" of pack test", "need [1, 3]"]);
    }
    let mut session = session_of(|_, _| Err(Error::new(Code::InvalidModel, "the backend's own words")));
    refused("own", session.guard(b"a", &GuardOptions::default()), Code::InvalidModel, &["own words"]);
}

#[test]
fn the_mean_state_is_that_of_all_windows() {
    let named = manifest_text().replace("logits = \"logits\" }", "logits = \"logits\", pooled = \"mean\" }");
    let tensor = |shape: &[usize], data| Tensor::new(shape.to_vec(), data).expect("the right number");
    // A window's mean state is its length and its number.
    let counted = |widths: Vec<usize>| {
        let calls = std::sync::atomic::AtomicUsize::new(0);
        let run = move |inputs: &[Tensor], _: &Control| {
            let n = inputs[0].shape()[1] as f32;
            let call = calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let mut state = vec![n, call as f32, 0.0];
            state.resize(widths[call % widths.len()], f32::NAN);
            let shape = [1, state.len()];
            Ok([logits(&CALM), vec![tensor(&shape, Data::F32(state))]].concat())
        };
        session(&named, tokenizer().as_bytes(), Function(run))
    };
    let control = Control::unlimited();
    // Two windows of six tokens and two special ones.
    assert_eq!(counted(vec![3]).pooled(TEXT, &control), Ok(vec![8.0, 0.5, 0.0]));
    assert_eq!(counted(vec![2]).pooled("a", &control), Ok(vec![3.0, 0.0]));
    refused(
        "another width",
        counted(vec![3, 2]).pooled(TEXT, &control),
        Code::ModelMismatch,
        &["\"mean\"", "had [1, 3]"],
    );
    for (widths, words) in [(vec![2, 3], "had [1, 2]"), (vec![0], "[1, width]")] {
        let found = counted(widths).pooled(TEXT, &control);
        refused(words, found, Code::ModelMismatch, &["\"mean\"", words]);
    }
    refused("no number", counted(vec![4]).pooled("a", &control), Code::InvalidModel, &["number 3", "NaN"]);
    refused("no token", counted(vec![3]).pooled("", &control), Code::EmptyText, &["no token is left"]);
    let long = "a ".repeat(1 << 20);
    refused("too long", counted(vec![3]).pooled(&long, &control), Code::TooLarge, &["2097152 bytes"]);
    let mut absent =
        session(&named, tokenizer().as_bytes(), Function(|_: &[Tensor], _: &Control| Ok(logits(&CALM))));
    refused("absent", absent.pooled("a", &control), Code::ModelMismatch, &["[1, width]"]);
    let mut without = session_of(|_, _| Ok(logits(&CALM)));
    refused(
        "no output",
        without.pooled("a", &control),
        Code::Unavailable,
        &["no output \"pooled\"", "it has logits"],
    );
}

#[test]
fn a_batch_is_its_texts_one_by_one() {
    let by_ids = |inputs: &[Tensor], _: &Control| {
        let Data::I64(ids) = inputs[0].data() else { panic!("ids are integers") };
        let sum: i64 = ids.iter().sum();
        Ok(logits(&[0, 1, 2].map(|l| ((sum * (7 + l)) % 13 - 11) as f32)))
    };
    let lines = bytes("tests/fixtures/tokenizer/lines.txt");
    let mut texts: Vec<&[u8]> = lines.split(|&b| b == b'\n').step_by(97).collect();
    texts.extend([&b""[..], b"\xff", &[b'a'; 2001], "\u{200b}".as_bytes(), TEXT.as_bytes()]);
    let options = GuardOptions { paranoid: true, ..GuardOptions::default() };
    let (mut one, mut many) = (session_of(by_ids), session_of(by_ids));
    let batch = many.guard_batch(&texts, &options);
    assert_eq!(batch.len(), texts.len());
    for (at, (text, found)) in texts.iter().zip(&batch).enumerate() {
        assert_eq!(*found, one.guard(text, &options), "text {at}");
    }
    let flagged = batch.iter().filter(|v| v.as_ref().is_ok_and(|v| v.reason == Reason::Flagged)).count();
    assert!(flagged > 10 && flagged < texts.len() - 10, "{flagged} of {}", texts.len());
}

#[test]
fn an_engine_needs_packs_of_different_names() {
    let pack = Pack::from_archive(&tar(&files())).expect("a good pack");
    let new = |packs: &[&Pack]| Engine::new(&Config::default(), packs);
    refused("none", new(&[]).map(|_| ()), Code::InvalidArgument, &["at least one pack"]);
    refused("twice", new(&[&pack, &pack]).map(|_| ()), Code::InvalidArgument, &["two packs are named test"]);
    let engine = new(&[&pack]).expect("one pack");
    assert_eq!(engine.guard(Some("test")).expect("it is there").pack_sha256(), pack.sha256());
    let other = Session::new(&engine, Some("other")).map(|_| ());
    refused("other", other, Code::Unavailable, &["no pack \"other\"", "it has test"]);
    let config = Config { isa: Some("abacus".into()), ..Config::default() };
    refused("isa", Engine::new(&config, &[&pack]).map(|_| ()), Code::InvalidArgument, &["\"abacus\""]);
}

#[test]
fn a_tokenizer_of_another_vocabulary_is_refused() {
    for (from, to, words) in [
        ("vocabulary = 88", "vocabulary = 89", ["has 88 tokens", "states 89"]),
        ("vocabulary = 88", "vocabulary = 0", ["has 88 tokens", "states 0"]),
        ("cls = 2", "cls = 88", ["no token 88", "gives for cls"]),
        ("pad = 0", "pad = 4000000000", ["no token 4000000000", "gives for pad"]),
    ] {
        let manifest = Manifest::parse(&manifest_text().replacen(from, to, 1)).expect("in range");
        let tokenizer = Tokenizer::from_bytes(tokenizer().as_bytes()).expect("a good tokenizer");
        let guard = Guard::from_parts(manifest, tokenizer, Box::new(Replay::default()));
        refused(to, guard.map(|_| ()), Code::InvalidTokenizer, &words);
    }
}
