//! Texts in disguise: what is undone for the model, what is left alone, where it lies in the text as given, and at what cost.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use support::{Function, Random, bytes, logits, text};
use trueline_core::engine::filter::{Filter, FilterOptions, Stream};
use trueline_core::engine::policy::Policy;
use trueline_core::engine::{Action, Engine, Guard, GuardOptions, Member, Session, Verdict};
use trueline_core::kernels::Isa;
use trueline_core::model::control::Control;
use trueline_core::model::manifest::Manifest;
use trueline_core::model::tensor::{Data, Tensor};
use trueline_core::model::tokenizer::Tokenizer;

const TOXICITY: usize = 8;

fn tokenizer() -> Tokenizer {
    Tokenizer::from_bytes(&bytes("models/guard-test-int8/tokenizer.json")).expect("a good tokenizer")
}

/// A guard with the words of the test pack that finds a window toxic if it has `stupid` or `idiot` as a word; counts its runs.
fn guard(runs: &Arc<AtomicUsize>) -> Arc<Guard> {
    let manifest = Manifest::parse(&text("models/guard-test-int8/manifest.toml")).expect("a good manifest");
    let n = manifest.labels.len();
    let words: Vec<i64> = ["stupid", "idiot"]
        .iter()
        .map(|word| match tokenizer().encode(word, &Control::unlimited()).expect("a word").ids.as_slice() {
            [id] => i64::from(*id),
            several => panic!("{word} has the tokens {several:?}"),
        })
        .collect();
    let runs = Arc::clone(runs);
    let backend = Function(move |inputs: &[Tensor], _: &_| {
        runs.fetch_add(1, Ordering::Relaxed);
        let Data::I64(ids) = inputs[0].data() else { panic!("ids are i64") };
        let mut row = vec![-30.0_f32; n];
        if ids.iter().any(|id| words.contains(id)) {
            row[TOXICITY] = 30.0;
        }
        Ok(logits(&row))
    });
    Arc::new(Guard::from_parts(manifest, tokenizer(), Box::new(backend)).expect("parts that fit"))
}

fn session(runs: &Arc<AtomicUsize>) -> Session {
    let engine = Engine::from_members(Isa::Scalar, vec![Member::Guard(guard(runs))]).expect("one guard");
    Session::new(&engine, None).expect("its pack")
}

fn judge(session: &mut Session, text: &str, plain: bool) -> Verdict {
    let options = GuardOptions { plain, ..GuardOptions::default() };
    session.guard(text.as_bytes(), &options).expect("a verdict")
}

fn filter(runs: &Arc<AtomicUsize>) -> Arc<Filter> {
    let policy =
        "policy = 1\nname = \"p\"\ndecode = false\n[[category]]\nname = \"toxicity\"\nthreshold = 0.5\n";
    let policy = Arc::new(Policy::parse("p", policy).expect("a good policy"));
    Arc::new(Filter::new(policy, Some(guard(runs))).expect("a label for its category"))
}

fn tags(text: &str) -> String {
    text.chars().filter_map(|c| char::from_u32(0xe0000 + c as u32)).collect()
}

#[test]
fn a_text_of_which_half_the_words_have_digits_is_read_without_them() {
    let known = |word: &str| tokenizer().encode(word, &Control::unlimited()).expect("a word").ids.len();
    let (guards, runs) = (known("qz4j"), Arc::new(AtomicUsize::new(0)));
    assert!(known("qzaj") >= guards, "one that is not better known");
    let mut session = session(&runs);
    for (text, again) in [("qz4j qzj3k here", true), ("we took the qz4j and the qzj3k home", false)] {
        let (plain, both) = (judge(&mut session, text, true), judge(&mut session, text, false));
        assert_eq!(both.windows > plain.windows, again, "{text:?}");
    }
}

