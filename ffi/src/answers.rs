//! Two answers cut into as many segments each, so that a judge can compare them piece by piece.

use std::ffi::c_void;
use std::ops::Range;

use trueline_core::scoring::align::segments::{by_length, by_meaning, overlap};
use trueline_core::{Code, Error};

use crate::boundary::boundary;
use crate::pointer::{Out, put, span, text};
use crate::session::tl_text;
use crate::status::tl_status;

/// How alike two segments are: sentences `a_start` up to, not including, `a_end` of the first answer, and of the second. The
/// pointer is that given to tl_split_answers. It must not throw or long-jump.
pub type tl_segment_similarity = Option<
    unsafe extern "C" fn(
        a_start: usize,
        a_end: usize,
        b_start: usize,
        b_end: usize,
        user: *mut c_void,
    ) -> f64,
>;

/// Cuts one answer at the sentence ends that come nearest to equal numbers of characters (PORTIA).
///
/// @param lengths     characters of each of `n` sentences.
/// @param n_segments  from 1 to `n`.
/// @param out_cuts    gets `n_segments` - 1 numbers: how many sentences lie before each cut; untouched after a failure.
/// @return TL_OK; TL_ERR_INVALID_ARGUMENT for another number of segments; TL_ERR_NULL_ARGUMENT.
///
/// # Safety
/// `n` numbers lie at `lengths`; there is room for `n_segments - 1` at `out_cuts`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_split_by_length(
    lengths: *const usize,
    n: usize,
    n_segments: usize,
    out_cuts: *mut usize,
) -> tl_status {
    boundary(|| {
        // SAFETY: that many numbers lie there, by this function's contract.
        let lengths = unsafe { span(lengths, n, "lengths") }?;
        if lengths.iter().try_fold(0_usize, |sum, length| sum.checked_add(*length)).is_none() {
            return Err(Error::new(Code::InvalidArgument, "lengths sum up beyond any memory"));
        }
        let cuts = by_length(lengths, n_segments)?;
        // SAFETY: room for that many, by this function's contract.
        unsafe { put(out_cuts, &cuts, "out_cuts") }
    })
}

/// Cuts two answers into as many segments each, so that the segments are as alike as can be, in turn (PORTIA).
///
/// @param a               `n_a` sentences of the first answer.
/// @param b               `n_b` sentences of the second.
/// @param n_segments      from 1 to the smaller number of sentences.
/// @param similarity      NULL: the share of distinct words, split at white space, that two segments have in common.
/// @param user            handed to `similarity` as it is.
/// @param out_cuts_a      gets `n_segments` - 1 numbers: how many sentences lie before each cut; untouched after a failure.
/// @param out_cuts_b      likewise.
/// @param out_similarity  gets the sum over the segments; may be NULL.
/// @return TL_OK; TL_ERR_INVALID_ARGUMENT for another number of segments, or a similarity that is not finite; TL_ERR_UTF8;
///         TL_ERR_NULL_ARGUMENT. O(n_a² n_b²) similarities.
///
/// # Safety
/// As many structs as stated lie at `a` and `b`, with each text's bytes where it says; `similarity` is NULL or may be called with
/// `user`; there is room for `n_segments - 1` numbers at both lists; `out_similarity` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_split_answers(
    a: *const tl_text,
    n_a: usize,
    b: *const tl_text,
    n_b: usize,
    n_segments: usize,
    similarity: tl_segment_similarity,
    user: *mut c_void,
    out_cuts_a: *mut usize,
    out_cuts_b: *mut usize,
    out_similarity: *mut f64,
) -> tl_status {
    boundary(|| {
        let read = |given: *const tl_text, n: usize, name: &str| -> Result<Vec<&str>, Error> {
            // SAFETY: as many structs as stated lie there, by this function's contract.
            let given = unsafe { span(given, n, name) }?;
            let one = |(i, t): (usize, &tl_text)| {
                // SAFETY: as many bytes as stated lie there, by this function's contract.
                unsafe { text(t.data, t.size, &format!("{name}[{i}].data")) }
            };
            given.iter().enumerate().map(one).collect()
        };
        let (a, b) = (read(a, n_a, "a")?, read(b, n_b, "b")?);
        let alike = |i: Range<usize>, j: Range<usize>| match similarity {
            // SAFETY: may be called with `user`, by this function's contract.
            Some(similarity) => unsafe { similarity(i.start, i.end, j.start, j.end, user) },
            None => overlap(&a[i], &b[j]),
        };
        let (cuts_a, cuts_b, sum) = by_meaning(n_a, n_b, n_segments, alike)?;
        // SAFETY: room for that many, by this function's contract.
        unsafe { put(out_cuts_a, &cuts_a, "out_cuts_a") }?;
        // SAFETY: as above.
        unsafe { put(out_cuts_b, &cuts_b, "out_cuts_b") }?;
        // SAFETY: writable if it is not NULL, by this function's contract.
        if let Ok(mut out) = unsafe { Out::new(out_similarity, "out_similarity") } {
            out.set(sum);
        }
        Ok(())
    })
}
