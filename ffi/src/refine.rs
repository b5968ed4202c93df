//! Drafts refined as a whole, squads of the host's own correctors, and conversations in the markers of a base model.

use std::ffi::{c_char, c_void};

use trueline_core::scoring::correct::conversation::Style;
use trueline_core::scoring::correct::jacobi;
use trueline_core::scoring::correct::squad::{self, Order, Squad};
use trueline_core::{Code, Error};

use crate::boundary::boundary;
use crate::pointer::{Out, room, span, text};
use crate::session::tl_text;
use crate::status::tl_status;

/// Writes the likeliest token after each of `n` tokens, of equals the lowest, to `next`: one run of your model on all of them.
/// Returns 0, or anything else to stop. It must not unwind.
pub type tl_predict_fn =
    Option<unsafe extern "C" fn(user: *mut c_void, tokens: *const u32, n: usize, next: *mut u32) -> i32>;

/// DiffPO: refines a draft, all tokens at once, by up to `max_rounds + 1` runs of a model.
///
/// @param tokens         the prompt of `n_prompt` tokens, then the draft; the draft is changed in place.
/// @param predict        your model.
/// @param user           handed to `predict` as it is.
/// @param out_calls      gets how often it ran; may be NULL.
/// @param out_converged  gets 1 if the draft is now what the model would write by itself, as far as that is known, else 0; may be
///                       NULL.
/// @return TL_OK; TL_ERR_HOST if `predict` stopped, and the draft is as far as it came; TL_ERR_INVALID_ARGUMENT for an empty prompt, or
///         one longer than `n`; TL_ERR_NULL_ARGUMENT. One heap call.
///
/// # Safety
/// `n` ids that nothing else uses lie at `tokens`; `predict` may be called with `user` in this thread until the call ends; the
/// others are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_decode_refine(
    tokens: *mut u32,
    n: usize,
    n_prompt: usize,
    max_rounds: usize,
    predict: tl_predict_fn,
    user: *mut c_void,
    out_calls: *mut usize,
    out_converged: *mut i32,
) -> tl_status {
    boundary(|| {
        // SAFETY: `n` ids that nothing else uses lie there, by this function's contract.
        let tokens = unsafe { room(tokens, n, "tokens") }?;
        let Some(predict) = predict else { return Err(Error::new(Code::NullArgument, "predict is NULL")) };
        let found = jacobi::refine(tokens, n_prompt, max_rounds, |tokens, next| {
            // SAFETY: callable with `user` in this thread, by this function's contract; both lists have as many places.
            match unsafe { predict(user, tokens.as_ptr(), tokens.len(), next.as_mut_ptr()) } {
                0 => Ok(()),
                status => Err(Error::new(Code::Host, format!("predict stopped with {status}"))),
            }
        })?;
        // SAFETY: writable if it is not NULL, by this function's contract.
        if let Ok(mut out) = unsafe { Out::new(out_calls, "out_calls") } {
            out.set(found.calls);
        }
        // SAFETY: as above.
        if let Ok(mut out) = unsafe { Out::new(out_converged, "out_converged") } {
            out.set(i32::from(found.converged));
        }
        Ok(())
    })
}

/// Writes how aligned an item's answer is by each of `n_criteria` inspectors to `scores`: probabilities, high is good. Returns 0, or
/// anything else to stop. It must not unwind.
pub type tl_inspect_fn =
    Option<unsafe extern "C" fn(user: *mut c_void, item: usize, scores: *mut f64, n_criteria: usize) -> i32>;
/// Replaces an item's answer by that of a criterion's corrector. Returns 0, or anything else to stop. It must not unwind.
pub type tl_correct_fn =
    Option<unsafe extern "C" fn(user: *mut c_void, item: usize, criterion: usize) -> i32>;

/// Each item's own scores decide the order of its correctors.
pub const TL_ORDER_ITEM: u32 = 0;
/// The means over all items do, as in the original: an item's result then depends on its company.
pub const TL_ORDER_BATCH: u32 = 1;

/// An aligner squad of your own models: of each item the correctors run whose inspector's score is below `threshold`, the worst
/// first, and all inspectors look again after each. For packs, tl_pipeline does this.
///
/// @param n_criteria   inspectors, and as many correctors.
/// @param threshold    0.5 in the original.
/// @param order        TL_ORDER_ITEM, ...
/// @param inspect      your inspectors.
/// @param correct      your correctors.
/// @param user         handed to both as it is.
/// @param scores       gets the last answers' scores, `[n_items, n_criteria]`; may be NULL.
/// @param out_applied  gets how many correctors ran; may be NULL.
/// @return TL_OK; TL_ERR_HOST if a function stopped; TL_ERR_INVALID_ARGUMENT for no criteria, another order, and a score that is not
///         finite; TL_ERR_NULL_ARGUMENT.
///
/// # Safety
/// The functions may be called with `user` in this thread until the call ends; `scores` is NULL or has room for as many numbers as
/// stated; `out_applied` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_squad_run(
    n_items: usize,
    n_criteria: usize,
    threshold: f64,
    order: u32,
    inspect: tl_inspect_fn,
    correct: tl_correct_fn,
    user: *mut c_void,
    scores: *mut f64,
    out_applied: *mut usize,
) -> tl_status {
    boundary(|| {
        let (Some(inspect), Some(correct)) = (inspect, correct) else {
            return Err(Error::new(Code::NullArgument, "inspect or correct is NULL"));
        };
        let order = match order {
            TL_ORDER_ITEM => Order::Item,
            TL_ORDER_BATCH => Order::Batch,
            other => {
                let message =
                    format!("order is {other}; it lies between {TL_ORDER_ITEM} and {TL_ORDER_BATCH}");
                return Err(Error::new(Code::InvalidArgument, message));
            }
        };
        if n_criteria == 0 || n_criteria > 1 << 20 {
            let message = format!("n_criteria is {n_criteria}; it lies between 1 and 2^20");
            return Err(Error::new(Code::InvalidArgument, message));
        }
        let mut squad = Host { inspect, correct, user, n_criteria };
        let trace = squad::run(&mut squad, n_items, threshold, order)?;
        if !scores.is_null() {
            let size = n_items.saturating_mul(n_criteria);
            // SAFETY: room for as many numbers, by this function's contract.
            let scores = unsafe { room(scores, size, "scores") }?;
            for (place, score) in scores.iter_mut().zip(trace.scores.iter().flatten()) {
                *place = *score;
            }
        }
        // SAFETY: writable if it is not NULL, by this function's contract.
        if let Ok(mut out) = unsafe { Out::new(out_applied, "out_applied") } {
            out.set(trace.applied.iter().map(Vec::len).sum());
        }
        Ok(())
    })
}

