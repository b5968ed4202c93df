//! `preference_vectors`: embeddings between two models, adapters for a preference.

use serde_json::{Value, json};
use trueline_core::scoring::decode::blend::{Adapter, interpolate};

use super::json::{list_to_json, number, numbers, rows, rows_to_json};
use super::{Algorithm, Case, Stop, Width};

pub const ALGORITHM: Algorithm = Algorithm::new("preference_vectors", run);

fn run(case: &Case, _: Width) -> Result<Value, Stop> {
    match case.op() {
        "clm" => {
            let (unaligned, _, dim) = rows(case.input("unaligned"))?;
            let (aligned, ..) = rows(case.input("aligned"))?;
            let mut out = vec![0.0; unaligned.len()];
            interpolate(&unaligned, &aligned, number(case.input("lambda"))?, &mut out)?;
            Ok(json!({ "merged": rows_to_json(&out, dim) }))
        }
        "panacea" => {
            let (mut weights, p, q) = rows(case.input("w0"))?;
            let ((u, ..), (vt, ..)) = (rows(case.input("u"))?, rows(case.input("vt"))?);
            let (sigma, x) = (numbers(case.input("sigma"))?, numbers(case.input("x"))?);
            let adapter = Adapter { u: &u, vt: &vt, sigma: &sigma, scale: number(case.input("pref_scale"))? };
            let normalise = case.input("normalise") == &json!(true);
            let diagonal = adapter.diagonal(&numbers(case.input("preference"))?, normalise)?;
            let mut y: Vec<f64> =
                weights.chunks(q.max(1)).map(|row| row.iter().zip(&x).map(|(w, x)| w * x).sum()).collect();
            y.resize(p, 0.0);
            adapter.apply(&diagonal, &x, &mut y)?;
            adapter.merge(&diagonal, &mut weights)?;
            Ok(json!({
                "diag": list_to_json(&diagonal),
                "merged": rows_to_json(&weights, q),
                "y": list_to_json(&y),
            }))
        }
        _ => Err(case.unknown_op()),
    }
}
