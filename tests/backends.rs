//! Two backends give the same answers: tract against ONNX Runtime, over texts in many scripts.
#![cfg(feature = "ort")]

mod support;

use std::path::{Path, PathBuf};

use support::{project, text};
use trueline_core::engine::{Config, Engine, GuardOptions, Session, Verdict};
use trueline_core::model::backend::{self, Backend, Kind, Memory, Settings};
use trueline_core::model::control::Control;
use trueline_core::model::family;
use trueline_core::model::pack::Pack;
use trueline_core::model::tokenizer::Tokenizer;

/// ONNX Runtime's shared library, if there is one; says so if there is none.
fn library() -> Option<String> {
    let given = std::env::var("TRUELINE_ORT_LIBRARY").ok().filter(|path| !path.is_empty());
    let found = given.or_else(|| find(&project(".peers"))?.to_str().map(str::to_owned));
    if found.is_none() {
        println!("skipped: libonnxruntime is absent (cargo xtask peers fetches it)");
    }
    found
}

/// The first file of this folder or those below it that is ONNX Runtime.
fn find(folder: &Path) -> Option<PathBuf> {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder).ok()?.flatten().map(|e| e.path()).collect();
    entries.sort();
    let is_library = |path: &&PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        path.is_file() && name.starts_with("libonnxruntime.so")
    };
    entries.iter().find(is_library).cloned().or_else(|| entries.iter().find_map(|path| find(path)))
}

