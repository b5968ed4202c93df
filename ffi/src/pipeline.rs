//! `tl_pipeline`: everything around a host's language model in one object.

use std::ffi::{CString, c_char, c_void};
use std::sync::Arc;
use std::time::Duration;

use trueline_core::engine::pipeline::{ALIGNED_FROM, Outcome, Pipeline, PipelineOptions, Sink, Stages};
use trueline_core::{Code, Error};

use crate::boundary::{boundary, value};
use crate::cancel::tl_cancel;
use crate::draft::tl_text_fn;
use crate::engine::tl_engine;
use crate::exclusive::{Exclusive, destroy};
use crate::filter::tl_filter;
use crate::pointer::{Out, Sized32, optional_text, required, required_mut, sized, span, text};
use crate::result::TL_ACTION_BLOCK;
use crate::status::{TL_OK, tl_status};

/// Everything around your language model: filter, rewriter, filter again, inspectors, correctors, filter at last.
pub struct tl_pipeline {
    inner: Exclusive<Pipeline>,
}

/// A corrector of a pipeline, and the inspector that calls for it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tl_corrector {
    /// Name of the engine's pack, UTF-8, ended by NUL: a tagger of edits, or an encoder-decoder.
    pub corrector: *const c_char,
    /// Name of the inspector's pack: the corrector runs where it finds the answer wanting, the worst first. NULL: the corrector
    /// runs on every answer, after those that have one.
    pub inspector: *const c_char,
}

/// What a pipeline is made of. Every part may be absent.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tl_pipeline_config {
    /// Set by TL_PIPELINE_CONFIG_INIT; lets old programs meet new libraries.
    pub struct_size: u32,
    /// How many correctors there are.
    pub n_correctors: u32,
    /// Judges requests and answers; may be NULL. The pipeline keeps what it needs of it.
    pub filter: *const tl_filter,
    /// Name of the engine's pack that rewrites requests; NULL: none does.
    pub rewriter: *const c_char,
    /// `n_correctors` of them; may be NULL if there is none.
    pub correctors: *const tl_corrector,
}

// SAFETY: `repr(C)`, `struct_size` first, integers and pointers only.
unsafe impl Sized32 for tl_pipeline_config {
    const NAME: &'static str = "tl_pipeline_config";
    const INIT: &'static str = "TL_PIPELINE_CONFIG_INIT";
    const ZERO: Self = Self {
        struct_size: 0,
        n_correctors: 0,
        filter: std::ptr::null(),
        rewriter: std::ptr::null(),
        correctors: std::ptr::null(),
    };
}

/// How a request is taken through. In every field 0 or NULL is the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tl_pipeline_options {
    /// Set by TL_PIPELINE_OPTIONS_INIT; lets old programs meet new libraries.
    pub struct_size: u32,
    /// Each stage fails if it takes longer; your own model is not timed. 0: no limit.
    pub timeout_ms: u32,
    /// From which probability an inspector's answer is aligned; 0: 0.5.
    pub aligned_from: f32,
    /// 0.
    pub flags: u32,
    /// The language of request and answer, as a BCP 47 tag ended by NUL; NULL: a guess.
    pub language: *const c_char,
    /// Every stage fails once this is set; may be NULL.
    pub cancel: *const tl_cancel,
}

// SAFETY: `repr(C)`, `struct_size` first, integers, floats and pointers only.
unsafe impl Sized32 for tl_pipeline_options {
    const NAME: &'static str = "tl_pipeline_options";
    const INIT: &'static str = "TL_PIPELINE_OPTIONS_INIT";
    const ZERO: Self = Self {
        struct_size: 0,
        timeout_ms: 0,
        aligned_from: 0.0,
        flags: 0,
        language: std::ptr::null(),
        cancel: std::ptr::null(),
    };
}

/// What your model writes its answer into, while tl_generate_fn runs.
pub struct tl_sink {
    /// The pipeline's; this handle lives no longer than the call that made it.
    sink: *mut c_void,
}

