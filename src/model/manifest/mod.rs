//! `manifest.toml`: what a pack holds, read strictly.
//!
//! Unknown fields are refused, so that a misspelt threshold is an error and not a default. The fields are described
//! one by one in `models/README.md`.

mod check;

use std::collections::BTreeMap;

use check::invalid;
pub(crate) use check::{check_path, shared};

use crate::fields::{self, table, words};
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
/// The most tokens that a pack may write by itself.
pub const MAX_NEW_TOKENS: usize = 8192;
/// The most biases of an edit tagger.
pub const MAX_BIASES: usize = 16;
/// The longest window, in tokens with the special ones.
pub const MAX_WINDOW_TOKENS: usize = 8192;
/// The longest text that a pack may accept, in bytes.
pub const MAX_TEXT_BYTES: u64 = 64 << 20;

/// A pack's manifest, checked.
#[derive(Clone, Debug)]
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
    pub labels: Vec<Label>,
    /// Which labels have their places marked, where the model marks tokens.
    pub spans: Option<Spans>,
    /// For which other pack this one may look first.
    pub first_look: Option<FirstLookBand>,
    /// Of an edit tagger: what its tags stand for, and when a text is corrected.
    pub edits: Option<Edits>,
    /// Of a pack that writes: how it begins, ends, and hands on what it keeps.
    pub generator: Option<Generating>,
    /// What the weights were trained on.
    pub training_data: Vec<TrainingData>,
    /// Every other file of the pack.
    pub files: Vec<OtherFile>,
}
table!(Manifest {
    format, name, version, family, summary, licence, language, recipe, limits, model, plan, tokenizer,
    labels = Vec::new(), spans, first_look, edits, generator, training_data, files = Vec::new(),
});

/// Sizes that a pack accepts.
#[derive(Clone, Debug)]
pub struct Limits {
    /// A window's length in tokens, special tokens included.
    pub max_tokens: usize,
    /// Content tokens from one window's start to the next.
    pub stride: usize,
    /// Of a classifier that judges sentences by themselves, besides the windows: content tokens of one, at most. Longer ones are cut.
    pub sentence_tokens: Option<usize>,
    /// The longest text, in bytes.
    pub max_text_bytes: u64,
}
table!(Limits { max_tokens, stride, sentence_tokens, max_text_bytes });

/// The model file and its tensors.
#[derive(Clone, Debug)]
pub struct ModelFile {
    /// File name within the pack, or `../NAME/FILE`: that of another pack beside it, which has the same model.
    pub file: String,
    /// Its sha256, lower-case hexadecimal.
    pub sha256: String,
    /// Its size.
    pub bytes: u64,
    /// The pack does not hold the file: it has the compiled plan alone, and the other fields say what that was made from.
    pub absent: bool,
    /// How the weights are stored: `f32`, `dynamic-int8`.
    pub quantisation: String,
    /// The family's input names, each with the graph's name for it.
    pub inputs: BTreeMap<String, String>,
    /// The family's output names, each with the graph's name for it.
    pub outputs: BTreeMap<String, String>,
}
table!(ModelFile { file, sha256, bytes, absent = false, quantisation, inputs, outputs });

/// The packed file: a plan and its weights, as `file` lays them out.
#[derive(Clone, Debug)]
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
table!(CompiledFile { file, blake3, bytes, layout });

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
#[derive(Clone, Debug)]
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
table!(TokenizerFile { file, sha256, bytes, vocabulary, cls, sep, pad });

/// One label of a classifier.
#[derive(Clone, Debug)]
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
    /// Whether sentences by themselves count for this label, where the pack judges these. Not where no single sentence is one: a frame
    /// around a whole text.
    pub sentences: bool,
    /// The roles whose text is judged for this label; all of them when empty.
    pub roles: Vec<Role>,
    /// How the threshold was chosen.
    pub calibration: Calibration,
}
table!(Label { name, temperature, threshold, clear_below, sentences = true, roles = Vec::new(), calibration });

/// How the model's output `spans`, a logit a token, says where a label is.
#[derive(Clone, Debug)]
pub struct Spans {
    /// The labels whose places it marks, where they are flagged.
    pub labels: Vec<String>,
    /// Divides the logit before the sigmoid.
    pub temperature: f64,
    /// A token is marked at this probability and above.
    pub threshold: f64,
}
table!(Spans { labels, temperature, threshold });

/// Whose text is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A person's request.
    User,
    /// A language model's answer.
    Assistant,
    /// Text that came from a tool or a document.
    Tool,
}
words!(Role { "user" = User, "assistant" = Assistant, "tool" = Tool });

