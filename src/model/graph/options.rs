//! What a caller says before a graph is loaded.

use std::collections::BTreeMap;

pub use crate::model::onnx::normalise::{Fixed, Half, InputSpec, Size};

/// The most bytes that one value of a graph may take.
const MAX_VALUE_BYTES: u64 = 1 << 30;
/// The most bytes that all values made from constants alone may take while a graph is loaded.
const MAX_FOLDED_BYTES: u64 = 1 << 28;
/// How many compiled forms, each for other sizes, are kept.
const MAX_FORMS: usize = 8;

/// How a graph is loaded. [`Default`] takes the file as it is.
#[derive(Clone, Debug)]
pub struct GraphOptions {
    /// What messages call the graph.
    pub label: String,
    /// Sizes, shapes and values that are fixed before the graph is compiled.
    pub fixed: Fixed,
    /// The outputs that are wanted, in this order; what only others need is not run. `None`: all.
    pub outputs: Option<Vec<String>>,
    /// The largest sizes that free axes will have, by name. If every free axis has one, values are held against the
    /// budget at load and not in each run, and a graph that cannot be compiled for them is refused at load.
    pub longest: BTreeMap<String, usize>,
    /// The most bytes of one value.
    pub max_value_bytes: u64,
    /// The most bytes of what is computed from constants while the graph is compiled.
    pub max_folded_bytes: u64,
    /// The most compiled forms that are kept, if the graph is compiled in runs; at least 1.
    pub max_forms: usize,
}

impl Default for GraphOptions {
    fn default() -> Self {
        Self {
            label: "the ONNX file".into(),
            fixed: Fixed::default(),
            outputs: None,
            longest: BTreeMap::new(),
            max_value_bytes: MAX_VALUE_BYTES,
            max_folded_bytes: MAX_FOLDED_BYTES,
            max_forms: MAX_FORMS,
        }
    }
}
