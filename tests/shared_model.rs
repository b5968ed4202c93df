//! Packs of one model file share what runs it: one pass for a text, with the bits of packs that run alone.

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use support::{project, refused};
use trueline_core::Code;
use trueline_core::engine::correct::{CorrectOptions, Correction};
use trueline_core::engine::{Config, Engine, GuardOptions, Session, Verdict};
use trueline_core::model::backend::Kind;
use trueline_core::model::control::Control;
use trueline_core::model::pack::{MANIFEST, Pack};
use trueline_core::model::packing::{self, Choice};

const TEXTS: [&str; 5] = [
    "what a lovely day",
    "you are a silly fool",
    "This is a stupid, ugly mess. Go away!",
    "damn it all, you idiot",
    "naïve words, and ﬁne ones; 12 of them (or so)",
];

/// The packs for tests, and a guard that reads the labels of the same file.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("shared-{name}"));
        let _ = fs::remove_dir_all(&root);
        for pack in ["corrector-test", "inspector-test", "guard-test"] {
            let from = if pack == "guard-test" { "corrector-test" } else { pack };
            let (from, into) = (project("models").join(from), root.join(pack));
            fs::create_dir_all(&into).expect("a folder");
            for entry in fs::read_dir(&from).expect("a pack") {
                let path = entry.expect("an entry").path();
                fs::copy(&path, into.join(path.file_name().expect("a name"))).expect("a copy");
            }
        }
        let guard = root.join("guard-test");
        fs::remove_file(guard.join("model.onnx")).expect("the copy");
        let text = fs::read_to_string(guard.join(MANIFEST)).expect("a manifest");
        let edits =
            text.find("[edits]").expect("it has edits")..text.find("[[labels]]").expect("it has labels");
        let text = [&text[..edits.start], &text[edits.end..]].concat();
        let text = text.replace("name = \"corrector-test\"", "name = \"guard-test\"");
        let text = text.replace("edit-tagger", "guard-encoder").replace("tags = \"tags\", ", "");
        let text = text.replace("\"model.onnx\"", "\"../corrector-test/model.onnx\"");
        fs::write(guard.join(MANIFEST), text).expect("a manifest");
        Self(root)
    }

    fn pack(&self, name: &str) -> Pack {
        Pack::open(&self.0.join(name)).expect("a pack")
    }

    /// Packs one in place.
    fn compile(&self, name: &str, choice: Choice, slim: bool) {
        let packed = packing::pack(&self.pack(name), choice, slim).expect("it has a plan");
        let folder = self.0.join(name);
        fs::write(folder.join(&packed.listed.file), &packed.bytes).expect("a plan");
        fs::write(folder.join(MANIFEST), &packed.manifest).expect("a manifest");
    }
}

fn engine(kind: Kind, packs: &[&Pack]) -> Engine {
    Engine::new(&Config { backend: kind, ..Config::default() }, packs).expect("an engine")
}

fn guard(session: &mut Session, text: &str) -> Verdict {
    session.select(Some("guard-test")).expect("it is there");
    session.guard(text.as_bytes(), &GuardOptions::default()).expect("a verdict")
}

fn correct(session: &mut Session, text: &str) -> Correction {
    session.select(Some("corrector-test")).expect("it is there");
    session.correct("why?", text, &CorrectOptions::default()).expect("a result")
}

fn inspect(session: &mut Session, text: &str) -> f64 {
    session.select(Some("inspector-test")).expect("it is there");
    session.inspect("why?", text, &Control::unlimited()).expect("a score")
}

fn bits(verdict: &Verdict) -> Vec<u32> {
    verdict.categories.iter().map(|category| category.score.to_bits()).collect()
}

/// Verdicts, corrections and scores of the packs together are those of each pack alone, in any order of the calls.
fn same_as_alone(folder: &Folder, kind: Kind, shares: bool) {
    let packs = ["guard-test", "inspector-test", "corrector-test"].map(|name| folder.pack(name));
    let together = engine(kind, &packs.iter().collect::<Vec<_>>());
    let alone = packs.each_ref().map(|pack| engine(kind, &[pack]));
    let [mut judge, mut inspector, _] =
        alone.each_ref().map(|engine| Session::new(engine, None).expect("one"));
    let mut session = Session::new(&together, None).expect("a session");
    for text in TEXTS {
        let long = [text; 40].join(" ");
        for text in [text, &long] {
            assert_eq!(bits(&guard(&mut session, text)), bits(&guard(&mut judge, text)), "{kind:?}");
            let (a, b) = (inspect(&mut session, text), inspect(&mut inspector, text));
            assert_eq!(a.to_bits(), b.to_bits(), "{kind:?}");
        }
    }
    // Corrections are held against the engine's guard and inspector: another engine of the three, none of whose sessions
    // remembers anything.
    for text in TEXTS {
        let mut fresh = Session::new(&together, None).expect("a session");
        assert_eq!(correct(&mut session, text), correct(&mut fresh, text), "{kind:?}");
    }
    let why = together.member(Some("guard-test")).expect("a pack").backend().1.to_owned();
    assert_eq!(why.contains("shared by guard-test"), shares, "{kind:?}: {why}");
    assert_eq!(session.passes().0 > 0, shares);
}

