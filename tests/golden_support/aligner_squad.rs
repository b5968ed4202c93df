//! `aligner_squad`: inspectors gate correctors.

use serde_json::{Value, json};
use trueline_core::Error;
use trueline_core::scoring::correct::squad::{Order, Squad, run as run_squad};

use super::json::{number, numbers, rows};
use super::{Algorithm, Case, Stop, Width};

pub const ALGORITHM: Algorithm = Algorithm::new("aligner_squad", run);

const CRITERIA: [&str; 3] = ["factuality", "ethical", "helpful"];

struct Toy {
    /// Of each item.
    scores: Vec<Vec<f64>>,
    gain: Vec<f64>,
    side_effect: Vec<f64>,
}

impl Squad for Toy {
    fn scores(&mut self, item: usize) -> Result<Vec<f64>, Error> {
        Ok(self.scores[item].clone())
    }

    fn correct(&mut self, criterion: usize, item: usize) -> Result<(), Error> {
        for (other, score) in self.scores[item].iter_mut().enumerate() {
            let change = if other == criterion {
                self.gain[criterion]
            } else {
                self.side_effect[criterion * 3 + other]
            };
            *score = (*score + change).clamp(0.0, 1.0);
        }
        Ok(())
    }
}

fn run(case: &Case, _: Width) -> Result<Value, Stop> {
    let by_inspector = CRITERIA.map(|name| numbers(&case.input("inspector_scores")[name]));
    let [a, b, c] = by_inspector;
    let (a, b, c) = (a?, b?, c?);
    let n_items = a.len();
    let scores = (0..n_items).map(|item| vec![a[item], b[item], c[item]]).collect();
    let (side_effect, ..) = rows(case.input("toy_side_effect"))?;
    let mut toy = Toy { scores, gain: numbers(case.input("toy_gain"))?, side_effect };
    let trace = run_squad(&mut toy, n_items, number(case.input("threshold"))?, Order::Batch)?;
    let names = |criteria: &[usize]| criteria.iter().map(|at| json!(CRITERIA[*at])).collect::<Value>();
    let order = trace.order.first().cloned().unwrap_or_default();
    let first = |applied: &Vec<usize>| json!(applied.first() == order.first());
    Ok(json!({
        "order": names(&order),
        "first_pass_applied": trace.applied.iter().map(first).collect::<Value>(),
        "applied": trace.applied.iter().map(|applied| names(applied)).collect::<Value>(),
        "final_scores": (0..3)
            .map(|at| trace.scores.iter().map(|scores| json!(scores[at])).collect::<Value>())
            .collect::<Value>(),
    }))
}
