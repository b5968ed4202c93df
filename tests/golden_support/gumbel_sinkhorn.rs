//! `gumbel_sinkhorn`: soft permutations.

use serde_json::{Value, json};
use trueline_core::scoring::graph::sinkhorn::soft_permutation;

use super::json::{count, number, rows, rows_to_json};
use super::{Algorithm, Case, Stop, Width};

pub const ALGORITHM: Algorithm = Algorithm::new("gumbel_sinkhorn", run);

fn run(case: &Case, _: Width) -> Result<Value, Stop> {
    let params = &case.0["params"];
    let (scores, n, _) = rows(case.input("log_alpha"))?;
    let uniform = match case.input("uniform") {
        Value::Null => None,
        uniform => Some(rows(uniform)?.0),
    };
    let factor = number(&params["noise_factor"])?;
    let noise = uniform.as_deref().map(|uniform| (uniform, factor));
    let plan =
        soft_permutation(&scores, n, number(&params["temperature"])?, count(&params["iterations"])?, noise)?;
    Ok(json!({ "plan": rows_to_json(&plan, n) }))
}
