//! Two answers cut into as many segments each, so that a judge can compare them piece by piece (PORTIA).

use std::collections::HashSet;

use crate::Error;
use crate::scoring::refuse::{all_finite, invalid};

/// Cuts of one answer: the number of sentences before each, ascending; one fewer than there are segments.
pub type Cuts = Vec<usize>;

/// The most similarities that are kept.
const MOST_KEPT: usize = 1 << 24;

/// Cuts at the sentence ends that come nearest to equal numbers of characters, of equals the earlier.
///
/// # Shapes
/// `lengths`: characters of each sentence; `n_segments` is in `1..=lengths.len()`.
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if it is not.
/// # Source
/// Li et al. 2024, PORTIA; golden file `portia_split.json` (`length_cuts_a`).
pub fn by_length(lengths: &[usize], n_segments: usize) -> Result<Cuts, Error> {
    let n = lengths.len();
    if !(1..=n).contains(&n_segments) {
        return Err(invalid(format!("{n_segments} segments of {n} sentences; at least 1, at most as many")));
    }
    let mut before = vec![0_usize];
    for length in lengths {
        before.push(before[before.len() - 1] + length);
    }
    let mut cuts = Vec::with_capacity(n_segments - 1);
    for segment in 1..n_segments {
        let first = cuts.last().map_or(1, |cut| cut + 1);
        let wanted = segment as f64 * before[n] as f64 / n_segments as f64;
        let far = |cut: usize| (before[cut] as f64 - wanted).abs();
        let last = n - (n_segments - segment);
        cuts.push((first..=last).fold(first, |best, cut| if far(cut) < far(best) { cut } else { best }));
    }
    Ok(cuts)
}

/// The cuts of both answers of greatest total similarity of their segments, in turn; of equals the first by the cuts of the
/// first answer, then of the second. An improvement of no more than 1e-12 is none.
///
/// # Shapes
/// `similarity(a, b)` of two ranges of sentences; `n_segments` is in `1..=min(n_a, n_b)`.
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if it is not, or a similarity is not finite.
/// # Cost
/// `O(n_a² n_b² n_segments)` sums. Each similarity is asked for once where a table of them takes no more than 128 MiB,
/// else up to `n_segments` times.
/// # Source
/// Golden file `portia_split.json` (`semantic_cuts_a`).
pub fn by_meaning(
    n_a: usize,
    n_b: usize,
    n_segments: usize,
    mut similarity: impl FnMut(std::ops::Range<usize>, std::ops::Range<usize>) -> f64,
) -> Result<(Cuts, Cuts, f64), Error> {
    if !(1..=n_a.min(n_b)).contains(&n_segments) {
        let n = n_a.min(n_b);
        return Err(invalid(format!("{n_segments} segments of {n} sentences; at least 1, at most as many")));
    }
    if n_segments == 1 {
        let whole = similarity(0..n_a, 0..n_b);
        all_finite("similarity", [whole])?;
        return Ok((Vec::new(), Vec::new(), whole));
    }
    // best[a][b]: the greatest sum of the segments from sentences a and b on, and the cuts that follow.
    let place = |a: usize, b: usize| a * (n_b + 1) + b;
    let n_cells = (n_a + 1).saturating_mul(n_b + 1);
    let kept = n_cells.saturating_mul(n_cells) <= MOST_KEPT;
    let mut table = vec![f64::NAN; if kept { n_cells * n_cells } else { 0 }];
    let mut of = |a: (usize, usize), b: (usize, usize)| {
        if !kept {
            return similarity(a.0..a.1, b.0..b.1);
        }
        let cell = &mut table[place(a.0, b.0) * n_cells + place(a.1, b.1)];
        if cell.is_nan() {
            *cell = similarity(a.0..a.1, b.0..b.1);
        }
        *cell
    };
    type Best = Option<(f64, Cuts, Cuts)>;
    let mut best: Vec<Best> = vec![None; (n_a + 1) * (n_b + 1)];
    for (a, b) in (0..n_a).flat_map(|a| (0..n_b).map(move |b| (a, b))) {
        let last = of((a, n_a), (b, n_b));
        all_finite("similarity", [last])?;
        best[place(a, b)] = Some((last, Vec::new(), Vec::new()));
    }
    for left in 2..=n_segments {
        let mut longer: Vec<Best> = vec![None; best.len()];
        for (a, b) in (0..n_a).flat_map(|a| (0..n_b).map(move |b| (a, b))) {
            if left == n_segments && (a, b) != (0, 0) {
                continue;
            }
            let mut found: Best = None;
            for (cut_a, cut_b) in (a + 1..n_a).flat_map(|a| (b + 1..n_b).map(move |b| (a, b))) {
                let Some((rest, cuts_a, cuts_b)) = &best[place(cut_a, cut_b)] else { continue };
                let sum = of((a, cut_a), (b, cut_b)) + rest;
                all_finite("similarity", [sum])?;
                let with = |cut: usize, cuts: &Cuts| [&[cut], &cuts[..]].concat();
                let better = match &found {
                    None => true,
                    Some((most, ..)) if sum > most + 1e-12 => true,
                    // Of equals the first in order of all cuts of a, then all of b.
                    Some((most, a, b)) if sum > most - 1e-12 => {
                        (with(cut_a, cuts_a), with(cut_b, cuts_b)) < (a.clone(), b.clone())
                    }
                    Some(_) => false,
                };
                if better {
                    found = Some((sum, with(cut_a, cuts_a), with(cut_b, cuts_b)));
                }
            }
            longer[place(a, b)] = found;
        }
        best = longer;
    }
    let (sum, cuts_a, cuts_b) = best.swap_remove(0).ok_or_else(|| invalid("no way to cut both answers"))?;
    Ok((cuts_a, cuts_b, sum))
}

