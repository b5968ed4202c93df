//! `best_of_n`: closed forms, exact laws, choice and calibration.

use serde_json::{Value, json};
use trueline_core::scoring::decode::best_of::{
    Calibration, Transform, best, gaussian_bound, gaussian_expected_max, kl_bound, law, win_rate, worst,
};

use super::json::{count, list_to_json, number, numbers, to_json};
use super::{Algorithm, Case, Stop, Width};

pub const ALGORITHM: Algorithm = Algorithm::new("best_of_n", run);

fn run(case: &Case, _: Width) -> Result<Value, Stop> {
    let n = || -> Result<u64, Stop> { Ok(count(case.input("n"))? as u64) };
    match case.op() {
        "bounds" => Ok(json!({ "kl_nats": kl_bound(n()?)?, "win_rate": win_rate(n()?)? })),
        "exact_discrete" => {
            let (p, rewards) = (numbers(case.input("probs"))?, numbers(case.input("rewards"))?);
            let law = law(&p, &rewards, n()?)?;
            Ok(json!({
                "bon_probs": list_to_json(&law.probabilities),
                "kl_nats": law.kl,
                "win_rate_half_ties": law.win_rate,
                "kl_bound": kl_bound(n()?)?,
            }))
        }
        "select" => {
            let scores = numbers(case.input("scores"))?;
            Ok(json!({ "best": best(&scores), "worst": worst(&scores) }))
        }
        "calibrate" => {
            let calibration = Calibration::new(numbers(case.input("calibration_rewards"))?)?;
            let found = calibration.of(number(case.input("reward"))?)?;
            let t = number(case.input("t"))?;
            let of = |transform: Transform| to_json(transform.of(found.middle));
            Ok(json!({
                "u_strict": found.strict,
                "u_le": found.up_to,
                "u_mid": found.middle,
                "identity": of(Transform::Identity),
                "log": of(Transform::Log),
                "exp_transform_raw": of(Transform::Exponential(t)),
                "exp_transform_normalised": of(Transform::NormalisedExponential(t)),
            }))
        }
        "gaussian_expected_max" => {
            let sigma = number(case.input("sigma"))?;
            Ok(json!({
                "value": sigma * gaussian_expected_max(n()?)?,
                "lower_bound_used": sigma * gaussian_bound(n()?)?,
            }))
        }
        _ => Err(case.unknown_op()),
    }
}