/// How a threshold was chosen.
#[derive(Clone, Debug)]
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
table!(Calibration { method, target, negatives, positives, date, data });

/// What the tags of an edit tagger stand for: 0 keeps a word, 1 deletes it, the others replace it.
#[derive(Clone, Debug)]
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
table!(Edits { replacements, labels, gate, biases, min_copy_ratio });

/// How a model that writes is run. Its `[model]` is one step: it reads tokens, says what may follow, and hands on what it keeps.
#[derive(Clone, Debug)]
pub struct Generating {
    /// Of a corrector: the prompt that it was trained with, `aligner_pku_v1`, `aligner_pku_v2` or `aligner_squad`; without it
    /// the text itself.
    pub template: Option<String>,
    /// Tokens before the prompt, or with an encoder before all that is written.
    pub begin: Vec<u32>,
    /// Tokens that end a text.
    pub end: Vec<u32>,
    /// The most tokens that are written unless the caller says otherwise.
    pub max_new_tokens: usize,
    /// Each input that is carried from step to step, with the output that it is in the next step.
    pub carry: BTreeMap<String, String>,
    /// Each carried input that is not empty at the start, with the encoder's output that it is then.
    pub start: BTreeMap<String, String>,
    /// Each input that stays, with the encoder's output that it is.
    pub given: BTreeMap<String, String>,
    /// The step reads all tokens so far, not the new ones alone.
    pub whole_prefix: bool,
    /// What reads the text that is written anew; without it the step reads the prompt.
    pub encoder: Option<EncoderFile>,
    /// Of a corrector: which texts it leaves as they are, where a guard is there that has these labels.
    pub gate: Option<Gate>,
}
table!(Generating {
    template, begin, end, max_new_tokens, carry = BTreeMap::new(), start = BTreeMap::new(),
    given = BTreeMap::new(), whole_prefix = false, encoder, gate,
});

/// What a corrector leaves as it is.
#[derive(Clone, Debug)]
pub struct Gate {
    /// Labels of a guard.
    pub labels: Vec<String>,
    /// A text below this share of each of their thresholds is left as it is.
    pub share: f64,
}
table!(Gate { labels, share });

/// The encoder of a model that writes.
#[derive(Clone, Debug)]
pub struct EncoderFile {
    /// File name within the pack.
    pub file: String,
    /// Its sha256, lower-case hexadecimal.
    pub sha256: String,
    /// Its size.
    pub bytes: u64,
    /// `input_ids`, and where the graph has them `attention_mask`, `lengths` and `padding`, each with the graph's name for it.
    pub inputs: BTreeMap<String, String>,
}
table!(EncoderFile { file, sha256, bytes, inputs });

/// How the labels' `clear_below` were chosen.
#[derive(Clone, Debug)]
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
    /// Of what the model says beside the labels, if it says something: one number more, after theirs, about harm of any kind.
    pub gate: Option<HarmGate>,
}
table!(FirstLookBand { model_sha256, pack, benign_cleared, recall_lost, date, data, gate });

/// What a pack that looks first says about harm of any kind.
#[derive(Clone, Copy, Debug)]
pub struct HarmGate {
    /// The logit is divided by this.
    pub temperature: f64,
    /// A window is not clear at this probability and above.
    pub clear_below: f64,
}
table!(HarmGate { temperature, clear_below });

/// A data set that the weights were trained on.
#[derive(Clone, Debug)]
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
table!(TrainingData { name, rows, licence, source });

/// A file of the pack that the engine does not read: card, licence, notices.
#[derive(Clone, Debug)]
pub struct OtherFile {
    /// File name within the pack.
    pub file: String,
    /// Its sha256, lower-case hexadecimal.
    pub sha256: String,
    /// Its size.
    pub bytes: u64,
}
table!(OtherFile { file, sha256, bytes });

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
        let fault = |fault: fields::Fault| invalid(format!("manifest.toml, {}", fault.in_line(text)));
        let manifest: Self = fields::read(text).map_err(fault)?;
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
        model
            .into_iter()
            .chain(self.listed_encoder())
            .chain([self.listed_tokenizer()])
            .chain(self.listed_others())
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

    /// The encoder of a model that writes, if it has one.
    pub fn listed_encoder(&self) -> Option<Listed<'_>> {
        let encoder = self.generator.as_ref()?.encoder.as_ref()?;
        let EncoderFile { file, sha256, bytes, .. } = encoder;
        Some(Listed { file, sha256, bytes: *bytes, budget: MAX_MODEL_BYTES })
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
}
