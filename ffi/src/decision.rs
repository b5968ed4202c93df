//! `tl_decision`: what a filter decided. Whatever cannot be read reads as "block, risk 1".

use std::ffi::{CString, c_char};
use std::sync::Arc;

use trueline_core::engine::filter::{Decision, Filter, RECORD_BYTES, Record};
use trueline_core::engine::{Action, Reason};
use trueline_core::scoring::guard::units::Units;
use trueline_core::{Code, Error};

use crate::boundary::{Message, boundary, message};
use crate::exclusive::destroy;
use crate::pointer::{Out, required, span};
use crate::result::{
    TL_ACTION_BLOCK, TL_REASON_CLEAR, TL_REASON_FAILED, TL_REASON_FLAGGED, TL_REASON_INVALID_SCORE, absent,
    tl_category,
};
use crate::status::{TL_ERR_NULL_ARGUMENT, TL_OK, tl_status};

/// Bytes of a decision's record.
pub const TL_RECORD_BYTES: usize = 640;

const _: () = assert!(TL_RECORD_BYTES == RECORD_BYTES);

/// A category found it by a model's score for a window or a sentence.
pub const TL_FOUND_BY_MODEL: i32 = 0;
/// A rule matched there.
pub const TL_FOUND_BY_RULE: i32 = 1;

/// Where a flagged category was found.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tl_finding {
    /// First byte of the text as it was given.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// The category's name; lives until the decision is used again or destroyed.
    pub category: *const c_char,
    /// 1 for a rule, else the model's score of that window or sentence.
    pub score: f32,
    /// TL_FOUND_BY_MODEL or TL_FOUND_BY_RULE.
    pub found_by: i32,
    /// 1 if the text hid it in an encoding, such as base64; else 0.
    pub hidden: i32,
}

/// A place in a text, in the units that hosts count in.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tl_place {
    /// Bytes of UTF-8.
    pub byte: usize,
    /// 16-bit units of UTF-16: JavaScript, Java, Swift's NSString, Windows.
    pub utf16: usize,
    /// Code points: Python.
    pub code_point: usize,
}

/// What a filter decided about a text.
pub struct tl_decision {
    made: Option<Made>,
    status: tl_status,
    message: Message,
}

struct Made {
    filter: Arc<Filter>,
    names: Arc<[CString]>,
    decision: Decision,
    redacted: Option<String>,
}

impl tl_decision {
    /// Replaces the content by what `judge` gives, with the text if it is at hand. While `judge` runs, and if it fails, the
    /// decision blocks.
    pub(crate) fn fill<'a>(
        &mut self,
        judge: impl FnOnce() -> Result<(Arc<Filter>, Arc<[CString]>, Decision, Option<&'a [u8]>), Error>,
    ) -> Result<(), Error> {
        self.fail(&Error::new(Code::Internal, "the text was not judged"));
        let (filter, names, decision, text) = judge().inspect_err(|error| self.fail(error))?;
        let mut redacted = None;
        if let (Action::Redact, Some(Ok(text))) = (decision.action, text.map(str::from_utf8)) {
            redacted = Some(filter.redact(text, &decision)?);
        }
        let error = decision.error.clone();
        self.made = Some(Made { filter, names, decision, redacted });
        (self.status, self.message) = match &error {
            Some(error) => (error.code as tl_status, message(&error.message)),
            None => (TL_OK, Message::new()),
        };
        error.map_or(Ok(()), Err)
    }

    fn fail(&mut self, error: &Error) {
        *self = Self { made: None, status: error.code as tl_status, message: message(&error.message) };
    }

    fn decision(&self) -> Option<&Decision> {
        self.made.as_ref().map(|made| &made.decision)
    }
}

/// Makes an empty decision, to be used by any number of calls, one after the other.
///
/// @param out_decision  gets the decision; end it with tl_decision_destroy. NULL on failure.
/// @return TL_OK; TL_ERR_NULL_ARGUMENT.
///
/// # Safety
/// `out_decision` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_decision_create(out_decision: *mut *mut tl_decision) -> tl_status {
    boundary(|| {
        // SAFETY: writable if it is not NULL, by this function's contract.
        let mut out = unsafe { Out::new(out_decision, "out_decision") }?;
        let mut empty = tl_decision { made: None, status: TL_OK, message: Message::new() };
        empty.fail(&Error::new(Code::InvalidArgument, "no text was judged yet"));
        out.set(Box::into_raw(Box::new(empty)));
        Ok(())
    })
}

/// How judging ended: TL_OK, or why there is no judgement. TL_ERR_NULL_ARGUMENT for NULL.
///
/// # Safety
/// `decision` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_decision_status(decision: *const tl_decision) -> tl_status {
    // SAFETY: live if it is not NULL, by this function's contract.
    unsafe { decision.as_ref() }.map_or(TL_ERR_NULL_ARGUMENT, |d| d.status)
}

