//! The aligner pipeline on a small pack of random weights: words, pieces, windows, sentences, documents, bad input.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use trueline_core::Code;
use trueline_core::engine::align::{
    MAX_MATRIX, Method, Scratch, Side, WordAlignment, WordOptions, links_of_rows,
};
use trueline_core::engine::{Config, Engine, GuardOptions, Session};
use trueline_core::kernels::Isa;
use trueline_core::model::control::{CancelToken, Control};
use trueline_core::model::pack::Pack;
use trueline_core::scoring::align::vecalign;

fn session_on(isa: Option<&str>) -> Session {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/aligner-test");
    let pack = Pack::open(&folder).expect("a good pack");
    let config = Config { isa: isa.map(str::to_owned), ..Config::default() };
    let engine = Engine::new(&config, &[&pack]).expect("an engine");
    Session::new(&engine, None).expect("a session")
}

fn aligned(session: &mut Session, source: &str, target: &str, method: Method) -> WordAlignment {
    let options = WordOptions { method, ..WordOptions::default() };
    session.align_words(Side::Text(source), Side::Text(target), &options).expect("an alignment")
}

fn pairs(found: &WordAlignment) -> Vec<(usize, usize)> {
    found.links.iter().map(|l| (l.link.source, l.link.target)).collect()
}

#[test]
fn words_of_the_same_letters_are_linked_and_placed_in_the_text() {
    let mut session = session_on(None);
    let found = aligned(&mut session, "abc, xyz!", "xyz abc", Method::Argmax);
    assert_eq!(found.source, [0..3, 3..4, 5..8, 8..9]);
    assert_eq!(found.target, [0..3, 4..7]);
    assert!(pairs(&found).contains(&(0, 1)) && pairs(&found).contains(&(2, 0)), "{found:?}");
    assert!(found.links.is_sorted_by_key(|l| l.link));
    assert!(found.links.iter().all(|l| (0.0..=1.0).contains(&l.score)));
    let [null_source, null_target] = found.unlinked();
    assert!(null_target.is_empty() && null_source.iter().all(|w| [1, 3].contains(w)), "{found:?}");
}

#[test]
fn words_given_by_the_caller_are_those_of_the_text() {
    let mut session = session_on(None);
    for method in Method::ALL {
        let options = WordOptions { method, distortion: 0.3, ..WordOptions::default() };
        let text = session.align_words(Side::Text("ab cd, ef"), Side::Text("cd ef ab"), &options).unwrap();
        let (a, b) = (["ab", "cd", ",", "ef"], ["cd", "ef", "ab"]);
        let words = session.align_words(Side::Words(&a), Side::Words(&b), &options).unwrap();
        assert_eq!(text.links, words.links, "{}", method.name());
        assert!(!text.links.is_empty(), "{}", method.name());
    }
}

#[test]
fn scripts_without_spaces_are_split_by_the_vocabulary() {
    let mut session = session_on(None);
    let found = aligned(&mut session, "私は 学生", "ab", Method::Argmax);
    assert_eq!(found.source, [0..3, 3..6, 7..10, 10..13]);
}

/// A text of many windows against itself: every word finds itself, whichever window it is in.
#[test]
fn long_texts_go_through_in_overlapping_pieces() {
    let mut session = session_on(None);
    let words: Vec<String> = (0..300)
        .map(|i| {
            ["a", "b", "c"]
                .iter()
                .enumerate()
                .map(|(k, _)| char::from(b'a' + ((i * 7 + k * 11) % 26) as u8))
                .collect()
        })
        .collect();
    let text = words.join(" ");
    let options = WordOptions { distortion: 1.0, method: Method::Argmax, ..WordOptions::default() };
    let found = session.align_words(Side::Text(&text), Side::Text(&text), &options).unwrap();
    assert_eq!(found.source.len(), 300);
    assert_eq!(pairs(&found), (0..300).map(|i| (i, i)).collect::<Vec<_>>());
    let whole = WordOptions { whole_words: true, ..options };
    let found = session.align_words(Side::Text(&text), Side::Text(&text), &whole).unwrap();
    assert_eq!(pairs(&found), (0..300).map(|i| (i, i)).collect::<Vec<_>>());
}

