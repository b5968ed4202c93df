//! `tl_filter` and `tl_stream`: a policy at work, on one text at a time or on bytes as they come.

use std::ffi::{CString, c_char};
use std::sync::Arc;
use std::time::Duration;

use trueline_core::engine::filter::{Filter, FilterOptions, Progress, Stream};
use trueline_core::{Code, Error};

use crate::boundary::boundary;
use crate::cancel::tl_cancel;
use crate::decision::tl_decision;
use crate::engine::tl_engine;
use crate::exclusive::{Exclusive, destroy};
use crate::pointer::{Out, Sized32, optional_text, required, required_mut, sized, span};
use crate::policy::tl_policy;
use crate::session::{TL_GUARD_PLAIN, role};
use crate::status::tl_status;

/// A policy bound to the pack that scores for it. Immutable; share it freely between threads.
pub struct tl_filter {
    pub(crate) filter: Arc<Filter>,
    pub(crate) names: Arc<[CString]>,
}

/// How a text is judged. In every field 0 or NULL is the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tl_filter_options {
    /// Set by TL_FILTER_OPTIONS_INIT; lets old programs meet new libraries.
    pub struct_size: u32,
    /// TL_ROLE_ANY, ...: whose text it is.
    pub role: u32,
    /// The call fails with TL_ERR_DEADLINE_EXCEEDED if it takes longer; 0: no limit. For a stream: each call.
    pub timeout_ms: u32,
    /// TL_GUARD_PLAIN, or 0.
    pub flags: u32,
    /// The text's language, as a BCP 47 tag ended by NUL; NULL: a guess, and the strictest thresholds where it is not sure.
    pub language: *const c_char,
    /// The call fails with TL_ERR_CANCELLED once this is set; may be NULL. For a stream: until it is destroyed.
    pub cancel: *const tl_cancel,
}

// SAFETY: `repr(C)`, `struct_size` first, integers and pointers only.
unsafe impl Sized32 for tl_filter_options {
    const NAME: &'static str = "tl_filter_options";
    const INIT: &'static str = "TL_FILTER_OPTIONS_INIT";
    const ZERO: Self = Self {
        struct_size: 0,
        role: 0,
        timeout_ms: 0,
        flags: 0,
        language: std::ptr::null(),
        cancel: std::ptr::null(),
    };
}

/// Where a stream stands.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tl_stream_state {
    /// Bytes that came.
    pub received: usize,
    /// Bytes from the start that may be shown, redacted where the policy says so. Never falls.
    pub released: usize,
    /// 1 if nothing more is released, for now or, where the policy latches, for good; else 0.
    pub blocked: i32,
    /// 1 once a decision was made, so that nothing more is taken; else 0.
    pub finished: i32,
}

const STOPPED: tl_stream_state = tl_stream_state { received: 0, released: 0, blocked: 1, finished: 0 };

impl From<Progress> for tl_stream_state {
    fn from(p: Progress) -> Self {
        Self {
            received: p.received,
            released: p.released,
            blocked: i32::from(p.blocked),
            finished: i32::from(p.finished),
        }
    }
}

/// A text that comes in pieces, cut anywhere.
pub struct tl_stream {
    inner: Exclusive<Running>,
    names: Arc<[CString]>,
    filter: Arc<Filter>,
}

struct Running {
    stream: Stream,
    /// What `tl_stream_take` gave out last.
    taken: String,
}

