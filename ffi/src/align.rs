//! Calls that align: words and sentences by a pack, links from the caller's own numbers.

use std::ffi::c_char;
use std::sync::Arc;
use std::time::Duration;

use trueline_core::engine::align::{Method, Side, WordOptions, links_of, links_of_rows};
use trueline_core::kernels::Isa;
use trueline_core::model::control::Control;
use trueline_core::scoring::align::{Matrix, similarity, vecalign};
use trueline_core::{Code, Error};

use crate::alignment::{tl_alignment, tl_link};
use crate::boundary::boundary;
use crate::cancel::tl_cancel;
use crate::pointer::{Sized32, required, required_mut, sized, span, text};
use crate::session::{tl_session, tl_text};
use crate::status::tl_status;

/// Best for each other: the most precise, and the default.
pub const TL_ALIGN_ARGMAX: u32 = 0;
/// The same again among what is left: more links.
pub const TL_ALIGN_ITERMAX: u32 = 1;
/// One partner each, of the greatest sum: the most links.
pub const TL_ALIGN_MATCH: u32 = 2;
/// The best target of each source.
pub const TL_ALIGN_FORWARD: u32 = 3;
/// The best source of each target.
pub const TL_ALIGN_REVERSE: u32 = 4;
/// Probable both ways, by softmax.
pub const TL_ALIGN_SOFTMAX: u32 = 5;
/// Probable both ways, by 1.5-entmax.
pub const TL_ALIGN_ENTMAX: u32 = 6;

/// Match words by the means of their pieces, not pieces.
pub const TL_ALIGN_WHOLE_WORDS: u32 = 1;

/// How an alignment is made. In every field 0 or NULL is the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tl_align_options {
    /// Set by TL_ALIGN_OPTIONS_INIT; lets old programs meet new libraries.
    pub struct_size: u32,
    /// TL_ALIGN_ARGMAX, ...
    pub method: u32,
    /// TL_ALIGN_WHOLE_WORDS, or 0.
    pub flags: u32,
    /// The call fails with TL_ERR_DEADLINE_EXCEEDED if it takes longer; 0: no limit.
    pub timeout_ms: u32,
    /// In favour of the diagonal, from 0 (not at all) to 1; not used by TL_ALIGN_SOFTMAX and TL_ALIGN_ENTMAX.
    pub distortion: f32,
    /// The most sentences that belong together, both sides counted, from 2 to 16; 0: 4. For sentences.
    pub largest_bead: u32,
    /// The call fails with TL_ERR_CANCELLED once this is set; may be NULL.
    pub cancel: *const tl_cancel,
}

// SAFETY: `repr(C)`, `struct_size` first, integers, floats and pointers only.
unsafe impl Sized32 for tl_align_options {
    const NAME: &'static str = "tl_align_options";
    const INIT: &'static str = "TL_ALIGN_OPTIONS_INIT";
    const ZERO: Self = Self {
        struct_size: 0,
        method: 0,
        flags: 0,
        timeout_ms: 0,
        distortion: 0.0,
        largest_bead: 0,
        cancel: std::ptr::null(),
    };
}

/// Aligns the words of two sentences, which are split by Unicode's rules; where a script has no spaces, by the pack's
/// vocabulary.
///
/// @param session    of an aligner pack.
/// @param options    may be NULL: every default.
/// @param source     UTF-8, `source_size` bytes; may be NULL if that is 0. No word is no error: there is no link.
/// @param target     likewise.
/// @param alignment  from tl_alignment_create; what it held is replaced. Empty after a failure.
/// @return TL_OK; TL_ERR_UTF8 or TL_ERR_TOO_LARGE for the text; TL_ERR_UNAVAILABLE if the pack is no aligner;
///         TL_ERR_DEADLINE_EXCEEDED; TL_ERR_CANCELLED; TL_ERR_BROKEN; TL_ERR_STRUCT_SIZE; TL_ERR_INVALID_ARGUMENT;
///         TL_ERR_NULL_ARGUMENT. A model run for each side and window.
///
/// # Safety
/// `session` and `alignment` are NULL or live, and no other thread uses `alignment`; `options` is NULL or a struct of the size
/// it states; as many bytes as stated lie at `source` and `target`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_session_align_words(
    session: *mut tl_session,
    options: *const tl_align_options,
    source: *const c_char,
    source_size: usize,
    target: *const c_char,
    target_size: usize,
    alignment: *mut tl_alignment,
) -> tl_status {
    boundary(|| {
        // SAFETY: as this function's contract has it.
        let (session, options, alignment) = unsafe { begin(session, options, alignment) }?;
        // SAFETY: as many bytes as stated lie there, by this function's contract.
        let source = unsafe { text(source, source_size, "source") }?;
        // SAFETY: as above.
        let target = unsafe { text(target, target_size, "target") }?;
        let (source, target) = (Side::Text(source), Side::Text(target));
        let found = session.lock()?.align_words(source, target, &options.words)?;
        alignment.set_words(&found);
        Ok(())
    })
}