#[test]
fn bits_are_those_of_packs_that_run_alone() {
    let folder = Folder::new("alone");
    for kind in [Kind::Default, Kind::Plan, Kind::Tract] {
        same_as_alone(&folder, kind, true);
    }
}

#[test]
fn a_corrected_text_takes_two_passes() {
    let folder = Folder::new("passes");
    let packs = ["guard-test", "corrector-test"].map(|name| folder.pack(name));
    let engine = engine(Kind::Default, &[&packs[0], &packs[1]]);
    let (mut corrected, mut most) = (0, 0);
    for text in TEXTS {
        let mut session = Session::new(&engine, None).expect("a session");
        let first = guard(&mut session, text);
        assert_eq!(session.passes(), (1, 0));
        let found = correct(&mut session, text);
        let after = session.passes();
        assert!(after.1 >= 1, "the corrector read again what the guard had read");
        // The guard looks at the original and at the correction, and the result is what a host would check once more.
        assert_eq!(bits(&guard(&mut session, text)), bits(&first));
        guard(&mut session, &found.text);
        assert_eq!(session.passes().0, after.0, "what was read is read again");
        if found.changed {
            corrected += 1;
            most = most.max(after.0);
            assert!(after.0 >= 2);
        } else {
            assert!(found.reason.name() != "unchanged" || after.0 == 1);
        }
    }
    assert!(corrected > 0, "the packs for tests changed nothing");
    // One for each text that is tried: the original, and a correction with each bias.
    assert!((2..=4).contains(&most), "{most}");
}

#[test]
fn a_verdict_does_not_depend_on_its_neighbours() {
    let folder = Folder::new("neighbours");
    let packs = ["guard-test", "corrector-test"].map(|name| folder.pack(name));
    let engine = engine(Kind::Default, &[&packs[0], &packs[1]]);
    let alone: Vec<Vec<u32>> = TEXTS
        .iter()
        .map(|text| bits(&guard(&mut Session::new(&engine, None).expect("a session"), text)))
        .collect();
    let mut session = Session::new(&engine, Some("guard-test")).expect("a session");
    let batch: Vec<&[u8]> = TEXTS.iter().chain(TEXTS.iter().rev()).map(|text| text.as_bytes()).collect();
    let found = session.guard_batch(&batch, &GuardOptions::default());
    for (found, wanted) in found.iter().zip(alone.iter().chain(alone.iter().rev())) {
        assert_eq!(&bits(found.as_ref().expect("a verdict")), wanted);
    }
    // Each text is read once; those beside which it stands again take that reading.
    assert_eq!(session.passes().0, 5);
    // What is remembered does not outlast a deadline.
    let late = GuardOptions { timeout: Some(std::time::Duration::ZERO), ..GuardOptions::default() };
    refused("late", session.guard(TEXTS[0].as_bytes(), &late), Code::DeadlineExceeded, &[]);
    refused("no pack", session.select(Some("none")), Code::Unavailable, &["guard-test, corrector-test"]);
    assert_eq!(session.pack().manifest().name, "guard-test");
}

#[test]
fn packed_plans_are_shared_where_one_has_all_outputs() {
    let folder = Folder::new("packed");
    for name in ["guard-test", "inspector-test", "corrector-test"] {
        folder.compile(name, Choice::default(), true);
    }
    let packs = ["guard-test", "corrector-test", "inspector-test"].map(|name| folder.pack(name));
    let together = engine(Kind::Plan, &packs.iter().collect::<Vec<_>>());
    let why = |name: &str| together.member(Some(name)).expect("a pack").backend().1.to_owned();
    // The corrector's plan has the guard's output as well; the inspector's has neither.
    assert!(why("guard-test").ends_with("shared by guard-test, corrector-test"), "{}", why("guard-test"));
    assert!(!why("inspector-test").contains("shared"), "{}", why("inspector-test"));
    same_as_alone(&folder, Kind::Plan, true);
    let folder = Folder::new("packed-whole");
    for name in ["guard-test", "inspector-test", "corrector-test"] {
        folder.compile(name, Choice { all_outputs: true, ..Choice::default() }, true);
    }
    let packs = ["guard-test", "corrector-test", "inspector-test"].map(|name| folder.pack(name));
    let together = engine(Kind::Plan, &packs.iter().collect::<Vec<_>>());
    assert!(together.member(Some("inspector-test")).expect("a pack").backend().1.contains("guard-test, "));
    same_as_alone(&folder, Kind::Plan, true);
}

#[test]
fn packs_of_other_files_share_nothing() {
    let open = |name: &str| Pack::open(&project("models").join(name)).expect("a pack");
    let (a, b) = (open("guard-test-int8"), open("guard-test-f32"));
    let engine = engine(Kind::Default, &[&a, &b]);
    let mut session = Session::new(&engine, None).expect("a session");
    session.guard(b"a day", &GuardOptions::default()).expect("a verdict");
    assert_eq!(session.passes(), (0, 0));
}
