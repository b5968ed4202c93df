//! Packs whose model marks tokens: spans are what is marked, on every backend and in every form of the pack.

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;

use support::pack::tar;
use support::{Function, bytes, project, refused, text};
use trueline_core::Code;
use trueline_core::engine::filter::{Filter, FilterOptions, Stream};
use trueline_core::engine::policy::Policy;
use trueline_core::engine::{Action, Config, Engine, Guard, GuardOptions, Session, Verdict};
use trueline_core::kernels::Isa;
use trueline_core::model::backend::Kind;
use trueline_core::model::control::Control;
use trueline_core::model::manifest::Manifest;
use trueline_core::model::pack::Pack;
use trueline_core::model::packing::{self, Choice};
use trueline_core::model::tensor::{Data, Tensor};
use trueline_core::model::tokenizer::Tokenizer;

const SPANS: &str = "[spans]\nlabels = [\"toxicity\", \"hate\"]\ntemperature = 1.0\nthreshold = 0.5\n";

/// The manifest of a guard over the model of the test corrector, which has the output; `spans` is its table. Its own thresholds
/// are those of a model that never is sure.
fn manifest(spans: &str) -> String {
    let given = text("models/corrector-test/manifest.toml");
    let edits = given.find("[edits]").expect("edits");
    let labels = given.find("[[labels]]").expect("labels");
    let files = given.find("[[files]]").expect("other files");
    let labels = given[labels..files].replace("threshold = 1.0\n", "threshold = 0.001\n");
    format!("{}{spans}\n{labels}", &given[..edits])
        .replace("family = \"edit-tagger\"", "family = \"guard-encoder\"")
        .replace(
            "outputs = { tags = \"tags\", logits = \"logits\" }",
            "outputs = { logits = \"logits\", spans = \"spans\" }",
        )
        .replace("name = \"corrector-test\"", "name = \"marks\"")
}

fn tokenizer() -> Tokenizer {
    Tokenizer::from_bytes(&bytes("models/corrector-test/tokenizer.json")).expect("a good tokenizer")
}

/// A guard that finds `stupid` toxic, hateful and a bit violent, and marks it and `idiot`.
fn guard(spans: &str, marks: bool) -> Guard {
    let manifest = Manifest::parse(&manifest(spans)).expect("a good manifest");
    let place = |name: &str| manifest.labels.iter().position(|l| l.name == name).expect("a label");
    let (n, harms) = (manifest.labels.len(), [place("toxicity"), place("hate"), place("harassment")]);
    let id = |word: &str| i64::from(tokenizer().encode(word, &Control::unlimited()).expect("a word").ids[0]);
    let (stupid, idiot) = (id("stupid"), id("idiot"));
    let backend = Function(move |inputs: &[Tensor], _: &_| {
        let Data::I64(ids) = inputs[0].data() else { panic!("ids are i64") };
        let mut row = vec![-30.0_f32; n];
        if ids.contains(&stupid) {
            harms.iter().for_each(|&at| row[at] = 60.0);
        }
        let mark = |id: &i64| if marks && (*id == stupid || *id == idiot) { 9.0 } else { -9.0 };
        let rows: Vec<f32> = ids.iter().map(mark).collect();
        let tensor = |shape: Vec<usize>, data| Tensor::new(shape, Data::F32(data)).expect("the right number");
        Ok(vec![tensor(vec![1, n], row), tensor(vec![1, rows.len(), 1], rows)])
    });
    Guard::from_parts(manifest, tokenizer(), Box::new(backend)).expect("parts that fit")
}

fn session(guard: Guard) -> Session {
    let member = trueline_core::engine::Member::Guard(Arc::new(guard));
    Session::new(&Engine::from_members(Isa::Scalar, vec![member]).expect("one guard"), None)
        .expect("its pack")
}

fn shown<'a>(text: &'a str, verdict: &Verdict, manifest: &Manifest, label: &str) -> Vec<&'a str> {
    let of = |s: &&trueline_core::engine::Span| manifest.labels[s.label].name == label;
    verdict.spans.iter().filter(of).map(|s| &text[s.start..s.end]).collect()
}

#[test]
fn spans_of_marked_labels_are_what_is_marked_and_of_others_the_window() {
    let mut session = session(guard(SPANS, true));
    let found = Manifest::parse(&manifest(SPANS)).expect("a good manifest");
    let text = "all people: \u{fc}ber stupid\u{200b} idiot, kill time; idiot all";
    let verdict = session.guard(text.as_bytes(), &GuardOptions::default()).expect("a verdict");
    assert_eq!(verdict.action, Action::Block);
    for label in ["toxicity", "hate"] {
        let spans = shown(text, &verdict, &found, label);
        assert_eq!(spans, ["stupid\u{200b} idiot", "idiot"], "{label}");
    }
    assert_eq!(shown(text, &verdict, &found, "harassment"), [text]);
    // A marked word alone flags nothing, and has no span.
    let calm = session.guard(b"an idiot", &GuardOptions::default()).expect("a verdict");
    assert!(calm.action == Action::Allow && calm.spans.is_empty());
    // In disguise: the place of the disguise.
    let text = "you 1d10t, so $tup!d";
    let verdict = session.guard(text.as_bytes(), &GuardOptions::default()).expect("a verdict");
    assert_eq!(shown(text, &verdict, &found, "toxicity"), ["1d10t", "$tup!d"]);
}

#[test]
fn without_a_mark_the_span_is_the_window() {
    let text = "so stupid of all people";
    let mut session = session(guard(SPANS, false));
    let verdict = session.guard(text.as_bytes(), &GuardOptions::default()).expect("a verdict");
    assert!(verdict.spans.len() == 3 && verdict.spans.iter().all(|s| (s.start, s.end) == (0, text.len())));
}

