//! Requests on their way through filter, host, inspectors and correctors, over models that are functions of letters.

mod support;

use std::sync::Arc;
use std::time::Duration;

use support::letters::{corrector, ids, inspector, model};
use support::refused;
use trueline_core::engine::Action;
use trueline_core::engine::correct::AnyCorrector;
use trueline_core::engine::filter::Filter;
use trueline_core::engine::pipeline::{Outcome, Pipeline, PipelineOptions, Sink, Stage, Stages};
use trueline_core::engine::policy::Policy;
use trueline_core::model::control::{CancelToken, Control};
use trueline_core::model::tensor::Tensor;
use trueline_core::{Code, Error};

/// `secret` is blocked, codes are redacted, `z` asks for a correction, `look` for a person.
const RULES: &str = "policy = 1\nname = \"rules\"\n\
    [[category]]\nname = \"word\"\naction = \"block\"\n[[words]]\ncategory = \"word\"\nlist = [\"secret\"]\n\
    [[category]]\nname = \"rude\"\naction = \"correct\"\n[[words]]\ncategory = \"rude\"\nlist = [\"z\"]\n\
    [[category]]\nname = \"look\"\naction = \"review\"\n[[words]]\ncategory = \"look\"\nlist = [\"look\"]\n\
    [[category]]\nname = \"code\"\naction = \"redact\"\nreplacement = \"[code]\"\n\
    [[regex]]\ncategory = \"code\"\npattern = \"Q[0-9]+\"\n";

fn filter() -> Option<Arc<Filter>> {
    let policy = Policy::parse("rules", RULES).expect("a good policy");
    Some(Arc::new(Filter::new(Arc::new(policy), None).expect("rules alone")))
}

fn tagger() -> AnyCorrector {
    AnyCorrector::Tagger(Arc::new(corrector(model)))
}

fn pipeline(stages: Stages) -> Pipeline {
    Pipeline::new(stages).expect("stages that fit")
}

/// What becomes of an answer, the request as the host got it, and what was shown on the way.
fn run(pipeline: &mut Pipeline, request: &str, answer: &str) -> (Outcome, String, String) {
    let (mut asked, mut shown) = (String::new(), String::new());
    let mut host = |request: &str, sink: &mut Sink<'_>| {
        asked = request.to_owned();
        for byte in answer.as_bytes() {
            if !sink.push(&[*byte]) {
                break;
            }
        }
        Ok(())
    };
    let mut show = |text: &str| shown.push_str(text);
    let outcome =
        pipeline.run(request, &PipelineOptions::default(), &mut host, Some(&mut show)).expect("an outcome");
    (outcome, asked, shown)
}

fn stages(outcome: &Outcome) -> Vec<(Stage, &'static str)> {
    outcome.trace.iter().map(|step| (step.stage, step.decision)).collect()
}

#[test]
fn without_a_stage_the_answer_is_the_hosts() {
    let (outcome, asked, shown) = run(&mut pipeline(Stages::default()), "a?", "any z at all");
    assert_eq!(
        (outcome.action, &outcome.text[..], outcome.corrected),
        (Action::Allow, "any z at all", false)
    );
    assert_eq!((&asked[..], &shown[..]), ("a?", ""), "nothing is released where nothing judges");
    assert_eq!(stages(&outcome), [(Stage::Generate, "ok")]);
}

#[test]
fn the_filter_stands_before_and_behind_the_host() {
    let mut pipeline = pipeline(Stages { filter: filter(), ..Stages::default() });
    let (outcome, asked, shown) = run(&mut pipeline, "of Q12?", "it is Q77, no more of it");
    assert_eq!((&asked[..], &outcome.text[..]), ("of [code]?", "it is [code], no more of it"));
    assert_eq!((outcome.action, shown), (Action::Redact, outcome.text.clone()));
    assert_eq!(
        stages(&outcome),
        [(Stage::RequestFilter, "redact"), (Stage::Generate, "ok"), (Stage::AnswerFilter, "redact")]
    );
    let (outcome, asked, _) = run(&mut pipeline, "the secret?", "a");
    assert_eq!((outcome.action, &outcome.text[..], &asked[..]), (Action::Block, "", ""));
    let (outcome, _, shown) = run(&mut pipeline, "a?", "a secret that goes on");
    assert_eq!((outcome.action, &outcome.text[..]), (Action::Block, ""));
    assert!(!shown.contains("secret"), "{shown}");
    assert_eq!(run(&mut pipeline, "a?", "look here").0.action, Action::Review);
    // There is no corrector: what should be corrected is blocked.
    let (outcome, ..) = run(&mut pipeline, "a?", "a z b");
    assert_eq!((outcome.action, &outcome.text[..]), (Action::Block, ""));
}

