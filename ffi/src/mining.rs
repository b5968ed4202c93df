//! Calls on the caller's own vectors: pairs of sentences mined, nearest words retrieved, one space turned onto the other.

use trueline_core::engine::align::cosines_of_rows;
use trueline_core::kernels::Isa;
use trueline_core::scoring::align::mining::{Margin, Mining, Pair};
use trueline_core::scoring::align::{Matrix, retrieval};
use trueline_core::scoring::order;
use trueline_core::{Code, Error};

use crate::alignment::{tl_alignment, tl_link};
use crate::boundary::boundary;
use crate::pointer::{Out, Sized32, cells, put, required_mut, sized, span};
use crate::status::tl_status;

/// The cosine over the mean cosine of both neighbourhoods; the default.
pub const TL_MARGIN_RATIO: u32 = 0;
/// The cosine less that mean.
pub const TL_MARGIN_DISTANCE: u32 = 1;
/// The cosine as it is.
pub const TL_MARGIN_ABSOLUTE: u32 = 2;

/// Pairs that are best for each other; the default.
pub const TL_MINE_MUTUAL: u32 = 0;
/// The best pairs of both directions by falling score, each sentence in one only.
pub const TL_MINE_GREEDY: u32 = 1;

/// How pairs are mined. In every field 0 is the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tl_mining_options {
    /// Set by TL_MINING_OPTIONS_INIT; lets old programs meet new libraries.
    pub struct_size: u32,
    /// TL_MARGIN_RATIO, ...
    pub margin: u32,
    /// TL_MINE_MUTUAL or TL_MINE_GREEDY.
    pub method: u32,
    /// How many nearest sentences are a neighbourhood; 0: 4.
    pub neighbours: u32,
    /// Pairs of this margin or less are left out; 0: none is.
    pub threshold: f64,
}

// SAFETY: `repr(C)`, `struct_size` first, integers and floats only.
unsafe impl Sized32 for tl_mining_options {
    const NAME: &'static str = "tl_mining_options";
    const INIT: &'static str = "TL_MINING_OPTIONS_INIT";
    const ZERO: Self = Self { struct_size: 0, margin: 0, method: 0, neighbours: 0, threshold: 0.0 };
}

/// Finds translations among unordered sentences, from the vectors of both sides (margin mining).
///
/// @param options    may be NULL: every default.
/// @param source     `n_source` x `dim`, row-major; may be NULL if it has no number.
/// @param target     `n_target` x `dim`.
/// @param alignment  from tl_alignment_create; what it held is replaced. Empty after a failure. It gets a link for each pair,
///                   with its margin as the score; by source.
/// @return TL_OK; TL_ERR_INVALID_ARGUMENT for a number that is not finite, or `dim` 0; TL_ERR_TOO_LARGE for more than
///         67,108,864 pairs; TL_ERR_STRUCT_SIZE; TL_ERR_NULL_ARGUMENT. 8 bytes a pair of sentences.
///
/// # Safety
/// `options` is NULL or a struct of the size it states; as many numbers as stated lie at `source` and `target`; `alignment` is
/// NULL or live, and no other thread uses it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_mine_vectors(
    options: *const tl_mining_options,
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
        let options = unsafe { sized(options) }?;
        let margin = match options.margin {
            TL_MARGIN_RATIO => Margin::Ratio,
            TL_MARGIN_DISTANCE => Margin::Distance,
            TL_MARGIN_ABSOLUTE => Margin::Absolute,
            other => return Err(beyond("margin", other, TL_MARGIN_ABSOLUTE)),
        };
        if options.method > TL_MINE_GREEDY {
            return Err(beyond("method", options.method, TL_MINE_GREEDY));
        }
        if !options.threshold.is_finite() {
            return Err(invalid(format!("threshold is {}; it is a finite number", options.threshold)));
        }
        // SAFETY: as this function's contract has it.
        let cosines = unsafe { cosines([source, target], [n_source, n_target], dim) }?;
        let neighbours = if options.neighbours == 0 { 4 } else { options.neighbours as usize };
        let mining = Mining::new(Matrix::new(&cosines, n_source, n_target)?, neighbours, margin)?;
        let mut pairs =
            if options.method == TL_MINE_GREEDY { mining.greedy() } else { mining.intersection() };
        pairs.retain(|pair| options.threshold == 0.0 || pair.score > options.threshold);
        order::sort(&mut pairs, |a, b| (a.source, a.target).cmp(&(b.source, b.target)));
        let link = |p: &Pair| tl_link { source: p.source, target: p.target, score: p.score as f32 };
        alignment.links.extend(pairs.iter().map(link));
        Ok(())
    })
}

