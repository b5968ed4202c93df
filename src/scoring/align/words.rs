//! From sub-words to words: before matching by their means, or after it by their links.

use super::Link;
use super::similarity::n_rows;
use crate::Error;
use crate::scoring::refuse::{invalid, same_length};

/// Replaces `means` by the mean of the rows of each word that has one, and `words` by those words.
///
/// # Shapes
/// `rows`: `[n_subword, dim]`; `word_of`: `[n_subword]`, the word of each row. `means`: `[words.len(), dim]`; `words`
/// ascends. A word without a row, such as one cut off by the model's limit, is absent and so never linked.
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if the lengths differ, `dim` is 0, a value is not finite, or
/// words do not ascend (a word's rows lie together).
/// # Cost
/// One pass in `f64`; no allocation once `means` and `words` have room, but one row.
/// # Source
/// SimAlign, mode `word`; golden file `simalign_end_to_end.json`.
pub fn word_means(
    rows: &[f32],
    word_of: &[usize],
    dim: usize,
    means: &mut Vec<f32>,
    words: &mut Vec<usize>,
) -> Result<(), Error> {
    means.clear();
    words.clear();
    same_length(("rows", n_rows("rows", rows, dim)?), ("entries of word_of", word_of.len()))?;
    if let Some(position) = word_of.windows(2).position(|pair| pair[0] > pair[1]) {
        let (before, after) = (word_of[position], word_of[position + 1]);
        return Err(invalid(format!("sub-word {position} is of word {before}, and the next one of {after}")));
    }
    let mut sums = vec![0.0_f64; dim];
    let mut rows = rows.chunks_exact(dim);
    for of_one_word in word_of.chunk_by(|a, b| a == b) {
        sums.fill(0.0);
        for row in rows.by_ref().take(of_one_word.len()) {
            sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(*value));
        }
        means.extend(sums.iter().map(|sum| (sum / of_one_word.len() as f64) as f32));
        words.push(of_one_word[0]);
    }
    Ok(())
}

/// Turns links between sub-words into links between their words, sorted, each once.
///
/// # Shapes
/// `word_of_source` and `word_of_target`: the word of each sub-word; may be longer than what was linked.
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if a link names a sub-word without a word; `links` is then
/// empty.
/// # Cost
/// A sort; no allocation.
/// # Source
/// SimAlign, mode `bpe`, and AWESOME-align; golden file `awesome_align.json` (`word_links`).
pub fn words_of_links(
    links: &mut Vec<Link>,
    word_of_source: &[usize],
    word_of_target: &[usize],
) -> Result<(), Error> {
    for link in links.iter_mut() {
        let words = (word_of_source.get(link.source), word_of_target.get(link.target));
        let (Some(source), Some(target)) = words else {
            let Link { source, target } = *link;
            let (n_source, n_target) = (word_of_source.len(), word_of_target.len());
            links.clear();
            return Err(invalid(format!(
                "link from {source} to {target}; words are known for {n_source} and {n_target} sub-words"
            )));
        };
        *link = Link::new(*source, *target);
    }
    links.sort_unstable();
    links.dedup();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_without_a_row_is_absent() {
        let (mut means, mut words) = (Vec::new(), Vec::new());
        let rows = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        word_means(&rows, &[0, 0, 2], 2, &mut means, &mut words).expect("three rows");
        assert_eq!((means, words), (vec![2.0, 3.0, 5.0, 6.0], vec![0, 2]));
    }

    #[test]
    fn links_of_one_word_join() {
        let mut links = vec![Link::new(1, 2), Link::new(0, 2), Link::new(2, 0)];
        words_of_links(&mut links, &[0, 0, 1], &[3, 3, 4]).expect("known sub-words");
        assert_eq!(links, [Link::new(0, 4), Link::new(1, 3)]);
        assert!(words_of_links(&mut links, &[0], &[3; 5]).is_err() && links.is_empty());
    }

    #[test]
    fn words_out_of_order_are_refused() {
        let (mut means, mut words) = (Vec::new(), Vec::new());
        assert!(word_means(&[1.0, 2.0], &[1, 0], 1, &mut means, &mut words).is_err());
        assert!(word_means(&[1.0, 2.0], &[0], 1, &mut means, &mut words).is_err());
    }
}
