//! The C ABI of Trueline: pointers and codes, no logic. What C sees is `include/trueline.h`, made from these files.
#![allow(non_camel_case_types, reason = "the names are those of the C header")]

mod align;
mod alignment;
mod boundary;
mod cancel;
mod cards;
mod choose;
mod correction;
mod decision;
mod decode;
mod draft;
mod engine;
mod exclusive;
mod filter;
mod log;
mod pack;
mod pipeline;
mod pointer;
mod policy;
mod preference;
mod provenance;
mod refine;
mod result;
mod session;
mod status;
#[cfg(test)]
mod tests;
mod version;
mod watermark;

pub use align::*;
pub use alignment::*;
pub use cancel::*;
pub use cards::*;
pub use choose::*;
pub use correction::*;
pub use decision::*;
pub use decode::*;
pub use draft::*;
pub use engine::*;
pub use filter::*;
pub use log::*;
pub use pack::*;
pub use pipeline::*;
pub use policy::*;
pub use preference::*;
pub use provenance::*;
pub use refine::*;
pub use result::*;
pub use session::*;
pub use status::*;
pub use version::*;
pub use watermark::*;
