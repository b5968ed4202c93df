//! `tl_result`: what guard calls decided. Whatever cannot be read reads as "block, risk 1".

use std::ffi::{CString, c_char};
use std::sync::Arc;

use trueline_core::engine::{Action, Reason, Verdict};
use trueline_core::{Code, Error};

use crate::boundary::{Message, boundary, message};
use crate::exclusive::destroy;
use crate::pointer::{Out, required};
use crate::status::{TL_ERR_INVALID_ARGUMENT, TL_ERR_NULL_ARGUMENT, TL_OK, tl_status};

/// Do not pass the text on. 0, so that memory nobody wrote to never reads as an allowing verdict.
pub const TL_ACTION_BLOCK: i32 = 0;
/// Have a person look at it.
pub const TL_ACTION_REVIEW: i32 = 1;
/// Pass on a corrected text.
pub const TL_ACTION_CORRECT: i32 = 2;
/// Pass it on without the spans.
pub const TL_ACTION_REDACT: i32 = 3;
/// Pass it on.
pub const TL_ACTION_ALLOW: i32 = 4;

const _: () = {
    assert!(TL_ACTION_BLOCK == Action::Block as i32 && TL_ACTION_REVIEW == Action::Review as i32);
    assert!(TL_ACTION_CORRECT == Action::Correct as i32 && TL_ACTION_REDACT == Action::Redact as i32);
    assert!(TL_ACTION_ALLOW == Action::Allow as i32 && Action::ALL.len() == 5);
};

/// No judgement was made: tl_result_status says why.
pub const TL_REASON_FAILED: i32 = 0;
/// A score is not a number, so that no threshold can be trusted.
pub const TL_REASON_INVALID_SCORE: i32 = 1;
/// A category reached its threshold.
pub const TL_REASON_FLAGGED: i32 = 2;
/// No category reached its threshold.
pub const TL_REASON_CLEAR: i32 = 3;

/// The judgement for one category.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tl_category {
    /// The category's name; lives until the result is used again or destroyed.
    pub name: *const c_char,
    /// Calibrated probability in [0,1], the largest over the text's windows and sentences.
    pub score: f32,
    /// The text is flagged at this probability and above.
    pub threshold: f32,
    /// 1 if it is flagged, else 0.
    pub flagged: i32,
}

/// Where in the text a flagged category scored highest.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tl_span {
    /// First byte of the text as it was given.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// The category's name; lives until the result is used again or destroyed.
    pub category: *const c_char,
    /// The category's score there.
    pub score: f32,
}

/// What guard calls decided: one item a text.
pub struct tl_result {
    items: Vec<Item>,
    labels: Arc<[CString]>,
}

struct Item {
    verdict: Verdict,
    status: tl_status,
    message: Message,
}

impl Item {
    /// The item of a text that was not judged.
    fn blocked(error: &Error) -> Self {
        Self {
            verdict: Verdict::failed(error.code),
            status: error.code as tl_status,
            message: message(&error.message),
        }
    }
}

impl tl_result {
    /// Replaces the content by `n` items that block, for this reason.
    pub(crate) fn block_all(&mut self, n: usize, error: &Error) {
        self.items.clear();
        self.items.resize_with(n, || Item::blocked(error));
    }

    /// Fills in `n` items from what `judge` gives; gives the first error. While `judge` runs, and if it fails as a
    /// whole, every item blocks.
    pub(crate) fn fill(
        &mut self,
        n: usize,
        judge: impl FnOnce() -> Result<(Arc<[CString]>, Vec<Result<Verdict, Error>>), Error>,
    ) -> Result<(), Error> {
        self.block_all(n, &Error::new(Code::Internal, "the text was not judged"));
        let (labels, verdicts) = judge().inspect_err(|error| self.block_all(n, error))?;
        self.labels = labels;
        let mut first = None;
        for (item, verdict) in self.items.iter_mut().zip(verdicts) {
            *item = match verdict {
                Ok(verdict) => Item { verdict, status: TL_OK, message: Message::new() },
                Err(error) => {
                    let blocked = Item::blocked(&error);
                    first.get_or_insert(error);
                    blocked
                }
            };
        }
        first.map_or(Ok(()), Err)
    }

