//! CARDS (Li et al. 2025): an answer grows by segments, and a segment stays only if its reward clears a rising bar.
//!
//! A state machine: the host runs the language model and the reward model, and is told which of them is due.

use crate::Error;
use crate::scoring::refuse::{all_finite, invalid, open_unit};

/// Tokens that a segment has at least and at most.
const SEGMENT: std::ops::RangeInclusive<usize> = 4..=64;
/// After so many rejections the best attempt is taken.
const REJECTIONS: usize = 20;

/// When a candidate is accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Acceptance {
    /// With probability `min(1, e^((reward - threshold) / beta))`; takes a uniform each time.
    #[default]
    Soft,
    /// If the reward reaches the threshold.
    Hard,
}

/// What the answer is cut into.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Segments {
    /// Up to where the entropy of the next token reaches this, in nats; 4 to 64 tokens.
    ByEntropy(f64),
    /// The whole answer, up to the end token or `max_tokens`: rejection sampling by item, with one threshold.
    Whole,
}

/// How an answer is made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// What is judged at a time.
    pub segments: Segments,
    /// The reward at the end. Depends on the reward model; the 80th percentile of its rewards is a start.
    pub reward: f64,
    /// The share of that in the first bar; the rest is the prompt's own reward.
    pub alpha: f64,
    /// Temperature of sampling, which the host does, and of acceptance.
    pub beta: f64,
    /// Tokens of the answer; the last segment may run past it.
    pub max_tokens: usize,
    /// When a candidate is accepted.
    pub acceptance: Acceptance,
    /// The token that ends an answer, and a segment.
    pub end: Option<u32>,
    /// The last segment is cut at `max_tokens`.
    pub clip: bool,
}

/// Those of the original function.
impl Default for Options {
    fn default() -> Self {
        Self {
            segments: Segments::ByEntropy(3.0),
            reward: 8.5,
            alpha: 0.5,
            beta: 0.7,
            max_tokens: 128,
            acceptance: Acceptance::Soft,
            end: None,
            clip: false,
        }
    }
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// A run of the language model after prompt and [`Cards::candidate`]: give its entropy.
    Model,
    /// A token, sampled at temperature `beta`.
    Token,
    /// The reward of prompt and [`Cards::candidate`].
    Reward,
    /// Nothing: [`Cards::candidate`] is the answer.
    Nothing,
}

/// How an attempt was judged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judged {
    /// Tokens of the candidate.
    pub len: usize,
    /// The bar.
    pub threshold: f64,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It stays.
    Accepted,
    /// The segment starts anew.
    Rejected,
    /// There were too many rejections: the best attempt stays.
    Best,
}

/// An answer in the making.
#[derive(Clone, Debug)]
pub struct Cards {
    options: Options,
    first: f64,
    candidate: Vec<u32>,
    committed: usize,
    best: Vec<u32>,
    best_reward: f64,
    rejections: usize,
    due: Due,
}

impl Cards {
    /// Starts after a prompt of this reward.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if `beta` is not above 0, or a number is not finite.
    pub fn new(options: Options, prompt_reward: f64) -> Result<Self, Error> {
        let Options { reward, alpha, beta, max_tokens, .. } = options;
        all_finite("reward, alpha, beta or prompt reward", [reward, alpha, beta, prompt_reward])?;
        if beta <= 0.0 {
            return Err(invalid(format!("beta is {beta}; above 0")));
        }
        if let Segments::ByEntropy(threshold) = options.segments
            && threshold.is_nan()
        {
            return Err(invalid("the entropy threshold is NaN; a number"));
        }
        let due = if max_tokens == 0 { Due::Nothing } else { Due::Model };
        let first = match options.segments {
            Segments::ByEntropy(_) => (1.0 - alpha) * prompt_reward + alpha * reward,
            Segments::Whole => reward,
        };
        Ok(Self {
            options,
            first,
            candidate: Vec::with_capacity(max_tokens.min(1 << 16) + SEGMENT.end()),
            committed: 0,
            best: Vec::new(),
            best_reward: f64::NEG_INFINITY,
            rejections: 0,
            due,
        })
    }

    /// What is due.
    pub fn due(&self) -> Due {
        self.due
    }

    /// The first bar, `(1 - alpha) * prompt + alpha * reward`.
    pub fn first_threshold(&self) -> f64 {
        self.first
    }

    /// The tokens of the answer so far, with those of the segment in the making.
    pub fn candidate(&self) -> &[u32] {
        &self.candidate
    }

    /// Takes the entropy of the next token, in nats, of the full untempered distribution: where it is high, the segment ends
    /// before that token.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if it is not due, or NaN.
    pub fn entropy(&mut self, entropy: f64) -> Result<(), Error> {
        self.expect(Due::Model)?;
        if entropy.is_nan() {
            return Err(invalid("the entropy is NaN; a number"));
        }
        let len = self.candidate.len() - self.committed;
        let ends = match self.options.segments {
            Segments::ByEntropy(threshold) => len >= *SEGMENT.start() && entropy >= threshold,
            Segments::Whole => false,
        };
        self.due = if ends { Due::Reward } else { Due::Token };
        Ok(())
    }

