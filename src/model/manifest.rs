//! `manifest.toml`: what a pack holds, read strictly.
//!
//! Unknown fields are refused, so that a misspelt threshold is an error and not a default. The fields are described
//! one by one in `models/README.md`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::model::family::{self, Family};
use crate::model::plan::file;
use crate::{Code, Error};

/// The manifest layout that this version reads.
pub const FORMAT: u32 = 1;
/// The largest manifest, in bytes.
pub const MAX_MANIFEST_BYTES: u64 = 1 << 20;
/// The largest model file, in bytes.
pub const MAX_MODEL_BYTES: u64 = 1 << 30;
/// The largest tokenizer file, in bytes.
pub const MAX_TOKENIZER_BYTES: u64 = 64 << 20;
/// The largest other file, in bytes.
pub const MAX_OTHER_BYTES: u64 = 16 << 20;
/// The most labels a classifier may have.
pub const MAX_LABELS: usize = 64;
/// The most replacements of an edit tagger.
pub const MAX_REPLACEMENTS: usize = 4096;
/// The most biases of an edit tagger.
pub const MAX_BIASES: usize = 16;
/// The longest window, in tokens with the special ones.
pub const MAX_WINDOW_TOKENS: usize = 8192;
/// The longest text that a pack may accept, in bytes.
pub const MAX_TEXT_BYTES: u64 = 64 << 20;

/// A pack's manifest, checked.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Layout of the manifest: [`FORMAT`].
    pub format: u32,
    /// The pack's name: lower-case letters, digits and hyphens.
    pub name: String,
    /// The pack's own version.
    pub version: String,
    /// Which model family builds the inputs and names the outputs.
    pub family: String,
    /// One line: what the pack is for.
    pub summary: String,
    /// SPDX expression for the weights.
    pub licence: String,
    /// Languages that the model was trained for, BCP 47.
    pub language: Vec<String>,
    /// Where the recipe lies, in the project.
    pub recipe: Option<String>,
    /// Sizes that the pack accepts.
    pub limits: Limits,
    /// The model file.
    pub model: ModelFile,
    /// What was compiled from the model file, if it was.
    pub plan: Option<CompiledFile>,
    /// The tokenizer file.
    pub tokenizer: TokenizerFile,
    /// A classifier's labels, in the order of its output columns; other families have none.
    #[serde(default)]
    pub labels: Vec<Label>,
    /// For which other pack this one may look first.
    pub first_look: Option<FirstLookBand>,
    /// Of an edit tagger: what its tags stand for, and when a text is corrected.
    pub edits: Option<Edits>,
    /// What the weights were trained on.
    pub training_data: Vec<TrainingData>,
    /// Every other file of the pack.
    #[serde(default)]
    pub files: Vec<OtherFile>,
}

/// Sizes that a pack accepts.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// A window's length in tokens, special tokens included.
    pub max_tokens: usize,
    /// Content tokens from one window's start to the next.
    pub stride: usize,
    /// The longest text, in bytes.
    pub max_text_bytes: u64,
}

/// The model file and its tensors.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelFile {
    /// File name within the pack, or `../NAME/FILE`: that of another pack beside it, which has the same model.
    pub file: String,
    /// Its sha256, lower-case hexadecimal.
    pub sha256: String,
    /// Its size.
    pub bytes: u64,
    /// The pack does not hold the file: it has the compiled plan alone, and the other fields say what that was made from.
    #[serde(default)]
    pub absent: bool,
    /// How the weights are stored: `f32`, `dynamic-int8`.
    pub quantisation: String,
    /// The family's input names, each with the graph's name for it.
    pub inputs: BTreeMap<String, String>,
    /// The family's output names, each with the graph's name for it.
    pub outputs: BTreeMap<String, String>,
}