/// Your language model: answers a request, UTF-8 of `size` bytes without a closing NUL, by tl_sink_push. The request is redacted
/// and rewritten where the pipeline does so. 0: the answer is whole; anything else: it failed, and nothing of it is shown. It
/// must not unwind, and must not use the pipeline that calls it.
pub type tl_generate_fn = Option<
    unsafe extern "C" fn(user: *mut c_void, request: *const c_char, size: usize, sink: *mut tl_sink) -> i32,
>;

/// A line of a trace. It holds no text of yours.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tl_trace_step {
    /// "request_filter", "rewriter", "rewrite_filter", "generate", "answer_filter", "inspector", "corrector", "final_filter".
    pub stage: *const c_char,
    /// What came of it: an action such as "allow", "aligned" or "misaligned", a corrector's reason, "failed", "ok".
    pub decision: *const c_char,
    /// The pack or the policy with its version; "" for your model.
    pub who: *const c_char,
    /// A filter's risk, an inspector's probability, the share of words that a corrector kept; -1 where there is none.
    pub score: f64,
    /// How long it took.
    pub microseconds: u64,
    /// Why the stage failed; TL_OK if it did not.
    pub status: tl_status,
}

/// What became of a request. Whatever cannot be read reads as "block, no text".
pub struct tl_outcome {
    action: i32,
    corrected: bool,
    /// The text with a NUL behind it.
    text: Vec<u8>,
    /// What the steps point into.
    words: Vec<[CString; 3]>,
    steps: Vec<tl_trace_step>,
}

impl tl_outcome {
    fn blocked() -> Self {
        Self {
            action: TL_ACTION_BLOCK,
            corrected: false,
            text: vec![0],
            words: Vec::new(),
            steps: Vec::new(),
        }
    }

    fn set(&mut self, found: &Outcome) {
        let word = |text: &str| CString::new(text).unwrap_or_default();
        self.words =
            found.trace.iter().map(|s| [word(s.stage.name()), word(s.decision), word(&s.who)]).collect();
        let step =
            |(step, words): (&trueline_core::engine::pipeline::TraceStep, &[CString; 3])| tl_trace_step {
                stage: words[0].as_ptr(),
                decision: words[1].as_ptr(),
                who: words[2].as_ptr(),
                score: step.score.unwrap_or(-1.0),
                microseconds: u64::try_from(step.time.as_micros()).unwrap_or(u64::MAX),
                status: step.error.map_or(TL_OK, |code| code as tl_status),
            };
        self.steps = found.trace.iter().zip(&self.words).map(step).collect();
        self.text = [found.text.as_bytes(), b"\0"].concat();
        (self.action, self.corrected) = (found.action as i32, found.corrected);
    }
}

/// Makes a pipeline. One thread uses it at a time.
///
/// @param config        may be NULL: no stage but your own model.
/// @param out_pipeline  gets the pipeline; end it with tl_pipeline_destroy. NULL on failure.
/// @return TL_OK; TL_ERR_UNAVAILABLE if the engine has no such pack, or it is of another family than its place asks for;
///         TL_ERR_STRUCT_SIZE; TL_ERR_NULL_ARGUMENT; TL_ERR_UTF8.
///
/// # Safety
/// `engine` is NULL or live; `config` is NULL or a struct of the size it states, whose filter is NULL or live, whose strings are
/// NULL or end in NUL, and at whose `correctors` lie `n_correctors`; `out_pipeline` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_pipeline_create(
    engine: *const tl_engine,
    config: *const tl_pipeline_config,
    out_pipeline: *mut *mut tl_pipeline,
) -> tl_status {
    boundary(|| {
        // SAFETY: writable if it is not NULL, by this function's contract.
        let mut out = unsafe { Out::new(out_pipeline, "out_pipeline") }?;
        out.set(std::ptr::null_mut());
        // SAFETY: live if it is not NULL, by this function's contract.
        let engine = &unsafe { required(engine, "engine") }?.engine;
        // SAFETY: of the size it states if it is not NULL, by this function's contract.
        let given = unsafe { sized(config) }?;
        // SAFETY: live if it is not NULL, by this function's contract.
        let filter = unsafe { given.filter.as_ref() }.map(|f| Arc::clone(&f.filter));
        // SAFETY: ended by NUL if it is not NULL, by this function's contract.
        let rewriter = unsafe { optional_text(given.rewriter, "config.rewriter") }?;
        let rewriter = rewriter.map(|name| engine.member(Some(name))?.writer().cloned()).transpose()?;
        // SAFETY: as many lie there, by this function's contract.
        let pairs = unsafe { span(given.correctors, given.n_correctors as usize, "config.correctors") }?;
        let mut correctors = Vec::with_capacity(pairs.len());
        for (i, pair) in pairs.iter().enumerate() {
            // SAFETY: ended by NUL if it is not NULL, by this function's contract.
            let corrector = unsafe { optional_text(pair.corrector, "corrector") }?.ok_or_else(|| {
                Error::new(Code::NullArgument, format!("config.correctors[{i}].corrector is NULL"))
            })?;
            // SAFETY: as above.
            let inspector = unsafe { optional_text(pair.inspector, "inspector") }?;
            let inspector = inspector.map(|name| engine.member(Some(name))?.inspector().cloned());
            correctors.push((inspector.transpose()?, engine.member(Some(corrector))?.any_corrector()?));
        }
        let pipeline = Pipeline::new(Stages { filter, rewriter, correctors })?;
        out.set(Box::into_raw(Box::new(tl_pipeline { inner: Exclusive::new(pipeline) })));
        Ok(())
    })
}

