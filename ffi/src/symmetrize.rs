//! One set of links from two.

use trueline_core::scoring::align::Link;
use trueline_core::scoring::align::symmetrize::{Last, Method, Program, symmetrize};
use trueline_core::scoring::order;
use trueline_core::{Code, Error};

use crate::alignment::{tl_alignment, tl_link};
use crate::boundary::boundary;
use crate::pointer::{required_mut, span};
use crate::status::tl_status;

/// From links in both sets to their neighbours, also across corners, then links of which neither word has one; the usual
/// choice.
pub const TL_SYMMETRIZE_GROW_DIAG_FINAL_AND: u32 = 0;
/// Links in both.
pub const TL_SYMMETRIZE_INTERSECTION: u32 = 1;
/// Links in either.
pub const TL_SYMMETRIZE_UNION: u32 = 2;
/// From links in both to their neighbours.
pub const TL_SYMMETRIZE_GROW: u32 = 3;
/// That, then links of which a word has none.
pub const TL_SYMMETRIZE_GROW_FINAL: u32 = 4;
/// Neighbours, then links of which neither word has one.
pub const TL_SYMMETRIZE_GROW_FINAL_AND: u32 = 5;
/// From links in both to their neighbours, also across corners.
pub const TL_SYMMETRIZE_GROW_DIAG: u32 = 6;
/// That, then links of which a word has none.
pub const TL_SYMMETRIZE_GROW_DIAG_FINAL: u32 = 7;

/// In the order of Moses' and MGIZA's symal; the default.
pub const TL_ORDER_MOSES: u32 = 0;
/// In the order of fast_align's atools, which always looks across corners.
pub const TL_ORDER_FAST_ALIGN: u32 = 1;
/// In the order of the scripts that Mask-Align uses, which know TL_SYMMETRIZE_GROW_DIAG_FINAL_AND, intersection and union only.
pub const TL_ORDER_LILT: u32 = 2;

/// Joins the links of two directions. The programs that grow sets differ in the order in which links are tried, and so in what
/// they find.
///
/// @param method     TL_SYMMETRIZE_GROW_DIAG_FINAL_AND, ...
/// @param order      TL_ORDER_MOSES, ...
/// @param forward    `n_forward` links, in any order; may be NULL if that is 0.
/// @param reverse    `n_reverse` links, from source to target like the others.
/// @param n_source   words of the source.
/// @param n_target   words of the target.
/// @param alignment  from tl_alignment_create; what it held is replaced. Empty after a failure. The score of a link is the
///                   larger one of those that it was given with.
/// @return TL_OK; TL_ERR_INVALID_ARGUMENT for a link beyond the words, or a method that the order lacks;
///         TL_ERR_NULL_ARGUMENT.
///
/// # Safety
/// As many links as stated lie at `forward` and `reverse`, which are not those of `alignment`; it is NULL or live, and no other
/// thread uses it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_align_symmetrize(
    method: u32,
    order: u32,
    forward: *const tl_link,
    n_forward: usize,
    reverse: *const tl_link,
    n_reverse: usize,
    n_source: usize,
    n_target: usize,
    alignment: *mut tl_alignment,
) -> tl_status {
    boundary(|| {
        // SAFETY: that many links lie there, by this function's contract; copied before the alignment is touched.
        let forward = unsafe { span(forward, n_forward, "forward") }?.to_vec();
        // SAFETY: as above.
        let reverse = unsafe { span(reverse, n_reverse, "reverse") }?.to_vec();
        // SAFETY: live and exclusive if it is not NULL, by this function's contract.
        let alignment = unsafe { required_mut(alignment, "alignment") }?;
        alignment.clear();
        let grow = |diagonal: bool, last: Last| Method::Grow { diagonal, last };
        let method = match method {
            TL_SYMMETRIZE_GROW_DIAG_FINAL_AND => grow(true, Last::Both),
            TL_SYMMETRIZE_INTERSECTION => Method::Intersection,
            TL_SYMMETRIZE_UNION => Method::Union,
            TL_SYMMETRIZE_GROW => grow(false, Last::Nothing),
            TL_SYMMETRIZE_GROW_FINAL => grow(false, Last::Either),
            TL_SYMMETRIZE_GROW_FINAL_AND => grow(false, Last::Both),
            TL_SYMMETRIZE_GROW_DIAG => grow(true, Last::Nothing),
            TL_SYMMETRIZE_GROW_DIAG_FINAL => grow(true, Last::Either),
            other => return Err(beyond("method", other, TL_SYMMETRIZE_GROW_DIAG_FINAL)),
        };
        let program = match order {
            TL_ORDER_MOSES => Program::Moses,
            TL_ORDER_FAST_ALIGN => Program::FastAlign,
            TL_ORDER_LILT => Program::Lilt,
            other => return Err(beyond("order", other, TL_ORDER_LILT)),
        };
        let links = |given: &[tl_link]| -> Vec<Link> {
            given.iter().map(|l| Link::new(l.source, l.target)).collect()
        };
        let found = symmetrize(&links(&forward), &links(&reverse), [n_source, n_target], method, program)?;
        let mut given: Vec<tl_link> = forward.into_iter().chain(reverse).collect();
        order::sort(&mut given, |a, b| {
            (a.source, a.target).cmp(&(b.source, b.target)).then(b.score.total_cmp(&a.score))
        });
        alignment.set_links(&found, |l| {
            let at = given.partition_point(|g| (g.source, g.target) < (l.source, l.target));
            f64::from(given[at].score)
        });
        Ok(())
    })
}

fn beyond(name: &str, given: u32, most: u32) -> Error {
    Error::new(Code::InvalidArgument, format!("{name} is {given}; it lies between 0 and {most}"))
}
