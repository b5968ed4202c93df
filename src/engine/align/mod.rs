//! Text pairs through an aligner pack: words, sentences and documents of two languages.

mod aligner;
pub mod lexicon;
mod sentences;
mod words;

pub use aligner::{Aligner, Work};
pub use sentences::{DocumentLink, SentencePair};
pub use words::{
    MAX_MATRIX, Method, Scratch, Side, WordAlignment, WordLink, WordOptions, cosines_of_rows, links_of,
    links_of_rows,
};
