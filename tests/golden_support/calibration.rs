//! `calibration`: thresholds with a guarantee, and how far probabilities are from the labels.

use serde_json::{Value, json};
use trueline_core::scoring::guard::threshold::{Risk, risk_control_miss, split_conformal, threshold_at_fpr};
use trueline_core::scoring::score::calibrate::calibration;

use super::json::{count, labels, list_to_json, number, numbers, to_json};
use super::{Algorithm, Case, Stop, Width};

pub const ALGORITHM: Algorithm = Algorithm::new("calibration", run);

fn run(case: &Case, _: Width) -> Result<Value, Stop> {
    let (input, scores) = (|key| case.input(key), || numbers(case.input("scores")));
    match case.op() {
        "split_quantile" => {
            let found = split_conformal(&scores()?, number(input("alpha"))?)?;
            Ok(json!({ "k": found.k, "quantile": to_json(found.quantile) }))
        }
        "threshold_at_fpr" => {
            let max_fpr = number(input("max_fpr"))?;
            let found = threshold_at_fpr(&scores()?, &labels(input("labels"))?, max_fpr)?;
            Ok(json!({ "threshold": to_json(found.threshold), "fpr": found.fpr, "tpr": found.tpr }))
        }
        "risk_control_miss" => {
            let (grid, labels) = (numbers(input("lambda_grid"))?, labels(input("labels"))?);
            let (alpha, bound) = (number(input("alpha"))?, number(input("loss_bound"))?);
            let mut risks = vec![Risk::default(); grid.len()];
            let choice = risk_control_miss(&scores()?, &labels, &grid, alpha, bound, &mut risks)?;
            Ok(json!({
                "risk": risks.iter().map(|found| found.risk).collect::<Vec<_>>(),
                "adjusted": risks.iter().map(|found| found.adjusted).collect::<Vec<_>>(),
                "index": choice.map(|choice| choice.index),
                "block_at": choice.map(|choice| choice.block_at),
            }))
        }
        "calibration" => {
            let (logits, labels) = (numbers(input("logits"))?, labels(input("labels"))?);
            let mut probabilities = vec![0.0; logits.len()];
            let (temperature, n_bins) = (number(input("temperature"))?, count(input("bins"))?);
            let found = calibration(&logits, &labels, temperature, n_bins, &mut probabilities)?;
            Ok(json!({
                "probs": list_to_json(&probabilities),
                "ece": found.ece,
                "brier": found.brier,
                "nll": found.nll,
            }))
        }
        _ => Err(case.unknown_op()),
    }
}