/// Disguises of one of the two words, whole texts, with the part that hides it.
fn disguises() -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = [
        ("he is a 1d10t, no?", "1d10t"),
        ("so $tup!d of you", "$tup!d"),
        ("so 57up1d of you", "57up1d"),
        ("so st\u{443}pid \u{455}tu\u{440}id", "\u{455}tu\u{440}id"),
        ("such an \u{456}d\u{456}\u{43e}\u{442}", "\u{456}d\u{456}\u{43e}\u{442}"),
        ("\u{26a}\u{1d05}\u{26a}\u{1d0f}\u{1d1b} you", "\u{26a}\u{1d05}\u{26a}\u{1d0f}\u{1d1b}"),
        ("he is stu pid!", "stu pid"),
        ("he is an idi ot.", "idi ot"),
        ("y o u  a r e  s t u p i d", "y o u  a r e  s t u p i d"),
        ("y o u a r e s t u p i d", "y o u a r e s t u p i d"),
        ("so s-t-u-p-i-d of you", "s-t-u-p-i-d"),
        ("so s.t.u.p.1.d of you", "s.t.u.p.1.d"),
        ("read eW91IGFyZSBzdHVwaWQgbm93 please", "eW91IGFyZSBzdHVwaWQgbm93"),
        ("read ZVc5MUlHRnlaU0J6ZEhWd2FXUWdibTkz please", "ZVc5MUlHRnlaU0J6ZEhWd2FXUWdibTkz"),
        ("read 796f752061726520737475706964 please", "796f752061726520737475706964"),
        ("read %79%6f%75%20are%20%73tupid please", "%79%6f%75%20are%20%73tupid"),
        // Leetspeak in base64.
        ("read eTB1IGFyZSBzdHVwMWQgbm93IHllcw== please", "eTB1IGFyZSBzdHVwMWQgbm93IHllcw=="),
    ]
    .map(|(text, part)| (text.to_owned(), part.to_owned()))
    .to_vec();
    let hidden = tags("stupid");
    all.push((format!("hello{hidden} there"), hidden));
    all
}

#[test]
fn each_disguise_is_undone_and_found_where_it_stands() {
    let mut session = session(&Arc::default());
    assert_eq!(judge(&mut session, "he is stupid", true).action, Action::Block);
    for (text, part) in disguises() {
        assert_eq!(judge(&mut session, &text, true).action, Action::Allow, "{text:?} is no disguise");
        let verdict = judge(&mut session, &text, false);
        assert_eq!(verdict.action, Action::Block, "{text:?}");
        let at = text.find(&part).expect("a part of the text");
        for span in &verdict.spans {
            assert!(span.start <= at && at + part.len() <= span.end, "{text:?}: {span:?}");
            assert!(text.get(span.start..span.end).is_some());
        }
    }
}

#[test]
fn what_shows_no_disguise_is_judged_once() {
    let mut session = session(&Arc::default());
    for text in [
        "What is the capital of France?",
        "We sell B2B and B2C software, H2O, CO2, 4K and 3D films.",
        "It is 5pm, 10kg, 8mm, 100mph; she came 1st, he came 3rd; the 80s.",
        "Version v1.10.3-rc1 of 2024-01-02, call +49 30 1234567 or 0800-123-456.",
        "d41d8cd98f00b204e9800998ecf8427e 123e4567-e89b-12d3-a456-426614174000",
        "for (i=0; i<10; i++) { a[i] = b1[i] + c2; }",
        "I paid $5 and 10\u{20ac}, 50% off!!! Mail info@example.org, 24/7.",
        "\u{417}\u{430}\u{432}\u{442}\u{440}\u{430} \u{431}\u{443}\u{434}\u{435}\u{442} \u{434}\u{43e}\u{436}\u{434}\u{44c}.",
        "\u{391}\u{3cd}\u{3c1}\u{3b9}\u{3bf} \u{3b8}\u{3b1} \u{3b2}\u{3c1}\u{3ad}\u{3be}\u{3b5}\u{3b9}.",
        "Der Stra\u{df}enl\u{e4}rm st\u{f6}rt, \u{e7}a va tr\u{e8}s bien, \u{142}\u{f3}d\u{17a}, s\u{131}cak.",
        "\u{4f60} \u{597d} \u{5417} \u{6211} \u{5f88} \u{597d}",
        "The U.S. and the U.K., plan A, plan B.",
    ] {
        let (plain, both) = (judge(&mut session, text, true), judge(&mut session, text, false));
        assert_eq!(plain, both, "{text:?}");
    }
}

#[test]
fn a_window_without_a_disguise_is_not_judged_again() {
    let mut session = session(&Arc::default());
    let before = "people love the time of all people ".repeat(100);
    let text = format!("{before}and 1d10t, {before}");
    let (plain, both) = (judge(&mut session, &text, true), judge(&mut session, &text, false));
    assert!(plain.windows > 15 && plain.action == Action::Allow && both.action == Action::Block);
    assert!(both.windows <= plain.windows + 3, "{} windows, {} of them plain", both.windows, plain.windows);
    let span = both.spans[0];
    assert!(span.start > before.len() / 2 && span.end < before.len() * 3 / 2, "{span:?}");
}

