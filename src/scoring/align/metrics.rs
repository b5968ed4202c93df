//! How good links are, against gold links that are sure or possible.

use std::collections::BTreeSet;

use super::Link;
use super::pharaoh::Links;
use crate::Error;
use crate::scoring::refuse::{all_finite, invalid, same_length};

/// Precision, recall, alignment error rate and F1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Scores {
    /// `|A and P| / |A|`.
    pub precision: f64,
    /// `|A and S| / |S|`.
    pub recall: f64,
    /// `1 - (|A and S| + |A and P|) / (|A| + |S|)`.
    pub aer: f64,
    /// The harmonic mean of precision and recall; 0 if both are.
    pub f1: f64,
}

/// Sums over a corpus, of links or of their weights.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Totals {
    /// Of the hypothesis, `A`.
    pub hypothesis: f64,
    /// Of the sure gold links, `S`.
    pub sure: f64,
    /// Of `A` and the possible gold links, `P`.
    pub hypothesis_and_possible: f64,
    /// Of `A` and `S`.
    pub hypothesis_and_sure: f64,
}

impl Totals {
    /// Adds a sentence pair, each link worth 1. Och and Ney 2003.
    pub fn add(&mut self, hypothesis: &BTreeSet<Link>, gold: &Links) {
        self.add_weighted(hypothesis, gold, |_| 1.0);
    }

    fn add_weighted(&mut self, hypothesis: &BTreeSet<Link>, gold: &Links, weight: impl Fn(&Link) -> f64) {
        let sum = |links: &mut dyn Iterator<Item = &Link>| links.map(&weight).sum::<f64>();
        self.hypothesis += sum(&mut hypothesis.iter());
        self.sure += sum(&mut gold.sure.iter());
        self.hypothesis_and_possible += sum(&mut hypothesis.intersection(&gold.possible));
        self.hypothesis_and_sure += sum(&mut hypothesis.intersection(&gold.sure));
    }

    /// The scores of the corpus, micro-averaged. An empty hypothesis has precision and recall 0 and error rate 1.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::Code::InvalidArgument) if there are links but no sure ones in gold.
    pub fn scores(&self) -> Result<Scores, Error> {
        if self.hypothesis == 0.0 {
            return Ok(Scores { aer: 1.0, ..Scores::default() });
        }
        if self.sure == 0.0 {
            return Err(invalid("no sure links among the gold links; recall divides by how many there are"));
        }
        let precision = self.hypothesis_and_possible / self.hypothesis;
        let recall = self.hypothesis_and_sure / self.sure;
        let hits = self.hypothesis_and_sure + self.hypothesis_and_possible;
        let aer = 1.0 - hits / (self.hypothesis + self.sure);
        Ok(Scores { precision, recall, aer, f1: harmonic(precision, recall) })
    }
}

/// Scores of a corpus of sentence pairs.
///
/// # Errors
/// [`InvalidArgument`](crate::Code::InvalidArgument) if there are more of one than of the other, or no sure links.
/// # Cost
/// One merge for each pair of sorted links.
pub fn corpus(hypotheses: &[BTreeSet<Link>], gold: &[Links]) -> Result<Scores, Error> {
    same_length(("hypotheses", hypotheses.len()), ("gold alignments", gold.len()))?;
    let mut totals = Totals::default();
    for (hypothesis, gold) in hypotheses.iter().zip(gold) {
        totals.add(hypothesis, gold);
    }
    totals.scores()
}

/// One sentence pair of spoken text.
#[derive(Clone, Copy, Debug)]
pub struct Spoken<'a> {
    /// Links; none twice.
    pub hypothesis: &'a [Link],
    /// Gold links.
    pub gold: &'a Links,
    /// Seconds of each source word, 0 without timing.
    pub source_seconds: &'a [f64],
    /// Seconds of each target word; `None` for text, each word of which weighs 1.
    pub target_seconds: Option<&'a [f64]>,
}

