//! `dac`: documents paired by their sentences.

use std::collections::HashMap;

use serde_json::{Value, json};
use trueline_core::scoring::align::documents::{self, UnitPair};

use super::json::{count, list, number};
use super::{Algorithm, Case, Stop, Width};

pub const ALGORITHM: Algorithm = Algorithm {
    tolerance_of: &[
        ("merged_units", "values"),
        ("dac", "values"),
        ("document_pairs", "values"),
        ("threshold_precision_recall_f1", "values"),
    ],
    ..Algorithm::new("dac", run)
};

/// Documents of one language: names by number, numbers by name, sentences of each. Unknown names are numbered after them.
#[derive(Default)]
struct Side {
    names: Vec<String>,
    numbers: HashMap<String, usize>,
    n_units: Vec<usize>,
}

impl Side {
    fn new(counts: &Value) -> Result<Self, Stop> {
        let mut side = Self::default();
        for (name, n) in counts.as_object().ok_or_else(|| Stop::Unknown("no counts".into()))? {
            side.number(name);
            side.n_units.push(count(n)?);
        }
        Ok(side)
    }

    fn number(&mut self, name: &str) -> usize {
        let next = self.names.len();
        let number = *self.numbers.entry(name.to_owned()).or_insert(next);
        if number == next {
            self.names.push(name.to_owned());
        }
        number
    }

    fn unit(&mut self, id: &Value) -> Result<(usize, usize), Stop> {
        let parts = id.as_str().and_then(|id| id.rsplit_once('_'));
        let unit = parts.and_then(|(document, at)| Some((document, at.parse().ok()?)));
        let (document, at) = unit.ok_or_else(|| Stop::Unknown(format!("unit {id}")))?;
        Ok((self.number(document), at))
    }
}

fn run(case: &Case, _: Width) -> Result<Value, Stop> {
    let (mut first, mut second) =
        (Side::new(case.input("units_per_doc_lang1"))?, Side::new(case.input("units_per_doc_lang2"))?);
    let mut pairs = |key: &str| -> Result<Vec<UnitPair>, Stop> {
        let pair = |row: &Value| -> Result<UnitPair, Stop> {
            Ok(UnitPair {
                source: first.unit(&row[0])?,
                target: second.unit(&row[1])?,
                score: number(&row[2])?,
            })
        };
        list(case.input(key))?.iter().map(pair).collect()
    };
    let merged = documents::merge(&pairs("forward_best")?, &pairs("backward_best")?)?;
    let coefficients = documents::coefficients(&merged, &first.n_units, &second.n_units);
    let greedy = documents::greedy(&coefficients);
    let unit = |side: &Side, (document, at): (usize, usize)| format!("{}_{at}", side.names[document]);
    let mut swept = Vec::new();
    for row in list(&case.0["expected"]["threshold_precision_recall_f1"])? {
        let threshold = number(&row[0])?;
        let right = |pair: &documents::DocumentPair| first.names[pair.source] == second.names[pair.target];
        let [p, r, f1] = documents::evaluate(&greedy, threshold, first.n_units.len(), right)?;
        swept.push(json!([threshold, p, r, f1]));
    }
    Ok(json!({
        "merged_units": merged.iter()
            .map(|pair| json!([unit(&first, pair.source), unit(&second, pair.target), pair.score]))
            .collect::<Value>(),
        "dac": coefficients.iter()
            .map(|pair| {
                let (a, b) = (&first.names[pair.source], &second.names[pair.target]);
                json!([a, b, pair.n_pairs, first.n_units[pair.source], second.n_units[pair.target], pair.score])
            })
            .collect::<Value>(),
        "document_pairs": greedy.iter()
            .map(|pair| json!([first.names[pair.source], second.names[pair.target], pair.score]))
            .collect::<Value>(),
        "threshold_precision_recall_f1": swept,
    }))
}
