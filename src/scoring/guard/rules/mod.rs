//! Rules: lists of words, substrings, regular expressions, personal data and secrets; and what they allow.
//!
//! Compiled once, immutable, shared by threads. A text is searched in several forms ([`fold`](super::fold)), so that
//! letter case, look-alikes, leetspeak and spaced letters do not hide a word.

mod pii;
mod scan;
mod substrings;
#[cfg(test)]
mod whole;
mod words;

pub use pii::Kind;
pub use scan::Scratch;
pub use words::MAX_WORDS;

use regex::{Regex, RegexBuilder};

use super::fold::{Fold, folded, is_unspaced};
use crate::scoring::refuse::invalid;
use crate::{Code, Error};
use substrings::{Substring, Substrings};
use words::{HashTable, SEED, Words, step};

/// The most bytes of one pattern of a list.
pub const MAX_PATTERN_BYTES: usize = 256;
/// The most patterns of all lists together.
pub const MAX_PATTERNS: usize = 1_000_000;
/// The most regular expressions.
pub const MAX_REGEXES: usize = 256;
/// The most bytes that one regular expression compiles to.
pub const MAX_REGEX_BYTES: usize = 1 << 20;
/// The longest match, in bytes of canonical text, that is sure to be found wherever a long text is cut.
pub const MAX_MATCH_BYTES: usize = 1024;
/// The most hits that are kept of one unit of text.
pub const MAX_HITS: usize = 4096;

/// The shortest word that is looked for within a run of spelled letters.
const SHORTEST_SPELLED: usize = 4;
/// The longest.
const LONGEST_SPELLED: usize = 24;

/// A rule's match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hit {
    /// The rule, as it was numbered when it was added.
    pub rule: u32,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// Matches, of a bounded number.
#[derive(Clone, Debug, Default)]
pub struct Hits {
    /// The matches.
    pub list: Vec<Hit>,
    /// Whether there were more than are kept: what is listed is not all.
    pub truncated: bool,
}

impl Hits {
    /// No match; keeps the memory.
    pub fn clear(&mut self) {
        self.list.clear();
        self.truncated = false;
    }

    fn push(&mut self, hit: Hit) {
        if self.list.len() < MAX_HITS {
            self.list.push(hit);
        } else {
            self.truncated = true;
        }
    }
}

/// How the patterns of a list match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    /// As whole words. Patterns in scripts without spaces match anywhere.
    Word,
    /// Anywhere, also within words.
    Substring,
}

/// Patterns that must not count: a hit inside one of their matches is left out.
const ALLOWED: u32 = 1 << 31;

/// Rules that are being put together.
#[derive(Debug, Default)]
pub struct Builder {
    words: Words,
    substrings: Vec<Substring>,
    spelled: HashTable<Vec<(Box<str>, u32)>>,
    regexes: Vec<(Regex, u32)>,
    pii: [Option<u32>; Kind::ALL.len()],
    n_patterns: usize,
    longest: usize,
}

/// Rules, ready to be searched for.
#[derive(Debug)]
pub struct Rules {
    words: Words,
    substrings: Option<Substrings>,
    spelled: HashTable<Vec<(Box<str>, u32)>>,
    regexes: Vec<(Regex, u32)>,
    pii: [Option<u32>; Kind::ALL.len()],
    secrets: Option<pii::Secrets>,
    folds: bool,
    /// Bytes of the longest substring that folds.
    longest_substring: usize,
    longest: usize,
}

impl Builder {
    /// Adds a word, phrase or substring for this rule. With `folds`, it is found in spite of look-alikes, leetspeak,
    /// diacritics and spaced letters.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`] for a pattern without a letter or digit, of more than [`MAX_WORDS`] words, or longer than
    /// [`MAX_PATTERN_BYTES`]; [`Code::TooLarge`] beyond [`MAX_PATTERNS`].
    pub fn pattern(&mut self, rule: u32, pattern: &str, how: Match, folds: bool) -> Result<(), Error> {
        check_rule(rule)?;
        self.add(rule, pattern, how, folds)
    }

    /// Adds a word, phrase or substring whose matches hide the hits inside them.
    ///
    /// # Errors
    /// As [`Builder::pattern`].
    pub fn allow(&mut self, pattern: &str, how: Match) -> Result<(), Error> {
        self.add(ALLOWED, pattern, how, false)
    }

