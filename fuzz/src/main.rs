//! Mutated bytes for whatever reads bytes: `cargo run -p trueline_fuzz -- [RUNS] [SEED]`.
//!
//! Each target gets good inputs with bits flipped, bytes cut, doubled and replaced by extreme numbers. A target may
//! refuse; it may not panic, hang or end the process. RUNS is for each target; the same seed gives the same inputs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use trueline_core::engine::deny::{DenyIndex, index};
use trueline_core::model::control::Control;
use trueline_core::model::manifest::Manifest;
use trueline_core::model::map::Mapped;
use trueline_core::model::onnx;
use trueline_core::model::pack::Pack;
use trueline_core::model::packing;
use trueline_core::model::plan::file::PlanFile;
use trueline_core::model::tokenizer::Tokenizer;
use trueline_core::scoring::guard::canonical::Canonical;

mod damage;
mod plan;

/// A reader under test.
struct Target {
    name: &'static str,
    seeds: Vec<Vec<u8>>,
    read: fn(&[u8]),
}

/// xorshift64*: small, seeded, the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
}

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let runs: u64 = words.next().and_then(|w| w.parse().ok()).unwrap_or(20_000);
    let seed = words.next().and_then(|w| w.parse().ok()).unwrap_or(20_260_901);
    println!("seed {seed}, {runs} runs of each target");
    // Panics that the library catches are its business; those that leave it are counted below.
    std::panic::set_hook(Box::new(|_| {}));
    let targets = targets();
    let (mut passed, mut failed) = (0_u64, 0_u64);
    for target in &targets {
        let mut random = Random(seed);
        for run in 0..runs {
            let seed_input = &target.seeds[random.below(target.seeds.len())];
            let input = mutate(seed_input, &mut random);
            if catch_unwind(AssertUnwindSafe(|| (target.read)(&input))).is_ok() {
                passed += 1;
                continue;
            }
            failed += 1;
            let path = format!("fuzz-{}-{run}.bin", target.name);
            println!("{}: run {run} panicked; its input is in {path}", target.name);
            if let Err(error) = std::fs::write(&path, &input) {
                println!("{path}: {error}");
            }
        }
        println!("{}: {runs} inputs", target.name);
    }
    println!("{passed} passed, {failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A table of n-grams, and its own bytes as a text where they are one.
fn ngrams(bytes: &[u8]) {
    let text = str::from_utf8(bytes).unwrap_or("a plain text!");
    trueline_tiny::features(text, 12, |bucket, span| assert!(bucket < 1 << 12 && span.end <= text.len()));
    if let Ok(model) = trueline_tiny::Model::new(bytes) {
        let mut logits = [0.0; trueline_tiny::MAX_LABELS];
        assert!(model.score(text, &mut logits[..model.labels()]).is_ok());
    }
}

fn targets() -> Vec<Target> {
    let file = |pack: &str, name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models").join(pack).join(name);
        std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    };
    let (f32_pack, int8_pack) = ("guard-test-f32", "guard-test-int8");
    let named = [f32_pack, int8_pack, "guard-test-tiny", "corrector-test", "inspector-test"];
    let manifests: Vec<_> = named.into_iter().map(|pack| file(pack, "manifest.toml")).collect();
    let models = vec![file(f32_pack, "model.onnx"), file(int8_pack, "model.onnx")];
    let texts =
        vec!["e\u{301}\u{200b} ﬁ , (a )\u{202e} \u{1f469}\u{200d}\u{1f4bb}\n\n\n x".as_bytes().to_vec()];
    vec![
        Target {
            name: "manifest",
            seeds: manifests.clone(),
            read: |bytes| {
                if let Ok(text) = std::str::from_utf8(bytes) {
                    let _ = Manifest::parse(text);
                }
            },
        },
        Target {
            name: "archive",
            seeds: vec![archive(&manifests[0])],
            read: |bytes| drop(Pack::from_archive(bytes)),
        },
        Target { name: "ngrams", seeds: vec![file("guard-test-tiny", "model.bin")], read: ngrams },
        Target {
            name: "features",
            seeds: vec![file("guard-test-tiny", "features.toml")],
            read: |bytes| {
                if let Ok(tokenizer) = Tokenizer::ngrams(bytes) {
                    let _ = tokenizer.encode("a plain text!", &Control::unlimited());
                }
            },
        },
        Target {
            name: "deny",
            seeds: vec![index(["one two three four five", "six seven"].into_iter()).unwrap_or_default()],
            read: |bytes| {
                // Past the digest, which no mutation keeps: what a hostile maker of files could write.
                let body = &bytes[..bytes.len().saturating_sub(32)];
                let signed = [body, blake3::hash(body).as_bytes()].concat();
                for bytes in [bytes, &signed] {
                    let found = DenyIndex::from_bytes(bytes);
                    let _ = found.map(|index| index.corpus().longest(&[1, 2, 3]));
                }
            },
        },
        Target { name: "onnx", seeds: models, read: |bytes| drop(onnx::inspect(bytes)) },
        Target {
            name: "tokenizer",
            seeds: vec![file(f32_pack, "tokenizer.json")],
            read: |bytes| {
                if let Ok(tokenizer) = Tokenizer::from_bytes(bytes) {
                    let _ = tokenizer.encode("a plain text [SEP]", &Control::unlimited());
                }
            },
        },
        Target {
            name: "packed",
            seeds: vec![packed(f32_pack)],
            read: |bytes| {
                let found = PlanFile::read(Arc::new(Mapped::copy_of(bytes)), None);
                let _ = found.map(|file| file.program().map(drop));
            },
        },
        Target {
            name: "damage",
            seeds: damage::scripts(vec![packed(f32_pack), packed(int8_pack)]),
            read: damage::read,
        },
        Target { name: "plan", seeds: plan::heads(&[packed(f32_pack), packed(int8_pack)]), read: plan::read },
        Target {
            name: "vocabulary",
            seeds: vec![vocabulary(&file(f32_pack, "tokenizer.json"))],
            read: |bytes| {
                if let Ok(tokenizer) = Tokenizer::from_packed(Box::new(bytes.to_vec())) {
                    let _ = tokenizer.encode("some plain words, naïve ones too", &Control::unlimited());
                    let _ = tokenizer.token(7);
                }
            },
        },
        Target {
            name: "canonical",
            seeds: texts,
            read: |bytes| {
                let text = String::from_utf8_lossy(bytes);
                if let Ok(canonical) = Canonical::new(&text) {
                    let span = canonical.original_span(0..canonical.text().len());
                    assert!(span.is_ok_and(|s| s.end <= text.len()), "a span beyond the text");
                }
            },
        },
    ]
}

