//! The methods of `trueline decode` beyond a step on one vector of logits: choices, searches, preferences, copies.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use trueline_core::Error;
use trueline_core::engine::deny::{Bounds, DenyIndex};
use trueline_core::engine::provenance::{Provenance, rank};
use trueline_core::scoring::correct::conversation::Style;
use trueline_core::scoring::decode::best_of::{self, Calibration};
use trueline_core::scoring::decode::blend::Adapter;
use trueline_core::scoring::decode::heal::{DEFAULT_BACKTRACK, Healing, Masks, Vocabulary, mask};
use trueline_core::scoring::decode::search;
use trueline_core::scoring::preference::{self, Answer, Shift};
use trueline_core::scoring::score::entropy::entropy;

use super::{Fields, grow, invalid, write, write_all};

/// Their names.
pub const METHODS: [&str; 15] = [
    "entropy",
    "best",
    "best_of",
    "law",
    "calibrate",
    "panacea",
    "heal",
    "deal",
    "prov",
    "prov_beams",
    "preference",
    "shift",
    "urial",
    "cards",
    "resample",
];

/// What `method` gives; `None` if there is none of that name.
pub fn answer(method: &str, fields: &Fields) -> Option<Result<Value, Error>> {
    Some(match method {
        "entropy" => entropy_of(fields),
        "best" => best(fields),
        "best_of" => closed_forms(fields),
        "law" => law(fields),
        "calibrate" => calibrate(fields),
        "panacea" => panacea(fields),
        "heal" => heal(fields),
        "deal" => deal(fields),
        "prov" => prov(fields),
        "prov_beams" => prov_beams(fields),
        "preference" => preferences(fields),
        "shift" => shift(fields),
        "urial" => urial(fields),
        "cards" => grow::cards(fields),
        "resample" => grow::resample(fields),
        _ => return None,
    })
}

fn entropy_of(fields: &Fields) -> Result<Value, Error> {
    let logits: Vec<f32> = fields.numbers("logits")?.into_iter().map(|x| x as f32).collect();
    Ok(json!({ "entropy": entropy(trueline_core::kernels::Isa::best(), &logits)? }))
}

/// Best-of-n and worst-of-n of `scores`.
fn best(fields: &Fields) -> Result<Value, Error> {
    let scores = fields.numbers("scores")?;
    Ok(json!({ "best": best_of::best(&scores), "worst": best_of::worst(&scores) }))
}

fn closed_forms(fields: &Fields) -> Result<Value, Error> {
    let n = fields.whole("n")?;
    Ok(json!({
        "kl_bound": best_of::kl_bound(n)?,
        "win_rate": best_of::win_rate(n)?,
        "gaussian_bound": best_of::gaussian_bound(n)?,
        "gaussian_mean": best_of::gaussian_expected_max(n)?,
    }))
}

fn law(fields: &Fields) -> Result<Value, Error> {
    let (p, rewards) = (fields.numbers("probabilities")?, fields.numbers("rewards")?);
    let law = best_of::law(&p, &rewards, fields.whole("n")?)?;
    Ok(json!({ "probs": write_all(&law.probabilities), "kl": law.kl, "win_rate": law.win_rate }))
}

/// InfAlign: each of `rewards` as a share of `base`.
fn calibrate(fields: &Fields) -> Result<Value, Error> {
    let base = Calibration::new(fields.numbers("base")?)?;
    let of = |reward: f64| base.of(reward).map(|found| found.middle);
    let shares = fields.numbers("rewards")?.into_iter().map(of).collect::<Result<Vec<_>, _>>()?;
    Ok(json!({ "u": write_all(&shares) }))
}

/// The singular values for `preference`, and `y = U (diag (Vt x))` if there is an `x`.
fn panacea(fields: &Fields) -> Result<Value, Error> {
    let (u, vt) = (fields.numbers("u")?, fields.numbers("vt")?);
    let sigma = if fields.has("sigma") { fields.numbers("sigma")? } else { Vec::new() };
    let adapter = Adapter { u: &u, vt: &vt, sigma: &sigma, scale: fields.number_or("scale", 1.0)? };
    let normalise = fields.has("normalise") && fields.value("normalise")? == &Value::Bool(true);
    let diagonal = adapter.diagonal(&fields.numbers("preference")?, normalise)?;
    let mut found = json!({ "diagonal": write_all(&diagonal) });
    if fields.has("x") {
        let mut y = vec![0.0; u.len() / diagonal.len().max(1)];
        adapter.apply(&diagonal, &fields.numbers("x")?, &mut y)?;
        found["y"] = write_all(&y);
    }
    Ok(found)
}