/// Time-weighted scores (TW-SAER): each link weighs the seconds of its source word times those of its target word.
/// SpeechAlign, Alastruey et al. 2024; without weights it is [`corpus`].
///
/// # Errors
/// [`InvalidArgument`](crate::Code::InvalidArgument) for a link given twice or beyond the words, for seconds that are
/// negative or not finite, and if hypothesis or sure links weigh nothing in all.
pub fn time_weighted(pairs: &[Spoken]) -> Result<Scores, Error> {
    let mut totals = Totals::default();
    for (number, pair) in pairs.iter().enumerate() {
        for (name, seconds) in [("source", Some(pair.source_seconds)), ("target", pair.target_seconds)] {
            let seconds = seconds.unwrap_or_default();
            all_finite(&format!("pair {number}: seconds of {name} word"), seconds.iter().copied())?;
            if let Some(at) = seconds.iter().position(|&s| s < 0.0) {
                let s = seconds[at];
                return Err(invalid(format!(
                    "pair {number}: seconds of {name} word {at} are {s}; at least 0"
                )));
            }
        }
        let n_target = pair.target_seconds.map_or(usize::MAX, <[f64]>::len);
        let all = pair.hypothesis.iter().chain(&pair.gold.possible).chain(&pair.gold.sure);
        for Link { source, target } in all {
            if *source >= pair.source_seconds.len() || *target >= n_target {
                return Err(invalid(format!(
                    "pair {number}: link {source}-{target} lies beyond the timed words"
                )));
            }
        }
        let links: BTreeSet<Link> = pair.hypothesis.iter().copied().collect();
        if links.len() != pair.hypothesis.len() {
            return Err(invalid(format!("pair {number}: a link is given twice")));
        }
        totals.add_weighted(&links, pair.gold, |link| {
            pair.source_seconds[link.source] * pair.target_seconds.map_or(1.0, |seconds| seconds[link.target])
        });
    }
    if totals.hypothesis == 0.0 || totals.sure == 0.0 {
        let (a, s) = (totals.hypothesis, totals.sure);
        return Err(invalid(format!(
            "the hypothesis weighs {a} and the sure links {s} in all; both above 0"
        )));
    }
    totals.scores()
}

/// Shares that count words without links, too, averaged over sentence pairs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Macro {
    /// Over links.
    pub links: Shares,
    /// Over words without a link.
    pub null: Shares,
    /// Over both.
    pub total: Shares,
}

/// Means over sentence pairs, and the harmonic mean of the first two.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Shares {
    /// Of what was found, what is right.
    pub precision: f64,
    /// Of what is right, what was found.
    pub recall: f64,
    /// The harmonic mean of these means.
    pub f1: f64,
    /// Pairs in which all is right.
    pub exact_match: f64,
}

/// Counts of one sentence pair: what is right, what was found, what was to be found.
#[derive(Clone, Copy)]
struct Found {
    right: usize,
    found: usize,
    gold: usize,
    exact: bool,
}

/// Scores with unaligned words, as OTAlign (Arase et al. 2023) has them: gold is sure and possible links alike.
///
/// `lengths` has the source and target words of each pair.
///
/// # Errors
/// [`InvalidArgument`](crate::Code::InvalidArgument) if the lists differ in length or are empty, or a link lies beyond.
/// # Cost
/// One merge and one pass over the words for each pair.
pub fn with_null(
    hypotheses: &[BTreeSet<Link>],
    gold: &[Links],
    lengths: &[[usize; 2]],
) -> Result<Macro, Error> {
    same_length(("hypotheses", hypotheses.len()), ("gold alignments", gold.len()))?;
    same_length(("hypotheses", hypotheses.len()), ("pairs of lengths", lengths.len()))?;
    if hypotheses.is_empty() {
        return Err(invalid("no sentence pairs; there is at least one to take the mean of"));
    }
    let mut sums = Macro::default();
    for (number, ((hypothesis, gold), &lengths)) in hypotheses.iter().zip(gold).zip(lengths).enumerate() {
        let gold = &gold.possible;
        for Link { source, target } in hypothesis.iter().chain(gold) {
            let [n_source, n_target] = lengths;
            if *source >= n_source || *target >= n_target {
                return Err(invalid(format!(
                    "pair {number}: link {source}-{target} of {n_source} and {n_target} words"
                )));
            }
        }
        let links = Found {
            right: hypothesis.intersection(gold).count(),
            found: hypothesis.len(),
            gold: gold.len(),
            exact: hypothesis == gold,
        };
        let null = unlinked(hypothesis, gold, lengths);
        let total = Found {
            right: links.right + null.right,
            found: links.found + null.found,
            gold: links.gold + null.gold,
            exact: links.exact && null.exact,
        };
        sums.links.add(links);
        sums.null.add(null);
        sums.total.add(total);
    }
    for shares in [&mut sums.links, &mut sums.null, &mut sums.total] {
        shares.end(hypotheses.len() as f64);
    }
    Ok(sums)
}

