//! Mutual links, then more of them among the positions that are still free.

use super::argmax::Preferences;
use super::{Link, Matrix};
use crate::Error;
use crate::scoring::refuse::invalid;

/// How [`itermax`] goes on after the first round.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// Rounds in all, the first included; 0 counts as 1.
    pub max_count: usize,
    /// What a similarity counts for if only one of its two positions is free.
    pub alpha: f64,
}

impl Default for Options {
    /// Two rounds at 0.9.
    fn default() -> Self {
        Self { max_count: 2, alpha: 0.9 }
    }
}

/// Memory of [`itermax`], for reuse.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    preferences: Preferences,
    free_source: Vec<bool>,
    free_target: Vec<bool>,
}

/// Replaces `links` by the mutual links of `similarity`, and those that are mutual once taken positions weigh less.
///
/// A position may get several links. With two positions or fewer on a side, only the first round is run.
///
/// # Shapes
/// `similarity`: `[n_source, n_target]`. Links come sorted. An empty side gives none.
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if `alpha` is not finite; `links` is then empty.
/// # Cost
/// One pass a round; no allocation once `scratch` and `links` have room.
/// # Source
/// "Itermax" of Jalili Sabet et al. 2020, SimAlign, as its program has it; golden file `simalign_matching.json`.
pub fn itermax(
    similarity: Matrix,
    options: Options,
    scratch: &mut Scratch,
    links: &mut Vec<Link>,
) -> Result<(), Error> {
    let of = [similarity.n_source(), similarity.n_target()];
    rounds(of, options, scratch, links, |weights, preferences| match weights {
        None => preferences.assign(similarity),
        Some(weights) => preferences.assign_weighted(similarity, |i, j| weights.of(i, j)),
    })
}

/// What similarities count for once some positions are taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weights<'a> {
    pub(super) free_source: &'a [bool],
    pub(super) free_target: &'a [bool],
    pub(super) alpha: f64,
}

impl Weights<'_> {
    pub(super) fn of(&self, source: usize, target: usize) -> f64 {
        self.for_free(self.free_source[source], self.free_target[target])
    }

    pub(super) fn for_free(&self, source: bool, target: bool) -> f64 {
        let share = |free: bool| if free { self.alpha } else { 0.0 };
        (share(source) + share(target)).min(1.0)
    }
}

/// [`itermax`] of `[n_source, n_target]` positions, with `prefer` to find who prefers whom; only mutual pairs are looked at.
pub(super) fn rounds(
    [n_source, n_target]: [usize; 2],
    options: Options,
    scratch: &mut Scratch,
    links: &mut Vec<Link>,
    mut prefer: impl FnMut(Option<&Weights>, &mut Preferences),
) -> Result<(), Error> {
    links.clear();
    let Options { max_count, alpha } = options;
    if !alpha.is_finite() {
        return Err(invalid(format!("alpha of itermax is {alpha}; it is a finite number")));
    }
    let Scratch { preferences, free_source, free_target } = scratch;
    prefer(None, preferences);
    preferences.mutual(links);
    if n_source.min(n_target) <= 2 {
        return Ok(());
    }
    reset(free_source, n_source);
    reset(free_target, n_target);
    let mut settled = 0;
    for _ in 1..max_count {
        for link in &links[settled..] {
            free_source[link.source] = false;
            free_target[link.target] = false;
        }
        settled = links.len();
        if !free_source.contains(&true) || !free_target.contains(&true) {
            break;
        }
        prefer(Some(&Weights { free_source, free_target, alpha }), preferences);
        // Where every weighted value is 0, the preference is index 0 by default: no link, unless one side is free.
        links.extend(preferences.pairs().filter(|link| free_source[link.source] || free_target[link.target]));
        if links.len() == settled {
            break;
        }
    }
    links.sort_unstable();
    Ok(())
}

fn reset(free: &mut Vec<bool>, len: usize) {
    free.clear();
    free.resize(len, true);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(values: &[f64], n_source: usize, max_count: usize) -> Vec<(usize, usize)> {
        let matrix = Matrix::new(values, n_source, values.len() / n_source).expect("finite");
        let mut links = vec![Link::new(9, 9)];
        let options = Options { max_count, ..Options::default() };
        itermax(matrix, options, &mut Scratch::default(), &mut links).expect("finite alpha");
        links.iter().map(|link| (link.source, link.target)).collect()
    }

    #[test]
    fn a_second_round_links_what_the_first_left_free() {
        let values = [0.9, 0.8, 0.1, 0.8, 0.1, 0.2, 0.1, 0.2, 0.7];
        assert_eq!(run(&values, 3, 0), [(0, 0), (2, 2)]);
        assert_eq!(run(&values, 3, 1), [(0, 0), (2, 2)]);
        assert_eq!(run(&values, 3, 2), [(0, 0), (0, 1), (1, 0), (2, 2)]);
    }

    #[test]
    fn a_small_side_stops_after_the_first_round() {
        assert_eq!(run(&[0.9, 0.8, 0.1, 0.8, 0.7, 0.1], 2, 5), [(0, 0)]);
    }

    #[test]
    fn an_alpha_that_is_no_number_is_refused() {
        let matrix = Matrix::new(&[0.5], 1, 1).expect("finite");
        let mut links = vec![Link::new(0, 0)];
        let options = Options { max_count: 2, alpha: f64::NAN };
        assert!(itermax(matrix, options, &mut Scratch::default(), &mut links).is_err());
        assert!(links.is_empty());
    }
}
