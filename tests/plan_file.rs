//! Packed files: what they give back, what is refused and how, and packs that bring one.
#![cfg(feature = "tract")]

mod support;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use support::pack::{Folder, files, tar};
use support::{Random, refused};
use trueline_core::engine::{Config, Engine, GuardOptions, Session, Verdict};
use trueline_core::kernels::{linear_f32, linear_i8};
use trueline_core::model::backend::Kind;
use trueline_core::model::map::Mapped;
use trueline_core::model::pack::{Pack, sha256};
use trueline_core::model::packing::{self, Choice, Packed};
use trueline_core::model::plan::file::{self, PlanFile, Unusable};
use trueline_core::model::plan::ir;
use trueline_core::{Code, Error};

type Files = BTreeMap<String, Vec<u8>>;

fn packed(slim: bool) -> Packed {
    let pack = Pack::from_archive(&tar(&files())).expect("a good pack");
    packing::pack(&pack, Choice::default(), slim).expect("it has a plan")
}

/// The small pack with its plan.
fn compiled(slim: bool) -> (Files, Packed) {
    let (mut files, packed) = (files(), packed(slim));
    files.insert("manifest.toml".into(), packed.manifest.clone().into_bytes());
    files.insert(packed.listed.file.clone(), packed.bytes.clone());
    if slim {
        files.remove("model.onnx");
    }
    (files, packed)
}

fn read(bytes: &[u8]) -> Result<PlanFile, Unusable> {
    PlanFile::read(Arc::new(Mapped::copy_of(bytes)), None)
}

/// The error of a file that is not taken, and not for its layout.
fn broken(what: &str, bytes: &[u8], code: Code, words: &[&str]) {
    match read(bytes) {
        Ok(_) => panic!("{what}: taken"),
        Err(Unusable::Layout(layout)) => panic!("{what}: layout {layout}"),
        Err(Unusable::Broken(error)) => refused(what, Err::<(), Error>(error), code, words),
    }
}

/// The bytes with others at `at`, and a digest to match.
fn with(good: &[u8], at: usize, other: &[u8]) -> Vec<u8> {
    let mut bad = good.to_vec();
    bad[at..at + other.len()].copy_from_slice(other);
    let body = bad.len() - 32;
    let digest = *blake3::hash(&bad[..body]).as_bytes();
    bad[body..].copy_from_slice(&digest);
    bad
}

fn judge(pack: &Pack, kind: Kind) -> Vec<Verdict> {
    let config = Config { backend: kind, ..Config::default() };
    let engine = Engine::new(&config, &[pack]).expect("an engine");
    let mut session = Session::new(&engine, None).expect("a session");
    ["a", "bad words, 12 of them", "naïve é", "one window more than the last one has"]
        .map(|text| session.guard(text.as_bytes(), &GuardOptions::default()).expect("a verdict"))
        .into()
}

#[test]
fn what_is_written_is_read() {
    let (files, packed) = compiled(false);
    let found = read(&packed.bytes).expect("a good file");
    assert_eq!(file::hex(found.digest()), packed.listed.blake3);
    assert_eq!(packed.listed.bytes, packed.bytes.len() as u64);
    assert_eq!(file::hex(&found.source().model), sha256(&files["model.onnx"]));
    assert_eq!(file::hex(&found.source().tokenizer), sha256(&files["tokenizer.json"]));
    assert!(!found.source().int8_weights && !found.source().exact_attention);
    assert!(!found.plan().steps.is_empty() && found.vocabulary().is_some());
    let again = file::write(
        found.plan(),
        found.vocabulary().expect("it is there").as_ref(),
        found.constants().expect("aligned").bytes(),
        found.source(),
    );
    assert_eq!(again.expect("it can be written"), packed.bytes);
    let source = file::Source { int8_weights: true, exact_attention: true, ..*found.source() };
    let bare = file::write(&ir::Plan::default(), &[], &[], &source).expect("it can be written");
    let bare = read(&bare).expect("an empty plan");
    assert!(*bare.source() == source && bare.vocabulary().is_none() && bare.plan().steps.is_empty());
}