/// The packed file: a plan and its weights, as `file` lays them out.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompiledFile {
    /// File name within the pack.
    pub file: String,
    /// BLAKE3 of all its bytes but the last 32, which are that, too; lower-case hexadecimal.
    pub blake3: String,
    /// Its size.
    pub bytes: u64,
    /// Its layout. One that is not [`file::LAYOUT`] is compiled again from the model file.
    pub layout: u32,
}

impl CompiledFile {
    fn check(&self) -> Result<(), Error> {
        if self.digest().is_none() {
            let file = &self.file;
            return Err(invalid(format!(
                "manifest.toml: blake3 of {file:?} is not 64 lower-case hexadecimal digits"
            )));
        }
        if self.bytes > file::MAX_BYTES {
            return Err(Error::new(
                Code::TooLarge,
                format!(
                    "manifest.toml: {:?} has {} bytes; a compiled plan has at most {}",
                    self.file,
                    self.bytes,
                    file::MAX_BYTES
                ),
            ));
        }
        Ok(())
    }

    /// The digest's bytes; `None` if it is not 64 lower-case hexadecimal digits.
    pub fn digest(&self) -> Option<file::Digest> {
        let digit = |b: u8| match b {
            b'0'..=b'9' => Some(b - b'0'),
            b'a'..=b'f' => Some(b - b'a' + 10),
            _ => None,
        };
        let mut digest = file::Digest::default();
        let (pairs, rest) = self.blake3.as_bytes().as_chunks();
        if pairs.len() != digest.len() || !rest.is_empty() {
            return None;
        }
        for (to, &[high, low]) in digest.iter_mut().zip(pairs) {
            *to = digit(high)? << 4 | digit(low)?;
        }
        Some(digest)
    }
}

/// The tokenizer file and what it must contain.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenizerFile {
    /// File name within the pack.
    pub file: String,
    /// Its sha256, lower-case hexadecimal.
    pub sha256: String,
    /// Its size.
    pub bytes: u64,
    /// Number of token ids, added tokens included.
    pub vocabulary: u32,
    /// Id of the token that opens a sequence.
    pub cls: u32,
    /// Id of the token that closes a sequence.
    pub sep: u32,
    /// Id of the padding token.
    pub pad: u32,
}

/// One label of a classifier.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Label {
    /// The label's name: lower-case letters, digits and underscores.
    pub name: String,
    /// Divides the logit before the sigmoid.
    pub temperature: f64,
    /// The text is flagged at this probability and above.
    pub threshold: f64,
    /// In a pack that may look first: below this the window is clear, as far as this label goes, and the other pack need
    /// not look.
    pub clear_below: Option<f64>,
    /// The roles whose text is judged for this label; all of them when empty.
    #[serde(default)]
    pub roles: Vec<Role>,
    /// How the threshold was chosen.
    pub calibration: Calibration,
}

/// Whose text is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// A person's request.
    User,
    /// A language model's answer.
    Assistant,
    /// Text that came from a tool or a document.
    Tool,
}

/// How a threshold was chosen.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// The method's name: `threshold-at-fpr`.
    pub method: String,
    /// The false-positive rate aimed at.
    pub target: f64,
    /// Negatives used.
    pub negatives: u64,
    /// Positives used.
    pub positives: u64,
    /// When, as `YYYY-MM-DD`.
    pub date: String,
    /// On which rows.
    pub data: String,
}

/// What the tags of an edit tagger stand for: 0 keeps a word, 1 deletes it, the others replace it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edits {
    /// The text that each further tag puts in the place of a word.
    pub replacements: Vec<String>,
    /// The labels whose scores say how harmful a text is.
    pub labels: Vec<String>,
    /// Below this share of each of these labels' thresholds a text is left as it is.
    pub gate: f64,
    /// What is taken from the logit of keeping a word, in the order in which it is tried while the text stays flagged; a text
    /// that is not flagged is tried with the first alone.
    pub biases: Vec<f64>,
    /// The least share of words that a correction must have kept.
    pub min_copy_ratio: f64,
}