#[test]
fn a_text_made_to_be_undone_costs_a_few_times_the_text() {
    let mut session = session(&Arc::default());
    let inner = "eW91IGFyZSBzdHVwaWQgbm93".repeat(50);
    for unit in [
        "1a ".to_owned(),
        "k1ll m3 n0w ".into(),
        "a b ".into(),
        "a.b-c ".into(),
        "st upid ".into(),
        "\u{456}d\u{456}\u{43e}t ".into(),
        "eW91IGFyZSBzdHVwaWQgbm93 ".into(),
        inner + " ",
        "%41%42%43 ".into(),
        tags("stupid"),
    ] {
        let text = unit.repeat((128 << 10) / unit.len());
        let (plain, both) = (judge_any(&mut session, &text, true), judge_any(&mut session, &text, false));
        // A window of the given text has its place in a view, once for each depth and once undone.
        let most = 6 * plain + 64 + text.len() / 64;
        assert!(both <= most, "{unit:?}: {both} windows, {plain} of them plain");
    }
}

/// Windows of a text, of which nothing may be left.
fn judge_any(session: &mut Session, text: &str, plain: bool) -> usize {
    let options = GuardOptions { plain, ..GuardOptions::default() };
    session.guard(text.as_bytes(), &options).map_or(0, |verdict| verdict.windows)
}

#[test]
fn a_stream_cut_anywhere_ends_like_the_whole_and_like_the_guard() {
    let runs = Arc::default();
    let (filter, mut session) = (filter(&runs), session(&runs));
    for (text, _) in disguises() {
        let options = FilterOptions { language: Some("en".into()), ..FilterOptions::default() };
        let whole = Filter::judge(&filter, text.as_bytes(), &options);
        let verdict = judge(&mut session, &text, false);
        assert_eq!((whole.action, whole.windows), (Action::Block, verdict.windows), "{text:?}");
        let plain = FilterOptions { plain: true, ..options.clone() };
        assert_eq!(Filter::judge(&filter, text.as_bytes(), &plain).action, Action::Allow, "{text:?}");
        for cut in 0..=text.len() {
            let mut stream = Stream::new(Arc::clone(&filter), options.clone()).expect("a stream");
            for piece in [&text.as_bytes()[..cut], &text.as_bytes()[cut..]] {
                stream.push(piece).expect("a good text");
            }
            assert_eq!(stream.finish(), &whole, "{text:?}, cut at {cut}");
        }
    }
}

#[test]
fn a_stream_stops_at_a_disguise_before_its_end() {
    let filter = filter(&Arc::default());
    for part in ["1d10t", "idi ot", "s t u p i d", "\u{456}d\u{456}\u{43e}t"] {
        let words = "people love the time of all people ";
        let text = format!("{}{part} {}", words.repeat(20), words.repeat(60));
        let mut stream = Stream::new(Arc::clone(&filter), FilterOptions::default()).expect("a stream");
        for word in text.split_inclusive(' ') {
            stream.push(word.as_bytes()).expect("a good text");
        }
        let progress = stream.progress();
        assert!(progress.blocked && progress.released <= words.len() * 20, "{part:?}: {progress:?}");
    }
}

#[test]
fn spans_of_any_mixture_lie_within_the_text() {
    let seed = 20_261_129;
    let (mut random, mut session) = (Random(seed), session(&Arc::default()));
    let hidden = tags("you idiot");
    let pieces = [
        "people ",
        "1d10t",
        " ",
        "  ",
        "s t u p i d",
        "\u{456}diot",
        "\u{200b}",
        "idi ot",
        "eW91IGFyZSBzdHVwaWQgbm93",
        "\n",
        &hidden,
        "\u{fb01}ne ",
        "\u{336}",
        "$tup!d",
        ".",
        "\u{43c}\u{438}\u{440} ",
        "%69%64%69%6f%74 you",
        "\u{1f600}",
    ];
    let mut flagged = 0;
    for round in 0..400 {
        let n = 1 + random.below(12);
        let text: String = (0..n).map(|_| pieces[random.below(pieces.len())]).collect();
        let Ok(verdict) = session.guard(text.as_bytes(), &GuardOptions::default()) else { continue };
        for span in &verdict.spans {
            assert!(
                span.start < span.end && text.get(span.start..span.end).is_some(),
                "seed {seed}, {round}: {text:?}"
            );
        }
        flagged += usize::from(verdict.action == Action::Block);
    }
    assert!(flagged > 200, "{flagged} flagged");
}