/// Words of both sides that have no link.
fn unlinked(hypothesis: &BTreeSet<Link>, gold: &BTreeSet<Link>, [n_source, n_target]: [usize; 2]) -> Found {
    let mut all = Found { right: 0, found: 0, gold: 0, exact: true };
    for (n, side) in [(n_source, (|l| l.source) as fn(&Link) -> usize), (n_target, |l| l.target)] {
        let words = |links: &BTreeSet<Link>| links.iter().map(side).collect::<BTreeSet<_>>();
        let (found, wanted) = (words(hypothesis), words(gold));
        let either = found.union(&wanted).count();
        all.right += n - either;
        all.found += n - found.len();
        all.gold += n - wanted.len();
        all.exact &= found == wanted;
    }
    all
}

impl Shares {
    fn add(&mut self, Found { right, found, gold, exact }: Found) {
        // Of nothing, all is right if there was nothing to find.
        let share = |of: usize, other: usize| match of {
            0 => f64::from(u8::from(other == 0)),
            of => right as f64 / of as f64,
        };
        self.precision += share(found, gold);
        self.recall += share(gold, found);
        self.exact_match += f64::from(u8::from(exact));
    }

    fn end(&mut self, n: f64) {
        self.precision /= n;
        self.recall /= n;
        self.exact_match /= n;
        self.f1 = harmonic(self.precision, self.recall);
    }
}

fn harmonic(precision: f64, recall: f64) -> f64 {
    let sum = precision + recall;
    if sum == 0.0 { 0.0 } else { 2.0 * precision * recall / sum }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(pairs: &[(usize, usize)]) -> BTreeSet<Link> {
        pairs.iter().map(|&(s, t)| Link::new(s, t)).collect()
    }

    #[test]
    fn the_error_rate_is_what_f1_leaves_if_all_links_are_sure() {
        let gold = Links { possible: set(&[(0, 0), (1, 1), (2, 1)]), sure: set(&[(0, 0), (1, 1), (2, 1)]) };
        let scores = corpus(&[set(&[(0, 0), (2, 2)])], &[gold]).expect("scores");
        assert!((scores.aer - (1.0 - scores.f1)).abs() < 1e-12 && (scores.precision - 0.5).abs() < 1e-12);
    }

    #[test]
    fn what_cannot_be_divided_is_refused() {
        let possible = Links { possible: set(&[(0, 0)]), sure: BTreeSet::new() };
        let none = corpus(&[set(&[(0, 0)])], std::slice::from_ref(&possible));
        assert!(none.is_err_and(|e| e.message.contains("no sure links")));
        let empty = corpus(&[BTreeSet::new()], std::slice::from_ref(&possible)).expect("nothing was found");
        assert_eq!((empty.aer, empty.f1), (1.0, 0.0));
        assert!(corpus(&[], std::slice::from_ref(&possible)).is_err());
        assert!(with_null(&[], &[], &[]).is_err());
        assert!(with_null(&[set(&[(0, 4)])], std::slice::from_ref(&possible), &[[1, 1]]).is_err());
        let twice = [Link::new(0, 0), Link::new(0, 0)];
        let spoken = |hypothesis, seconds| {
            let gold = &Links { possible: set(&[(0, 0)]), sure: set(&[(0, 0)]) };
            time_weighted(&[Spoken { hypothesis, gold, source_seconds: seconds, target_seconds: None }])
        };
        assert!(spoken(&twice, &[1.0]).is_err_and(|e| e.message.contains("twice")));
        assert!(spoken(&twice[..1], &[f64::NAN]).is_err());
        assert!(spoken(&twice[..1], &[-1.0]).is_err());
        assert!(spoken(&twice[..1], &[0.0]).is_err_and(|e| e.message.contains("above 0")));
        assert_eq!(spoken(&twice[..1], &[0.5]).map(|s| s.aer), Ok(0.0));
    }
}
