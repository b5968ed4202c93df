//! `mask_align`: links from two translation models' cross-attention.

use serde_json::{Map, Value, json};
use trueline_core::scoring::align::{Link, Matrix, mask, words};

use super::json::{links_to_json, rows, rows_to_json, texts};
use super::{Algorithm, Case, Stop, Width};

pub const ALGORITHM: Algorithm = Algorithm { sets: &["links"], ..Algorithm::new("mask_align", run) };

fn run(case: &Case, _: Width) -> Result<Value, Stop> {
    let (source, target) = (texts(case.input("src_tokens"))?, texts(case.input("tgt_tokens"))?);
    let ((mut forward, n_target, n_source), (mut backward, ..)) =
        (rows(case.input("weights_fwd"))?, rows(case.input("weights_bwd"))?);
    if case.0["params"]["remove_final_punctuation"].as_bool() == Some(true) {
        mask::settle_punctuation(&mut forward, &source, &target)?;
        mask::settle_punctuation(&mut backward, &source, &target)?;
    }
    let (f, b) = (Matrix::new(&forward, n_target, n_source)?, Matrix::new(&backward, n_target, n_source)?);
    let agreement = mask::agreement(f, b)?;
    let (word_of_source, word_of_target) = (mask::words_of_tokens(&source)?, mask::words_of_tokens(&target)?);
    let mut found = Map::new();
    for key in case.0["expected"]["links"].as_object().into_iter().flat_map(Map::keys) {
        let (rule, threshold) = key.split_once('@').unwrap_or((key, "0"));
        let threshold = threshold.parse().map_err(|_| Stop::Unknown(key.clone()))?;
        let mut links: Vec<Link> = Vec::new();
        match rule {
            "soft" => mask::above(&agreement, n_source, threshold, &mut links),
            "threshold_fwd" => mask::above(&forward, n_source, threshold, &mut links),
            "t2s" => mask::best_source(f, threshold, &mut links),
            "s2t" => mask::best_target(b, threshold, &mut links),
            _ => return Err(Stop::Unknown(key.clone())),
        }
        words::words_of_links(&mut links, &word_of_source, &word_of_target)?;
        // The program's one dummy link, where it finds none.
        if links.is_empty() && rule == "threshold_fwd" {
            links.push(Link::new(0, 0));
        }
        found.insert(key.clone(), links_to_json(&links));
    }
    Ok(json!({ "links": found, "agreement": rows_to_json(&agreement, n_source) }))
}
