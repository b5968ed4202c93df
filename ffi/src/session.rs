//! `tl_session`: one thread's use of an engine.

use std::ffi::{CString, c_char};
use std::sync::{Arc, MutexGuard};
use std::time::Duration;

use trueline_core::engine::{GuardOptions, Member, Session};
use trueline_core::model::manifest::Role;
use trueline_core::{Code, Error};

use crate::boundary::boundary;
use crate::cancel::tl_cancel;
use crate::engine::tl_engine;
use crate::exclusive::{Exclusive, destroy};
use crate::pointer::{Out, Sized32, optional_text, required, required_mut, sized, span};
use crate::result::tl_result;
use crate::status::tl_status;

/// Any role: every category is judged.
pub const TL_ROLE_ANY: u32 = 0;
/// A person's request.
pub const TL_ROLE_USER: u32 = 1;
/// A language model's answer.
pub const TL_ROLE_ASSISTANT: u32 = 2;
/// Text that came from a tool or a document.
pub const TL_ROLE_TOOL: u32 = 3;

/// Judge the text as it was given, too, beside its canonical form, and take the larger score.
pub const TL_GUARD_PARANOID: u32 = 1;
/// Judge the text alone, and not what it hides in base64, hexadecimal, percent signs or tag characters, nor what it says once
/// look-alike letters, leetspeak, spaced letters and words in two halves are undone. A text without a disguise is judged alike.
pub const TL_GUARD_PLAIN: u32 = 2;

/// How a guard call judges. In every field 0 or NULL is the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tl_guard_options {
    /// Set by TL_GUARD_OPTIONS_INIT; lets old programs meet new libraries.
    pub struct_size: u32,
    /// TL_ROLE_ANY, ...: whose text it is.
    pub role: u32,
    /// The call fails with TL_ERR_DEADLINE_EXCEEDED if it takes longer; 0: no limit.
    pub timeout_ms: u32,
    /// TL_GUARD_PARANOID, TL_GUARD_PLAIN, both or 0.
    pub flags: u32,
    /// The call fails with TL_ERR_CANCELLED once this is set; may be NULL.
    pub cancel: *const tl_cancel,
}

// SAFETY: `repr(C)`, `struct_size` first, integers and pointers only.
unsafe impl Sized32 for tl_guard_options {
    const NAME: &'static str = "tl_guard_options";
    const INIT: &'static str = "TL_GUARD_OPTIONS_INIT";
    const ZERO: Self = Self { struct_size: 0, role: 0, timeout_ms: 0, flags: 0, cancel: std::ptr::null() };
}

/// One text: UTF-8, `size` bytes, no closing NUL needed.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tl_text {
    /// May be NULL if `size` is 0.
    pub data: *const c_char,
    /// Length in bytes.
    pub size: usize,
}

/// One thread's use of an engine, with the memory that its calls use again.
pub struct tl_session {
    inner: Exclusive<Session>,
    /// Of each pack of the engine, in their order.
    labels: Vec<Arc<[CString]>>,
}

impl tl_session {
    fn new(session: Session) -> Result<Self, Error> {
        let of = |pack: &Member| -> Result<Arc<[CString]>, _> {
            pack.manifest().labels.iter().map(|l| CString::new(l.name.as_str())).collect()
        };
        let labels: Result<Vec<_>, _> = session.packs().iter().map(of).collect();
        let labels =
            labels.map_err(|_| Error::new(Code::InvalidPack, "manifest.toml: a label holds a NUL"))?;
        Ok(Self { inner: Exclusive::new(session), labels })
    }

    /// The labels of the pack that the session uses.
    fn labels(&self, session: &Session) -> Arc<[CString]> {
        let name = &session.pack().manifest().name;
        let place = session.packs().iter().position(|pack| pack.manifest().name == *name);
        place.and_then(|place| self.labels.get(place)).map_or_else(|| Arc::new([]), Arc::clone)
    }

    pub(crate) fn lock(&self) -> Result<MutexGuard<'_, Session>, Error> {
        self.inner.lock("session")
    }
}

