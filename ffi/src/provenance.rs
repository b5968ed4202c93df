//! `tl_deny` and `tl_provenance`: texts that must not be copied, and tokens that would.

use std::ffi::c_char;
use std::path::Path;
use std::sync::Arc;

use trueline_core::engine::deny::{self, Bounds, DenyIndex};
use trueline_core::engine::provenance::{self, Provenance};
use trueline_core::{Code, Error};

use crate::boundary::boundary;
use crate::exclusive::{Exclusive, destroy};
use crate::pointer::{Out, Sized32, optional_text, required, room, sized, span, text};
use crate::session::tl_text;
use crate::status::tl_status;
use crate::watermark::tl_vocabulary;

/// A deny corpus: documents, indexed by every run of words. Immutable; share it freely between threads.
pub struct tl_deny {
    index: Arc<DenyIndex>,
}

/// Maps the index that `trueline deny` writes, the same as a policy's.
///
/// @param path      UTF-8, ended by NUL.
/// @param out_deny  gets the index; end it with tl_deny_destroy. NULL on failure.
/// @return TL_OK; TL_ERR_IO; TL_ERR_HASH_MISMATCH if it was changed; TL_ERR_INVALID_ARGUMENT or TL_ERR_TOO_LARGE if it is none;
///         TL_ERR_NULL_ARGUMENT; TL_ERR_UTF8. Linear in the file.
///
/// # Safety
/// `path` is NULL or ends in NUL; `out_deny` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_deny_open(path: *const c_char, out_deny: *mut *mut tl_deny) -> tl_status {
    boundary(|| {
        // SAFETY: writable if it is not NULL, by this function's contract.
        let mut out = unsafe { Out::new(out_deny, "out_deny") }?;
        out.set(std::ptr::null_mut());
        // SAFETY: ended by NUL if it is not NULL, by this function's contract.
        let path = unsafe { optional_text(path, "path") }?;
        let path = path.ok_or_else(|| Error::new(Code::NullArgument, "path is NULL"))?;
        let index = Arc::new(DenyIndex::open(Path::new(path))?);
        out.set(Box::into_raw(Box::new(tl_deny { index })));
        Ok(())
    })
}

/// Indexes documents in memory.
///
/// @param documents  `n` texts; one without a word is left out.
/// @param out_deny   gets the index; end it with tl_deny_destroy. NULL on failure.
/// @return TL_OK; TL_ERR_EMPTY_TEXT if no document has a word; TL_ERR_TOO_LARGE for more than 2^26; TL_ERR_UTF8;
///         TL_ERR_NULL_ARGUMENT. A sort of all suffixes.
///
/// # Safety
/// `n` structs lie at `documents`, and each one's bytes where it says; `out_deny` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_deny_create(
    documents: *const tl_text,
    n: usize,
    out_deny: *mut *mut tl_deny,
) -> tl_status {
    boundary(|| {
        // SAFETY: writable if it is not NULL, by this function's contract.
        let mut out = unsafe { Out::new(out_deny, "out_deny") }?;
        out.set(std::ptr::null_mut());
        // SAFETY: passed on to the caller.
        let documents = unsafe { texts(documents, n, "documents") }?;
        let bytes = deny::index(documents.into_iter())?;
        let index = Arc::new(DenyIndex::from_bytes(&bytes)?);
        out.set(Box::into_raw(Box::new(tl_deny { index })));
        Ok(())
    })
}

/// Ends an index; NULL is fine. What was made from it keeps what it needs.
///
/// # Safety
/// `deny` is NULL or from `tl_deny_open` or `tl_deny_create`, and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_deny_destroy(deny: *mut tl_deny) {
    // SAFETY: this function's contract.
    unsafe { destroy(deny) };
}

/// When a run of words is a copy. In every field 0 is the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tl_deny_options {
    /// Set by TL_DENY_OPTIONS_INIT; lets old programs meet new libraries.
    pub struct_size: u32,
    /// Of so many words at least; 0: 4.
    pub min_words: u32,
    /// Above this surprise of all its words together, in nats, by the corpus's own counts; 0: 20.
    pub tau: f32,
    /// 0: what would copy is masked. Above 0: so much is taken from its logit, which divides its odds by `e^penalty`.
    pub penalty: f32,
}

// SAFETY: `repr(C)`, `struct_size` first, integers and floats only.
unsafe impl Sized32 for tl_deny_options {
    const NAME: &'static str = "tl_deny_options";
    const INIT: &'static str = "TL_DENY_OPTIONS_INIT";
    const ZERO: Self = Self { struct_size: 0, min_words: 0, tau: 0.0, penalty: 0.0 };
}