/// The sentence that explains a failure; empty if the text was judged. Never NULL; lives until the decision is used again or
/// destroyed.
///
/// # Safety
/// `decision` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_decision_message(decision: *const tl_decision) -> *const c_char {
    // SAFETY: live if it is not NULL, by this function's contract.
    unsafe { decision.as_ref() }.map_or(c"".as_ptr(), |d| d.message.as_ptr())
}

/// What to do with the text: TL_ACTION_ALLOW, ...; TL_ACTION_BLOCK for NULL and where no filter was reached.
///
/// # Safety
/// `decision` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_decision_action(decision: *const tl_decision) -> i32 {
    // SAFETY: live if it is not NULL, by this function's contract.
    unsafe { decision.as_ref() }.and_then(|d| d.decision()).map_or(TL_ACTION_BLOCK, |d| d.action as i32)
}

/// The largest score of any category, in [0,1]; 1 without a judgement.
///
/// # Safety
/// `decision` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_decision_risk(decision: *const tl_decision) -> f32 {
    // SAFETY: live if it is not NULL, by this function's contract.
    unsafe { decision.as_ref() }.and_then(|d| d.decision()).map_or(1.0, |d| d.risk)
}

/// Why: TL_REASON_CLEAR, ...; TL_REASON_FAILED without a judgement.
///
/// # Safety
/// `decision` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_decision_reason(decision: *const tl_decision) -> i32 {
    // SAFETY: live if it is not NULL, by this function's contract.
    let found = unsafe { decision.as_ref() }.and_then(|d| d.decision());
    found.map_or(TL_REASON_FAILED, |d| match d.reason {
        Reason::Failed(_) => TL_REASON_FAILED,
        Reason::InvalidScore => TL_REASON_INVALID_SCORE,
        Reason::Flagged => TL_REASON_FLAGGED,
        Reason::Clear => TL_REASON_CLEAR,
    })
}

/// Number of categories that the text was judged for; 0 if it was not.
///
/// # Safety
/// `decision` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_decision_category_count(decision: *const tl_decision) -> usize {
    // SAFETY: live if it is not NULL, by this function's contract.
    unsafe { decision.as_ref() }.and_then(|d| d.decision()).map_or(0, |d| d.categories.len())
}

/// The judgement for one category, `index` below tl_decision_category_count, in the policy's order.
///
/// @param out_category  gets the judgement; on failure an empty name, score 1 and flagged 1. The name lives until the decision
///                      is used again or destroyed.
/// @return TL_OK; TL_ERR_NULL_ARGUMENT; TL_ERR_INVALID_ARGUMENT for an index that is not there.
///
/// # Safety
/// `decision` is NULL or live; `out_category` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_decision_category(
    decision: *const tl_decision,
    index: usize,
    out_category: *mut tl_category,
) -> tl_status {
    boundary(|| {
        // SAFETY: writable if it is not NULL, by this function's contract.
        let mut out = unsafe { Out::new(out_category, "out_category") }?;
        out.set(tl_category { name: c"".as_ptr(), score: 1.0, threshold: 0.0, flagged: 1 });
        // SAFETY: live if it is not NULL, by this function's contract.
        let made = unsafe { required(decision, "decision") }?.made.as_ref();
        let n = made.map_or(0, |m| m.decision.categories.len());
        let found = made.and_then(|m| Some((m, m.decision.categories.get(index)?)));
        let (made, c) = found.ok_or_else(|| absent("category", index, n))?;
        let (name, flagged) = (made.names[c.category].as_ptr(), i32::from(c.flagged));
        out.set(tl_category { name, score: c.score, threshold: c.threshold, flagged });
        Ok(())
    })
}

/// Number of places where flagged categories were found.
///
/// # Safety
/// `decision` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_decision_finding_count(decision: *const tl_decision) -> usize {
    // SAFETY: live if it is not NULL, by this function's contract.
    unsafe { decision.as_ref() }.and_then(|d| d.decision()).map_or(0, |d| d.spans.len())
}

/// One place, `index` below tl_decision_finding_count, in order of place.
///
/// @param out_finding  gets the place; on failure an empty one with score 1.
/// @return TL_OK; TL_ERR_NULL_ARGUMENT; TL_ERR_INVALID_ARGUMENT for an index that is not there.
///
/// # Safety
/// `decision` is NULL or live; `out_finding` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_decision_finding(
    decision: *const tl_decision,
    index: usize,
    out_finding: *mut tl_finding,
) -> tl_status {
    boundary(|| {
        // SAFETY: writable if it is not NULL, by this function's contract.
        let mut out = unsafe { Out::new(out_finding, "out_finding") }?;
        out.set(tl_finding { start: 0, end: 0, category: c"".as_ptr(), score: 1.0, found_by: 0, hidden: 0 });
        // SAFETY: live if it is not NULL, by this function's contract.
        let made = unsafe { required(decision, "decision") }?.made.as_ref();
        let n = made.map_or(0, |m| m.decision.spans.len());
        let found = made.and_then(|m| Some((m, m.decision.spans.get(index)?)));
        let (made, s) = found.ok_or_else(|| absent("finding", index, n))?;
        out.set(tl_finding {
            start: s.bytes.start,
            end: s.bytes.end,
            category: made.names[s.category].as_ptr(),
            score: s.score,
            found_by: if s.by_rule { TL_FOUND_BY_RULE } else { TL_FOUND_BY_MODEL },
            hidden: i32::from(s.hidden.is_some()),
        });
        Ok(())
    })
}

