//! What a manifest must be beyond what its fields' types say: names, sizes, labels, edits.

use std::collections::BTreeSet;

use super::{
    FORMAT, MAX_BIASES, MAX_LABELS, MAX_NEW_TOKENS, MAX_REPLACEMENTS, MAX_TEXT_BYTES, MAX_WINDOW_TOKENS,
    Manifest,
};
use crate::model::family::{self, Family, NgramLinear};
use crate::{Code, Error};

impl Manifest {
    pub(super) fn check(&self) -> Result<(), Error> {
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
        self.check_gate()?;
        self.check_edits()?;
        self.check_generator()?;
        let family = family::find(&self.family)?;
        family.check_tensors(self)?;
        self.check_spans()
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
        let models = [self.listed_model(), self.listed_tokenizer()].into_iter().chain(self.listed_encoder());
        for listed in models.chain(self.listed_others()) {
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
        if let Some(most) = limits.sentence_tokens.filter(|most| !(2..=content).contains(most)) {
            return Err(invalid(format!(
                "manifest.toml: limits.sentence_tokens is {most}; with windows of {} tokens it lies in 2..={content}",
                limits.max_tokens
            )));
        }
        let judges = family::GuardEncoder.name();
        if limits.sentence_tokens.is_some() && self.family != judges {
            return Err(invalid(format!(
                "manifest.toml: limits.sentence_tokens in a pack of family {}; only one of family {judges} judges sentences",
                self.family
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

    fn check_spans(&self) -> Result<(), Error> {
        let named = self.family == family::GuardEncoder.name() && self.model.outputs.contains_key("spans");
        let Some(spans) = &self.spans else {
            if named {
                return Err(invalid(
                    "manifest.toml: model.outputs names \"spans\"; it needs spans".to_owned(),
                ));
            }
            return Ok(());
        };
        if !named {
            return Err(invalid(
                "manifest.toml: spans; the pack has no output of that name in model.outputs".to_owned(),
            ));
        }
        if let Some(label) = spans.labels.iter().find(|l| self.labels.iter().all(|own| own.name != **l)) {
            return Err(invalid(format!(
                "manifest.toml: spans.labels has {label:?}, which is no label of the pack"
            )));
        }
        let distinct: BTreeSet<&String> = spans.labels.iter().collect();
        if distinct.is_empty() || distinct.len() != spans.labels.len() {
            return Err(invalid(format!(
                "manifest.toml: spans.labels has {} labels, {} of them different; it names one at least, each once",
                spans.labels.len(),
                distinct.len()
            )));
        }
        if !(spans.temperature.is_finite() && spans.temperature > 0.0) {
            return Err(invalid(format!(
                "manifest.toml: spans.temperature is {}; it is a finite number above 0",
                spans.temperature
            )));
        }
        if !(spans.threshold > 0.0 && spans.threshold <= 1.0) {
            return Err(invalid(format!(
                "manifest.toml: spans.threshold is {}; it lies in (0, 1]",
                spans.threshold
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

    fn check_generator(&self) -> Result<(), Error> {
        let writes = family::find(&self.family)?.writes();
        let Some(spec) = &self.generator else {
            if writes {
                return Err(invalid(format!("manifest.toml: family {} needs generator", self.family)));
            }
            return Ok(());
        };
        if !writes {
            let family = &self.family;
            return Err(invalid(format!("manifest.toml: generator; a pack of family {family} has none")));
        }
        if spec.encoder.is_some() != (self.family == family::EncoderDecoder.name()) {
            let family = &self.family;
            return Err(invalid(format!(
                "manifest.toml: generator.encoder goes with family {}; this is {family}",
                family::EncoderDecoder.name()
            )));
        }
        let vocabulary = self.tokenizer.vocabulary;
        if let Some(token) = spec.begin.iter().chain(&spec.end).find(|&&token| token >= vocabulary) {
            return Err(invalid(format!(
                "manifest.toml: generator.begin and end have token {token}; the vocabulary has {vocabulary}"
            )));
        }
        if spec.begin.is_empty() || spec.end.is_empty() {
            return Err(invalid("manifest.toml: generator.begin and end need one token at least".to_owned()));
        }
        if spec.max_new_tokens == 0 || spec.max_new_tokens > MAX_NEW_TOKENS {
            return Err(invalid(format!(
                "manifest.toml: generator.max_new_tokens is {}; it lies in 1..={MAX_NEW_TOKENS}",
                spec.max_new_tokens
            )));
        }
        if let Some(extra) = spec.start.keys().find(|key| !spec.carry.contains_key(*key)) {
            return Err(invalid(format!(
                "manifest.toml: generator.start has {extra:?}, which generator.carry has not"
            )));
        }
        if spec.encoder.is_none() && !(spec.start.is_empty() && spec.given.is_empty()) {
            return Err(invalid(
                "manifest.toml: generator.start and given are outputs of an encoder, and there is none"
                    .to_owned(),
            ));
        }
        if let Some(gate) = &spec.gate
            && (gate.labels.is_empty() || !(0.0..=1.0).contains(&gate.share))
        {
            return Err(invalid(format!(
                "manifest.toml: generator.gate has {} labels and the share {}; it needs one label at least, and a share in [0, 1]",
                gate.labels.len(),
                gate.share
            )));
        }
        if let Some(encoder) = &spec.encoder {
            let known =
                |key: &String| ["input_ids", "attention_mask", "lengths", "padding"].contains(&key.as_str());
            if !encoder.inputs.contains_key("input_ids") || !encoder.inputs.keys().all(known) {
                return Err(invalid(
                    "manifest.toml: generator.encoder.inputs has input_ids and may have attention_mask, lengths and padding"
                        .to_owned(),
                ));
            }
        }
        Ok(())
    }

    /// The gate of a pack that looks first.
    fn check_gate(&self) -> Result<(), Error> {
        let Some(gate) = self.first_look.as_ref().and_then(|band| band.gate) else { return Ok(()) };
        if self.family != NgramLinear.name() {
            let (family, needed) = (&self.family, NgramLinear.name());
            return Err(invalid(format!(
                "manifest.toml: first_look.gate in a pack of family {family}; only one of family {needed} has a number for it"
            )));
        }
        if !(gate.temperature.is_finite() && gate.temperature > 0.0) {
            let t = gate.temperature;
            return Err(invalid(format!(
                "manifest.toml: first_look.gate.temperature is {t}; it is a finite number above 0"
            )));
        }
        if !(0.0..=1.0).contains(&gate.clear_below) {
            let below = gate.clear_below;
            return Err(invalid(format!(
                "manifest.toml: first_look.gate.clear_below is {below}; it lies in [0, 1]"
            )));
        }
        Ok(())
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

pub(super) fn invalid(message: String) -> Error {
    Error::new(Code::InvalidPack, message)
}