    fn add(&mut self, rule: u32, pattern: &str, how: Match, folds: bool) -> Result<(), Error> {
        let bytes = pattern.len();
        if bytes > MAX_PATTERN_BYTES {
            return Err(invalid(format!(
                "a pattern has {bytes} bytes; at most {MAX_PATTERN_BYTES} are taken"
            )));
        }
        self.n_patterns += 1;
        if self.n_patterns > MAX_PATTERNS {
            return Err(Error::new(
                Code::TooLarge,
                format!("more than {MAX_PATTERNS} patterns in all lists"),
            ));
        }
        let canonical = super::canonical::Canonical::new(pattern)?;
        let text = canonical.text();
        let substring = how == Match::Substring || text.chars().any(is_unspaced);
        let mut forms = vec![folded(text, Fold::Case)];
        if folds {
            forms.extend([folded(text, Fold::Skeleton), folded(text, Fold::SkeletonL)]);
            forms.dedup();
        }
        if !text.chars().any(char::is_alphanumeric) {
            return Err(invalid(format!("a pattern of {bytes} bytes has no letter or digit")));
        }
        for form in &forms {
            if substring {
                self.substrings.push(Substring { text: form.clone(), rule, folds });
            } else if !self.words.add(form, rule, folds) {
                return Err(invalid(format!("a pattern of {bytes} bytes has more than {MAX_WORDS} words")));
            }
            if folds {
                self.add_spelled(form, rule);
            }
            // A folded character may come from four bytes, and a spelled one has a separator of three after it.
            let written = if folds { form.chars().count() * 7 } else { form.len() * 2 };
            self.longest = self.longest.max(written.min(MAX_MATCH_BYTES));
        }
        Ok(())
    }

    fn add_spelled(&mut self, form: &str, rule: u32) {
        let letters: String = form.chars().filter(|c| c.is_alphanumeric()).collect();
        if (SHORTEST_SPELLED - 1..=LONGEST_SPELLED).contains(&letters.chars().count()) {
            let hash = letters.bytes().fold(SEED, step);
            let same = self.spelled.entry(hash).or_default();
            let entry = (letters.into_boxed_str(), rule);
            if !same.contains(&entry) {
                same.push(entry);
            }
        }
    }

    /// Adds a regular expression for this rule, in the syntax of the `regex` crate: no look-around and no back-references,
    /// so that the time is linear in the text. Of Unicode's properties every build has the general categories (`\p{L}`),
    /// the scripts (`\p{Greek}`), and what `\d`, `\s`, `\w`, `\b` and `(?i)` stand for.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`] for an expression that does not parse, or that matches the empty text;
    /// [`Code::TooLarge`] for one that compiles to more than [`MAX_REGEX_BYTES`], or beyond [`MAX_REGEXES`].
    pub fn regex(&mut self, rule: u32, expression: &str) -> Result<(), Error> {
        check_rule(rule)?;
        if self.regexes.len() >= MAX_REGEXES {
            return Err(Error::new(Code::TooLarge, format!("more than {MAX_REGEXES} regular expressions")));
        }
        let bytes = expression.len();
        if bytes > 16 * MAX_PATTERN_BYTES {
            let most = 16 * MAX_PATTERN_BYTES;
            return Err(invalid(format!("a regular expression has {bytes} bytes; at most {most} are taken")));
        }
        let built = RegexBuilder::new(expression)
            .size_limit(MAX_REGEX_BYTES)
            .dfa_size_limit(2 * MAX_REGEX_BYTES)
            .nest_limit(64)
            .build();
        let regex = built.map_err(|e| match e {
            regex::Error::CompiledTooBig(limit) => {
                let message = format!("the regular expression compiles to more than {limit} bytes");
                Error::new(Code::TooLarge, message)
            }
            e => {
                let text = e.to_string();
                let reason = text.rsplit("error: ").next().unwrap_or_default().trim().to_owned();
                invalid(format!("the regular expression does not parse: {reason}"))
            }
        })?;
        if regex.is_match("") {
            return Err(invalid("the regular expression matches the empty text, which is everywhere"));
        }
        self.regexes.push((regex, rule));
        self.longest = MAX_MATCH_BYTES;
        Ok(())
    }

    /// Adds a kind of personal data or secret for this rule.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`] if the kind has a rule already.
    pub fn pii(&mut self, rule: u32, kind: Kind) -> Result<(), Error> {
        check_rule(rule)?;
        let slot = &mut self.pii[kind as usize];
        if slot.is_some() {
            return Err(invalid(format!("{} has a rule already", kind.name())));
        }
        *slot = Some(rule);
        let most = match kind {
            Kind::Email => 320,
            Kind::Key => 600,
            _ => pii::LONGEST_NUMBER,
        };
        self.longest = self.longest.max(most);
        Ok(())
    }

