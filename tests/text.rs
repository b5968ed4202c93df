//! Texts that get an error instead of a verdict, and calls that end early.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use support::{logits, refused, session_of, text};
use trueline_core::Code;
use trueline_core::engine::{Action, GuardOptions, Reason, Session};
use trueline_core::model::control::CancelToken;

fn calm() -> Session {
    session_of(|_, _| Ok(logits(&[-9.0; 3])))
}

#[test]
fn broken_utf8_is_refused_at_its_byte() {
    let cases = text("tests/fixtures/tokenizer/utf8.txt");
    let mut session = calm();
    let mut n = 0;
    for line in cases.lines() {
        let (at, hex) = line.split_once(' ').expect("a position and bytes");
        let digit = |b: u8| (b as char).to_digit(16).expect("hexadecimal") as u8;
        let bytes: Vec<u8> = hex.as_bytes().chunks(2).map(|c| digit(c[0]) << 4 | digit(c[1])).collect();
        let own = str::from_utf8(&bytes).expect_err("broken").valid_up_to();
        assert_eq!(own.to_string(), at, "case {n}: the standard library and Python disagree");
        let words = [format!("text of {} bytes", bytes.len()), format!("not UTF-8 at byte {at}")];
        let found = session.guard(&bytes, &GuardOptions::default());
        refused(&format!("case {n}"), found, Code::Utf8, &[&words[0], &words[1]]);
        n += 1;
    }
    println!("{n} broken texts");
    assert!(n >= 200);
}

#[test]
fn an_empty_text_is_clear_and_one_of_which_nothing_is_left_an_error() {
    for text in ["", " ", " \n\t ", "\u{a0}\u{3000}\r\n"] {
        for paranoid in [false, true] {
            let options = GuardOptions { paranoid, ..GuardOptions::default() };
            let verdict = calm().guard(text.as_bytes(), &options).expect("nothing to judge");
            assert_eq!((verdict.action, verdict.reason), (Action::Allow, Reason::Clear), "{text:?}");
            assert_eq!((verdict.risk, verdict.windows, verdict.spans.len()), (0.0, 0, 0));
            assert!(
                !verdict.categories.is_empty()
                    && verdict.categories.iter().all(|c| c.score == 0.0 && !c.flagged)
            );
        }
    }
    for (text, words) in [
        ("\u{200b}", ["3 bytes", "nothing to judge"]),
        ("\u{200b}\u{ad}\u{feff}\u{202e}\u{0}", ["12 bytes", "nothing to judge"]),
    ] {
        for paranoid in [false, true] {
            let options = GuardOptions { paranoid, ..GuardOptions::default() };
            refused(&format!("{text:?}"), calm().guard(text.as_bytes(), &options), Code::EmptyText, &words);
        }
    }
}

#[test]
fn a_text_is_refused_above_its_bound_only() {
    let options = GuardOptions::default();
    assert!(calm().guard(&[b'a'; 2000], &options).is_ok());
    let words = ["text has 2001 bytes", "pack test takes at most 2000"];
    refused("2,001", calm().guard(&[b'a'; 2001], &options), Code::TooLarge, &words);
    // The bound is looked at before the bytes are.
    refused("broken too", calm().guard(&[0xff; 2001], &options), Code::TooLarge, &words);
}

#[test]
fn a_deadline_that_has_passed_ends_the_call() {
    for timeout in [Duration::ZERO, Duration::from_nanos(1)] {
        let options = GuardOptions { timeout: Some(timeout), ..GuardOptions::default() };
        refused("0 ms", calm().guard(b"a b", &options), Code::DeadlineExceeded, &["within its 0 ms"]);
    }
    let never = GuardOptions { timeout: Some(Duration::MAX), ..GuardOptions::default() };
    assert!(calm().guard(b"a b", &never).is_ok());
}

#[test]
fn a_deadline_ends_the_call_between_two_windows() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    // A backend that never looks at the clock itself.
    let mut session = session_of(move |_, _| {
        counted.fetch_add(1, Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(200));
        Ok(logits(&[-9.0; 3]))
    });
    let options = GuardOptions { timeout: Some(Duration::from_millis(500)), ..GuardOptions::default() };
    let started = Instant::now();
    let found = session.guard("a ".repeat(900).as_bytes(), &options);
    refused("500 ms", found, Code::DeadlineExceeded, &["within its 500 ms"]);
    assert!((1..=3).contains(&calls.load(Ordering::Relaxed)), "after {:?}", started.elapsed());
    // The session is as good as new.
    assert!(session.guard(b"a", &GuardOptions::default()).is_ok());
}

#[test]
fn a_token_that_is_set_ends_the_call() {
    let cancel = Arc::new(CancelToken::new());
    let options = GuardOptions { cancel: Some(Arc::clone(&cancel)), ..GuardOptions::default() };
    assert!(calm().guard(b"a b", &options).is_ok());
    cancel.cancel();
    refused("before", calm().guard(b"a b", &options), Code::Cancelled, &["cancel token was set"]);
    // Both: what the caller did counts before what the clock did.
    let both = GuardOptions { timeout: Some(Duration::ZERO), ..options.clone() };
    refused("both", calm().guard(b"a b", &both), Code::Cancelled, &["cancel token"]);
    cancel.reset();
    assert!(calm().guard(b"a b", &options).is_ok());
}

#[test]
fn a_token_set_during_a_run_ends_the_call_at_the_next_window() {
    let (cancel, calls) = (Arc::new(CancelToken::new()), Arc::new(AtomicUsize::new(0)));
    let (token, counted) = (Arc::clone(&cancel), Arc::clone(&calls));
    let mut session = session_of(move |_, _| {
        if counted.fetch_add(1, Ordering::Relaxed) == 1 {
            token.cancel();
        }
        Ok(logits(&[-9.0; 3]))
    });
    let options = GuardOptions { cancel: Some(Arc::clone(&cancel)), ..GuardOptions::default() };
    let texts = ["a b c".as_bytes(), b"a b c d e f g h i j k l m n o", b"a b c"];
    let found = session.guard_batch(&texts, &options);
    assert!(found[0].is_ok());
    for at in [1, 2] {
        refused("during", found[at].clone(), Code::Cancelled, &["cancel token was set"]);
    }
    assert_eq!(calls.load(Ordering::Relaxed), 2);
}
