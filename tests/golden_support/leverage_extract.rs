//! `leverage_extract`: links from scores of any kind, by four rules.

use serde_json::{Map, Value, json};
use trueline_core::scoring::align::Matrix;
use trueline_core::scoring::align::rules::{Rule, extract};

use super::json::{links_to_json, rows};
use super::{Algorithm, Case, Stop, Width};

pub const ALGORITHM: Algorithm = Algorithm::new("leverage_extract", run);

fn run(case: &Case, _: Width) -> Result<Value, Stop> {
    let (scores, n_source, n_target) = rows(case.input("scores"))?;
    let matrix = Matrix::new(&scores, n_source, n_target)?;
    let mut found = Map::new();
    let wanted = case.0["expected"]["links"].as_object().ok_or_else(|| Stop::Unknown("no links".into()))?;
    for name in wanted.keys() {
        let (rule, value) = name.split_once('@').unwrap_or((name, "0"));
        let value: f64 = value.parse().map_err(|e| Stop::Unknown(format!("{name}: {e}")))?;
        let rule = match rule {
            "A1" => Rule::Best,
            "A2" => Rule::AtLeast(value),
            "A3" => Rule::ShareOfSource(value),
            "A4" => Rule::ShareOfTarget(value),
            _ => return Err(Stop::Unknown(format!("rule {name}"))),
        };
        let mut links = Vec::new();
        extract(matrix, rule, &mut links)?;
        found.insert(name.clone(), links_to_json(&links));
    }
    Ok(json!({ "links": found }))
}
