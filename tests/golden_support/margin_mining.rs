//! `margin_mining`: translations among unordered sentences.

use serde_json::{Map, Value, json};
use trueline_core::scoring::align::Matrix;
use trueline_core::scoring::align::mining::{Margin, Mining, Pair};

use super::json::{count, list_to_json, rows, to_json};
use super::{Algorithm, Case, Stop, Width};

pub const ALGORITHM: Algorithm = Algorithm {
    sets: &["intersect"],
    tolerance_of: &[
        ("fwd_mean", "scores"),
        ("bwd_mean", "scores"),
        ("fwd_score", "scores"),
        ("bwd_score", "scores"),
        ("max", "scores"),
    ],
    ..Algorithm::new("margin_mining", run)
};

fn run(case: &Case, _: Width) -> Result<Value, Stop> {
    let side = |key| -> Result<(Vec<f64>, usize, usize), Stop> {
        let (mut values, n, dim) = rows(case.input(key))?;
        for row in values.chunks_exact_mut(dim.max(1)) {
            let norm = row.iter().map(|x| x * x).sum::<f64>().sqrt();
            row.iter_mut().for_each(|x| *x /= if norm > 0.0 { norm } else { 1.0 });
        }
        Ok((values, n, dim))
    };
    let ((x, n, dim), (y, m, _)) = (side("src_vectors")?, side("tgt_vectors")?);
    let cosine = |i: usize, j: usize| (0..dim).map(|c| x[i * dim + c] * y[j * dim + c]).sum::<f64>();
    let cosines: Vec<f64> =
        (0..n).flat_map(|i| (0..m).map(move |j| (i, j))).map(|(i, j)| cosine(i, j)).collect();
    let margin = match case.0["params"]["margin"].as_str() {
        Some("ratio") => Margin::Ratio,
        Some("distance") => Margin::Distance,
        Some("absolute") => Margin::Absolute,
        other => return Err(Stop::Unknown(format!("margin {other:?}"))),
    };
    let mining = Mining::new(Matrix::new(&cosines, n, m)?, count(&case.0["params"]["k"])?, margin)?;
    let of = |pairs: &[Option<Pair>], read: fn(&Pair) -> Value| -> Value {
        pairs.iter().map(|pair| pair.as_ref().map_or(Value::Null, read)).collect()
    };
    let pairs = |pairs: Vec<Pair>| pairs.iter().map(|p| json!([p.source, p.target])).collect::<Value>();
    let mut found = Map::new();
    let mut put = |key: &str, value: Value| found.insert(key.to_owned(), value);
    put("fwd_mean", list_to_json(&mining.forward_means));
    put("bwd_mean", list_to_json(&mining.backward_means));
    put("fwd_best", of(&mining.forward, |pair| json!(pair.target)));
    put("bwd_best", of(&mining.backward, |pair| json!(pair.source)));
    put("fwd_score", of(&mining.forward, |pair| to_json(pair.score)));
    put("bwd_score", of(&mining.backward, |pair| to_json(pair.score)));
    put("intersect", pairs(mining.intersection()));
    put("max", mining.greedy().iter().map(|p| json!([p.source, p.target, p.score])).collect());
    let wanted = case.0["expected"].as_object().map(|wanted| wanted.keys().cloned().collect::<Vec<_>>());
    for key in wanted.unwrap_or_default() {
        if let Some(threshold) = key.strip_prefix("max_above_") {
            let threshold = threshold.parse().map_err(|_| Stop::Unknown(key.clone()))?;
            let above = pairs(mining.above(threshold)?);
            found.insert(key, above);
        }
    }
    Ok(Value::Object(found))
}
