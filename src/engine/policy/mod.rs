//! A policy: which categories there are, what is done about each, at which scores, and the rules that find them.
//!
//! Read from TOML, checked whole before it is used, immutable, shared by threads.

mod check;
mod file;

pub use file::{Calibration, VERSION};

use std::fs;
use std::path::{Component, Path};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::engine::deny::{Bounds as DenyBounds, DenyIndex};
use crate::engine::verdict::Action;
use crate::model::manifest::Role;
use crate::scoring::guard::hidden::Bounds;
use crate::scoring::guard::rules::Rules;
use crate::{Code, Error};

/// The longest policy file, in bytes.
pub const MAX_POLICY_BYTES: usize = 16 << 20;
/// The longest file of a word list, in bytes.
pub const MAX_LIST_BYTES: usize = 64 << 20;
/// The most categories of a policy.
pub const MAX_CATEGORIES: usize = 64;

/// Whether a harm is one everywhere or in some places only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everywhere.
    Global,
    /// In the languages and places that the category lists, and where the language is not known.
    Local,
}

/// One category of a policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Category {
    /// Its name.
    pub name: String,
    /// What is done about a text in it.
    pub action: Action,
    /// A model's score from which a text is in it; `None`: the pack's own.
    pub threshold: Option<f64>,
    /// The score below which a stream is out of it again; `None`: its threshold.
    pub low: Option<f64>,
    /// Thresholds for languages, ascending by tag.
    pub languages: Vec<(String, f64)>,
    /// Where it is a harm.
    pub scope: Scope,
    /// Language tags for which a local category counts.
    pub places: Vec<String>,
    /// Whose text is judged; empty: everybody's.
    pub roles: Vec<Role>,
    /// Labels of packs that give its score; empty: the one of its name.
    pub labels: Vec<String>,
    /// What stands in the place of a redacted span; `None`: its name in brackets.
    pub replacement: Option<String>,
    /// How the threshold was chosen.
    pub calibration: Option<Calibration>,
    /// Whether a rule finds it.
    pub has_rules: bool,
}

/// How a stream is judged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StreamSettings {
    /// Whether a stream that was blocked stays so.
    pub latch: bool,
    /// The share of the old average of a score that stays.
    pub decay: f64,
    /// Bytes that are held back at least.
    pub hold_back_bytes: usize,
}

/// A deny corpus of a policy.
#[derive(Clone, Debug)]
pub struct Denied {
    /// The number of its rule, as in a hit.
    pub rule: u32,
    /// What is searched.
    pub index: Arc<DenyIndex>,
    /// When a run of words is refused.
    pub bounds: DenyBounds,
}

/// What a policy reads beside its own file.
pub(crate) struct Files<'a> {
    /// A list of words.
    list: &'a mut dyn FnMut(&str) -> Result<String, Error>,
    /// A deny index.
    index: &'a mut dyn FnMut(&str) -> Result<DenyIndex, Error>,
}

/// A policy, ready to be used.
#[derive(Debug)]
pub struct Policy {
    name: String,
    summary: String,
    sha256: String,
    on_failure: Action,
    paranoid: bool,
    decode: Option<Bounds>,
    packs: Vec<String>,
    max_text_bytes: usize,
    stream: StreamSettings,
    categories: Vec<Category>,
    rules: Rules,
    deny: Vec<Denied>,
    /// The category of each rule.
    rule_categories: Vec<usize>,
}