/// How the labels' `clear_below` were chosen.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FirstLookBand {
    /// sha256 of the other pack's model file, lower-case hexadecimal: the values are for that model alone.
    pub model_sha256: String,
    /// The other pack's name.
    pub pack: String,
    /// The share of benign texts that were cleared, on the data that they were chosen on.
    pub benign_cleared: f64,
    /// The most by which recall at 1 % false positives fell for any label there.
    pub recall_lost: f64,
    /// When, as `YYYY-MM-DD`.
    pub date: String,
    /// On which rows.
    pub data: String,
}

/// A data set that the weights were trained on.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingData {
    /// Its name.
    pub name: String,
    /// Rows used.
    pub rows: u64,
    /// Its licence.
    pub licence: String,
    /// Where it came from.
    pub source: String,
}

/// A file of the pack that the engine does not read: card, licence, notices.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OtherFile {
    /// File name within the pack.
    pub file: String,
    /// Its sha256, lower-case hexadecimal.
    pub sha256: String,
    /// Its size.
    pub bytes: u64,
}

/// A file that the manifest lists, with what it must be.
#[derive(Clone, Copy, Debug)]
pub struct Listed<'a> {
    /// File name within the pack.
    pub file: &'a str,
    /// sha256, lower-case hexadecimal.
    pub sha256: &'a str,
    /// Size in bytes.
    pub bytes: u64,
    /// The most bytes a file of this kind may have.
    pub budget: u64,
}

impl Manifest {
    /// Parses and checks a manifest.
    ///
    /// # Errors
    /// [`Code::InvalidPack`] for TOML that does not parse, a field that is unknown, missing or out of range, a name
    /// that leaves the folder; [`Code::TooLarge`] for a size over its budget; [`Code::ModelMismatch`] if the tensors
    /// are not the family's.
    pub fn parse(text: &str) -> Result<Self, Error> {
        // In two steps: reading the fields from the text itself would compile them three times over.
        let manifest: Self = toml::from_str::<toml::Table>(text)
            .and_then(toml::Table::try_into)
            .map_err(|e| invalid(format!("manifest.toml: {}", one_line(&e.to_string()))))?;
        manifest.check()?;
        Ok(manifest)
    }

    /// The pack beside this one whose model file this one uses, if it has none of its own.
    pub fn model_beside(&self) -> Option<&str> {
        shared(&self.model.file).map(|(pack, _)| pack)
    }

