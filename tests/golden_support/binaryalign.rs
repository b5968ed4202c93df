//! `binaryalign`: links from a classifier that is run once for each word.

use serde_json::{Map, Value, json};
use trueline_core::scoring::align::binary::{Combination, Runs, WordScore, binary_align};

use super::json::{links_to_json, list, rows};
use super::{Algorithm, Case, Stop, Width};

pub const ALGORITHM: Algorithm = Algorithm::new("binaryalign", run);

fn run(case: &Case, _: Width) -> Result<Value, Stop> {
    let (forward, n_source, _) = rows(case.input("logits_src_to_tgt"))?;
    let (reverse, n_target, _) = rows(case.input("logits_tgt_to_src"))?;
    let words = |key| -> Result<Vec<Option<usize>>, Stop> {
        let word = |value: &Value| value.as_i64().and_then(|word| usize::try_from(word).ok());
        Ok(list(case.input(key))?.iter().map(word).collect())
    };
    let (of_target, of_source) = (words("token_to_word_tgt")?, words("token_to_word_src")?);
    let runs =
        [Runs { logits: &forward, word_of: &of_target }, Runs { logits: &reverse, word_of: &of_source }];
    let mut found = Map::new();
    let wanted = case.0["expected"]["links"].as_object().ok_or_else(|| Stop::Unknown("no links".into()))?;
    for name in wanted.keys() {
        let unknown = || Stop::Unknown(format!("rule {name}"));
        let (rule, threshold) = name.split_once('@').ok_or_else(unknown)?;
        let (score, combination) = rule.split_once('/').ok_or_else(unknown)?;
        let score = match score {
            "max" => WordScore::Max,
            "mean" => WordScore::Mean,
            "min" => WordScore::Min,
            "first" => WordScore::First,
            "last" => WordScore::Last,
            _ => return Err(unknown()),
        };
        let combination = match combination {
            "avg" => Combination::Average,
            "union" => Combination::Union,
            "intersection" => Combination::Intersection,
            "bidi_avg" => Combination::AverageOfLinked,
            _ => return Err(unknown()),
        };
        let threshold = threshold.parse().map_err(|_| unknown())?;
        let mut links = Vec::new();
        binary_align(runs, [n_source, n_target], score, combination, threshold, &mut links)?;
        found.insert(name.clone(), links_to_json(&links));
    }
    Ok(json!({ "links": found }))
}
