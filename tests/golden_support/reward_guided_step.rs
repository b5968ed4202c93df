//! `reward_guided_step`: ARGS and Transfer Q*.

use serde_json::{Value, json};
use trueline_core::scoring::decode::guided::{Rewards, candidates, score};
use trueline_core::scoring::score::softmax::softmax;

use super::json::{count, list_to_json, number, numbers};
use super::{Algorithm, Case, Stop, Width};

pub const ALGORITHM: Algorithm = Algorithm::new("reward_guided_step", run);

fn run(case: &Case, _: Width) -> Result<Value, Stop> {
    let logits = numbers(case.input("logits"))?;
    let mut found = Vec::new();
    candidates(&logits, count(case.input("k"))?, &mut found)?;
    let of = |key| -> Result<Vec<f64>, Stop> {
        let all = numbers(case.input(key))?;
        let of = |&token: &u32| all.get(token as usize).copied();
        found.iter().map(of).collect::<Option<_>>().ok_or_else(|| Stop::Unknown("a reward is missing".into()))
    };
    let first = of("reward")?;
    let second = if case.input("variant") == "tq_indirect" { of("reward_target")? } else { Vec::new() };
    let rewards =
        if second.is_empty() { Rewards::Direct(&first) } else { Rewards::Indirect(&first, &second) };
    let mut scores = vec![0.0; found.len()];
    let (best, _) = score(&logits, &found, rewards, number(case.input("w"))?, &mut scores)?;
    let temperature = number(case.input("temperature"))?;
    let tempered: Vec<f64> = scores.iter().map(|score| score / temperature).collect();
    let mut q = vec![0.0; tempered.len()];
    softmax(&tempered, &mut q)?;
    Ok(json!({
        "candidates": found,
        "scores": list_to_json(&scores),
        "greedy_token": found[best],
        "sample_probs": list_to_json(&q),
    }))
}
