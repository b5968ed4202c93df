//! `tl_alignment`: which words or sentences of two languages belong together.

use trueline_core::engine::align::{Scratch, SentencePair, WordAlignment, WordLink};
use trueline_core::scoring::align::fused::ScoredLink;

use crate::boundary::boundary;
use crate::exclusive::destroy;
use crate::pointer::Out;
use crate::status::tl_status;

/// Two words that belong together.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tl_link {
    /// Position of the source word, from 0.
    pub source: usize,
    /// Position of the target word, from 0.
    pub target: usize,
    /// (cos + 1) / 2 of the pieces that are most alike; of a matrix, its entry; otherwise what the call says.
    pub score: f32,
}

/// Bytes of a text, `start` up to, not including, `end`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tl_range {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// Sentences that belong together, each side's from its start up to, not including, its end; an empty side was added or left
/// out.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tl_bead {
    /// First source sentence.
    pub source_start: usize,
    /// One past the last.
    pub source_end: usize,
    /// First target sentence.
    pub target_start: usize,
    /// One past the last.
    pub target_end: usize,
    /// Cosine of the two sides, 0 for an empty side; from the caller's vectors, what the method makes of them.
    pub score: f32,
}

/// Links between words, or pairs of sentences. Empty after a failure.
pub struct tl_alignment {
    pub(crate) links: Vec<tl_link>,
    words: [Vec<tl_range>; 2],
    pub(crate) beads: Vec<tl_bead>,
    pub(crate) scratch: Scratch,
    pub(crate) found: Vec<ScoredLink>,
}

impl tl_alignment {
    pub(crate) fn clear(&mut self) {
        self.links.clear();
        self.words.iter_mut().for_each(Vec::clear);
        self.beads.clear();
    }

    pub(crate) fn set_words(&mut self, found: &WordAlignment) {
        let link = |l: &WordLink| tl_link { source: l.link.source, target: l.link.target, score: l.score };
        self.links.extend(found.links.iter().map(link));
        for (out, words) in self.words.iter_mut().zip([&found.source, &found.target]) {
            out.extend(words.iter().map(|w| tl_range { start: w.start, end: w.end }));
        }
    }

    pub(crate) fn set_beads(&mut self, found: &[SentencePair]) {
        self.beads.extend(found.iter().map(|p| tl_bead {
            source_start: p.source.start,
            source_end: p.source.end,
            target_start: p.target.start,
            target_end: p.target.end,
            score: p.score,
        }));
    }
}

/// Makes an empty alignment, to be used by any number of calls, one after the other.
///
/// @param out_alignment  gets the alignment; end it with tl_alignment_destroy. NULL on failure.
/// @return TL_OK; TL_ERR_NULL_ARGUMENT.
///
/// # Safety
/// `out_alignment` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_alignment_create(out_alignment: *mut *mut tl_alignment) -> tl_status {
    boundary(|| {
        // SAFETY: writable if it is not NULL, by this function's contract.
        let mut out = unsafe { Out::new(out_alignment, "out_alignment") }?;
        let (links, words, beads, scratch, found) = Default::default();
        out.set(Box::into_raw(Box::new(tl_alignment { links, words, beads, scratch, found })));
        Ok(())
    })
}

/// The links between words, sorted by source, then target.
///
/// @param out_count  gets their number; 0 for NULL.
/// @return that many links, or NULL if there is none; they live until the alignment is used again or destroyed.
///
/// # Safety
/// `alignment` is NULL or live; `out_count` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_alignment_links(
    alignment: *const tl_alignment,
    out_count: *mut usize,
) -> *const tl_link {
    // SAFETY: passed on from this function's contract.
    unsafe { list(alignment, out_count, |a| &a.links) }
}

/// The source words: bytes of the source text.
///
/// @param out_count  gets their number; 0 for NULL.
/// @return as tl_alignment_links.
///
/// # Safety
/// As `tl_alignment_links`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_alignment_source_words(
    alignment: *const tl_alignment,
    out_count: *mut usize,
) -> *const tl_range {
    // SAFETY: passed on from this function's contract.
    unsafe { list(alignment, out_count, |a| &a.words[0]) }
}

/// The target words: bytes of the target text.
///
/// @param out_count  gets their number; 0 for NULL.
/// @return as tl_alignment_links.
///
/// # Safety
/// As `tl_alignment_links`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_alignment_target_words(
    alignment: *const tl_alignment,
    out_count: *mut usize,
) -> *const tl_range {
    // SAFETY: passed on from this function's contract.
    unsafe { list(alignment, out_count, |a| &a.words[1]) }
}

/// The pairs of sentences, in order.
///
/// @param out_count  gets their number; 0 for NULL.
/// @return as tl_alignment_links.
///
/// # Safety
/// As `tl_alignment_links`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_alignment_beads(
    alignment: *const tl_alignment,
    out_count: *mut usize,
) -> *const tl_bead {
    // SAFETY: passed on from this function's contract.
    unsafe { list(alignment, out_count, |a| &a.beads) }
}

/// Ends an alignment; NULL is fine.
///
/// # Safety
/// `alignment` is NULL or from `tl_alignment_create`, and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_alignment_destroy(alignment: *mut tl_alignment) {
    // SAFETY: this function's contract.
    unsafe { destroy(alignment) };
}

/// # Safety
/// `alignment` is NULL or live for `'a`; `out_count` is NULL or writable.
unsafe fn list<'a, T: 'a>(
    alignment: *const tl_alignment,
    out_count: *mut usize,
    of: impl FnOnce(&'a tl_alignment) -> &'a Vec<T>,
) -> *const T {
    // SAFETY: live if it is not NULL, passed on to the caller.
    let found = unsafe { alignment.as_ref() }.map(of).filter(|list| !list.is_empty());
    // SAFETY: writable if it is not NULL, passed on to the caller.
    if let Ok(mut out) = unsafe { Out::new(out_count, "out_count") } {
        out.set(found.map_or(0, Vec::len));
    }
    found.map_or(std::ptr::null(), |list| list.as_ptr())
}
