//! `tl_draft`: a pack that writes, token by token, and whole texts.

use std::ffi::{c_char, c_void};
use std::sync::Arc;
use std::time::Duration;

use trueline_core::engine::write::{Draft, WriteOptions};
use trueline_core::model::control::Control;
use trueline_core::{Code, Error};

use crate::boundary::{boundary, value};
use crate::cancel::tl_cancel;
use crate::engine::tl_engine;
use crate::exclusive::{Exclusive, destroy};
use crate::pointer::{Out, Sized32, optional_text, required, sized, span, text};
use crate::session::tl_session;
use crate::status::tl_status;

/// A text in the making: a pack that writes tells what may follow, and you pick.
pub struct tl_draft {
    inner: Exclusive<Draft>,
    vocabulary: usize,
}

/// Makes a draft without a text. One thread uses it at a time.
///
/// @param pack       name of the engine's pack to use, UTF-8, ended by NUL; NULL: the first.
/// @param out_draft  gets the draft; end it with tl_draft_destroy. NULL on failure.
/// @return TL_OK; TL_ERR_UNAVAILABLE if the engine has no such pack or it does not write; TL_ERR_NULL_ARGUMENT; TL_ERR_UTF8.
///
/// # Safety
/// `engine` is NULL or live; `pack` is NULL or ends in NUL; `out_draft` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_draft_create(
    engine: *const tl_engine,
    pack: *const c_char,
    out_draft: *mut *mut tl_draft,
) -> tl_status {
    boundary(|| {
        // SAFETY: writable if it is not NULL, by this function's contract.
        let mut out = unsafe { Out::new(out_draft, "out_draft") }?;
        out.set(std::ptr::null_mut());
        // SAFETY: live if it is not NULL, by this function's contract.
        let engine = unsafe { required(engine, "engine") }?;
        // SAFETY: ended by NUL if it is not NULL, by this function's contract.
        let pack = unsafe { optional_text(pack, "pack") }?;
        let writer = Arc::clone(engine.engine.member(pack)?.writer()?);
        let vocabulary = writer.vocabulary();
        let inner = Exclusive::new(Draft::new(writer));
        out.set(Box::into_raw(Box::new(tl_draft { inner, vocabulary })));
        Ok(())
    })
}

/// Starts a text anew: after a prompt, or for an encoder-decoder from the text that its encoder reads. The pack's own first
/// tokens come before.
///
/// @param prompt  UTF-8, `size` bytes; may be NULL if `size` is 0.
/// @return TL_OK; TL_ERR_UTF8, TL_ERR_TOO_LARGE, or TL_ERR_EMPTY_TEXT for an encoder; TL_ERR_BROKEN; TL_ERR_INVALID_ARGUMENT if
///         another thread uses the draft; TL_ERR_NULL_ARGUMENT. One model run, two with an encoder.
///
/// # Safety
/// `draft` is NULL or live; `size` bytes lie at `prompt`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_draft_begin(
    draft: *mut tl_draft,
    prompt: *const c_char,
    size: usize,
) -> tl_status {
    boundary(|| {
        // SAFETY: live if it is not NULL, by this function's contract.
        let draft = unsafe { required(draft, "draft") }?;
        // SAFETY: `size` bytes lie there, by this function's contract.
        let prompt = unsafe { text(prompt, size, "prompt") }?;
        draft.inner.lock("draft")?.begin(prompt, 1, &Control::unlimited())
    })
}

