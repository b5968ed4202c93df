//! `portia_split`: two answers cut alike.

use serde_json::{Value, json};
use trueline_core::scoring::align::segments::{by_length, by_meaning, overlap, ranges};

use super::json::{count, texts};
use super::{Algorithm, Case, Stop, Width};

pub const ALGORITHM: Algorithm = Algorithm {
    tolerance_of: &[
        ("length_cuts_a", "cuts"),
        ("length_cuts_b", "cuts"),
        ("semantic_cuts_a", "cuts"),
        ("semantic_cuts_b", "cuts"),
        ("length_similarity", "similarity"),
        ("semantic_similarity", "similarity"),
    ],
    ..Algorithm::new("portia_split", run)
};

fn run(case: &Case, _: Width) -> Result<Value, Stop> {
    let (a, b) = (texts(case.input("answer_a"))?, texts(case.input("answer_b"))?);
    let k = count(&case.0["params"]["k"])?.min(a.len()).min(b.len());
    let lengths = |texts: &[&str]| texts.iter().map(|text| text.chars().count()).collect::<Vec<_>>();
    let (cuts_a, cuts_b) = (by_length(&lengths(&a), k)?, by_length(&lengths(&b), k)?);
    let pieces = ranges(&cuts_a, a.len()).zip(ranges(&cuts_b, b.len()));
    let similarity: f64 = pieces.map(|(i, j)| overlap(&a[i], &b[j])).sum();
    let (best_a, best_b, best) = by_meaning(a.len(), b.len(), k, |i, j| overlap(&a[i], &b[j]))?;
    Ok(json!({
        "length_cuts_a": cuts_a,
        "length_cuts_b": cuts_b,
        "length_similarity": similarity,
        "semantic_cuts_a": best_a,
        "semantic_cuts_b": best_b,
        "semantic_similarity": best,
    }))
}
