//! `cards`: segments with a rising bar, on scripted streams.

use serde_json::{Value, json};
use trueline_core::scoring::decode::cards::{Acceptance, Cards, Due, Options, Segments};

use super::json::{count, counts, number, numbers};
use super::{Algorithm, Case, Stop, Width};

pub const ALGORITHM: Algorithm = Algorithm::new("cards", run);

fn run(case: &Case, _: Width) -> Result<Value, Stop> {
    let of = |key| number(case.input(key));
    let acceptance = match case.input("option").as_str() {
        Some("soft") => Acceptance::Soft,
        Some("hard") => Acceptance::Hard,
        other => return Err(Stop::Unknown(format!("option {other:?}"))),
    };
    let options = Options {
        segments: Segments::ByEntropy(of("entropy_threshold")?),
        reward: of("reward_threshold")?,
        alpha: of("alpha")?,
        beta: of("beta")?,
        max_tokens: count(case.input("max_new_token"))?,
        acceptance,
        end: None,
        clip: false,
    };
    let prompt = count(case.input("prompt_len"))?;
    let entropies = numbers(case.input("entropy_by_context_len"))?;
    let mut tokens = counts(case.input("token_stream"))?.into_iter();
    let mut uniforms = numbers(case.input("uniform_stream"))?.into_iter();
    let mut rewards = numbers(case.input("reward_stream"))?.into_iter();
    let short = || Stop::Unknown("a stream is too short".into());
    let mut cards = Cards::new(options, rewards.next().ok_or_else(short)?)?;
    let (mut llm_calls, mut rm_calls, mut uniforms_used, mut judged) = (0, 0, 0, Vec::new());
    loop {
        match cards.due() {
            Due::Model => {
                llm_calls += 1;
                let entropy = entropies.get(prompt + cards.candidate().len());
                cards.entropy(*entropy.ok_or_else(short)?)?;
            }
            Due::Token => cards.token(tokens.next().ok_or_else(short)? as u32)?,
            Due::Reward => {
                rm_calls += 1;
                let uniform = match cards.needs_uniform() {
                    true => Some(uniforms.next().ok_or_else(short)?),
                    false => None,
                };
                uniforms_used += usize::from(uniform.is_some());
                let reward = rewards.next().ok_or_else(short)?;
                let found = cards.reward(reward, uniform)?;
                judged.push(json!({
                    "candidate_len": found.len, "reward": reward, "threshold": found.threshold,
                }));
            }
            Due::Nothing => break,
        }
    }
    Ok(json!({
        "generated": cards.candidate(),
        "llm_calls": llm_calls,
        "rm_calls": rm_calls,
        "r0": cards.first_threshold(),
        "candidates": judged,
        "uniforms_used": uniforms_used,
    }))
}
