//! `csls_procrustes`: nearest neighbours without hubs, and orthogonal maps.

use serde_json::{Value, json};
use trueline_core::scoring::align::{Matrix, retrieval};

use super::json::{count, list_to_json, rows, rows_to_json};
use super::{Algorithm, Case, Stop, Width};

pub const ALGORITHM: Algorithm = Algorithm {
    tolerance_of: &[
        ("nn_csls", "nn"),
        ("nn_cosine", "nn"),
        ("nn_csls_rev", "nn"),
        ("retrieval_accuracy", "csls"),
        ("residual", "W"),
        ("singular_values", "W"),
        ("optimal_trace", "W"),
    ],
    ..Algorithm::new("csls_procrustes", run)
};

fn run(case: &Case, _: Width) -> Result<Value, Stop> {
    let ((x, n, dim), (y, m, _)) = (rows(case.input("X"))?, rows(case.input("Y"))?);
    match case.0["params"]["task"].as_str() {
        Some("csls") => {
            let cosines = retrieval::cosines(&x, &y, dim)?;
            let cosines = Matrix::new(&cosines, n, m)?;
            let scores = retrieval::csls(cosines, count(&case.0["params"]["k"])?)?;
            let csls = Matrix::new(&scores, n, m)?;
            let nearest = retrieval::nearest_targets(csls);
            Ok(json!({
                "csls": rows_to_json(&scores, m),
                "nn_csls": nearest,
                "nn_cosine": retrieval::nearest_targets(cosines),
                "nn_csls_rev": retrieval::nearest_sources(csls),
                "retrieval_accuracy": retrieval::accuracy(&nearest, m)?,
            }))
        }
        Some("procrustes") => {
            let found = retrieval::procrustes(&x, &y, dim)?;
            Ok(json!({
                "W": rows_to_json(&found.map, dim),
                "residual": found.residual,
                "singular_values": list_to_json(&found.singular_values),
                "optimal_trace": found.singular_values.iter().sum::<f64>(),
            }))
        }
        other => Err(Stop::Unknown(format!("task {other:?}"))),
    }
}
