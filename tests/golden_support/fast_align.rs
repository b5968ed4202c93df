//! `fast_align`: Model 2 with a diagonal prior.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use trueline_core::scoring::align::statistical::fast_align::{Options, train};

use super::bitext::Bitext;
use super::json::{count, counts, list, list_to_json, number, texts};
use super::{Algorithm, Case, Stop, Width};

pub const ALGORITHM: Algorithm = Algorithm {
    tolerance_of: &[
        ("tension_after_iteration", "tension"),
        ("log_likelihood_per_iteration", "log_likelihood"),
        ("mean_length_multiplier", "log_likelihood"),
    ],
    ..Algorithm::new("fast_align", run)
};

fn run(case: &Case, _: Width) -> Result<Value, Stop> {
    let params = &case.0["params"];
    let flags = texts(&params["flags"])?;
    let has = |flag: &str| flags.contains(&flag);
    let bitext = Bitext::new(case, has("-r"))?;
    let null = number(&params["p_null"])?;
    let options = Options {
        rounds: count(&params["iterations"])?,
        diagonal: has("-d"),
        tension: number(&params["tension_start"])?,
        learn_tension: has("-o"),
        right_derivative: false,
        dirichlet: if has("-v") { Some(number(&params["alpha"])?) } else { None },
        null: (!has("-N")).then_some(null),
        null_share: null,
    };
    let model = train(&bitext.corpus, options, |_| true)?;
    let expected = &case.0["expected"];
    let tied: BTreeSet<usize> = counts(&expected["tied_sentences"])?.into_iter().collect();
    let wanted = list(&expected["alignments"])?;
    let alignment = |(at, wanted): (usize, &Value)| {
        let link = |link: &trueline_core::scoring::align::Link| match has("-r") {
            true => format!("{}-{}", link.target, link.source),
            false => format!("{}-{}", link.source, link.target),
        };
        let found: BTreeSet<String> = model.links[at].iter().map(link).collect();
        let set: BTreeSet<String> =
            wanted.as_str().unwrap_or_default().split_whitespace().map(str::to_owned).collect();
        // In whichever order: a set of links.
        if tied.contains(&at) || found == set { wanted.clone() } else { json!(found) }
    };
    let mut found = Map::new();
    found.insert("alignments".into(), wanted.iter().enumerate().map(alignment).collect());
    found.insert("tied_sentences".into(), expected["tied_sentences"].clone());
    found.insert("scores".into(), list_to_json(&model.scores));
    found.insert("tension_after_iteration".into(), list_to_json(&model.tensions));
    found.insert("log_likelihood_per_iteration".into(), list_to_json(&model.likelihoods));
    found.insert("mean_length_multiplier".into(), json!(model.length_ratio));
    found.insert("log_ttable".into(), bitext.listed(&expected["log_ttable"], &model.table, f64::ln)?);
    Ok(Value::Object(found))
}
