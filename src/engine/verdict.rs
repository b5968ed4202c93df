//! What a guard decided about one text.

use crate::Code;

/// What to do with the text. `Block` is 0, so that memory nobody wrote to never reads as an allowing verdict;
/// the stricter action is the lesser one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i32)]
pub enum Action {
    /// Do not pass it on.
    #[default]
    Block = 0,
    /// Have a person look at it.
    Review = 1,
    /// Pass on a corrected text.
    Correct = 2,
    /// Pass it on without the spans.
    Redact = 3,
    /// Pass it on.
    Allow = 4,
}

impl Action {
    /// Every action, in the order of its number.
    pub const ALL: [Self; 5] = [Self::Block, Self::Review, Self::Correct, Self::Redact, Self::Allow];

    /// The word of the command line: `allow`, `redact`, `correct`, `review`, `block`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Review => "review",
            Self::Correct => "correct",
            Self::Redact => "redact",
            Self::Allow => "allow",
        }
    }
}

/// Why a verdict is what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// No judgement was made: the call failed, with this code. The action is to block.
    Failed(Code),
    /// A score is not a number, so that no threshold can be trusted. The action is to block.
    InvalidScore,
    /// A category reached its threshold.
    Flagged,
    /// No category reached its threshold.
    Clear,
}

impl Reason {
    /// The word of the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Failed(_) => "failed",
            Self::InvalidScore => "invalid_score",
            Self::Flagged => "flagged",
            Self::Clear => "clear",
        }
    }
}

/// The judgement for one category.
#[derive(Clone, Debug, PartialEq)]
pub struct CategoryScore {
    /// Position of the label in the manifest.
    pub label: usize,
    /// Calibrated probability, the largest over the text's windows; 1 if none of them has a number, 0 for a text without any.
    pub score: f32,
    /// The text is flagged at this probability and above.
    pub threshold: f32,
    /// Whether it is.
    pub flagged: bool,
}

/// Where in the original text a flagged category is: what the model marked, or else the window that scored highest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// Position of the label in the manifest.
    pub label: usize,
    /// The category's score there.
    pub score: f32,
}

/// What a guard decided about one text.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// What to do with the text.
    pub action: Action,
    /// The largest score of any category that was judged; 1 on failure.
    pub risk: f32,
    /// Why.
    pub reason: Reason,
    /// The categories that were judged, in the manifest's order; none on failure.
    pub categories: Vec<CategoryScore>,
    /// The places of each flagged category, in the same order: one or several.
    pub spans: Vec<Span>,
    /// Number of windows that the model judged.
    pub windows: usize,
}

impl Verdict {
    /// The verdict of a call that failed: risk 1, block.
    pub fn failed(code: Code) -> Self {
        Self {
            action: Action::Block,
            risk: 1.0,
            reason: Reason::Failed(code),
            categories: Vec::new(),
            spans: Vec::new(),
            windows: 0,
        }
    }
}

impl Verdict {
    /// Becomes the verdict that nobody has filled in yet, and keeps its memory.
    pub(super) fn clear(&mut self) {
        let (mut categories, mut spans) =
            (std::mem::take(&mut self.categories), std::mem::take(&mut self.spans));
        categories.clear();
        spans.clear();
        *self = Self { categories, spans, ..Self::default() };
    }
}

impl Default for Verdict {
    /// A verdict that nobody has filled in yet blocks.
    fn default() -> Self {
        Self::failed(Code::Internal)
    }
}