/// The text with replacements for what the policy redacts, after tl_filter_judge with TL_ACTION_REDACT; else empty. (A stream
/// gives its redacted text by tl_stream_take.)
///
/// @param out_size  gets its length in bytes.
/// @return UTF-8 without a closing NUL; never NULL; lives until the decision is used again or destroyed.
///
/// # Safety
/// `decision` is NULL or live; `out_size` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_decision_redacted(
    decision: *const tl_decision,
    out_size: *mut usize,
) -> *const c_char {
    // SAFETY: live if it is not NULL, by this function's contract.
    let made = unsafe { decision.as_ref() }.and_then(|d| d.made.as_ref());
    let text = made.and_then(|m| m.redacted.as_deref()).unwrap_or_default();
    // SAFETY: writable if it is not NULL, by this function's contract.
    if let Ok(mut out) = unsafe { Out::new(out_size, "out_size") } {
        out.set(text.len());
    }
    if text.is_empty() { c"".as_ptr() } else { text.as_ptr().cast() }
}

/// The decision's record: TL_RECORD_BYTES bytes, little-endian, the same for the same text, policy and pack; without the text.
///
/// @param latency_us  how long it took by the host's clock, in microseconds; 0: nobody measured.
/// @param out_record  gets TL_RECORD_BYTES bytes; zeros on failure.
/// @param size        the bytes at `out_record`, at least TL_RECORD_BYTES.
/// @return TL_OK; TL_ERR_NULL_ARGUMENT; TL_ERR_INVALID_ARGUMENT for a small `size`, or where no filter was reached.
///
/// # Safety
/// `decision` is NULL or live; `size` bytes at `out_record` are writable, or it is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_decision_record(
    decision: *const tl_decision,
    latency_us: u32,
    out_record: *mut u8,
    size: usize,
) -> tl_status {
    boundary(|| {
        if size < TL_RECORD_BYTES {
            let message = format!("size is {size}; a record has {TL_RECORD_BYTES} bytes");
            return Err(Error::new(Code::InvalidArgument, message));
        }
        // SAFETY: `size` bytes are writable, and that many are needed, checked above; bytes need no alignment.
        let mut out = unsafe { Out::new(out_record.cast::<[u8; TL_RECORD_BYTES]>(), "out_record") }?;
        out.set([0; TL_RECORD_BYTES]);
        // SAFETY: live if it is not NULL, by this function's contract.
        let made = unsafe { required(decision, "decision") }?.made.as_ref();
        let made = made.ok_or_else(|| {
            Error::new(Code::InvalidArgument, "there is no decision to record: no filter was reached")
        })?;
        out.set(Record::new(&made.filter, &made.decision, latency_us).to_bytes());
        Ok(())
    })
}

/// Ends a decision; NULL is fine.
///
/// # Safety
/// `decision` is NULL or from `tl_decision_create`, and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_decision_destroy(decision: *mut tl_decision) {
    // SAFETY: this function's contract.
    unsafe { destroy(decision) };
}

/// A byte offset of a text in other units, for hosts whose strings are not UTF-8. Linear in the text.
///
/// @param text       UTF-8, `text_size` bytes; may be NULL if `text_size` is 0.
/// @param byte       from 0 to `text_size`; one inside a character counts as the character's start.
/// @param out_place  gets the place; zeros on failure.
/// @return TL_OK; TL_ERR_UTF8; TL_ERR_INVALID_ARGUMENT for a byte beyond the text; TL_ERR_NULL_ARGUMENT.
///
/// # Safety
/// `text_size` bytes lie at `text`; `out_place` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_text_place(
    text: *const c_char,
    text_size: usize,
    byte: usize,
    out_place: *mut tl_place,
) -> tl_status {
    boundary(|| {
        // SAFETY: writable if it is not NULL, by this function's contract.
        let mut out = unsafe { Out::new(out_place, "out_place") }?;
        out.set(tl_place { byte: 0, utf16: 0, code_point: 0 });
        // SAFETY: `text_size` bytes lie there, by this function's contract.
        let text = unsafe { span(text.cast::<u8>(), text_size, "text") }?;
        let text = str::from_utf8(text)
            .map_err(|e| Error::new(Code::Utf8, format!("text is not UTF-8 at byte {}", e.valid_up_to())))?;
        let start = if byte <= text.len() { text.floor_char_boundary(byte) } else { byte };
        let place = Units::new(text)?.span(start..start)?;
        out.set(tl_place {
            byte: place.bytes.start,
            utf16: place.utf16.start,
            code_point: place.code_points.start,
        });
        Ok(())
    })
}
