//! `deal_search`: one step of look-ahead search.

use serde_json::{Value, json};
use trueline_core::scoring::decode::search::{keyword_coverage, length_fit, select};

use super::json::{count, list, list_to_json, number, texts};
use super::{Algorithm, Case, Stop, Width};

pub const ALGORITHM: Algorithm = Algorithm::new("deal_search", run);

fn run(case: &Case, _: Width) -> Result<Value, Stop> {
    let candidates = list(case.input("candidates"))?;
    let keywords = texts(case.input("keywords"))?;
    let target = count(case.input("target_words"))?;
    let (mut heuristics, mut likely) = (Vec::new(), Vec::new());
    for candidate in candidates {
        let text = candidate["text"].as_str().ok_or_else(|| Stop::Unknown("no text".into()))?;
        heuristics.push(match case.input("mode").as_str() {
            Some("keyword") => keyword_coverage(text, &keywords),
            Some("length") => length_fit(text, target)?,
            other => return Err(Stop::Unknown(format!("mode {other:?}"))),
        });
        likely.push(number(&candidate["logprob"])?);
    }
    let mut scores = Vec::new();
    let (alpha, keep) = (number(case.input("alpha"))?, count(case.input("keep"))?);
    let kept = select(&likely, &heuristics, alpha, keep, &mut scores)?;
    Ok(json!({ "heuristic": list_to_json(&heuristics), "scores": list_to_json(&scores), "kept": kept }))
}
