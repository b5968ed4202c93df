//! `bhattacharyya`: the distance of two samples.

use serde_json::{Value, json};
use trueline_core::scoring::score::bhattacharyya::bhattacharyya;

use super::json::rows;
use super::{Algorithm, Case, Stop, Width};

pub const ALGORITHM: Algorithm = Algorithm {
    name: "bhattacharyya",
    run,
    widths: &[Width::F64],
    sets: &[],
    left_out: &[],
    tolerance_of: &[],
    rel_of_largest: &[],
};

fn run(case: &Case, _: Width) -> Result<Value, Stop> {
    let (safe, _, dim) = rows(case.input("safe"))?;
    let (harmful, ..) = rows(case.input("harmful"))?;
    let found = bhattacharyya(&safe, &harmful, dim, case.input("ridge").as_f64().unwrap_or(0.0))?;
    Ok(json!({ "distance": found.distance, "coefficient": found.coefficient }))
}