#[test]
fn scores_are_the_same_bits_on_every_instruction_set() {
    let text = "abcdefgh ijkl mnop qrst uvwx yz ab cdef ghij klmnop qrs tuv";
    let other = "qrs tuv klmnop abcdefgh yz uvwx qrst";
    let bits = |isa: Isa| {
        let mut session = session_on(Some(isa.name()));
        let found = Method::ALL.map(|method| aligned(&mut session, text, other, method));
        found.map(|f| f.links.iter().map(|l| (l.link, l.score.to_bits())).collect::<Vec<_>>())
    };
    let want = bits(Isa::Scalar);
    assert!(want.iter().all(|links| !links.is_empty()));
    for isa in Isa::available() {
        assert_eq!(bits(isa), want, "{}", isa.name());
    }
}

#[test]
fn an_empty_side_has_no_links() {
    let mut session = session_on(None);
    for (a, b) in [("", "ab"), ("ab", " \n"), ("", "")] {
        for method in Method::ALL {
            let found = aligned(&mut session, a, b, method);
            assert_eq!(found.links, [], "{a:?} {b:?} {}", method.name());
        }
    }
    let found =
        session.align_words(Side::Words(&["", "ab"]), Side::Words(&["ab"]), &WordOptions::default()).unwrap();
    assert_eq!(pairs(&found), [(1, 0)], "a word without a letter has no piece");
}

#[test]
fn sentences_cover_both_sides_in_order() {
    let mut session = session_on(None);
    let (a, b) = (["abc abc", "xyz xyz", "mno mno", "ghi"], ["abc abc", "xyz xyz", "mno mno", "ghi"]);
    let control = Control::unlimited();
    let found = session.align_sentences(&a, &b, vecalign::Options::default(), &control).unwrap();
    let (mut i, mut j) = (0, 0);
    for pair in &found {
        assert_eq!((pair.source.start, pair.target.start), (i, j));
        (i, j) = (pair.source.end, pair.target.end);
        assert!(pair.score.abs() <= 1.001);
    }
    assert_eq!((i, j), (4, 4));
    let found = session.align_sentences(&a, &[], vecalign::Options::default(), &control).unwrap();
    assert!(found.len() == 4 && found.iter().all(|p| p.target.is_empty() && p.score == 0.0));
}

#[test]
fn documents_are_paired_at_most_once() {
    let mut session = session_on(None);
    let one = || vec!["abcabc", "xyz xyz"];
    let two = || vec!["mnopq", "ghijk ghijk", "rst"];
    let found = session.align_documents(&[one(), two()], &[two(), one()], &Control::unlimited()).unwrap();
    let mut pairs: Vec<_> = found.iter().map(|p| (p.source, p.target)).collect();
    pairs.sort_unstable();
    assert_eq!(pairs, [(0, 1), (1, 0)]);
    assert!(found.iter().all(|p| p.score > 0.0 && p.score <= 1.0));
    assert_eq!(session.align_documents(&[], &[one()], &Control::unlimited()).unwrap(), []);
}

