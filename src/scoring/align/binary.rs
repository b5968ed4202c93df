//! Links from a classifier that is run once for each word (BinaryAlign, Latouche et al. 2024).

use super::Link;
use crate::Error;
use crate::scoring::refuse::{all_finite, invalid, same_length};

/// How the probabilities of a word's sub-words become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WordScore {
    /// The largest.
    #[default]
    Max,
    /// Their mean.
    Mean,
    /// The smallest.
    Min,
    /// That of the first.
    First,
    /// That of the last.
    Last,
}

/// How the runs in both directions become links; all comparisons are strict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Combination {
    /// The mean of both lies above the threshold; a side without the word counts as 0.
    #[default]
    Average,
    /// One of them does.
    Union,
    /// Both do.
    Intersection,
    /// The mean of those that lie above the threshold does; the others count as 0.
    AverageOfLinked,
}

/// The runs in one direction.
#[derive(Clone, Copy, Debug)]
pub struct Runs<'a> {
    /// `[n_marked, n_token]`: for each word that was marked, the logits of the tokens of the other side's run.
    pub logits: &'a [f64],
    /// The word of each token; `None` for one that belongs to no word.
    pub word_of: &'a [Option<usize>],
}

/// Pushes the links of a sentence pair of `lengths` words, in source order.
///
/// `forward` marks source words and looks at target tokens, `reverse` the other way round.
///
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if a list has another length, a word lies beyond, or a logit or
/// the threshold is not finite.
/// # Cost
/// One sigmoid for each logit.
/// # Source
/// Golden file `binaryalign.json`.
pub fn binary_align(
    [forward, reverse]: [Runs; 2],
    [n_source, n_target]: [usize; 2],
    score: WordScore,
    combination: Combination,
    threshold: f64,
    links: &mut Vec<Link>,
) -> Result<(), Error> {
    all_finite("threshold", [threshold])?;
    let forward = words("forward", forward, n_source, n_target, score)?;
    let reverse = words("reverse", reverse, n_target, n_source, score)?;
    for source in 0..n_source {
        for target in 0..n_target {
            let there = forward[source * n_target + target];
            let back = reverse[target * n_source + source];
            let above = |p: Option<f64>| p.filter(|&p| p > threshold);
            let mean = |a: Option<f64>, b: Option<f64>| (a.unwrap_or(0.0) + b.unwrap_or(0.0)) / 2.0;
            let linked = match combination {
                Combination::Average => mean(there, back) > threshold,
                Combination::Union => above(there).or(above(back)).is_some(),
                Combination::Intersection => above(there).and(above(back)).is_some(),
                Combination::AverageOfLinked => mean(above(there), above(back)) > threshold,
            };
            if linked {
                links.push(Link::new(source, target));
            }
        }
    }
    Ok(())
}

/// `[n_marked, n_word]`, the score of each word of the other side; `None` for one without a token.
fn words(
    name: &str,
    runs: Runs,
    n_marked: usize,
    n_word: usize,
    score: WordScore,
) -> Result<Vec<Option<f64>>, Error> {
    let n_token = runs.word_of.len();
    let expected =
        n_marked.checked_mul(n_token).ok_or_else(|| invalid(format!("{name}: too many tokens")))?;
    same_length(("logits", runs.logits.len()), (&format!("{name} tokens of {n_marked} words"), expected))?;
    all_finite(&format!("{name} logit"), runs.logits.iter().copied())?;
    if let Some(word) = runs.word_of.iter().flatten().find(|&&word| word >= n_word) {
        return Err(invalid(format!("{name}: a token of word {word}; there are {n_word}")));
    }
    let len = n_marked.checked_mul(n_word).ok_or_else(|| invalid(format!("{name}: too many words")))?;
    let (mut scores, mut counts) = (vec![None; len], vec![0_u32; n_word]);
    for (marked, row) in runs.logits.chunks_exact(n_token.max(1)).enumerate() {
        counts.fill(0);
        let scores = &mut scores[marked * n_word..][..n_word];
        for (logit, word) in row.iter().zip(runs.word_of) {
            let Some(word) = *word else { continue };
            let p = 1.0 / (1.0 + libm::exp(-logit));
            counts[word] += 1;
            scores[word] = Some(match (score, scores[word]) {
                (_, None) | (WordScore::Last, _) => p,
                (WordScore::First, Some(before)) => before,
                (WordScore::Max, Some(before)) => f64::max(before, p),
                (WordScore::Min, Some(before)) => before.min(p),
                (WordScore::Mean, Some(before)) => before + p,
            });
        }
        if score == WordScore::Mean {
            for (score, &count) in scores.iter_mut().zip(&counts) {
                *score = score.map(|sum| sum / f64::from(count));
            }
        }
    }
    Ok(scores)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_without_tokens_counts_as_0() {
        let (to, from) = ([Some(0)], [None]);
        let forward = Runs { logits: &[3.0], word_of: &to };
        let reverse = Runs { logits: &[3.0], word_of: &from };
        let of = |combination, threshold| {
            let mut links = Vec::new();
            let max = WordScore::Max;
            binary_align([forward, reverse], [1, 1], max, combination, threshold, &mut links)
                .map(|()| links.len())
        };
        assert_eq!(of(Combination::Average, 0.5), Ok(0));
        assert_eq!(of(Combination::Average, 0.4), Ok(1));
        assert_eq!((of(Combination::Union, 0.5), of(Combination::Intersection, 0.5)), (Ok(1), Ok(0)));
        assert!(of(Combination::Union, f64::NAN).is_err());
        let beyond = Runs { logits: &[3.0], word_of: &[Some(1)] };
        let max = WordScore::Max;
        assert!(
            binary_align([beyond, reverse], [1, 1], max, Combination::Union, 0.5, &mut Vec::new()).is_err()
        );
    }
}
