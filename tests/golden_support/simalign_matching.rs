//! `simalign_matching`: links from a similarity matrix, by every method of SimAlign.

use serde_json::{Value, json};
use trueline_core::scoring::align::argmax::Preferences;
use trueline_core::scoring::align::itermax::{self, itermax};
use trueline_core::scoring::align::matching::{self, matching};
use trueline_core::scoring::align::similarity::distort;
use trueline_core::scoring::align::{Link, Matrix};

use super::json::{count, links_to_json, number, rows, rows_to_json, to_json};
use super::{Algorithm, Case, Stop, Width};

/// `f32_stable: false` marks cases for which 32 bits are too few: all of them are run in 64.
pub const ALGORITHM: Algorithm = Algorithm {
    sets: &["fwd", "rev", "inter", "itermax", "itermax_n3", "itermax_n4"],
    left_out: &[("mwmf", "any optimum is right: its cardinality and total weight are compared")],
    tolerance_of: &[("mwmf_total_weight", "mwmf")],
    ..Algorithm::new("simalign_matching", run)
};

fn run(case: &Case, _: Width) -> Result<Value, Stop> {
    let params = &case.0["params"];
    let (mut similarity, n_source, n_target) = rows(case.input("sim"))?;
    distort(&mut similarity, n_source, n_target, number(&params["distortion"])?)?;
    let matrix = Matrix::new(&similarity, n_source, n_target)?;
    let mut preferences = Preferences::default();
    preferences.assign(matrix);
    let direction = |push: fn(&Preferences, &mut Vec<Link>)| {
        let mut links = Vec::new();
        push(&preferences, &mut links);
        links_to_json(&links)
    };
    let alpha = number(&params["itermax_alpha"])?;
    let rounds = |max_count| -> Result<Value, Stop> {
        let (mut scratch, mut links) = (itermax::Scratch::default(), Vec::new());
        itermax(matrix, itermax::Options { max_count, alpha }, &mut scratch, &mut links)?;
        Ok(links_to_json(&links))
    };
    let mut matched = Vec::new();
    matching(matrix, &mut matching::Scratch::default(), &mut matched);
    if !is_one_to_one(&matched) {
        return Err(Stop::Unknown(format!("mwmf links a position twice: {matched:?}")));
    }
    let weight: f64 = matched.iter().map(|link| matrix.row(link.source)[link.target]).sum();
    Ok(json!({
        "distorted": rows_to_json(&similarity, n_target),
        "fwd": direction(Preferences::forward),
        "rev": direction(Preferences::reverse),
        "inter": direction(Preferences::mutual),
        "itermax": rounds(count(&params["itermax_max_count"])?)?,
        "itermax_n3": rounds(3)?,
        "itermax_n4": rounds(4)?,
        "mwmf_cardinality": matched.len(),
        "mwmf_total_weight": to_json(weight),
    }))
}

fn is_one_to_one(links: &[Link]) -> bool {
    let distinct = |of: fn(&Link) -> usize| {
        let mut positions: Vec<_> = links.iter().map(of).collect();
        positions.sort_unstable();
        positions.dedup();
        positions.len() == links.len()
    };
    distinct(|link| link.source) && distinct(|link| link.target)
}