/// The bytes of each token, from a list of texts.
fn vocabulary(fields: &Fields) -> Result<Vocabulary, Error> {
    Vocabulary::new(texts(fields, "vocabulary")?.into_iter().map(|text| text.as_bytes().to_vec()).collect())
}

fn texts<'a>(fields: &'a Fields, name: &str) -> Result<Vec<&'a str>, Error> {
    let list = fields.value(name)?.as_array().ok_or_else(|| invalid(format!("{name} is not a list")))?;
    let at = |(at, value): (usize, &'a Value)| {
        value.as_str().ok_or_else(|| invalid(format!("{name}: entry {at} is not a text")))
    };
    list.iter().enumerate().map(at).collect()
}

/// Token alignment: `prompt` is taken back by `backtrack` tokens, and greed takes one token for each of `logits_per_step`.
fn heal(fields: &Fields) -> Result<Value, Error> {
    let vocabulary = vocabulary(fields)?;
    let backtrack = fields.size_or("backtrack", DEFAULT_BACKTRACK)?;
    let (mut healing, kept) = Healing::start(&vocabulary, &fields.tokens("prompt")?, backtrack)?;
    let rows = fields.value("logits_per_step")?.as_array();
    let rows = rows.ok_or_else(|| invalid("logits_per_step is not a list"))?;
    let (mut masks, mut tokens) = (Masks::default(), Vec::new());
    for row in rows {
        let row = Fields::of([("logits", row.clone())]).numbers("logits")?;
        let mut logits: Vec<f32> = row.into_iter().map(|x| x as f32).collect();
        if logits.len() != vocabulary.len() {
            let (n, tokens) = (logits.len(), vocabulary.len());
            return Err(invalid(format!("{n} logits; the vocabulary has {tokens} tokens")));
        }
        if !healing.remaining().is_empty() && !mask(masks.of(&healing, &vocabulary), &mut logits) {
            tokens.push(Value::Null);
            break;
        }
        let token = trueline_core::scoring::score::softmax::argmax(&logits)?;
        healing.advance(&vocabulary, token as u32)?;
        tokens.push(json!(token));
    }
    Ok(json!({ "kept": kept, "tokens": tokens, "remaining": healing.remaining().len() }))
}

/// DeAL: beams by `log_probs + alpha * heuristic`, which is given, or comes of `texts` with `keywords` or a `target` of words.
fn deal(fields: &Fields) -> Result<Value, Error> {
    let likely = fields.numbers("log_probs")?;
    let heuristics = if fields.has("heuristics") {
        fields.numbers("heuristics")?
    } else if fields.has("keywords") {
        let keywords = texts(fields, "keywords")?;
        texts(fields, "texts")?.into_iter().map(|text| search::keyword_coverage(text, &keywords)).collect()
    } else {
        let target = fields.size("target")?;
        let fit = |text: &str| search::length_fit(text, target);
        texts(fields, "texts")?.into_iter().map(fit).collect::<Result<_, _>>()?
    };
    let keep = fields.size_or("keep", likely.len())?;
    let mut scores = Vec::new();
    let kept = search::select(&likely, &heuristics, fields.number_or("alpha", 1.0)?, keep, &mut scores)?;
    Ok(json!({ "kept": kept, "scores": write_all(&scores), "heuristics": write_all(&heuristics) }))
}

fn bounds(fields: &Fields) -> Result<(DenyIndex, Bounds), Error> {
    let index = DenyIndex::open(Path::new(fields.text("deny")?))?;
    Ok((index, Bounds { tau: fields.number_or("tau", 20.0)?, min_words: fields.size_or("min_words", 4)? }))
}