/// Makes a session.
///
/// @param pack         name of the engine's pack to use, UTF-8, ended by NUL; NULL: the first.
/// @param out_session  gets the session; end it with tl_session_destroy. NULL on failure.
/// @return TL_OK; TL_ERR_NULL_ARGUMENT; TL_ERR_UNAVAILABLE if the engine has no such pack.
///
/// # Safety
/// `engine` is NULL or live; `pack` is NULL or ends in NUL; `out_session` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_session_create(
    engine: *const tl_engine,
    pack: *const c_char,
    out_session: *mut *mut tl_session,
) -> tl_status {
    boundary(|| {
        // SAFETY: writable if it is not NULL, by this function's contract.
        let mut out = unsafe { Out::new(out_session, "out_session") }?;
        out.set(std::ptr::null_mut());
        // SAFETY: live if it is not NULL, by this function's contract.
        let engine = unsafe { required(engine, "engine") }?;
        // SAFETY: ended by NUL if it is not NULL, by this function's contract.
        let pack = unsafe { optional_text(pack, "pack") }?;
        let session = tl_session::new(Session::new(&engine.engine, pack)?)?;
        out.set(Box::into_raw(Box::new(session)));
        Ok(())
    })
}

/// Goes on with another pack of the session's engine. Of packs that share a model file (a guard, an inspector and a corrector, for
/// example) a session remembers the last runs, up to 2 MiB of token ids and outputs, until it is destroyed: one session reads a text
/// once for all of them, where a session for each would read it each time. Answers are the same either way.
///
/// @param pack  name of the engine's pack to use, UTF-8, ended by NUL; NULL: the first.
/// @return TL_OK; TL_ERR_UNAVAILABLE if the engine has no such pack, and the session stays with the one that it had;
///         TL_ERR_BROKEN; TL_ERR_NULL_ARGUMENT. No model runs.
///
/// # Safety
/// `session` is NULL or live; `pack` is NULL or ends in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_session_select(session: *mut tl_session, pack: *const c_char) -> tl_status {
    boundary(|| {
        // SAFETY: live if it is not NULL, by this function's contract.
        let session = unsafe { required(session, "session") }?;
        // SAFETY: ended by NUL if it is not NULL, by this function's contract.
        let pack = unsafe { optional_text(pack, "pack") }?;
        session.lock()?.select(pack)
    })
}

/// Judges one text. `result` then holds one item. A text that is empty or white space alone is clear; TL_ERR_EMPTY_TEXT is for
/// one that has other characters, and none that the pack reads.
///
/// @param options   may be NULL: every default.
/// @param text      UTF-8, `text_size` bytes; may be NULL if `text_size` is 0.
/// @param result    from tl_result_create; what it held is replaced. After a failure its item blocks with risk 1.
/// @return TL_OK; TL_ERR_UTF8, TL_ERR_EMPTY_TEXT or TL_ERR_TOO_LARGE for the text; TL_ERR_DEADLINE_EXCEEDED;
///         TL_ERR_CANCELLED; TL_ERR_BROKEN; TL_ERR_STRUCT_SIZE; TL_ERR_INVALID_ARGUMENT; TL_ERR_NULL_ARGUMENT.
///         Linear in the text, one model run for each window of the pack's limits.max_tokens and, where the pack has
///         limits.sentence_tokens, for each sentence of a text of several.
///
/// # Safety
/// `session` and `result` are NULL or live, and no other thread uses `result`; `options` is NULL or a struct of the
/// size it states; `text_size` bytes lie at `text`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_session_guard(
    session: *mut tl_session,
    options: *const tl_guard_options,
    text: *const c_char,
    text_size: usize,
    result: *mut tl_result,
) -> tl_status {
    boundary(|| {
        // SAFETY: live and exclusive if it is not NULL, by this function's contract.
        let result = unsafe { required_mut(result, "result") }?;
        result.fill(1, || {
            // SAFETY: live if it is not NULL, by this function's contract.
            let session = unsafe { required(session, "session") }?;
            // SAFETY: of the size it states if it is not NULL, by this function's contract.
            let options = unsafe { read_options(options) }?;
            // SAFETY: `text_size` bytes lie there, by this function's contract.
            let text = unsafe { span(text.cast::<u8>(), text_size, "text") }?;
            let mut inner = session.lock()?;
            let verdict = inner.guard(text, &options);
            Ok((session.labels(&inner), vec![verdict]))
        })
    })
}

