//! Calls that read links from the caller's own scores: plans, attention, losses, logits of classifiers.

use trueline_core::scoring::align::binary::{Combination, Runs, WordScore, binary_align};
use trueline_core::scoring::align::rules::{Rule, extract};
use trueline_core::scoring::align::self_label::SelfLabel;
use trueline_core::scoring::align::{Link, Matrix, mask};
use trueline_core::{Code, Error};

use crate::alignment::{tl_alignment, tl_link};
use crate::boundary::boundary;
use crate::pointer::{Sized32, cells, required_mut, sized, span};
use crate::status::tl_status;

/// Scores above `threshold`: for transport plans (1e-6 for exact ones) and agreements; the default.
pub const TL_EXTRACT_ABOVE: u32 = 0;
/// Scores of at least `threshold`.
pub const TL_EXTRACT_AT_LEAST: u32 = 1;
/// The best targets of each source, all that share the maximum.
pub const TL_EXTRACT_BEST: u32 = 2;
/// Scores of at least the share `threshold`, from 0 to 1, of the source's best.
pub const TL_EXTRACT_SHARE_OF_SOURCE: u32 = 3;
/// The same share of the target's best.
pub const TL_EXTRACT_SHARE_OF_TARGET: u32 = 4;
/// Best for each other after a few rounds of Sinkhorn on raw products (XLM-Align).
pub const TL_EXTRACT_SELF_LABEL: u32 = 5;

/// Products below 1e-6 count as that. For TL_EXTRACT_SELF_LABEL.
pub const TL_EXTRACT_CLAMP: u32 = 1;

/// How links are read from scores. In every field 0 is the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tl_extract_options {
    /// Set by TL_EXTRACT_OPTIONS_INIT; lets old programs meet new libraries.
    pub struct_size: u32,
    /// TL_EXTRACT_ABOVE, ...
    pub method: u32,
    /// TL_EXTRACT_CLAMP, or 0.
    pub flags: u32,
    /// Of TL_EXTRACT_SELF_LABEL; 0: 2.
    pub rounds: u32,
    /// See the method; it is what it says, also 0.
    pub threshold: f64,
}

// SAFETY: `repr(C)`, `struct_size` first, integers and floats only.
unsafe impl Sized32 for tl_extract_options {
    const NAME: &'static str = "tl_extract_options";
    const INIT: &'static str = "TL_EXTRACT_OPTIONS_INIT";
    const ZERO: Self = Self { struct_size: 0, method: 0, flags: 0, rounds: 0, threshold: 0.0 };
}

/// Reads links from scores of any kind: a transport plan, attention, losses with their sign turned. For similarities see
/// tl_align_matrix.
///
/// @param options    may be NULL: every score above 0.
/// @param scores     `n_source` x `n_target`, row-major; may be NULL if it has no entry.
/// @param alignment  from tl_alignment_create; what it held is replaced. Empty after a failure. The score of a link is its
///                   entry.
/// @return TL_OK; TL_ERR_INVALID_ARGUMENT for a number that is not finite or out of its range, or a shape that no memory can
///         hold; TL_ERR_STRUCT_SIZE; TL_ERR_NULL_ARGUMENT.
///
/// # Safety
/// `options` is NULL or a struct of the size it states; `n_source * n_target` numbers lie at `scores`; `alignment` is NULL or
/// live, and no other thread uses it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_align_extract(
    options: *const tl_extract_options,
    scores: *const f64,
    n_source: usize,
    n_target: usize,
    alignment: *mut tl_alignment,
) -> tl_status {
    boundary(|| {
        // SAFETY: live and exclusive if it is not NULL, by this function's contract.
        let alignment = unsafe { required_mut(alignment, "alignment") }?;
        alignment.clear();
        // SAFETY: of the size it states if it is not NULL, by this function's contract.
        let options = unsafe { sized(options) }?;
        // SAFETY: that many numbers lie there, by this function's contract.
        let given = unsafe { span(scores, cells("scores", n_source, n_target)?, "scores") }?;
        if options.flags & !TL_EXTRACT_CLAMP != 0 {
            let known = format!("TL_EXTRACT_CLAMP ({TL_EXTRACT_CLAMP:#x})");
            return Err(invalid(format!("flags is {:#x}; only {known} is known", options.flags)));
        }
        let (scores, threshold) = (Matrix::new(given, n_source, n_target)?, options.threshold);
        let mut links = Vec::new();
        match options.method {
            TL_EXTRACT_ABOVE => {
                if !threshold.is_finite() {
                    return Err(invalid(format!("threshold is {threshold}; it is a finite number")));
                }
                let above = given.iter().enumerate().filter(|(_, score)| **score > threshold);
                links.extend(above.map(|(at, _)| Link::new(at / n_target, at % n_target)));
            }
            TL_EXTRACT_AT_LEAST => extract(scores, Rule::AtLeast(threshold), &mut links)?,
            TL_EXTRACT_BEST => extract(scores, Rule::Best, &mut links)?,
            TL_EXTRACT_SHARE_OF_SOURCE => extract(scores, Rule::ShareOfSource(threshold), &mut links)?,
            TL_EXTRACT_SHARE_OF_TARGET => extract(scores, Rule::ShareOfTarget(threshold), &mut links)?,
            TL_EXTRACT_SELF_LABEL => {
                let rounds = if options.rounds == 0 { 2 } else { options.rounds as usize };
                let mut label = SelfLabel::default();
                label.assign(scores, rounds, options.flags & TL_EXTRACT_CLAMP != 0);
                label.links(&mut links);
            }
            method => {
                let (least, most) = (TL_EXTRACT_ABOVE, TL_EXTRACT_SELF_LABEL);
                return Err(invalid(format!("method is {method}; it lies between {least} and {most}")));
            }
        }
        alignment.set_links(&links, |l| given[l.source * n_target + l.target]);
        Ok(())
    })
}

