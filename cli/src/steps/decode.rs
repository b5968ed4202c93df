//! `trueline decode`: one step of a decoding method on the logits given.

use serde_json::{Value, json};
use trueline_core::Error;
use trueline_core::kernels::Isa;
use trueline_core::scoring::decode::blend::interpolate;
use trueline_core::scoring::decode::green::Scratch;
use trueline_core::scoring::decode::guided::{Rewards, candidates, score};
use trueline_core::scoring::decode::gumbel::{select, uniform};
use trueline_core::scoring::decode::realign::realign_probabilities;
use trueline_core::scoring::score::softmax::softmax;

use super::more;
use super::watermark::watermark;
use super::{Fields, invalid, write_all};

/// The step that `method` names.
pub fn answer(fields: &Fields) -> Result<Value, Error> {
    match fields.text("method")? {
        "dera" => dera(fields),
        "clm" => clm(fields),
        "args" | "tq_direct" => guided(fields, false),
        "tq_indirect" => guided(fields, true),
        "kgw" => kgw(fields),
        "gumbel" => gumbel(fields),
        method => match more::answer(method, fields) {
            Some(answer) => answer,
            None => Err(invalid(format!(
                "method {method:?}; it is dera, clm, args, tq_direct, tq_indirect, kgw, gumbel, {}",
                more::METHODS.join(", ")
            ))),
        },
    }
}

fn dera(fields: &Fields) -> Result<Value, Error> {
    let (reference, aligned) = (fields.numbers("reference_logits")?, fields.numbers("aligned_logits")?);
    let (mut logits, mut probabilities) = (vec![0.0; reference.len()], vec![0.0; reference.len()]);
    let lambda = fields.number("lambda")?;
    let token = realign_probabilities(&reference, &aligned, lambda, &mut logits, &mut probabilities)?;
    Ok(json!({ "token": token, "logits": write_all(&logits), "probs": write_all(&probabilities) }))
}

fn clm(fields: &Fields) -> Result<Value, Error> {
    let (unaligned, aligned) = (fields.numbers("unaligned_logits")?, fields.numbers("aligned_logits")?);
    let mut logits = vec![0.0; unaligned.len()];
    interpolate(&unaligned, &aligned, fields.number("lambda")?, &mut logits)?;
    Ok(json!({ "logits": write_all(&logits) }))
}

fn guided(fields: &Fields, indirect: bool) -> Result<Value, Error> {
    let logits = fields.numbers("logits")?;
    let k = usize::try_from(fields.whole("k")?).map_err(|_| invalid("k is too large"))?;
    let mut tokens = Vec::new();
    candidates(&logits, k, &mut tokens)?;
    // Rewards are given for every token of the vocabulary, or for the candidates in the order of their logits.
    let of = |name: &str| -> Result<Vec<f64>, Error> {
        let given = fields.numbers(name)?;
        if given.len() == logits.len() {
            return Ok(tokens.iter().map(|token| given[*token as usize]).collect());
        }
        if given.len() == tokens.len() {
            return Ok(given);
        }
        let (n, n_tokens, n_vocab) = (given.len(), tokens.len(), logits.len());
        Err(invalid(format!(
            "{n} numbers of {name}; {n_vocab}, one for each token, or {n_tokens}, one for each candidate"
        )))
    };
    let first = of("reward")?;
    let second = if indirect { of("reward_target")? } else { Vec::new() };
    let rewards = if indirect { Rewards::Indirect(&first, &second) } else { Rewards::Direct(&first) };
    let mut scores = vec![0.0; tokens.len()];
    let (best, _) = score(&logits, &tokens, rewards, fields.number("w")?, &mut scores)?;
    let temperature = fields.number_or("temperature", 1.0)?;
    if !(temperature.is_finite() && temperature > 0.0) {
        return Err(invalid(format!("temperature {temperature}; a finite number above 0")));
    }
    let tempered: Vec<f64> = scores.iter().map(|score| score / temperature).collect();
    let mut probabilities = vec![0.0; tempered.len()];
    softmax(&tempered, &mut probabilities)?;
    Ok(json!({
        "token": tokens[best],
        "candidates": tokens,
        "scores": write_all(&scores),
        "probs": write_all(&probabilities),
    }))
}

fn kgw(fields: &Fields) -> Result<Value, Error> {
    let mut logits = fields.numbers("logits")?;
    let mark = watermark(fields, Some(logits.len()))?;
    mark.bias(
        &fields.tokens("tokens")?,
        fields.number("delta")?,
        &mut Scratch::new(Isa::best()),
        &mut logits,
    )?;
    Ok(json!({ "logits": write_all(&logits) }))
}

fn gumbel(fields: &Fields) -> Result<Value, Error> {
    let logits = fields.numbers("logits")?;
    let uniforms = if fields.has("uniforms") {
        fields.numbers("uniforms")?
    } else {
        let (key, context) = (fields.whole("key")?, fields.tokens("context")?);
        (0..logits.len()).map(|token| uniform(key, &context, token as u32)).collect()
    };
    let (mut probabilities, mut keys) = (vec![0.0; logits.len()], vec![0.0; logits.len()]);
    let temperature = fields.number_or("temperature", 1.0)?;
    let token = select(&logits, temperature, &uniforms, &mut probabilities, &mut keys)?;
    Ok(json!({ "token": token, "scores": write_all(&keys), "probs": write_all(&probabilities) }))
}
