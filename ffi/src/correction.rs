//! `tl_correction`: answers inspected and corrected.

use std::ffi::{CString, c_char};
use std::sync::Arc;
use std::time::Duration;

use trueline_core::Error;
use trueline_core::engine::correct::{CorrectOptions, Correction, Reason};
use trueline_core::model::control::Control;

use crate::boundary::boundary;
use crate::cancel::tl_cancel;
use crate::exclusive::destroy;
use crate::pointer::{Out, Sized32, required, required_mut, sized, text};
use crate::session::tl_session;
use crate::status::tl_status;

/// How an answer is inspected or corrected. In every field 0 or NULL is the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tl_correct_options {
    /// Set by TL_CORRECT_OPTIONS_INIT; lets old programs meet new libraries.
    pub struct_size: u32,
    /// How often a correction is corrected again, 1 to 8; 0: 1.
    pub max_rounds: u32,
    /// tl_session_inspect fails with TL_ERR_DEADLINE_EXCEEDED if it takes longer; tl_session_correct then leaves the text as it
    /// is, or fails if it is the guard that takes longer. 0: no limit.
    pub timeout_ms: u32,
    /// An inspector of the engine may find a correction worse than the original by this. 0: not worse at all.
    pub margin: f32,
    /// As the timeout, once this is set (TL_ERR_CANCELLED); may be NULL.
    pub cancel: *const tl_cancel,
}

// SAFETY: `repr(C)`, `struct_size` first, integers, floats and pointers only.
unsafe impl Sized32 for tl_correct_options {
    const NAME: &'static str = "tl_correct_options";
    const INIT: &'static str = "TL_CORRECT_OPTIONS_INIT";
    const ZERO: Self =
        Self { struct_size: 0, max_rounds: 0, timeout_ms: 0, margin: 0.0, cancel: std::ptr::null() };
}

/// A stretch of the original and what stands there now.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tl_edit {
    /// First byte, of the original.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// UTF-8, `replacement_size` bytes, followed by a NUL; lives as long as the correction is not used again.
    pub replacement: *const c_char,
    /// Length in bytes.
    pub replacement_size: usize,
}

/// A text after a correction. After a failure it holds no text.
pub struct tl_correction {
    found: Option<Correction>,
    /// The text with a NUL behind it.
    text: Vec<u8>,
    reason: CString,
    /// The replacements, each with a NUL behind it.
    replacements: Vec<Vec<u8>>,
    edits: Vec<tl_edit>,
}

impl tl_correction {
    fn new() -> Self {
        Self {
            found: None,
            text: vec![0],
            reason: CString::default(),
            replacements: Vec::new(),
            edits: Vec::new(),
        }
    }

    fn set(&mut self, found: Correction) {
        self.text = terminated(&found.text);
        self.reason = CString::new(found.reason.name()).unwrap_or_default();
        self.replacements = found.edits.iter().map(|e| terminated(&e.replacement)).collect();
        self.edits = found
            .edits
            .iter()
            .zip(&self.replacements)
            .map(|(edit, replacement)| tl_edit {
                start: edit.range.start,
                end: edit.range.end,
                replacement: replacement.as_ptr().cast(),
                replacement_size: edit.replacement.len(),
            })
            .collect();
        self.found = Some(found);
    }
}

/// A text with a NUL behind it. A NUL within stays: the size is given apart.
fn terminated(text: &str) -> Vec<u8> {
    [text.as_bytes(), b"\0"].concat()
}

/// Makes an empty correction, to be used by any number of calls, one after the other.
///
/// @param out_correction  gets the correction; end it with tl_correction_destroy. NULL on failure.
/// @return TL_OK; TL_ERR_NULL_ARGUMENT.
///
/// # Safety
/// `out_correction` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_correction_create(out_correction: *mut *mut tl_correction) -> tl_status {
    boundary(|| {
        // SAFETY: writable if it is not NULL, by this function's contract.
        let mut out = unsafe { Out::new(out_correction, "out_correction") }?;
        out.set(Box::into_raw(Box::new(tl_correction::new())));
        Ok(())
    })
}