/// Binds a policy to a pack of an engine, or to none.
///
/// @param policy      may be destroyed afterwards.
/// @param engine      may be NULL for a policy of rules alone; may be destroyed afterwards.
/// @param pack        name of the engine's pack, UTF-8, ended by NUL; NULL: the first.
/// @param out_filter  gets the filter; end it with tl_filter_destroy. NULL on failure.
/// @return TL_OK; TL_ERR_INVALID_ARGUMENT for a category that nothing finds, or a label that the pack does not have;
///         TL_ERR_UNAVAILABLE for a pack that the policy needs and that is not there, or that is no classifier;
///         TL_ERR_NULL_ARGUMENT; TL_ERR_UTF8.
///
/// # Safety
/// `policy` and `engine` are NULL or live; `pack` is NULL or ends in NUL; `out_filter` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_filter_create(
    policy: *const tl_policy,
    engine: *const tl_engine,
    pack: *const c_char,
    out_filter: *mut *mut tl_filter,
) -> tl_status {
    boundary(|| {
        // SAFETY: writable if it is not NULL, by this function's contract.
        let mut out = unsafe { Out::new(out_filter, "out_filter") }?;
        out.set(std::ptr::null_mut());
        // SAFETY: live if it is not NULL, by this function's contract.
        let policy = unsafe { required(policy, "policy") }?;
        // SAFETY: ended by NUL if it is not NULL, by this function's contract.
        let pack = unsafe { optional_text(pack, "pack") }?;
        // SAFETY: live if it is not NULL, by this function's contract.
        let guard = match unsafe { engine.as_ref() } {
            Some(engine) => Some(Arc::clone(engine.engine.guard(pack)?)),
            None => None,
        };
        let filter = Filter::new(Arc::clone(&policy.policy), guard)?;
        let names = filter.policy().categories().iter().map(|c| CString::new(c.name.as_str()));
        let names: Result<Arc<[CString]>, _> = names.collect();
        let names = names.map_err(|_| Error::new(Code::InvalidArgument, "a category's name holds a NUL"))?;
        out.set(Box::into_raw(Box::new(tl_filter { filter: Arc::new(filter), names })));
        Ok(())
    })
}

/// Judges one text, as a stream of all its bytes would end.
///
/// @param options   may be NULL: every default.
/// @param text      UTF-8, `text_size` bytes; may be NULL if `text_size` is 0.
/// @param decision  from tl_decision_create; what it held is replaced. After a failure its action is the policy's `on_failure`
///                  (block, unless the policy says otherwise), its risk 1.
/// @return TL_OK if the text was judged, also an empty one; TL_ERR_UTF8 or TL_ERR_TOO_LARGE for the text;
///         TL_ERR_DEADLINE_EXCEEDED; TL_ERR_CANCELLED; TL_ERR_STRUCT_SIZE; TL_ERR_INVALID_ARGUMENT;
///         TL_ERR_NULL_ARGUMENT. Linear in the text, one model run for each window and each sentence (tl_session_guard).
///
/// # Safety
/// `filter` and `decision` are NULL or live, and no other thread uses `decision`; `options` is NULL or a struct of the size
/// it states, its `language` NULL or ended by NUL; `text_size` bytes lie at `text`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_filter_judge(
    filter: *const tl_filter,
    options: *const tl_filter_options,
    text: *const c_char,
    text_size: usize,
    decision: *mut tl_decision,
) -> tl_status {
    boundary(|| {
        // SAFETY: live and exclusive if it is not NULL, by this function's contract.
        let decision = unsafe { required_mut(decision, "decision") }?;
        decision.fill(|| {
            // SAFETY: live if it is not NULL, by this function's contract.
            let filter = unsafe { required(filter, "filter") }?;
            // SAFETY: of the size it states if it is not NULL, by this function's contract.
            let options = unsafe { read_options(options) }?;
            // SAFETY: `text_size` bytes lie there, by this function's contract.
            let text = unsafe { span(text.cast::<u8>(), text_size, "text") }?;
            let found = Filter::judge(&filter.filter, text, &options);
            Ok((Arc::clone(&filter.filter), Arc::clone(&filter.names), found, Some(text)))
        })
    })
}

/// Ends a filter; NULL is fine. Its streams and decisions stay usable.
///
/// # Safety
/// `filter` is NULL or from `tl_filter_create`, and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_filter_destroy(filter: *mut tl_filter) {
    // SAFETY: this function's contract.
    unsafe { destroy(filter) };
}