/// Links where the weights of two translation models, one for each direction, agree (Mask-Align): the pairs of which
/// 2 f b / (f + b) exceeds a threshold.
///
/// @param forward    `n_source` x `n_target`, row-major; may be NULL if it has no entry.
/// @param backward   the same shape, from the model that ran the other way.
/// @param threshold  0.1 to 0.3 serve most models.
/// @param alignment  from tl_alignment_create; what it held is replaced. Empty after a failure. The score of a link is its
///                   agreement.
/// @return TL_OK; TL_ERR_INVALID_ARGUMENT for a number that is not finite, or a shape that no memory can hold;
///         TL_ERR_NULL_ARGUMENT.
///
/// # Safety
/// `n_source * n_target` numbers lie at `forward` and at `backward`; `alignment` is NULL or live, and no other thread uses it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_align_agreement(
    forward: *const f64,
    backward: *const f64,
    n_source: usize,
    n_target: usize,
    threshold: f64,
    alignment: *mut tl_alignment,
) -> tl_status {
    boundary(|| {
        // SAFETY: live and exclusive if it is not NULL, by this function's contract.
        let alignment = unsafe { required_mut(alignment, "alignment") }?;
        alignment.clear();
        let n = cells("forward", n_source, n_target)?;
        // SAFETY: that many numbers lie there, by this function's contract.
        let forward = unsafe { span(forward, n, "forward") }?;
        // SAFETY: as above.
        let backward = unsafe { span(backward, n, "backward") }?;
        if !threshold.is_finite() {
            return Err(invalid(format!("threshold is {threshold}; it is a finite number")));
        }
        let (forward, backward) =
            (Matrix::new(forward, n_source, n_target)?, Matrix::new(backward, n_source, n_target)?);
        let agreement = mask::agreement(forward, backward)?;
        // Where both are 0 it is NaN, which exceeds nothing.
        let above = agreement.iter().enumerate().filter(|(_, value)| **value > threshold);
        let links: Vec<Link> = above.map(|(at, _)| Link::new(at / n_target, at % n_target)).collect();
        alignment.set_links(&links, |l| agreement[l.source * n_target + l.target]);
        Ok(())
    })
}

/// The largest probability of a word's tokens; the default.
pub const TL_WORD_SCORE_MAX: u32 = 0;
/// Their mean.
pub const TL_WORD_SCORE_MEAN: u32 = 1;
/// The smallest.
pub const TL_WORD_SCORE_MIN: u32 = 2;
/// That of the first token.
pub const TL_WORD_SCORE_FIRST: u32 = 3;
/// That of the last.
pub const TL_WORD_SCORE_LAST: u32 = 4;

/// The mean of both directions exceeds the threshold; the default.
pub const TL_BOTH_AVERAGE: u32 = 0;
/// One of them does.
pub const TL_BOTH_UNION: u32 = 1;
/// Both do.
pub const TL_BOTH_INTERSECTION: u32 = 2;
/// The mean of those that do, the others counting as 0, does.
pub const TL_BOTH_AVERAGE_OF_LINKED: u32 = 3;

