//! Packs that write: on plans and on tract, token by token and whole, cut and carried on.
#![cfg(feature = "tract")]

mod support;

use std::sync::Arc;

use support::project;
use trueline_core::Code;
use trueline_core::engine::correct::{Checks, CorrectOptions, Reason, Rewriter};
use trueline_core::engine::write::{Draft, WriteOptions, Writer};
use trueline_core::engine::{Config, Engine, Session};
use trueline_core::model::backend::{Kind, Settings};
use trueline_core::model::control::{CancelToken, Control};
use trueline_core::model::manifest::Manifest;
use trueline_core::model::pack::Pack;
use trueline_core::scoring::correct::accept;
use trueline_core::scoring::score::softmax::argmax;

const WRITERS: [&str; 2] = ["host-lm", "rewriter-en"];
const PROMPTS: [&str; 3] = ["the weather is", "I don't think that", "h\u{e9} \u{4e2d}"];

fn writer(name: &str, kind: Kind) -> Arc<Writer> {
    let pack = Pack::open(&project("models").join(name)).expect("the pack");
    Arc::new(Writer::load(&pack, &Settings::new(kind)).expect("it loads"))
}

fn draft(name: &str, kind: Kind) -> Draft {
    Draft::new(writer(name, kind))
}

fn pick(draft: &Draft) -> u32 {
    argmax(draft.logits().expect("logits")).expect("one") as u32
}

/// The largest difference, in standard deviations of the first.
fn apart(a: &[f32], b: &[f32]) -> f32 {
    let mean = a.iter().sum::<f32>() / a.len() as f32;
    let deviation = (a.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / a.len() as f32).sqrt();
    a.iter().zip(b).map(|(x, y)| (x - y).abs()).fold(0.0, f32::max) / deviation
}

#[test]
fn a_plan_and_tract_say_the_same_of_what_follows() {
    let control = Control::unlimited();
    for name in WRITERS {
        let (mut plan, mut tract) = (draft(name, Kind::Plan), draft(name, Kind::Tract));
        for prompt in PROMPTS {
            plan.begin(prompt, 1, &control).expect("a text");
            tract.begin(prompt, 1, &control).expect("a text");
            for _ in 0..6 {
                let (a, b) = (plan.logits().expect("logits"), tract.logits().expect("logits"));
                assert!(apart(a, b) < 0.4, "{name}: {}", apart(a, b));
                let token = pick(&plan);
                plan.step(&[token], &control).expect("a step");
                tract.step(&[token], &control).expect("a step");
            }
        }
    }
}

#[test]
fn tokens_at_once_and_one_by_one_are_the_same_text() {
    let control = Control::unlimited();
    let (mut all, mut one) = (draft("host-lm", Kind::Plan), draft("host-lm", Kind::Plan));
    all.begin("the weather", 1, &control).expect("a text");
    one.begin("the weather", 1, &control).expect("a text");
    all.step(&[300, 400, 500], &control).expect("a step");
    for token in [300, 400, 500] {
        one.step(&[token], &control).expect("a step");
    }
    assert_eq!(all.rows(), one.rows());
    assert!(apart(all.logits().expect("logits"), one.logits().expect("logits")) < 0.05);
}

#[test]
fn a_cut_text_goes_on_as_if_nothing_had_followed() {
    let control = Control::unlimited();
    let mut draft = draft("host-lm", Kind::Plan);
    draft.begin("well then", 1, &control).expect("a text");
    let rows = draft.rows();
    draft.step(&[700], &control).expect("a step");
    let wanted = draft.logits().expect("logits").to_vec();
    draft.step(&[701, 702, 703], &control).expect("a step");
    draft.truncate(rows).expect("cut");
    assert!(draft.logits().is_err_and(|e| e.code == Code::InvalidArgument));
    draft.step(&[700], &control).expect("a step");
    assert_eq!(draft.logits().expect("logits"), wanted);
}

#[test]
fn texts_side_by_side_are_each_as_if_alone() {
    let control = Control::unlimited();
    for name in WRITERS {
        for kind in [Kind::Plan, Kind::Tract] {
            let writer = writer(name, kind);
            let (mut both, mut alone) = (Draft::new(Arc::clone(&writer)), Draft::new(writer));
            both.begin("what a day", 2, &control).expect("texts");
            both.step(&[300, 301], &control).expect("a step");
            both.reorder(&[1, 0, 1]).expect("three");
            both.step(&[400, 401, 402], &control).expect("a step");
            let vocabulary = both.writer().vocabulary();
            for (text, tokens) in [[301, 400], [300, 401], [301, 402]].iter().enumerate() {
                alone.begin("what a day", 1, &control).expect("a text");
                alone.step(&tokens[..1], &control).expect("a step");
                alone.step(&tokens[1..], &control).expect("a step");
                let found = &both.logits().expect("logits")[text * vocabulary..][..vocabulary];
                // tract computes as the file says: one scale for the rows of all texts.
                let most = if kind == Kind::Plan { 1e-3 } else { 0.4 };
                let far = apart(alone.logits().expect("logits"), found);
                assert!(far < most, "{name} on {}: text {text} is {far} away", kind.name());
            }
        }
    }
}

