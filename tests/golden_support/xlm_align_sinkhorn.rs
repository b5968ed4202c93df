//! `xlm_align_sinkhorn`: rounds of Sinkhorn on raw dot products.

use serde_json::{Value, json};
use trueline_core::scoring::align::Matrix;
use trueline_core::scoring::align::self_label::SelfLabel;

use super::json::{count, links_to_json, rows, rows_to_json};
use super::{Algorithm, Case, Stop, Width};

pub const ALGORITHM: Algorithm = Algorithm {
    sets: &["links"],
    tolerance_of: &[("xi", "pi")],
    ..Algorithm::new("xlm_align_sinkhorn", run)
};

fn run(case: &Case, _: Width) -> Result<Value, Stop> {
    let (x, n_source, dim) = rows(case.input("src_vectors"))?;
    let (y, n_target, _) = rows(case.input("tgt_vectors"))?;
    let dot = |i: usize, j: usize| (0..dim).map(|c| x[i * dim + c] * y[j * dim + c]).sum::<f64>();
    let pairs = (0..n_source).flat_map(|i| (0..n_target).map(move |j| (i, j)));
    let products: Vec<f64> = pairs.map(|(i, j)| dot(i, j)).collect();
    let mut label = SelfLabel::default();
    let rounds = count(&case.0["params"]["num_iter"])?;
    label.assign(Matrix::new(&products, n_source, n_target)?, rounds, false);
    let mut links = Vec::new();
    label.links(&mut links);
    Ok(json!({
        "links": links_to_json(&links),
        "pi": rows_to_json(label.plan(), n_target),
        "xi": rows_to_json(label.columns(), n_target),
        "has_nonpositive_similarity": products.iter().any(|&p| p <= 0.0),
    }))
}