#[test]
fn verdicts_are_those_of_the_model_file() {
    let plain = Pack::from_archive(&tar(&files())).expect("a good pack");
    let wanted = judge(&plain, Kind::Plan);
    for slim in [false, true] {
        let (files, _) = compiled(slim);
        let folder = Folder::new(&files);
        for pack in [Pack::open(folder.path()), Pack::from_archive(&tar(&files))] {
            let pack = pack.expect("a good pack");
            assert!(pack.plan().is_some() && pack.plan_refusal().is_none());
            for kind in [Kind::Plan, Kind::Default] {
                assert_eq!(format!("{:?}", judge(&pack, kind)), format!("{wanted:?}"));
            }
            assert_eq!(pack.tokenizer().expect("it is there"), files["tokenizer.json"]);
            if slim {
                refused("no model", pack.model(), Code::Unavailable, &["has no model.onnx", "compiled plan"]);
                let config = Config { backend: Kind::Tract, ..Config::default() };
                let engine = Engine::new(&config, &[&pack]).map(drop);
                refused("tract", engine, Code::Unavailable, &["has no model.onnx"]);
            } else {
                assert_eq!(pack.model().expect("it is there"), files["model.onnx"]);
            }
        }
    }
}

#[test]
fn a_folder_is_mapped_and_what_is_not_needed_is_read_late() {
    let (files, packed) = compiled(false);
    let folder = Folder::new(&files);
    let opened = std::fs::File::open(folder.path().join(&packed.listed.file)).expect("it is there");
    let map = Mapped::new(&opened, packed.bytes.len()).expect("it can be mapped");
    assert!(map.is_mapped() && map.as_ref() == packed.bytes);
    let mut seen = Vec::new();
    map.scan(|part| seen.extend_from_slice(part));
    assert!(seen == packed.bytes && map.as_ref() == packed.bytes);
    let more = Mapped::new(&opened, packed.bytes.len() + 1).map(drop);
    refused("more than there is", more, Code::InvalidPack, &["bytes where", "are stated"]);

    let pack = Pack::open(folder.path()).expect("a good pack");
    let mut other = files["model.onnx"].clone();
    other[0] ^= 1;
    folder.write("model.onnx", &other);
    assert_eq!(judge(&pack, Kind::Plan).len(), 4);
    for _ in 0..2 {
        refused("changed since", pack.model(), Code::HashMismatch, &["model.onnx has sha256"]);
    }
    // Another plan in its place leaves the mapped one as it is.
    std::fs::remove_file(folder.path().join(&packed.listed.file)).expect("it was there");
    assert_eq!(judge(&pack, Kind::Plan).len(), 4);
    refused("gone", Pack::open(folder.path()), Code::Io, &[&packed.listed.file]);
}

#[test]
fn another_layout_is_compiled_again_or_refused() {
    let (mut files, packed) = compiled(false);
    let other = with(&packed.bytes, 12, &(file::LAYOUT + 1).to_le_bytes());
    assert!(matches!(read(&other), Err(Unusable::Layout(found)) if found == file::LAYOUT + 1));
    let text = |files: &Files| String::from_utf8(files["manifest.toml"].clone()).expect("text");
    let layout = |text: &str| text.replace(&format!("layout = {}", file::LAYOUT), "layout = 7");
    files.insert("manifest.toml".into(), layout(&text(&files)).into_bytes());
    let pack = Pack::from_archive(&tar(&files)).expect("the model file is there");
    let why = pack.plan_refusal().expect("it says why");
    assert!(
        pack.plan().is_none()
            && why.contains("layout 7")
            && why.contains(&format!("reads layout {}", file::LAYOUT)),
        "{why}"
    );
    let plain = Pack::from_archive(&tar(&support::pack::files())).expect("a good pack");
    assert_eq!(format!("{:?}", judge(&pack, Kind::Default)), format!("{:?}", judge(&plain, Kind::Default)));

    let (mut slim, _) = compiled(true);
    slim.insert("manifest.toml".into(), layout(&text(&slim)).into_bytes());
    let reads = format!("reads layout {}", file::LAYOUT);
    let words = ["its layout is 7", &reads, "model.onnx", "not in the pack"];
    refused("nothing to compile", Pack::from_archive(&tar(&slim)), Code::InvalidPack, &words);
}

#[test]
fn truncated_and_flipped_files_are_refused() {
    let good = packed(false).bytes;
    for len in (0..256).chain((256..good.len()).step_by(97)).chain([good.len() - 32, good.len() - 1]) {
        let words: &[&str] = if len < 8 { &["magic"] } else { &["truncated", &len.to_string()] };
        broken(&format!("{len} bytes"), &good[..len], Code::InvalidPack, words);
    }
    let mut longer = good.clone();
    longer.push(0);
    broken("longer", &longer, Code::InvalidPack, &["its header states"]);
    let mut random = Random(7);
    for case in 0..500 {
        let at = if case < 192 { case } else { random.below(good.len()) };
        let mut bad = good.clone();
        bad[at] ^= 1 << random.below(8);
        match read(&bad) {
            Err(Unusable::Layout(_)) => assert!((12..16).contains(&at), "a bit of byte {at}"),
            Err(Unusable::Broken(error)) => {
                assert!(matches!(error.code, Code::HashMismatch | Code::InvalidPack), "byte {at}: {error}");
            }
            Ok(_) => panic!("a bit of byte {at} was not missed"),
        }
    }
    // The digest is right, but not the one that the manifest states.
    let other =
        PlanFile::read(Arc::new(Mapped::copy_of(&good)), Some(&[1; 32])).map_err(Unusable::into_error);
    refused("another digest", other, Code::HashMismatch, &["BLAKE3", "0101"]);
}

