//! What became of a request, and what every stage had to do with it.

use std::time::Duration;

use crate::Code;
use crate::engine::verdict::Action;

/// A stage of the pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Stage {
    /// The filter, on the request.
    RequestFilter = 1,
    /// The rewriter of requests.
    Rewriter = 2,
    /// The filter, on the request that was rewritten.
    RewriteFilter = 3,
    /// The host's model.
    Generate = 4,
    /// The filter, on the answer as it came.
    AnswerFilter = 5,
    /// An inspector.
    Inspector = 6,
    /// A corrector.
    Corrector = 7,
    /// The filter, on the answer that was corrected.
    FinalFilter = 8,
}

impl Stage {
    /// Its word.
    pub fn name(self) -> &'static str {
        match self {
            Self::RequestFilter => "request_filter",
            Self::Rewriter => "rewriter",
            Self::RewriteFilter => "rewrite_filter",
            Self::Generate => "generate",
            Self::AnswerFilter => "answer_filter",
            Self::Inspector => "inspector",
            Self::Corrector => "corrector",
            Self::FinalFilter => "final_filter",
        }
    }
}

/// A line of the trace. It holds no text.
#[derive(Clone, Debug, PartialEq)]
pub struct TraceStep {
    /// Which stage it was.
    pub stage: Stage,
    /// What came of it: an action, a reason, `ok`.
    pub decision: &'static str,
    /// A filter's risk, an inspector's probability, the share of words that a corrector kept.
    pub score: Option<f64>,
    /// The pack or the policy, and its version.
    pub who: String,
    /// How long it took.
    pub time: Duration,
    /// Why the stage failed, if it did.
    pub error: Option<Code>,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// What the filter lets happen: [`Action::Allow`] and [`Action::Redact`] show the text, everything else shows none.
    pub action: Action,
    /// What may be shown, redacted where the policy says so.
    pub text: String,
    /// Whether a corrector changed it.
    pub corrected: bool,
    /// Every stage that ran, in order.
    pub trace: Vec<TraceStep>,
}

impl Outcome {
    pub(super) fn stopped(action: Action, trace: Vec<TraceStep>) -> Self {
        Self { action, text: String::new(), corrected: false, trace }
    }
}