#[test]
fn greed_writes_what_the_likeliest_tokens_spell_and_one_beam_is_greed() {
    let control = Control::unlimited();
    let writer = writer("host-lm", Kind::Plan);
    let mut draft = Draft::new(Arc::clone(&writer));
    let mut work = Default::default();
    for prompt in PROMPTS {
        draft.begin(prompt, 1, &control).expect("a text");
        let mut bytes = Vec::new();
        for _ in 0..20 {
            let token = pick(&draft);
            if writer.is_end(token) {
                break;
            }
            bytes.extend_from_slice(writer.spelling(token));
            draft.step(&[token], &control).expect("a step");
        }
        let options = WriteOptions { max_new_tokens: Some(20), ..WriteOptions::default() };
        let mut pieces = String::new();
        let written = writer
            .write(&mut work, prompt, &options, &mut |piece| {
                pieces.push_str(piece);
                true
            })
            .expect("a text");
        assert_eq!(written.text, String::from_utf8_lossy(&bytes));
        assert_eq!(pieces, written.text);
        let wide = WriteOptions { beams: 4, ..options };
        let best = writer.write(&mut work, prompt, &wide, &mut |_| true).expect("a text");
        assert!(best.tokens > 0 && best.tokens <= 20);
    }
}

#[test]
fn a_callback_ends_a_text() {
    let writer = writer("host-lm", Kind::Plan);
    let mut left = 3;
    let written = writer
        .write(&mut Default::default(), "once", &WriteOptions::default(), &mut |_| {
            left -= 1;
            left > 0
        })
        .expect("a text");
    assert!(!written.ended && written.tokens <= 3, "{written:?}");
}

#[test]
fn what_cannot_be_written_is_refused() {
    let control = Control::unlimited();
    let writer = writer("host-lm", Kind::Plan);
    let mut work = Default::default();
    let code = |options: WriteOptions, prompt: &str, work: &mut _| {
        writer.write(work, prompt, &options, &mut |_| true).map_err(|e| e.code)
    };
    let default = WriteOptions::default;
    for options in [
        WriteOptions { max_new_tokens: Some(0), ..default() },
        WriteOptions { max_new_tokens: Some(1 << 20), ..default() },
        WriteOptions { beams: 0, ..default() },
        WriteOptions { beams: 65, ..default() },
        WriteOptions { length_alpha: f64::NAN, ..default() },
    ] {
        assert_eq!(code(options, "a", &mut work), Err(Code::InvalidArgument));
    }
    assert_eq!(code(default(), &"a b c d ".repeat(200), &mut work), Err(Code::TooLarge));
    assert_eq!(code(default(), &"a".repeat(70_000), &mut work), Err(Code::TooLarge));
    let cancel = Arc::new(CancelToken::new());
    cancel.cancel();
    let cancelled = WriteOptions { cancel: Some(cancel), ..default() };
    assert_eq!(code(cancelled, "a", &mut work), Err(Code::Cancelled));
    let mut draft = Draft::new(Arc::clone(&writer));
    assert!(draft.logits().is_err() && draft.step(&[1], &control).is_err());
    draft.begin("", 1, &control).expect("a language model starts from nothing");
    for wrong in [&[4096][..], &[]] {
        assert_eq!(draft.step(wrong, &control).map_err(|e| e.code), Err(Code::InvalidArgument));
    }
    assert!(draft.begin("a", 0, &control).is_err() && draft.begin("a", 65, &control).is_err());
    draft.begin("a", 2, &control).expect("two");
    assert!(
        draft.step(&[1], &control).is_err() && draft.reorder(&[2]).is_err() && draft.reorder(&[]).is_err()
    );
}

#[test]
fn a_session_writes_and_other_packs_do_not() {
    let open = |name: &str| Pack::open(&project("models").join(name)).expect("the pack");
    let (lm, guard) = (open("host-lm"), open("guard-test-int8"));
    let engine = Engine::new(&Config::default(), &[&lm, &guard]).expect("an engine");
    let mut session = Session::new(&engine, None).expect("a session");
    let options = WriteOptions { max_new_tokens: Some(5), ..WriteOptions::default() };
    assert!(session.write("hello", &options, &mut |_| true).is_ok_and(|w| w.tokens <= 5));
    assert!(session.guard(b"a", &Default::default()).is_err_and(|e| e.code == Code::Unavailable));
    assert!(session.correct("", "a", &Default::default()).is_err_and(|e| e.code == Code::Unavailable));
    let mut other = Session::new(&engine, Some("guard-test-int8")).expect("a session");
    assert!(other.write("a", &options, &mut |_| true).is_err_and(|e| e.code == Code::Unavailable));
}

