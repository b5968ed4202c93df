//! Answers inspected and corrected: over models that are functions of their tokens, and over the packs for tests.

mod support;

use std::time::Duration;

use support::letters::{EDITS, corrector, corrector_manifest, id, ids, inspector, model, tensor};
use support::pack::{LABELS, VOCABULARY, manifest_text, tokenizer};
use support::{Function, project, refused};
use trueline_core::engine::correct::{Checks, CorrectOptions, Correction, Corrector, Reason, Work};
use trueline_core::engine::{Config, Engine, Guard, Session};
use trueline_core::model::control::Control;
use trueline_core::model::manifest::Manifest;
use trueline_core::model::pack::Pack;
use trueline_core::model::tensor::Tensor;
use trueline_core::model::tokenizer::Tokenizer;
use trueline_core::scoring::correct::accept;
use trueline_core::scoring::correct::residual::apply;
use trueline_core::{Code, Error};

fn correct(text: &str) -> Correction {
    let options = CorrectOptions::default();
    corrector(model).correct(&mut Work::default(), "", text, Checks::default(), &options).expect("a result")
}

#[test]
fn words_are_kept_deleted_and_replaced() {
    let found = correct("a z b");
    assert_eq!((&found.text[..], found.changed, found.accepted), ("a b", true, true));
    assert_eq!(found.reason, Reason::Judged(accept::Reason::Accepted));
    assert_eq!(found.copy_ratio, Some(2.0 / 3.0));
    assert!(found.harm[0] >= 1.0 && found.harm[1] < 0.2, "{:?}", found.harm);
    assert_eq!(apply("a z b", &found.edits), found.text);
    assert_eq!(correct("a y b").text, "a so so b");
    assert_eq!(correct("Z a b c.").text, "A b c.");
    // A later bias, since the first leaves the text rude.
    assert_eq!(correct("a b x").text, "a b");
    // Windows of six tokens: the word to go stands in the last one.
    assert_eq!(correct("a b c d e f g h i j z k").text, "a b c d e f g h i j k");
}

#[test]
fn what_needs_nothing_is_left_and_what_cannot_be_helped_is_declined() {
    let calm = correct("a b c");
    assert_eq!((&calm.text[..], calm.accepted, calm.reason), ("a b c", true, Reason::Unchanged));
    for hopeless in ["a w b", "z", "a z z z z"] {
        let found = correct(hopeless);
        assert_eq!((&found.text[..], found.changed), (hopeless, false));
        assert_eq!((found.accepted, found.reason), (false, Reason::Declined), "{hopeless}");
    }
}

#[test]
fn bytes_around_an_edit_stay() {
    let text = "\u{feff}a  z\tb\u{200b}c\r\n";
    let found = correct(text);
    assert_eq!(found.text, "\u{feff}a\tb\u{200b}c\r\n");
    assert_eq!(apply(text, &found.edits), found.text);
}

#[test]
fn a_corrector_that_fails_leaves_the_text() {
    let fail = |inputs: &[Tensor], control: &Control| {
        if ids(inputs).contains(&id('q')) {
            return Err(Error::new(Code::InvalidModel, "no"));
        }
        model(inputs, control)
    };
    let corrector = corrector(fail);
    let mut work = Work::default();
    let options = CorrectOptions::default();
    let found = corrector.correct(&mut work, "", "a q", Checks::default(), &options).expect("the text");
    assert_eq!((&found.text[..], found.reason), ("a q", Reason::Failed(Code::InvalidModel)));
    assert!(!found.accepted && found.harm[0].is_nan());
    let options = CorrectOptions { timeout: Some(Duration::ZERO), ..options };
    let found = corrector.correct(&mut work, "", "a z b", Checks::default(), &options).expect("the text");
    assert_eq!((&found.text[..], found.reason), ("a z b", Reason::Failed(Code::DeadlineExceeded)));
    // Scores that are no numbers are no reason to pass.
    let nan = |inputs: &[Tensor], control: &Control| {
        let mut outputs = model(inputs, control)?;
        outputs[1] = tensor(vec![1, LABELS], vec![f32::NAN; LABELS]);
        Ok(outputs)
    };
    let found = self::corrector(nan)
        .correct(&mut work, "", "a z b", Checks::default(), &CorrectOptions::default())
        .expect("the text");
    assert_eq!((found.reason, found.changed), (Reason::Declined, false));
}

