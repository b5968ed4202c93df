//! From a text and a classifier's scores to a verdict and the spans that explain it.

pub mod canonical;
mod nfkc;
mod offsets;
pub mod stream;
pub mod threshold;
pub mod window;
