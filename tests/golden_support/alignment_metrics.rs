//! `alignment_metrics`: precision, recall, error rate and F1 of a corpus, and those that count unaligned words.

use serde_json::{Value, json};
use trueline_core::scoring::align::metrics::{Shares, Totals, with_null};
use trueline_core::scoring::align::pharaoh::{Links, parse_line};

use super::json::{counts, list, texts};
use super::{Algorithm, Case, Stop, Width};

pub const ALGORITHM: Algorithm = Algorithm {
    tolerance_of: &[
        ("precision", "values"),
        ("recall", "values"),
        ("aer", "values"),
        ("f1_of_p_and_r", "values"),
        ("n_hyp", "values"),
        ("n_sure", "values"),
        ("n_hyp_and_possible", "values"),
        ("n_hyp_and_sure", "values"),
        ("f1", "values"),
        ("exact_match", "values"),
        ("null_precision", "values"),
        ("null_recall", "values"),
        ("null_f1", "values"),
        ("null_exact_match", "values"),
        ("total_precision", "values"),
        ("total_recall", "values"),
        ("total_f1", "values"),
        ("total_exact_match", "values"),
    ],
    ..Algorithm::new("alignment_metrics", run)
};

fn run(case: &Case, _: Width) -> Result<Value, Stop> {
    let one_indexed = case.0["params"]["one_indexed"] == json!(true);
    let read = |key| -> Result<Vec<Links>, Stop> {
        let lines = texts(case.input(key))?;
        let line = |(at, line): (usize, &&str)| Ok(parse_line(line, at + 1, one_indexed)?);
        lines.iter().enumerate().map(line).collect()
    };
    let gold = read("gold")?;
    let hypotheses: Vec<_> = read("hypothesis")?.into_iter().map(|links| links.possible).collect();
    let lengths = list(case.input("lengths"))?.iter().map(counts).collect::<Result<Vec<_>, Stop>>()?;
    let lengths: Vec<[usize; 2]> = lengths.iter().map(|pair| [pair[0], pair[1]]).collect();
    let averages = with_null(&hypotheses, &gold, &lengths)?;
    let mut totals = Totals::default();
    hypotheses.iter().zip(&gold).for_each(|(hypothesis, gold)| totals.add(hypothesis, gold));
    let scores = totals.scores()?;
    let mut macros = json!({});
    for (prefix, Shares { precision, recall, f1, exact_match }) in
        [("", averages.links), ("null_", averages.null), ("total_", averages.total)]
    {
        let values = [("precision", precision), ("recall", recall), ("f1", f1), ("exact_match", exact_match)];
        for (key, value) in values {
            macros[format!("{prefix}{key}")] = json!(value);
        }
    }
    Ok(json!({
        "precision": scores.precision,
        "recall": scores.recall,
        "aer": scores.aer,
        "f1_of_p_and_r": scores.f1,
        "n_hyp": totals.hypothesis,
        "n_sure": totals.sure,
        "n_hyp_and_possible": totals.hypothesis_and_possible,
        "n_hyp_and_sure": totals.hypothesis_and_sure,
        "otalign_macro": macros,
    }))
}
