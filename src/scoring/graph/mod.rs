//! How far apart two graphs are, by soft alignments of their nodes and edges.

pub mod distance;
pub mod edit;
pub mod sinkhorn;
