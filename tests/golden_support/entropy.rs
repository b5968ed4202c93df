//! `entropy`: how unsure a model is of its next token.

use serde_json::{Value, json};
use trueline_core::scoring::score::entropy::{entropy, uncertainty};
use trueline_kernels::Isa;

use super::json::{numbers, numbers_f32};
use super::{Algorithm, Case, Stop, Width};

pub const ALGORITHM: Algorithm =
    Algorithm { widths: &[Width::F64, Width::F32], ..Algorithm::new("entropy", run) };

fn run(case: &Case, width: Width) -> Result<Value, Stop> {
    let logits = case.input("logits");
    let found = match width {
        Width::F64 => uncertainty(&numbers(logits)?)?,
        Width::F32 => {
            let logits = numbers_f32(logits)?;
            let found = uncertainty(&logits)?;
            for isa in Isa::available() {
                let fast = entropy(isa, &logits)?;
                if (fast - found.entropy).abs() > 1e-12 {
                    let (isa, slow) = (isa.name(), found.entropy);
                    return Err(Stop::Unknown(format!("entropy {fast} on {isa}, and {slow} in plain f64")));
                }
            }
            found
        }
    };
    Ok(json!({ "entropy": found.entropy, "max_prob": found.max_prob, "evidence": found.evidence }))
}
