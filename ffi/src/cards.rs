//! `tl_cards`: CARDS, segment by segment.

use trueline_core::scoring::decode::cards::{Acceptance, Cards, Due, Options, Outcome, Segments};
use trueline_core::{Code, Error};

use crate::boundary::{boundary, value};
use crate::exclusive::{Exclusive, destroy};
use crate::pointer::{Out, Sized32, required, room, sized};
use crate::status::tl_status;

/// The answer is there: tl_cards_answer.
pub const TL_CARDS_DONE: u32 = 0;
/// Run the language model after prompt and candidate, and give its entropy: tl_cards_entropy.
pub const TL_CARDS_MODEL: u32 = 1;
/// Draw a token at the temperature `beta`, and give it: tl_cards_token.
pub const TL_CARDS_TOKEN: u32 = 2;
/// Score prompt and candidate, and give the reward: tl_cards_reward.
pub const TL_CARDS_REWARD: u32 = 3;

/// The segment starts anew: go back to tl_cards_length tokens.
pub const TL_CARDS_REJECTED: u32 = 0;
/// The segment stays.
pub const TL_CARDS_ACCEPTED: u32 = 1;
/// There were too many rejections: the best attempt stays, which may be another than the last. tl_cards_answer has it.
pub const TL_CARDS_BEST: u32 = 2;

/// How an answer is made. TL_CARDS_OPTIONS_INIT has the defaults of the original; every field counts as it stands.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tl_cards_options {
    /// Set by TL_CARDS_OPTIONS_INIT; lets old programs meet new libraries.
    pub struct_size: u32,
    /// The answer's tokens; the last segment may run past it unless `clip` is 1.
    pub max_tokens: u32,
    /// A segment ends where the entropy of what may follow reaches this, in nats.
    pub entropy: f32,
    /// The reward at the end; depends on the reward model.
    pub reward: f32,
    /// The share of that in the first bar; the rest is the prompt's own reward.
    pub alpha: f32,
    /// The temperature of acceptance, and of your sampling; above 0.
    pub beta: f32,
    /// 1: a segment is accepted if it reaches the bar. 0: with probability `min(1, e^((reward - bar) / beta))`.
    pub hard: u32,
    /// 1: the answer is one segment, with one bar: rejection sampling by item. `entropy` is then not used.
    pub whole: u32,
    /// 1: the last segment is cut at `max_tokens`.
    pub clip: u32,
    /// 1: `end` ends an answer.
    pub has_end: u32,
    /// The token that ends an answer, and a segment.
    pub end: u32,
}

// SAFETY: `repr(C)`, `struct_size` first, integers and floats only.
unsafe impl Sized32 for tl_cards_options {
    const NAME: &'static str = "tl_cards_options";
    const INIT: &'static str = "TL_CARDS_OPTIONS_INIT";
    const ZERO: Self = Self {
        struct_size: 0,
        max_tokens: 128,
        entropy: 3.0,
        reward: 8.5,
        alpha: 0.5,
        beta: 0.7,
        hard: 0,
        whole: 0,
        clip: 0,
        has_end: 0,
        end: 0,
    };
}

/// An answer in the making, after CARDS: you run the models, and are told which is due.
pub struct tl_cards {
    inner: Exclusive<Cards>,
}

/// Starts an answer. One thread uses it at a time.
///
/// @param options        may be NULL: the defaults of the original.
/// @param prompt_reward  the reward model's score of the prompt alone.
/// @param out_cards      gets it; end it with tl_cards_destroy. NULL on failure.
/// @return TL_OK; TL_ERR_INVALID_ARGUMENT for `beta`, flags that are neither 0 nor 1, and what is not finite; TL_ERR_STRUCT_SIZE;
///         TL_ERR_NULL_ARGUMENT.
///
/// # Safety
/// `options` is NULL or a struct of the size it states; `out_cards` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_cards_create(
    options: *const tl_cards_options,
    prompt_reward: f64,
    out_cards: *mut *mut tl_cards,
) -> tl_status {
    boundary(|| {
        // SAFETY: writable if it is not NULL, by this function's contract.
        let mut out = unsafe { Out::new(out_cards, "out_cards") }?;
        out.set(std::ptr::null_mut());
        // SAFETY: of the size it states if it is not NULL, by this function's contract.
        let given = unsafe { sized(options) }?;
        let flags =
            [("hard", given.hard), ("whole", given.whole), ("clip", given.clip), ("has_end", given.has_end)];
        if let Some((name, value)) = flags.into_iter().find(|(_, value)| *value > 1) {
            return Err(Error::new(Code::InvalidArgument, format!("{name} is {value}; it is 0 or 1")));
        }
        let options = Options {
            segments: if given.whole == 1 {
                Segments::Whole
            } else {
                Segments::ByEntropy(f64::from(given.entropy))
            },
            reward: f64::from(given.reward),
            alpha: f64::from(given.alpha),
            beta: f64::from(given.beta),
            max_tokens: given.max_tokens as usize,
            acceptance: if given.hard == 1 { Acceptance::Hard } else { Acceptance::Soft },
            end: (given.has_end == 1).then_some(given.end),
            clip: given.clip == 1,
        };
        let inner = Exclusive::new(Cards::new(options, prompt_reward)?);
        out.set(Box::into_raw(Box::new(tl_cards { inner })));
        Ok(())
    })
}

