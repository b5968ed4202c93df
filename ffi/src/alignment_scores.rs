//! How good links are, against gold links.

use std::collections::BTreeSet;

use trueline_core::Error;
use trueline_core::scoring::align::Link;
use trueline_core::scoring::align::metrics::{Spoken, corpus, time_weighted, with_null};
use trueline_core::scoring::align::pharaoh::Links;

use crate::alignment::tl_link;
use crate::boundary::boundary;
use crate::pointer::{Out, span};
use crate::status::tl_status;

/// One sentence pair: links that were found, and gold links. Scores of links are not read.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tl_scored_pair {
    /// `n_hypothesis` links; may be NULL if that is 0.
    pub hypothesis: *const tl_link,
    /// How many were found.
    pub n_hypothesis: usize,
    /// Gold links beyond doubt.
    pub sure: *const tl_link,
    /// How many.
    pub n_sure: usize,
    /// The other gold links; sure ones may be among them.
    pub possible: *const tl_link,
    /// How many.
    pub n_possible: usize,
    /// Seconds of each source word, for tl_links_score_timed only.
    pub source_seconds: *const f64,
    /// Seconds of each target word, likewise; NULL for text, each word of which weighs 1.
    pub target_seconds: *const f64,
    /// Words of the source; tl_links_score does not ask.
    pub n_source: usize,
    /// Words of the target; likewise.
    pub n_target: usize,
}

/// Scores of a corpus, micro-averaged. A is what was found, S what is sure, P what is possible or sure.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tl_link_scores {
    /// |A and P| / |A|.
    pub precision: f64,
    /// |A and S| / |S|.
    pub recall: f64,
    /// The harmonic mean of both.
    pub f1: f64,
    /// Alignment error rate: 1 - (|A and S| + |A and P|) / (|A| + |S|).
    pub aer: f64,
}

/// Means over sentence pairs.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tl_link_shares {
    /// Of what was found, what is right.
    pub precision: f64,
    /// Of what is right, what was found.
    pub recall: f64,
    /// The harmonic mean of both means.
    pub f1: f64,
    /// Pairs in which all is right.
    pub exact_match: f64,
}

/// What nobody should read as good.
const WORST: tl_link_scores = tl_link_scores { precision: 0.0, recall: 0.0, f1: 0.0, aer: 1.0 };
const NOTHING: tl_link_shares = tl_link_shares { precision: 0.0, recall: 0.0, f1: 0.0, exact_match: 0.0 };

/// Precision, recall, F1 and alignment error rate of a corpus.
///
/// @param pairs       `n_pairs` sentence pairs; may be NULL if that is 0.
/// @param out_scores  gets the scores; after a failure, as if no link were right.
/// @return TL_OK; TL_ERR_INVALID_ARGUMENT if there are links but no sure ones; TL_ERR_NULL_ARGUMENT.
///
/// # Safety
/// As many structs as stated lie at `pairs`, with as much behind their pointers as they state; `out_scores` is NULL or
/// writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_links_score(
    pairs: *const tl_scored_pair,
    n_pairs: usize,
    out_scores: *mut tl_link_scores,
) -> tl_status {
    boundary(|| {
        // SAFETY: writable if it is not NULL, by this function's contract.
        let mut out = unsafe { Out::new(out_scores, "out_scores") }?;
        out.set(WORST);
        // SAFETY: as this function's contract has it.
        let pairs = unsafe { read(pairs, n_pairs) }?;
        let hypotheses: Vec<BTreeSet<Link>> =
            pairs.iter().map(|p| p.hypothesis.iter().copied().collect()).collect();
        let gold: Vec<Links> = pairs.into_iter().map(|p| p.gold).collect();
        out.set(scores(corpus(&hypotheses, &gold)?));
        Ok(())
    })
}