    /// The rules, compiled.
    ///
    /// # Errors
    /// [`Code::TooLarge`] if the substrings are too many for one automaton.
    pub fn build(mut self) -> Result<Rules, Error> {
        self.words.finish();
        let longest_substring = self.substrings.iter().filter(|s| s.folds).map(|s| s.text.len()).max();
        let substrings = match self.substrings.is_empty() {
            true => None,
            false => Some(Substrings::new(self.substrings)?),
        };
        let secrets = self.pii[Kind::Key as usize].map(|_| pii::Secrets::new()).transpose()?;
        Ok(Rules {
            folds: !self.spelled.is_empty() || longest_substring.is_some() || self.words.any_folds(),
            longest_substring: longest_substring.unwrap_or(0),
            words: self.words,
            substrings,
            spelled: self.spelled,
            regexes: self.regexes,
            pii: self.pii,
            secrets,
            longest: self.longest,
        })
    }
}

impl Rules {
    /// Whether there is no rule at all.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
            && self.substrings.is_none()
            && self.regexes.is_empty()
            && self.pii.iter().all(Option::is_none)
    }

    /// The most bytes of canonical text that a match can have, as far as it is sure to be found; 0 without rules.
    pub fn longest_match(&self) -> usize {
        self.longest
    }
}

fn check_rule(rule: u32) -> Result<(), Error> {
    if rule < ALLOWED { Ok(()) } else { Err(invalid(format!("rule number {rule}; it is below {ALLOWED}"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_a_rule_is_refused() {
        let code = |result: Result<(), Error>| result.map_err(|e| e.code);
        let mut rules = Builder::default();
        assert_eq!(code(rules.pattern(0, "", Match::Word, true)), Err(Code::InvalidArgument));
        assert_eq!(code(rules.pattern(0, " !? ", Match::Substring, true)), Err(Code::InvalidArgument));
        assert_eq!(code(rules.pattern(0, &"a".repeat(257), Match::Word, true)), Err(Code::InvalidArgument));
        assert_eq!(code(rules.pattern(0, &"a ".repeat(17), Match::Word, true)), Err(Code::InvalidArgument));
        assert_eq!(code(rules.pattern(ALLOWED, "a", Match::Word, true)), Err(Code::InvalidArgument));
        for expression in ["(", "a{1000}{1000}{1000}", "a*", "", "(?=a)", "(a)\\1", "[z-a]", "(?P<n>a"] {
            assert!(rules.regex(0, expression).is_err(), "{expression}");
        }
        assert_eq!(code(rules.regex(0, "\\w{5000}")), Err(Code::TooLarge));
        assert_eq!(code(rules.regex(0, &"(".repeat(200))), Err(Code::InvalidArgument));
        assert_eq!(code(rules.pii(0, Kind::Card)), Ok(()));
        assert_eq!(code(rules.pii(1, Kind::Card)), Err(Code::InvalidArgument));
        assert!(rules.build().is_ok());
        assert!(Builder::default().build().is_ok_and(|rules| rules.is_empty() && rules.longest_match() == 0));
    }

    #[test]
    fn every_build_has_the_categories_and_scripts_of_unicode() {
        for (expression, text, found) in [
            (r"\p{Greek}{3}\d", "\u{3b1}\u{3b2}\u{3b3}7", true),
            (r"(?i)\bSTRASSE\p{P}", "strasse!", true),
            (r"(?i)\u{c9}\p{Lu}\w\b", "\u{e9}Xy", true),
            (r"\p{Cyrillic}\s", "ab ", false),
        ] {
            let mut rules = Builder::default();
            rules.regex(0, expression).expect(expression);
            let (mut scratch, mut hits) = (Scratch::default(), Hits::default());
            rules.build().expect("rules").scan(text, 0, &mut scratch, &mut hits);
            assert_eq!(!hits.list.is_empty(), found, "{expression}");
        }
    }

    #[test]
    fn more_expressions_than_are_taken_are_refused() {
        let mut rules = Builder::default();
        for n in 0..MAX_REGEXES {
            assert!(rules.regex(0, &format!("x{n}y")).is_ok());
        }
        assert_eq!(rules.regex(0, "one more").map_err(|e| e.code), Err(Code::TooLarge));
    }
}