/// The nearest target of every source vector, by cosines less those of the neighbourhoods, so that no target is near to
/// everything (CSLS).
///
/// @param source       `n_source` x `dim`, row-major; may be NULL if it has no number.
/// @param target       `n_target` x `dim`.
/// @param neighbours   how many are a neighbourhood; 0: 10.
/// @param out_nearest  gets `n_source` positions of targets, of equals the first; (size_t)-1 each where there is no target.
/// @param out_scores   gets `n_source` x `n_target` numbers, 2 cos less the mean cosines of both neighbourhoods; may be NULL.
/// @return as tl_mine_vectors. Both are untouched after a failure.
///
/// # Safety
/// As many numbers as stated lie at `source` and `target`; there is room for as many as stated at `out_nearest` and, unless it
/// is NULL, at `out_scores`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_retrieve_vectors(
    source: *const f32,
    n_source: usize,
    target: *const f32,
    n_target: usize,
    dim: usize,
    neighbours: u32,
    out_nearest: *mut usize,
    out_scores: *mut f64,
) -> tl_status {
    boundary(|| {
        // SAFETY: as this function's contract has it.
        let cosines = unsafe { cosines([source, target], [n_source, n_target], dim) }?;
        let k = if neighbours == 0 { 10 } else { neighbours as usize };
        let scores = retrieval::csls(Matrix::new(&cosines, n_source, n_target)?, k)?;
        let nearest = retrieval::nearest_targets(Matrix::new(&scores, n_source, n_target)?);
        let nearest: Vec<usize> = nearest.into_iter().map(|at| at.unwrap_or(usize::MAX)).collect();
        // SAFETY: room for that many, by this function's contract.
        unsafe { put(out_nearest, &nearest, "out_nearest") }?;
        if !out_scores.is_null() {
            // SAFETY: as above.
            unsafe { put(out_scores, &scores, "out_scores") }?;
        }
        Ok(())
    })
}

/// The orthogonal map that takes one set of vectors nearest to the other, pair by pair (Procrustes).
///
/// @param source        `n` x `dim`, row-major; may be NULL if it has no number.
/// @param target        `n` x `dim`.
/// @param out_map       gets `dim` x `dim` numbers: the row vector x becomes x map; untouched after a failure.
/// @param out_residual  gets the Frobenius norm of what is left between the mapped and the target vectors; may be NULL.
/// @return TL_OK; TL_ERR_INVALID_ARGUMENT for a number that is not finite, or `dim` 0; TL_ERR_NULL_ARGUMENT. O(dim³) for each
///         of some ten sweeps.
///
/// # Safety
/// As many numbers as stated lie at `source` and `target`; there is room for as many as stated at `out_map`; `out_residual` is
/// NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_procrustes(
    source: *const f64,
    target: *const f64,
    n: usize,
    dim: usize,
    out_map: *mut f64,
    out_residual: *mut f64,
) -> tl_status {
    boundary(|| {
        let count = cells("source", n, dim)?;
        cells("out_map", dim, dim)?;
        // SAFETY: that many numbers lie there, by this function's contract.
        let source = unsafe { span(source, count, "source") }?;
        // SAFETY: as above.
        let target = unsafe { span(target, count, "target") }?;
        let found = retrieval::procrustes(source, target, dim)?;
        // SAFETY: room for that many, by this function's contract.
        unsafe { put(out_map, &found.map, "out_map") }?;
        // SAFETY: writable if it is not NULL, by this function's contract.
        if let Ok(mut out) = unsafe { Out::new(out_residual, "out_residual") } {
            out.set(found.residual);
        }
        Ok(())
    })
}

/// The cosines of the rows of two sides.
///
/// # Safety
/// As many numbers as `counts` and `dim` say lie at both.
pub(crate) unsafe fn cosines(
    rows: [*const f32; 2],
    counts: [usize; 2],
    dim: usize,
) -> Result<Vec<f64>, Error> {
    let [source, target] = rows;
    // SAFETY: passed on to the caller.
    let source = unsafe { span(source, cells("source", counts[0], dim)?, "source") }?;
    // SAFETY: passed on to the caller.
    let target = unsafe { span(target, cells("target", counts[1], dim)?, "target") }?;
    cosines_of_rows(Isa::best(), [source, target], dim)
}

fn invalid(message: String) -> Error {
    Error::new(Code::InvalidArgument, message)
}

fn beyond(name: &str, given: u32, most: u32) -> Error {
    invalid(format!("{name} is {given}; it lies between 0 and {most}"))
}