    fn label(&self, label: usize) -> *const c_char {
        self.labels.get(label).map_or(c"".as_ptr(), |l| l.as_ptr())
    }
}

/// # Safety
/// `result` is NULL or live, and nothing changes it for `'a`.
unsafe fn item<'a>(result: *const tl_result, item: usize) -> Option<&'a Item> {
    // SAFETY: passed on to the caller.
    unsafe { result.as_ref() }?.items.get(item)
}

/// Makes an empty result, to be used by any number of calls, one after the other.
///
/// @param out_result  gets the result; end it with tl_result_destroy. NULL on failure.
/// @return TL_OK; TL_ERR_NULL_ARGUMENT.
///
/// # Safety
/// `out_result` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_result_create(out_result: *mut *mut tl_result) -> tl_status {
    boundary(|| {
        // SAFETY: writable if it is not NULL, by this function's contract.
        let mut out = unsafe { Out::new(out_result, "out_result") }?;
        out.set(Box::into_raw(Box::new(tl_result { items: Vec::new(), labels: Arc::new([]) })));
        Ok(())
    })
}

/// Number of items: one a text of the last call. 0 for NULL.
///
/// # Safety
/// `result` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_result_count(result: *const tl_result) -> usize {
    // SAFETY: live if it is not NULL, by this function's contract.
    unsafe { result.as_ref() }.map_or(0, |r| r.items.len())
}

/// How judging a text ended: TL_OK, or why there is no judgement. TL_ERR_NULL_ARGUMENT for a NULL result and
/// TL_ERR_INVALID_ARGUMENT for an item that is not there.
///
/// # Safety
/// `result` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_result_status(result: *const tl_result, item: usize) -> tl_status {
    if result.is_null() {
        return TL_ERR_NULL_ARGUMENT;
    }
    // SAFETY: live, by this function's contract.
    unsafe { self::item(result, item) }.map_or(TL_ERR_INVALID_ARGUMENT, |i| i.status)
}

/// The sentence that explains a text's failure; empty if it was judged. Never NULL; lives until the result is used
/// again or destroyed.
///
/// # Safety
/// `result` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_result_message(result: *const tl_result, item: usize) -> *const c_char {
    // SAFETY: live if it is not NULL, by this function's contract.
    unsafe { self::item(result, item) }.map_or(c"".as_ptr(), |i| i.message.as_ptr())
}

/// What to do with a text: TL_ACTION_ALLOW, ...; TL_ACTION_BLOCK for a text that was not judged, for NULL and for an
/// item that is not there.
///
/// # Safety
/// `result` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_result_action(result: *const tl_result, item: usize) -> i32 {
    // SAFETY: live if it is not NULL, by this function's contract.
    unsafe { self::item(result, item) }.map_or(TL_ACTION_BLOCK, |i| i.verdict.action as i32)
}

/// The largest score of any category, a probability in [0,1]; 1 for a text that was not judged, for NULL and for an
/// item that is not there.
///
/// # Safety
/// `result` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_result_risk(result: *const tl_result, item: usize) -> f32 {
    // SAFETY: live if it is not NULL, by this function's contract.
    unsafe { self::item(result, item) }.map_or(1.0, |i| i.verdict.risk)
}

/// Why: TL_REASON_CLEAR, ...; TL_REASON_FAILED for a text that was not judged, for NULL and for an item that is not
/// there.
///
/// # Safety
/// `result` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_result_reason(result: *const tl_result, item: usize) -> i32 {
    // SAFETY: live if it is not NULL, by this function's contract.
    unsafe { self::item(result, item) }.map_or(TL_REASON_FAILED, |i| match i.verdict.reason {
        Reason::Failed(_) => TL_REASON_FAILED,
        Reason::InvalidScore => TL_REASON_INVALID_SCORE,
        Reason::Flagged => TL_REASON_FLAGGED,
        Reason::Clear => TL_REASON_CLEAR,
    })
}

