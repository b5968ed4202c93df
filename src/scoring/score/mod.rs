//! What aligners, guards and decoders share.

pub mod bhattacharyya;
pub mod calibrate;
pub mod components;
pub mod entropy;
pub mod metrics;
mod real;
pub mod separation;
pub mod softmax;

pub use real::Real;