#[test]
fn headers_that_lie_are_refused_although_the_digest_is_right() {
    let good = packed(false).bytes;
    broken("magic", &with(&good, 0, b"\x7f"), Code::InvalidPack, &["no compiled plan"]);
    broken("big-endian", &with(&good, 8, &[1, 2, 3, 4]), Code::InvalidPack, &["big-endian"]);
    broken("mixed-endian", &with(&good, 8, &[2, 1, 4, 3]), Code::InvalidPack, &["byte-order mark"]);
    broken("flags", &with(&good, 72, &[4]), Code::InvalidPack, &["flags 0x4"]);
    let body = good.len() as u64 - 32;
    for (at, name) in [(24, "plan"), (40, "vocabulary"), (56, "constants")] {
        let start = u64::from_le_bytes(*good[at..].first_chunk().expect("in the header"));
        let len = u64::from_le_bytes(*good[at + 8..].first_chunk().expect("in the header"));
        for (start, len) in [
            (start + 1, len),
            (start + 32, len),
            (0, len),
            (128, len),
            (start, body),
            (start, u64::MAX),
            (u64::MAX - 63, len),
            (u64::MAX, u64::MAX),
            (body.next_multiple_of(64), 64),
        ] {
            let bytes = [start.to_le_bytes(), len.to_le_bytes()].concat();
            let what = format!("{name} of {len} bytes at {start}");
            broken(&what, &with(&good, at, &bytes), Code::InvalidPack, &["section"]);
        }
        if name != "constants" {
            // It reaches into the next one.
            let bytes = (len + 128).to_le_bytes();
            broken("overlapping", &with(&good, at + 8, &bytes), Code::InvalidPack, &["section", "multiple"]);
        }
        if name == "plan" {
            let fewer = with(&good, at + 8, &(len - 1).to_le_bytes());
            broken("a shorter description", &fewer, Code::InvalidPack, &["description"]);
            let more = with(&good, at + 8, &(len.next_multiple_of(64) - 1).to_le_bytes());
            if len.next_multiple_of(64) - 1 > len {
                broken("a longer description", &more, Code::InvalidPack, &["ends", "early"]);
            }
        }
    }
    struct Off(Mapped);
    impl AsRef<[u8]> for Off {
        fn as_ref(&self) -> &[u8] {
            &self.0.as_ref()[1..]
        }
    }
    let off = Off(Mapped::copy_of(&[&[0], &good[..]].concat()));
    let off = PlanFile::read(Arc::new(off), None).map_err(Unusable::into_error);
    refused("not aligned", off, Code::InvalidPack, &["multiple of 64"]);
}

#[test]
fn a_plan_of_other_files_is_refused() {
    let (good, packed) = compiled(false);
    for (at, file) in [(80, "model.onnx"), (112, "tokenizer.json")] {
        let mut files = good.clone();
        let other = with(&packed.bytes, at, &[9; 32]);
        let text = packed.manifest.replace(&packed.listed.blake3, &file::hex(&file::digest_of(&other)));
        files.insert("manifest.toml".into(), text.into_bytes());
        files.insert(packed.listed.file.clone(), other);
        let words = ["it was made from", file, "0909"];
        refused(file, Pack::from_archive(&tar(&files)), Code::InvalidPack, &words);
    }
    let mut files = good;
    files.remove(&packed.listed.file);
    refused(
        "no plan",
        Pack::from_archive(&tar(&files)),
        Code::InvalidPack,
        &["holds no", &packed.listed.file],
    );
}

#[test]
fn manifests_are_changed_where_the_plan_is_and_nowhere_else() {
    let packed = packed(false);
    let before = String::from_utf8(files()["manifest.toml"].clone()).expect("text");
    assert!(packed.manifest.starts_with(&before), "lines were lost");
    let again = |text: &str, slim| packing::with_plan(text, &packed.listed, slim).expect("it can be changed");
    assert_eq!(again(&packed.manifest, false), packed.manifest, "packed twice");
    let slim = again(&packed.manifest, true);
    assert_eq!(
        slim.lines().filter(|line| !packed.manifest.contains(line)).collect::<Vec<_>>(),
        ["absent = true"]
    );
    assert_eq!(again(&slim, false), packed.manifest, "and back");
    let commented = before.replace("[model]", "# The network.\n[model] # as exported");
    assert!(again(&commented, true).contains("# The network.\n[model] # as exported\nabsent = true\n"));
    let inline = format!(
        "plan = {{ file = \"x\", blake3 = \"{}\", bytes = 1, layout = 1 }}\n{before}",
        "0".repeat(64)
    );
    let found = packing::with_plan(&inline, &packed.listed, false);
    refused("an inline table", found, Code::InvalidPack, &["manifest.toml cannot be changed"]);
}