    /// Every file that the manifest lists with its sha256, the model first if it is there. The compiled plan is not
    /// among them.
    pub fn listed(&self) -> impl Iterator<Item = Listed<'_>> {
        let model = Some(self.listed_model()).filter(|_| !self.model.absent);
        model.into_iter().chain([self.listed_tokenizer()]).chain(self.listed_others())
    }

    /// Bytes of all files but the manifest itself.
    pub fn bytes(&self) -> u64 {
        self.listed().map(|l| l.bytes).chain(self.plan.as_ref().map(|plan| plan.bytes)).sum()
    }

    /// The model file, also if the pack does not hold it.
    pub fn listed_model(&self) -> Listed<'_> {
        Listed {
            file: &self.model.file,
            sha256: &self.model.sha256,
            bytes: self.model.bytes,
            budget: MAX_MODEL_BYTES,
        }
    }

    /// The tokenizer file.
    pub fn listed_tokenizer(&self) -> Listed<'_> {
        Listed {
            file: &self.tokenizer.file,
            sha256: &self.tokenizer.sha256,
            bytes: self.tokenizer.bytes,
            budget: MAX_TOKENIZER_BYTES,
        }
    }

    /// The files that the engine does not read.
    pub fn listed_others(&self) -> impl Iterator<Item = Listed<'_>> {
        self.files.iter().map(|f| Listed {
            file: &f.file,
            sha256: &f.sha256,
            bytes: f.bytes,
            budget: MAX_OTHER_BYTES,
        })
    }

    fn check(&self) -> Result<(), Error> {
        if self.format != FORMAT {
            return Err(invalid(format!(
                "manifest.toml: format is {}; this library reads format {FORMAT}",
                self.format
            )));
        }
        word("name", &self.name, b'-')?;
        self.check_files()?;
        self.check_limits()?;
        self.check_labels()?;
        self.check_edits()?;
        let family = family::find(&self.family)?;
        family.check_tensors(self)
    }

    fn check_files(&self) -> Result<(), Error> {
        let mut seen = BTreeSet::new();
        let mut fresh = |file: &'_ str| {
            check_path(shared(file).filter(|_| file == self.model.file).map_or(file, |(_, own)| own))?;
            if !seen.insert(file.to_owned()) {
                return Err(invalid(format!("manifest.toml lists the file {file:?} twice")));
            }
            Ok(())
        };
        if let Some(plan) = &self.plan {
            fresh(&plan.file)?;
            plan.check()?;
        } else if self.model.absent {
            return Err(invalid(
                "manifest.toml: model.absent is set, and there is no compiled plan".to_owned(),
            ));
        }
        for listed in [self.listed_model(), self.listed_tokenizer()].into_iter().chain(self.listed_others()) {
            fresh(listed.file)?;
            let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
            if listed.sha256.len() != 64 || !listed.sha256.bytes().all(hex) {
                return Err(invalid(format!(
                    "manifest.toml: sha256 of {:?} is not 64 lower-case hexadecimal digits",
                    listed.file
                )));
            }
            if listed.bytes > listed.budget {
                return Err(Error::new(
                    Code::TooLarge,
                    format!(
                        "manifest.toml: {:?} has {} bytes; a file of its kind has at most {}",
                        listed.file, listed.bytes, listed.budget
                    ),
                ));
            }
        }
        Ok(())
    }

    fn check_limits(&self) -> Result<(), Error> {
        let limits = &self.limits;
        if !(3..=MAX_WINDOW_TOKENS).contains(&limits.max_tokens) {
            return Err(invalid(format!(
                "manifest.toml: limits.max_tokens is {}; it lies in 3..={MAX_WINDOW_TOKENS}",
                limits.max_tokens
            )));
        }
        let content = limits.max_tokens - family::SPECIAL_TOKENS;
        if limits.stride == 0 || limits.stride > content {
            return Err(invalid(format!(
                "manifest.toml: limits.stride is {}; a window of {} tokens takes 1..={content}",
                limits.stride, limits.max_tokens
            )));
        }
        if limits.max_text_bytes == 0 || limits.max_text_bytes > MAX_TEXT_BYTES {
            return Err(invalid(format!(
                "manifest.toml: limits.max_text_bytes is {}; it lies in 1..={MAX_TEXT_BYTES}",
                limits.max_text_bytes
            )));
        }
        Ok(())
    }

    fn check_edits(&self) -> Result<(), Error> {
        let Some(edits) = &self.edits else {
            if self.family == family::EditTagger.name() {
                return Err(invalid(format!("manifest.toml: family {} needs edits", self.family)));
            }
            return Ok(());
        };
        if self.family != family::EditTagger.name() {
            return Err(invalid(format!("manifest.toml: edits; a pack of family {} has none", self.family)));
        }
        if edits.replacements.len() > MAX_REPLACEMENTS
            || edits
                .replacements
                .iter()
                .any(|r| r.is_empty() || r.len() > 64 || r.chars().any(char::is_control))
        {
            return Err(invalid(format!(
                "manifest.toml: edits.replacements has {} texts; there are at most {MAX_REPLACEMENTS}, each of 1 to 64 \
                 bytes without control characters",
                edits.replacements.len()
            )));
        }
        if let Some(label) = edits.labels.iter().find(|l| self.labels.iter().all(|own| own.name != **l)) {
            return Err(invalid(format!(
                "manifest.toml: edits.labels has {label:?}, which is no label of the pack"
            )));
        }
        if edits.labels.is_empty() || edits.biases.is_empty() || edits.biases.len() > MAX_BIASES {
            return Err(invalid(format!(
                "manifest.toml: edits has {} labels and {} biases; it needs one at least of each, and at most {MAX_BIASES} \
                 biases",
                edits.labels.len(),
                edits.biases.len()
            )));
        }
        let shares = [("gate", edits.gate), ("min_copy_ratio", edits.min_copy_ratio)];
        if let Some((name, value)) = shares.into_iter().find(|(_, v)| !(0.0..=1.0).contains(v)) {
            return Err(invalid(format!("manifest.toml: edits.{name} is {value}; it lies in [0, 1]")));
        }
        match edits.biases.iter().find(|b| !b.is_finite()) {
            Some(bias) => {
                Err(invalid(format!("manifest.toml: edits.biases has {bias}; it is a finite number")))
            }
            None => Ok(()),
        }
    }

    fn check_labels(&self) -> Result<(), Error> {
        let family = family::find(&self.family)?;
        if !family.has_labels() && !self.labels.is_empty() {
            let (n, family) = (self.labels.len(), &self.family);
            return Err(invalid(format!("manifest.toml: {n} labels; a pack of family {family} has none")));
        }
        if (family.has_labels() && self.labels.is_empty()) || self.labels.len() > MAX_LABELS {
            return Err(invalid(format!(
                "manifest.toml: {} labels; a classifier has 1..={MAX_LABELS}",
                self.labels.len()
            )));
        }
        let mut seen = BTreeSet::new();
        for label in &self.labels {
            word("label", &label.name, b'_')?;
            if !seen.insert(label.name.as_str()) {
                return Err(invalid(format!("manifest.toml: label {:?} stands twice", label.name)));
            }
            if !(label.temperature.is_finite() && label.temperature > 0.0) {
                return Err(invalid(format!(
                    "manifest.toml: temperature of label {:?} is {}; it is a finite number above 0",
                    label.name, label.temperature
                )));
            }
            if label.clear_below.is_some() != self.first_look.is_some() {
                return Err(invalid(format!(
                    "manifest.toml: label {:?}: clear_below goes with first_look, for every label or none",
                    label.name
                )));
            }
            if let Some(below) = label.clear_below.filter(|b| !(0.0..=1.0).contains(b)) {
                return Err(invalid(format!(
                    "manifest.toml: clear_below of label {:?} is {below}; it lies in [0, 1]",
                    label.name
                )));
            }
            if !(label.threshold > 0.0 && label.threshold <= 1.0) {
                return Err(invalid(format!(
                    "manifest.toml: threshold of label {:?} is {}; it lies in (0, 1]",
                    label.name, label.threshold
                )));
            }
        }
        Ok(())
    }
}

