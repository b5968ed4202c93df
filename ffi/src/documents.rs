//! Documents paired from the vectors of their sentences.

use trueline_core::scoring::align::Matrix;
use trueline_core::scoring::align::documents::pairs_of_cosines;
use trueline_core::{Code, Error};

use crate::alignment::{tl_alignment, tl_link};
use crate::boundary::boundary;
use crate::mining::cosines;
use crate::pointer::{required_mut, span};
use crate::status::tl_status;

/// Pairs documents by the share of their sentences that are translations of each other (the Document Alignment Coefficient),
/// each document at most once.
///
/// @param source           vectors of all sentences of the first language, `dim` numbers each, document after document.
/// @param source_counts    the sentences of each of `n_source_docs` documents; they say how many vectors there are.
/// @param target           likewise of the second language.
/// @param neighbours       how many nearest sentences a sentence stands out from; 0: 4.
/// @param alignment        from tl_alignment_create; what it held is replaced. Empty after a failure. It gets a link for each
///                         pair of documents, with its coefficient, from 0 to 1, as the score; the best first.
/// @return TL_OK; TL_ERR_INVALID_ARGUMENT for a number that is not finite, `dim` 0, or more sentences than memory can hold;
///         TL_ERR_TOO_LARGE for more than 67,108,864 pairs of sentences; TL_ERR_NULL_ARGUMENT. 8 bytes a pair of sentences.
///
/// # Safety
/// As many numbers as stated lie at the four arrays; `alignment` is NULL or live, and no other thread uses it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_align_document_vectors(
    source: *const f32,
    source_counts: *const usize,
    n_source_docs: usize,
    target: *const f32,
    target_counts: *const usize,
    n_target_docs: usize,
    dim: usize,
    neighbours: u32,
    alignment: *mut tl_alignment,
) -> tl_status {
    boundary(|| {
        // SAFETY: live and exclusive if it is not NULL, by this function's contract.
        let alignment = unsafe { required_mut(alignment, "alignment") }?;
        alignment.clear();
        // SAFETY: that many numbers lie there, by this function's contract.
        let of_source = unsafe { span(source_counts, n_source_docs, "source_counts") }?;
        // SAFETY: as above.
        let of_target = unsafe { span(target_counts, n_target_docs, "target_counts") }?;
        let sum = |name: &str, counts: &[usize]| {
            let sum = counts.iter().try_fold(0_usize, |sum, count| sum.checked_add(*count));
            sum.ok_or_else(|| Error::new(Code::InvalidArgument, format!("{name} sum up beyond any memory")))
        };
        let (n, m) = (sum("source_counts", of_source)?, sum("target_counts", of_target)?);
        // SAFETY: as this function's contract has it.
        let cosines = unsafe { cosines([source, target], [n, m], dim) }?;
        let k = if neighbours == 0 { 4 } else { neighbours as usize };
        let pairs = pairs_of_cosines(Matrix::new(&cosines, n, m)?, of_source, of_target, k)?;
        alignment.links.extend(pairs.iter().map(|p| tl_link {
            source: p.source,
            target: p.target,
            score: p.score as f32,
        }));
        Ok(())
    })
}
