//! How a verdict is written: a JSON object, or a line for a person.

use serde::ser::{Serialize, SerializeMap, Serializer};
use trueline_core::engine::{Action, CategoryScore, Verdict};
use trueline_core::model::manifest::Label;
use trueline_core::{Code, Error};

/// The line that answers a text.
pub struct Answer {
    /// The line, with its line feed.
    pub line: Vec<u8>,
    /// Whether there is no verdict.
    pub failed: bool,
    /// A line for the audit log.
    pub audit: Option<Vec<u8>>,
}

#[derive(serde::Serialize)]
struct Good<'a> {
    action: &'static str,
    risk: f32,
    categories: Categories<'a>,
    spans: Vec<Span<'a>>,
    reason: &'static str,
    language: &'a str,
}

#[derive(serde::Serialize)]
struct Span<'a> {
    start: usize,
    end: usize,
    category: &'a str,
    score: f32,
}

#[derive(serde::Serialize)]
struct Bad<'a> {
    error: Fault<'a>,
}

#[derive(serde::Serialize)]
struct Fault<'a> {
    code: &'static str,
    message: &'a str,
}

/// `{name: score}` in the manifest's order.
struct Categories<'a>(&'a [CategoryScore], &'a [Label]);

impl Serialize for Categories<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for category in self.0 {
            map.serialize_entry(name(self.1, category.label), &category.score)?;
        }
        map.end()
    }
}

impl Answer {
    /// The answer for a program. `id` is JSON, as the program wrote it.
    pub fn json(id: Option<&str>, result: &Result<(Verdict, String), Error>, labels: &[Label]) -> Self {
        let body = match result {
            Ok((verdict, language)) => serde_json::to_vec(&good(verdict, language, labels)),
            Err(e) => serde_json::to_vec(&Bad { error: Fault { code: e.code.name(), message: &e.message } }),
        };
        // Strings and finite numbers can always be written; and if not, there is no verdict.
        let failed = result.is_err() || body.is_err();
        let body = body.unwrap_or_else(|_| br#"{"error":{"code":"INTERNAL","message":""}}"#.to_vec());
        Self { failed, ..Self::of(id, body) }
    }

    /// The answer with this object, which is not empty, after the `id`.
    pub fn of(id: Option<&str>, body: Vec<u8>) -> Self {
        let mut line = Vec::with_capacity(body.len() + id.map_or(0, str::len) + 8);
        line.push(b'{');
        if let Some(id) = id {
            line.extend_from_slice(b"\"id\":");
            line.extend_from_slice(id.as_bytes());
            line.push(b',');
        }
        line.extend_from_slice(&body[1..]);
        line.push(b'\n');
        Self { line, failed: false, audit: None }
    }

    /// The answer for a person: number, action, risk, flagged categories, reason. The text itself is not repeated.
    pub fn person(number: usize, result: &Result<Verdict, Error>, labels: &[Label], colour: bool) -> Self {
        let line = match result {
            Ok(verdict) => {
                let flagged: Vec<String> = verdict
                    .categories
                    .iter()
                    .filter(|c| c.flagged)
                    .map(|c| format!("{} {:.3}", name(labels, c.label), c.score))
                    .collect();
                let flagged = if flagged.is_empty() { "-".to_owned() } else { flagged.join(", ") };
                let action = paint(verdict.action, colour);
                format!("{number:>4}  {action}  {:.3}  {flagged}  {}\n", verdict.risk, verdict.reason.name())
            }
            Err(e) => {
                let message = crate::output::printable(&e.message);
                format!("{number:>4}  {:<7}  1.000  -  {}: {message}\n", "error", e.code.name())
            }
        };
        Self { line: line.into_bytes(), failed: result.is_err(), audit: None }
    }

    /// The answer for a text whose judge is gone.
    pub fn lost(number: usize, jsonl: bool) -> Self {
        let error = Error::new(Code::Internal, "internal error (a thread ended); please report");
        if jsonl { Self::json(None, &Err(error), &[]) } else { Self::person(number, &Err(error), &[], false) }
    }
}

fn good<'a>(verdict: &'a Verdict, language: &'a str, labels: &'a [Label]) -> Good<'a> {
    let span = |s: &trueline_core::engine::Span| Span {
        start: s.start,
        end: s.end,
        category: name(labels, s.label),
        score: s.score,
    };
    Good {
        action: verdict.action.name(),
        risk: verdict.risk,
        categories: Categories(&verdict.categories, labels),
        spans: verdict.spans.iter().map(span).collect(),
        reason: verdict.reason.name(),
        language,
    }
}

/// The name of a label.
fn name(labels: &[Label], label: usize) -> &str {
    labels.get(label).map_or("?", |l| l.name.as_str())
}

/// The action's word, as wide as the widest one, in the colour that people expect.
pub fn paint(action: Action, colour: bool) -> String {
    let word = format!("{:<7}", action.name());
    if !colour {
        return word;
    }
    let code = match action {
        Action::Allow => 32,
        Action::Block => 31,
        Action::Review | Action::Correct | Action::Redact => 33,
    };
    format!("\x1b[{code}m{word}\x1b[0m")
}