/// Judges whether an answer is fine as it stands, with the session's inspector pack.
///
/// @param options        may be NULL: every default.
/// @param question       UTF-8, `question_size` bytes; may be NULL if `question_size` is 0: no question is known.
/// @param answer         UTF-8, `answer_size` bytes.
/// @param out_aligned    gets the probability that the answer is fine; 0 on failure.
/// @return TL_OK; TL_ERR_UTF8, TL_ERR_EMPTY_TEXT or TL_ERR_TOO_LARGE for a text; TL_ERR_UNAVAILABLE if the session's pack is no
///         inspector; TL_ERR_DEADLINE_EXCEEDED; TL_ERR_CANCELLED; TL_ERR_BROKEN; TL_ERR_STRUCT_SIZE;
///         TL_ERR_INVALID_ARGUMENT; TL_ERR_NULL_ARGUMENT. One model run for each piece of the answer that fits beside the
///         question.
///
/// # Safety
/// `session` is NULL or live; `options` is NULL or a struct of the size it states; the texts have the given sizes;
/// `out_aligned` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_session_inspect(
    session: *mut tl_session,
    options: *const tl_correct_options,
    question: *const c_char,
    question_size: usize,
    answer: *const c_char,
    answer_size: usize,
    out_aligned: *mut f64,
) -> tl_status {
    boundary(|| {
        // SAFETY: writable if it is not NULL, by this function's contract.
        let mut out = unsafe { Out::new(out_aligned, "out_aligned") }?;
        out.set(0.0);
        // SAFETY: by this function's contract.
        let Asked { session, options, question, answer } =
            unsafe { asked(session, options, (question, question_size), (answer, answer_size)) }?;
        let control = Control::new(options.timeout, options.cancel);
        out.set(session.lock()?.inspect(question, answer, &control)?);
        Ok(())
    })
}

/// Corrects a text, the answer to a question if there is one, with the session's corrector pack. A guard and an inspector
/// among the engine's packs judge the correction: one that the guard blocks, or the inspector finds worse, is not taken.
///
/// A corrector that fails leaves the text as it is, and this returns TL_OK with the reason "failed"; a guard that fails is an
/// error.
///
/// @param options        may be NULL: every default.
/// @param question       UTF-8, `question_size` bytes; may be NULL if `question_size` is 0.
/// @param answer         UTF-8, `answer_size` bytes: the text.
/// @param correction     from tl_correction_create; what it held is replaced.
/// @return TL_OK; TL_ERR_UTF8, TL_ERR_EMPTY_TEXT or TL_ERR_TOO_LARGE for a text; TL_ERR_UNAVAILABLE if the session's pack is no
///         corrector; TL_ERR_BROKEN; TL_ERR_STRUCT_SIZE; TL_ERR_INVALID_ARGUMENT; TL_ERR_NULL_ARGUMENT. One model run a
///         window for a text that needs nothing, a few more for one that does.
///
/// # Safety
/// `session` and `correction` are NULL or live, and no other thread uses `correction`; `options` is NULL or a struct of the
/// size it states; the texts have the given sizes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_session_correct(
    session: *mut tl_session,
    options: *const tl_correct_options,
    question: *const c_char,
    question_size: usize,
    answer: *const c_char,
    answer_size: usize,
    correction: *mut tl_correction,
) -> tl_status {
    boundary(|| {
        // SAFETY: live and exclusive if it is not NULL, by this function's contract.
        let correction = unsafe { required_mut(correction, "correction") }?;
        *correction = tl_correction::new();
        // SAFETY: by this function's contract.
        let Asked { session, options, question, answer } =
            unsafe { asked(session, options, (question, question_size), (answer, answer_size)) }?;
        let found = session.lock()?.correct(question, answer, &options)?;
        correction.set(found);
        Ok(())
    })
}

/// The corrected text, or the original if no correction was taken.
///
/// @param out_size  gets its length in bytes; may be NULL. 0 for NULL and after a failure.
/// @return UTF-8 with a NUL behind it; never NULL. It lives until the correction is used again or destroyed.
///
/// # Safety
/// `correction` is NULL or live; `out_size` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_correction_text(
    correction: *const tl_correction,
    out_size: *mut usize,
) -> *const c_char {
    // SAFETY: live if it is not NULL, by this function's contract.
    let correction = unsafe { correction.as_ref() };
    // SAFETY: writable if it is not NULL, by this function's contract.
    if let Some(size) = unsafe { out_size.as_mut() } {
        *size = correction.map_or(0, |c| c.text.len() - 1);
    }
    correction.map_or(c"".as_ptr(), |c| c.text.as_ptr().cast())
}

/// 1 if the text differs from the original, else 0.
///
/// # Safety
/// `correction` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_correction_changed(correction: *const tl_correction) -> i32 {
    // SAFETY: live if it is not NULL, by this function's contract.
    unsafe { found(correction) }.map_or(0, |c| i32::from(c.changed))
}

