//! Text and bytes to tensors: packs, tokenizers, model families and the backends that run them.
//! Knows nothing of scoring.

pub mod backend;
#[cfg(feature = "tract")]
pub mod compile;
pub mod control;
pub mod family;
pub mod generator;
#[cfg(feature = "tract")]
pub mod graph;
pub mod manifest;
pub mod map;
#[cfg(any(feature = "tract", feature = "ort"))]
pub mod onnx;
pub mod pack;
pub mod packing;
pub mod plan;
pub mod tensor;
pub mod tokenizer;