#[test]
fn an_inspector_and_a_guard_can_refuse_a_correction() {
    let (mut work, inspector) = (Work::default(), inspector());
    let checks = Checks { inspector: Some(&inspector), guard: None };
    let run = |work: &mut Work, text: &str, margin: f64| {
        let options = CorrectOptions { margin, ..CorrectOptions::default() };
        corrector(model).correct(work, "a", text, checks, &options).expect("a result")
    };
    assert_eq!(run(&mut work, "a z g", 0.0).text, "a g");
    // "zg" is one word; it goes, and what the inspector liked with it.
    let worse = run(&mut work, "a b zg", 0.0);
    assert_eq!((&worse.text[..], worse.reason), ("a b zg", Reason::Judged(accept::Reason::Score)));
    assert_eq!(run(&mut work, "a b zg", 0.9).text, "a b");
    let run = |inputs: &[Tensor], _: &Control| {
        let bad = !ids(inputs).contains(&id('z'));
        Ok(vec![tensor(vec![1, LABELS], vec![if bad { 9.0 } else { -9.0 }, -9.0, -9.0])])
    };
    let manifest = Manifest::parse(&manifest_text()).expect("a good manifest");
    let tokenizer = Tokenizer::from_bytes(tokenizer().as_bytes()).expect("a good tokenizer");
    let guard = Guard::from_parts(manifest, tokenizer, Box::new(Function(run))).expect("parts that fit");
    let checks = Checks { guard: Some(&guard), inspector: None };
    let found = corrector(model).correct(&mut work, "", "a z b", checks, &CorrectOptions::default());
    let found = found.expect("a result");
    assert_eq!((&found.text[..], found.reason), ("a z b", Reason::Judged(accept::Reason::Filter)));
}

#[test]
fn bad_input_is_refused_by_name() {
    let (mut work, corrector, inspector) = (Work::default(), corrector(model), inspector());
    let mut run = |text: &str, options: &CorrectOptions| {
        corrector.correct(&mut work, "", text, Checks::default(), options)
    };
    let options = CorrectOptions::default();
    refused("nothing", run("", &options), Code::EmptyText, &["0 bytes"]);
    refused("spaces", run(" \n", &options), Code::EmptyText, &["2 bytes"]);
    refused("long", run(&"a".repeat(2001), &options), Code::TooLarge, &["2001", "2000", "test"]);
    for (max_rounds, words) in [(0, "max_rounds is 0"), (9, "max_rounds is 9")] {
        let options = CorrectOptions { max_rounds, ..CorrectOptions::default() };
        refused("rounds", run("a", &options), Code::InvalidArgument, &[words, "1..=8"]);
    }
    let options = CorrectOptions { margin: f64::NAN, ..options };
    refused("margin", run("a", &options), Code::InvalidArgument, &["margin is NaN"]);
    let control = Control::unlimited();
    let inspect = |q: &str, a: &str| inspector.inspect(&mut Work::default(), q, a, &control);
    refused("no answer", inspect("a", " "), Code::EmptyText, &["answer"]);
    refused("long question", inspect(&"a".repeat(2001), "a"), Code::TooLarge, &["question", "2001"]);
    // Long answers are read in pieces, and the worst one counts: here those without a `g`.
    let short = inspect("a", "g").expect("a score");
    let long = inspect("a", "g a b c d e f a b c d e f").expect("a score");
    assert!(short == 0.5 && long < 0.3, "{short} {long}");
}

