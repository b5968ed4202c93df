//! How good scores are at telling harmful items from harmless ones.

use crate::Error;
use crate::scoring::order;
use crate::scoring::refuse::{all_finite, invalid, same_length};

/// Figures of one set of scores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranking {
    /// Items.
    pub n: usize,
    /// Harmful items.
    pub n_positive: usize,
    /// Area under the receiver operating characteristic; ties count half.
    pub auroc: f64,
    /// Area under precision over recall, by average precision.
    pub auprc: f64,
}

/// Area under both curves.
///
/// # Shapes
/// `scores` and `labels`: `[n]`; `labels[i]` is whether item `i` is harmful.
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if the lengths differ, a score is not finite, or all labels are alike.
/// # Cost
/// `O(n log n)`.
pub fn ranking(scores: &[f64], labels: &[bool]) -> Result<Ranking, Error> {
    let items = sorted(scores, labels)?;
    let n = items.len();
    let n_positive = labels.iter().filter(|l| **l).count();
    let n_negative = n - n_positive;
    if n_positive == 0 || n_negative == 0 {
        return Err(invalid(format!(
            "{n_positive} harmful and {n_negative} harmless items; there is one of both"
        )));
    }
    let (mut above, mut pairs, mut precision) = (0_usize, 0.0, 0.0);
    let mut seen = 0;
    for equal in items.chunk_by(|a, b| a.0 == b.0) {
        let harmful = equal.iter().filter(|item| item.1).count();
        let harmless = equal.len() - harmful;
        pairs += harmless as f64 * (above as f64 + harmful as f64 / 2.0);
        above += harmful;
        seen += equal.len();
        precision += harmful as f64 * above as f64 / seen as f64;
    }
    Ok(Ranking {
        n,
        n_positive,
        auroc: pairs / (n_positive as f64 * n_negative as f64),
        auprc: precision / n_positive as f64,
    })
}

/// The largest share of harmful items that some threshold flags while it flags at most the share `max_fpr` of the others.
///
/// # Errors
/// As [`ranking`]; [`Code::InvalidArgument`](crate::Code::InvalidArgument) for `max_fpr` outside `[0, 1]`.
pub fn recall_at_fpr(scores: &[f64], labels: &[bool], max_fpr: f64) -> Result<f64, Error> {
    let found = crate::scoring::guard::threshold::threshold_at_fpr(scores, labels, max_fpr)?;
    found.tpr.ok_or_else(|| invalid("no harmful item; recall takes at least one"))
}

/// Counts of a decision against labels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Confusion {
    /// Harmful and flagged.
    pub true_positive: usize,
    /// Harmless and flagged.
    pub false_positive: usize,
    /// Harmless and not flagged.
    pub true_negative: usize,
    /// Harmful and not flagged.
    pub false_negative: usize,
}

impl Confusion {
    /// Counts one item.
    pub fn add(&mut self, harmful: bool, flagged: bool) {
        let slot = match (harmful, flagged) {
            (true, true) => &mut self.true_positive,
            (false, true) => &mut self.false_positive,
            (false, false) => &mut self.true_negative,
            (true, false) => &mut self.false_negative,
        };
        *slot += 1;
    }

    /// Harmful items.
    pub fn positives(&self) -> usize {
        self.true_positive + self.false_negative
    }

    /// Harmless items.
    pub fn negatives(&self) -> usize {
        self.false_positive + self.true_negative
    }

    /// The share of what is flagged that is harmful; `None` if nothing is flagged.
    pub fn precision(&self) -> Option<f64> {
        share(self.true_positive, self.true_positive + self.false_positive, 1)
    }

    /// The share of what is harmful that is flagged; `None` without any.
    pub fn recall(&self) -> Option<f64> {
        share(self.true_positive, self.positives(), 1)
    }

    /// The share of harmless items that are flagged; `None` for fewer than `least` of them.
    pub fn false_positive_rate(&self, least: usize) -> Option<f64> {
        share(self.false_positive, self.negatives(), least)
    }

    /// The share of harmful items that are missed; `None` for fewer than `least` of them.
    pub fn miss_rate(&self, least: usize) -> Option<f64> {
        share(self.false_negative, self.positives(), least)
    }
}