/// Takes a request through everything, your model in the middle.
///
/// A filter that fails blocks; a rewriter, an inspector or a corrector that fails leaves the text as it is, and the filter still
/// judges that. The trace names what failed.
///
/// @param options   may be NULL: every default.
/// @param request   UTF-8, `request_size` bytes.
/// @param generate  your model.
/// @param show      gets of the answer what may be shown while it is written, unless a corrector may still change it; what it
///                  returns means nothing. May be NULL.
/// @param user      handed to both as it is.
/// @param outcome   from tl_outcome_create; what it held is replaced. After a failure it blocks.
/// @return TL_OK; TL_ERR_HOST if `generate` fails; TL_ERR_UTF8 or TL_ERR_TOO_LARGE for an answer where there is no filter, which
///         blocks such ones; TL_ERR_UTF8 for the request; TL_ERR_BROKEN; TL_ERR_INVALID_ARGUMENT for the options, and for a
///         pipeline that another call is using, `generate` among them; TL_ERR_STRUCT_SIZE; TL_ERR_NULL_ARGUMENT.
///
/// # Safety
/// `pipeline` and `outcome` are NULL or live, and no other thread uses `outcome`; `options` is NULL or a struct of the size it
/// states; `request_size` bytes lie at `request`; `generate` and `show` may be called with `user` in this thread until the call
/// ends.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_pipeline_run(
    pipeline: *mut tl_pipeline,
    options: *const tl_pipeline_options,
    request: *const c_char,
    request_size: usize,
    generate: tl_generate_fn,
    show: tl_text_fn,
    user: *mut c_void,
    outcome: *mut tl_outcome,
) -> tl_status {
    boundary(|| {
        // SAFETY: live and exclusive if it is not NULL, by this function's contract.
        let outcome = unsafe { required_mut(outcome, "outcome") }?;
        *outcome = tl_outcome::blocked();
        // SAFETY: live if it is not NULL, by this function's contract.
        let pipeline = unsafe { required(pipeline, "pipeline") }?;
        // SAFETY: passed on from this function's contract.
        let options = unsafe { read_options(options) }?;
        // SAFETY: `request_size` bytes lie there, by this function's contract.
        let request = unsafe { text(request, request_size, "request") }?;
        let Some(generate) = generate else {
            return Err(Error::new(Code::NullArgument, "generate is NULL"));
        };
        let mut host = |request: &str, sink: &mut Sink<'_>| {
            let mut handle = tl_sink { sink: std::ptr::from_mut(sink).cast() };
            let asked = request.as_ptr().cast();
            // SAFETY: callable with `user` in this thread, by this function's contract; the request and the sink live as
            // long as the call, and the header says that the handle lives no longer.
            let code = unsafe { generate(user, asked, request.len(), &raw mut handle) };
            if code == 0 { Ok(()) } else { Err(format!("it returned {code}")) }
        };
        let mut shown = |text: &str| {
            if let Some(show) = show {
                // SAFETY: as for `generate`; the text lives as long as the call.
                unsafe { show(user, text.as_ptr().cast(), text.len()) };
            }
        };
        let mut inner = pipeline.inner.lock("pipeline")?;
        let shown = show.is_some().then_some(&mut shown as &mut dyn FnMut(&str));
        outcome.set(&inner.run(request, &options, &mut host, shown)?);
        Ok(())
    })
}

