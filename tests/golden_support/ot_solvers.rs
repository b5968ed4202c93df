//! `ot_solvers`: transport plans with entropy.

use serde_json::{Value, json};
use trueline_core::scoring::align::Matrix;
use trueline_core::scoring::align::transport::{self, Problem, balanced, partial, unbalanced};

use super::json::{number, numbers, rows, rows_to_json};
use super::{Algorithm, Case, Stop, Width};

pub const ALGORITHM: Algorithm = Algorithm {
    tolerance_of: &[
        ("uot", "values"),
        ("balanced_sinkhorn_normalised_marginals", "values"),
        ("entropic_partial", "values"),
    ],
    ..Algorithm::new("ot_solvers", run)
};

fn run(case: &Case, _: Width) -> Result<Value, Stop> {
    let (cost, n_source, n_target) = rows(case.input("cost"))?;
    let (a, b) = (numbers(case.input("a"))?, numbers(case.input("b"))?);
    let problem = Problem::new(Matrix::new(&cost, n_source, n_target)?, &a, &b)?;
    let of = |key| number(&case.0["params"][key]);
    let (epsilon, stop) = (of("reg")?, transport::Stop::default());
    let plan = |plan: Vec<f64>| rows_to_json(&plan, n_target);
    Ok(json!({
        "uot": plan(unbalanced(problem, epsilon, of("tau")?, stop)?),
        "balanced_sinkhorn_normalised_marginals": plan(balanced(problem, epsilon, stop)?),
        "entropic_partial": plan(partial(problem, epsilon, of("partial_mass")?, stop)?),
    }))
}