    /// Takes the next token.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if it is not due.
    pub fn token(&mut self, token: u32) -> Result<(), Error> {
        self.expect(Due::Token)?;
        self.candidate.push(token);
        let len = self.candidate.len() - self.committed;
        let ends = match self.options.segments {
            Segments::ByEntropy(_) => len >= *SEGMENT.end(),
            Segments::Whole => self.candidate.len() >= self.options.max_tokens,
        };
        self.due = if ends || Some(token) == self.options.end { Due::Reward } else { Due::Model };
        Ok(())
    }

    /// Whether [`Cards::reward`] needs a uniform now.
    pub fn needs_uniform(&self) -> bool {
        self.options.acceptance == Acceptance::Soft && self.rejections < REJECTIONS
    }

    /// Takes the reward of prompt and candidate, and a uniform in (0, 1) if one is needed.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if it is not due, the reward is NaN, or the uniform is missing
    /// or out of range.
    /// # Source
    /// Golden file `cards.json`.
    pub fn reward(&mut self, reward: f64, uniform: Option<f64>) -> Result<Judged, Error> {
        self.expect(Due::Reward)?;
        if reward.is_nan() {
            return Err(invalid("the reward is NaN; a number"));
        }
        let len = self.candidate.len();
        let threshold = self.threshold(len);
        let outcome = if self.rejections >= REJECTIONS {
            Outcome::Best
        } else if self.accepts(reward, threshold, uniform)? {
            Outcome::Accepted
        } else {
            Outcome::Rejected
        };
        if self.best.is_empty() || reward > self.best_reward {
            self.best.clone_from(&self.candidate);
            self.best_reward = reward;
        }
        match outcome {
            Outcome::Rejected => {
                self.rejections += 1;
                self.candidate.truncate(self.committed);
                self.due = Due::Model;
            }
            Outcome::Accepted | Outcome::Best => {
                if outcome == Outcome::Best {
                    self.candidate.clone_from(&self.best);
                }
                self.commit();
            }
        }
        Ok(Judged { len, threshold, outcome })
    }

    fn commit(&mut self) {
        self.best.clear();
        self.best_reward = f64::NEG_INFINITY;
        self.rejections = 0;
        let Options { max_tokens, end, clip, .. } = self.options;
        if clip {
            self.candidate.truncate(max_tokens);
        }
        self.committed = self.candidate.len();
        let ended = end.is_some() && self.candidate.last().copied() == end;
        self.due = if ended || self.committed >= max_tokens { Due::Nothing } else { Due::Model };
    }

    fn threshold(&self, len: usize) -> f64 {
        let reward = self.options.reward;
        (self.first + len as f64 * (reward - self.first) / self.options.max_tokens as f64).min(reward)
    }

    fn accepts(&self, reward: f64, threshold: f64, uniform: Option<f64>) -> Result<bool, Error> {
        if self.options.acceptance == Acceptance::Hard {
            return Ok(reward >= threshold);
        }
        let u = uniform.ok_or_else(|| invalid("no uniform; soft acceptance takes one each time"))?;
        open_unit("uniform", u)?;
        Ok(reward >= threshold || u < libm::exp((reward - threshold) / self.options.beta))
    }

    fn expect(&self, due: Due) -> Result<(), Error> {
        if self.due == due {
            Ok(())
        } else {
            Err(invalid(format!("{due:?} is given; {:?} is due", self.due)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs with one token and one reward, and returns the answer and how many rewards it took.
    fn run(options: Options, reward: f64) -> (Vec<u32>, usize) {
        let (mut cards, mut asked) = (Cards::new(options, 0.0).expect("options"), 0);
        loop {
            match cards.due() {
                Due::Model => cards.entropy(0.0).expect("due"),
                Due::Token => cards.token(7).expect("due"),
                Due::Reward => {
                    asked += 1;
                    let u = cards.needs_uniform().then_some(0.5);
                    cards.reward(reward, u).expect("due");
                }
                Due::Nothing => return (cards.candidate().to_vec(), asked),
            }
        }
    }

    #[test]
    fn bad_rewards_end_too() {
        let options = Options { max_tokens: 70, acceptance: Acceptance::Hard, ..Options::default() };
        assert_eq!(run(options, f64::NEG_INFINITY), (vec![7; 128], 42));
        assert_eq!(run(Options { clip: true, ..options }, 100.0), (vec![7; 70], 2));
        let whole = Options { segments: Segments::Whole, acceptance: Acceptance::Soft, ..options };
        assert_eq!(run(whole, -1e9), (vec![7; 70], 21));
        assert_eq!(run(Options { end: Some(7), ..options }, 100.0), (vec![7], 1));
        assert_eq!(run(Options { max_tokens: 0, ..options }, 0.0), (Vec::new(), 0));
    }

    #[test]
    fn what_is_not_due_is_refused() {
        assert!(Cards::new(Options { beta: 0.0, ..Options::default() }, 0.0).is_err());
        assert!(Cards::new(Options::default(), f64::NAN).is_err());
        let mut cards = Cards::new(Options { end: Some(1), ..Options::default() }, 0.0).expect("options");
        assert!(cards.token(1).is_err_and(|e| e.message.contains("Model is due")));
        assert!(cards.entropy(f64::NAN).is_err());
        cards.entropy(9.0).expect("due");
        cards.token(1).expect("due");
        assert!(cards.reward(f64::NAN, Some(0.5)).is_err() && cards.reward(0.0, None).is_err());
        assert!(cards.reward(0.0, Some(1.0)).is_err() && cards.due() == Due::Reward);
    }
}
