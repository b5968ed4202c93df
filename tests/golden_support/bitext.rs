//! Bitexts of golden cases, and tables of their words.

use std::collections::HashMap;

use serde_json::{Value, json};
use trueline_core::scoring::align::statistical::{Corpus, Table};

use super::json::{list, texts};
use super::{Case, Stop};

/// A case's sentences as word ids, in the direction of the model.
pub struct Bitext {
    pub corpus: Corpus,
    ids: [HashMap<String, u32>; 2],
}

impl Bitext {
    pub fn new(case: &Case, reversed: bool) -> Result<Self, Stop> {
        let mut sides = [texts(case.input("source"))?, texts(case.input("target"))?];
        if reversed {
            sides.reverse();
        }
        let mut ids = [HashMap::new(), HashMap::new()];
        let mut corpus = Corpus::default();
        let [source, target] = &sides;
        for (source, target) in source.iter().zip(target) {
            let mut words = |side: usize, text: &str| -> Vec<u32> {
                let ids: &mut HashMap<String, u32> = &mut ids[side];
                text.split_whitespace()
                    .map(|word| {
                        let next = ids.len() as u32;
                        *ids.entry(word.to_owned()).or_insert(next)
                    })
                    .collect()
            };
            let (source, target) = (words(0, source), words(1, target));
            corpus.push(&source, &target)?;
        }
        Ok(Self { corpus, ids })
    }

    /// The rows that a file lists, with the table's values.
    pub fn listed(&self, rows: &Value, table: &Table, of: fn(f64) -> f64) -> Result<Value, Stop> {
        let row = |row: &Value| -> Result<Value, Stop> {
            let (source, target) = (row[0].as_str().unwrap_or_default(), row[1].as_str().unwrap_or_default());
            let source = match source {
                "NULL" | "<eps>" => None,
                word => Some(
                    self.ids[0].get(word).copied().ok_or_else(|| Stop::Unknown(format!("word {word}")))?,
                ),
            };
            let word = self.ids[1].get(target).ok_or_else(|| Stop::Unknown(format!("word {target}")))?;
            let value =
                table.get(source, *word).ok_or_else(|| Stop::Unknown(format!("no cell for {row}")))?;
            Ok(json!([row[0], row[1], of(value)]))
        };
        list(rows)?.iter().map(row).collect()
    }
}
