//! From a policy file to a policy: what is checked, and the rules compiled.

use std::ops::Range;
use std::sync::Arc;

use super::file::{Category as Written, File, MatchWord, ScopeWord, Source, VERSION};
use super::{Category, Denied, Files, MAX_CATEGORIES, Policy, Scope, StreamSettings};
use crate::engine::deny::{Bounds, DenyIndex};
use crate::engine::verdict::Action;
use crate::fields::Spanned;
use crate::scoring::guard::hidden;
use crate::scoring::guard::rules::{Builder, Kind, MAX_MATCH_BYTES, Match};
use crate::{Code, Error};

/// The longest text, where the file does not say.
const DEFAULT_TEXT_BYTES: u64 = 1 << 20;
/// The longest text that a policy may allow.
const MAX_TEXT_BYTES: u64 = 64 << 20;

/// The index above which a copied run is refused, where the file does not say: the paper's.
const DEFAULT_TAU: f64 = 20.0;
/// Words of a copied run at least, where the file does not say.
const DEFAULT_MIN_WORDS: u64 = 4;

struct Compiler<'a> {
    source: &'a Source<'a>,
    categories: Vec<Category>,
    rules: Builder,
    deny: Vec<Denied>,
    rule_categories: Vec<usize>,
}

/// Reads and compiles.
pub(super) fn compile(source: &Source, files: &mut Files<'_>) -> Result<Policy, Error> {
    let file = source.read()?;
    let version = *file.policy.get_ref();
    if version != VERSION {
        let what = format!("policy = {version}; this library reads version {VERSION}");
        return Err(source.fault(&file.policy.span(), &what));
    }
    if file.name.get_ref().is_empty() || file.name.get_ref().chars().any(char::is_control) {
        return Err(source.fault(&file.name.span(), "name is empty or holds control characters"));
    }
    let mut compiler = Compiler {
        source,
        categories: Vec::new(),
        rules: Builder::default(),
        deny: Vec::new(),
        rule_categories: Vec::new(),
    };
    compiler.categories(&file)?;
    compiler.lists(&file, files.list)?;
    compiler.others(&file)?;
    compiler.deny(&file, files.index)?;
    compiler.policy(file)
}