/// Takes the next bytes of the answer, cut anywhere, also within a character. Only within tl_generate_fn.
///
/// @param bytes  `size` bytes of UTF-8; may be NULL if `size` is 0.
/// @return 1 to go on; 0 if nothing more of the answer will be shown, so that the model may stop.
///
/// # Safety
/// `sink` is NULL or what the running tl_generate_fn was given; `size` bytes lie at `bytes`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_sink_push(sink: *mut tl_sink, bytes: *const c_char, size: usize) -> i32 {
    value(0, || {
        // SAFETY: live if it is not NULL, by this function's contract.
        let Some(handle) = (unsafe { sink.as_ref() }) else { return 0 };
        // SAFETY: made from a `Sink` that lives and is used by nothing else while the host's function runs, by this
        // function's contract.
        let Some(sink) = (unsafe { handle.sink.cast::<Sink<'_>>().as_mut() }) else { return 0 };
        // SAFETY: `size` bytes lie there, by this function's contract.
        match unsafe { span(bytes.cast::<u8>(), size, "bytes") } {
            Ok(bytes) => i32::from(sink.push(bytes)),
            Err(_) => 0,
        }
    })
}

/// The part after generation, for an answer that is there already: filter, inspectors, correctors, filter.
///
/// @param options  may be NULL: every default.
/// @param request  UTF-8, `request_size` bytes; may be NULL if `request_size` is 0.
/// @param answer   UTF-8, `answer_size` bytes.
/// @param outcome  from tl_outcome_create; what it held is replaced. After a failure it blocks.
/// @return TL_OK; TL_ERR_UTF8; TL_ERR_BROKEN; TL_ERR_INVALID_ARGUMENT; TL_ERR_STRUCT_SIZE; TL_ERR_NULL_ARGUMENT.
///
/// # Safety
/// `pipeline` and `outcome` are NULL or live, and no other thread uses `outcome`; `options` is NULL or a struct of the size it
/// states; the texts have the given sizes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_pipeline_answer(
    pipeline: *mut tl_pipeline,
    options: *const tl_pipeline_options,
    request: *const c_char,
    request_size: usize,
    answer: *const c_char,
    answer_size: usize,
    outcome: *mut tl_outcome,
) -> tl_status {
    boundary(|| {
        // SAFETY: live and exclusive if it is not NULL, by this function's contract.
        let outcome = unsafe { required_mut(outcome, "outcome") }?;
        *outcome = tl_outcome::blocked();
        // SAFETY: live if it is not NULL, by this function's contract.
        let pipeline = unsafe { required(pipeline, "pipeline") }?;
        // SAFETY: passed on from this function's contract.
        let options = unsafe { read_options(options) }?;
        // SAFETY: `request_size` bytes lie there, by this function's contract.
        let request = unsafe { text(request, request_size, "request") }?;
        // SAFETY: `answer_size` bytes lie there, by this function's contract.
        let answer = unsafe { text(answer, answer_size, "answer") }?;
        outcome.set(&pipeline.inner.lock("pipeline")?.answer(request, answer, &options)?);
        Ok(())
    })
}

/// Ends a pipeline; NULL is fine.
///
/// # Safety
/// `pipeline` is NULL or from `tl_pipeline_create`, and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_pipeline_destroy(pipeline: *mut tl_pipeline) {
    // SAFETY: this function's contract.
    unsafe { destroy(pipeline) };
}