/// TL_CARDS_MODEL, TL_CARDS_TOKEN, TL_CARDS_REWARD or TL_CARDS_DONE: what is due. TL_CARDS_DONE for NULL.
///
/// # Safety
/// `cards` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_cards_due(cards: *const tl_cards) -> u32 {
    // SAFETY: passed on from this function's contract.
    let due = unsafe { look(cards, |c| c.due()) };
    match due.unwrap_or(Due::Nothing) {
        Due::Model => TL_CARDS_MODEL,
        Due::Token => TL_CARDS_TOKEN,
        Due::Reward => TL_CARDS_REWARD,
        Due::Nothing => TL_CARDS_DONE,
    }
}

/// Takes the entropy of what may follow the candidate: tl_decode_entropy.
///
/// @return TL_OK; TL_ERR_INVALID_ARGUMENT if it is not due, or NaN; TL_ERR_BROKEN; TL_ERR_NULL_ARGUMENT.
///
/// # Safety
/// `cards` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_cards_entropy(cards: *mut tl_cards, entropy: f64) -> tl_status {
    // SAFETY: live if it is not NULL, by this function's contract.
    boundary(|| unsafe { required(cards, "cards") }?.inner.lock("cards")?.entropy(entropy))
}

/// Takes the next token of the candidate.
///
/// @return TL_OK; TL_ERR_INVALID_ARGUMENT if it is not due; TL_ERR_BROKEN; TL_ERR_NULL_ARGUMENT.
///
/// # Safety
/// `cards` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_cards_token(cards: *mut tl_cards, token: u32) -> tl_status {
    // SAFETY: live if it is not NULL, by this function's contract.
    boundary(|| unsafe { required(cards, "cards") }?.inner.lock("cards")?.token(token))
}

/// Takes the reward of prompt and candidate.
///
/// @param uniform   between 0 and 1, both excluded; used for an acceptance that is not hard.
/// @param out_kept  gets TL_CARDS_REJECTED, TL_CARDS_ACCEPTED or TL_CARDS_BEST.
/// @return TL_OK; TL_ERR_INVALID_ARGUMENT if it is not due, for a reward that is NaN, and a uniform out of range where one is used;
///         TL_ERR_BROKEN; TL_ERR_NULL_ARGUMENT.
///
/// # Safety
/// `cards` is NULL or live; `out_kept` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_cards_reward(
    cards: *mut tl_cards,
    reward: f64,
    uniform: f64,
    out_kept: *mut u32,
) -> tl_status {
    boundary(|| {
        // SAFETY: writable if it is not NULL, by this function's contract.
        let mut out = unsafe { Out::new(out_kept, "out_kept") }?;
        out.set(TL_CARDS_REJECTED);
        // SAFETY: live if it is not NULL, by this function's contract.
        let mut inner = unsafe { required(cards, "cards") }?.inner.lock("cards")?;
        let uniform = inner.needs_uniform().then_some(uniform);
        out.set(match inner.reward(reward, uniform)?.outcome {
            Outcome::Rejected => TL_CARDS_REJECTED,
            Outcome::Accepted => TL_CARDS_ACCEPTED,
            Outcome::Best => TL_CARDS_BEST,
        });
        Ok(())
    })
}

/// Tokens of the candidate: of the answer so far, with those of the segment in the making. 0 for NULL.
///
/// # Safety
/// `cards` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_cards_length(cards: *const tl_cards) -> usize {
    // SAFETY: passed on from this function's contract.
    unsafe { look(cards, |c| c.candidate().len()) }.unwrap_or(0)
}

/// The tokens of the candidate; of the answer, once it is done.
///
/// @param tokens  gets them.
/// @param n       how many there is room for: tl_cards_length.
/// @return TL_OK; TL_ERR_INVALID_ARGUMENT for another number; TL_ERR_BROKEN; TL_ERR_NULL_ARGUMENT.
///
/// # Safety
/// `cards` is NULL or live; there is room for `n` ids at `tokens`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_cards_answer(cards: *const tl_cards, tokens: *mut u32, n: usize) -> tl_status {
    boundary(|| {
        // SAFETY: live if it is not NULL, by this function's contract.
        let inner = unsafe { required(cards, "cards") }?.inner.lock("cards")?;
        let found = inner.candidate();
        if found.len() != n {
            let message = format!("room for {n} tokens; the candidate has {}", found.len());
            return Err(Error::new(Code::InvalidArgument, message));
        }
        // SAFETY: room for `n` ids, by this function's contract.
        unsafe { room(tokens, n, "tokens") }?.copy_from_slice(found);
        Ok(())
    })
}

/// Ends an answer; NULL is fine.
///
/// # Safety
/// `cards` is NULL or from `tl_cards_create`, and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_cards_destroy(cards: *mut tl_cards) {
    // SAFETY: this function's contract.
    unsafe { destroy(cards) };
}

/// # Safety
/// `cards` is NULL or live.
unsafe fn look<T>(cards: *const tl_cards, see: impl FnOnce(&Cards) -> T) -> Option<T> {
    value(None, || {
        // SAFETY: passed on to the caller.
        let cards = unsafe { cards.as_ref() }?;
        Some(see(&*cards.inner.lock("cards").ok()?))
    })
}
