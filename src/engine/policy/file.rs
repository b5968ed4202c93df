//! The policy file as it is written: TOML, strict, every fault with its line.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::engine::verdict::Action;
use crate::fields::{self, Spanned, table, words};
use crate::model::manifest::Role;
use crate::{Code, Error};

/// The version that this library reads.
pub const VERSION: u32 = 1;

#[derive(Debug)]
pub(super) struct File {
    pub(super) policy: Spanned<u32>,
    pub(super) name: Spanned<String>,
    pub(super) summary: String,
    pub(super) on_failure: ActionWord,
    pub(super) paranoid: bool,
    pub(super) decode: bool,
    pub(super) packs: Vec<Spanned<String>>,
    pub(super) limits: Limits,
    pub(super) stream: Stream,
    pub(super) category: Vec<Spanned<Category>>,
    pub(super) words: Vec<Spanned<List>>,
    pub(super) regex: Vec<Spanned<Expression>>,
    pub(super) pii: Vec<Spanned<Pii>>,
    pub(super) deny: Vec<Spanned<Deny>>,
    pub(super) allow: Vec<Spanned<Allow>>,
}
table!(File {
    policy, name, summary = String::new(), on_failure = ActionWord::default(), paranoid = false,
    decode = true, packs = Vec::new(), limits = Limits::default(), stream = Stream::default(),
    category = Vec::new(), words = Vec::new(), regex = Vec::new(), pii = Vec::new(), deny = Vec::new(),
    allow = Vec::new(),
});

/// A deny corpus: an index that `trueline deny` made.
#[derive(Debug)]
pub(super) struct Deny {
    pub(super) category: Spanned<String>,
    pub(super) file: Spanned<String>,
    pub(super) tau: Option<Spanned<f64>>,
    pub(super) min_words: Option<Spanned<u64>>,
}
table!(Deny { category, file, tau, min_words });

#[derive(Clone, Copy, Debug, Default)]
pub(super) enum ActionWord {
    Allow,
    Redact,
    Correct,
    Review,
    #[default]
    Block,
}
words!(ActionWord { "allow" = Allow, "redact" = Redact, "correct" = Correct, "review" = Review, "block" = Block });

impl From<ActionWord> for Action {
    fn from(word: ActionWord) -> Self {
        match word {
            ActionWord::Allow => Self::Allow,
            ActionWord::Redact => Self::Redact,
            ActionWord::Correct => Self::Correct,
            ActionWord::Review => Self::Review,
            ActionWord::Block => Self::Block,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Limits {
    pub(super) max_text_bytes: Option<Spanned<u64>>,
    pub(super) max_decoded_texts: Option<Spanned<u64>>,
    pub(super) max_decoded_bytes: Option<Spanned<u64>>,
}
table!(Limits { max_text_bytes, max_decoded_texts, max_decoded_bytes });

#[derive(Debug, Default)]
pub(super) struct Stream {
    pub(super) latch: Option<bool>,
    pub(super) decay: Option<Spanned<f64>>,
    pub(super) hold_back_bytes: Option<Spanned<u64>>,
}
table!(Stream { latch, decay, hold_back_bytes });

#[derive(Clone, Copy, Debug, Default)]
pub(super) enum ScopeWord {
    #[default]
    Global,
    Local,
}
words!(ScopeWord { "global" = Global, "local" = Local });

#[derive(Debug)]
pub(super) struct Category {
    pub(super) name: Spanned<String>,
    pub(super) action: ActionWord,
    pub(super) threshold: Option<Spanned<f64>>,
    pub(super) low: Option<Spanned<f64>>,
    pub(super) languages: BTreeMap<Spanned<String>, Spanned<f64>>,
    pub(super) scope: ScopeWord,
    pub(super) places: Vec<Spanned<String>>,
    pub(super) roles: Vec<Role>,
    pub(super) labels: Vec<Spanned<String>>,
    pub(super) replacement: Option<String>,
    pub(super) calibration: Option<Calibration>,
}
table!(Category {
    name, action = ActionWord::default(), threshold, low, languages = BTreeMap::new(),
    scope = ScopeWord::default(), places = Vec::new(), roles = Vec::new(), labels = Vec::new(), replacement,
    calibration,
});

/// How a threshold was chosen; `trueline calibrate` writes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    /// The method's name: `threshold-at-fpr`, `risk-control-miss`.
    pub method: String,
    /// What was aimed at: a false-positive rate, or a share of misses.
    pub target: f64,
    /// Items used.
    pub n: u64,
    /// When, as `YYYY-MM-DD`.
    pub date: String,
    /// sha256 of the manifest of the pack that gave the scores; empty if they came from elsewhere.
    pub pack_sha256: String,
    /// The version of the canonical form.
    pub canonicaliser: String,
}
table!(Calibration { method, target, n, date, pack_sha256 = String::new(), canonicaliser = String::new() });

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum MatchWord {
    #[default]
    Word,
    Substring,
}
words!(MatchWord { "word" = Word, "substring" = Substring });

#[derive(Debug)]
pub(super) struct List {
    pub(super) category: Spanned<String>,
    pub(super) how: MatchWord,
    pub(super) fold: bool,
    pub(super) list: Vec<Spanned<String>>,
    pub(super) file: Option<Spanned<String>>,
}
table!(List { category, how as "match" = MatchWord::default(), fold = true, list = Vec::new(), file });

#[derive(Debug)]
pub(super) struct Expression {
    pub(super) category: Spanned<String>,
    pub(super) pattern: Spanned<String>,
}
table!(Expression { category, pattern });

#[derive(Debug)]
pub(super) struct Pii {
    pub(super) category: Spanned<String>,
    pub(super) kinds: Vec<Spanned<String>>,
}
table!(Pii { category, kinds });

#[derive(Debug)]
pub(super) struct Allow {
    pub(super) how: MatchWord,
    pub(super) list: Vec<Spanned<String>>,
}
table!(Allow { how as "match" = MatchWord::default(), list });

/// The text of a policy, for what is said about its places.
pub(super) struct Source<'a> {
    pub(super) name: &'a str,
    pub(super) text: &'a str,
}

impl Source<'_> {
    pub(super) fn read(&self) -> Result<File, Error> {
        fields::read(self.text).map_err(|fault| self.fault(&fault.at, &fault.what))
    }

    /// An error that names the policy, the line, and what is wrong there.
    pub(super) fn fault(&self, at: &Range<usize>, what: &str) -> Error {
        self.fault_as(Code::InvalidArgument, at, what)
    }

    pub(super) fn fault_as(&self, code: Code, at: &Range<usize>, what: &str) -> Error {
        let line = fields::line(self.text, at.start);
        Error::new(code, format!("policy {}, line {line}: {what}", self.name))
    }
}
