//! Long text: windows over the tokens, and their scores in one verdict.

use std::ops::Range;

use crate::Error;
use crate::scoring::refuse::invalid;

/// The windows that cover `n_tokens` tokens, each `window` long and `stride` after the one before.
///
/// A short text is one window; otherwise every window is full, and one more ends at the last token if none does.
/// With `stride <= window` every token is covered; a longer stride leaves gaps, and a filter refuses it
/// ([`check_cover`]).
///
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if `window` or `stride` is 0.
/// # Cost
/// Constant per window, when the iterator is asked for it; no allocation.
/// # Source
/// Golden file `windowed_moderation.json`, `layout`.
pub fn layout(
    n_tokens: usize,
    window: usize,
    stride: usize,
) -> Result<impl ExactSizeIterator<Item = Range<usize>> + Clone, Error> {
    for (name, value) in [("window", window), ("stride", stride)] {
        if value == 0 {
            return Err(invalid(format!("{name} is 0 tokens; it takes at least 1")));
        }
    }
    let (regular, extra) = match n_tokens.checked_sub(window) {
        None => (0, usize::from(n_tokens > 0)),
        Some(last_start) => (last_start / stride + 1, usize::from(last_start % stride > 0)),
    };
    Ok((0..regular + extra).map(move |index| {
        let start = if index < regular { index * stride } else { n_tokens.saturating_sub(window) };
        start..n_tokens.min(start.saturating_add(window))
    }))
}

/// Refuses a window and a stride that would leave tokens unread.
///
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) unless `1 <= stride <= window`.
pub fn check_cover(window: usize, stride: usize) -> Result<(), Error> {
    if (1..=window).contains(&stride) {
        return Ok(());
    }
    Err(invalid(format!("stride of {stride} tokens; it lies between 1 and the window, {window}")))
}

/// What the windows of one text say about one category.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Category {
    /// The statistics; `None` if no window has a number.
    pub statistics: Option<Statistics>,
    /// Whether the maximum reaches the threshold.
    pub flagged: bool,
}

/// Statistics of one category over the windows that have a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Statistics {
    /// The highest score, on which the decision rests.
    pub max: f64,
    /// The first window with that score.
    pub argmax_window: usize,
    /// `1 - prod(1 - score)`: the chance that any window is harmful, were they independent.
    pub noisy_or: f64,
    /// The mean score.
    pub mean: f64,
}

/// The verdict of [`aggregate`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aggregate {
    /// Whether to block: a category is flagged, or a window is invalid.
    pub block: bool,
    /// How many windows are invalid, having no number for some category; `invalid` lists them.
    pub n_invalid: usize,
}

/// Joins the scores of all windows of a text into one answer per category, and a decision.
///
/// A window with NaN in any category is invalid and forces a block, whatever the thresholds; its other scores
/// still count. No window at all blocks nothing.
///
/// # Shapes
/// `scores`: `[n_windows, n_categories]`, row-major, each in `[0, 1]` or NaN. `thresholds` and `categories`:
/// `[n_categories]`. `invalid` is replaced by the positions of the invalid windows, ascending.
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if the shapes differ, there is no category, a threshold is NaN, or a score is
/// outside `[0, 1]`. Then every category is flagged, so that who ignores the error does not read "safe".
/// # Cost
/// One pass; no allocation once `invalid` has room.
/// # Source
/// Golden file `windowed_moderation.json`, `aggregate`.
pub fn aggregate(
    scores: &[f64],
    thresholds: &[f64],
    categories: &mut [Category],
    invalid: &mut Vec<usize>,
) -> Result<Aggregate, Error> {
    invalid.clear();
    categories.fill(Category { statistics: None, flagged: true });
    check_scores(scores, thresholds, categories.len())?;
    categories.fill(Category::default());
    let n_categories = thresholds.len();
    for (window, row) in scores.chunks_exact(n_categories).enumerate() {
        if row.iter().any(|score| score.is_nan()) {
            invalid.push(window);
        }
    }
    for (column, (category, threshold)) in categories.iter_mut().zip(thresholds).enumerate() {
        let column = scores.iter().skip(column).step_by(n_categories).copied();
        category.statistics = statistics(column);
        category.flagged = category.statistics.is_some_and(|found| found.max >= *threshold);
    }
    Ok(Aggregate {
        block: !invalid.is_empty() || categories.iter().any(|category| category.flagged),
        n_invalid: invalid.len(),
    })
}

