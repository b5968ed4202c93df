//! Aligner and safety-filter models on the device: the safe Rust core of libtrueline.
#![deny(unsafe_code)]

pub mod engine;
mod error;
mod fields;
pub mod model;
pub mod scoring;

pub use error::{Code, Error};
pub use trueline_kernels as kernels;
