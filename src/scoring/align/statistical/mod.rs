//! Word alignment learnt from a bitext alone: IBM Model 1, the HMM, and Model 2 as of fast_align.

mod corpus;
pub mod fast_align;
pub mod hmm;
pub mod model1;
mod table;

pub use corpus::Corpus;
pub use table::Table;
