//! What a filter decided about one text.

use std::ops::Range;

use super::Filter;
use super::front::Finding;
use crate::engine::verdict::{Action, Reason};
use crate::engine::windows::Maxima;
use crate::model::manifest::Role;
use crate::scoring::guard::hidden::Encoding;
use crate::scoring::order;
use crate::{Code, Error};

/// The judgement for one category of the policy.
#[derive(Clone, Debug, PartialEq)]
pub struct CategoryDecision {
    /// Position of the category in the policy.
    pub category: usize,
    /// 1 where a rule matched, else the model's largest score; 0 without either.
    pub score: f32,
    /// A model's score flags from here on.
    pub threshold: f32,
    /// Whether the text is in the category.
    pub flagged: bool,
}

/// Where a flagged category was found.
#[derive(Clone, Debug, PartialEq)]
pub struct DecisionSpan {
    /// Bytes of the text as it was given.
    pub bytes: Range<usize>,
    /// Position of the category in the policy.
    pub category: usize,
    /// 1 for a rule, else the model's score of that window.
    pub score: f32,
    /// Whether a rule found it; else it is what the model marked, or the window that scored highest.
    pub by_rule: bool,
    /// How the text hid it, if it did.
    pub hidden: Option<Encoding>,
}

/// What a filter decided about one text.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The strictest action of the flagged categories; the policy's `on_failure` if there was no judgement.
    pub action: Action,
    /// The largest score; 1 on failure.
    pub risk: f32,
    /// Why.
    pub reason: Reason,
    /// The categories that were judged, in the policy's order; none on failure.
    pub categories: Vec<CategoryDecision>,
    /// In order of place.
    pub spans: Vec<DecisionSpan>,
    /// The language that the thresholds were taken for; `None`: unknown, so the strictest.
    pub language: Option<String>,
    /// Windows that a model scored.
    pub windows: usize,
    /// Bytes of the text.
    pub text_bytes: usize,
    /// Why there was no judgement.
    pub error: Option<Error>,
}

impl Decision {
    /// The decision about a text that could not be judged.
    pub(super) fn failed(action: Action, error: Error, text_bytes: usize) -> Self {
        Self {
            action,
            risk: 1.0,
            reason: Reason::Failed(error.code),
            categories: Vec::new(),
            spans: Vec::new(),
            language: None,
            windows: 0,
            text_bytes,
            error: Some(error),
        }
    }
}

/// What was found in a text, to be held against the policy.
pub(super) struct Found<'a> {
    pub(super) findings: &'a [Finding],
    /// Whether there was more than is listed.
    pub(super) truncated: bool,
    pub(super) maxima: &'a Maxima,
    pub(super) language: Option<String>,
    pub(super) role: Option<Role>,
    pub(super) text_bytes: usize,
}