/// Aligns words as the caller has them. The word ranges of the alignment are those of each word alone: 0 to its size.
///
/// @param source  `n_source` words; may be NULL if that is 0.
/// @param target  likewise.
/// @return as tl_session_align_words.
///
/// # Safety
/// As `tl_session_align_words`, with as many structs as stated at `source` and `target` and each word's bytes where it says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_session_align_word_lists(
    session: *mut tl_session,
    options: *const tl_align_options,
    source: *const tl_text,
    n_source: usize,
    target: *const tl_text,
    n_target: usize,
    alignment: *mut tl_alignment,
) -> tl_status {
    boundary(|| {
        // SAFETY: as this function's contract has it.
        let (session, options, alignment) = unsafe { begin(session, options, alignment) }?;
        // SAFETY: as many structs as stated lie there, by this function's contract.
        let source = unsafe { texts(source, n_source, "source") }?;
        // SAFETY: as above.
        let target = unsafe { texts(target, n_target, "target") }?;
        let (source, target) = (Side::Words(&source), Side::Words(&target));
        let found = session.lock()?.align_words(source, target, &options.words)?;
        alignment.set_words(&found);
        Ok(())
    })
}

/// Aligns the sentences of two documents, in order. The alignment then holds beads, which cover all sentences of both sides.
///
/// @param options  `largest_bead`, `timeout_ms` and `cancel` are used; may be NULL: every default.
/// @param source   `n_source` sentences; may be NULL if that is 0.
/// @param target   likewise.
/// @return as tl_session_align_words. `largest_bead - 1` model runs a sentence; the search is linear in the sentences.
///
/// # Safety
/// As `tl_session_align_word_lists`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_session_align_sentences(
    session: *mut tl_session,
    options: *const tl_align_options,
    source: *const tl_text,
    n_source: usize,
    target: *const tl_text,
    n_target: usize,
    alignment: *mut tl_alignment,
) -> tl_status {
    boundary(|| {
        // SAFETY: as this function's contract has it.
        let (session, options, alignment) = unsafe { begin(session, options, alignment) }?;
        // SAFETY: as many structs as stated lie there, by this function's contract.
        let source = unsafe { texts(source, n_source, "source") }?;
        // SAFETY: as above.
        let target = unsafe { texts(target, n_target, "target") }?;
        let control = Control::new(options.words.timeout, options.words.cancel.clone());
        let found = session.lock()?.align_sentences(&source, &target, options.sentences, &control)?;
        alignment.set_beads(&found);
        Ok(())
    })
}

