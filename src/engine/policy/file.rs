//! The policy file as it is written: TOML, strict, every fault with its line.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use crate::engine::verdict::Action;
use crate::model::manifest::Role;
use crate::{Code, Error};

/// The version that this library reads.
pub const VERSION: u32 = 1;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) policy: Spanned<u32>,
    pub(super) name: Spanned<String>,
    #[serde(default)]
    pub(super) summary: String,
    #[serde(default)]
    pub(super) on_failure: ActionWord,
    #[serde(default)]
    pub(super) paranoid: bool,
    #[serde(default = "yes")]
    pub(super) decode: bool,
    #[serde(default)]
    pub(super) packs: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) limits: Limits,
    #[serde(default)]
    pub(super) stream: Stream,
    #[serde(default)]
    pub(super) category: Vec<Spanned<Category>>,
    #[serde(default)]
    pub(super) words: Vec<Spanned<List>>,
    #[serde(default)]
    pub(super) regex: Vec<Spanned<Expression>>,
    #[serde(default)]
    pub(super) pii: Vec<Spanned<Pii>>,
    #[serde(default)]
    pub(super) deny: Vec<Spanned<Deny>>,
    #[serde(default)]
    pub(super) allow: Vec<Spanned<Allow>>,
}

/// A deny corpus: an index that `trueline deny` made.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Deny {
    pub(super) category: Spanned<String>,
    pub(super) file: Spanned<String>,
    pub(super) tau: Option<Spanned<f64>>,
    pub(super) min_words: Option<Spanned<u64>>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ActionWord {
    Allow,
    Redact,
    Correct,
    Review,
    #[default]
    Block,
}

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

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Limits {
    pub(super) max_text_bytes: Option<Spanned<u64>>,
    pub(super) max_decoded_texts: Option<Spanned<u64>>,
    pub(super) max_decoded_bytes: Option<Spanned<u64>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stream {
    pub(super) latch: Option<bool>,
    pub(super) decay: Option<Spanned<f64>>,
    pub(super) hold_back_bytes: Option<Spanned<u64>>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ScopeWord {
    #[default]
    Global,
    Local,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Category {
    pub(super) name: Spanned<String>,
    #[serde(default)]
    pub(super) action: ActionWord,
    pub(super) threshold: Option<Spanned<f64>>,
    pub(super) low: Option<Spanned<f64>>,
    #[serde(default)]
    pub(super) languages: BTreeMap<Spanned<String>, Spanned<f64>>,
    #[serde(default)]
    pub(super) scope: ScopeWord,
    #[serde(default)]
    pub(super) places: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) roles: Vec<Role>,
    #[serde(default)]
    pub(super) labels: Vec<Spanned<String>>,
    pub(super) replacement: Option<String>,
    pub(super) calibration: Option<Calibration>,
}

/// How a threshold was chosen; `trueline calibrate` writes it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
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
    #[serde(default)]
    pub pack_sha256: String,
    /// The version of the canonical form.
    #[serde(default)]
    pub canonicaliser: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum MatchWord {
    #[default]
    Word,
    Substring,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct List {
    pub(super) category: Spanned<String>,
    #[serde(default, rename = "match")]
    pub(super) how: MatchWord,
    #[serde(default = "yes")]
    pub(super) fold: bool,
    #[serde(default)]
    pub(super) list: Vec<Spanned<String>>,
    pub(super) file: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expression {
    pub(super) category: Spanned<String>,
    pub(super) pattern: Spanned<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pii {
    pub(super) category: Spanned<String>,
    pub(super) kinds: Vec<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Allow {
    #[serde(default, rename = "match")]
    pub(super) how: MatchWord,
    pub(super) list: Vec<Spanned<String>>,
}

fn yes() -> bool {
    true
}

/// The text of a policy, for what is said about its places.
pub(super) struct Source<'a> {
    pub(super) name: &'a str,
    pub(super) text: &'a str,
}

impl Source<'_> {
    pub(super) fn read(&self) -> Result<File, Error> {
        toml::from_str(self.text).map_err(|e| {
            let sentence = e.message().lines().collect::<Vec<_>>().join("; ");
            self.fault(&e.span().unwrap_or(0..0), &sentence)
        })
    }

    /// An error that names the policy, the line, and what is wrong there.
    pub(super) fn fault(&self, at: &Range<usize>, what: &str) -> Error {
        self.fault_as(Code::InvalidArgument, at, what)
    }

    pub(super) fn fault_as(&self, code: Code, at: &Range<usize>, what: &str) -> Error {
        let before = self.text.as_bytes().get(..at.start).unwrap_or(self.text.as_bytes());
        let line = before.iter().filter(|b| **b == b'\n').count() + 1;
        Error::new(code, format!("policy {}, line {line}: {what}", self.name))
    }
}
