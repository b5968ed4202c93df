//! Correction of answers: prompts of correctors, what they changed, whether to keep it, and in which order to run them.

pub mod accept;
pub mod conversation;
pub mod jacobi;
pub mod prompt;
pub mod residual;
pub mod squad;