/// Begins a text that comes in pieces: an answer while it is generated.
///
/// @param options     may be NULL: every default; `timeout_ms` is for each call.
/// @param out_stream  gets the stream; end it with tl_stream_destroy. NULL on failure.
/// @return TL_OK; TL_ERR_INVALID_ARGUMENT; TL_ERR_STRUCT_SIZE; TL_ERR_NULL_ARGUMENT; TL_ERR_UTF8.
///
/// # Safety
/// `filter` is NULL or live; `options` is NULL or a struct of the size it states, its `language` NULL or ended by NUL;
/// `out_stream` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_stream_create(
    filter: *const tl_filter,
    options: *const tl_filter_options,
    out_stream: *mut *mut tl_stream,
) -> tl_status {
    boundary(|| {
        // SAFETY: writable if it is not NULL, by this function's contract.
        let mut out = unsafe { Out::new(out_stream, "out_stream") }?;
        out.set(std::ptr::null_mut());
        // SAFETY: live if it is not NULL, by this function's contract.
        let filter = unsafe { required(filter, "filter") }?;
        // SAFETY: of the size it states if it is not NULL, by this function's contract.
        let options = unsafe { read_options(options) }?;
        let stream = Stream::new(Arc::clone(&filter.filter), options)?;
        let inner = Exclusive::new(Running { stream, taken: String::new() });
        let (names, filter) = (Arc::clone(&filter.names), Arc::clone(&filter.filter));
        out.set(Box::into_raw(Box::new(tl_stream { inner, names, filter })));
        Ok(())
    })
}

/// Takes the next bytes, cut anywhere, also within a character.
///
/// @param bytes      `size` bytes of UTF-8; may be NULL if `size` is 0.
/// @param out_state  gets where the stream stands; may be NULL. On failure it says blocked, or finished after the end.
/// @return TL_OK; TL_ERR_UTF8 or TL_ERR_TOO_LARGE for the text; TL_ERR_DEADLINE_EXCEEDED; TL_ERR_CANCELLED: after these the
///         stream releases nothing more, and ends with the policy's `on_failure`. TL_ERR_INVALID_ARGUMENT after the end;
///         TL_ERR_BROKEN; TL_ERR_NULL_ARGUMENT.
///
/// # Safety
/// `stream` is NULL or live; `size` bytes lie at `bytes`; `out_state` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_stream_push(
    stream: *mut tl_stream,
    bytes: *const c_char,
    size: usize,
    out_state: *mut tl_stream_state,
) -> tl_status {
    // SAFETY: passed on from this function's contract.
    unsafe {
        step(stream, out_state, |running| {
            // SAFETY: `size` bytes lie there, by this function's contract.
            let bytes = span(bytes.cast::<u8>(), size, "bytes")?;
            running.stream.push(bytes)
        })
    }
}

/// Where a stream stands.
///
/// @param out_state  gets it; on failure it says blocked.
/// @return TL_OK; TL_ERR_NULL_ARGUMENT; TL_ERR_BROKEN; TL_ERR_INVALID_ARGUMENT if another thread uses the stream.
///
/// # Safety
/// `stream` is NULL or live; `out_state` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_stream_poll(
    stream: *const tl_stream,
    out_state: *mut tl_stream_state,
) -> tl_status {
    if out_state.is_null() {
        return boundary(|| Err(Error::new(Code::NullArgument, "out_state is NULL")));
    }
    // SAFETY: passed on from this function's contract.
    unsafe { step(stream, out_state, |running| Ok(running.stream.progress())) }
}

/// The text that was released since the last call, redacted where the policy says so: what may be shown now.
///
/// @param out_text  gets UTF-8 without a closing NUL; lives until the next call with this stream. Empty on failure.
/// @param out_size  gets its length in bytes.
/// @return TL_OK; TL_ERR_NULL_ARGUMENT; TL_ERR_BROKEN; TL_ERR_INVALID_ARGUMENT if another thread uses the stream.
///
/// # Safety
/// `stream` is NULL or live; `out_text` and `out_size` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_stream_take(
    stream: *mut tl_stream,
    out_text: *mut *const c_char,
    out_size: *mut usize,
) -> tl_status {
    boundary(|| {
        // SAFETY: writable if it is not NULL, by this function's contract.
        let mut text = unsafe { Out::new(out_text, "out_text") }?;
        // SAFETY: as above.
        let mut size = unsafe { Out::new(out_size, "out_size") }?;
        text.set(c"".as_ptr());
        size.set(0);
        // SAFETY: live if it is not NULL, by this function's contract.
        let stream = unsafe { required(stream, "stream") }?;
        let mut running = stream.inner.lock("stream")?;
        running.taken = running.stream.take();
        if !running.taken.is_empty() {
            text.set(running.taken.as_ptr().cast());
            size.set(running.taken.len());
        }
        Ok(())
    })
}

