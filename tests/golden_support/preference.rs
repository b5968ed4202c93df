//! `preference`: margins, accuracies, running shift and ranking loss.

use serde_json::{Value, json};
use trueline_core::scoring::preference::{
    Answer, Shift, dpo, length_normalised_dpo, rank_loss, ranking_accuracy,
};

use super::json::{counts, list, number, numbers};
use super::{Algorithm, Case, Stop, Width};

pub const ALGORITHM: Algorithm = Algorithm::new("preference", run);

fn run(case: &Case, _: Width) -> Result<Value, Stop> {
    let beta = || number(case.input("beta"));
    match case.op() {
        "pairs" => {
            let answers = |policy, reference, lengths| -> Result<Vec<Answer>, Stop> {
                let (policy, reference) = (numbers(case.input(policy))?, numbers(case.input(reference))?);
                let lengths = counts(case.input(lengths))?;
                let answer =
                    |i: usize| Answer { policy: policy[i], reference: reference[i], len: lengths[i] as u64 };
                Ok((0..policy.len()).map(answer).collect())
            };
            let chosen = answers("policy_chosen", "ref_chosen", "len_chosen")?;
            let rejected = answers("policy_rejected", "ref_rejected", "len_rejected")?;
            let beta = beta()?;
            let accuracy = |of: &dyn Fn(&Answer) -> f64| -> Result<Value, Stop> {
                let read = |answers: &[Answer]| answers.iter().map(of).collect::<Vec<f64>>();
                let found = ranking_accuracy(&read(&chosen), &read(&rejected))?;
                Ok(json!({ "strict": found.strict, "half_ties": found.half_ties }))
            };
            let pairs = || chosen.iter().zip(&rejected);
            let plain = pairs().map(|(c, r)| dpo(*c, *r, beta)).collect::<Result<Vec<_>, _>>()?;
            let by_len =
                pairs().map(|(c, r)| length_normalised_dpo(*c, *r, beta)).collect::<Result<Vec<_>, _>>()?;
            let rewards = |answers: &[Answer]| answers.iter().map(|a| a.reward(beta)).collect::<Vec<_>>();
            Ok(json!({
                "reward_chosen": rewards(&chosen),
                "reward_rejected": rewards(&rejected),
                "dpo_margin": plain.iter().map(|m| m.margin).collect::<Vec<_>>(),
                "dpo_loss": plain.iter().map(|m| m.loss).collect::<Vec<_>>(),
                "dpo_prob": plain.iter().map(|m| m.probability).collect::<Vec<_>>(),
                "ln_dpo_margin": by_len.iter().map(|m| m.margin).collect::<Vec<_>>(),
                "ln_dpo_loss": by_len.iter().map(|m| m.loss).collect::<Vec<_>>(),
                "ranking_accuracy_policy": accuracy(&|a| a.policy)?,
                "ranking_accuracy_implicit": accuracy(&|a| a.reward(beta))?,
                "ranking_accuracy_ln_policy": accuracy(&|a| a.policy / a.len as f64)?,
            }))
        }
        "bco_stream" => {
            let (mut shift, beta, mut steps) = (Shift::default(), beta()?, Vec::new());
            for batch in list(case.input("batches"))? {
                let rewards = |policy: &str, reference: &str| -> Result<Vec<f64>, Stop> {
                    let (policy, reference) = (numbers(&batch[policy])?, numbers(&batch[reference])?);
                    Ok(policy.iter().zip(&reference).map(|(p, r)| beta * (p - r)).collect())
                };
                let good = rewards("policy_chosen", "ref_chosen")?;
                let bad = rewards("policy_rejected", "ref_rejected")?;
                shift.update(&[&good[..], &bad].concat())?;
                let losses = good.iter().map(|&r| shift.loss(r, true));
                let losses: Vec<f64> = losses.chain(bad.iter().map(|&r| shift.loss(r, false))).collect();
                steps.push(json!({
                    "losses": losses, "delta": shift.mean, "var": shift.variance, "count": shift.count,
                }));
            }
            Ok(json!({ "steps": steps }))
        }
        "rank_loss" => {
            let scores = numbers(case.input("scores_best_to_worst"))?;
            Ok(json!({ "loss": rank_loss(&scores)?, "pairs": scores.len() * (scores.len() - 1) / 2 }))
        }
        _ => Err(case.unknown_op()),
    }
}