/// The share of distinct words, split at white space, that two segments have in common, of the one that has more.
pub fn overlap(a: &[&str], b: &[&str]) -> f64 {
    let words = |sentences: &[&str]| -> HashSet<String> {
        sentences.iter().flat_map(|sentence| sentence.split_whitespace()).map(str::to_owned).collect()
    };
    let (a, b) = (words(a), words(b));
    if a.is_empty() || b.is_empty() {
        return 0.0;
    }
    a.intersection(&b).count() as f64 / a.len().max(b.len()) as f64
}

/// The segments that cuts make of `n` sentences.
pub fn ranges(cuts: &[usize], n: usize) -> impl Iterator<Item = std::ops::Range<usize>> + '_ {
    let first = std::iter::once(0).chain(cuts.iter().copied());
    first.zip(cuts.iter().copied().chain(std::iter::once(n))).map(|(first, after)| first..after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_lie_at_equal_lengths_and_leave_a_sentence_for_each() {
        assert_eq!(by_length(&[5, 5, 5, 5], 2), Ok(vec![2]));
        assert_eq!(by_length(&[100, 1, 1], 3), Ok(vec![1, 2]));
        assert_eq!(by_length(&[3], 1), Ok(Vec::new()));
        assert!(by_length(&[], 1).is_err() && by_length(&[1], 2).is_err() && by_length(&[1], 0).is_err());
    }

    #[test]
    fn meaning_outdoes_length() {
        let (a, b) = (["x y", "z", "w"], ["x y", "q", "z w"]);
        let alike = |i: std::ops::Range<usize>, j: std::ops::Range<usize>| overlap(&a[i], &b[j]);
        let (cuts_a, cuts_b, sum) = by_meaning(3, 3, 2, alike).expect("three sentences each");
        assert_eq!((cuts_a, cuts_b), (vec![1], vec![1]));
        assert!((sum - (1.0 + 2.0 / 3.0)).abs() < 1e-12);
        assert_eq!(ranges(&[1], 3).collect::<Vec<_>>(), [0..1, 1..3]);
        assert!(by_meaning(3, 3, 4, alike).is_err() && by_meaning(0, 3, 1, alike).is_err());
        assert!(by_meaning(2, 2, 2, |_, _| f64::NAN).is_err());
    }
}
