//! Links from any scores of word pairs, attention or losses, by the rules of "Leveraging Neural Machine Translation for Word
//! Alignment" (Zouhar and Pylypenko 2021).

use super::{Link, Matrix};
use crate::Error;
use crate::scoring::refuse::{all_finite, invalid};

/// Which pairs are linked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// A1: every source word with its best targets, all that share the maximum.
    Best,
    /// A2: scores of at least this.
    AtLeast(f64),
    /// A3: scores of at least `min(share * max, max / share)` of the source word's best, with a share in `0..=1`. The
    /// minimum is for negative scores. A share of 0 links all.
    ShareOfSource(f64),
    /// A4: the same of the target word's best.
    ShareOfTarget(f64),
}

/// Pushes the links of a rule, in source order.
///
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) for a threshold that is not finite, or a share outside `0..=1`.
/// # Cost
/// Two passes. No allocation but for a list of targets once `links` has room.
/// # Source
/// Golden file `leverage_extract.json`.
pub fn extract(scores: Matrix, rule: Rule, links: &mut Vec<Link>) -> Result<(), Error> {
    match rule {
        Rule::AtLeast(threshold) => all_finite("threshold", [threshold])?,
        Rule::ShareOfSource(share) | Rule::ShareOfTarget(share) if !(0.0..=1.0).contains(&share) => {
            return Err(invalid(format!("share {share}; it lies in 0..=1")));
        }
        _ => {}
    }
    let mut of_target = vec![f64::NEG_INFINITY; scores.n_target()];
    if matches!(rule, Rule::ShareOfTarget(_)) {
        for row in scores.rows() {
            of_target.iter_mut().zip(row).for_each(|(best, &score)| *best = best.max(score));
        }
    }
    for (source, row) in scores.rows().enumerate() {
        let of_source = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        for (target, &score) in row.iter().enumerate() {
            let linked = match rule {
                Rule::Best => score == of_source,
                Rule::AtLeast(threshold) => score >= threshold,
                Rule::ShareOfSource(share) => score >= least(share, of_source),
                Rule::ShareOfTarget(share) => score >= least(share, of_target[target]),
            };
            if linked {
                links.push(Link::new(source, target));
            }
        }
    }
    Ok(())
}

fn least(share: f64, best: f64) -> f64 {
    if share == 0.0 { f64::NEG_INFINITY } else { (share * best).min(best / share) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn negative_scores_have_shares_too() {
        let scores = [-1.0, -2.0, -10.0];
        let of = |rule| {
            let mut links = Vec::new();
            extract(Matrix::new(&scores, 1, 3).expect("three"), rule, &mut links).map(|()| links.len())
        };
        assert_eq!(of(Rule::ShareOfSource(0.5)), Ok(2));
        assert_eq!(of(Rule::ShareOfSource(0.0)), Ok(3));
        assert_eq!(of(Rule::ShareOfTarget(1.0)), Ok(3));
        assert_eq!((of(Rule::Best), of(Rule::AtLeast(-9.0))), (Ok(1), Ok(2)));
        assert!(of(Rule::ShareOfSource(1.1)).is_err() && of(Rule::AtLeast(f64::NAN)).is_err());
    }
}