/// Adds tokens to the text.
///
/// @param tokens  `n` token ids: the one that you picked, or several at once.
/// @return TL_OK; TL_ERR_INVALID_ARGUMENT for no token, one beyond the vocabulary, or no text; TL_ERR_TOO_LARGE beyond the
///         pack's longest text; TL_ERR_BROKEN; TL_ERR_NULL_ARGUMENT. One model run. After a failure the text is as it was.
///
/// # Safety
/// `draft` is NULL or live; `n` ids lie at `tokens`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_draft_step(draft: *mut tl_draft, tokens: *const u32, n: usize) -> tl_status {
    boundary(|| {
        // SAFETY: live if it is not NULL, by this function's contract.
        let draft = unsafe { required(draft, "draft") }?;
        // SAFETY: `n` ids lie there, by this function's contract.
        let tokens = unsafe { span(tokens, n, "tokens") }?;
        draft.inner.lock("draft")?.step(tokens, &Control::unlimited())
    })
}

/// Goes on with a text, cut into tokens by itself: what is said after a prompt that stays the same, which was begun once and gone back to.
///
/// @param bytes  UTF-8, `size` bytes.
/// @return TL_OK; TL_ERR_EMPTY_TEXT for a text without a token; TL_ERR_UTF8; TL_ERR_TOO_LARGE; TL_ERR_INVALID_ARGUMENT before a text was
///         begun; TL_ERR_BROKEN; TL_ERR_NULL_ARGUMENT. One model run.
///
/// # Safety
/// `draft` is NULL or live; `size` bytes lie at `bytes`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_draft_append(
    draft: *mut tl_draft,
    bytes: *const c_char,
    size: usize,
) -> tl_status {
    boundary(|| {
        // SAFETY: live if it is not NULL, by this function's contract.
        let draft = unsafe { required(draft, "draft") }?;
        // SAFETY: `size` bytes lie there, by this function's contract.
        let bytes = unsafe { text(bytes, size, "bytes") }?;
        draft.inner.lock("draft")?.append(bytes, &Control::unlimited())
    })
}

/// What may follow: a logit for each token of the vocabulary.
///
/// @param logits   gets them.
/// @param n_vocab  how many there is room for: tl_draft_vocabulary.
/// @return TL_OK; TL_ERR_INVALID_ARGUMENT before a text was started or after it was cut, and for another size; TL_ERR_BROKEN;
///         TL_ERR_NULL_ARGUMENT. A copy.
///
/// # Safety
/// `draft` is NULL or live; `logits` is NULL or has room for `n_vocab` numbers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_draft_logits(
    draft: *const tl_draft,
    logits: *mut f32,
    n_vocab: usize,
) -> tl_status {
    boundary(|| {
        // SAFETY: live if it is not NULL, by this function's contract.
        let draft = unsafe { required(draft, "draft") }?;
        if n_vocab != draft.vocabulary {
            let message = format!("n_vocab is {n_vocab}; the vocabulary has {} tokens", draft.vocabulary);
            return Err(Error::new(Code::InvalidArgument, message));
        }
        if logits.is_null() || !logits.is_aligned() {
            return Err(Error::new(Code::NullArgument, "logits is NULL or not aligned"));
        }
        let inner = draft.inner.lock("draft")?;
        let found = inner.logits()?;
        // SAFETY: `found` has `n_vocab` numbers, checked above for one text, and there is room for as many, by this
        // function's contract; the draft's own memory does not overlap the caller's.
        unsafe { std::ptr::copy_nonoverlapping(found.as_ptr(), logits, found.len().min(n_vocab)) };
        Ok(())
    })
}

/// Tokens of the text so far, those before it among them; 0 without one.
///
/// # Safety
/// `draft` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_draft_length(draft: *const tl_draft) -> usize {
    value(0, || {
        // SAFETY: live if it is not NULL, by this function's contract.
        let draft = unsafe { draft.as_ref() };
        draft.and_then(|d| d.inner.lock("draft").ok()).map_or(0, |d| d.rows())
    })
}

/// Goes back to the first `length` tokens: what was rejected. A step has to follow before there are logits again.
///
/// @return TL_OK; TL_ERR_UNAVAILABLE if the model keeps what cannot be taken back; TL_ERR_BROKEN; TL_ERR_NULL_ARGUMENT.
///
/// # Safety
/// `draft` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_draft_truncate(draft: *mut tl_draft, length: usize) -> tl_status {
    boundary(|| {
        // SAFETY: live if it is not NULL, by this function's contract.
        unsafe { required(draft, "draft") }?.inner.lock("draft")?.truncate(length)
    })
}