/// # Safety
/// As [`sized`].
unsafe fn read(options: *const tl_deny_options) -> Result<(Bounds, Option<f32>), Error> {
    // SAFETY: passed on to the caller.
    let given = unsafe { sized(options) }?;
    if !(given.penalty.is_finite() && given.penalty >= 0.0) {
        let message = format!("penalty is {}; it is a finite number of 0 or more", given.penalty);
        return Err(Error::new(Code::InvalidArgument, message));
    }
    let bounds = Bounds {
        tau: if given.tau == 0.0 { 20.0 } else { f64::from(given.tau) },
        min_words: if given.min_words == 0 { 4 } else { given.min_words as usize },
    };
    Ok((bounds, (given.penalty > 0.0).then_some(given.penalty)))
}

/// Ranks texts, beams for example, by score, without those that copy the corpus. If all do, the one that copies least is left.
///
/// @param options         may be NULL: every default; `penalty` is not used.
/// @param texts           `n` texts, at least one.
/// @param scores          `n` scores.
/// @param order           gets the places of those that stay, the best score first: room for `n`.
/// @param out_kept        gets how many stay; 0 on failure.
/// @param out_all_copied  gets 1 if all copied, so that you may refuse, else 0; may be NULL.
/// @return TL_OK; TL_ERR_NO_CANDIDATE without a text; TL_ERR_INVALID_ARGUMENT for a score that is NaN, and for the options;
///         TL_ERR_UTF8; TL_ERR_STRUCT_SIZE; TL_ERR_NULL_ARGUMENT. A search of the index for each word.
///
/// # Safety
/// `deny` is NULL or live; `options` is NULL or a struct of the size it states; `n` structs lie at `texts`, each one's bytes where it
/// says, and `n` numbers at `scores`; there is room for `n` places at `order`; the others are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_deny_rank(
    deny: *const tl_deny,
    options: *const tl_deny_options,
    texts: *const tl_text,
    scores: *const f64,
    n: usize,
    order: *mut usize,
    out_kept: *mut usize,
    out_all_copied: *mut i32,
) -> tl_status {
    boundary(|| {
        // SAFETY: writable if it is not NULL, by this function's contract.
        let mut out = unsafe { Out::new(out_kept, "out_kept") }?;
        out.set(0);
        // SAFETY: live if it is not NULL, by this function's contract.
        let deny = unsafe { required(deny, "deny") }?;
        // SAFETY: of the size it states if it is not NULL, by this function's contract.
        let (bounds, _) = unsafe { read(options) }?;
        // SAFETY: passed on to the caller.
        let texts = unsafe { self::texts(texts, n, "texts") }?;
        // SAFETY: `n` numbers lie there, by this function's contract.
        let scores = unsafe { span(scores, n, "scores") }?;
        // SAFETY: room for `n` places, by this function's contract.
        let order = unsafe { room(order, n, "order") }?;
        let found = provenance::rank(&deny.index, bounds, &texts, scores)?;
        order[..found.order.len()].copy_from_slice(&found.order);
        out.set(found.order.len());
        // SAFETY: writable if it is not NULL, by this function's contract.
        if let Ok(mut out) = unsafe { Out::new(out_all_copied, "out_all_copied") } {
            out.set(i32::from(found.all_vetoed));
        }
        Ok(())
    })
}

/// # Safety
/// `n` structs lie at `given`, and each one's bytes where it says, for `'a`.
unsafe fn texts<'a>(given: *const tl_text, n: usize, name: &str) -> Result<Vec<&'a str>, Error> {
    let mut texts = Vec::with_capacity(n.min(1 << 20));
    // SAFETY: `n` structs lie there, the caller's duty.
    for (i, one) in unsafe { span(given, n, name) }?.iter().enumerate() {
        // SAFETY: `size` bytes lie at `data`, the caller's duty.
        texts.push(unsafe { text(one.data, one.size, &format!("{name}[{i}].data")) }?);
    }
    Ok(texts)
}

/// Prov-Decode: a text that is written past a deny corpus, whose next tokens are judged by what they would copy.
pub struct tl_provenance {
    inner: Exclusive<Writing>,
}

struct Writing {
    provenance: Provenance,
    penalty: Option<f32>,
    risks: Vec<f64>,
}

