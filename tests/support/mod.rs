//! What several tests need: packs made on the spot, replayed guards, and files of the project.
#![allow(dead_code, reason = "each test file uses its own part")]

pub mod letters;
pub mod onnx;
pub mod pack;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use trueline_core::engine::filter::{Decision, Filter, FilterOptions};
use trueline_core::engine::{Engine, Guard, Member, Session};
use trueline_core::kernels::Isa;
use trueline_core::model::backend::{Backend, Memory};
use trueline_core::model::control::Control;
use trueline_core::model::manifest::Manifest;
use trueline_core::model::tensor::{Data, Tensor};
use trueline_core::model::tokenizer::Tokenizer;
use trueline_core::{Code, Error};

/// A file or folder of the project.
pub fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The bytes of a file of the project.
pub fn bytes(path: &str) -> Vec<u8> {
    std::fs::read(project(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// A text file of the project.
pub fn text(path: &str) -> String {
    String::from_utf8(bytes(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// A session of one guard over a backend made elsewhere.
pub fn session(manifest: &str, tokenizer: &[u8], backend: impl Backend + 'static) -> Session {
    let manifest = Manifest::parse(manifest).expect("a good manifest");
    let tokenizer = Tokenizer::from_bytes(tokenizer).expect("a good tokenizer");
    let guard = Guard::from_parts(manifest, tokenizer, Box::new(backend)).expect("parts that fit");
    let engine = Engine::from_members(Isa::Scalar, vec![Member::Guard(Arc::new(guard))]).expect("one guard");
    Session::new(&engine, None).expect("its first pack")
}

/// The decision of a filter with every option as it is by default.
pub fn judge(filter: &Arc<Filter>, text: &str) -> Decision {
    Filter::judge(filter, text.as_bytes(), &FilterOptions::default())
}

/// The parts of a text where a decision found something.
pub fn shown<'a>(text: &'a str, decision: &Decision) -> Vec<&'a str> {
    decision.spans.iter().map(|s| &text[s.bytes.clone()]).collect()
}

/// One call's output: the logits of one window.
pub fn logits(values: &[f32]) -> Vec<Tensor> {
    vec![Tensor::new(vec![1, values.len()], Data::F32(values.to_vec())).expect("one row")]
}

/// A backend that is a function of its inputs.
pub struct Function<F>(pub F);

impl<F> Backend for Function<F>
where
    F: Fn(&[Tensor], &Control) -> Result<Vec<Tensor>, Error> + Send + Sync,
{
    fn run(&self, _memory: &mut Memory, inputs: &[Tensor], control: &Control) -> Result<Vec<Tensor>, Error> {
        (self.0)(inputs, control)
    }
}

/// A session of the small pack, whose model is this function.
pub fn session_of<F>(run: F) -> Session
where
    F: Fn(&[Tensor], &Control) -> Result<Vec<Tensor>, Error> + Send + Sync + 'static,
{
    session(&pack::manifest_text(), pack::tokenizer().as_bytes(), Function(run))
}

/// Fails unless `result` is an error of this code whose sentence has every one of `words`.
pub fn refused<T>(what: &str, result: Result<T, Error>, code: Code, words: &[&str]) {
    let Err(error) = result else { panic!("{what}: taken, not refused") };
    assert_eq!(error.code, code, "{what}: {error}");
    for word in words {
        assert!(error.message.contains(word), "{what}: {word:?} is not in: {}", error.message);
    }
    assert!(!error.message.contains('\n'), "{what}: more than one line: {}", error.message);
}

/// SplitMix64: a seeded stream of numbers.
pub struct Random(pub u64);

impl Random {
    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.number() % bound as u64) as usize
    }
}
