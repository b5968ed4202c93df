//! From a language model's logits to its next token.

pub mod best_of;
pub mod cards;
pub mod green;
pub mod guided;
pub mod gumbel;
mod mersenne;
pub mod realign;