/// Reads links from the caller's own matrix; needs no pack.
///
/// @param options     `method` and `distortion` are used; may be NULL: every default.
/// @param similarity  `n_source` x `n_target`, row-major: (cos + 1) / 2, or raw scores for TL_ALIGN_SOFTMAX (linked where both
///                    probabilities exceed 0.001) and TL_ALIGN_ENTMAX; may be NULL if it has no entry.
/// @param alignment   from tl_alignment_create; what it held is replaced. Empty after a failure. It has no word ranges.
/// @return TL_OK; TL_ERR_INVALID_ARGUMENT for an entry that is not finite, or a shape that no memory can hold;
///         TL_ERR_STRUCT_SIZE; TL_ERR_NULL_ARGUMENT.
///
/// # Safety
/// `options` is NULL or a struct of the size it states; `n_source * n_target` numbers lie at `similarity`; `alignment` is NULL
/// or live, and no other thread uses it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_align_matrix(
    options: *const tl_align_options,
    similarity: *const f64,
    n_source: usize,
    n_target: usize,
    alignment: *mut tl_alignment,
) -> tl_status {
    boundary(|| {
        // SAFETY: live and exclusive if it is not NULL, by this function's contract.
        let alignment = unsafe { required_mut(alignment, "alignment") }?;
        alignment.clear();
        // SAFETY: of the size it states if it is not NULL, by this function's contract.
        let options = unsafe { read_options(options) }?.words;
        let n = n_source.checked_mul(n_target).ok_or_else(|| {
            let message = format!("a matrix of {n_source} x {n_target} fits no memory");
            Error::new(Code::InvalidArgument, message)
        })?;
        // SAFETY: that many numbers lie there, by this function's contract.
        let given = unsafe { span(similarity, n, "similarity") }?;
        let mut links = Vec::new();
        let is_raw = matches!(options.method, Method::Softmax | Method::Entmax);
        if options.distortion == 0.0 || is_raw {
            links_of(Matrix::new(given, n_source, n_target)?, &options, &mut alignment.scratch, &mut links)?;
        } else {
            let mut bent = given.to_vec();
            similarity::distort(&mut bent, n_source, n_target, options.distortion)?;
            links_of(Matrix::new(&bent, n_source, n_target)?, &options, &mut alignment.scratch, &mut links)?;
        }
        alignment.links.extend(links.iter().map(|l| tl_link {
            source: l.source,
            target: l.target,
            score: given[l.source * n_target + l.target] as f32,
        }));
        Ok(())
    })
}

/// Reads links from the caller's own vectors; needs no pack.
///
/// @param options    `method` and `distortion` are used; may be NULL: every default.
/// @param source     `n_source` x `dim`, row-major; may be NULL if it has no number.
/// @param target     `n_target` x `dim`, row-major.
/// @param alignment  from tl_alignment_create; what it held is replaced. Empty after a failure. It has no word ranges.
/// @return TL_OK; TL_ERR_INVALID_ARGUMENT for a number that is not finite, `dim` 0, or a shape that no memory can hold;
///         TL_ERR_TOO_LARGE for more than 67,108,864 pairs, but for TL_ALIGN_ARGMAX without distortion; TL_ERR_STRUCT_SIZE; TL_ERR_NULL_ARGUMENT. In SIMD, with the same links on every CPU.
///
/// # Safety
/// `options` is NULL or a struct of the size it states; as many numbers as stated lie at `source` and `target`; `alignment` is
/// NULL or live, and no other thread uses it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_align_vectors(
    options: *const tl_align_options,
    source: *const f32,
    n_source: usize,
    target: *const f32,
    n_target: usize,
    dim: usize,
    alignment: *mut tl_alignment,
) -> tl_status {
    boundary(|| {
        // SAFETY: live and exclusive if it is not NULL, by this function's contract.
        let alignment = unsafe { required_mut(alignment, "alignment") }?;
        alignment.clear();
        // SAFETY: of the size it states if it is not NULL, by this function's contract.
        let options = unsafe { read_options(options) }?.words;
        let count = |n: usize| {
            n.checked_mul(dim).ok_or_else(|| {
                Error::new(Code::InvalidArgument, format!("{n} vectors of {dim} numbers fit no memory"))
            })
        };
        // SAFETY: that many numbers lie there, by this function's contract.
        let source = unsafe { span(source, count(n_source)?, "source") }?;
        // SAFETY: as above.
        let target = unsafe { span(target, count(n_target)?, "target") }?;
        let tl_alignment { links, scratch, found, .. } = alignment;
        links_of_rows(Isa::best(), [source, target], dim, &options, scratch, found)?;
        links.extend(found.iter().map(|l| tl_link {
            source: l.link.source,
            target: l.link.target,
            score: l.score as f32,
        }));
        Ok(())
    })
}