/// Starts an empty text. One thread uses it at a time.
///
/// @param options         may be NULL: every default.
/// @param vocabulary      the bytes of your model's tokens.
/// @param out_provenance  gets it; end it with tl_provenance_destroy. NULL on failure.
/// @return TL_OK; TL_ERR_INVALID_ARGUMENT for the options; TL_ERR_STRUCT_SIZE; TL_ERR_NULL_ARGUMENT.
///
/// # Safety
/// `deny` and `vocabulary` are NULL or live; `options` is NULL or a struct of the size it states; `out_provenance` is NULL or
/// writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_provenance_create(
    deny: *const tl_deny,
    options: *const tl_deny_options,
    vocabulary: *const tl_vocabulary,
    out_provenance: *mut *mut tl_provenance,
) -> tl_status {
    boundary(|| {
        // SAFETY: writable if it is not NULL, by this function's contract.
        let mut out = unsafe { Out::new(out_provenance, "out_provenance") }?;
        out.set(std::ptr::null_mut());
        // SAFETY: live if it is not NULL, by this function's contract.
        let index = Arc::clone(&unsafe { required(deny, "deny") }?.index);
        // SAFETY: of the size it states if it is not NULL, by this function's contract.
        let (bounds, penalty) = unsafe { read(options) }?;
        // SAFETY: live if it is not NULL, by this function's contract.
        let vocabulary = unsafe { required(vocabulary, "vocabulary") }?.shared();
        let provenance = Provenance::new(index, vocabulary, bounds)?;
        let inner = Exclusive::new(Writing { provenance, penalty, risks: Vec::new() });
        out.set(Box::into_raw(Box::new(tl_provenance { inner })));
        Ok(())
    })
}

/// Starts anew after a text: a prompt, whose words count as written, or nothing.
///
/// @param bytes  UTF-8, `size` bytes; may be NULL if `size` is 0.
/// @return TL_OK; TL_ERR_UTF8; TL_ERR_TOO_LARGE; TL_ERR_BROKEN; TL_ERR_NULL_ARGUMENT.
///
/// # Safety
/// `provenance` is NULL or live; `size` bytes lie at `bytes`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_provenance_start(
    provenance: *mut tl_provenance,
    bytes: *const c_char,
    size: usize,
) -> tl_status {
    boundary(|| {
        // SAFETY: live if it is not NULL, by this function's contract.
        let mut inner = unsafe { required(provenance, "provenance") }?.inner.lock("provenance")?;
        // SAFETY: `size` bytes lie there, by this function's contract.
        inner.provenance.start(unsafe { text(bytes, size, "bytes") }?)
    })
}

/// Masks the candidates that would copy the corpus, as if the text ended after them, or takes the penalty from their logits.
/// Tokens that are not among the candidates are left as they are: draw from the candidates alone.
///
/// @param tokens      `n` candidates, of tl_sampler_candidates for example.
/// @param logits      `n_vocab` logits, changed in place.
/// @param out_vetoed  gets how many candidates would copy; may be NULL. If it is `n`, none is left.
/// @return TL_OK; TL_ERR_INVALID_ARGUMENT for a candidate beyond the vocabulary, and another vocabulary; TL_ERR_BROKEN;
///         TL_ERR_NULL_ARGUMENT. A search of the index for each word of each candidate; no heap call after the first, but for
///         words with letters beyond ASCII.
///
/// # Safety
/// `provenance` is NULL or live; `n` ids lie at `tokens`, and `n_vocab` numbers that nothing else uses at `logits`; `out_vetoed` is
/// NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_provenance_veto(
    provenance: *mut tl_provenance,
    tokens: *const u32,
    n: usize,
    logits: *mut f32,
    n_vocab: usize,
    out_vetoed: *mut usize,
) -> tl_status {
    boundary(|| {
        // SAFETY: live if it is not NULL, by this function's contract.
        let mut inner = unsafe { required(provenance, "provenance") }?.inner.lock("provenance")?;
        // SAFETY: `n` ids lie there, by this function's contract.
        let tokens = unsafe { span(tokens, n, "tokens") }?;
        // SAFETY: `n_vocab` numbers that nothing else uses lie there, by this function's contract.
        let logits = unsafe { room(logits, n_vocab, "logits") }?;
        let Writing { provenance, penalty, risks } = &mut *inner;
        let vetoed = provenance.veto(tokens, *penalty, risks, logits)?;
        // SAFETY: writable if it is not NULL, by this function's contract.
        if let Ok(mut out) = unsafe { Out::new(out_vetoed, "out_vetoed") } {
            out.set(vetoed);
        }
        Ok(())
    })
}

/// Takes the token that was picked.
///
/// @return TL_OK; TL_ERR_INVALID_ARGUMENT for a token beyond the vocabulary; TL_ERR_BROKEN; TL_ERR_NULL_ARGUMENT.
///
/// # Safety
/// `provenance` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_provenance_advance(provenance: *mut tl_provenance, token: u32) -> tl_status {
    boundary(|| {
        // SAFETY: live if it is not NULL, by this function's contract.
        unsafe { required(provenance, "provenance") }?.inner.lock("provenance")?.provenance.advance(token)
    })
}

/// Ends it; NULL is fine.
///
/// # Safety
/// `provenance` is NULL or from `tl_provenance_create`, and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_provenance_destroy(provenance: *mut tl_provenance) {
    // SAFETY: this function's contract.
    unsafe { destroy(provenance) };
}
