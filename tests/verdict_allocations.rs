//! Heap calls of a warm session from text to verdict: none, where the verdict's memory is the caller's.

mod counting;

use std::path::Path;

use counting::counted;
use trueline_core::engine::{Action, Config, Engine, GuardOptions, Session, Verdict};
use trueline_core::model::backend::Kind;
use trueline_core::model::pack::Pack;

const TEXTS: [&str; 5] = [
    "You are a good friend, and I like it here.",
    "short",
    "A caf\u{e9}  in M\u{fc}nchen ,\u{200b} with \u{fb01}ne tea\n\n\nand \u{4f60}\u{597d}",
    "\u{41f}\u{440}\u{438}\u{432}\u{435}\u{442} \u{43c}\u{438}\u{440}, e\u{301}t\u{e9}, \u{915}\u{93c}\u{932}",
    "kill you idiot",
];

fn session(pack: &str) -> Session {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("models").join(pack);
    let pack = Pack::open(&path).expect("the pack opens");
    let config = Config { backend: Kind::Plan, ..Config::default() };
    Session::new(&Engine::new(&config, &[&pack]).expect("the pack loads"), None).expect("a session")
}

#[test]
fn a_warm_session_makes_no_heap_call_from_text_to_verdict() {
    for (pack, times) in
        [("guard-test-int8", 40), ("guard-test-tiny", 40), ("guard-tiny", 40), ("guard-en", 4)]
    {
        let mut session = session(pack);
        // Long enough for several windows; `guard-en` judges its sentences, too.
        let long = TEXTS.join(". ").repeat(times);
        let texts: Vec<&str> = TEXTS.iter().copied().chain([&*long]).collect();
        for (plain, paranoid) in [(true, false), (true, true), (false, false), (false, true)] {
            let options = GuardOptions { plain, paranoid, ..GuardOptions::default() };
            let mut verdict = Verdict::default();
            for _ in 0..2 {
                for text in &texts {
                    session.guard_into(text.as_bytes(), &options, &mut verdict).expect("a verdict");
                }
            }
            for text in &texts {
                let (calls, owned) = counted(|| session.guard(text.as_bytes(), &options));
                let owned = owned.expect("a verdict");
                // The verdict's own lists, made and grown.
                let (again, done) = counted(|| session.guard_into(text.as_bytes(), &options, &mut verdict));
                done.expect("a verdict");
                println!(
                    "{pack}, {} bytes, plain {plain}: {calls} heap calls, {again} with a verdict used again",
                    text.len()
                );
                assert!(calls <= again + 6, "{pack}: {calls} heap calls, {again} with a verdict used again");
                // What is found in disguise takes lists of its own; these texts show nothing of the kind.
                // Where words are flagged that a model marks, their runs are listed.
                let marked = pack == "guard-en" && verdict.categories.iter().any(|category| category.flagged);
                assert!(again == 0 || marked, "{pack}: {again} heap calls for {} bytes", text.len());
                assert_eq!(verdict, owned);
                assert!(!verdict.categories.is_empty() && verdict.action >= Action::Block);
            }
        }
        // What fails leaves a verdict that blocks.
        let mut verdict = session.guard(b"fine", &GuardOptions::default()).expect("a verdict");
        assert!(session.guard_into(b"\xff", &GuardOptions::default(), &mut verdict).is_err());
        assert_eq!((verdict.action, verdict.risk, verdict.categories.len()), (Action::Block, 1.0, 0));
    }
}
