//! From a language model's logits to its next token.

pub mod realign;
