//! Inspectors that decide which of a squad of correctors run, and in which order.

use crate::Error;
use crate::scoring::order;
use crate::scoring::refuse::{all_finite, invalid};

/// The inspectors and correctors, one of each for every criterion, and the answers that they see.
pub trait Squad {
    /// How aligned an item's answer is, by each inspector: probabilities, high is good.
    ///
    /// # Errors
    /// Whatever stopped the models; it ends the run.
    fn scores(&mut self, item: usize) -> Result<Vec<f64>, Error>;

    /// Replaces an item's answer by a corrector's.
    ///
    /// # Errors
    /// As above.
    fn correct(&mut self, criterion: usize, item: usize) -> Result<(), Error>;
}

/// Whose scores decide the order of the correctors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Each item's own.
    #[default]
    Item,
    /// The means over all items, as in the original: an item's result then depends on its company.
    Batch,
}

/// What was run.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// For each item the criteria in the order in which they were looked at, worst first.
    pub order: Vec<Vec<usize>>,
    /// For each item the correctors that ran, in order.
    pub applied: Vec<Vec<usize>>,
    /// For each item the scores of its last answer.
    pub scores: Vec<Vec<f64>>,
}

/// Runs the correctors of each item whose inspector's score is below `threshold`, worst criterion first; equal ones in the
/// order given. All inspectors look again after each correction.
///
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if there are no inspectors, they are not as many for all items,
/// or a score is not finite; else whatever stopped a model.
/// # Source
/// Ngweta et al. 2024; golden file `aligner_squad.json`.
pub fn run(squad: &mut impl Squad, n_items: usize, threshold: f64, order: Order) -> Result<Trace, Error> {
    all_finite("threshold", [threshold])?;
    let mut scores = Vec::with_capacity(n_items);
    for item in 0..n_items {
        scores.push(squad.scores(item)?);
    }
    let n = scores.first().map_or(0, Vec::len);
    for (item, scores) in scores.iter().enumerate() {
        check(item, scores, n)?;
    }
    let ascending = |scores: &dyn Fn(usize) -> f64| -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        order::places(&mut order, &mut |a, b| scores(a).total_cmp(&scores(b)));
        order
    };
    let order: Vec<Vec<usize>> = match order {
        Order::Item => scores.iter().map(|scores| ascending(&|criterion| scores[criterion])).collect(),
        Order::Batch => {
            let mean = |criterion: usize| {
                scores.iter().map(|scores| scores[criterion]).sum::<f64>() / n_items as f64
            };
            vec![ascending(&mean); n_items]
        }
    };
    let mut applied = vec![Vec::new(); n_items];
    for item in 0..n_items {
        for &criterion in &order[item] {
            if scores[item][criterion] < threshold {
                squad.correct(criterion, item)?;
                applied[item].push(criterion);
                scores[item] = squad.scores(item)?;
                check(item, &scores[item], n)?;
            }
        }
    }
    Ok(Trace { order, applied, scores })
}

fn check(item: usize, scores: &[f64], n: usize) -> Result<(), Error> {
    if scores.is_empty() || scores.len() != n {
        return Err(invalid(format!(
            "item {item} has {} scores, the first {n}; as many, and at least 1",
            scores.len()
        )));
    }
    all_finite(&format!("item {item}'s score"), scores.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Toy(Vec<Vec<f64>>);

    impl Squad for Toy {
        fn scores(&mut self, item: usize) -> Result<Vec<f64>, Error> {
            Ok(self.0[item].clone())
        }

        fn correct(&mut self, criterion: usize, item: usize) -> Result<(), Error> {
            self.0[item][criterion] += 0.5;
            Ok(())
        }
    }

    #[test]
    fn company_changes_the_order_only_if_asked_to() {
        let scores = || Toy(vec![vec![0.1, 0.2], vec![0.5, 0.1]]);
        let own = run(&mut scores(), 2, 0.5, Order::Item).expect("a run");
        assert_eq!((own.order, own.applied), (vec![vec![0, 1], vec![1, 0]], vec![vec![0, 1], vec![1]]));
        let batch = run(&mut scores(), 2, 0.5, Order::Batch).expect("a run");
        assert_eq!(batch.applied, [vec![1, 0], vec![1]]);
        assert_eq!(run(&mut Toy(Vec::new()), 0, 0.5, Order::Batch).map(|trace| trace.order), Ok(Vec::new()));
        for bad in [vec![vec![]], vec![vec![0.1], vec![]], vec![vec![f64::NAN]]] {
            assert!(run(&mut Toy(bad.clone()), bad.len(), 0.5, Order::Item).is_err());
        }
    }
}