/// Prov-Decode: the tokens of `candidates`, or of the whole vocabulary, that would copy the index `deny` after `text`.
fn prov(fields: &Fields) -> Result<Value, Error> {
    let (index, bounds) = bounds(fields)?;
    let vocabulary = Arc::new(vocabulary(fields)?);
    let n = vocabulary.len();
    let mut logits: Vec<f32> = fields.numbers("logits")?.into_iter().map(|x| x as f32).collect();
    let candidates = if fields.has("candidates") {
        fields.tokens("candidates")?
    } else {
        (0..u32::try_from(n).unwrap_or(u32::MAX)).collect()
    };
    let penalty = if fields.has("penalty") { Some(fields.number("penalty")? as f32) } else { None };
    let mut writing = Provenance::new(Arc::new(index), vocabulary, bounds)?;
    writing.start(fields.text("text")?)?;
    let mut risks = Vec::new();
    writing.veto(&candidates, penalty, &mut risks, &mut logits)?;
    let copies = candidates.iter().zip(&risks).filter(|(_, risk)| **risk > bounds.tau);
    let vetoed: Vec<u32> = copies.map(|(token, _)| *token).collect();
    let logits: Vec<f64> = logits.into_iter().map(f64::from).collect();
    Ok(json!({ "vetoed": vetoed, "risks": write_all(&risks), "logits": write_all(&logits) }))
}

/// Prov-Decode's beams: `texts` by `scores`, without those that copy the index `deny`.
fn prov_beams(fields: &Fields) -> Result<Value, Error> {
    let (index, bounds) = bounds(fields)?;
    let found = rank(&index, bounds, &texts(fields, "texts")?, &fields.numbers("scores")?)?;
    Ok(json!({
        "order": found.order, "vetoed": found.vetoed, "all_vetoed": found.all_vetoed, "bci": write_all(&found.max_bci),
    }))
}

/// The margin of `chosen` over `rejected`, each `{"policy", "reference", "len"}`; with lists of numbers, the ranking accuracy.
fn preferences(fields: &Fields) -> Result<Value, Error> {
    if fields.value("chosen")?.is_array() {
        let found = preference::ranking_accuracy(&fields.numbers("chosen")?, &fields.numbers("rejected")?)?;
        return Ok(json!({ "accuracy": found.strict, "accuracy_half_ties": found.half_ties }));
    }
    let of = |name: &str| -> Result<Answer, Error> {
        let Value::Object(map) = fields.value(name)? else {
            return Err(invalid(format!("{name} is neither an object nor a list")));
        };
        let own = Fields::of(map.iter().map(|(key, value)| (key.as_str(), value.clone())));
        let (policy, reference) = (own.number("policy")?, own.number("reference")?);
        Ok(Answer { policy, reference, len: if own.has("len") { own.whole("len")? } else { 1 } })
    };
    let (chosen, rejected, beta) = (of("chosen")?, of("rejected")?, fields.number_or("beta", 0.1)?);
    let plain = preference::dpo(chosen, rejected, beta)?;
    let by_length = preference::length_normalised_dpo(chosen, rejected, beta)?;
    let all = |m: preference::Margin| json!({ "margin": write(m.margin), "loss": write(m.loss), "probability": write(m.probability) });
    Ok(json!({
        "rewards": [chosen.reward(beta), rejected.reward(beta)], "dpo": all(plain), "by_length": all(by_length),
    }))
}

/// BCO's running threshold after `rewards`, from `state` if there is one.
fn shift(fields: &Fields) -> Result<Value, Error> {
    let mut shift = Shift::default();
    if fields.has("state") {
        let &[mean, variance, count] = &fields.numbers("state")?[..] else {
            return Err(invalid("state is not three numbers: mean, variance, count"));
        };
        shift = Shift { mean, variance, count };
    }
    shift.update(&fields.numbers("rewards")?)?;
    Ok(json!({ "state": [shift.mean, shift.variance, shift.count] }))
}

/// A conversation in the markers of a base model.
fn urial(fields: &Fields) -> Result<Value, Error> {
    let style = Style::from_name(fields.text("template")?)?;
    let system = if fields.has("system") { fields.text("system")? } else { "" };
    let text = style.render(system, &texts(fields, "turns")?)?;
    Ok(json!({ "text": text, "stop": style.stop() }))
}
