//! `tl_engine`: packs made ready to run.

use std::ffi::{CString, c_char};
use std::sync::Arc;

use trueline_core::engine::{Config, Engine};
use trueline_core::model::backend::Kind;
use trueline_core::model::pack::Pack;
use trueline_core::{Code, Error};

use crate::boundary::{boundary, value};
use crate::pack::tl_pack;
use crate::pointer::{Out, Sized32, optional_text, required, sized, span};
use crate::status::tl_status;

/// A compiled plan where the whole graph has one, else tract.
pub const TL_BACKEND_DEFAULT: u32 = 0;
/// tract: any ONNX file, in pure Rust.
pub const TL_BACKEND_TRACT: u32 = 1;
/// ONNX Runtime, loaded at run time; only in builds with the feature `ort`.
pub const TL_BACKEND_ORT: u32 = 2;
/// A compiled plan, and no other: a graph that has none is refused, with the operator that stands in the way.
pub const TL_BACKEND_PLAN: u32 = 3;

/// How an engine is built. In every field 0 or NULL is the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tl_engine_config {
    /// Set by TL_ENGINE_CONFIG_INIT; lets old programs meet new libraries.
    pub struct_size: u32,
    /// TL_BACKEND_DEFAULT, ...
    pub backend: u32,
    /// Instruction set by name ("avx2", "scalar"); NULL: the environment variable TRUELINE_ISA, else the CPU's best.
    pub isa: *const c_char,
    /// Path of libonnxruntime for TL_BACKEND_ORT; NULL: the environment variable TRUELINE_ORT_LIBRARY.
    pub ort_library: *const c_char,
    /// Threads that share one model run, the caller's among them; 0 and 1: the caller's alone. More are started with
    /// the engine, sleep between runs, and end with it.
    pub threads: u32,
    /// Must be 0.
    pub reserved: u32,
    /// The name of the pack, one of the engine's, that looks first for its other classifiers (a cascade): what it clears, the
    /// larger model does not see. NULL: none does.
    pub first_look: *const c_char,
}

// SAFETY: `repr(C)`, `struct_size` first, integers and pointers only.
unsafe impl Sized32 for tl_engine_config {
    const NAME: &'static str = "tl_engine_config";
    const INIT: &'static str = "TL_ENGINE_CONFIG_INIT";
    const ZERO: Self = Self {
        struct_size: 0,
        backend: 0,
        isa: std::ptr::null(),
        ort_library: std::ptr::null(),
        threads: 0,
        reserved: 0,
        first_look: std::ptr::null(),
    };
}

/// Packs made ready to run. Immutable; share it freely between threads.
pub struct tl_engine {
    pub(crate) engine: Arc<Engine>,
    isa: CString,
}

impl tl_engine {
    pub(crate) fn new(engine: Engine) -> Self {
        let isa = CString::new(engine.isa().name()).unwrap_or_default();
        Self { engine: Arc::new(engine), isa }
    }
}

/// Makes packs ready to run: parses and optimises each model and runs it once.
///
/// @param config      may be NULL: every default.
/// @param packs       `n_packs` packs; they may be destroyed as soon as this returns.
/// @param out_engine  gets the engine; end it with tl_engine_destroy. NULL on failure.
/// @return TL_OK; TL_ERR_INVALID_MODEL, TL_ERR_MODEL_MISMATCH or TL_ERR_INVALID_TOKENIZER for a pack;
///         TL_ERR_UNAVAILABLE for a backend, an instruction set or a pack that looks first that is not there;
///         TL_ERR_STRUCT_SIZE; TL_ERR_INVALID_ARGUMENT, also for a pack that looks first for another model than this one.
///
/// # Safety
/// `config` is NULL or a struct of the size it states; `n_packs` pointers lie at `packs`, each NULL or a live pack;
/// `out_engine` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_engine_create(
    config: *const tl_engine_config,
    packs: *const *const tl_pack,
    n_packs: usize,
    out_engine: *mut *mut tl_engine,
) -> tl_status {
    boundary(|| {
        // SAFETY: writable if it is not NULL, by this function's contract.
        let mut out = unsafe { Out::new(out_engine, "out_engine") }?;
        out.set(std::ptr::null_mut());
        // SAFETY: of the size it states if it is not NULL, by this function's contract.
        let given = unsafe { sized(config) }?;
        // SAFETY: `n_packs` pointers lie there, by this function's contract.
        let packs = unsafe { span(packs, n_packs, "packs") }?;
        let mut live: Vec<&Pack> = Vec::with_capacity(packs.len());
        for (i, &pack) in packs.iter().enumerate() {
            // SAFETY: live if it is not NULL, by this function's contract.
            live.push(&unsafe { required(pack, &format!("packs[{i}]")) }?.pack);
        }
        let backend = match given.backend {
            TL_BACKEND_DEFAULT => Kind::Default,
            TL_BACKEND_TRACT => Kind::Tract,
            TL_BACKEND_ORT => Kind::Ort,
            TL_BACKEND_PLAN => Kind::Plan,
            other => {
                return Err(Error::new(
                    Code::InvalidArgument,
                    format!("backend is {other}; it lies between {TL_BACKEND_DEFAULT} and {TL_BACKEND_PLAN}"),
                ));
            }
        };
        // SAFETY: NULL or ended by NUL, as the header asks of the struct's strings.
        let isa = unsafe { optional_text(given.isa, "config.isa") }?;
        // SAFETY: as above.
        let ort_library = unsafe { optional_text(given.ort_library, "config.ort_library") }?;
        // SAFETY: as above.
        let first_look = unsafe { optional_text(given.first_look, "config.first_look") }?;
        if given.reserved != 0 {
            let message = format!("config.reserved is {}; it must be 0", given.reserved);
            return Err(Error::new(Code::InvalidArgument, message));
        }
        let config = Config {
            backend,
            isa: isa.map(str::to_owned),
            ort_library: ort_library.map(str::to_owned),
            threads: usize::try_from(given.threads).unwrap_or(usize::MAX),
            first_look: first_look.map(str::to_owned),
        };
        out.set(Box::into_raw(Box::new(tl_engine::new(Engine::new(&config, &live)?))));
        Ok(())
    })
}

/// The instruction set that the engine's kernels use: "avx512vnni". Never NULL ("" for a NULL engine); lives as long
/// as the engine.
///
/// # Safety
/// `engine` is NULL or from `tl_engine_create` and not destroyed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_engine_isa(engine: *const tl_engine) -> *const c_char {
    // SAFETY: live if it is not NULL, by this function's contract.
    unsafe { engine.as_ref() }.map_or(c"".as_ptr(), |e| e.isa.as_ptr())
}

/// Ends an engine; NULL is fine. Sessions made from it keep what they need.
///
/// # Safety
/// `engine` is NULL or from `tl_engine_create`, and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_engine_destroy(engine: *mut tl_engine) {
    value((), || {
        if !engine.is_null() {
            // SAFETY: made by `Box::into_raw` in `tl_engine_create` and given back once, by this function's contract.
            drop(unsafe { Box::from_raw(engine) });
        }
    });
}