/// A pack's packed file.
fn packed(pack: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models").join(pack);
    let packed = Pack::open(&path).and_then(|pack| packing::pack(&pack, packing::Choice::default(), true));
    packed.unwrap_or_else(|e| panic!("{}: {e}", path.display())).bytes
}

fn vocabulary(json: &[u8]) -> Vec<u8> {
    Tokenizer::from_bytes(json).ok().and_then(|t| t.packed()).unwrap_or_else(|| panic!("it can be packed"))
}

/// A tar archive with one plain file, `manifest.toml`.
fn archive(manifest: &[u8]) -> Vec<u8> {
    let mut header = vec![0_u8; 512];
    header[..13].copy_from_slice(b"manifest.toml");
    header[100..107].copy_from_slice(b"0000644");
    let size = format!("{:011o}", manifest.len());
    header[124..135].copy_from_slice(size.as_bytes());
    header[148..156].copy_from_slice(b"        ");
    header[156] = b'0';
    header[257..263].copy_from_slice(b"ustar\0");
    header[263..265].copy_from_slice(b"00");
    let sum: u32 = header.iter().map(|&b| u32::from(b)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut out = header;
    out.extend_from_slice(manifest);
    out.resize(out.len().next_multiple_of(512) + 1024, 0);
    out
}

fn mutate(seed: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=random.below(8) {
        let at = random.below(bytes.len());
        match random.below(7) {
            _ if bytes.is_empty() => bytes.push(random.next() as u8),
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = random.next() as u8,
            2 => bytes.truncate(at),
            3 => {
                let end = (at + random.below(64)).min(bytes.len());
                bytes.drain(at..end);
            }
            4 => {
                let end = (at + random.below(64)).min(bytes.len());
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
            5 => {
                let extreme = [0_u64, u64::MAX, 1 << 63, 1 << 31, 0x7fff_ffff][random.below(5)].to_le_bytes();
                let end = (at + 8).min(bytes.len());
                bytes[at..end].copy_from_slice(&extreme[..end - at]);
            }
            _ => {
                let end = (at + 10).min(bytes.len());
                bytes[at..end].fill(0xff);
            }
        }
    }
    bytes
}
