//! Text and bytes to tensors: packs, tokenizers, model families and the backends that run them.
//! Knows nothing of scoring.

pub mod backend;
pub mod control;
pub mod family;
pub mod manifest;
pub mod onnx;
pub mod pack;
pub mod tensor;
pub mod tokenizer;
