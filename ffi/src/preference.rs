//! Which of two answers a model prefers, and thresholds that follow thumbs up and down. Pure functions, no heap call.

use trueline_core::scoring::preference::{self, Answer, Shift};
use trueline_core::{Code, Error};

use crate::boundary::boundary;
use crate::pointer::{Out, required_mut, span};
use crate::status::tl_status;

/// Summed log-probabilities of one answer under two models, in nats, and its length.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tl_answer {
    /// Under the model that was trained.
    pub policy: f64,
    /// Under the one that it was trained from.
    pub reference: f64,
    /// Its tokens, 1 or more.
    pub n_tokens: u64,
}

/// A margin, and what follows from it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tl_margin {
    /// The implicit reward of the chosen answer less that of the other.
    pub margin: f64,
    /// `-ln sigmoid(margin)`.
    pub loss: f64,
    /// `sigmoid(margin)`: how surely the model prefers the chosen one.
    pub probability: f64,
}

/// The implicit reward of an answer, `beta * (policy - reference)`; `by_length` divides it by the answer's tokens.
///
/// @param out_reward  gets it; 0 on failure.
/// @return TL_OK; TL_ERR_INVALID_ARGUMENT for an answer of no tokens, and what is not finite; TL_ERR_NULL_ARGUMENT.
///
/// # Safety
/// `out_reward` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_preference_reward(
    answer: tl_answer,
    beta: f64,
    by_length: i32,
    out_reward: *mut f64,
) -> tl_status {
    boundary(|| {
        // SAFETY: writable if it is not NULL, by this function's contract.
        let mut out = unsafe { Out::new(out_reward, "out_reward") }?;
        out.set(0.0);
        let answer = read(answer);
        // The margin over an answer that neither model prefers is the reward.
        let even = Answer { policy: 0.0, reference: 0.0, len: 1 };
        out.set(margin(answer, even, beta, by_length)?.margin);
        Ok(())
    })
}

/// DPO, and LN-DPO with `by_length`: whether the model prefers the answer that people chose.
///
/// @param beta       of training: 0.1 is usual, several times that by length.
/// @param by_length  1: each log-ratio is divided by its answer's tokens.
/// @param out        gets the margin; on failure 0, a loss of ln 2 and one half.
/// @return TL_OK; TL_ERR_INVALID_ARGUMENT for an answer of no tokens, and what is not finite; TL_ERR_NULL_ARGUMENT.
///
/// # Safety
/// `out` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_preference_margin(
    chosen: tl_answer,
    rejected: tl_answer,
    beta: f64,
    by_length: i32,
    out: *mut tl_margin,
) -> tl_status {
    boundary(|| {
        // SAFETY: writable if it is not NULL, by this function's contract.
        let mut out = unsafe { Out::new(out, "out") }?;
        out.set(tl_margin { margin: 0.0, loss: std::f64::consts::LN_2, probability: 0.5 });
        let found = margin(read(chosen), read(rejected), beta, by_length)?;
        out.set(tl_margin { margin: found.margin, loss: found.loss, probability: found.probability });
        Ok(())
    })
}

fn read(answer: tl_answer) -> Answer {
    Answer { policy: answer.policy, reference: answer.reference, len: answer.n_tokens }
}

fn margin(chosen: Answer, rejected: Answer, beta: f64, by_length: i32) -> Result<preference::Margin, Error> {
    match by_length {
        0 => preference::dpo(chosen, rejected, beta),
        1 => preference::length_normalised_dpo(chosen, rejected, beta),
        other => Err(Error::new(Code::InvalidArgument, format!("by_length is {other}; it is 0 or 1"))),
    }
}

/// Ranking accuracy: the share of pairs in which the chosen answer has the larger reading.
///
/// @param chosen         `n` readings: log-probabilities, implicit rewards, scores of a reward model.
/// @param rejected       `n` readings of the other answers.
/// @param out_strict     gets the share, ties wrong; 0 on failure.
/// @param out_half_ties  gets the share, ties half right; may be NULL.
/// @return TL_OK; TL_ERR_INVALID_ARGUMENT for no pairs, and NaN; TL_ERR_NULL_ARGUMENT.
///
/// # Safety
/// `n` numbers lie at the inputs; the others are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_preference_accuracy(
    chosen: *const f64,
    rejected: *const f64,
    n: usize,
    out_strict: *mut f64,
    out_half_ties: *mut f64,
) -> tl_status {
    boundary(|| {
        // SAFETY: writable if it is not NULL, by this function's contract.
        let mut out = unsafe { Out::new(out_strict, "out_strict") }?;
        out.set(0.0);
        // SAFETY: `n` numbers lie there, by this function's contract.
        let chosen = unsafe { span(chosen, n, "chosen") }?;
        // SAFETY: as above.
        let found = preference::ranking_accuracy(chosen, unsafe { span(rejected, n, "rejected") }?)?;
        out.set(found.strict);
        // SAFETY: writable if it is not NULL, by this function's contract.
        if let Ok(mut out) = unsafe { Out::new(out_half_ties, "out_half_ties") } {
            out.set(found.half_ties);
        }
        Ok(())
    })
}

/// BCO: the running mean of rewards from thumbs up and down, a threshold that follows. Yours to keep and to save: start from
/// TL_SHIFT_INIT.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tl_shift {
    /// The mean, which rewards of good answers should exceed.
    pub mean: f64,
    /// The variance.
    pub variance: f64,
    /// Rewards seen.
    pub count: f64,
}

/// Takes a batch of rewards, of good answers and of bad ones alike.
///
/// @param shift    from TL_SHIFT_INIT or an earlier call; on failure as it was.
/// @param rewards  `n` rewards, at least one.
/// @return TL_OK; TL_ERR_INVALID_ARGUMENT for none, what is not finite, and a shift that is none; TL_ERR_NULL_ARGUMENT.
///
/// # Safety
/// `shift` is NULL or live, and nothing else uses it; `n` numbers lie at `rewards`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_shift_update(shift: *mut tl_shift, rewards: *const f64, n: usize) -> tl_status {
    boundary(|| {
        // SAFETY: live and exclusive if it is not NULL, by this function's contract.
        let shift = unsafe { required_mut(shift, "shift") }?;
        let tl_shift { mean, variance, count } = *shift;
        if !(mean.is_finite() && variance.is_finite() && variance >= 0.0 && count.is_finite() && count > 0.0)
        {
            let message = format!(
                "a shift of mean {mean}, variance {variance} and count {count}: start from TL_SHIFT_INIT"
            );
            return Err(Error::new(Code::InvalidArgument, message));
        }
        let mut running = Shift { mean, variance, count };
        // SAFETY: `n` numbers lie there, by this function's contract.
        running.update(unsafe { span(rewards, n, "rewards") }?)?;
        *shift = tl_shift { mean: running.mean, variance: running.variance, count: running.count };
        Ok(())
    })
}
