//! Aligner and safety-filter models on the device: the safe Rust core of libtrueline.
#![deny(unsafe_code)]

mod error;
pub mod scoring;

pub use error::{Code, Error};
pub use trueline_kernels as kernels;