/// The pack and the file of `../NAME/FILE`.
pub(crate) fn shared(path: &str) -> Option<(&str, &str)> {
    let (name, file) = path.strip_prefix("../")?.split_once('/')?;
    word("pack", name, b'-').is_ok().then_some((name, file))
}

/// Refuses a file name that is absolute, has a parent or empty part, a backslash, a colon or a control character.
pub(crate) fn check_path(path: &str) -> Result<(), Error> {
    let bad_part = |part: &str| part.is_empty() || part == "." || part == "..";
    let bad_char = |c: char| c == '\\' || c == ':' || c.is_control();
    if path.len() > 255 || path.split('/').any(bad_part) || path.chars().any(bad_char) {
        return Err(invalid(format!("the file name {path:?} is not a plain relative path within the pack")));
    }
    Ok(())
}

fn word(what: &str, value: &str, joiner: u8) -> Result<(), Error> {
    let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == joiner;
    if value.is_empty() || value.len() > 64 || !value.bytes().all(good) {
        return Err(invalid(format!(
            "manifest.toml: {what} is {value:?}; it has 1 to 64 lower-case letters, digits and {:?}",
            joiner as char
        )));
    }
    Ok(())
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn invalid(message: String) -> Error {
    Error::new(Code::InvalidPack, message)
}