/// A squad whose models are the host's. Only made where the functions may be called.
struct Host {
    inspect: unsafe extern "C" fn(*mut c_void, usize, *mut f64, usize) -> i32,
    correct: unsafe extern "C" fn(*mut c_void, usize, usize) -> i32,
    user: *mut c_void,
    n_criteria: usize,
}

impl Squad for Host {
    fn scores(&mut self, item: usize) -> Result<Vec<f64>, Error> {
        let mut scores = vec![f64::NAN; self.n_criteria];
        // SAFETY: callable with `user` in this thread, promised where this was made; there are as many places as stated.
        match unsafe { (self.inspect)(self.user, item, scores.as_mut_ptr(), self.n_criteria) } {
            0 => Ok(scores),
            status => Err(Error::new(Code::Host, format!("inspect stopped with {status} at item {item}"))),
        }
    }

    fn correct(&mut self, criterion: usize, item: usize) -> Result<(), Error> {
        // SAFETY: callable with `user` in this thread, promised where this was made.
        match unsafe { (self.correct)(self.user, item, criterion) } {
            0 => Ok(()),
            status => Err(Error::new(Code::Host, format!("correct stopped with {status} at item {item}"))),
        }
    }
}

/// `# Query:` and `# Answer:`, turns in three backticks.
pub const TL_CONVERSATION_BACKTICKS: u32 = 0;
/// `# User:` and `# Assistant:`, an empty line around turns.
pub const TL_CONVERSATION_V5: u32 = 1;
/// The same roles; a blank line before each.
pub const TL_CONVERSATION_V6: u32 = 2;

/// URIAL: a conversation in the markers that make a base model answer, with an open turn at its end.
///
/// The system text is the same for every conversation: give it to tl_draft_begin once, render the turns with a `system` of size 0, and
/// go on with tl_draft_truncate and tl_draft_append, so that the model reads it only once.
///
/// @param style     TL_CONVERSATION_BACKTICKS, ...
/// @param system    UTF-8, `system_size` bytes; may be NULL if `system_size` is 0.
/// @param turns     `n_turns` texts of user and assistant by turns, the user's first and last.
/// @param bytes     gets the text, UTF-8 without a closing NUL; may be NULL if `room_bytes` is 0.
/// @param out_size  gets how many bytes there are, also where there is less room, and then nothing is written.
/// @return TL_OK; TL_ERR_TOO_LARGE if there is less room; TL_ERR_INVALID_ARGUMENT for another style, an empty turn, or an even number of
///         turns; TL_ERR_UTF8; TL_ERR_NULL_ARGUMENT.
///
/// # Safety
/// `system_size` bytes lie at `system`, `n_turns` structs at `turns`, and each one's bytes where it says; there is room for
/// `room_bytes` at `bytes`; `out_size` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_conversation_render(
    style: u32,
    system: *const c_char,
    system_size: usize,
    turns: *const tl_text,
    n_turns: usize,
    bytes: *mut c_char,
    room_bytes: usize,
    out_size: *mut usize,
) -> tl_status {
    boundary(|| {
        // SAFETY: writable if it is not NULL, by this function's contract.
        let mut out = unsafe { Out::new(out_size, "out_size") }?;
        out.set(0);
        let style = match style {
            TL_CONVERSATION_BACKTICKS => Style::Backticks,
            TL_CONVERSATION_V5 => Style::V5,
            TL_CONVERSATION_V6 => Style::V6,
            other => {
                let message = format!("style is {other}; it lies between 0 and {TL_CONVERSATION_V6}");
                return Err(Error::new(Code::InvalidArgument, message));
            }
        };
        // SAFETY: `system_size` bytes lie there, by this function's contract.
        let system = unsafe { text(system, system_size, "system") }?;
        let mut said = Vec::new();
        // SAFETY: `n_turns` structs lie there, by this function's contract.
        for (i, turn) in unsafe { span(turns, n_turns, "turns") }?.iter().enumerate() {
            // SAFETY: `size` bytes lie at `data`, by this function's contract.
            said.push(unsafe { text(turn.data, turn.size, &format!("turns[{i}].data")) }?);
        }
        let found = style.render(system, &said)?;
        out.set(found.len());
        if found.len() > room_bytes {
            let message =
                format!("the conversation has {} bytes; there is room for {room_bytes}", found.len());
            return Err(Error::new(Code::TooLarge, message));
        }
        if bytes.is_null() {
            return Err(Error::new(
                Code::NullArgument,
                format!("bytes is NULL but its room is {room_bytes}"),
            ));
        }
        // SAFETY: room for `room_bytes`, by this function's contract, and no more are written; the memory is the caller's.
        unsafe { std::ptr::copy_nonoverlapping(found.as_ptr().cast::<c_char>(), bytes, found.len()) };
        Ok(())
    })
}
