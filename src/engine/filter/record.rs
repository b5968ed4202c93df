//! The record of a decision: of one size, without the text, the same for the same text and policy.

use std::fmt::Write as _;

use super::{Decision, Filter};
use crate::engine::verdict::{Action, Reason};
use crate::scoring::guard::canonical::CANONICALISER_VERSION;
use crate::scoring::order;

/// Categories that a record has room for: the flagged ones first, then those with the highest scores.
pub const MAX_RECORDED: usize = 8;
/// The bytes of a record in its binary form.
pub const RECORD_BYTES: usize = 640;

/// One category of a record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RecordedCategory {
    /// The category's name, filled up with zeros.
    pub name: [u8; 32],
    /// Its score.
    pub score: f32,
    /// Its threshold.
    pub threshold: f32,
    /// The first bytes of the text that it was found in, and one past the last; 0 and 0 where it was not.
    pub start: u32,
    /// See `start`.
    pub end: u32,
    /// [`Action`] of the category as a number.
    pub action: u32,
    /// 1 if the text is in it.
    pub flagged: u32,
}

impl RecordedCategory {
    const NONE: Self =
        Self { name: [0; 32], score: 0.0, threshold: 0.0, start: 0, end: 0, action: 0, flagged: 0 };

    /// The category's name.
    pub fn name(&self) -> &str {
        text(&self.name)
    }
}

/// The record of one decision.
///
/// Holds no text. Everything but `latency_us` follows from the text, the policy and the pack.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Record {
    /// [`Action`] as a number.
    pub action: u32,
    /// 0 clear, 1 flagged, 2 a score that is no number, 3 failed.
    pub reason: u32,
    /// The error's number on failure, else 0.
    pub code: i32,
    /// The largest score.
    pub risk: f32,
    /// Bytes of the text.
    pub text_bytes: u64,
    /// Windows that a model scored.
    pub windows: u32,
    /// How long it took, in microseconds; 0 where nobody measured.
    pub latency_us: u32,
    /// The version of the canonical form, filled up with zeros.
    pub canonicaliser: [u8; 8],
    /// The language tag, filled up with zeros; empty for unknown.
    pub language: [u8; 16],
    /// sha256 of the policy.
    pub policy_sha256: [u8; 32],
    /// sha256 of the pack's manifest; zeros without a pack.
    pub pack_sha256: [u8; 32],
    /// How many of `categories` are used.
    pub n_categories: u32,
    /// How many categories were flagged, recorded or not.
    pub n_flagged: u32,
    /// The categories; those beyond `n_categories` are zeros.
    pub categories: [RecordedCategory; MAX_RECORDED],
}

impl Record {
    /// The record of a filter's decision.
    pub fn new(filter: &Filter, decision: &Decision, latency_us: u32) -> Self {
        let policy = filter.policy();
        let mut listed: Vec<_> = decision.categories.iter().collect();
        order::sort(&mut listed, |a, b| {
            (b.flagged, b.score).partial_cmp(&(a.flagged, a.score)).unwrap_or(std::cmp::Ordering::Equal)
        });
        let mut categories = [RecordedCategory::NONE; MAX_RECORDED];
        for (slot, found) in categories.iter_mut().zip(&listed) {
            let category = &policy.categories()[found.category];
            let span = decision.spans.iter().find(|s| s.category == found.category);
            let byte = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
            *slot = RecordedCategory {
                name: filled(&category.name),
                score: found.score,
                threshold: found.threshold,
                start: span.map_or(0, |s| byte(s.bytes.start)),
                end: span.map_or(0, |s| byte(s.bytes.end)),
                action: category.action as u32,
                flagged: u32::from(found.flagged),
            };
        }
        let (reason, code) = match decision.reason {
            Reason::Clear => (0, 0),
            Reason::Flagged => (1, 0),
            Reason::InvalidScore => (2, 0),
            Reason::Failed(code) => (3, code as i32),
        };
        Self {
            action: decision.action as u32,
            reason,
            code,
            risk: decision.risk,
            text_bytes: decision.text_bytes as u64,
            windows: u32::try_from(decision.windows).unwrap_or(u32::MAX),
            latency_us,
            canonicaliser: filled(CANONICALISER_VERSION),
            language: filled(decision.language.as_deref().unwrap_or_default()),
            policy_sha256: hash(policy.sha256()),
            pack_sha256: filter.pack().map_or([0; 32], |pack| hash(pack.pack_sha256())),
            n_categories: listed.len().min(MAX_RECORDED) as u32,
            n_flagged: decision.categories.iter().filter(|c| c.flagged).count() as u32,
            categories,
        }
    }

