//! From a language model's logits to its next token.

pub mod beam;
pub mod best_of;
pub mod blend;
pub mod cards;
pub mod green;
pub mod guided;
pub mod gumbel;
pub mod heal;
mod mersenne;
pub mod realign;
pub mod sample;
pub mod search;
