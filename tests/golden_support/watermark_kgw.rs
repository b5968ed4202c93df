//! `watermark_kgw`: green lists, their bias and their count.

use serde_json::{Value, json};
use trueline_core::kernels::Isa;
use trueline_core::scoring::decode::green::{Scheme, Scratch, Watermark, upper_tail, z_score};

use super::json::{count, counts, list_to_json, number, numbers};
use super::{Algorithm, Case, Stop, Width};

pub const ALGORITHM: Algorithm = Algorithm::new("watermark_kgw", run);

fn run(case: &Case, _: Width) -> Result<Value, Stop> {
    let gamma = number(case.input("gamma"))?;
    if case.op() == "z_only" {
        let z = z_score(count(case.input("num_green"))?, count(case.input("num_tokens"))?, gamma)?;
        return Ok(json!({ "z": z, "p": upper_tail(z) }));
    }
    let scheme = match case.input("scheme").as_str() {
        Some("simple_1") => Scheme::Simple,
        Some("minhash") => Scheme::MinHash,
        Some("selfhash") => Scheme::SelfHash,
        other => return Err(Stop::Unknown(format!("scheme {other:?}"))),
    };
    let (n_vocab, key) = (count(case.input("vocab_size"))?, count(case.input("hash_key"))? as u64);
    let mark = Watermark { n_vocab, gamma, key, scheme };
    let mut scratch = Scratch::new(Isa::best());
    match case.op() {
        "bias" => {
            let before = [count(case.input("previous_token"))? as u32];
            let mut green = Vec::new();
            let seed = mark.green(&before, &mut scratch, &mut green)?;
            let mut found = json!({ "green_ids": green, "seed": seed });
            if case.input("logits").is_array() {
                let mut logits = numbers(case.input("logits"))?;
                mark.bias(&before, number(case.input("delta"))?, &mut scratch, &mut logits)?;
                found["biased_logits"] = list_to_json(&logits);
            }
            Ok(found)
        }
        "detect" => {
            let tokens: Vec<u32> = counts(case.input("tokens"))?.iter().map(|&t| t as u32).collect();
            let distinct = case.input("ignore_repeated_ngrams") == &json!(true);
            let found = mark.detect(&tokens, distinct, &mut scratch)?;
            Ok(json!({
                "num_tokens_scored": found.scored,
                "num_green": found.green,
                "green_fraction": found.green as f64 / found.scored as f64,
                "z": found.z,
                "p": found.p,
                "flag_z4": found.z > 4.0,
            }))
        }
        _ => Err(case.unknown_op()),
    }
}
