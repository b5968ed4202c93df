//! `trueline watermark detect`: how much a text shows of a watermark.

use serde_json::{Value, json};
use trueline_core::Error;
use trueline_core::kernels::Isa;
use trueline_core::scoring::decode::green::{DEFAULT_KEY, Scheme, Scratch, Watermark};
use trueline_core::scoring::decode::gumbel;

use super::{Fields, invalid, write};

/// The watermark that the fields describe: `scheme`, `key` (or `hash_key`), `gamma` (a quarter), `vocab_size`.
pub fn watermark(fields: &Fields, n_vocab: Option<usize>) -> Result<Watermark, Error> {
    let scheme = if fields.has("scheme") { fields.text("scheme")? } else { "simple_1" };
    let scheme = match scheme {
        "simple_1" => Scheme::Simple,
        "minhash" => Scheme::MinHash,
        "selfhash" => Scheme::SelfHash,
        other => {
            return Err(invalid(format!("scheme {other:?}; it is simple_1, minhash, selfhash or gumbel")));
        }
    };
    let key = match ["key", "hash_key"].into_iter().find(|name| fields.has(name)) {
        Some(name) => fields.whole(name)?,
        None => DEFAULT_KEY,
    };
    let n_vocab = match n_vocab {
        Some(n) => n,
        None => {
            usize::try_from(fields.whole("vocab_size")?).map_err(|_| invalid("vocab_size is too large"))?
        }
    };
    Ok(Watermark { n_vocab, gamma: fields.number_or("gamma", 0.25)?, key, scheme })
}

/// Judges `tokens`. With the scheme `gumbel`, whose numbers come from `key` and the `width` tokens before each (1); with
/// `draws`, of which the best was kept.
pub fn answer(fields: &Fields) -> Result<Value, Error> {
    if fields.has("scheme") && fields.text("scheme")? == "gumbel" {
        if fields.has("draws") {
            return resampled(fields);
        }
        let uniforms = if fields.has("uniforms") { fields.numbers("uniforms")? } else { uniforms(fields)? };
        let found = gumbel::detect(&uniforms)?;
        return Ok(json!({
            "z": write(found.z), "p": write(found.p), "statistic": write(found.statistic), "scored": uniforms.len(),
        }));
    }
    let mark = watermark(fields, None)?;
    let distinct = fields.is_set("ignore_repeated_ngrams");
    let found = mark.detect(&fields.tokens("tokens")?, distinct, &mut Scratch::new(Isa::best()))?;
    Ok(json!({ "z": write(found.z), "p": write(found.p), "green": found.green, "scored": found.scored }))
}

/// Of a text that may be any of `draws` of alignment resampling.
fn resampled(fields: &Fields) -> Result<Value, Error> {
    let (tokens, width, key) = (fields.tokens("tokens")?, fields.size_or("width", 1)?, fields.whole("key")?);
    let draws = fields.whole("draws")?;
    let draws =
        u32::try_from(draws).map_err(|_| invalid(format!("draws is {draws}; at most {}", u32::MAX)))?;
    let (draw, found) = gumbel::detect_resampled(key, &tokens, width, draws)?;
    Ok(json!({
        "z": write(found.z), "p": write(found.p), "statistic": write(found.statistic),
        "scored": tokens.len() - width, "draw": draw,
    }))
}

fn uniforms(fields: &Fields) -> Result<Vec<f64>, Error> {
    let (tokens, width) = (fields.tokens("tokens")?, fields.size_or("width", 1)?);
    let key = fields.whole("key")?;
    if tokens.len() <= width {
        return Err(invalid(format!(
            "{} tokens, of which {width} are context; at least one more",
            tokens.len()
        )));
    }
    Ok((width..tokens.len()).map(|at| gumbel::uniform(key, &tokens[at - width..at], tokens[at])).collect())
}
