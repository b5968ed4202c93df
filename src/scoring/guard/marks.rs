//! Marked tokens of a text that is read in windows, and the runs that they make.

use std::ops::Range;

use super::window;

/// Whether each token of a text is marked, each from the window where it has most text on both sides.
#[derive(Clone, Debug, Default)]
pub struct Marks {
    marked: Vec<bool>,
    /// The margin of the window that a mark came from; 0 where none has come.
    margins: Vec<usize>,
}

impl Marks {
    /// Forgets all marks and keeps the memory.
    pub fn clear(&mut self) {
        self.marked.clear();
        self.margins.clear();
    }

    /// Takes the marks of one window of a text of `n` tokens, one a token.
    pub fn add(&mut self, span: &Range<usize>, n: usize, marks: &[bool]) {
        self.marked.resize(n.max(self.marked.len()), false);
        self.margins.resize(self.marked.len(), 0);
        for (at, &mark) in span.clone().zip(marks) {
            let margin = window::margin(span, n, at);
            if margin > self.margins[at] {
                self.margins[at] = margin;
                self.marked[at] = mark;
            }
        }
    }

    /// The runs of marked tokens within some windows, ascending; tokens with one unmarked token between them are in one run.
    pub fn runs(&self, within: &[Range<usize>]) -> Vec<Range<usize>> {
        let mut runs: Vec<Range<usize>> = Vec::new();
        // Windows overlap; each token is looked at once.
        let mut next = 0;
        for span in within {
            for at in span.start.max(next)..span.end.min(self.marked.len()) {
                if !self.marked[at] {
                    continue;
                }
                match runs.last_mut() {
                    Some(run) if at <= run.end + 1 => run.end = at + 1,
                    _ => runs.push(at..at + 1),
                }
            }
            next = next.max(span.end);
        }
        runs
    }
}

#[cfg(test)]
#[expect(clippy::single_range_in_vec_init, reason = "a list of one run is meant")]
mod tests {
    use super::*;

    fn marks(bits: &str) -> Vec<bool> {
        bits.chars().map(|c| c == '1').collect()
    }

    #[test]
    fn runs_cross_one_token_and_not_two() {
        let mut all = Marks::default();
        all.add(&(0..12), 12, &marks("011010010011"));
        assert_eq!(all.runs(&[0..12]), [1..5, 7..8, 10..12]);
        assert_eq!(all.runs(&[0..3, 6..11]), [1..3, 7..8, 10..11]);
        assert!(all.runs(&[]).is_empty());
        assert!(Marks::default().runs(&[0..4]).is_empty());
    }

    #[test]
    fn a_token_is_marked_by_the_window_that_has_most_around_it() {
        let mut all = Marks::default();
        // Of 9 tokens: 0..6 and 3..9. Token 3 is nearer to the second window's start; 4 is as well, 5 is not.
        all.add(&(0..6), 9, &marks("000110"));
        all.add(&(3..9), 9, &marks("001000"));
        assert_eq!(all.runs(&[0..6, 3..9]), [3..6]);
        let mut turned = Marks::default();
        turned.add(&(3..9), 9, &marks("001000"));
        turned.add(&(0..6), 9, &marks("000110"));
        assert_eq!(turned.runs(&[0..9]), [3..6]);
    }
}
