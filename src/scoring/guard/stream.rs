//! Streaming text: a decision that does not flicker.

use crate::Error;
use crate::scoring::refuse::invalid;

/// Turns a stream of scores into a steady decision: blocks from `high` on, and until the average is below `low`.
#[derive(Clone, Debug)]
pub struct Hysteresis {
    high: f64,
    low: f64,
    decay: f64,
    latches: bool,
    average: Option<f64>,
    blocked: bool,
}

impl Hysteresis {
    /// A stream that does not block yet.
    ///
    /// `decay` is the share of the old average that stays; 0 means no memory. With `latches`, the default for
    /// output, a block is never lifted.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`](crate::Code::InvalidArgument) unless `low <= high`, both are finite, and `0 <= decay < 1`.
    /// # Source
    /// Golden file `windowed_moderation.json`, `stream`.
    pub fn new(high: f64, low: f64, decay: f64, latches: bool) -> Result<Self, Error> {
        if !(high.is_finite() && low.is_finite() && low <= high) {
            return Err(invalid(format!(
                "low {low} and high {high}; both are finite, and low is not above high"
            )));
        }
        if !(0.0..1.0).contains(&decay) {
            return Err(invalid(format!("decay {decay}; it lies in [0, 1)")));
        }
        Ok(Self { high, low, decay, latches, average: None, blocked: false })
    }

    /// Takes the next score; the average after it, and whether to block from here on.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if `score` is not finite. The stream then blocks, and keeps its average: a filter
    /// that sees no number fails closed.
    pub fn push(&mut self, score: f64) -> Result<(f64, bool), Error> {
        if !score.is_finite() {
            self.blocked = true;
            return Err(invalid(format!("score {score} of a stream; it is a finite number")));
        }
        let average = match self.average {
            None => score,
            Some(before) => self.decay * before + (1.0 - self.decay) * score,
        };
        self.average = Some(average);
        if average >= self.high {
            self.blocked = true;
        } else if average < self.low && !self.latches {
            self.blocked = false;
        }
        Ok((average, self.blocked))
    }

    /// Whether the stream blocks now.
    pub fn is_blocked(&self) -> bool {
        self.blocked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latched_block_stays() {
        let mut latched = Hysteresis::new(0.7, 0.4, 0.0, true).expect("in range");
        let mut free = Hysteresis::new(0.7, 0.4, 0.0, false).expect("in range");
        for (score, expected) in
            [(0.5, (false, false)), (0.7, (true, true)), (0.4, (true, true)), (0.3, (true, false))]
        {
            let both = (latched.push(score).expect("finite").1, free.push(score).expect("finite").1);
            assert_eq!(both, expected, "after {score}");
        }
    }

    #[test]
    fn a_score_that_is_no_number_blocks_and_keeps_the_average() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let mut stream = Hysteresis::new(0.7, 0.4, 0.5, false).expect("in range");
            stream.push(0.5).expect("finite");
            assert!(stream.push(bad).is_err() && stream.is_blocked());
            assert_eq!(stream.push(0.5), Ok((0.5, true)), "between the two the state stays");
        }
    }

    #[test]
    fn bounds_out_of_order_and_a_decay_of_one_are_refused() {
        for (high, low, decay) in [(0.4, 0.7, 0.5), (f64::NAN, 0.4, 0.5), (0.7, 0.4, 1.0), (0.7, 0.4, -0.1)] {
            assert!(Hysteresis::new(high, low, decay, true).is_err());
        }
    }
}
