//! `entmax`: 1.5-entmax and sparsemax of single rows.

use serde_json::{Value, json};
use trueline_core::scoring::align::entmax::{entmax15, sparsemax};

use super::json::{list_to_json, numbers};
use super::{Algorithm, Case, Stop, Width};

pub const ALGORITHM: Algorithm = Algorithm {
    tolerance_of: &[("entmax15", "values"), ("sparsemax", "values")],
    ..Algorithm::new("entmax", run)
};

fn run(case: &Case, _: Width) -> Result<Value, Stop> {
    let values = numbers(case.input("x"))?;
    let (mut sparse, mut smooth, mut scratch) =
        (vec![0.0; values.len()], vec![0.0; values.len()], Vec::new());
    entmax15(&values, &mut smooth, &mut scratch)?;
    sparsemax(&values, &mut sparse, &mut scratch)?;
    Ok(json!({ "entmax15": list_to_json(&smooth), "sparsemax": list_to_json(&sparse) }))
}
