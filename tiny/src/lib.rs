//! Hashed n-gram text classifiers: no heap, no `std`, no unsafe code, integer sums.
//!
//! A text becomes [features](features()): its words, pairs of neighbouring words, and runs of 3 to 5 characters of each word,
//! hashed into a table of buckets. Each bucket has one signed byte a label; a label's logit is
//! `bias + scale * sum / sqrt(number of features)`. The sums are integers, so a text has the same logits on every CPU.
//!
//! ```
//! # fn toxicity(file: &[u8]) -> Result<f32, trueline_tiny::BadModel> {
//! let model = trueline_tiny::Model::new(file)?;
//! let mut logits = [0.0; trueline_tiny::MAX_LABELS];
//! model.score("Hello there", &mut logits[..model.labels()])?;
//! # Ok(logits[0]) }
//! # assert_eq!(toxicity(b"no model"), Err(trueline_tiny::BadModel::NotOne));
//! ```
#![no_std]
#![forbid(unsafe_code)]

#[cfg(any(test, feature = "alloc"))]
extern crate alloc;

mod features;
mod model;

pub use features::{MAX_LOG2_BUCKETS, features};
pub use model::{BadModel, MAX_LABELS, Model, Sums};
