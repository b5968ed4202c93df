//! Lines with labels, scores or both: what calibration, audits and evaluation read.

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead;

use serde_json::Value;
use trueline_core::Error;
use trueline_core::engine::{GuardOptions, Session};

use crate::guard::lines::Lines;
use crate::output::{self, Stop};
use crate::steps::{Fields, invalid};

/// The longest line that is read.
const MOST: usize = 64 << 20;

/// What a line says of the categories of its text.
#[derive(Clone, Debug, PartialEq)]
pub enum Label {
    /// Nothing.
    None,
    /// Harmful or not, whatever the category.
    One(bool),
    /// The categories that it is in; it is in no other.
    Names(BTreeSet<String>),
    /// The categories that are known, and whether it is in each.
    Each(BTreeMap<String, bool>),
}

impl Label {
    /// Whether the text is in a category, if that is known.
    pub fn of(&self, category: &str) -> Option<bool> {
        match self {
            Self::None => None,
            Self::One(harmful) => Some(*harmful),
            Self::Names(names) => Some(names.contains(category)),
            Self::Each(each) => each.get(category).copied(),
        }
    }

    /// Whether it is harmful at all, if that is known.
    pub fn any(&self) -> Option<bool> {
        match self {
            Self::None => None,
            Self::One(harmful) => Some(*harmful),
            Self::Names(names) => Some(!names.is_empty()),
            Self::Each(each) => Some(each.values().any(|harmful| *harmful)),
        }
    }
}

/// One line.
#[derive(Debug)]
pub struct Row {
    /// Copied through, to tell rows apart.
    pub id: Option<Value>,
    /// The text, if there is one.
    pub text: Option<String>,
    /// Its language; `und` if the line does not say.
    pub language: String,
    /// What it is.
    pub label: Label,
    /// Scores by category; the largest of all, or the only one, under the empty name.
    pub scores: BTreeMap<String, f64>,
    /// Whether a filter would not let it pass, if the line says so.
    pub flagged: Option<bool>,
}

/// The rows of some lines. Those that cannot be used are said on standard error, counted, and `None`.
pub fn read(input: impl BufRead, what: &str) -> Result<(Vec<Option<Row>>, usize), Stop> {
    let mut lines = Lines::new(input, MOST, true);
    let (mut rows, mut failed) = (Vec::new(), 0);
    while let Some(line) = lines.next().map_err(|e| Stop::Failed(format!("{what}: {e}")))? {
        let row = Fields::parse(&line).and_then(|fields| row(&fields));
        let row = row.inspect_err(|error| {
            failed += 1;
            output::complain(&format!("{what}: line {}: {}", rows.len() + 1, error.message));
        });
        rows.push(row.ok());
    }
    Ok((rows, failed))
}

fn row(fields: &Fields) -> Result<Row, Error> {
    if let Ok(error) = fields.value("error") {
        return Err(invalid(format!("it holds an error and no answer: {error}")));
    }
    let text = if fields.has("text") { Some(fields.text("text")?.to_owned()) } else { None };
    let language = if fields.has("language") { fields.text("language")? } else { "und" };
    let mut scores = BTreeMap::new();
    if let Ok(Value::Object(categories)) = fields.value("categories") {
        for (name, score) in categories {
            let score = score.as_f64().filter(|s| s.is_finite());
            let score = score.ok_or_else(|| invalid(format!("the score of {name} is not a number")))?;
            scores.insert(name.clone(), score);
        }
    }
    for name in ["score", "risk"] {
        if fields.has(name) {
            scores.insert(String::new(), fields.number(name)?);
        }
    }
    if let (None, Some(most)) = (scores.get(""), scores.values().copied().reduce(f64::max)) {
        scores.insert(String::new(), most);
    }
    if scores.values().any(|score| !score.is_finite()) {
        return Err(invalid("a score is not finite"));
    }
    let flagged = if fields.has("action") { Some(fields.text("action")? != "allow") } else { None };
    Ok(Row {
        id: fields.value("id").ok().cloned(),
        text,
        language: language.to_owned(),
        label: label(fields)?,
        scores,
        flagged,
    })
}