#[test]
fn manifests_that_misstate_the_plan_are_refused() {
    let (good, packed) = compiled(false);
    let (blake3, bytes) = (packed.listed.blake3.clone(), packed.bytes.len());
    let layout = format!("layout = {}", file::LAYOUT);
    let cases: &[(&str, &str, Code, &[&str])] = &[
        (&blake3, &"0".repeat(64), Code::HashMismatch, &["BLAKE3", "is stated"]),
        (&blake3, "00", Code::InvalidPack, &["blake3 of", "64 lower-case"]),
        (&blake3, &blake3.to_uppercase(), Code::InvalidPack, &["blake3 of", "64 lower-case"]),
        (&format!("bytes = {bytes}"), "bytes = 7", Code::InvalidPack, &["the manifest states 7"]),
        (&format!("bytes = {bytes}"), "bytes = 1073741825", Code::TooLarge, &["1073741825", "at most"]),
        (&packed.listed.file, "../x.plan", Code::InvalidPack, &["plain relative path"]),
        (&packed.listed.file, "tokenizer.json", Code::InvalidPack, &["tokenizer.json\" twice"]),
        (&layout, &format!("{layout}\nmore = 2"), Code::InvalidPack, &["unknown field `more`"]),
    ];
    for (from, to, code, words) in cases {
        assert!(packed.manifest.contains(from), "{from:?}");
        let mut files = good.clone();
        files.insert("manifest.toml".into(), packed.manifest.replacen(from, to, 1).into_bytes());
        refused(to, Pack::from_archive(&tar(&files)), *code, words);
    }
    let text = String::from_utf8(files()["manifest.toml"].clone()).expect("text");
    let mut files = files();
    files.insert("manifest.toml".into(), text.replace("[model]", "[model]\nabsent = true").into_bytes());
    let words = ["model.absent", "no compiled plan"];
    refused("neither model nor plan", Pack::from_archive(&tar(&files)), Code::InvalidPack, &words);
}

/// Every variant of an enum as it is decoded from its number and zeros: names, order and fields.
fn variants<T: DeserializeOwned + Debug>(out: &mut String) {
    for variant in 0..128_u8 {
        let bytes = [&[variant][..], &[0; 256]].concat();
        let Ok((value, _)) = postcard::take_from_bytes::<T>(&bytes) else { break };
        *out += &format!("{value:?}\n");
    }
}

/// A change here is a change of [`file::LAYOUT`]: files of the old layout would be read as something else.
#[test]
fn the_layout_is_the_one_that_its_number_stands_for() {
    let mut all = String::new();
    variants::<ir::Op>(&mut all);
    variants::<ir::Place>(&mut all);
    variants::<ir::Kind>(&mut all);
    variants::<ir::Weights>(&mut all);
    variants::<ir::Rows>(&mut all);
    variants::<ir::Form>(&mut all);
    variants::<ir::Heads>(&mut all);
    variants::<ir::Unary>(&mut all);
    variants::<ir::Binary>(&mut all);
    variants::<ir::Reduce>(&mut all);
    variants::<ir::Activation>(&mut all);
    variants::<ir::Cache>(&mut all);
    variants::<ir::Plan>(&mut all);
    let lines = all.lines().count();
    let [k, n] = [70, 53];
    let bytes: Vec<i8> = (0..k * n).map(|i| (i * 37 % 251) as u8 as i8).collect();
    let floats: Vec<f32> = bytes.iter().map(|&b| f32::from(b)).collect();
    let (mut packed, mut sums) = (vec![0; linear_i8::packed_len(k, n)], vec![0; n]);
    linear_i8::pack(&bytes, [k, n], &mut packed, &mut sums);
    let mut wide = vec![0.0; linear_f32::packed_len(k, n)];
    linear_f32::pack(&floats, [k, n], &mut wide);
    all += &format!("{packed:?} {sums:?} {wide:?}");
    let found = (file::LAYOUT, lines, file::hex(&blake3::hash(all.as_bytes()).as_bytes()[..8]));
    assert_eq!(
        found,
        (3, 309, "e026bb04a063a51e".to_owned()),
        "give the layout another number, then pin this anew"
    );
}