/// What a classifier of tokens said, run once for each word of one side with that word marked.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tl_token_runs {
    /// A row for each marked word, a logit in it for each token of the other side.
    pub logits: *const f64,
    /// The word of each token of the other side; a negative number for a token of no word.
    pub word_of: *const i32,
    /// Tokens of the other side.
    pub n_token: usize,
}

/// Links from a classifier that is run once for each word, in both directions (BinaryAlign). No score is given: 1 each.
///
/// @param forward      marks source words: `n_source` x `n_token` logits over target tokens.
/// @param reverse      marks target words: `n_target` x `n_token` logits over source tokens.
/// @param word_score   TL_WORD_SCORE_MAX, ...
/// @param combination  TL_BOTH_AVERAGE, ...
/// @param threshold    of probabilities; 0.5 is that of the authors.
/// @param alignment    from tl_alignment_create; what it held is replaced. Empty after a failure.
/// @return TL_OK; TL_ERR_INVALID_ARGUMENT for a number that is not finite, a word beyond its side, or a shape that no memory
///         can hold; TL_ERR_NULL_ARGUMENT.
///
/// # Safety
/// `forward` and `reverse` are NULL or structs with as much behind their pointers as they state; `alignment` is NULL or live,
/// and no other thread uses it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_align_token_runs(
    forward: *const tl_token_runs,
    reverse: *const tl_token_runs,
    n_source: usize,
    n_target: usize,
    word_score: u32,
    combination: u32,
    threshold: f64,
    alignment: *mut tl_alignment,
) -> tl_status {
    boundary(|| {
        // SAFETY: live and exclusive if it is not NULL, by this function's contract.
        let alignment = unsafe { required_mut(alignment, "alignment") }?;
        alignment.clear();
        // SAFETY: as this function's contract has it.
        let (there, there_words) = unsafe { runs(forward, n_source, "forward") }?;
        // SAFETY: as above.
        let (back, back_words) = unsafe { runs(reverse, n_target, "reverse") }?;
        let score = match word_score {
            TL_WORD_SCORE_MAX => WordScore::Max,
            TL_WORD_SCORE_MEAN => WordScore::Mean,
            TL_WORD_SCORE_MIN => WordScore::Min,
            TL_WORD_SCORE_FIRST => WordScore::First,
            TL_WORD_SCORE_LAST => WordScore::Last,
            other => {
                let most = TL_WORD_SCORE_LAST;
                return Err(invalid(format!("word_score is {other}; it lies between 0 and {most}")));
            }
        };
        let combination = match combination {
            TL_BOTH_AVERAGE => Combination::Average,
            TL_BOTH_UNION => Combination::Union,
            TL_BOTH_INTERSECTION => Combination::Intersection,
            TL_BOTH_AVERAGE_OF_LINKED => Combination::AverageOfLinked,
            other => {
                let most = TL_BOTH_AVERAGE_OF_LINKED;
                return Err(invalid(format!("combination is {other}; it lies between 0 and {most}")));
            }
        };
        // A table of what each pair of words scores is made.
        cells("word pairs", n_source, n_target)?;
        let there = Runs { logits: there, word_of: &there_words };
        let back = Runs { logits: back, word_of: &back_words };
        let mut links = Vec::new();
        binary_align([there, back], [n_source, n_target], score, combination, threshold, &mut links)?;
        alignment.set_links(&links, |_| 1.0);
        Ok(())
    })
}

/// # Safety
/// `runs` is NULL or points to a struct with as much behind its pointers as it states, for `n_marked` words.
unsafe fn runs<'a>(
    runs: *const tl_token_runs,
    n_marked: usize,
    name: &str,
) -> Result<(&'a [f64], Vec<Option<usize>>), Error> {
    // SAFETY: passed on to the caller.
    let runs = unsafe { crate::pointer::required(runs, name) }?;
    let n = cells(&format!("{name}->logits"), n_marked, runs.n_token)?;
    // SAFETY: passed on to the caller.
    let logits = unsafe { span(runs.logits, n, &format!("{name}->logits")) }?;
    // SAFETY: passed on to the caller.
    let words = unsafe { span(runs.word_of, runs.n_token, &format!("{name}->word_of")) }?;
    Ok((logits, words.iter().map(|word| usize::try_from(*word).ok()).collect()))
}

impl tl_alignment {
    /// Takes links, each with its score.
    pub(crate) fn set_links(&mut self, links: &[Link], score: impl Fn(Link) -> f64) {
        let link = |l: &Link| tl_link { source: l.source, target: l.target, score: score(*l) as f32 };
        self.links.extend(links.iter().map(link));
    }
}

fn invalid(message: String) -> Error {
    Error::new(Code::InvalidArgument, message)
}