/// The same of speech, each link weighing the seconds of its words (SAER, TW-SAER).
///
/// @param pairs       as tl_links_score, with `source_seconds` and both numbers of words.
/// @param out_scores  gets the scores; after a failure, as if no link were right.
/// @return TL_OK; TL_ERR_INVALID_ARGUMENT for seconds that are negative or not finite, a link given twice or beyond the words,
///         and if what was found, or what is sure, weighs nothing in all; TL_ERR_NULL_ARGUMENT.
///
/// # Safety
/// As `tl_links_score`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_links_score_timed(
    pairs: *const tl_scored_pair,
    n_pairs: usize,
    out_scores: *mut tl_link_scores,
) -> tl_status {
    boundary(|| {
        // SAFETY: writable if it is not NULL, by this function's contract.
        let mut out = unsafe { Out::new(out_scores, "out_scores") }?;
        out.set(WORST);
        // SAFETY: as this function's contract has it.
        let given = unsafe { read(pairs, n_pairs) }?;
        // SAFETY: that many structs lie there, by this function's contract.
        let raw = unsafe { span(pairs, n_pairs, "pairs") }?;
        let mut spoken = Vec::with_capacity(n_pairs);
        for (number, (pair, raw)) in given.iter().zip(raw).enumerate() {
            let name = |field: &str| format!("pairs[{number}].{field}");
            // SAFETY: as many numbers as stated lie there, by this function's contract.
            let source_seconds = unsafe { span(raw.source_seconds, raw.n_source, &name("source_seconds")) }?;
            let target_seconds = if raw.target_seconds.is_null() {
                None
            } else {
                // SAFETY: as above.
                Some(unsafe { span(raw.target_seconds, raw.n_target, &name("target_seconds")) }?)
            };
            spoken.push(Spoken {
                hypothesis: &pair.hypothesis,
                gold: &pair.gold,
                source_seconds,
                target_seconds,
            });
        }
        out.set(scores(time_weighted(&spoken)?));
        Ok(())
    })
}

/// Scores that count words without a link, too (OTAlign): means over sentence pairs. Sure and possible links count alike.
///
/// @param pairs      as tl_links_score, with both numbers of words; at least one.
/// @param out_links  gets the shares of links; may be NULL.
/// @param out_null   gets those of words without a link; may be NULL.
/// @param out_total  gets those of both; may be NULL.
/// @return TL_OK; TL_ERR_INVALID_ARGUMENT for no pair, or a link beyond the words; TL_ERR_NULL_ARGUMENT. All shares are 0
///         after a failure.
///
/// # Safety
/// As `tl_links_score`; the three are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_links_score_with_null(
    pairs: *const tl_scored_pair,
    n_pairs: usize,
    out_links: *mut tl_link_shares,
    out_null: *mut tl_link_shares,
    out_total: *mut tl_link_shares,
) -> tl_status {
    boundary(|| {
        let set = |values: [tl_link_shares; 3]| {
            for (out, value) in [out_links, out_null, out_total].into_iter().zip(values) {
                // SAFETY: writable if it is not NULL, by this function's contract.
                if let Ok(mut out) = unsafe { Out::new(out, "out") } {
                    out.set(value);
                }
            }
        };
        set([NOTHING; 3]);
        // SAFETY: as this function's contract has it.
        let given = unsafe { read(pairs, n_pairs) }?;
        // SAFETY: that many structs lie there, by this function's contract.
        let raw = unsafe { span(pairs, n_pairs, "pairs") }?;
        let lengths: Vec<[usize; 2]> = raw.iter().map(|p| [p.n_source, p.n_target]).collect();
        let hypotheses: Vec<BTreeSet<Link>> =
            given.iter().map(|p| p.hypothesis.iter().copied().collect()).collect();
        let gold: Vec<Links> = given.into_iter().map(|p| p.gold).collect();
        let found = with_null(&hypotheses, &gold, &lengths)?;
        set([found.links, found.null, found.total].map(|s| tl_link_shares {
            precision: s.precision,
            recall: s.recall,
            f1: s.f1,
            exact_match: s.exact_match,
        }));
        Ok(())
    })
}

struct Pair {
    hypothesis: Vec<Link>,
    gold: Links,
}

/// # Safety
/// As many structs as stated lie at `pairs`, with as much behind their pointers as they state.
unsafe fn read(pairs: *const tl_scored_pair, n: usize) -> Result<Vec<Pair>, Error> {
    // SAFETY: passed on to the caller.
    let pairs = unsafe { span(pairs, n, "pairs") }?;
    let links = |pointer: *const tl_link, n: usize, name: String| -> Result<Vec<Link>, Error> {
        // SAFETY: passed on to the caller.
        let given = unsafe { span(pointer, n, &name) }?;
        Ok(given.iter().map(|l| Link::new(l.source, l.target)).collect())
    };
    let one = |(number, p): (usize, &tl_scored_pair)| {
        let name = |field: &str| format!("pairs[{number}].{field}");
        let hypothesis = links(p.hypothesis, p.n_hypothesis, name("hypothesis"))?;
        let mut gold = Links::default();
        for link in links(p.possible, p.n_possible, name("possible"))? {
            gold.insert(link, false);
        }
        for link in links(p.sure, p.n_sure, name("sure"))? {
            gold.insert(link, true);
        }
        Ok(Pair { hypothesis, gold })
    };
    pairs.iter().enumerate().map(one).collect()
}

fn scores(s: trueline_core::scoring::align::metrics::Scores) -> tl_link_scores {
    tl_link_scores { precision: s.precision, recall: s.recall, f1: s.f1, aer: s.aer }
}
