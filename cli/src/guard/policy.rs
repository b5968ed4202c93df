//! Texts judged by a policy: the filter, the answers, the audit log.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;
use trueline_core::engine::Action;
use trueline_core::engine::filter::{Decision, Filter, FilterOptions, Record};
use trueline_core::engine::policy::Policy;
use trueline_core::model::manifest::Role;
use trueline_core::scoring::guard::units::Units;
use trueline_core::{Code, Error};

use super::answer::{Answer, paint};
use super::lines::{self, Line};
use super::request;
use crate::args::{Common, GuardArgs};
use crate::lookup;
use crate::output::{self, Stop};

/// A filter's texts: one thread's.
pub struct PolicyJudge {
    filter: Arc<Filter>,
    options: FilterOptions,
    jsonl: bool,
    colour: bool,
    audit: Audit,
}

/// What is written of each text to the audit log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audit {
    /// Nothing.
    No,
    /// The decision's record.
    Record,
    /// The same, with the text.
    WithText,
}

/// The filter of `--policy`, with the pack that `--pack` or the policy names, if any.
pub fn filter(path: &Path, common: &Common) -> Result<Arc<Filter>, Stop> {
    let policy = Policy::open(path).map_err(|e| output::unusable("--policy", &e))?;
    let named: Vec<_> = match (&common.pack[..], policy.packs()) {
        ([], named) => named.iter().map(|name| Path::new(name).to_owned()).collect(),
        (given, _) => given.to_vec(),
    };
    let guard = match &named[..] {
        [] => None,
        [given] => {
            let path = lookup::find(given)?;
            let (_, _, guard) = lookup::engine(&path, common, |engine| engine.guard(None).cloned())?;
            Some(guard)
        }
        several => return Err(Stop::Usage(format!("guard takes one pack; there are {}", several.len()))),
    };
    let filter = Filter::new(Arc::new(policy), guard).map_err(|e| output::unusable("--policy", &e))?;
    Ok(Arc::new(filter))
}

impl PolicyJudge {
    pub fn new(args: &GuardArgs, filter: &Arc<Filter>, colour: bool) -> Self {
        let options = FilterOptions {
            role: args.role.map(Role::from),
            timeout: args.timeout(),
            language: args.language.clone(),
            plain: args.plain,
            ..FilterOptions::default()
        };
        let audit = match (&args.audit_log, args.audit_text) {
            (None, _) => Audit::No,
            (_, false) => Audit::Record,
            (_, true) => Audit::WithText,
        };
        Self { filter: Arc::clone(filter), options, jsonl: args.jsonl, colour, audit }
    }

    /// The line that answers a text, whatever it is.
    pub fn answer(&mut self, number: usize, line: &Line) -> Answer {
        let (id, text, options, language) = match (self.jsonl, line) {
            (true, line) => match request::parse(line) {
                (id, Ok(request)) => {
                    let mut options = self.options.clone();
                    options.role = request.role.or(options.role);
                    if request.language != "und" {
                        options.language = Some(request.language.clone());
                    }
                    (id, request.text.into_bytes(), options, request.language)
                }
                // A line that holds no text is answered with its error; nothing was judged.
                (id, Err(error)) => return Answer::json(id.as_deref(), &Err(error), &[]),
            },
            (false, Line::Whole(text)) => (None, text.clone(), self.options.clone(), String::new()),
            (false, Line::TooLong { bytes, most, .. }) => {
                let error = lines::too_long(*bytes, *most);
                return Answer::person(number, &Err(error), &[], self.colour);
            }
        };
        let begun = Instant::now();
        let filter = &self.filter;
        // A panic is a fault of ours; it costs this text its judgement and the others nothing.
        let judged = catch_unwind(AssertUnwindSafe(|| Filter::judge(filter, &text, &options)));
        let Ok(decision) = judged else { return Answer::lost(number, self.jsonl) };
        let latency = u32::try_from(begun.elapsed().as_micros()).unwrap_or(u32::MAX);
        let mut answer = if self.jsonl {
            self.json(id.as_deref(), &text, &decision, &language)
        } else {
            self.person(number, &decision)
        };
        if self.audit != Audit::No {
            let record = Record::new(filter, &decision, latency).to_json();
            answer.audit = Some(self.audit_line(number, id.as_deref(), &record, &text));
        }
        answer
    }