/// Number of categories that a text was judged for; 0 if it was not.
///
/// # Safety
/// `result` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_result_category_count(result: *const tl_result, item: usize) -> usize {
    // SAFETY: live if it is not NULL, by this function's contract.
    unsafe { self::item(result, item) }.map_or(0, |i| i.verdict.categories.len())
}

/// The judgement for one category, `index` below tl_result_category_count.
///
/// @param out_category  gets the judgement; on failure an empty name, score 1 and flagged 1.
/// @return TL_OK; TL_ERR_NULL_ARGUMENT; TL_ERR_INVALID_ARGUMENT for an item or index that is not there.
///
/// # Safety
/// `result` is NULL or live; `out_category` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_result_category(
    result: *const tl_result,
    item: usize,
    index: usize,
    out_category: *mut tl_category,
) -> tl_status {
    boundary(|| {
        // SAFETY: writable if it is not NULL, by this function's contract.
        let mut out = unsafe { Out::new(out_category, "out_category") }?;
        out.set(tl_category { name: c"".as_ptr(), score: 1.0, threshold: 0.0, flagged: 1 });
        // SAFETY: live if it is not NULL, by this function's contract.
        let result = unsafe { required(result, "result") }?;
        let found = result.items.get(item).ok_or_else(|| absent("item", item, result.items.len()))?;
        let categories = &found.verdict.categories;
        let c = categories.get(index).ok_or_else(|| absent("category", index, categories.len()))?;
        let flagged = i32::from(c.flagged);
        out.set(tl_category { name: result.label(c.label), score: c.score, threshold: c.threshold, flagged });
        Ok(())
    })
}

/// Number of spans of a text: one for each flagged category; 0 if it was not judged.
///
/// # Safety
/// `result` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_result_span_count(result: *const tl_result, item: usize) -> usize {
    // SAFETY: live if it is not NULL, by this function's contract.
    unsafe { self::item(result, item) }.map_or(0, |i| i.verdict.spans.len())
}

/// One span, `index` below tl_result_span_count: what the model marks of a flagged category, else the bytes of
/// the window or sentence where it scored highest.
///
/// @param out_span  gets the span; on failure an empty one with score 1.
/// @return TL_OK; TL_ERR_NULL_ARGUMENT; TL_ERR_INVALID_ARGUMENT for an item or index that is not there.
///
/// # Safety
/// `result` is NULL or live; `out_span` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_result_span(
    result: *const tl_result,
    item: usize,
    index: usize,
    out_span: *mut tl_span,
) -> tl_status {
    boundary(|| {
        // SAFETY: writable if it is not NULL, by this function's contract.
        let mut out = unsafe { Out::new(out_span, "out_span") }?;
        out.set(tl_span { start: 0, end: 0, category: c"".as_ptr(), score: 1.0 });
        // SAFETY: live if it is not NULL, by this function's contract.
        let result = unsafe { required(result, "result") }?;
        let found = result.items.get(item).ok_or_else(|| absent("item", item, result.items.len()))?;
        let spans = &found.verdict.spans;
        let s = spans.get(index).ok_or_else(|| absent("span", index, spans.len()))?;
        out.set(tl_span { start: s.start, end: s.end, category: result.label(s.label), score: s.score });
        Ok(())
    })
}

/// Ends a result; NULL is fine.
///
/// # Safety
/// `result` is NULL or from `tl_result_create`, and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_result_destroy(result: *mut tl_result) {
    // SAFETY: this function's contract.
    unsafe { destroy(result) };
}

pub(crate) fn absent(what: &str, index: usize, n: usize) -> Error {
    Error::new(Code::InvalidArgument, format!("{what} {index} is not there; there are {n}"))
}