impl Policy {
    /// Reads a policy and the lists that it names, which lie in its folder or below.
    ///
    /// # Errors
    /// [`Code::Io`] if a file cannot be read; otherwise as [`Policy::parse`], with the path in its place.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let text = read(path, MAX_POLICY_BYTES)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let name = path.file_name().map_or_else(|| path.to_string_lossy(), |n| n.to_string_lossy());
        let within = |file: &str| {
            let relative = Path::new(file);
            if !relative.components().all(|part| matches!(part, Component::Normal(_))) {
                return Err(Error::new(
                    Code::InvalidArgument,
                    format!("file {file:?} leaves the policy's folder"),
                ));
            }
            Ok(folder.join(relative))
        };
        let mut list = |file: &str| read(&within(file)?, MAX_LIST_BYTES);
        let mut index = |file: &str| DenyIndex::open(&within(file)?);
        Self::with(&name, &text, Files { list: &mut list, index: &mut index })
    }

    /// Reads a policy from its text; one that names files of lists is refused.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`], with the line, for TOML that does not parse, an unknown field, a value out of its
    /// range, thresholds that contradict each other, a category that is named twice or never defined, a pattern or
    /// regular expression that is not taken; [`Code::TooLarge`] for what exceeds a budget.
    /// # Cost
    /// Linear in the lists; the rules are compiled once, here.
    pub fn parse(name: &str, text: &str) -> Result<Self, Error> {
        let none = |file: &str| {
            let message = format!("file {file:?}: a policy given as text has no folder to read it from");
            Error::new(Code::InvalidArgument, message)
        };
        let (mut list, mut index) = (|file: &str| Err(none(file)), |file: &str| Err(none(file)));
        Self::with(name, text, Files { list: &mut list, index: &mut index })
    }

    fn with(name: &str, text: &str, files: Files<'_>) -> Result<Self, Error> {
        if text.len() > MAX_POLICY_BYTES {
            let message =
                format!("policy {name} has {} bytes; at most {MAX_POLICY_BYTES} are read", text.len());
            return Err(Error::new(Code::TooLarge, message));
        }
        let source = file::Source { name, text };
        let mut hash = Sha256::new();
        hash.update(text.as_bytes());
        let mut hashed = |file: &str| {
            let list = (files.list)(file)?;
            hash.update((list.len() as u64).to_le_bytes());
            hash.update(list.as_bytes());
            Ok(list)
        };
        let policy = check::compile(&source, &mut Files { list: &mut hashed, index: files.index })?;
        for denied in &policy.deny {
            hash.update(denied.index.digest());
        }
        let sha256 = hash.finalize().iter().map(|b| format!("{b:02x}")).collect();
        Ok(Self { sha256, ..policy })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is for, in a sentence; may be empty.
    pub fn summary(&self) -> &str {
        &self.summary
    }

    /// sha256 of its text and its lists, in hexadecimal.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// What is done when a text cannot be judged.
    pub fn on_failure(&self) -> Action {
        self.on_failure
    }

    /// Whether models judge the text as it was given, too.
    pub fn paranoid(&self) -> bool {
        self.paranoid
    }

    /// How much hidden text is decoded; `None`: none.
    pub fn decode(&self) -> Option<Bounds> {
        self.decode
    }

    /// The packs that it needs, by name.
    pub fn packs(&self) -> &[String] {
        &self.packs
    }

    /// The longest text that is judged, in bytes.
    pub fn max_text_bytes(&self) -> usize {
        self.max_text_bytes
    }

    /// How a stream is judged.
    pub fn stream(&self) -> StreamSettings {
        self.stream
    }

    /// Its categories, in the order of the file.
    pub fn categories(&self) -> &[Category] {
        &self.categories
    }

    /// Its rules.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Its deny corpora.
    pub fn deny(&self) -> &[Denied] {
        &self.deny
    }

    /// The category of a rule, by the rule's number in a hit.
    pub fn category_of_rule(&self, rule: u32) -> usize {
        self.rule_categories.get(rule as usize).copied().unwrap_or(0)
    }
}

impl Category {
    /// The threshold for a language tag; `fallback` where the policy says none. An unknown language (`None`) gets the
    /// strictest of the row.
    pub fn threshold_for(&self, language: Option<&str>, fallback: f64) -> f64 {
        let base = self.threshold.unwrap_or(fallback);
        match language {
            None => self.languages.iter().map(|(_, t)| *t).fold(base, f64::min),
            Some(tag) => {
                let found = |tag: &str| {
                    self.languages.iter().find(|(t, _)| t.eq_ignore_ascii_case(tag)).map(|(_, t)| *t)
                };
                found(tag).or_else(|| found(primary(tag))).unwrap_or(base)
            }
        }
    }

    /// Whether it counts for a text of this language and role.
    pub fn applies(&self, language: Option<&str>, role: Option<Role>) -> bool {
        let here = match (self.scope, language) {
            (Scope::Global, _) | (_, None) => true,
            (Scope::Local, Some(tag)) => self
                .places
                .iter()
                .any(|place| place.eq_ignore_ascii_case(tag) || place.eq_ignore_ascii_case(primary(tag))),
        };
        here && role.is_none_or(|role| self.roles.is_empty() || self.roles.contains(&role))
    }
}

/// The language of a tag, without its script and region.
fn primary(tag: &str) -> &str {
    tag.split(['-', '_']).next().unwrap_or(tag)
}

fn read(path: &Path, most: usize) -> Result<String, Error> {
    let shown = path.display();
    let io = |e: std::io::Error| Error::new(Code::Io, format!("{shown}: {e}"));
    let bytes = fs::metadata(path).map_err(io)?.len();
    if bytes > most as u64 {
        return Err(Error::new(
            Code::TooLarge,
            format!("{shown} has {bytes} bytes; at most {most} are read"),
        ));
    }
    let bytes = fs::read(path).map_err(io)?;
    String::from_utf8(bytes).map_err(|e| {
        let at = e.utf8_error().valid_up_to();
        Error::new(Code::Utf8, format!("{shown} is not UTF-8 at byte {at}"))
    })
}