/// # Safety
/// `n` structs lie at `pointer`, and each one's bytes where it says, unchanged for `'a`; or it is NULL.
unsafe fn texts<'a>(pointer: *const tl_text, n: usize, name: &str) -> Result<Vec<&'a str>, Error> {
    // SAFETY: passed on to the caller.
    let given = unsafe { span(pointer, n, name) }?;
    let one = |(i, t): (usize, &tl_text)| {
        // SAFETY: passed on to the caller.
        unsafe { text(t.data, t.size, &format!("{name}[{i}].data")) }
    };
    given.iter().enumerate().map(one).collect()
}

/// What every call with a session takes; the alignment is emptied first.
///
/// # Safety
/// `session` and `alignment` are NULL or live for `'a`, `alignment` exclusively; `options` as [`read_options`] has it.
unsafe fn begin<'a>(
    session: *const tl_session,
    options: *const tl_align_options,
    alignment: *mut tl_alignment,
) -> Result<(&'a tl_session, Options, &'a mut tl_alignment), Error> {
    // SAFETY: live and exclusive if it is not NULL, passed on to the caller.
    let alignment = unsafe { required_mut(alignment, "alignment") }?;
    alignment.clear();
    // SAFETY: live if it is not NULL, passed on to the caller.
    let session = unsafe { required(session, "session") }?;
    // SAFETY: passed on to the caller.
    let options = unsafe { read_options(options) }?;
    Ok((session, options, alignment))
}

struct Options {
    words: WordOptions,
    sentences: vecalign::Options,
}

/// # Safety
/// As [`sized`]; its `cancel` is NULL or live.
unsafe fn read_options(options: *const tl_align_options) -> Result<Options, Error> {
    // SAFETY: passed on to the caller.
    let given = unsafe { sized(options) }?;
    let invalid = |message: String| Error::new(Code::InvalidArgument, message);
    let method = Method::ALL.get(given.method as usize).copied().ok_or_else(|| {
        let most = Method::ALL.len() - 1;
        invalid(format!("method is {}; it lies between {TL_ALIGN_ARGMAX} and {most}", given.method))
    })?;
    if given.flags & !TL_ALIGN_WHOLE_WORDS != 0 {
        let known = format!("TL_ALIGN_WHOLE_WORDS ({TL_ALIGN_WHOLE_WORDS:#x})");
        return Err(invalid(format!("flags is {:#x}; only {known} is known", given.flags)));
    }
    if !(0.0..=1.0).contains(&given.distortion) {
        return Err(invalid(format!("distortion is {}; it lies in [0, 1]", given.distortion)));
    }
    let mut sentences = vecalign::Options::default();
    match given.largest_bead {
        0 => {}
        n @ 2..=16 => sentences.largest_bead = n as usize,
        n => return Err(invalid(format!("largest_bead is {n}; it lies in 2..=16"))),
    }
    // SAFETY: live if it is not NULL, passed on to the caller.
    let cancel = unsafe { given.cancel.as_ref() }.map(|c| Arc::clone(&c.token));
    let words = WordOptions {
        method,
        distortion: given.distortion.into(),
        whole_words: given.flags & TL_ALIGN_WHOLE_WORDS != 0,
        timeout: (given.timeout_ms > 0).then(|| Duration::from_millis(given.timeout_ms.into())),
        cancel,
        ..WordOptions::default()
    };
    Ok(Options { words, sentences })
}

const _: () = {
    assert!(TL_ALIGN_ARGMAX == Method::Argmax as u32 && TL_ALIGN_ITERMAX == Method::Itermax as u32);
    assert!(TL_ALIGN_MATCH == Method::Match as u32 && TL_ALIGN_FORWARD == Method::Forward as u32);
    assert!(TL_ALIGN_REVERSE == Method::Reverse as u32 && TL_ALIGN_SOFTMAX == Method::Softmax as u32);
    assert!(TL_ALIGN_ENTMAX == Method::Entmax as u32 && Method::ALL.len() == 7);
};