/// Tokens of the vocabulary; 0 for NULL.
///
/// # Safety
/// `draft` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_draft_vocabulary(draft: *const tl_draft) -> usize {
    // SAFETY: live if it is not NULL, by this function's contract.
    unsafe { draft.as_ref() }.map_or(0, |draft| draft.vocabulary)
}

/// 1 if a token ends a text, else 0.
///
/// # Safety
/// `draft` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_draft_is_end(draft: *const tl_draft, token: u32) -> i32 {
    value(0, || {
        // SAFETY: live if it is not NULL, by this function's contract.
        let draft = unsafe { draft.as_ref() };
        let inner = draft.and_then(|d| d.inner.lock("draft").ok());
        inner.map_or(0, |d| i32::from(d.writer().is_end(token)))
    })
}

/// The bytes that a token stands for: a part of a character at times, and none for special tokens.
///
/// @param bytes     gets them; may be NULL if `room` is 0.
/// @param room      how many there is room for.
/// @param out_size  gets how many there are, also where there is less room, and then nothing is written.
/// @return TL_OK; TL_ERR_TOO_LARGE if there is less room; TL_ERR_BROKEN; TL_ERR_NULL_ARGUMENT.
///
/// # Safety
/// `draft` is NULL or live; `bytes` is NULL or has room for `room` bytes; `out_size` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_draft_token(
    draft: *const tl_draft,
    token: u32,
    bytes: *mut c_char,
    room: usize,
    out_size: *mut usize,
) -> tl_status {
    boundary(|| {
        // SAFETY: writable if it is not NULL, by this function's contract.
        let mut out = unsafe { Out::new(out_size, "out_size") }?;
        out.set(0);
        // SAFETY: live if it is not NULL, by this function's contract.
        let draft = unsafe { required(draft, "draft") }?;
        let inner = draft.inner.lock("draft")?;
        let found = inner.writer().spelling(token);
        out.set(found.len());
        if found.is_empty() {
            return Ok(());
        }
        if found.len() > room {
            let message = format!("token {token} has {} bytes; there is room for {room}", found.len());
            return Err(Error::new(Code::TooLarge, message));
        }
        if bytes.is_null() {
            return Err(Error::new(Code::NullArgument, format!("bytes is NULL but room is {room}")));
        }
        // SAFETY: room for `room` bytes at least, by this function's contract, and no more are written; the memory is the
        // caller's.
        unsafe { std::ptr::copy_nonoverlapping(found.as_ptr().cast::<c_char>(), bytes, found.len()) };
        Ok(())
    })
}

/// Ends a draft; NULL is fine.
///
/// # Safety
/// `draft` is NULL or from `tl_draft_create`, and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_draft_destroy(draft: *mut tl_draft) {
    // SAFETY: this function's contract.
    unsafe { destroy(draft) };
}

/// How a whole text is written. In every field 0 or NULL is the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tl_write_options {
    /// Set by TL_WRITE_OPTIONS_INIT; lets old programs meet new libraries.
    pub struct_size: u32,
    /// The most tokens; 0: the pack's own.
    pub max_new_tokens: u32,
    /// Texts that are searched side by side, up to 64; 0 and 1 take the likeliest token each time.
    pub beams: u32,
    /// The call fails with TL_ERR_DEADLINE_EXCEEDED if it takes longer; 0: no limit.
    pub timeout_ms: u32,
    /// The call fails with TL_ERR_CANCELLED once this is set; may be NULL.
    pub cancel: *const tl_cancel,
}

