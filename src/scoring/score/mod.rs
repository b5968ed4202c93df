//! What aligners, guards and decoders share.

pub mod calibrate;
pub mod entropy;
mod real;
pub mod softmax;

pub use real::Real;
