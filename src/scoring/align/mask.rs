//! Links from the cross-attention of two translation models, one for each direction.

use super::row::{is_punctuation, largest};
use super::{Link, Matrix};
use crate::Error;
use crate::scoring::refuse::{invalid, same_length};

/// One ASCII punctuation character once word boundary marks are stripped, or nothing.
fn is_mark(token: &str) -> bool {
    let token = token.trim_matches('\u{2581}');
    token.is_empty() || is_punctuation(token)
}

/// Gives the last source token, if it is punctuation, to the last target token alone, or to none if that is none.
///
/// # Shapes
/// `weights`: `[target.len(), source.len()]`.
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if the length differs.
/// # Source
/// Chen, Sun and Liu 2021, Mask-Align (`remove_punc`); golden file `mask_align.json`.
pub fn settle_punctuation(weights: &mut [f64], source: &[&str], target: &[&str]) -> Result<(), Error> {
    same_length(("weights", weights.len()), ("pairs of tokens", source.len() * target.len()))?;
    let (Some(last), Some(last_target)) = (source.last(), target.last()) else { return Ok(()) };
    if !is_mark(last) {
        return Ok(());
    }
    let n_source = source.len();
    weights.chunks_exact_mut(n_source).for_each(|row| row[n_source - 1] = 0.0);
    if is_mark(last_target)
        && let Some(corner) = weights.last_mut()
    {
        *corner = 1.0;
    }
    Ok(())
}

/// The agreement `2 f b / (f + b)` of every cell, NaN where both are 0.
///
/// # Shapes
/// All `[n_target, n_source]`, also `backward`, whose model ran the other way.
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if the shapes differ.
pub fn agreement(forward: Matrix, backward: Matrix) -> Result<Vec<f64>, Error> {
    same_length(("rows of forward weights", forward.n_source()), ("of backward", backward.n_source()))?;
    same_length(("columns of forward weights", forward.n_target()), ("of backward", backward.n_target()))?;
    let cells = forward.values().iter().zip(backward.values());
    Ok(cells.map(|(f, b)| 2.0 * f * b / (f + b)).collect())
}

/// Replaces `links` by the pairs of sub-words of more than `threshold`, as (source, target), sorted.
///
/// # Shapes
/// `values`: `[n_target, n_source]`; NaN links nothing. `n_source` is not 0 unless there are no values.
pub fn above(values: &[f64], n_source: usize, threshold: f64, links: &mut Vec<Link>) {
    links.clear();
    let linked = values.iter().enumerate().filter(|(_, value)| **value > threshold);
    links.extend(linked.map(|(at, _)| Link::new(at % n_source, at / n_source)));
    links.sort_unstable();
}

/// Replaces `links` by the best source of each target token, if above `threshold`; of equals the first.
///
/// # Shapes
/// `weights`: `[n_target, n_source]`.
pub fn best_source(weights: Matrix, threshold: f64, links: &mut Vec<Link>) {
    links.clear();
    for target in 0..weights.n_source() {
        if let Some(source) = best(weights.row(target).iter().copied(), threshold) {
            links.push(Link::new(source, target));
        }
    }
    links.sort_unstable();
}

/// Replaces `links` by the best target of each source token, if above `threshold`; of equals the first.
///
/// # Shapes
/// `weights`: `[n_target, n_source]`.
pub fn best_target(weights: Matrix, threshold: f64, links: &mut Vec<Link>) {
    links.clear();
    for source in 0..weights.n_target() {
        if let Some(target) = best((0..weights.n_source()).map(|j| weights.row(j)[source]), threshold) {
            links.push(Link::new(source, target));
        }
    }
}

fn best(values: impl Iterator<Item = f64>, threshold: f64) -> Option<usize> {
    largest(values).filter(|(_, value)| *value > threshold).map(|(at, _)| at)
}

/// The word of each token: one that starts with `▁` opens a word, if the first does; otherwise one that ends in `@@`
/// goes on in the next.
///
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if a token is empty.
pub fn words_of_tokens(tokens: &[&str]) -> Result<Vec<usize>, Error> {
    if let Some(at) = tokens.iter().position(|token| token.is_empty()) {
        return Err(invalid(format!("token {at} is empty")));
    }
    let marked = tokens.first().is_some_and(|token| token.starts_with('\u{2581}'));
    let mut word = 0;
    let words = tokens.iter().enumerate().map(|(at, token)| {
        let opens =
            if marked { token.starts_with('\u{2581}') } else { at > 0 && !tokens[at - 1].ends_with("@@") };
        word += usize::from(at > 0 && opens);
        word
    });
    Ok(words.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_final_stop_is_linked_to_a_final_stop() {
        let mut weights = [0.5, 0.5, 0.3, 0.7];
        settle_punctuation(&mut weights, &["a", "."], &["b", "\u{2581}."]).expect("four");
        assert_eq!(weights, [0.5, 0.0, 0.3, 1.0]);
        settle_punctuation(&mut weights, &["a", "."], &["b", "c"]).expect("four");
        assert_eq!(weights, [0.5, 0.0, 0.3, 0.0]);
        assert!(settle_punctuation(&mut weights, &["a"], &["b", "c"]).is_err());
    }

    #[test]
    fn both_marks_of_words_are_read() {
        assert_eq!(words_of_tokens(&["\u{2581}a", "b", "\u{2581}c"]), Ok(vec![0, 0, 1]));
        assert_eq!(words_of_tokens(&["a@@", "b", "c"]), Ok(vec![0, 0, 1]));
        assert!(words_of_tokens(&["a", ""]).is_err());
        assert_eq!(words_of_tokens(&[]), Ok(Vec::new()));
    }
}