impl Compiler<'_> {
    fn categories(&mut self, file: &File) -> Result<(), Error> {
        if file.category.is_empty() {
            let what = "the policy has no [[category]]: it would allow every text";
            return Err(self.source.fault(&file.name.span(), what));
        }
        for written in &file.category {
            let name = &written.get_ref().name;
            if self.categories.len() >= MAX_CATEGORIES {
                let what = format!("more than {MAX_CATEGORIES} categories");
                return Err(self.source.fault_as(Code::TooLarge, &written.span(), &what));
            }
            let text = name.get_ref();
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
            if text.is_empty() || text.len() > 31 || !text.chars().all(plain) {
                let what = format!("category {text:?}: a name has 1 to 31 letters, digits, '_', '-' and '.'");
                return Err(self.source.fault(&name.span(), &what));
            }
            if self.categories.iter().any(|c| c.name == *text) {
                return Err(self.source.fault(&name.span(), &format!("category {text:?} is defined twice")));
            }
            let category = self.category(written.get_ref())?;
            self.categories.push(category);
        }
        Ok(())
    }

    fn category(&self, written: &Written) -> Result<Category, Error> {
        let name = written.name.get_ref();
        let unit = |what: &str, value: &Spanned<f64>| {
            let number = *value.get_ref();
            match (0.0..=1.0).contains(&number) {
                true => Ok(number),
                false => {
                    let what = format!("{what} of {name:?} is {number}; it lies in [0, 1]");
                    Err(self.source.fault(&value.span(), &what))
                }
            }
        };
        let threshold = written.threshold.as_ref().map(|t| unit("threshold", t)).transpose()?;
        let low = written.low.as_ref().map(|t| unit("low", t)).transpose()?;
        let mut languages = Vec::new();
        for (tag, value) in &written.languages {
            self.tag(tag)?;
            if languages.iter().any(|(t, _): &(String, f64)| t.eq_ignore_ascii_case(tag.get_ref())) {
                let what = format!("the language {:?} of {name:?} stands twice", tag.get_ref());
                return Err(self.source.fault(&tag.span(), &what));
            }
            languages.push((tag.get_ref().clone(), unit("threshold", value)?));
        }
        if let (Some(low), Some(written_low)) = (low, &written.low) {
            let least = languages.iter().map(|(_, t)| *t).chain(threshold).fold(1.0, f64::min);
            if low > least {
                let what = format!("low of {name:?} is {low}, above its threshold {least}");
                return Err(self.source.fault(&written_low.span(), &what));
            }
        }
        let scope = match written.scope {
            ScopeWord::Global => Scope::Global,
            ScopeWord::Local => Scope::Local,
        };
        if (scope == Scope::Local) == written.places.is_empty() {
            let what =
                format!("category {name:?}: places go with scope = \"local\", which needs at least one");
            return Err(self.source.fault(&written.name.span(), &what));
        }
        for place in &written.places {
            self.tag(place)?;
        }
        if let Some(c) = &written.calibration
            && !(c.target.is_finite() && c.date.len() == 10)
        {
            let what = format!("calibration of {name:?}: target is finite, and date is YYYY-MM-DD");
            return Err(self.source.fault(&written.name.span(), &what));
        }
        Ok(Category {
            name: name.clone(),
            action: written.action.into(),
            threshold,
            low,
            languages,
            scope,
            places: written.places.iter().map(|p| p.get_ref().clone()).collect(),
            roles: written.roles.clone(),
            labels: written.labels.iter().map(|l| l.get_ref().clone()).collect(),
            replacement: written.replacement.clone(),
            calibration: written.calibration.clone(),
            has_rules: false,
        })
    }

    fn tag(&self, tag: &Spanned<String>) -> Result<(), Error> {
        let text = tag.get_ref();
        let good = (2..=35).contains(&text.len())
            && text
                .split('-')
                .all(|p| (1..=8).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_alphanumeric()));
        if good {
            return Ok(());
        }
        Err(self
            .source
            .fault(&tag.span(), &format!("{text:?} is no language tag such as \"de\" or \"pt-BR\"")))
    }

    /// A new rule of the category, by its number.
    fn rule(&mut self, category: &Spanned<String>) -> Result<u32, Error> {
        let name = category.get_ref();
        let Some(place) = self.categories.iter().position(|c| c.name == *name) else {
            let what = format!("category {name:?} has no [[category]] of its own");
            return Err(self.source.fault(&category.span(), &what));
        };
        self.categories[place].has_rules = true;
        self.rule_categories.push(place);
        Ok(self.rule_categories.len() as u32 - 1)
    }

    fn at<T>(&self, span: &Range<usize>, result: Result<T, Error>) -> Result<T, Error> {
        result.map_err(|e| self.source.fault_as(e.code, span, &e.message))
    }

    fn lists(
        &mut self,
        file: &File,
        read: &mut dyn FnMut(&str) -> Result<String, Error>,
    ) -> Result<(), Error> {
        for written in &file.words {
            let list = written.get_ref();
            let rule = self.rule(&list.category)?;
            let how = matching(list.how);
            if list.list.is_empty() && list.file.is_none() {
                return Err(self.source.fault(&written.span(), "a list of words has neither list nor file"));
            }
            for pattern in &list.list {
                let added = self.rules.pattern(rule, pattern.get_ref(), how, list.fold);
                self.at(&pattern.span(), added)?;
            }
            if let Some(path) = &list.file {
                let text = self.at(&path.span(), read(path.get_ref()))?;
                for (number, line) in text.lines().enumerate() {
                    let pattern = line.trim();
                    if pattern.is_empty() || pattern.starts_with('#') {
                        continue;
                    }
                    let added = self.rules.pattern(rule, pattern, how, list.fold);
                    added.map_err(|e| {
                        let what = format!("{}, line {}: {}", path.get_ref(), number + 1, e.message);
                        self.source.fault_as(e.code, &path.span(), &what)
                    })?;
                }
            }
        }
        Ok(())
    }

    fn deny(
        &mut self,
        file: &File,
        open: &mut dyn FnMut(&str) -> Result<DenyIndex, Error>,
    ) -> Result<(), Error> {
        for written in &file.deny {
            let deny = written.get_ref();
            let rule = self.rule(&deny.category)?;
            let tau = deny.tau.as_ref().map_or(DEFAULT_TAU, |tau| *tau.get_ref());
            if let Some(written) = deny.tau.as_ref().filter(|_| !(tau.is_finite() && tau >= 0.0)) {
                let what = format!("tau is {tau}; it is a finite number of 0 or more");
                return Err(self.source.fault(&written.span(), &what));
            }
            let min_words = deny.min_words.as_ref().map_or(DEFAULT_MIN_WORDS, |n| *n.get_ref());
            if let Some(written) = deny.min_words.as_ref().filter(|_| !(1..=64).contains(&min_words)) {
                let what = format!("min_words is {min_words}; it lies in 1..=64");
                return Err(self.source.fault(&written.span(), &what));
            }
            let index = Arc::new(self.at(&deny.file.span(), open(deny.file.get_ref()))?);
            let bounds = Bounds { tau, min_words: min_words as usize };
            self.deny.push(Denied { rule, index, bounds });
        }
        Ok(())
    }

    fn others(&mut self, file: &File) -> Result<(), Error> {
        for written in &file.regex {
            let rule = self.rule(&written.get_ref().category)?;
            let pattern = &written.get_ref().pattern;
            let added = self.rules.regex(rule, pattern.get_ref());
            self.at(&pattern.span(), added)?;
        }
        for written in &file.pii {
            let rule = self.rule(&written.get_ref().category)?;
            if written.get_ref().kinds.is_empty() {
                return Err(self.source.fault(&written.span(), "kinds is empty; it names at least one"));
            }
            for word in &written.get_ref().kinds {
                let Some(kind) = Kind::ALL.into_iter().find(|k| k.name() == word.get_ref()) else {
                    let known = Kind::ALL.map(Kind::name).join(", ");
                    let what = format!("kind {:?}; the kinds are {known}", word.get_ref());
                    return Err(self.source.fault(&word.span(), &what));
                };
                let added = self.rules.pii(rule, kind);
                self.at(&word.span(), added)?;
            }
        }
        for written in &file.allow {
            for pattern in &written.get_ref().list {
                let added = self.rules.allow(pattern.get_ref(), matching(written.get_ref().how));
                self.at(&pattern.span(), added)?;
            }
        }
        Ok(())
    }

    fn policy(self, file: File) -> Result<Policy, Error> {
        let within = |what: &str, value: &Option<Spanned<u64>>, default: u64, most: u64| match value {
            None => Ok(default as usize),
            Some(value) if (1..=most).contains(value.get_ref()) => Ok(*value.get_ref() as usize),
            Some(value) => {
                let what = format!("{what} is {}; it lies between 1 and {most}", value.get_ref());
                Err(self.source.fault(&value.span(), &what))
            }
        };
        let limits = &file.limits;
        let max_text_bytes =
            within("max_text_bytes", &limits.max_text_bytes, DEFAULT_TEXT_BYTES, MAX_TEXT_BYTES)?;
        let bounds = hidden::Bounds::default();
        let bounds = hidden::Bounds {
            texts: within("max_decoded_texts", &limits.max_decoded_texts, bounds.texts as u64, 1024)?,
            bytes: within("max_decoded_bytes", &limits.max_decoded_bytes, bounds.bytes as u64, 1 << 20)?,
        };
        let hold = &file.stream.hold_back_bytes;
        let hold_back_bytes = match hold {
            None => 0,
            Some(_) => within("hold_back_bytes", hold, 1, 1 << 20)?,
        };
        let decay = match &file.stream.decay {
            None => 0.0,
            Some(decay) if (0.0..1.0).contains(decay.get_ref()) => *decay.get_ref(),
            Some(decay) => {
                let what = format!("decay is {}; it lies in [0, 1)", decay.get_ref());
                return Err(self.source.fault(&decay.span(), &what));
            }
        };
        let span = file.name.span();
        let rules = self.rules.build().map_err(|e| self.source.fault_as(e.code, &span, &e.message))?;
        let on_failure: Action = file.on_failure.into();
        Ok(Policy {
            name: file.name.into_inner(),
            summary: file.summary,
            sha256: String::new(),
            on_failure,
            paranoid: file.paranoid,
            decode: file.decode.then_some(bounds),
            packs: file.packs.into_iter().map(Spanned::into_inner).collect(),
            max_text_bytes,
            stream: StreamSettings {
                latch: file.stream.latch.unwrap_or(true),
                decay,
                hold_back_bytes: hold_back_bytes.max(rules.longest_match().min(MAX_MATCH_BYTES)),
            },
            categories: self.categories,
            rules,
            deny: self.deny,
            rule_categories: self.rule_categories,
        })
    }
}

fn matching(word: MatchWord) -> Match {
    match word {
        MatchWord::Word => Match::Word,
        MatchWord::Substring => Match::Substring,
    }
}
