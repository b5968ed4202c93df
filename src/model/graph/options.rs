//! What a caller says before a graph is loaded.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::kernels::Isa;
use crate::model::plan::threads::Threads;

pub use crate::model::onnx::normalise::{Fixed, Half, InputSpec, Size};

/// The most bytes that one value of a graph may take.
const MAX_VALUE_BYTES: u64 = 1 << 30;
/// The most bytes that all values made from constants alone may take while a graph is loaded.
const MAX_FOLDED_BYTES: u64 = 1 << 28;
/// How many compiled forms, each for other sizes, are kept.
const MAX_FORMS: usize = 8;

/// What runs a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runner {
    /// A compiled plan, for every size of the inputs.
    Plan,
    /// tract.
    Tract,
}

/// How a graph is loaded. [`Default`] takes the file as it is.
#[derive(Clone, Debug)]
pub struct GraphOptions {
    /// What messages call the graph.
    pub label: String,
    /// Sizes, shapes and values that are fixed before the graph is compiled.
    pub fixed: Fixed,
    /// The outputs that are wanted, in this order; what only others need is not run. `None`: all.
    pub outputs: Option<Vec<String>>,
    /// What is to run the graph; `None`: its plan if it compiles whole and the other options are as a plan keeps them,
    /// else tract.
    pub runner: Option<Runner>,
    /// The instruction set of a plan.
    pub isa: Isa,
    /// The threads of a plan.
    pub threads: Arc<Threads>,
    /// The largest sizes that free axes will have, by name. If every free axis has one, values are held against the
    /// budget at load and not in each run, and a graph that cannot be compiled for them is refused at load.
    pub longest: BTreeMap<String, usize>,
    /// The most bytes of one value. A plan keeps to 1 GiB; with less, tract runs the graph.
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
            runner: None,
            isa: Isa::best(),
            threads: Arc::new(Threads::none()),
            longest: BTreeMap::new(),
            max_value_bytes: MAX_VALUE_BYTES,
            max_folded_bytes: MAX_FOLDED_BYTES,
            max_forms: MAX_FORMS,
        }
    }
}
