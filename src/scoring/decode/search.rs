//! DeAL (Huang et al. 2024): beams ranked by what they promise as well as by how likely they are.

use crate::Error;
use crate::scoring::order;
use crate::scoring::refuse::{all_finite, invalid, same_length};

/// The words of a text: runs of letters, digits and apostrophes, in lower case.
fn words(text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    let is_word = |c: char| c.is_alphanumeric() || c == '\'';
    lower.split(|c| !is_word(c)).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// The share of keywords that a text has, whole words without case; those of several words as neighbours. 1 without any.
pub fn keyword_coverage(text: &str, keywords: &[&str]) -> f64 {
    if keywords.is_empty() {
        return 1.0;
    }
    let text = words(text);
    let has = |keyword: &&&str| {
        let keyword = words(keyword);
        !keyword.is_empty() && text.windows(keyword.len()).any(|window| window == keyword)
    };
    keywords.iter().filter(has).count() as f64 / keywords.len() as f64
}

/// `-|words - target| / target`.
///
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) for a target of 0.
pub fn length_fit(text: &str, target: usize) -> Result<f64, Error> {
    if target == 0 {
        return Err(invalid("a target of 0 words; at least 1"));
    }
    Ok(-(words(text).len().abs_diff(target) as f64) / target as f64)
}

/// Writes `log-probability + alpha * heuristic` of each beam, and returns the positions of the best `keep`, the best first
/// and the lower of equals before the other.
///
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if the lengths differ, or a number is not finite.
/// # Source
/// Golden file `deal_search.json`.
pub fn select(
    log_probabilities: &[f64],
    heuristics: &[f64],
    alpha: f64,
    keep: usize,
    scores: &mut Vec<f64>,
) -> Result<Vec<usize>, Error> {
    same_length(("log-probabilities", log_probabilities.len()), ("heuristics", heuristics.len()))?;
    all_finite("alpha", [alpha])?;
    all_finite("log-probability", log_probabilities.iter().copied())?;
    all_finite("heuristic", heuristics.iter().copied())?;
    scores.clear();
    scores.extend(log_probabilities.iter().zip(heuristics).map(|(p, h)| p + alpha * h));
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order::places(&mut order, &mut |a, b| scores[b].total_cmp(&scores[a]));
    order.truncate(keep);
    Ok(order)
}

/// What a constraint leaves of the beams: those that can still satisfy it, or all if none can.
pub fn filter(beams: &mut Vec<usize>, can: impl Fn(usize) -> bool) {
    if beams.iter().any(|&beam| can(beam)) {
        beams.retain(|&beam| can(beam));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_are_whole_words() {
        assert_eq!(keyword_coverage("The Blue, hill's", &["blue hill", "blue", "the"]), 2.0 / 3.0);
        assert_eq!((keyword_coverage("", &[]), keyword_coverage("x", &["!"])), (1.0, 0.0));
        assert!(length_fit("a b", 0).is_err() && length_fit("a b", 4).is_ok_and(|h| h == -0.5));
        let mut scores = Vec::new();
        assert_eq!(select(&[1.0, 1.0, 2.0], &[0.0; 3], 1.0, 2, &mut scores), Ok(vec![2, 0]));
        assert!(select(&[f64::NAN], &[0.0], 1.0, 1, &mut scores).is_err());
        let mut beams = vec![0, 1, 2];
        filter(&mut beams, |beam| beam == 7);
        assert_eq!(beams, [0, 1, 2]);
        filter(&mut beams, |beam| beam > 0);
        assert_eq!(beams, [1, 2]);
    }
}
