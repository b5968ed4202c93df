//! `tracealign_bci`: what a text copies from a corpus, in the released forms and the engine's.

use serde_json::{Value, json};
use trueline_core::scoring::guard::deny::{
    Corpus, SEPARATOR, beams, build, copied_spans, penalise, span_values, windows,
};

use super::json::{count, counts, list_to_json, number, numbers};
use super::{Algorithm, Case, Stop, Width};

pub const ALGORITHM: Algorithm = Algorithm {
    name: "tracealign_bci",
    run,
    widths: &[Width::F64],
    sets: &[],
    left_out: &[],
    tolerance_of: &[],
    rel_of_largest: &[],
};

fn tokens(value: &Value) -> Result<Vec<u32>, Stop> {
    Ok(counts(value)?.into_iter().map(|token| token as u32).collect())
}

fn table(case: &Case) -> Result<Vec<Option<f64>>, Stop> {
    let entries = case.input("token_probs").as_array().cloned().unwrap_or_default();
    entries.iter().map(|p| if p.is_null() { Ok(None) } else { number(p).map(Some) }).collect()
}

fn run(case: &Case, _: Width) -> Result<Value, Stop> {
    let (mut joined, mut documents) = (Vec::new(), Vec::new());
    for document in case.input("corpus").as_array().into_iter().flatten() {
        documents.push(joined.len() as u32);
        joined.extend(tokens(document)?);
        joined.push(SEPARATOR);
    }
    let suffixes = build(&joined)?;
    let corpus = Corpus::new(&joined, &suffixes, &documents)?;
    let of = |key| number(case.input(key));
    let smoothing = || Ok::<_, Stop>((count(case.input("vocab_size"))?, of("alpha")?));
    let default = case.input("default_prob").as_f64().unwrap_or(1e-9);
    match case.op() {
        "bci" => {
            let (text, min_len) = (tokens(case.input("output"))?, count(case.input("min_len"))?);
            let found = copied_spans(&corpus, &text, min_len, usize::MAX, smoothing()?, of("tau")?)?;
            let spans: Value = found
                .spans
                .iter()
                .map(|s| {
                    let nbci = s.bci / s.len as f64;
                    json!({ "start": s.start, "len": s.len, "count": s.count, "docs": s.documents, "bci": s.bci, "nbci": nbci })
                })
                .collect();
            Ok(
                json!({ "match_len": found.match_len, "spans": spans, "max_bci": found.max_bci, "refuse": found.refuse }),
            )
        }
        "bci_values" => {
            let found = span_values(&table(case)?, &tokens(case.input("span"))?, default)?;
            Ok(json!({
                "bci": found.bci,
                "normalised": found.normalised,
                "kl": found.kl,
                "cross_entropy": found.cross_entropy,
                "max_token": found.max_token,
            }))
        }
        "shield_windows" => {
            let (window, most) = (count(case.input("window"))?, count(case.input("max_matches"))?);
            let text = tokens(case.input("output"))?;
            let found = windows(&corpus, &table(case)?, default, &text, window, most, of("tau")?)?;
            let flagged: Value = found
                .iter()
                .map(|w| json!({ "start": w.start, "bci": w.bci, "matches": w.matches }))
                .collect();
            Ok(json!({ "flagged": flagged, "refuse": !found.is_empty() }))
        }
        "prov_logits" => {
            let (prefix, candidates) = (tokens(case.input("prefix"))?, tokens(case.input("candidates"))?);
            let context = count(case.input("context_window"))?;
            let mut logits = numbers(case.input("logits"))?;
            let mut risks = vec![0.0; candidates.len()];
            let settings = (of("tau")?, of("gamma")?);
            let table = table(case)?;
            let vetoed = penalise(
                &corpus,
                &table,
                default,
                &prefix,
                context,
                settings,
                &candidates,
                &mut logits,
                &mut risks,
            )?;
            Ok(json!({
                "risk": list_to_json(&risks),
                "vetoed": vetoed,
                "adjusted_logits": list_to_json(&logits),
            }))
        }
        "prov_decode" => {
            let mut listed = Vec::new();
            for beam in case.input("beams").as_array().into_iter().flatten() {
                listed.push((tokens(&beam["tokens"])?, number(&beam["score"])?));
            }
            let listed: Vec<(&[u32], f64)> = listed.iter().map(|(t, s)| (t.as_slice(), *s)).collect();
            let found = beams(&corpus, &listed, count(case.input("min_len"))?, smoothing()?, of("tau")?)?;
            Ok(json!({
                "max_bci": found.max_bci,
                "vetoed": found.vetoed,
                "order": found.order,
                "all_vetoed": found.all_vetoed,
            }))
        }
        _ => Err(case.unknown_op()),
    }
}