    /// The word of the action.
    pub fn action_name(&self) -> &'static str {
        Action::ALL.get(self.action as usize).map_or("block", |action| action.name())
    }

    /// The word of the reason.
    pub fn reason_name(&self) -> &'static str {
        match self.reason {
            0 => "clear",
            1 => "flagged",
            2 => "invalid_score",
            _ => "failed",
        }
    }

    /// The categories that are used.
    pub fn used(&self) -> &[RecordedCategory] {
        &self.categories[..(self.n_categories as usize).min(MAX_RECORDED)]
    }

    /// The binary form: the fields in their order, little-endian, then zeros.
    pub fn to_bytes(&self) -> [u8; RECORD_BYTES] {
        let mut out = [0; RECORD_BYTES];
        let mut at = 0;
        let mut put = |bytes: &[u8]| {
            out[at..at + bytes.len()].copy_from_slice(bytes);
            at += bytes.len();
        };
        put(&self.action.to_le_bytes());
        put(&self.reason.to_le_bytes());
        put(&self.code.to_le_bytes());
        put(&self.risk.to_le_bytes());
        put(&self.text_bytes.to_le_bytes());
        put(&self.windows.to_le_bytes());
        put(&self.latency_us.to_le_bytes());
        put(&self.canonicaliser);
        put(&self.language);
        put(&self.policy_sha256);
        put(&self.pack_sha256);
        put(&self.n_categories.to_le_bytes());
        put(&self.n_flagged.to_le_bytes());
        for category in &self.categories {
            put(&category.name);
            put(&category.score.to_le_bytes());
            put(&category.threshold.to_le_bytes());
            for number in [category.start, category.end, category.action, category.flagged] {
                put(&number.to_le_bytes());
            }
        }
        out
    }

    /// One JSON object on one line, without a line feed. Names and tags are plain ASCII, so nothing needs escaping.
    pub fn to_json(&self) -> String {
        let mut out = String::with_capacity(512);
        let hex = |bytes: &[u8; 32]| bytes.iter().fold(String::new(), |out, b| out + &format!("{b:02x}"));
        let categories: Vec<String> = self
            .used()
            .iter()
            .map(|c| {
                format!(
                    r#"{{"name":"{}","score":{},"threshold":{},"start":{},"end":{},"action":"{}","flagged":{}}}"#,
                    c.name(),
                    number(c.score),
                    number(c.threshold),
                    c.start,
                    c.end,
                    Action::ALL.get(c.action as usize).map_or("block", |a| a.name()),
                    c.flagged == 1
                )
            })
            .collect();
        // Writing into a string cannot fail.
        let _ = write!(
            out,
            r#"{{"action":"{}","reason":"{}","code":{},"risk":{},"text_bytes":{},"windows":{},"latency_us":{},"#,
            self.action_name(),
            self.reason_name(),
            self.code,
            number(self.risk),
            self.text_bytes,
            self.windows,
            self.latency_us
        );
        let _ = write!(
            out,
            r#""canonicaliser":"{}","language":"{}","policy_sha256":"{}","pack_sha256":"{}","n_flagged":{},"#,
            text(&self.canonicaliser),
            text(&self.language),
            hex(&self.policy_sha256),
            hex(&self.pack_sha256),
            self.n_flagged
        );
        let _ = write!(out, r#""categories":[{}]}}"#, categories.join(","));
        out
    }
}

/// A number as JSON has it; none that is not finite.
fn number(value: f32) -> String {
    if value.is_finite() { value.to_string() } else { "1".to_owned() }
}

fn filled<const N: usize>(text: &str) -> [u8; N] {
    let mut out = [0; N];
    let plain = text.bytes().filter(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\'));
    // One zero stays, so that C reads it as text.
    out.iter_mut().take(N - 1).zip(plain).for_each(|(slot, b)| *slot = b);
    out
}

fn text(bytes: &[u8]) -> &str {
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    str::from_utf8(&bytes[..end]).unwrap_or_default()
}

/// The bytes of a hash in hexadecimal; zeros where it is none.
fn hash(hex: &str) -> [u8; 32] {
    let mut out = [0; 32];
    let digits: Option<Vec<u8>> = hex.bytes().map(|b| char::from(b).to_digit(16).map(|d| d as u8)).collect();
    if let Some(digits) = digits.filter(|d| d.len() == 64) {
        out.iter_mut().zip(digits.chunks_exact(2)).for_each(|(slot, d)| *slot = d[0] << 4 | d[1]);
    }
    out
}
