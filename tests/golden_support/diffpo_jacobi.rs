//! `diffpo_jacobi`: a draft refined as a whole.

use serde_json::{Value, json};
use trueline_core::scoring::correct::jacobi::refine;

use super::json::{count, counts};
use super::{Algorithm, Case, Stop, Width};

pub const ALGORITHM: Algorithm = Algorithm::new("diffpo_jacobi", run);

fn run(case: &Case, _: Width) -> Result<Value, Stop> {
    let (prompt, draft) = (counts(case.input("prompt"))?, counts(case.input("initial"))?);
    let toy = |key: &str| count(&case.input("toy_model")[key]);
    let (a, c, d, order) = (toy("a")?, toy("c")?, toy("d")?, toy("order")?);
    let b = if order > 1 { toy("b")? } else { 0 };
    let vocab = count(case.input("vocab"))?;
    let predict = |tokens: &[u32], next: &mut [u32]| {
        for (t, next) in next.iter_mut().enumerate() {
            let x = |at: usize| tokens[at] as usize;
            let mut sum = d * t + c + a * x(t);
            if order > 1 && t >= 1 {
                sum += b * x(t - 1);
            }
            if order > 2 && t >= 2 {
                sum += x(t - 2);
            }
            *next = (sum % vocab) as u32;
        }
        Ok(())
    };
    let start: Vec<u32> = prompt.iter().chain(&draft).map(|token| *token as u32).collect();
    let mut tokens = start.clone();
    let refined = refine(&mut tokens, prompt.len(), count(case.input("max_iter"))?, predict)?;
    let mut greedy = start;
    refine(&mut greedy, prompt.len(), draft.len() + 1, predict)?;
    Ok(json!({
        "output": tokens[prompt.len()..],
        "model_calls": refined.calls,
        "converged": refined.converged,
        "greedy_autoregressive": greedy[prompt.len()..],
    }))
}