fn pack(name: &str) -> Pack {
    Pack::open(&project("models").join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// Some two hundred texts: lines of many scripts, longer texts made of them, and those of the examples.
fn texts() -> Vec<String> {
    let lines = text("tests/fixtures/tokenizer/lines.txt");
    let lines: Vec<&str> = lines.split('\n').filter(|line| !line.is_empty()).collect();
    let mut out: Vec<String> = lines.iter().step_by(60).map(|line| (*line).to_owned()).collect();
    out.extend(lines.chunks(20).step_by(27).map(|some| some.join(" ")));
    let examples = text("examples/data/prompts.tsv");
    out.extend(examples.lines().map(|line| line.split_once('\t').expect("role, tab, text").1.to_owned()));
    assert!(out.len() >= 190, "{} texts", out.len());
    out
}

/// The logits of the first window of each text.
fn logits(pack: &Pack, backend: &dyn Backend, texts: &[String]) -> Vec<Vec<f32>> {
    let manifest = pack.manifest();
    let tokenizer =
        Tokenizer::from_bytes(pack.tokenizer().expect("its bytes")).expect("the pack's tokenizer");
    let family = family::find(&manifest.family).expect("the pack's family");
    let control = Control::unlimited();
    let mut memory = Memory::default();
    let run = |text: &String| {
        let ids = tokenizer.encode(text, &control).expect("no limit").ids;
        let most = manifest.limits.max_tokens - family::SPECIAL_TOKENS;
        let inputs = family.encode(manifest, &ids[..ids.len().min(most)]).expect("short enough");
        let outputs = backend.run(&mut memory, &inputs, &control).expect("the model runs");
        outputs[0].f32s().expect("logits").to_vec()
    };
    texts.iter().map(run).collect()
}

#[test]
fn f32_logits_agree() {
    let Some(library) = library() else { return };
    let (pack, texts) = (pack("guard-test-f32"), texts());
    let load = |kind| {
        let settings = Settings { ort_library: Some(library.clone()), ..Settings::new(kind) };
        backend::load(&settings, &pack).expect("the backend is there").backend
    };
    let theirs = logits(&pack, &*load(Kind::Ort), &texts);
    for kind in [Kind::Plan, Kind::Tract] {
        let ours = logits(&pack, &*load(kind), &texts);
        let pairs = || ours.iter().flatten().zip(theirs.iter().flatten());
        assert_eq!(pairs().count(), texts.len() * pack.manifest().labels.len());
        let worst = pairs().map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        println!(
            "guard-test-f32, {}: {} texts, largest difference of a logit {worst:e}",
            kind.name(),
            texts.len()
        );
        assert!(pairs().all(|(a, b)| (a - b).abs() <= 1e-4), "{worst:e}");
    }
}

/// The verdicts of one backend on all texts.
fn verdicts(pack: &Pack, backend: Kind, library: &str, texts: &[String]) -> Vec<Option<Verdict>> {
    let config = Config { backend, ort_library: Some(library.to_owned()), ..Config::default() };
    let engine = Engine::new(&config, &[pack]).expect("the pack loads");
    let mut session = Session::new(&engine, None).expect("its pack");
    // A text that has nothing to judge is an error, and must be one for both.
    texts.iter().map(|text| session.guard(text.as_bytes(), &GuardOptions::default()).ok()).collect()
}

/// How far the scores of two backends may lie apart: on average over all texts and labels, and at most.
#[derive(Clone, Copy)]
struct Apart {
    mean: f32,
    most: f32,
}

/// Scores within these bounds, and the same flags and actions wherever a score is further than the wider from its threshold.
fn verdicts_agree(name: &str, kind: Kind, apart: Apart) {
    let Some(library) = library() else { return };
    let (pack, texts) = (pack(name), texts());
    let ours = verdicts(&pack, kind, &library, &texts);
    let theirs = verdicts(&pack, Kind::Ort, &library, &texts);
    let (mut most, mut sum, mut scores, mut judged, mut near) = (0.0_f32, 0.0_f32, 0, 0, 0);
    let mut differ = Vec::new();
    for (at, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
        let (Some(ours), Some(theirs)) = (ours, theirs) else {
            assert!(ours.is_none() && theirs.is_none(), "text {at}: one backend fails");
            continue;
        };
        judged += 1;
        assert_eq!((ours.windows, ours.categories.len()), (theirs.windows, theirs.categories.len()));
        for (a, b) in ours.categories.iter().zip(&theirs.categories) {
            let difference = (a.score - b.score).abs();
            most = most.max(difference);
            sum += difference;
            scores += 1;
            let is_near = (a.score - a.threshold).abs() <= apart.most;
            near += usize::from(is_near);
            if !is_near && a.flagged != b.flagged {
                differ.push(format!("text {at}, label {}: {} and {}", a.label, a.score, b.score));
            }
        }
        let all_far = ours.categories.iter().all(|c| (c.score - c.threshold).abs() > apart.most);
        if all_far && ours.action != theirs.action {
            differ.push(format!("text {at}: {:?} and {:?}", ours.action, theirs.action));
        }
    }
    assert!(judged >= 150, "{judged} texts were judged");
    let mean = sum / scores as f32;
    println!(
        "{name}, {}: {judged} texts, scores apart by {mean:e} on average, by {most:e} at most; {near} scores near a threshold",
        kind.name()
    );
    assert!(
        mean <= apart.mean && most <= apart.most,
        "{name}, {}: {mean} on average, {most} at most",
        kind.name()
    );
    assert!(differ.is_empty(), "{name}, {}: {differ:?}", kind.name());
}

#[test]
fn f32_verdicts_agree() {
    for kind in [Kind::Plan, Kind::Tract] {
        verdicts_agree("guard-test-f32", kind, Apart { mean: 1e-5, most: 1e-4 });
    }
}

/// Whether ONNX Runtime's products of u8 and s8 are exact here. Without VNNI it adds pairs of them in 16 bits, which saturate
/// where weights use all of theirs, as these do; ours are exact everywhere.
fn exact_peer() -> bool {
    #[cfg(target_arch = "x86_64")]
    return is_x86_feature_detected!("avx512vnni") || is_x86_feature_detected!("avxvnni");
    #[cfg(not(target_arch = "x86_64"))]
    return true;
}

#[test]
fn int8_verdicts_agree() {
    // ONNX Runtime and tract round a whole tensor by one scale, and that scale is the largest value's: a last bit, which
    // differs from one CPU's kernels to another's, moves every activation to its next step, and those the scale after it.
    // On most texts nothing is left of that; on one or two it was 0.02 on one CPU and 0.04 on another, hence two bounds.
    // The plan rounds each row by its own scale, and is nearer to the f32 model than ONNX Runtime, which is off by 0.05.
    let exact = exact_peer();
    println!("ONNX Runtime's int8 products are {} here", if exact { "exact" } else { "saturated" });
    for kind in [Kind::Plan, Kind::Tract] {
        for (name, bounds) in [
            ("guard-test-int8", Apart { mean: 0.005, most: 0.05 }),
            ("guard-en", Apart { mean: 0.005, most: 0.1 }),
        ] {
            // Measured on AVX2: 0.012 on average and 0.14 at most.
            let apart = if exact { bounds } else { Apart { mean: 0.02, most: 0.3 } };
            verdicts_agree(name, kind, apart);
        }
    }
}