/// Ends the text and decides. If the action lets it pass and nothing was blocked on the way, the rest is released: take it
/// with tl_stream_take. A second call gives the same decision.
///
/// @param decision  from tl_decision_create; what it held is replaced. After a failure its action is the policy's
///                  `on_failure`, its risk 1.
/// @return as tl_filter_judge.
///
/// # Safety
/// `stream` and `decision` are NULL or live, and no other thread uses `decision`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_stream_finish(stream: *mut tl_stream, decision: *mut tl_decision) -> tl_status {
    boundary(|| {
        // SAFETY: live and exclusive if it is not NULL, by this function's contract.
        let decision = unsafe { required_mut(decision, "decision") }?;
        decision.fill(|| {
            // SAFETY: live if it is not NULL, by this function's contract.
            let stream = unsafe { required(stream, "stream") }?;
            let found = stream.inner.lock("stream")?.stream.finish().clone();
            Ok((Arc::clone(&stream.filter), Arc::clone(&stream.names), found, None))
        })
    })
}

/// Ends a stream, with or without a decision; NULL is fine.
///
/// # Safety
/// `stream` is NULL or from `tl_stream_create`, and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_stream_destroy(stream: *mut tl_stream) {
    // SAFETY: this function's contract.
    unsafe { destroy(stream) };
}

/// # Safety
/// `stream` is NULL or live; `out_state` is NULL or writable.
unsafe fn step(
    stream: *const tl_stream,
    out_state: *mut tl_stream_state,
    go: impl FnOnce(&mut Running) -> Result<Progress, Error>,
) -> tl_status {
    boundary(|| {
        // SAFETY: writable if it is not NULL, passed on to the caller.
        let mut out = unsafe { Out::new(out_state, "out_state") }.ok();
        let mut leave = |state| {
            if let Some(out) = &mut out {
                out.set(state);
            }
        };
        leave(STOPPED);
        // SAFETY: live if it is not NULL, passed on to the caller.
        let stream = unsafe { required(stream, "stream") }?;
        let mut running = stream.inner.lock("stream")?;
        let moved = go(&mut running);
        leave(running.stream.progress().into());
        moved.map(drop)
    })
}

/// # Safety
/// As [`sized`]; its `language` is NULL or ends in NUL, its `cancel` is NULL or live.
unsafe fn read_options(options: *const tl_filter_options) -> Result<FilterOptions, Error> {
    // SAFETY: passed on to the caller.
    let given = unsafe { sized(options) }?;
    if given.flags & !TL_GUARD_PLAIN != 0 {
        let message =
            format!("flags is {:#x}; only TL_GUARD_PLAIN ({TL_GUARD_PLAIN:#x}) is known", given.flags);
        return Err(Error::new(Code::InvalidArgument, message));
    }
    // SAFETY: ended by NUL if it is not NULL, passed on to the caller.
    let language = unsafe { optional_text(given.language, "language") }?.map(str::to_owned);
    // SAFETY: live if it is not NULL, passed on to the caller.
    let cancel = unsafe { given.cancel.as_ref() }.map(|c| Arc::clone(&c.token));
    let timeout = (given.timeout_ms > 0).then(|| Duration::from_millis(given.timeout_ms.into()));
    let plain = given.flags & TL_GUARD_PLAIN != 0;
    Ok(FilterOptions { role: role(given.role)?, language, timeout, cancel, plain })
}