fn statistics(scores: impl Iterator<Item = f64>) -> Option<Statistics> {
    let mut found: Option<Statistics> = None;
    let (mut count, mut sum, mut none_harmful) = (0.0, 0.0, 1.0);
    for (window, score) in scores.enumerate().filter(|(_, score)| !score.is_nan()) {
        count += 1.0;
        sum += score;
        none_harmful *= 1.0 - score;
        if found.is_none_or(|best| score > best.max) {
            found = Some(Statistics { max: score, argmax_window: window, noisy_or: 0.0, mean: 0.0 });
        }
    }
    found.map(|best| Statistics { noisy_or: 1.0 - none_harmful, mean: sum / count, ..best })
}

fn check_scores(scores: &[f64], thresholds: &[f64], n_categories: usize) -> Result<(), Error> {
    let (n_scores, n_thresholds) = (scores.len(), thresholds.len());
    if n_thresholds == 0 {
        return Err(invalid("no thresholds; a verdict takes at least one category"));
    }
    if n_thresholds != n_categories {
        return Err(invalid(format!("{n_thresholds} thresholds for {n_categories} categories")));
    }
    if !n_scores.is_multiple_of(n_thresholds) {
        return Err(invalid(format!("{n_scores} scores do not fill rows of {n_thresholds} categories")));
    }
    if let Some(position) = thresholds.iter().position(|threshold| threshold.is_nan()) {
        return Err(invalid(format!("threshold {position} is NaN")));
    }
    if let Some(position) = scores.iter().position(|score| !score.is_nan() && !(0.0..=1.0).contains(score)) {
        let (window, category) = (position / n_thresholds, position % n_thresholds);
        let score = scores[position];
        return Err(invalid(format!(
            "score {score} of window {window}, category {category}; it lies in [0, 1]"
        )));
    }
    Ok(())
}

/// How much text a position has on its nearer side within a window over `n` positions; a side on which the text itself ends does
/// not count. Of several windows a position is best taken from the one with the largest margin, which is never 0.
pub fn margin(window: &std::ops::Range<usize>, n: usize, at: usize) -> usize {
    let before = if window.start == 0 { usize::MAX } else { at - window.start + 1 };
    let after = if window.end == n { usize::MAX } else { window.end - at };
    before.min(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_token_is_covered_by_full_windows() {
        for (n_tokens, window, stride) in
            (0..40).flat_map(|n| (1..12).flat_map(move |w| (1..=w).map(move |s| (n, w, s))))
        {
            let windows: Vec<_> = layout(n_tokens, window, stride).expect("no zero").collect();
            let mut covered = 0;
            for range in &windows {
                assert!(
                    range.start <= covered && range.end > covered,
                    "{n_tokens} {window} {stride}: {windows:?}"
                );
                assert_eq!(range.len(), window.min(n_tokens));
                covered = range.end;
            }
            assert_eq!(covered, n_tokens);
        }
    }

    #[test]
    fn the_largest_window_does_not_overflow() {
        let windows: Vec<_> = layout(3, usize::MAX, usize::MAX).expect("no zero").collect();
        assert!(windows.len() == 1 && windows[0] == (0..3));
        assert!(layout(3, 0, 1).is_err() && layout(3, 1, 0).is_err());
        assert!(check_cover(8, 9).is_err() && check_cover(8, 0).is_err() && check_cover(8, 8).is_ok());
    }

    #[test]
    fn a_window_of_nan_blocks_and_has_no_statistics() {
        let (mut categories, mut invalid) = ([Category::default(); 2], Vec::new());
        let scores = [f64::NAN, 0.1, f64::NAN, 0.2];
        let verdict = aggregate(&scores, &[0.5, 0.5], &mut categories, &mut invalid).expect("two windows");
        assert!(verdict.block && verdict.n_invalid == 2 && invalid == [0, 1]);
        assert_eq!(categories[0], Category::default());
        assert_eq!(categories[1].statistics.map(|found| found.max), Some(0.2));
    }

    #[test]
    fn a_score_at_the_threshold_is_flagged() {
        let (mut categories, mut invalid) = ([Category::default(); 2], Vec::new());
        let verdict =
            aggregate(&[0.5, 0.5], &[0.5, 0.51], &mut categories, &mut invalid).expect("one window");
        assert!(verdict.block && categories[0].flagged && !categories[1].flagged);
    }

    #[test]
    fn an_error_does_not_read_safe() {
        let (mut categories, mut invalid) = ([Category::default(); 1], Vec::new());
        for (scores, thresholds) in
            [(&[1.5][..], &[0.5][..]), (&[0.1], &[f64::NAN]), (&[0.1], &[]), (&[0.1], &[1.0; 2])]
        {
            assert!(aggregate(scores, thresholds, &mut categories, &mut invalid).is_err());
            assert!(categories[0].flagged);
        }
    }
}