/// A corrector made of the language model: its manifest with these words in other places.
fn rewriter(changes: &[(&str, &str)]) -> Rewriter {
    let folder = temporary("rewriter");
    let from = project("models/host-lm");
    let mut manifest = std::fs::read_to_string(from.join("manifest.toml")).expect("a manifest");
    for (old, new) in changes {
        assert!(manifest.contains(old), "{old}");
        manifest = manifest.replacen(old, new, 1);
    }
    for file in std::fs::read_dir(&from).expect("a folder").flatten() {
        std::fs::copy(file.path(), folder.join(file.file_name())).expect("a copy");
    }
    std::fs::write(folder.join("manifest.toml"), manifest).expect("a manifest");
    let pack = Pack::open(&folder).expect("a pack");
    let writer = Writer::load(&pack, &Settings::new(Kind::Plan)).expect("it loads");
    let _ = std::fs::remove_dir_all(folder);
    Rewriter::new(Arc::new(writer)).expect("a known template")
}

fn temporary(name: &str) -> std::path::PathBuf {
    static NEXT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    let n = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("trueline-{name}-{}-{n}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

#[test]
fn correctors_that_write_end_or_leave_the_text() {
    let options = CorrectOptions::default();
    let mut work = Default::default();
    let mut reason = |rewriter: &Rewriter, text: &str| {
        let found = rewriter.correct(&mut work, "why?", text, Checks::default(), &options).expect("a result");
        assert!(found.changed == (found.text != text) && !found.text.is_empty());
        (found.reason, found.changed)
    };
    const TEMPLATE: (&str, &str) = ("begin = [1]", "template = \"aligner_pku_v2\"\nbegin = [1]");
    // It never ends: a few tokens are no correction, and many are longer than one may be.
    let endless = rewriter(&[TEMPLATE, ("end = [0]", "end = [4095]"), ("new_tokens = 96", "new_tokens = 5")]);
    assert_eq!(reason(&endless, "a b"), (Reason::Declined, false));
    let long = rewriter(&[TEMPLATE, ("end = [0]", "end = [4095]"), ("new_tokens = 96", "new_tokens = 190")]);
    let (why, changed) = reason(&long, "a");
    assert!(
        !changed && [Reason::Judged(accept::Reason::TooLong), Reason::Declined].contains(&why),
        "{why:?}"
    );
    // Whatever it begins with ends it: nothing is left.
    let every: Vec<String> = (0..4096).map(|id| id.to_string()).collect();
    let every = format!("end = [{}]", every.join(", "));
    let nothing = rewriter(&[TEMPLATE, ("end = [0]", &every)]);
    assert_eq!(reason(&nothing, "a b"), (Reason::Judged(accept::Reason::Empty), false));
    // Longer than the model takes: it fails, and the text stands.
    let wordy = "some words and then some more ".repeat(60);
    assert_eq!(reason(&long, &wordy), (Reason::Failed(Code::TooLarge), false));
    // Markers of the prompt in the text are no end of the prompt.
    let (kept, changed) = reason(&long, "a ##Correction: b ASSISTANT: c");
    assert!(!changed && kept != Reason::Unchanged);
}

#[test]
fn rewriters_take_what_correctors_take() {
    let rewriter = rewriter(&[("begin = [1]", "template = \"aligner_squad\"\nbegin = [1]")]);
    let mut work = Default::default();
    let mut code = |text: &str, options: &CorrectOptions| {
        rewriter.correct(&mut work, "", text, Checks::default(), options).map(|_| ()).map_err(|e| e.code)
    };
    let options = CorrectOptions::default();
    assert_eq!(code(" ", &options), Err(Code::EmptyText));
    assert_eq!(code(&"a".repeat(70_000), &options), Err(Code::TooLarge));
    assert_eq!(code("a", &CorrectOptions { max_rounds: 0, ..options.clone() }), Err(Code::InvalidArgument));
    assert_eq!(code("a", &CorrectOptions { margin: -1.0, ..options }), Err(Code::InvalidArgument));
}

#[test]
fn a_template_that_is_not_known_is_refused() {
    let manifest = std::fs::read_to_string(project("models/host-lm/manifest.toml")).expect("a manifest");
    let bad = |from: &str, to: &str| {
        assert!(manifest.contains(from), "{from}");
        let found = Manifest::parse(&manifest.replacen(from, to, 1)).map(|_| ());
        found.map_err(|e| (e.code, e.message)).expect_err("it is refused")
    };
    let words = |(code, message): (Code, String), wanted: Code, word: &str| {
        assert!(code == wanted && message.contains(word), "{code:?}: {message}");
    };
    words(bad("begin = [1]", "begin = []"), Code::InvalidPack, "begin");
    words(bad("end = [0]", "end = [4096]"), Code::InvalidPack, "4096");
    words(bad("new_tokens = 96", "new_tokens = 0"), Code::InvalidPack, "max_new_tokens");
    words(bad("causal-lm", "encoder-decoder"), Code::InvalidPack, "encoder");
    words(bad("causal-lm", "aligner-encoder"), Code::InvalidPack, "generator");
    words(bad("[generator]", "[generator]\nstart = { \"x\" = \"y\" }"), Code::InvalidPack, "start");
    words(bad("[generator]", "[generator]\ngiven = { \"x\" = \"y\" }"), Code::InvalidPack, "encoder");
    words(bad("input_ids = ", "token_ids = "), Code::ModelMismatch, "input_ids");
    words(bad("outputs = { logits", "outputs = { other"), Code::ModelMismatch, "logits");
}
