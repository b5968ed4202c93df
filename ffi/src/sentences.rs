//! Sentences of two documents aligned in order, from the caller's own vectors.

use trueline_core::scoring::align::bertalign::{self, bertalign};
use trueline_core::scoring::align::overlaps::{Bead, Overlaps};
use trueline_core::scoring::align::vecalign::{self, vecalign};
use trueline_core::{Code, Error};

use crate::alignment::{tl_alignment, tl_bead};
use crate::boundary::boundary;
use crate::pointer::{Sized32, cells, required_mut, sized, span};
use crate::status::tl_status;

/// By the costs of vectors, coarse to fine: linear in time and memory; the default.
pub const TL_BEADS_VECALIGN: u32 = 0;
/// By nearest neighbours, then by similarities less those around; lengths count, too. Vectors are of length 1.
pub const TL_BEADS_BERTALIGN: u32 = 1;

/// TL_BEADS_BERTALIGN does not take off the similarity to the sentences around.
pub const TL_BEADS_NO_MARGIN: u32 = 1;

/// How sentences are aligned. In every field 0 is the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tl_bead_options {
    /// Set by TL_BEAD_OPTIONS_INIT; lets old programs meet new libraries.
    pub struct_size: u32,
    /// TL_BEADS_VECALIGN or TL_BEADS_BERTALIGN.
    pub method: u32,
    /// TL_BEADS_NO_MARGIN, or 0.
    pub flags: u32,
    /// The most sentences that belong together, both sides counted, at most one more than there are layers; 0: 4, Bertalign 5,
    /// or fewer if there are fewer layers.
    pub largest_bead: u32,
    /// Bertalign: nearest targets that the first pass looks at; 0: 3.
    pub neighbours: u32,
    /// Bertalign: how far the second pass looks beside what the first found; 0: 5.
    pub window: u32,
    /// Vecalign: where in the distribution of costs the price of leaving a sentence out lies, in (0, 1]; 0: 0.2. Bertalign:
    /// what leaving one out gains; 0: -0.1.
    pub skip: f64,
}

// SAFETY: `repr(C)`, `struct_size` first, integers and floats only.
unsafe impl Sized32 for tl_bead_options {
    const NAME: &'static str = "tl_bead_options";
    const INIT: &'static str = "TL_BEAD_OPTIONS_INIT";
    const ZERO: Self =
        Self { struct_size: 0, method: 0, flags: 0, largest_bead: 0, neighbours: 0, window: 0, skip: 0.0 };
}

/// Aligns the sentences of two documents, in order, by the vectors of sentences and of the runs of sentences that end at each.
/// The alignment then holds beads, which cover all sentences of both sides; a score is Vecalign's cost for each pair of
/// sentences (the less, the better), or Bertalign's gain.
///
/// @param options       may be NULL: every default.
/// @param source        `n_layer` x `n_source` x `dim`: in layer k the vector of the k + 1 sentences that end at each one; the
///                      first k rows of layer k are not used, but are finite. May be NULL if it has no number.
/// @param target        `n_layer` x `n_target` x `dim`.
/// @param source_bytes  Bertalign: the bytes of each of those runs, `n_layer` x `n_source`; NULL: lengths do not count.
/// @param target_bytes  likewise; NULL if and only if `source_bytes` is.
/// @param alignment     from tl_alignment_create; what it held is replaced. Empty after a failure.
/// @return TL_OK; TL_ERR_INVALID_ARGUMENT for a number that is not finite or out of its range, `dim` or `n_layer` 0, or a shape
///         that no memory can hold; TL_ERR_STRUCT_SIZE; TL_ERR_NULL_ARGUMENT. A copy or two of the vectors is made.
///
/// # Safety
/// `options` is NULL or a struct of the size it states; as many numbers as stated lie at `source`, `target` and, unless they are
/// NULL, at the lengths; `alignment` is NULL or live, and no other thread uses it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_align_sentence_vectors(
    options: *const tl_bead_options,
    source: *const f32,
    n_source: usize,
    target: *const f32,
    n_target: usize,
    n_layer: usize,
    dim: usize,
    source_bytes: *const usize,
    target_bytes: *const usize,
    alignment: *mut tl_alignment,
) -> tl_status {
    boundary(|| {
        // SAFETY: live and exclusive if it is not NULL, by this function's contract.
        let alignment = unsafe { required_mut(alignment, "alignment") }?;
        alignment.clear();
        // SAFETY: of the size it states if it is not NULL, by this function's contract.
        let options = unsafe { sized(options) }?;
        if options.flags & !TL_BEADS_NO_MARGIN != 0 {
            let known = format!("TL_BEADS_NO_MARGIN ({TL_BEADS_NO_MARGIN:#x})");
            return Err(invalid(format!("flags is {:#x}; only {known} is known", options.flags)));
        }
        let side = |given: *const f32, n: usize, name: &str| -> Result<Overlaps, Error> {
            let count = cells(name, cells(name, n_layer, n)?, dim)?;
            // SAFETY: that many numbers lie there, by this function's contract.
            Overlaps::new(unsafe { span(given, count, name) }?.to_vec(), n_layer, n, dim)
        };
        let (source, target) = (side(source, n_source, "source")?, side(target, n_target, "target")?);
        let largest = |default: usize| match options.largest_bead {
            0 => default.min(n_layer + 1),
            given => given as usize,
        };
        let beads = match options.method {
            TL_BEADS_VECALIGN => {
                let mut by = vecalign::Options::default();
                by.largest_bead = largest(by.largest_bead);
                if options.skip != 0.0 {
                    by.skip_quantile = options.skip;
                }
                vecalign(&source, &target, None, by)?.beads
            }
            TL_BEADS_BERTALIGN => {
                let lengths = |given: *const usize, n: usize, name: &str| -> Result<Vec<usize>, Error> {
                    if source_bytes.is_null() && target_bytes.is_null() {
                        return Ok(vec![0; n_layer * n]);
                    }
                    // SAFETY: that many numbers lie there, by this function's contract.
                    Ok(unsafe { span(given, n_layer * n, name) }?.to_vec())
                };
                let of_source = lengths(source_bytes, n_source, "source_bytes")?;
                let of_target = lengths(target_bytes, n_target, "target_bytes")?;
                let or = |given: u32, default: usize| if given == 0 { default } else { given as usize };
                let by = bertalign::Options::default();
                let by = bertalign::Options {
                    largest_bead: largest(by.largest_bead),
                    neighbours: or(options.neighbours, by.neighbours),
                    window: or(options.window, by.window),
                    skip: if options.skip == 0.0 { by.skip } else { options.skip },
                    margin: options.flags & TL_BEADS_NO_MARGIN == 0,
                    length_penalty: !source_bytes.is_null(),
                };
                bertalign(&source, &target, [&of_source, &of_target], by)?.beads
            }
            other => {
                return Err(invalid(format!(
                    "method is {other}; it lies between 0 and {TL_BEADS_BERTALIGN}"
                )));
            }
        };
        let bead = |b: &Bead| tl_bead {
            source_start: b.source.start,
            source_end: b.source.end,
            target_start: b.target.start,
            target_end: b.target.end,
            score: b.score as f32,
        };
        alignment.beads.extend(beads.iter().map(bead));
        Ok(())
    })
}

fn invalid(message: String) -> Error {
    Error::new(Code::InvalidArgument, message)
}
