//! From a text and a classifier's scores to a verdict and the spans that explain it.

mod bits;
pub mod canonical;
pub mod deny;
pub mod fold;
pub mod hidden;
pub mod language;
pub mod marks;
mod nfkc;
mod offsets;
pub mod rules;
pub mod sentences;
mod stable;
pub mod stream;
pub mod threshold;
pub mod units;
pub mod window;
