//! `watermark_gumbel`: the choice, its detection, and the numbers behind both.

use serde_json::{Value, json};
use trueline_core::scoring::decode::gumbel::{detect, select, uniform};

use super::json::{count, counts, list_to_json, number, numbers};
use super::{Algorithm, Case, Stop, Width};

pub const ALGORITHM: Algorithm = Algorithm::new("watermark_gumbel", run);

fn run(case: &Case, _: Width) -> Result<Value, Stop> {
    match case.op() {
        "select" => {
            let logits = numbers(case.input("logits"))?;
            let uniforms = numbers(case.input("uniforms"))?;
            let temperature = number(case.input("temperature"))?;
            let (mut p, mut keys) = (vec![0.0; logits.len()], vec![0.0; logits.len()]);
            let token = select(&logits, temperature, &uniforms, &mut p, &mut keys)?;
            Ok(json!({ "token": token, "probs": list_to_json(&p), "keys": list_to_json(&keys) }))
        }
        "detect" => {
            let found = detect(&numbers(case.input("uniforms_of_emitted"))?)?;
            Ok(json!({ "statistic": found.statistic, "z": found.z, "p": found.p }))
        }
        "engine_prf" => {
            let key = case.input("key").as_str().and_then(|key| key.parse().ok());
            let key = key.ok_or_else(|| Stop::Unknown("no key".into()))?;
            let context: Vec<u32> = counts(case.input("context"))?.iter().map(|&t| t as u32).collect();
            Ok(json!({ "uniform": uniform(key, &context, count(case.input("token"))? as u32) }))
        }
        _ => Err(case.unknown_op()),
    }
}