/// Makes an empty outcome, which blocks, to be used by any number of calls, one after the other.
///
/// @param out_outcome  gets the outcome; end it with tl_outcome_destroy. NULL on failure.
/// @return TL_OK; TL_ERR_NULL_ARGUMENT.
///
/// # Safety
/// `out_outcome` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_outcome_create(out_outcome: *mut *mut tl_outcome) -> tl_status {
    boundary(|| {
        // SAFETY: writable if it is not NULL, by this function's contract.
        let mut out = unsafe { Out::new(out_outcome, "out_outcome") }?;
        out.set(Box::into_raw(Box::new(tl_outcome::blocked())));
        Ok(())
    })
}

/// TL_ACTION_ALLOW or TL_ACTION_REDACT: show the text; everything else, NULL among it: show none.
///
/// # Safety
/// `outcome` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_outcome_action(outcome: *const tl_outcome) -> i32 {
    // SAFETY: live if it is not NULL, by this function's contract.
    unsafe { outcome.as_ref() }.map_or(TL_ACTION_BLOCK, |o| o.action)
}

/// 1 if a corrector changed the answer, else 0.
///
/// # Safety
/// `outcome` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_outcome_corrected(outcome: *const tl_outcome) -> i32 {
    // SAFETY: live if it is not NULL, by this function's contract.
    unsafe { outcome.as_ref() }.map_or(0, |o| i32::from(o.corrected))
}

/// What may be shown, redacted where the policy says so.
///
/// @param out_size  gets its length in bytes; may be NULL. 0 if nothing may be shown.
/// @return UTF-8 with a NUL behind it; never NULL. It lives until the outcome is used again or destroyed.
///
/// # Safety
/// `outcome` is NULL or live; `out_size` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_outcome_text(outcome: *const tl_outcome, out_size: *mut usize) -> *const c_char {
    // SAFETY: live if it is not NULL, by this function's contract.
    let outcome = unsafe { outcome.as_ref() };
    // SAFETY: writable if it is not NULL, by this function's contract.
    if let Some(size) = unsafe { out_size.as_mut() } {
        *size = outcome.map_or(0, |o| o.text.len() - 1);
    }
    outcome.map_or(c"".as_ptr(), |o| o.text.as_ptr().cast())
}

/// Every stage that ran, in order.
///
/// @param out_count  gets their number; 0 for NULL.
/// @return that many steps, or NULL if there is none; they live until the outcome is used again or destroyed.
///
/// # Safety
/// `outcome` is NULL or live; `out_count` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_outcome_trace(
    outcome: *const tl_outcome,
    out_count: *mut usize,
) -> *const tl_trace_step {
    // SAFETY: live if it is not NULL, by this function's contract.
    let steps = unsafe { outcome.as_ref() }.map_or(&[][..], |o| &o.steps);
    // SAFETY: writable if it is not NULL, by this function's contract.
    if let Some(count) = unsafe { out_count.as_mut() } {
        *count = steps.len();
    }
    if steps.is_empty() { std::ptr::null() } else { steps.as_ptr() }
}

/// Ends an outcome; NULL is fine.
///
/// # Safety
/// `outcome` is NULL or from `tl_outcome_create`, and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_outcome_destroy(outcome: *mut tl_outcome) {
    // SAFETY: this function's contract.
    unsafe { destroy(outcome) };
}

/// # Safety
/// As [`sized`]; its `language` is NULL or ends in NUL, its `cancel` is NULL or live.
unsafe fn read_options(options: *const tl_pipeline_options) -> Result<PipelineOptions, Error> {
    // SAFETY: passed on to the caller.
    let given = unsafe { sized(options) }?;
    if given.flags != 0 {
        let message = format!("options.flags is {}; it must be 0", given.flags);
        return Err(Error::new(Code::InvalidArgument, message));
    }
    // SAFETY: ended by NUL if it is not NULL, passed on to the caller.
    let language = unsafe { optional_text(given.language, "options.language") }?;
    // SAFETY: live if it is not NULL, passed on to the caller.
    let cancel = unsafe { given.cancel.as_ref() }.map(|c| Arc::clone(&c.token));
    Ok(PipelineOptions {
        language: language.map(str::to_owned),
        aligned_from: if given.aligned_from == 0.0 { ALIGNED_FROM } else { f64::from(given.aligned_from) },
        timeout: (given.timeout_ms > 0).then(|| Duration::from_millis(given.timeout_ms.into())),
        cancel,
    })
}
