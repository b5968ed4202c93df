//! `saer`: error rates of spoken text, plain and weighted by time.

use serde_json::{Value, json};
use trueline_core::scoring::align::Link;
use trueline_core::scoring::align::metrics::{Spoken, corpus, time_weighted};
use trueline_core::scoring::align::pharaoh::{Links, parse_line};

use super::json::{list, numbers, texts};
use super::{Algorithm, Case, Stop, Width};

pub const ALGORITHM: Algorithm = Algorithm {
    tolerance_of: &[
        ("saer", "values"),
        ("precision", "values"),
        ("recall", "values"),
        ("tw_saer", "values"),
        ("tw_precision", "values"),
        ("tw_recall", "values"),
    ],
    ..Algorithm::new("saer", run)
};

fn run(case: &Case, _: Width) -> Result<Value, Stop> {
    let read = |key| -> Result<Vec<Links>, Stop> {
        let lines = texts(case.input(key))?;
        lines.iter().enumerate().map(|(at, line)| Ok(parse_line(line, at + 1, true)?)).collect()
    };
    let params = &case.0["params"];
    let mut gold = read("gold_de_en_one_based")?;
    if params["direction"] == json!("en-de") {
        for links in &mut gold {
            let turned = |link: &Link| Link::new(link.target, link.source);
            let (possible, sure) = (&links.possible, &links.sure);
            *links = Links {
                possible: possible.iter().map(turned).collect(),
                sure: sure.iter().map(turned).collect(),
            };
        }
    }
    let hypotheses: Vec<_> =
        read("hypothesis_src_tgt_one_based")?.into_iter().map(|links| links.possible).collect();
    let seconds = |key| list(case.input(key))?.iter().map(numbers).collect::<Result<Vec<_>, Stop>>();
    let source = seconds("src_word_seconds")?;
    let target = if params["setting"] == json!("s2t") { None } else { Some(seconds("tgt_word_seconds")?) };
    let listed: Vec<Vec<Link>> = hypotheses.iter().map(|links| links.iter().copied().collect()).collect();
    let pairs: Vec<_> = (0..gold.len())
        .map(|i| Spoken {
            hypothesis: &listed[i],
            gold: &gold[i],
            source_seconds: &source[i],
            target_seconds: target.as_ref().map(|seconds| &seconds[i][..]),
        })
        .collect();
    let (plain, weighted) = (corpus(&hypotheses, &gold)?, time_weighted(&pairs)?);
    Ok(json!({
        "saer": plain.aer,
        "precision": plain.precision,
        "recall": plain.recall,
        "tw_saer": weighted.aer,
        "tw_precision": weighted.precision,
        "tw_recall": weighted.recall,
    }))
}
