//! `windowed_moderation`: layout of windows, their verdict, and hysteresis over a stream.

use serde_json::{Value, json};
use trueline_core::scoring::guard::stream::Hysteresis;
use trueline_core::scoring::guard::window::{Category, Statistics, aggregate, layout};

use super::json::{count, number, numbers, rows, to_json};
use super::{Algorithm, Case, Stop, Width};

pub const ALGORITHM: Algorithm = Algorithm::new("windowed_moderation", run);

fn run(case: &Case, _: Width) -> Result<Value, Stop> {
    match case.op() {
        "layout" => {
            let of = |key| count(case.input(key));
            let windows = layout(of("tokens")?, of("window")?, of("stride")?)?;
            let windows: Value = windows.map(|window| json!([window.start, window.end])).collect();
            Ok(json!({ "windows": windows }))
        }
        "aggregate" => run_aggregate(case),
        "stream" => {
            let of = |key| number(case.input(key));
            let mut stream = Hysteresis::new(of("high")?, of("low")?, of("decay")?, false)?;
            let mut trace = Vec::new();
            for score in numbers(case.input("scores"))? {
                let (ema, blocked) = stream.push(score)?;
                trace.push(json!({ "ema": ema, "blocked": blocked }));
            }
            Ok(json!({ "trace": trace }))
        }
        _ => Err(case.unknown_op()),
    }
}

fn run_aggregate(case: &Case) -> Result<Value, Stop> {
    let (scores, ..) = rows(case.input("scores"))?;
    let thresholds = numbers(case.input("thresholds"))?;
    let (mut categories, mut invalid) = (vec![Category::default(); thresholds.len()], Vec::new());
    let verdict = aggregate(&scores, &thresholds, &mut categories, &mut invalid)?;
    let column = |of: fn(&Statistics) -> Value| -> Value {
        categories.iter().map(|category| category.statistics.as_ref().map_or(Value::Null, of)).collect()
    };
    let flagged = categories.iter().enumerate().filter(|(_, category)| category.flagged);
    Ok(json!({
        "max": column(|found| to_json(found.max)),
        "argmax_window": column(|found| json!(found.argmax_window)),
        "noisy_or": column(|found| to_json(found.noisy_or)),
        "mean": column(|found| to_json(found.mean)),
        "flagged": flagged.map(|(position, _)| position).collect::<Vec<_>>(),
        "block": verdict.block,
        "invalid_windows": invalid,
    }))
}