// SAFETY: `repr(C)`, `struct_size` first, integers and pointers only.
unsafe impl Sized32 for tl_write_options {
    const NAME: &'static str = "tl_write_options";
    const INIT: &'static str = "TL_WRITE_OPTIONS_INIT";
    const ZERO: Self =
        Self { struct_size: 0, max_new_tokens: 0, beams: 0, timeout_ms: 0, cancel: std::ptr::null() };
}

/// Gets the next piece of a text: whole characters of UTF-8, `size` bytes, no closing NUL. 0 ends the text, 1 goes on. It must
/// not unwind, and must not use the object that calls it.
pub type tl_text_fn =
    Option<unsafe extern "C" fn(user: *mut c_void, text: *const c_char, size: usize) -> i32>;

/// Writes a text after a prompt, or for an encoder-decoder from the text that its encoder reads, with the session's pack.
///
/// @param options    may be NULL: every default.
/// @param prompt     UTF-8, `prompt_size` bytes; may be NULL if `prompt_size` is 0.
/// @param each       gets the text as it is written; of a search, all of it at the end.
/// @param user       handed to `each` as it is.
/// @param out_ended  gets 1 if the text came to its end, and 0 if it stopped at the most tokens or by `each`; may be NULL.
/// @return TL_OK; TL_ERR_UTF8, TL_ERR_TOO_LARGE, or TL_ERR_EMPTY_TEXT for an encoder; TL_ERR_UNAVAILABLE if the pack does not
///         write; TL_ERR_DEADLINE_EXCEEDED; TL_ERR_CANCELLED; TL_ERR_BROKEN; TL_ERR_INVALID_ARGUMENT for the options, and for a
///         session that another call is using, `each` among them; TL_ERR_STRUCT_SIZE; TL_ERR_NULL_ARGUMENT. One model run for
///         each token.
///
/// # Safety
/// `session` is NULL or live; `options` is NULL or a struct of the size it states; `prompt_size` bytes lie at `prompt`; `each`
/// may be called with `user` in this thread until the call ends; `out_ended` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_session_write(
    session: *mut tl_session,
    options: *const tl_write_options,
    prompt: *const c_char,
    prompt_size: usize,
    each: tl_text_fn,
    user: *mut c_void,
    out_ended: *mut i32,
) -> tl_status {
    boundary(|| {
        // SAFETY: writable if it is not NULL, by this function's contract.
        let mut out = unsafe { Out::new(out_ended, "out_ended") }.ok();
        if let Some(out) = &mut out {
            out.set(0);
        }
        // SAFETY: live if it is not NULL, by this function's contract.
        let session = unsafe { required(session, "session") }?;
        // SAFETY: of the size it states if it is not NULL, by this function's contract.
        let given = unsafe { sized(options) }?;
        // SAFETY: live if it is not NULL, by this function's contract.
        let cancel = unsafe { given.cancel.as_ref() }.map(|c| Arc::clone(&c.token));
        // SAFETY: `prompt_size` bytes lie there, by this function's contract.
        let prompt = unsafe { text(prompt, prompt_size, "prompt") }?;
        let Some(each) = each else { return Err(Error::new(Code::NullArgument, "each is NULL")) };
        let options = WriteOptions {
            max_new_tokens: (given.max_new_tokens > 0).then_some(given.max_new_tokens as usize),
            beams: given.beams.max(1) as usize,
            timeout: (given.timeout_ms > 0).then(|| Duration::from_millis(given.timeout_ms.into())),
            cancel,
            ..WriteOptions::default()
        };
        let mut piece = |text: &str| {
            // SAFETY: callable with `user` in this thread, by this function's contract; the text lives as long as the call.
            text.is_empty() || unsafe { each(user, text.as_ptr().cast(), text.len()) } != 0
        };
        let written = session.lock()?.write(prompt, &options, &mut piece)?;
        if let Some(out) = &mut out {
            out.set(i32::from(written.ended));
        }
        Ok(())
    })
}