#[test]
fn correctors_mend_what_the_filter_then_lets_pass() {
    let stages_of = |filter| Stages { filter, correctors: vec![(None, tagger())], ..Stages::default() };
    let mut pipeline = pipeline(stages_of(filter()));
    let (outcome, _, shown) = run(&mut pipeline, "a?", "a z b");
    assert_eq!((outcome.action, &outcome.text[..], outcome.corrected), (Action::Allow, "a b", true));
    assert_eq!(shown, "", "a corrector might change it");
    assert_eq!(
        stages(&outcome)[2..],
        [(Stage::AnswerFilter, "correct"), (Stage::Corrector, "accepted"), (Stage::FinalFilter, "allow")]
    );
    // What needs nothing is not judged again.
    let (outcome, ..) = run(&mut pipeline, "a?", "a b");
    assert_eq!((outcome.action, &outcome.text[..]), (Action::Allow, "a b"));
    assert_eq!(stages(&outcome)[2..], [(Stage::AnswerFilter, "allow"), (Stage::Corrector, "unchanged")]);
    // What cannot be mended is blocked; what is blocked is not mended.
    let (outcome, ..) = run(&mut pipeline, "a?", "z z z w");
    assert_eq!((outcome.action, outcome.corrected), (Action::Block, false));
    let (outcome, ..) = run(&mut pipeline, "a?", "a secret z");
    assert!(outcome.action == Action::Block && outcome.trace.iter().all(|s| s.stage != Stage::Corrector));
    // The part after generation alone, with and without a filter.
    let options = PipelineOptions::default();
    let outcome = pipeline.answer("a?", "a z Q1 b", &options).expect("an outcome");
    assert_eq!((outcome.action, &outcome.text[..]), (Action::Redact, "a [code] b"));
    let outcome = self::pipeline(stages_of(None)).answer("", "a z b", &options).expect("an outcome");
    assert_eq!((outcome.action, &outcome.text[..]), (Action::Allow, "a b"));
    let outcome = pipeline.answer("", "", &options).expect("an outcome");
    assert_eq!(stages(&outcome), [(Stage::AnswerFilter, "allow")]);
}

#[test]
fn an_inspector_calls_its_corrector_where_it_is_wanted() {
    let gated = vec![(Some(Arc::new(inspector())), tagger())];
    let mut pipeline = pipeline(Stages { correctors: gated, ..Stages::default() });
    let options = PipelineOptions::default();
    // One `g` is enough for it: 0.5, which is not below the bound.
    let outcome = pipeline.answer("", "a z g", &options).expect("an outcome");
    assert_eq!((&outcome.text[..], &stages(&outcome)[..]), ("a z g", &[(Stage::Inspector, "aligned")][..]));
    let outcome = pipeline.answer("", "a z b", &options).expect("an outcome");
    assert_eq!(outcome.text, "a b");
    let seen =
        [(Stage::Inspector, "misaligned"), (Stage::Corrector, "accepted"), (Stage::Inspector, "misaligned")];
    assert_eq!(stages(&outcome), seen);
    assert!(outcome.trace.iter().all(|step| step.who == "test 0.1.0" && step.error.is_none()));
    // A correction that the inspector finds worse is not taken.
    let strict = PipelineOptions { aligned_from: 0.9, ..options };
    let outcome = pipeline.answer("", "a b zg", &strict).expect("an outcome");
    assert_eq!((&outcome.text[..], stages(&outcome)[1]), ("a b zg", (Stage::Corrector, "score")));
}

#[test]
fn what_fails_leaves_the_text_or_blocks_it() {
    let fail = |inputs: &[Tensor], control: &Control| match ids(inputs).len() {
        3 => model(inputs, control),
        _ => Err(Error::new(Code::InvalidModel, "no")),
    };
    let failing = AnyCorrector::Tagger(Arc::new(corrector(fail)));
    let mut pipeline =
        pipeline(Stages { filter: filter(), correctors: vec![(None, failing)], ..Stages::default() });
    let (outcome, ..) = run(&mut pipeline, "a?", "a b c");
    assert_eq!((outcome.action, &outcome.text[..]), (Action::Allow, "a b c"));
    let last = outcome.trace.last().expect("a step");
    assert_eq!(
        (last.stage, last.decision, last.error),
        (Stage::Corrector, "failed", Some(Code::InvalidModel))
    );
    assert_eq!(run(&mut pipeline, "a?", "a z b").0.action, Action::Block);
    // A filter that is out of time blocks.
    let hurried = PipelineOptions { timeout: Some(Duration::ZERO), ..PipelineOptions::default() };
    let outcome = pipeline.answer("", "a b c", &hurried).expect("an outcome");
    assert_eq!((outcome.action, outcome.trace[0].error), (Action::Block, Some(Code::DeadlineExceeded)));
    let cancel = Arc::new(CancelToken::new());
    cancel.cancel();
    let cancelled = PipelineOptions { cancel: Some(cancel), ..PipelineOptions::default() };
    let outcome = pipeline.answer("", "a b c", &cancelled).expect("an outcome");
    assert_eq!((outcome.action, outcome.trace[0].error), (Action::Block, Some(Code::Cancelled)));
    // A host that fails, and an answer that is no text.
    let options = PipelineOptions::default();
    let failed = pipeline.run("a?", &options, &mut |_, _| Err("no power".into()), None);
    refused("host", failed, Code::Host, &["no power"]);
    let mut broken = |_: &str, sink: &mut Sink<'_>| {
        sink.push(b"a\xff");
        Ok(())
    };
    let outcome = pipeline.run("a?", &options, &mut broken, None).expect("an outcome");
    assert_eq!((outcome.action, &outcome.text[..]), (Action::Block, ""));
    let plain = self::pipeline(Stages::default()).run("a?", &options, &mut broken, None);
    refused("bytes", plain, Code::Utf8, &["byte 1"]);
    for aligned_from in [-0.1, 1.1, f64::NAN] {
        let bad = PipelineOptions { aligned_from, ..PipelineOptions::default() };
        refused("bound", pipeline.answer("", "a", &bad), Code::InvalidArgument, &["aligned_from"]);
    }
}
