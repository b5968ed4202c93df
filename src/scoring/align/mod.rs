//! From the similarity of two sentences' tokens to links between them.

pub mod argmax;
pub mod awesome;
pub mod bertalign;
pub mod binary;
pub mod contributions;
pub mod documents;
pub mod entmax;
pub mod flow;
pub mod fused;
pub mod itermax;
pub mod mask;
pub mod matching;
mod matrix;
pub mod metrics;
pub mod mining;
pub mod near;
pub mod null;
pub mod optimal;
pub mod overlaps;
pub mod pharaoh;
pub mod retrieval;
mod row;
pub mod rules;
mod scaling;
pub mod segments;
pub mod self_label;
pub mod similarity;
mod simplex;
pub mod split;
pub mod statistical;
pub mod symmetrize;
pub mod transport;
pub mod vecalign;
pub mod words;

pub use matrix::Matrix;

/// A link from a source position to a target position, both from 0. Sorts by source, then target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Link {
    /// Position in the source sentence.
    pub source: usize,
    /// Position in the target sentence.
    pub target: usize,
}

impl Link {
    /// The link from `source` to `target`.
    pub fn new(source: usize, target: usize) -> Self {
        Self { source, target }
    }
}
