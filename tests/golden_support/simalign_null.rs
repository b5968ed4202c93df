//! `simalign_null`: links that are taken back because neither word prefers anything.

use serde_json::{Value, json};
use trueline_core::scoring::align::argmax::Preferences;
use trueline_core::scoring::align::null::Entropies;
use trueline_core::scoring::align::{Link, Matrix};

use super::json::{links_to_json, list_to_json, number, rows};
use super::{Algorithm, Case, Stop, Width};

pub const ALGORITHM: Algorithm = Algorithm {
    sets: &["removed_cells", "inter_after"],
    tolerance_of: &[("entropies_of_inter_links_sorted", "entropies")],
    ..Algorithm::new("simalign_null", run)
};

fn run(case: &Case, _: Width) -> Result<Value, Stop> {
    let (similarity, n_source, n_target) = rows(case.input("sim"))?;
    let matrix = Matrix::new(&similarity, n_source, n_target)?;
    let highest = number(&case.0["params"]["max_normalised_entropy"])?;
    let mut entropies = Entropies::default();
    entropies.assign(matrix)?;
    let (mut preferences, mut links) = (Preferences::default(), Vec::new());
    preferences.assign(matrix);
    preferences.mutual(&mut links);
    let counted = n_source.min(n_target) > 2;
    let mut of_links: Vec<f64> = links.iter().filter(|_| counted).map(|&link| entropies.of(link)).collect();
    of_links.sort_unstable_by(f64::total_cmp);
    let all = || (0..n_source).flat_map(|s| (0..n_target).map(move |t| Link::new(s, t)));
    let mut kept: Vec<Link> = all().collect();
    entropies.retain(highest, &mut kept);
    let removed: Vec<Link> = all().filter(|link| !kept.contains(link)).collect();
    entropies.retain(highest, &mut links);
    Ok(json!({
        "entropies_of_inter_links_sorted": list_to_json(&of_links),
        "removed_cells": links_to_json(&removed),
        "inter_after": links_to_json(&links),
    }))
}