#[test]
fn bad_input_is_refused_by_name() {
    let mut session = session_on(None);
    let refused = |options: WordOptions, a: &str, code: Code, word: &str| {
        let error = session_on(None).align_words(Side::Text(a), Side::Text("b"), &options).unwrap_err();
        assert!(error.code == code && error.message.contains(word), "{error:?}");
    };
    let base = WordOptions::default;
    refused(WordOptions { distortion: 1.5, ..base() }, "a", Code::InvalidArgument, "1.5");
    refused(WordOptions { distortion: f64::NAN, ..base() }, "a", Code::InvalidArgument, "NaN");
    refused(
        WordOptions { method: Method::Softmax, threshold: 1.0, ..base() },
        "a",
        Code::InvalidArgument,
        "1",
    );
    refused(WordOptions { timeout: Some(Duration::ZERO), ..base() }, "a", Code::DeadlineExceeded, "0 ms");
    let cancel = Arc::new(CancelToken::new());
    cancel.cancel();
    refused(WordOptions { cancel: Some(cancel), ..base() }, "a", Code::Cancelled, "cancel");
    refused(base(), &"a ".repeat(600_000), Code::TooLarge, "1200000 bytes");
    refused(base(), &"a ".repeat(66_000), Code::TooLarge, "66000 words");
    // A matrix that would not fit is not asked for; without one there is no bound but time.
    let (many, options) =
        (vec![1.0_f32; MAX_MATRIX / 1000 + 1], WordOptions { method: Method::Match, ..base() });
    let (mut scratch, mut links) = (Scratch::default(), Vec::new());
    let mut of = |options: &WordOptions, columns: &[f32]| {
        links_of_rows(Isa::best(), [&many, columns], 1, options, &mut scratch, &mut links)
            .map(|()| links.len())
    };
    let error = of(&options, &[1.0; 1000]).unwrap_err();
    assert!(error.code == Code::TooLarge && error.message.contains("67108864"), "{error:?}");
    assert_eq!(of(&base(), &[1.0; 1000]), Ok(1));
    assert_eq!(of(&base(), &[1e-30; 10]), Ok(1), "norms beyond f32, in tiles, too");
    let guard = session.guard(b"a", &GuardOptions::default()).unwrap_err();
    assert!(guard.code == Code::Unavailable && guard.message.contains("aligner-encoder"), "{guard:?}");
    assert!(Method::from_name("best").unwrap_err().message.contains("itermax"));
}

#[test]
fn the_pack_that_ships_aligns_words_sentences_and_documents() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/aligner-multi");
    let pack = Pack::open(&folder).expect("a good pack");
    let engine = Engine::new(&Config::default(), &[&pack]).expect("an engine");
    let mut session = Session::new(&engine, None).expect("a session");
    let found = aligned(&mut session, "The cat drinks milk.", "Die Katze trinkt Milch.", Method::Argmax);
    assert_eq!(pairs(&found), [(0, 0), (1, 1), (2, 2), (3, 3), (4, 4)]);
    let found = aligned(&mut session, "I read books.", "私は本を読みます。", Method::Argmax);
    let linked: Vec<_> = found
        .links
        .iter()
        .map(|l| (l.link.source, &"私は本を読みます。"[found.target[l.link.target].clone()]))
        .collect();
    assert!(linked.contains(&(2, "本")), "{linked:?}");
    let (a, b) = (
        ["It rains.", "We stay at home.", "The dog sleeps."],
        ["Il pleut.", "Nous restons à la maison.", "Le chien dort."],
    );
    let beads = session.align_sentences(&a, &b, vecalign::Options::default(), &Control::unlimited()).unwrap();
    assert_eq!(
        beads.iter().map(|p| (p.source.clone(), p.target.clone())).collect::<Vec<_>>(),
        [(0..1, 0..1), (1..2, 1..2), (2..3, 2..3)]
    );
    // The cheaper of two pairs is no measure of what may be left out.
    let (two, zwei) = (["I like tea.", "We went home."], ["Ich mag Tee.", "Wir gingen heim."]);
    let control = Control::unlimited();
    let beads = session.align_sentences(&two, &zwei, vecalign::Options::default(), &control).unwrap();
    assert_eq!(
        beads.iter().map(|p| (p.source.clone(), p.target.clone())).collect::<Vec<_>>(),
        [(0..1, 0..1), (1..2, 1..2)]
    );
    let documents = session
        .align_documents(
            &[vec![a[0], a[1]], vec![a[2]]],
            &[vec![b[2]], vec![b[0], b[1]]],
            &Control::unlimited(),
        )
        .unwrap();
    let mut found: Vec<_> = documents.iter().map(|p| (p.source, p.target)).collect();
    found.sort_unstable();
    assert_eq!(found, [(0, 1), (1, 0)]);
}