/// Judges several texts, each as if it were alone. `result` then holds one item a text, in their order.
///
/// A text that fails has its own status in its item and blocks; the others are judged all the same. One timeout holds
/// for the whole batch. With a compiled plan, short texts next to each other run side by side, whatever their lengths: nothing
/// is padded, weights are read once for all of them, and every score has the bits of its text alone.
///
/// @param texts    `n_texts` texts; may be NULL if `n_texts` is 0.
/// @param result   from tl_result_create; what it held is replaced.
/// @return TL_OK if every text was judged, else the status of the first that was not; as tl_session_guard.
///
/// # Safety
/// As `tl_session_guard`, with `n_texts` structs at `texts` and each text's bytes where it says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_session_guard_batch(
    session: *mut tl_session,
    options: *const tl_guard_options,
    texts: *const tl_text,
    n_texts: usize,
    result: *mut tl_result,
) -> tl_status {
    boundary(|| {
        // SAFETY: live and exclusive if it is not NULL, by this function's contract.
        let result = unsafe { required_mut(result, "result") }?;
        result.fill(0, || Ok((Arc::new([]), Vec::new())))?;
        // SAFETY: `n_texts` structs lie there, by this function's contract.
        let texts = unsafe { span(texts, n_texts, "texts") }?;
        result.fill(texts.len(), || {
            // SAFETY: live if it is not NULL, by this function's contract.
            let session = unsafe { required(session, "session") }?;
            // SAFETY: of the size it states if it is not NULL, by this function's contract.
            let options = unsafe { read_options(options) }?;
            let mut slices = Vec::with_capacity(texts.len());
            for (i, text) in texts.iter().enumerate() {
                // SAFETY: `size` bytes lie at `data`, by this function's contract.
                slices.push(unsafe { span(text.data.cast::<u8>(), text.size, &format!("texts[{i}].data")) }?);
            }
            let mut inner = session.lock()?;
            let verdicts = inner.guard_batch(&slices, &options);
            Ok((session.labels(&inner), verdicts))
        })
    })
}

/// Ends a session; NULL is fine.
///
/// # Safety
/// `session` is NULL or from `tl_session_create`, and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_session_destroy(session: *mut tl_session) {
    // SAFETY: this function's contract.
    unsafe { destroy(session) };
}

/// # Safety
/// As [`sized`]; its `cancel` is NULL or live.
unsafe fn read_options(options: *const tl_guard_options) -> Result<GuardOptions, Error> {
    // SAFETY: passed on to the caller.
    let given = unsafe { sized(options) }?;
    let role = role(given.role)?;
    if given.flags & !(TL_GUARD_PARANOID | TL_GUARD_PLAIN) != 0 {
        return Err(Error::new(
            Code::InvalidArgument,
            format!(
                "flags is {:#x}; only TL_GUARD_PARANOID ({TL_GUARD_PARANOID:#x}) and TL_GUARD_PLAIN ({TL_GUARD_PLAIN:#x}) \
                 are known",
                given.flags
            ),
        ));
    }
    let timeout = (given.timeout_ms > 0).then(|| Duration::from_millis(given.timeout_ms.into()));
    // SAFETY: live if it is not NULL, passed on to the caller.
    let cancel = unsafe { given.cancel.as_ref() }.map(|c| Arc::clone(&c.token));
    let is_set = |flag: u32| given.flags & flag != 0;
    let (paranoid, plain) = (is_set(TL_GUARD_PARANOID), is_set(TL_GUARD_PLAIN));
    Ok(GuardOptions { role, timeout, cancel, paranoid, plain })
}

/// The role of a number.
pub(crate) fn role(number: u32) -> Result<Option<Role>, Error> {
    match number {
        TL_ROLE_ANY => Ok(None),
        TL_ROLE_USER => Ok(Some(Role::User)),
        TL_ROLE_ASSISTANT => Ok(Some(Role::Assistant)),
        TL_ROLE_TOOL => Ok(Some(Role::Tool)),
        other => Err(Error::new(
            Code::InvalidArgument,
            format!("role is {other}; it lies between {TL_ROLE_ANY} and {TL_ROLE_TOOL}"),
        )),
    }
}

#[cfg(test)]
impl tl_session {
    /// A session over an engine made in a test.
    pub(crate) fn over(session: Session) -> Self {
        Self::new(session).expect("labels without NUL")
    }
}