fn share(part: usize, whole: usize, least: usize) -> Option<f64> {
    (whole >= least.max(1)).then(|| part as f64 / whole as f64)
}

/// What two filters say of the same items.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Agreement {
    /// Both flag.
    pub both: usize,
    /// Only the first flags.
    pub first_only: usize,
    /// Only the second flags.
    pub second_only: usize,
    /// Neither flags.
    pub neither: usize,
}

impl Agreement {
    /// Counts one item.
    pub fn add(&mut self, first: bool, second: bool) {
        let slot = match (first, second) {
            (true, true) => &mut self.both,
            (true, false) => &mut self.first_only,
            (false, true) => &mut self.second_only,
            (false, false) => &mut self.neither,
        };
        *slot += 1;
    }

    /// Items.
    pub fn n(&self) -> usize {
        self.both + self.first_only + self.second_only + self.neither
    }

    /// The share of items on which they conflict; `None` without an item.
    pub fn conflict(&self) -> Option<f64> {
        share(self.first_only + self.second_only, self.n(), 1)
    }

    /// Cohen's kappa: agreement beyond chance; `None` without an item, or where chance alone explains all of it.
    pub fn kappa(&self) -> Option<f64> {
        let n = self.n() as f64;
        let agreed = (self.both + self.neither) as f64 / n;
        let first = (self.both + self.first_only) as f64 / n;
        let second = (self.both + self.second_only) as f64 / n;
        let chance = first * second + (1.0 - first) * (1.0 - second);
        (self.n() > 0 && chance < 1.0).then(|| (agreed - chance) / (1.0 - chance))
    }
}

/// Items, the highest score first.
fn sorted(scores: &[f64], labels: &[bool]) -> Result<Vec<(f64, bool)>, Error> {
    same_length(("scores", scores.len()), ("labels", labels.len()))?;
    all_finite("score", scores.iter().copied())?;
    let mut items: Vec<_> = scores.iter().copied().zip(labels.iter().copied()).collect();
    order::sort(&mut items, |a, b| b.0.total_cmp(&a.0));
    Ok(items)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_equal_the_count_of_pairs() {
        let scores = [0.9, 0.8, 0.8, 0.4, 0.4, 0.1];
        let labels = [true, false, true, true, false, false];
        let found = ranking(&scores, &labels).expect("both kinds");
        let mut pairs = 0.0;
        for (a, _) in scores.iter().zip(labels).filter(|(_, l)| *l) {
            for (b, _) in scores.iter().zip(labels).filter(|(_, l)| !*l) {
                pairs += if a > b {
                    1.0
                } else if a == b {
                    0.5
                } else {
                    0.0
                };
            }
        }
        assert!((found.auroc - pairs / 9.0).abs() < 1e-12);
        // Average precision by hand: 1/1 at 0.9, 2/3 at 0.8, 3/5 at 0.4.
        assert!((found.auprc - (1.0 + 2.0 / 3.0 + 3.0 / 5.0) / 3.0).abs() < 1e-12);
        assert_eq!(recall_at_fpr(&scores, &labels, 0.0), Ok(1.0 / 3.0));
        assert!(ranking(&scores, &[true; 6]).is_err() && ranking(&[f64::NAN, 0.0], &[true, false]).is_err());
    }

    #[test]
    fn rates_need_items_and_agreement_needs_more_than_chance() {
        let mut table = Confusion::default();
        for n in 0..40 {
            table.add(n < 10, n % 4 == 0);
        }
        assert_eq!((table.positives(), table.negatives(), table.true_positive), (10, 30, 3));
        assert_eq!((table.miss_rate(30), table.false_positive_rate(30)), (None, Some(7.0 / 30.0)));
        assert_eq!((table.recall(), table.precision()), (Some(0.3), Some(0.3)));
        assert_eq!(Confusion::default().precision(), None);
        let mut agreement = Agreement::default();
        assert_eq!((agreement.kappa(), agreement.conflict()), (None, None));
        for (a, b) in [(true, true), (false, false), (true, false), (false, false)] {
            agreement.add(a, b);
        }
        assert_eq!((agreement.conflict(), agreement.kappa()), (Some(0.25), Some(0.5)));
    }
}
