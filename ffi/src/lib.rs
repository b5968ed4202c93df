//! The C ABI of Trueline: pointers and codes, no logic. What C sees is `include/trueline.h`, made from these files.
#![allow(non_camel_case_types, reason = "the names are those of the C header")]

mod boundary;
mod cancel;
mod engine;
mod log;
mod pack;
mod pointer;
mod result;
mod session;
mod status;
#[cfg(test)]
mod tests;
mod version;

pub use cancel::*;
pub use engine::*;
pub use log::*;
pub use pack::*;
pub use result::*;
pub use session::*;
pub use status::*;
pub use version::*;
