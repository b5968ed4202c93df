//! The methods of `trueline decode` that make whole answers: CARDS, replayed as far as its streams reach, and alignment
//! resampling.

use serde_json::{Value, json};
use trueline_core::Error;
use trueline_core::scoring::decode::best_of;
use trueline_core::scoring::decode::cards::{Acceptance, Cards, Due, Options, Outcome, Segments};
use trueline_core::scoring::decode::gumbel::{fill, select};

use super::{Fields, invalid, numbers_of, write, write_all};

/// CARDS from its start, on what model, sampler and reward model have given so far. Where a stream ends, `due` says what is
/// asked for next: who runs the models sends the line again with one entry more.
pub fn cards(fields: &Fields) -> Result<Value, Error> {
    let stream = |name: &str| if fields.has(name) { fields.numbers(name) } else { Ok(Vec::new()) };
    let (entropies, by_length) = (stream("entropy_stream")?, stream("entropy_by_context_len")?);
    let mut tokens =
        if fields.has("token_stream") { fields.tokens("token_stream")? } else { Vec::new() }.into_iter();
    let (mut uniforms, mut rewards) =
        (stream("uniform_stream")?.into_iter(), stream("reward_stream")?.into_iter());
    let prompt = fields.size_or("prompt_len", 0)?;
    let options = options(fields)?;
    let Some(of_prompt) = rewards.next() else {
        return Err(invalid("reward_stream is empty; the prompt's reward comes first"));
    };
    let mut cards = Cards::new(options, of_prompt)?;
    let (mut llm_calls, mut rm_calls, mut uniforms_used, mut judged) = (0, 0, 0, Vec::new());
    let due = loop {
        match cards.due() {
            Due::Model => {
                let next = entropies.get(llm_calls);
                let Some(&entropy) = next.or_else(|| by_length.get(prompt + cards.candidate().len())) else {
                    break "model";
                };
                llm_calls += 1;
                cards.entropy(entropy)?;
            }
            Due::Token => match tokens.next() {
                Some(token) => cards.token(token)?,
                None => break "token",
            },
            Due::Reward => {
                let Some(reward) = rewards.next() else { break "reward" };
                let uniform = if cards.needs_uniform() { uniforms.next() } else { None };
                if uniform.is_none() && cards.needs_uniform() {
                    break "uniform";
                }
                rm_calls += 1;
                uniforms_used += usize::from(uniform.is_some());
                let found = cards.reward(reward, uniform)?;
                judged.push(json!({
                    "candidate_len": found.len, "reward": write(reward), "threshold": write(found.threshold),
                    "outcome": match found.outcome {
                        Outcome::Accepted => "accepted",
                        Outcome::Rejected => "rejected",
                        Outcome::Best => "best",
                    },
                }));
            }
            Due::Nothing => break "nothing",
        }
    };
    Ok(json!({
        "due": due, "generated": cards.candidate(), "r0": write(cards.first_threshold()), "candidates": judged,
        "llm_calls": llm_calls, "rm_calls": rm_calls, "uniforms_used": uniforms_used,
    }))
}

fn options(fields: &Fields) -> Result<Options, Error> {
    let usual = Options::default();
    let segments = match if fields.has("segment") { fields.text("segment")? } else { "entropy" } {
        "entropy" => Segments::ByEntropy(fields.number_or("entropy_threshold", 3.0)?),
        "none" => Segments::Whole,
        other => return Err(invalid(format!("segment {other:?}; it is entropy or none"))),
    };
    let acceptance = match if fields.has("option") { fields.text("option")? } else { "soft" } {
        "soft" => Acceptance::Soft,
        "hard" => Acceptance::Hard,
        other => return Err(invalid(format!("option {other:?}; it is soft or hard"))),
    };
    let end = if fields.has("end_token") {
        let id = fields.whole("end_token")?;
        Some(u32::try_from(id).map_err(|_| invalid(format!("end_token is {id}; at most {}", u32::MAX)))?)
    } else {
        None
    };
    Ok(Options {
        segments,
        reward: fields.number_or("reward_threshold", usual.reward)?,
        alpha: fields.number_or("alpha", usual.alpha)?,
        beta: fields.number_or("beta", usual.beta)?,
        max_tokens: fields.size_or("max_new_token", usual.max_tokens)?,
        acceptance,
        end,
        clip: fields.is_set("clip_to_max"),
    })
}

/// Alignment resampling with Gumbel's watermark. With `logits`, the next token of each of `draws` answers, whose number goes
/// behind the `context`; with `rewards`, one an answer, which of them is kept.
pub fn resample(fields: &Fields) -> Result<Value, Error> {
    let mut found = json!({});
    if fields.has("logits") {
        let draws = fields.size("draws")?;
        let (key, temperature) = (fields.whole("key")?, fields.number_or("temperature", 1.0)?);
        // Until they part, all answers have the same logits and the same context.
        let logits = lists(fields, "logits", draws)?;
        let mut tokens = Vec::with_capacity(draws);
        for (draw, logits) in logits.iter().enumerate() {
            let mut context = context(fields, draw, draws)?;
            context.push(draw as u32);
            let mut uniforms = vec![0.0; logits.len()];
            fill(key, &context, &mut uniforms);
            let (mut probabilities, mut keys) = (vec![0.0; logits.len()], vec![0.0; logits.len()]);
            tokens.push(select(logits, temperature, &uniforms, &mut probabilities, &mut keys)?);
        }
        found["tokens"] = json!(tokens);
    } else if !fields.has("rewards") {
        return Err(invalid(
            "neither logits nor rewards; logits of the next token, or rewards of whole answers",
        ));
    }
    if fields.has("rewards") {
        let rewards = fields.numbers("rewards")?;
        let best = best_of::best(&rewards);
        found["best"] = json!(best);
        found["reward"] = best.map_or(Value::Null, |best| write(rewards[best]));
        found["rewards"] = write_all(&rewards);
        found["gain_bound"] = write(best_of::gaussian_bound(rewards.len() as u64)?);
    }
    Ok(found)
}

/// One list for each draw, or one for all of them.
fn lists(fields: &Fields, name: &str, draws: usize) -> Result<Vec<Vec<f64>>, Error> {
    const MOST: usize = 1024;
    if draws == 0 || draws > MOST {
        return Err(invalid(format!("draws is {draws}; 1 to {MOST}")));
    }
    let Some(given) = fields.value(name)?.as_array().filter(|given| given.iter().any(Value::is_array)) else {
        return Ok(vec![fields.numbers(name)?; draws]);
    };
    if given.len() != draws {
        return Err(invalid(format!("{} lists of {name}; {draws}, one for each draw", given.len())));
    }
    given.iter().enumerate().map(|(at, list)| numbers_of(list, &format!("{name}, list {at}"))).collect()
}

fn context(fields: &Fields, draw: usize, draws: usize) -> Result<Vec<u32>, Error> {
    match fields.value("context")?.as_array() {
        Some(given) if given.iter().any(Value::is_array) => {
            if given.len() != draws {
                return Err(invalid(format!("{} lists of context; {draws}, one for each draw", given.len())));
            }
            Fields::of([("context", given[draw].clone())]).tokens("context")
        }
        _ => fields.tokens("context"),
    }
}