fn label(fields: &Fields) -> Result<Label, Error> {
    if !fields.has("label") {
        return Ok(Label::None);
    }
    let value = fields.value("label")?;
    let yes = |value: &Value| value.as_bool().or(value.as_u64().filter(|n| *n < 2).map(|n| n == 1));
    let wrong = || {
        invalid("label is neither true, false, 1, 0, a category, a list of categories, nor an object of them")
    };
    match value {
        Value::String(name) => Ok(Label::Names([name.clone()].into())),
        Value::Array(names) => {
            let name = |v: &Value| v.as_str().map(str::to_owned).ok_or_else(wrong);
            Ok(Label::Names(names.iter().map(name).collect::<Result<_, _>>()?))
        }
        Value::Object(each) => {
            let one = |(name, v): (&String, &Value)| Ok((name.clone(), yes(v).ok_or_else(wrong)?));
            Ok(Label::Each(each.iter().map(one).collect::<Result<_, Error>>()?))
        }
        value => Ok(Label::One(yes(value).ok_or_else(wrong)?)),
    }
}

/// The calibrated score of each of the pack's labels for a text, and the largest under the empty name.
pub fn scores(session: &mut Session, text: &str) -> Result<BTreeMap<String, f64>, Error> {
    let verdict = session.guard(text.as_bytes(), &GuardOptions::default())?;
    let labels = &session.pack().manifest().labels;
    let mut scores: BTreeMap<String, f64> =
        verdict.categories.iter().map(|c| (labels[c.label].name.clone(), f64::from(c.score))).collect();
    scores.insert(String::new(), f64::from(verdict.risk));
    Ok(scores)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> (Vec<Option<Row>>, usize) {
        read(text.as_bytes(), "test").expect("bytes can be read")
    }

    #[test]
    fn labels_have_five_forms() {
        let (rows, failed) = rows(
            "{\"label\":true}\n{\"label\":0}\n{\"label\":\"a\"}\n{\"label\":[\"a\",\"b\"]}\n{\"label\":{\"a\":1,\"b\":false}}\n{}\n",
        );
        let of = |row: usize, name: &str| rows[row].as_ref().unwrap().label.of(name);
        assert_eq!(failed, 0);
        assert_eq!(
            (of(0, "a"), of(1, "a"), of(2, "a"), of(2, "b")),
            (Some(true), Some(false), Some(true), Some(false))
        );
        assert_eq!((of(3, "b"), of(3, "c")), (Some(true), Some(false)));
        assert_eq!((of(4, "a"), of(4, "b"), of(4, "c"), of(5, "a")), (Some(true), Some(false), None, None));
    }

    #[test]
    fn scores_are_found_where_guard_writes_them() {
        let (rows, failed) = rows(
            "{\"score\":0.5}\n{\"risk\":0.7,\"categories\":{\"a\":0.7,\"b\":0.1},\"action\":\"block\"}\n{\"categories\":{\"a\":0.2}}\n",
        );
        let of = |row: usize, name: &str| rows[row].as_ref().unwrap().scores.get(name).copied();
        assert_eq!(
            (failed, of(0, ""), of(1, ""), of(1, "b"), of(2, "")),
            (0, Some(0.5), Some(0.7), Some(0.1), Some(0.2))
        );
        assert_eq!(rows[1].as_ref().unwrap().flagged, Some(true));
    }

    #[test]
    fn lines_that_cannot_be_used_keep_their_place() {
        let (rows, failed) = rows(
            "no json\n{\"label\":2}\n{\"score\":\"nan\"}\n{\"error\":{}}\n{\"categories\":{\"a\":\"x\"}}\n{\"score\":1}\n",
        );
        assert_eq!((rows.len(), failed), (6, 5));
        assert!(rows[5].is_some());
    }
}