impl Filter {
    /// Holds what was found against the policy.
    pub(super) fn decide(&self, found: Found) -> Decision {
        let policy = &self.policy;
        if found.maxima.labels.iter().any(|most| most.invalid) {
            let error = Error::new(Code::InvalidArgument, "a model's score is not a number");
            let mut decision = Decision::failed(policy.on_failure(), error, found.text_bytes);
            decision.reason = Reason::InvalidScore;
            decision.windows = found.maxima.windows;
            return decision;
        }
        let language = found.language.as_deref();
        let (mut categories, mut spans) = (Vec::new(), Vec::new());
        let mut action = Action::Allow;
        for (place, category) in policy.categories().iter().enumerate() {
            if !category.applies(language, found.role) {
                continue;
            }
            let threshold = self.threshold(place, language);
            let score_of = |&label: &usize| Some((found.maxima.labels.get(label)?.best.as_ref()?.0, label));
            let best = self.labels[place].iter().filter_map(score_of).max_by(|a, b| a.0.total_cmp(&b.0));
            let by_model = best.filter(|(score, _)| *score >= threshold);
            let mut by_rule = false;
            for finding in found.findings.iter().filter(|f| policy.category_of_rule(f.rule) == place) {
                by_rule = true;
                spans.push(DecisionSpan {
                    bytes: finding.start..finding.end,
                    category: place,
                    score: 1.0,
                    by_rule: true,
                    hidden: finding.hidden,
                });
            }
            if let Some((score, label)) = by_model {
                let score = score as f32;
                let span =
                    |bytes| DecisionSpan { bytes, category: place, score, by_rule: false, hidden: None };
                found.maxima.places(label, |bytes| spans.push(span(bytes)));
            }
            let flagged = by_rule || by_model.is_some();
            if flagged {
                action = action.min(category.action);
            }
            let score = if by_rule { 1.0 } else { best.map_or(0.0, |(score, _)| score as f32) };
            categories.push(CategoryDecision {
                category: place,
                score,
                threshold: threshold as f32,
                flagged,
            });
        }
        // Spans that are not listed cannot be redacted.
        if found.truncated {
            action = Action::Block;
        }
        let key = |s: &DecisionSpan| (s.bytes.start, s.bytes.end, s.category, !s.by_rule);
        order::sort(&mut spans, |a, b| key(a).cmp(&key(b)));
        spans.dedup();
        let flagged = found.truncated || categories.iter().any(|c| c.flagged);
        Decision {
            action,
            risk: categories.iter().map(|c| c.score).fold(f32::from(found.truncated), f32::max),
            reason: if flagged { Reason::Flagged } else { Reason::Clear },
            categories,
            spans,
            language: found.language,
            windows: found.maxima.windows,
            text_bytes: found.text_bytes,
            error: None,
        }
    }

    /// The text with the category's replacement, or its name in brackets, for each span of a category that is redacted.
    /// Spans that overlap are replaced as one.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`] if a span is not one of the text.
    pub fn redact(&self, text: &str, decision: &Decision) -> Result<String, Error> {
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        for (bytes, category) in self.redactions(decision.spans.iter().map(|s| (s.bytes.clone(), s.category)))
        {
            let wrong = || {
                let Range { start, end } = bytes.clone();
                let message = format!("span {start}..{end} is not one of this text of {} bytes", text.len());
                Error::new(Code::InvalidArgument, message)
            };
            out.push_str(text.get(at..bytes.start).ok_or_else(wrong)?);
            self.push_replacement(category, &mut out);
            text.get(bytes.clone()).ok_or_else(wrong)?;
            at = bytes.end;
        }
        out.push_str(text.get(at..).unwrap_or_default());
        Ok(out)
    }

    /// What stands in the place of a span of this category.
    pub(super) fn push_replacement(&self, category: usize, out: &mut String) {
        let category = &self.policy.categories()[category];
        match &category.replacement {
            Some(text) => out.push_str(text),
            None => out.extend(["[", category.name.as_str(), "]"]),
        }
    }

    /// The spans that are redacted, in order and without overlaps.
    pub(super) fn redactions(
        &self,
        spans: impl Iterator<Item = (Range<usize>, usize)>,
    ) -> Vec<(Range<usize>, usize)> {
        let redacted = |category: usize| {
            self.policy.categories().get(category).is_some_and(|c| c.action == Action::Redact)
        };
        let mut spans: Vec<_> = spans.filter(|(_, category)| redacted(*category)).collect();
        let key = |(bytes, category): &(Range<usize>, usize)| (bytes.start, bytes.end, *category);
        order::sort(&mut spans, |a, b| key(a).cmp(&key(b)));
        let mut merged: Vec<(Range<usize>, usize)> = Vec::with_capacity(spans.len());
        for (bytes, category) in spans {
            match merged.last_mut() {
                Some((last, _)) if bytes.start < last.end => last.end = last.end.max(bytes.end),
                _ => merged.push((bytes, category)),
            }
        }
        merged
    }
}
