//! Beam search: the most probable texts of a model that writes, found side by side.

use super::guided::candidates;
use crate::Error;
use crate::scoring::refuse::{invalid, same_length};
use crate::scoring::score::softmax::log_sum_exp;

/// One text in the search.
#[derive(Clone, Debug, PartialEq)]
pub struct Beam {
    /// Its tokens, the end among them.
    pub tokens: Vec<u32>,
    /// The sum of its tokens' log-probabilities.
    pub score: f64,
    /// Whether it has come to an end.
    pub ended: bool,
}

/// A search. Beams that have ended keep their places until better ones take them.
#[derive(Clone, Debug)]
pub struct Search {
    width: usize,
    ends: Vec<u32>,
    least: usize,
    beams: Vec<Beam>,
    found: Vec<u32>,
    ranked: Vec<(f64, usize, Option<u32>)>,
}

impl Search {
    /// A search for `width` texts that end with one of `ends`, after `least` tokens at the earliest.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`](crate::Code::InvalidArgument) for a width of 0.
    pub fn new(width: usize, ends: &[u32], least: usize) -> Result<Self, Error> {
        if width == 0 {
            return Err(invalid("a beam search for 0 texts; 1 or more"));
        }
        let beams = vec![Beam { tokens: Vec::new(), score: 0.0, ended: false }];
        Ok(Self { width, ends: ends.to_vec(), least, beams, found: Vec::new(), ranked: Vec::new() })
    }

    /// The beams, the most probable first.
    pub fn beams(&self) -> &[Beam] {
        &self.beams
    }

    /// Whether every beam has ended.
    pub fn is_done(&self) -> bool {
        self.beams.iter().all(|beam| beam.ended)
    }

    /// Takes the logits, or log-probabilities, of each beam that has not ended, `[live, n_vocab]`, in the order of
    /// [`Search::beams`]. Writes, for each that has not ended after it, which of the rows it goes on from, and its token.
    ///
    /// Of equal scores the earlier beam's, and of one beam's the lower token's, is first.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`](crate::Code::InvalidArgument) for logits that are NaN or `+inf`, or not as many;
    /// [`Code::NoCandidate`](crate::Code::NoCandidate) if every token of a beam is masked.
    /// # Cost
    /// `O(live * n_vocab)`.
    pub fn step(
        &mut self,
        logits: &[f32],
        n_vocab: usize,
        next: &mut Vec<(usize, u32)>,
    ) -> Result<(), Error> {
        let live: Vec<usize> = (0..self.beams.len()).filter(|&at| !self.beams[at].ended).collect();
        same_length(("logits", logits.len()), ("of the live beams", live.len() * n_vocab))?;
        self.ranked.clear();
        for (row, &at) in logits.chunks_exact(n_vocab.max(1)).zip(&live) {
            let beam = &self.beams[at];
            candidates(row, self.width + self.ends.len(), &mut self.found)?;
            let all = log_sum_exp(row.iter().map(|&logit| f64::from(logit)));
            let early = beam.tokens.len() < self.least;
            for &token in self.found.iter().filter(|token| !(early && self.ends.contains(token))) {
                let score = beam.score + f64::from(row[token as usize]) - all;
                self.ranked.push((score, at, Some(token)));
            }
        }
        let ended = (0..self.beams.len()).filter(|&at| self.beams[at].ended);
        self.ranked.extend(ended.map(|at| (self.beams[at].score, at, None)));
        self.ranked.retain(|(score, ..)| *score > f64::NEG_INFINITY);
        self.ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
        self.ranked.truncate(self.width);
        next.clear();
        let mut after = Vec::with_capacity(self.ranked.len());
        for &(score, at, token) in &self.ranked {
            let mut beam = self.beams[at].clone();
            beam.score = score;
            if let Some(token) = token {
                beam.tokens.push(token);
                beam.ended = self.ends.contains(&token);
                if !beam.ended {
                    next.push((live.iter().position(|&l| l == at).unwrap_or_default(), token));
                }
            }
            after.push(beam);
        }
        self.beams = after;
        Ok(())
    }

    /// The beam of the largest `score / tokens^alpha`; the earlier of equals. Those that have ended come first.
    pub fn best(&self, alpha: f64) -> Option<&Beam> {
        let value = |beam: &Beam| beam.score / libm::pow(beam.tokens.len().max(1) as f64, alpha);
        let mut best: Option<&Beam> = None;
        for beam in &self.beams {
            let better = |than: &Beam| (beam.ended, value(beam)) > (than.ended, value(than));
            if best.is_none_or(better) {
                best = Some(beam);
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: u32 = 0;

    #[test]
    fn a_search_finds_what_greed_passes_by() {
        // Token 1 is the better start, and all that follows it is unlikely; 2 leads to a sure end.
        let ln = |p: f32| p.ln();
        let mut search = Search::new(2, &[END], 1).expect("two beams");
        let mut next = Vec::new();
        search.step(&[ln(1e-9), ln(0.6), ln(0.4)], 3, &mut next).expect("a step");
        assert_eq!(next, [(0, 1), (0, 2)]);
        let rows = [ln(0.34), ln(0.33), ln(0.33), ln(0.98), ln(0.01), ln(0.01)];
        search.step(&rows, 3, &mut next).expect("a step");
        let best = search.best(1.0).expect("one");
        assert_eq!((best.tokens.as_slice(), best.ended), (&[2, END][..], true));
        assert!((best.score - f64::from(ln(0.4) + ln(0.98))).abs() < 1e-6);
    }

    #[test]
    fn beams_that_ended_stay_and_an_end_may_come_too_early() {
        let mut search = Search::new(1, &[END], 1).expect("one beam");
        let mut next = Vec::new();
        search.step(&[5.0, 1.0], 2, &mut next).expect("a step");
        assert_eq!(next, [(0, 1)], "no empty text");
        search.step(&[5.0, 1.0], 2, &mut next).expect("a step");
        assert!(search.is_done() && next.is_empty());
        assert_eq!(search.beams()[0].tokens, [1, END]);
        search.step(&[], 2, &mut next).expect("nothing to do");
        assert_eq!(search.beams()[0].tokens, [1, END]);
    }

    #[test]
    fn what_is_no_step_is_refused() {
        assert!(Search::new(0, &[], 0).is_err());
        let mut search = Search::new(2, &[END], 0).expect("two beams");
        let mut next = Vec::new();
        assert!(search.step(&[0.0; 3], 2, &mut next).is_err(), "a row too many");
        assert!(search.step(&[f32::NAN, 0.0], 2, &mut next).is_err());
        assert!(search.step(&[f32::NEG_INFINITY; 2], 2, &mut next).is_err());
        assert_eq!(search.beams().len(), 1, "refusals change nothing");
    }
}
