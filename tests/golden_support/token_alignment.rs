//! `token_alignment`: what may follow a prompt that was cut inside a word.

use serde_json::{Value, json};
use trueline_core::scoring::decode::heal::{Healing, Vocabulary};

use super::json::{count, counts, list, numbers, texts};
use super::{Algorithm, Case, Stop, Width};

pub const ALGORITHM: Algorithm = Algorithm::new("token_alignment", run);

fn run(case: &Case, _: Width) -> Result<Value, Stop> {
    let hex = case.input("vocab").is_null();
    let mut bytes: Vec<Vec<u8>> = if hex {
        let pairs = |text: &str| -> Option<Vec<u8>> {
            let pair = |at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
            (0..text.len()).step_by(2).map(pair).collect()
        };
        let read = |text| pairs(text).ok_or_else(|| Stop::Unknown(format!("{text} is no hex")));
        texts(case.input("vocab_hex"))?.into_iter().map(read).collect::<Result<_, _>>()?
    } else {
        texts(case.input("vocab"))?.into_iter().map(|text| text.as_bytes().to_vec()).collect()
    };
    for special in counts(case.input("special"))? {
        bytes[special].clear();
    }
    let vocabulary = Vocabulary::new(bytes)?;
    let prompt: Vec<u32> = counts(case.input("prompt_tokens"))?.iter().map(|&token| token as u32).collect();
    let (mut healing, kept) = Healing::start(&vocabulary, &prompt, count(case.input("backtrack"))?)?;
    let text = |healing: &Healing| match hex {
        true => healing.remaining().iter().map(|byte| format!("{byte:02x}")).collect(),
        false => String::from_utf8_lossy(healing.remaining()).into_owned(),
    };
    let prefix = text(&healing);
    let (mut remaining, mut allowed_per_step, mut tokens, mut dead_end) = (vec![], vec![], vec![], false);
    for logits in list(case.input("logits_per_step"))? {
        let logits = numbers(logits)?;
        let mut allowed = Vec::new();
        healing.allowed(&vocabulary, &mut allowed);
        remaining.push(text(&healing));
        let mut best: Option<u32> = None;
        for &token in &allowed {
            if best.is_none_or(|best| logits[token as usize] > logits[best as usize]) {
                best = Some(token);
            }
        }
        allowed_per_step.push(allowed);
        tokens.push(best);
        let Some(token) = best else {
            dead_end = true;
            break;
        };
        healing.advance(&vocabulary, token)?;
    }
    Ok(json!({
        "kept_prompt": prompt[..kept],
        "prefix": prefix,
        "prefix_hex": prefix,
        "allowed_per_step": allowed_per_step,
        "remaining_per_step": remaining,
        "tokens": tokens,
        "dead_end": dead_end,
    }))
}