#[test]
fn manifests_of_correctors_are_read_strictly() {
    let good = corrector_manifest();
    let bad = |from: &str, to: &str, words: &[&str]| {
        assert!(good.contains(from), "{from}");
        refused(from, Manifest::parse(&good.replacen(from, to, 1)).map(|_| ()), Code::InvalidPack, words);
    };
    bad("\"rude\"]", "\"bold\"]", &["bold"]);
    bad("labels = [\"rude\"]", "labels = []", &["0 labels"]);
    bad("biases = [0.0, 4.0]", "biases = [nan]", &["NaN"]);
    bad("gate = 0.2", "gate = 1.5", &["gate is 1.5"]);
    bad("min_copy_ratio = 0.4", "min_copy_ratio = -1", &["min_copy_ratio"]);
    bad("\"odd\"", "\"\"", &["replacements"]);
    bad(EDITS, "", &["edit-tagger", "edits"]);
    bad("edit-tagger", "guard-encoder", &["guard-encoder", "none"]);
    bad("file = \"model.onnx\"", "file = \"../../model.onnx\"", &["../../model.onnx"]);
    bad("file = \"tokenizer.json\"", "file = \"../a/tokenizer.json\"", &["../a/tokenizer.json"]);
    let beside = Manifest::parse(&good.replacen("\"model.onnx\"", "\"../other-pack/model.onnx\"", 1));
    assert_eq!(beside.expect("a good manifest").model_beside(), Some("other-pack"));
    // A model with other widths than the manifest's is refused before it is used.
    let narrow = |inputs: &[Tensor], _: &Control| {
        let n = ids(inputs).len();
        Ok(vec![tensor(vec![1, n, 3], vec![0.0; 3 * n]), tensor(vec![1, LABELS], vec![0.0; LABELS])])
    };
    let manifest = Manifest::parse(&good).expect("a good manifest");
    let tokenizer = Tokenizer::from_bytes(tokenizer().as_bytes()).expect("a good tokenizer");
    assert_eq!(tokenizer.vocabulary(), VOCABULARY);
    let found = Corrector::from_parts(manifest, tokenizer, Box::new(Function(narrow))).map(|_| ());
    refused("narrow", found, Code::ModelMismatch, &["[1, 3, 3]", "[1, 3, 4]"]);
}

#[test]
fn packs_that_share_a_model_work_together() {
    let open = |name: &str| Pack::open(&project("models").join(name)).expect("a pack");
    let (corrector, inspector, guard) =
        (open("corrector-test"), open("inspector-test"), open("guard-test-int8"));
    assert_eq!(inspector.manifest().model_beside(), Some("corrector-test"));
    assert_eq!(inspector.manifest().model.sha256, corrector.manifest().model.sha256);
    let engine = Engine::new(&Config::default(), &[&corrector, &inspector, &guard]).expect("an engine");
    let mut session = Session::new(&engine, Some("corrector-test")).expect("a session");
    let mut alone = Session::new(&Engine::new(&Config::default(), &[&corrector]).expect("an engine"), None)
        .expect("a session");
    let mut changed = 0;
    for text in [
        "what a lovely day",
        "you are a silly fool",
        "This is a stupid, ugly mess. Go away!",
        "damn it all, you idiot",
    ] {
        for session in [&mut session, &mut alone] {
            let found = session.correct("why?", text, &CorrectOptions::default()).expect("a result");
            assert_eq!(apply(text, &found.edits), found.text);
            assert_eq!(found.changed, found.text != text);
            changed += usize::from(found.changed);
        }
    }
    assert!(changed > 0, "the packs for tests changed nothing");
    refused(
        "inspect",
        session.inspect("q", "a", &Control::unlimited()),
        Code::Unavailable,
        &["corrector-test"],
    );
    let mut session = Session::new(&engine, Some("inspector-test")).expect("a session");
    let score = session.inspect("why?", "because", &Control::unlimited()).expect("a score");
    assert!((0.0..=1.0).contains(&score));
    assert_eq!(score, session.inspect("why?", "because", &Control::unlimited()).expect("a score"));
}
