//! `dera`: logits between, and beyond, those of two models.

use serde_json::{Value, json};
use trueline_core::Error;
use trueline_core::scoring::decode::realign::{realign_f32, realign_probabilities};
use trueline_core::scoring::score::Real;
use trueline_core::scoring::score::softmax::softmax;
use trueline_kernels::Isa;

use super::json::{list_to_json, number, numbers, numbers_f32};
use super::{Algorithm, Case, Stop, Width};

pub const ALGORITHM: Algorithm =
    Algorithm { widths: &[Width::F64, Width::F32], ..Algorithm::new("dera", run) };

fn run(case: &Case, width: Width) -> Result<Value, Stop> {
    let (reference, aligned) = (case.input("reference_logits"), case.input("aligned_logits"));
    let lambda = number(case.input("lambda"))?;
    let found = match width {
        Width::F64 => results(&numbers(reference)?, &numbers(aligned)?, lambda),
        Width::F32 => simd_results(&numbers_f32(reference)?, &numbers_f32(aligned)?, lambda as f32),
    };
    Ok(found?)
}

fn simd_results(reference: &[f32], aligned: &[f32], lambda: f32) -> Result<Value, Error> {
    let (mut logits, mut probabilities) = (reference.to_vec(), vec![0.0; reference.len()]);
    let argmax = realign_f32(Isa::best(), reference, aligned, lambda, &mut logits)?;
    softmax(&logits, &mut probabilities)?;
    Ok(json!({ "logits": list_to_json(&logits), "probs": list_to_json(&probabilities), "argmax": argmax }))
}

fn results<T: Real>(reference: &[T], aligned: &[T], lambda: f64) -> Result<Value, Error> {
    let (mut logits, mut probabilities) = (reference.to_vec(), vec![0.0; reference.len()]);
    let argmax = realign_probabilities(reference, aligned, lambda, &mut logits, &mut probabilities)?;
    Ok(json!({ "logits": list_to_json(&logits), "probs": list_to_json(&probabilities), "argmax": argmax }))
}