#[test]
fn of_a_long_text_only_windows_that_are_flagged_are_shown() {
    let mut session = session(guard(SPANS, true));
    let found = Manifest::parse(&manifest(SPANS)).expect("a good manifest");
    let calm = "people love the time of all people ".repeat(60);
    // The first mark lies in no flagged window.
    let text = format!("idiot {calm}stupid idiot {calm}");
    let verdict = session.guard(text.as_bytes(), &GuardOptions::default()).expect("a verdict");
    assert_eq!(shown(&text, &verdict, &found, "toxicity"), ["stupid idiot"]);
}

#[test]
fn a_filter_shows_and_redacts_what_is_marked_and_so_does_a_stream() {
    let policy = "policy = 1\nname = \"p\"\n[[category]]\nname = \"toxicity\"\naction = \"redact\"\nreplacement = \"*\"\n";
    let policy = Arc::new(Policy::parse("p", policy).expect("a good policy"));
    let filter = Arc::new(Filter::new(policy, Some(Arc::new(guard(SPANS, true)))).expect("a label"));
    let text = "you are stupid, all of you";
    let options = FilterOptions { language: Some("en".into()), ..FilterOptions::default() };
    let whole = Filter::judge(&filter, text.as_bytes(), &options);
    assert_eq!(
        (whole.action, filter.redact(text, &whole)),
        (Action::Redact, Ok("you are *, all of you".to_owned()))
    );
    for cut in 0..=text.len() {
        let mut stream = Stream::new(Arc::clone(&filter), options.clone()).expect("a stream");
        for piece in [&text[..cut], &text[cut..]] {
            stream.push(piece.as_bytes()).expect("a good text");
        }
        assert_eq!(stream.finish(), &whole, "cut at {cut}");
    }
}

#[test]
fn tables_that_do_not_fit_are_refused() {
    for (what, spans, words) in [
        ("none", "", vec!["it needs spans"]),
        ("label", &*SPANS.replace("hate", "hatred"), vec!["\"hatred\"", "no label"]),
        ("twice", &SPANS.replace("hate", "toxicity"), vec!["2 labels", "1 of them"]),
        ("no label", &SPANS.replace("[\"toxicity\", \"hate\"]", "[]"), vec!["0 labels"]),
        ("temperature", &SPANS.replace("= 1.0", "= 0.0"), vec!["spans.temperature is 0"]),
        ("threshold", &SPANS.replace("= 0.5", "= 1.5"), vec!["spans.threshold is 1.5"]),
        ("field", &SPANS.replace("threshold", "treshold"), vec!["treshold"]),
    ] {
        refused(what, Manifest::parse(&manifest(spans)), Code::InvalidPack, &words);
    }
    let plain = text("models/guard-test-int8/manifest.toml").replacen(
        "[[labels]]",
        &format!("{SPANS}\n[[labels]]"),
        1,
    );
    refused("no output", Manifest::parse(&plain), Code::InvalidPack, &["no output of that name"]);
}

/// A pack over the test corrector's model, in memory.
fn pack() -> Pack {
    let file = |name: &str| (name.to_owned(), bytes(&format!("models/corrector-test/{name}")));
    let mut files: BTreeMap<String, Vec<u8>> = [file("model.onnx"), file("tokenizer.json")].into();
    files.insert("manifest.toml".to_owned(), manifest(&SPANS.replace("= 0.5", "= 0.538")).into_bytes());
    Pack::from_archive(&tar(&files)).expect("a good pack")
}

fn verdicts(pack: &Pack, backend: Kind) -> Vec<Verdict> {
    let config = Config { backend, ..Config::default() };
    let mut session =
        Session::new(&Engine::new(&config, &[pack]).expect("an engine"), None).expect("a session");
    let texts = ["you are a stupid idiot", "what a stupid, stupid mess, you moron", "the sea is calm"];
    texts.iter().map(|t| session.guard(t.as_bytes(), &GuardOptions::default()).expect("a verdict")).collect()
}

#[test]
fn plan_and_tract_mark_alike_and_a_packed_plan_has_the_bits_of_the_plan() {
    let pack = pack();
    let plan = verdicts(&pack, Kind::Plan);
    // What the file's own output says, run by itself.
    let toxicity = |v: &Verdict| v.spans.iter().find(|s| s.label == 8).map(|s| (s.start, s.end));
    assert_eq!((toxicity(&plan[0]), toxicity(&plan[1])), (Some((10, 22)), Some((7, 21))));
    let tract = verdicts(&pack, Kind::Tract);
    for (a, b) in plan.iter().zip(&tract) {
        let places = |v: &Verdict| v.spans.iter().map(|s| (s.start, s.end, s.label)).collect::<Vec<_>>();
        assert_eq!((a.action, places(a)), (b.action, places(b)));
        assert!((a.risk - b.risk).abs() < 0.01);
    }
    let folder = project("target").join("spans-packed");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder");
    let packed = packing::pack(&pack, Choice::default(), true).expect("it has a plan");
    for (name, bytes) in [
        (&*packed.listed.file, &packed.bytes[..]),
        ("manifest.toml", packed.manifest.as_bytes()),
        ("tokenizer.json", &bytes("models/corrector-test/tokenizer.json")),
    ] {
        std::fs::write(folder.join(name), bytes).expect("it can be written");
    }
    assert_eq!(verdicts(&Pack::open(&folder).expect("the packed one"), Kind::Plan), plan);
}