/// 1 if the text is what the corrector wants, a correction that was taken or an original that needs none; else 0.
///
/// # Safety
/// `correction` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_correction_accepted(correction: *const tl_correction) -> i32 {
    // SAFETY: live if it is not NULL, by this function's contract.
    unsafe { found(correction) }.map_or(0, |c| i32::from(c.accepted))
}

/// Why: "accepted", "unchanged", "declined" (nothing harmless was found that keeps enough), "empty", "too_long", "filter",
/// "score", "failed"; "" after a failure. Never NULL; lives until the correction is used again or destroyed.
///
/// # Safety
/// `correction` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_correction_reason(correction: *const tl_correction) -> *const c_char {
    // SAFETY: live if it is not NULL, by this function's contract.
    unsafe { correction.as_ref() }.map_or(c"".as_ptr(), |c| c.reason.as_ptr())
}

/// The status behind the reason "failed"; TL_OK for every other reason.
///
/// # Safety
/// `correction` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_correction_status(correction: *const tl_correction) -> tl_status {
    // SAFETY: live if it is not NULL, by this function's contract.
    match unsafe { found(correction) }.map(|c| c.reason) {
        Some(Reason::Failed(code)) => code as tl_status,
        _ => crate::status::TL_OK,
    }
}

/// The share of words that were kept, of the longer text's, from 0 to 1; -1 where it is not known, for texts of more than 4,096
/// words and after a failure.
///
/// # Safety
/// `correction` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_correction_copy_ratio(correction: *const tl_correction) -> f64 {
    // SAFETY: live if it is not NULL, by this function's contract.
    unsafe { found(correction) }.and_then(|c| c.copy_ratio).unwrap_or(-1.0)
}

/// What was replaced, by place in the original.
///
/// @param out_count  gets their number; 0 for NULL.
/// @return that many edits, or NULL if there is none; they live until the correction is used again or destroyed.
///
/// # Safety
/// `correction` is NULL or live; `out_count` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_correction_edits(
    correction: *const tl_correction,
    out_count: *mut usize,
) -> *const tl_edit {
    // SAFETY: live if it is not NULL, by this function's contract.
    let edits = unsafe { correction.as_ref() }.map_or(&[][..], |c| &c.edits);
    // SAFETY: writable if it is not NULL, by this function's contract.
    if let Some(count) = unsafe { out_count.as_mut() } {
        *count = edits.len();
    }
    if edits.is_empty() { std::ptr::null() } else { edits.as_ptr() }
}

/// Ends a correction; NULL is fine.
///
/// # Safety
/// `correction` is NULL or from `tl_correction_create`, and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_correction_destroy(correction: *mut tl_correction) {
    // SAFETY: this function's contract.
    unsafe { destroy(correction) };
}

/// # Safety
/// If it is not NULL, it is live for `'a`.
unsafe fn found<'a>(correction: *const tl_correction) -> Option<&'a Correction> {
    // SAFETY: passed on to the caller.
    unsafe { correction.as_ref() }.and_then(|c| c.found.as_ref())
}

/// What both calls take.
struct Asked<'a> {
    session: &'a tl_session,
    options: CorrectOptions,
    question: &'a str,
    answer: &'a str,
}

/// # Safety
/// `session` is NULL or live for `'a`; `options` as [`read_options`] has it; the texts have the given sizes, or are NULL.
unsafe fn asked<'a>(
    session: *const tl_session,
    options: *const tl_correct_options,
    question: (*const c_char, usize),
    answer: (*const c_char, usize),
) -> Result<Asked<'a>, Error> {
    // SAFETY: passed on to the caller.
    unsafe {
        Ok(Asked {
            session: required(session, "session")?,
            options: read_options(options)?,
            question: text(question.0, question.1, "question")?,
            answer: text(answer.0, answer.1, "answer")?,
        })
    }
}

/// # Safety
/// As [`sized`]; its `cancel` is NULL or live.
unsafe fn read_options(options: *const tl_correct_options) -> Result<CorrectOptions, Error> {
    // SAFETY: passed on to the caller.
    let given = unsafe { sized(options) }?;
    // SAFETY: live if it is not NULL, passed on to the caller.
    let cancel = unsafe { given.cancel.as_ref() }.map(|c| Arc::clone(&c.token));
    Ok(CorrectOptions {
        max_rounds: given.max_rounds.max(1) as usize,
        margin: f64::from(given.margin),
        beams: 1,
        timeout: (given.timeout_ms > 0).then(|| Duration::from_millis(given.timeout_ms.into())),
        cancel,
    })
}