    /// One line of the audit log: the number of the text, its `id`, the record, and the text if that was asked for.
    fn audit_line(&self, number: usize, id: Option<&str>, record: &str, text: &[u8]) -> Vec<u8> {
        let mut line = format!("{{\"number\":{number},");
        if let Some(id) = id {
            line.push_str(&format!("\"id\":{id},"));
        }
        line.push_str(&format!("\"record\":{record}"));
        if self.audit == Audit::WithText {
            let text = serde_json::to_string(&String::from_utf8_lossy(text)).unwrap_or_default();
            line.push_str(&format!(",\"text\":{text}"));
        }
        line.push_str("}\n");
        line.into_bytes()
    }

    fn json(&self, id: Option<&str>, text: &[u8], decision: &Decision, language: &str) -> Answer {
        if let Some(error) = decision.error.as_ref().filter(|_| decision.action == Action::Block) {
            return Answer::json(id, &Err(error.clone()), &[]);
        }
        let text = str::from_utf8(text).unwrap_or_default();
        let good = self.good(text, decision, language);
        let body = good.and_then(|good| {
            serde_json::to_vec(&good).map_err(|e| Error::new(Code::Internal, format!("the answer: {e}")))
        });
        match body {
            Ok(body) => Answer::of(id, body),
            Err(error) => Answer::json(id, &Err(error), &[]),
        }
    }

    fn good<'a>(&'a self, text: &str, decision: &'a Decision, language: &'a str) -> Result<Good<'a>, Error> {
        let categories = self.filter.policy().categories();
        let units = Units::new(text)?;
        let mut spans = Vec::with_capacity(decision.spans.len());
        for span in &decision.spans {
            let place = units.span(span.bytes.clone())?;
            spans.push(Span {
                start: place.bytes.start,
                end: place.bytes.end,
                category: &categories[span.category].name,
                score: span.score,
                rule: span.by_rule,
                hidden: span.hidden.map(|h| h.name()),
                utf16: [place.utf16.start, place.utf16.end],
                code_points: [place.code_points.start, place.code_points.end],
            });
        }
        let redacted = match decision.action {
            Action::Redact => Some(self.filter.redact(text, decision)?),
            _ => None,
        };
        let given = Some(language).filter(|l| !l.is_empty() && *l != "und");
        Ok(Good {
            action: decision.action.name(),
            risk: decision.risk,
            categories: decision
                .categories
                .iter()
                .map(|c| (categories[c.category].name.as_str(), c.score))
                .collect(),
            spans,
            reason: decision.reason.name(),
            language: given.or(decision.language.as_deref()).unwrap_or("und"),
            redacted,
            error: decision.error.as_ref().map(|e| e.code.name()),
        })
    }

    fn person(&self, number: usize, decision: &Decision) -> Answer {
        if let Some(error) = &decision.error {
            let mut answer = Answer::person(number, &Err(error.clone()), &[], self.colour);
            answer.failed = decision.action == Action::Block;
            return answer;
        }
        let categories = self.filter.policy().categories();
        let flagged: Vec<String> = decision
            .categories
            .iter()
            .filter(|c| c.flagged)
            .map(|c| format!("{} {:.3}", categories[c.category].name, c.score))
            .collect();
        let flagged = if flagged.is_empty() { "-".to_owned() } else { flagged.join(", ") };
        let action = paint(decision.action, self.colour);
        let reason = decision.reason.name();
        let line = format!("{number:>4}  {action}  {:.3}  {flagged}  {reason}\n", decision.risk);
        Answer { line: line.into_bytes(), failed: false, audit: None }
    }
}

#[derive(Serialize)]
struct Good<'a> {
    action: &'static str,
    risk: f32,
    #[serde(serialize_with = "as_map")]
    categories: Vec<(&'a str, f32)>,
    spans: Vec<Span<'a>>,
    reason: &'static str,
    language: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    redacted: Option<String>,
    /// Why there was no judgement, where the policy's `on_failure` does not block.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
}

#[derive(Serialize)]
struct Span<'a> {
    start: usize,
    end: usize,
    category: &'a str,
    score: f32,
    rule: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    hidden: Option<&'static str>,
    utf16: [usize; 2],
    code_points: [usize; 2],
}

fn as_map<S: serde::Serializer>(pairs: &[(&str, f32)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(pairs.iter().copied())
}
