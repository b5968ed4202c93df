//! `otalign`: word alignment as optimal transport.

use serde_json::{Map, Value, json};
use trueline_core::scoring::align::Matrix;
use trueline_core::scoring::align::optimal::{self, Distance, Fertility, Method};
use trueline_core::scoring::align::transport;

use super::json::{links_to_json, number, rows, rows_to_json};
use super::{Algorithm, Case, Stop, Width};

pub const ALGORITHM: Algorithm =
    Algorithm { tolerance_of: &[("raw_mass", "raw_cost")], ..Algorithm::new("otalign", run) };

fn run(case: &Case, _: Width) -> Result<Value, Stop> {
    let ((x, n_source, dim), (y, n_target, _)) =
        (rows(case.input("src_vectors"))?, rows(case.input("tgt_vectors"))?);
    let params = &case.0["params"];
    let of = |key: &str| number(&params[key]);
    let distance = match params["dist"].as_str() {
        Some("cos") => Distance::Cosine,
        Some("l2") => Distance::Euclidean,
        other => return Err(Stop::Unknown(format!("distance {other:?}"))),
    };
    let fertility = match params["fertility"].as_str() {
        Some("uniform") => Fertility::Uniform,
        Some("norm") => Fertility::Norm,
        other => return Err(Stop::Unknown(format!("fertility {other:?}"))),
    };
    let epsilon = match params["sinkhorn"].as_bool() {
        Some(true) => Some(of("epsilon")?),
        _ => None,
    };
    let method = match params["ot_type"].as_str() {
        Some("none") => Method::None,
        Some("ot") => Method::Balanced { epsilon },
        Some("pot") => Method::Partial { tau: of("tau")?, epsilon },
        Some("uot") => Method::Unbalanced { tau: of("tau")?, epsilon: of("epsilon")? },
        other => return Err(Stop::Unknown(format!("type {other:?}"))),
    };
    let cost = optimal::costs(&x, &y, dim, distance, of("distortion")?)?;
    let (source, target) = (optimal::masses(&x, dim, fertility), optimal::masses(&y, dim, fertility));
    let matrix = Matrix::new(&cost, n_source, n_target)?;
    let plan = optimal::plan(matrix, &source, &target, method, transport::Stop::default())?;
    let mut by_threshold = Map::new();
    let mut links = Vec::new();
    for key in case.0["expected"]["links"].as_object().into_iter().flat_map(Map::keys) {
        let threshold = key.parse().map_err(|_| Stop::Unknown(key.clone()))?;
        plan.links(threshold, &mut links);
        by_threshold.insert(key.clone(), links_to_json(&links));
    }
    Ok(json!({
        "cost": rows_to_json(&cost, n_target),
        "plan_minmax": rows_to_json(&plan.plan, n_target),
        "links": by_threshold,
        "raw_cost": plan.cost,
        "raw_mass": plan.mass,
    }))
}
