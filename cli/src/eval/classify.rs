//! `trueline eval classify`: scores and actions against labels.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::Path;

use serde_json::{Map, Value, json};
use trueline_core::scoring::score::metrics::{Confusion, ranking, recall_at_fpr};

use crate::args::EvalClassifyArgs;
use crate::labelled::{self, Row};
use crate::output::{self, Stop};

/// Fewer harmless or harmful items than this say nothing of a rate.
const LEAST: usize = 1;

/// Scores and labels of one category.
#[derive(Default)]
struct Category {
    scores: Vec<f64>,
    labels: Vec<bool>,
}

/// Scores the output. Pairs with a line that cannot be used are left out and counted.
pub fn run(args: &EvalClassifyArgs) -> Result<u8, Stop> {
    let (gold, bad_gold) = open(&args.gold)?;
    let (found, bad_found) = open(&args.output)?;
    if gold.len() != found.len() {
        let (g, o) = (args.gold.display(), args.output.display());
        return Err(Stop::Failed(format!("{g} has {} lines and {o} has {}", gold.len(), found.len())));
    }
    let mut status = if bad_gold + bad_found == 0 { output::DONE } else { output::FAILED };
    let mut categories: BTreeMap<String, Category> = BTreeMap::new();
    let mut languages: BTreeMap<String, Confusion> = BTreeMap::new();
    let mut used = 0;
    for (number, pair) in gold.iter().zip(&found).enumerate() {
        let (Some(gold), Some(found)) = pair else { continue };
        if let (Some(a), Some(b)) = (&gold.id, &found.id)
            && a != b
        {
            output::complain(&format!("line {}: gold has id {a} and the output {b}", number + 1));
            status = output::FAILED;
            continue;
        }
        used += 1;
        for name in names(gold, found) {
            let label = if name.is_empty() { gold.label.any() } else { gold.label.of(name) };
            if let (Some(label), Some(score)) = (label, found.scores.get(name)) {
                let category = categories.entry(name.to_owned()).or_default();
                category.labels.push(label);
                category.scores.push(*score);
            }
        }
        if let (Some(label), Some(flagged)) = (gold.label.any(), found.flagged) {
            for language in ["", &gold.language] {
                languages.entry(language.to_owned()).or_default().add(label, flagged);
            }
        }
    }
    if categories.is_empty() && languages.is_empty() {
        return Err(Stop::Failed(format!("no pair of lines has a label and a score or action: {used} read")));
    }
    let mut rows: Vec<Value> = categories.iter().map(|(name, c)| of_scores(name, c)).collect();
    rows.extend(languages.iter().map(|(language, c)| of_actions(language, c)));
    write(&rows, args.jsonl)?;
    Ok(status)
}

fn open(path: &Path) -> Result<(Vec<Option<Row>>, usize), Stop> {
    let name = path.display().to_string();
    let file = File::open(path).map_err(|e| Stop::Usage(format!("{name}: {e}")))?;
    labelled::read(BufReader::new(file), &name)
}

/// The categories that a pair is scored for: all of the output's, where the label tells categories apart.
fn names<'a>(gold: &Row, found: &'a Row) -> BTreeSet<&'a str> {
    let one = matches!(gold.label, labelled::Label::One(_));
    found.scores.keys().map(String::as_str).filter(|name| name.is_empty() || !one).collect()
}

fn of_scores(name: &str, category: &Category) -> Value {
    let Category { scores, labels } = category;
    let mut row = Map::new();
    row.insert("category".into(), json!(if name.is_empty() { "(any)" } else { name }));
    row.insert("n".into(), json!(labels.len()));
    row.insert("harmful".into(), json!(labels.iter().filter(|l| **l).count()));
    // Without both kinds of items there is no curve.
    let ranked = ranking(scores, labels).ok();
    row.insert("auroc".into(), json!(ranked.map(|r| r.auroc)));
    row.insert("auprc".into(), json!(ranked.map(|r| r.auprc)));
    for (name, rate) in [("recall_at_fpr_0.01", 0.01), ("recall_at_fpr_0.001", 0.001)] {
        row.insert(name.into(), json!(recall_at_fpr(scores, labels, rate).ok()));
    }
    Value::Object(row)
}

fn of_actions(language: &str, c: &Confusion) -> Value {
    json!({
        "language": if language.is_empty() { "(all)" } else { language },
        "n": c.positives() + c.negatives(), "harmful": c.positives(),
        "precision": c.precision(), "recall": c.recall(),
        "false_positive_rate": c.false_positive_rate(LEAST), "miss_rate": c.miss_rate(LEAST),
    })
}

/// Writes rows as JSON lines, or as tables of those with the same columns.
pub fn write(rows: &[Value], jsonl: bool) -> Result<(), Stop> {
    let mut out = io::stdout().lock();
    if jsonl {
        return output::Form::Jsonl.write(&mut out, rows);
    }
    let columns =
        |row: &Value| row.as_object().map(|r| r.keys().cloned().collect::<Vec<_>>()).unwrap_or_default();
    for (at, rows) in rows.chunk_by(|a, b| columns(a) == columns(b)).enumerate() {
        if at > 0 {
            writeln!(out)?;
        }
        let names = columns(&rows[0]);
        let header: Vec<&str> = names.iter().map(String::as_str).collect();
        let cell = |value: &Value| match value {
            Value::String(text) => text.clone(),
            Value::Null => "-".to_owned(),
            Value::Number(n) if n.is_f64() => format!("{:.4}", n.as_f64().unwrap_or_default()),
            other => other.to_string(),
        };
        let cells: Vec<Vec<String>> =
            rows.iter().map(|row| names.iter().map(|name| cell(&row[name])).collect()).collect();
        let texts = |column: usize| rows.iter().any(|row| row[&names[column]].is_string());
        let right: Vec<usize> = (0..names.len()).filter(|column| !texts(*column)).collect();
        output::table(&mut out, &header, &cells, &right)?;
    }
    Ok(out.flush()?)
}
