//! The pack that writes corrections anew, as it ships.
#![cfg(feature = "tract")]

mod support;

use support::project;
use trueline_core::Code;
use trueline_core::engine::correct::{CorrectOptions, Reason};
use trueline_core::engine::{Config, Engine, Session};
use trueline_core::model::backend::Kind;
use trueline_core::model::pack::Pack;
use trueline_core::scoring::correct::residual::apply;

const CALM: &str = "The weather is fine in London today, and I like my new book.";
const RUDE: &str = "you are a stupid fool";

fn session(backend: Kind, packs: &[&str]) -> Session {
    let open = |name: &&str| Pack::open(&project("models").join(name)).expect("the pack");
    let packs: Vec<Pack> = packs.iter().map(open).collect();
    let config = Config { backend, ..Config::default() };
    let engine = Engine::new(&config, &packs.iter().collect::<Vec<_>>()).expect("an engine");
    Session::new(&engine, Some("rewriter-en")).expect("a session")
}

#[test]
fn rude_sentences_are_written_anew_and_calm_ones_stay() {
    let mut session = session(Kind::Plan, &["rewriter-en", "guard-en"]);
    let options = CorrectOptions::default();
    let calm = session.correct("", CALM, &options).expect("a result");
    assert_eq!((&calm.text[..], calm.reason, calm.changed), (CALM, Reason::Unchanged, false));
    assert!(calm.harm[0] < 0.7);
    for options in [options.clone(), CorrectOptions { beams: 4, ..options }] {
        let rude = session.correct("", RUDE, &options).expect("a result");
        assert!(rude.changed && rude.accepted && !rude.text.contains("stupid"), "{:?}", rude.reason);
        assert_eq!(apply(RUDE, &rude.edits), rude.text);
        assert!(rude.harm[0] >= 1.0);
    }
}

#[test]
fn both_backends_write_much_the_same() {
    let texts = [CALM, RUDE, "what a silly idea, nobody needs this rubbish", "h\u{e9}llo \u{4e2d}"];
    let mut same = 0;
    let (mut plan, mut tract) =
        (session(Kind::Plan, &["rewriter-en"]), session(Kind::Tract, &["rewriter-en"]));
    for text in texts {
        let options = CorrectOptions::default();
        let (a, b) = (plan.correct("", text, &options), tract.correct("", text, &options));
        same += usize::from(a.expect("a result").text == b.expect("a result").text);
    }
    // The plan rounds rows, the file whole values: a word may differ.
    assert!(same >= 2, "{same} of {}", texts.len());
}

#[test]
fn an_encoder_needs_a_text_and_has_a_longest_one() {
    let mut session = session(Kind::Plan, &["rewriter-en"]);
    let options = CorrectOptions::default();
    assert_eq!(session.correct("", " ", &options).map_err(|e| e.code), Err(Code::EmptyText));
    let long = session.correct("", &"some words more ".repeat(100), &options).expect("the text");
    assert_eq!((long.reason, long.changed), (Reason::Failed(Code::TooLarge), false));
    let none = session.write("", &Default::default(), &mut |_| true);
    assert_eq!(none.map_err(|e| e.code), Err(Code::EmptyText));
}
