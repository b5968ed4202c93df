//! Choices among answers and what they cost: best-of-n, calibrated rewards, look-ahead search; and preferences put into a model's
//! own numbers. Pure functions but for the calibration, which keeps a sorted list.

use std::ffi::c_char;

use trueline_core::scoring::decode::best_of::{self, Calibration, Transform};
use trueline_core::scoring::decode::blend::{self, Adapter};
use trueline_core::scoring::decode::{guided, search};
use trueline_core::{Code, Error};

use crate::boundary::boundary;
use crate::exclusive::destroy;
use crate::pointer::{Out, Sized32, required, room, sized, span, text};
use crate::session::tl_text;
use crate::status::tl_status;

/// ARGS, drawn and not picked: the first candidate, in the order given, at which the sum of `softmax(scores / temperature)` exceeds
/// the uniform.
///
/// @param scores     `n` scores, of tl_decode_guided for example; -inf masks a candidate.
/// @param uniform    between 0 and 1, both excluded: yours, so that a run can be repeated.
/// @param out_index  gets the candidate's place.
/// @return TL_OK; TL_ERR_INVALID_ARGUMENT for a temperature that is not above 0, the uniform, NaN and +inf; TL_ERR_NO_CANDIDATE if all
///         are masked; TL_ERR_NULL_ARGUMENT. No heap call.
///
/// # Safety
/// `n` numbers lie at `scores`; `out_index` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_decode_sample(
    scores: *const f64,
    n: usize,
    temperature: f64,
    uniform: f64,
    out_index: *mut usize,
) -> tl_status {
    boundary(|| {
        // SAFETY: writable if it is not NULL, by this function's contract.
        let mut out = unsafe { Out::new(out_index, "out_index") }?;
        out.set(0);
        // SAFETY: `n` numbers lie there, by this function's contract.
        out.set(guided::sample(unsafe { span(scores, n, "scores") }?, temperature, uniform)?);
        Ok(())
    })
}

/// What the best of `n` answers is worth, and how far it is from the model that wrote them.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tl_best_of {
    /// At most so far from the model, in nats: `ln n - (n-1)/n`.
    pub kl_bound: f64,
    /// How often it beats one answer, ties half: `n / (n+1)`.
    pub win_rate: f64,
    /// At least so many standard deviations the best of `n` draws of a Gaussian lies above its mean: what alignment resampling may
    /// count on.
    pub gaussian_bound: f64,
    /// And so many exactly, within 1e-9.
    pub gaussian_mean: f64,
}

/// The closed forms of best-of-n, where no two answers tie and none is likely.
///
/// @param n    answers, 1 or more.
/// @param out  gets them; 0 everywhere on failure.
/// @return TL_OK; TL_ERR_INVALID_ARGUMENT for 0; TL_ERR_NULL_ARGUMENT.
///
/// # Safety
/// `out` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_best_of_n(n: u64, out: *mut tl_best_of) -> tl_status {
    boundary(|| {
        // SAFETY: writable if it is not NULL, by this function's contract.
        let mut out = unsafe { Out::new(out, "out") }?;
        out.set(tl_best_of { kl_bound: 0.0, win_rate: 0.0, gaussian_bound: 0.0, gaussian_mean: 0.0 });
        out.set(tl_best_of {
            kl_bound: best_of::kl_bound(n)?,
            win_rate: best_of::win_rate(n)?,
            gaussian_bound: best_of::gaussian_bound(n)?,
            gaussian_mean: best_of::gaussian_expected_max(n)?,
        });
        Ok(())
    })
}

/// The exact law of the best of `n` over a finite list of answers.
///
/// @param probabilities  `n_answers` probabilities under the model, which sum to 1 within 1e-6.
/// @param rewards        `n_answers` rewards; equal ones share as the model does.
/// @param law            gets `n_answers` probabilities of being the best of `n`.
/// @param out_kl         gets the distance from the model in nats; may be NULL.
/// @param out_win_rate   gets how often the best of `n` beats one answer, ties half; may be NULL.
/// @return TL_OK; TL_ERR_INVALID_ARGUMENT; TL_ERR_NULL_ARGUMENT. A sort.
///
/// # Safety
/// `n_answers` numbers lie at the inputs, and there is room for as many at `law`; the others are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_best_of_law(
    probabilities: *const f64,
    rewards: *const f64,
    n_answers: usize,
    n: u64,
    law: *mut f64,
    out_kl: *mut f64,
    out_win_rate: *mut f64,
) -> tl_status {
    boundary(|| {
        // SAFETY: room for `n_answers` numbers, by this function's contract.
        let law = unsafe { room(law, n_answers, "law") }?;
        law.fill(0.0);
        // SAFETY: `n_answers` numbers lie there, by this function's contract.
        let probabilities = unsafe { span(probabilities, n_answers, "probabilities") }?;
        // SAFETY: as above.
        let rewards = unsafe { span(rewards, n_answers, "rewards") }?;
        let found = best_of::law(probabilities, rewards, n)?;
        law.copy_from_slice(&found.probabilities);
        for (out, number) in [(out_kl, found.kl), (out_win_rate, found.win_rate)] {
            // SAFETY: writable if it is not NULL, by this function's contract.
            if let Ok(mut out) = unsafe { Out::new(out, "out") } {
                out.set(number);
            }
        }
        Ok(())
    })
}

/// The share of the model's own rewards that are below, those equal half: a number between 0 and 1 that means the same for every
/// reward model.
pub const TL_TRANSFORM_IDENTITY: u32 = 0;
/// Its logarithm; -inf at 0.
pub const TL_TRANSFORM_LOG: u32 = 1;
/// `sign(t) e^(t u)`: 10 for best-of-n and -10 for worst-of-n in the paper.
pub const TL_TRANSFORM_EXPONENTIAL: u32 = 2;
/// `(e^(t u) - 1) / t`.
pub const TL_TRANSFORM_NORMALISED_EXPONENTIAL: u32 = 3;

/// Rewards of a model's own answers, against which others are calibrated (InfAlign). Immutable; share it freely between threads.
pub struct tl_calibration {
    calibration: Calibration,
}

/// Takes rewards of answers that the model wrote: for the same prompt, or for many.
///
/// @param rewards          `n` rewards, at least one.
/// @param out_calibration  gets the calibration; end it with tl_calibration_destroy. NULL on failure.
/// @return TL_OK; TL_ERR_INVALID_ARGUMENT for none, or NaN; TL_ERR_NULL_ARGUMENT. A copy and a sort.
///
/// # Safety
/// `n` numbers lie at `rewards`; `out_calibration` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_calibration_create(
    rewards: *const f64,
    n: usize,
    out_calibration: *mut *mut tl_calibration,
) -> tl_status {
    boundary(|| {
        // SAFETY: writable if it is not NULL, by this function's contract.
        let mut out = unsafe { Out::new(out_calibration, "out_calibration") }?;
        out.set(std::ptr::null_mut());
        // SAFETY: `n` numbers lie there, by this function's contract.
        let calibration = Calibration::new(unsafe { span(rewards, n, "rewards") }?.to_vec())?;
        out.set(Box::into_raw(Box::new(tl_calibration { calibration })));
        Ok(())
    })
}

/// A reward in the calibration's terms.
///
/// @param transform  TL_TRANSFORM_IDENTITY, ...
/// @param t          of the exponential ones; 0 leaves the share as it is.
/// @param out_value  gets the number; 0 on failure.
/// @return TL_OK; TL_ERR_INVALID_ARGUMENT for NaN, a `t` that is not finite, and another transform; TL_ERR_NULL_ARGUMENT. Two binary
///         searches, no heap call.
///
/// # Safety
/// `calibration` is NULL or live; `out_value` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_calibration_apply(
    calibration: *const tl_calibration,
    reward: f64,
    transform: u32,
    t: f64,
    out_value: *mut f64,
) -> tl_status {
    boundary(|| {
        // SAFETY: writable if it is not NULL, by this function's contract.
        let mut out = unsafe { Out::new(out_value, "out_value") }?;
        out.set(0.0);
        // SAFETY: live if it is not NULL, by this function's contract.
        let calibration = &unsafe { required(calibration, "calibration") }?.calibration;
        if !t.is_finite() {
            return Err(Error::new(Code::InvalidArgument, format!("t is {t}; it is a finite number")));
        }
        let transform = match transform {
            TL_TRANSFORM_IDENTITY => Transform::Identity,
            TL_TRANSFORM_LOG => Transform::Log,
            TL_TRANSFORM_EXPONENTIAL => Transform::Exponential(t),
            TL_TRANSFORM_NORMALISED_EXPONENTIAL => Transform::NormalisedExponential(t),
            other => {
                let most = TL_TRANSFORM_NORMALISED_EXPONENTIAL;
                let message = format!("transform is {other}; it lies between 0 and {most}");
                return Err(Error::new(Code::InvalidArgument, message));
            }
        };
        out.set(transform.of(calibration.of(reward)?.middle));
        Ok(())
    })
}

/// Ends a calibration; NULL is fine.
///
/// # Safety
/// `calibration` is NULL or from `tl_calibration_create`, and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_calibration_destroy(calibration: *mut tl_calibration) {
    // SAFETY: this function's contract.
    unsafe { destroy(calibration) };
}

/// DeAL: the share of keywords that a text has, as whole words and without case; those of several words as neighbours. 1 without any.
///
/// @param keywords   `n_keywords` texts.
/// @param out_share  gets it; 0 on failure.
/// @return TL_OK; TL_ERR_UTF8; TL_ERR_NULL_ARGUMENT.
///
/// # Safety
/// `size` bytes lie at `bytes`, `n_keywords` structs at `keywords`, and each one's bytes where it says; `out_share` is NULL or
/// writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_deal_coverage(
    bytes: *const c_char,
    size: usize,
    keywords: *const tl_text,
    n_keywords: usize,
    out_share: *mut f64,
) -> tl_status {
    boundary(|| {
        // SAFETY: writable if it is not NULL, by this function's contract.
        let mut out = unsafe { Out::new(out_share, "out_share") }?;
        out.set(0.0);
        // SAFETY: `size` bytes lie there, by this function's contract.
        let found = unsafe { text(bytes, size, "bytes") }?;
        let mut words = Vec::with_capacity(n_keywords);
        // SAFETY: `n_keywords` structs lie there, by this function's contract.
        for (i, word) in unsafe { span(keywords, n_keywords, "keywords") }?.iter().enumerate() {
            // SAFETY: `size` bytes lie at `data`, by this function's contract.
            words.push(unsafe { text(word.data, word.size, &format!("keywords[{i}].data")) }?);
        }
        out.set(search::keyword_coverage(found, &words));
        Ok(())
    })
}

/// DeAL: how well a text has a number of words, `-|words - target| / target`.
///
/// @param out_fit  gets it: 0 is best; -inf on failure.
/// @return TL_OK; TL_ERR_INVALID_ARGUMENT for a target of 0; TL_ERR_UTF8; TL_ERR_NULL_ARGUMENT.
///
/// # Safety
/// `size` bytes lie at `bytes`; `out_fit` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_deal_length(
    bytes: *const c_char,
    size: usize,
    target: usize,
    out_fit: *mut f64,
) -> tl_status {
    boundary(|| {
        // SAFETY: writable if it is not NULL, by this function's contract.
        let mut out = unsafe { Out::new(out_fit, "out_fit") }?;
        out.set(f64::NEG_INFINITY);
        // SAFETY: `size` bytes lie there, by this function's contract.
        out.set(search::length_fit(unsafe { text(bytes, size, "bytes") }?, target)?);
        Ok(())
    })
}

/// DeAL: the beams that stay after a look ahead, by `log_probability + alpha * heuristic`.
///
/// @param log_probabilities  `n` of them, in nats.
/// @param heuristics         `n` opinions of what each beam may become: coverage, length, a reward.
/// @param keep               how many stay, up to `n`.
/// @param kept               gets `keep` places, the best first, the lower of equals before the other.
/// @return TL_OK; TL_ERR_INVALID_ARGUMENT for `keep`, and what is not finite; TL_ERR_NULL_ARGUMENT.
///
/// # Safety
/// `n` numbers lie at the inputs, and there is room for `keep` at `kept`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_deal_select(
    log_probabilities: *const f64,
    heuristics: *const f64,
    n: usize,
    alpha: f64,
    keep: usize,
    kept: *mut usize,
) -> tl_status {
    boundary(|| {
        // SAFETY: `n` numbers lie there, by this function's contract.
        let likely = unsafe { span(log_probabilities, n, "log_probabilities") }?;
        // SAFETY: as above.
        let heuristics = unsafe { span(heuristics, n, "heuristics") }?;
        if keep > n {
            return Err(Error::new(Code::InvalidArgument, format!("keep is {keep}; there are {n} beams")));
        }
        // SAFETY: room for `keep` places, by this function's contract.
        let kept = unsafe { room(kept, keep, "kept") }?;
        kept.copy_from_slice(&search::select(likely, heuristics, alpha, keep, &mut Vec::new())?);
        Ok(())
    })
}

/// CLM: embeddings between and beyond two models, `(1 - lambda) * unaligned + lambda * aligned`; 0 and 1 give either, bit for bit.
///
/// @param lambda  any finite number.
/// @param out     gets `n` numbers.
/// @return TL_OK; TL_ERR_INVALID_ARGUMENT for what is not finite; TL_ERR_NULL_ARGUMENT. No heap call.
///
/// # Safety
/// `n` numbers lie at `unaligned` and `aligned`, and there is room for as many at `out`, which is neither of them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_decode_interpolate(
    unaligned: *const f32,
    aligned: *const f32,
    n: usize,
    lambda: f32,
    out: *mut f32,
) -> tl_status {
    boundary(|| {
        // SAFETY: room for `n` numbers that nothing else reads, by this function's contract.
        let out = unsafe { room(out, n, "out") }?;
        // SAFETY: `n` numbers lie there, by this function's contract.
        let unaligned = unsafe { span(unaligned, n, "unaligned") }?;
        // SAFETY: as above.
        blend::interpolate(unaligned, unsafe { span(aligned, n, "aligned") }?, f64::from(lambda), out)
    })
}

/// Panacea: an adapter of singular values, of which the last are the weights of preferences.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tl_adapter {
    /// Set by TL_ADAPTER_INIT; lets old programs meet new libraries.
    pub struct_size: u32,
    /// What preferences are multiplied by.
    pub scale: f32,
    /// Rows and columns of the weights.
    pub rows: usize,
    /// Columns of the weights.
    pub columns: usize,
    /// Singular values that are the same for all preferences.
    pub n_fixed: usize,
    /// Preferences.
    pub n_preferences: usize,
    /// `[rows, n_fixed + n_preferences]`, row-major.
    pub u: *const f32,
    /// `[n_fixed + n_preferences, columns]`, row-major.
    pub vt: *const f32,
    /// `n_fixed` singular values; may be NULL if there are none.
    pub sigma: *const f32,
}

// SAFETY: `repr(C)`, `struct_size` first, integers, floats and pointers only.
unsafe impl Sized32 for tl_adapter {
    const NAME: &'static str = "tl_adapter";
    const INIT: &'static str = "TL_ADAPTER_INIT";
    const ZERO: Self = Self {
        struct_size: 0,
        scale: 0.0,
        rows: 0,
        columns: 0,
        n_fixed: 0,
        n_preferences: 0,
        u: std::ptr::null(),
        vt: std::ptr::null(),
        sigma: std::ptr::null(),
    };
}

/// Panacea: the singular values for a preference, `sigma` and then `scale * preference`.
///
/// @param preference  `n_preferences` numbers of 0 or more, which sum to 1 within 1e-4.
/// @param normalise   1: they are divided by their sum; 0: they are taken as they are.
/// @param diagonal    gets `n_fixed + n_preferences` numbers.
/// @return TL_OK; TL_ERR_INVALID_ARGUMENT; TL_ERR_STRUCT_SIZE; TL_ERR_NULL_ARGUMENT.
///
/// # Safety
/// `adapter` is NULL or a struct of the size it states, and its numbers lie where it says; as many numbers as stated lie at
/// `preference`, and there is room for as many at `diagonal`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_adapter_diagonal(
    adapter: *const tl_adapter,
    preference: *const f64,
    normalise: i32,
    diagonal: *mut f64,
) -> tl_status {
    boundary(|| {
        // SAFETY: passed on to the caller.
        let (given, adapter) = unsafe { read(adapter) }?;
        // SAFETY: as many numbers lie there, by this function's contract.
        let preference = unsafe { span(preference, given.n_preferences, "preference") }?;
        // SAFETY: room for as many numbers, by this function's contract.
        let diagonal = unsafe { room(diagonal, given.n_fixed + given.n_preferences, "diagonal") }?;
        diagonal.copy_from_slice(&adapter.diagonal(preference, normalise != 0)?);
        Ok(())
    })
}

/// Panacea: adds `U diag Vt` to weights: a model for one preference.
///
/// @param diagonal  of tl_adapter_diagonal.
/// @param weights   `[rows, columns]`, row-major, changed in place.
/// @return TL_OK; TL_ERR_INVALID_ARGUMENT; TL_ERR_STRUCT_SIZE; TL_ERR_NULL_ARGUMENT. No heap call.
///
/// # Safety
/// As `tl_adapter_diagonal`, with numbers at `weights` that nothing else uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_adapter_merge(
    adapter: *const tl_adapter,
    diagonal: *const f64,
    weights: *mut f32,
) -> tl_status {
    boundary(|| {
        // SAFETY: passed on to the caller.
        let (given, adapter) = unsafe { read(adapter) }?;
        // SAFETY: as many numbers lie there, by this function's contract.
        let diagonal = unsafe { span(diagonal, given.n_fixed + given.n_preferences, "diagonal") }?;
        let size = product("weights", given.rows, given.columns)?;
        // SAFETY: as many numbers lie there, by this function's contract.
        adapter.merge(diagonal, unsafe { room(weights, size, "weights") }?)
    })
}

/// Panacea: adds `U (diag (Vt x))` to `y`, without the matrix: a model for any preference, changed from call to call.
///
/// @param diagonal  of tl_adapter_diagonal.
/// @param x         `columns` numbers.
/// @param y         `rows` numbers, changed in place.
/// @return TL_OK; TL_ERR_INVALID_ARGUMENT; TL_ERR_STRUCT_SIZE; TL_ERR_NULL_ARGUMENT. No heap call.
///
/// # Safety
/// As `tl_adapter_diagonal`, with as many numbers at `x` and `y`, which nothing else uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_adapter_apply(
    adapter: *const tl_adapter,
    diagonal: *const f64,
    x: *const f32,
    y: *mut f32,
) -> tl_status {
    boundary(|| {
        // SAFETY: passed on to the caller.
        let (given, adapter) = unsafe { read(adapter) }?;
        // SAFETY: as many numbers lie there, by this function's contract.
        let diagonal = unsafe { span(diagonal, given.n_fixed + given.n_preferences, "diagonal") }?;
        // SAFETY: `columns` numbers lie there, by this function's contract.
        let x = unsafe { span(x, given.columns, "x") }?;
        // SAFETY: `rows` numbers lie there that nothing else uses, by this function's contract.
        adapter.apply(diagonal, x, unsafe { room(y, given.rows, "y") }?)
    })
}

/// # Safety
/// As [`sized`]; its numbers lie where it says for `'a`.
unsafe fn read<'a>(adapter: *const tl_adapter) -> Result<(tl_adapter, Adapter<'a, f32>), Error> {
    if adapter.is_null() {
        return Err(Error::new(Code::NullArgument, "adapter is NULL"));
    }
    // SAFETY: passed on to the caller.
    let given = unsafe { sized(adapter) }?;
    let rank = given.n_fixed.checked_add(given.n_preferences).filter(|&rank| rank > 0).ok_or_else(|| {
        let (fixed, preferences) = (given.n_fixed, given.n_preferences);
        Error::new(Code::InvalidArgument, format!("{fixed} and {preferences} singular values; at least one"))
    })?;
    let (rows, columns) = (product("u", given.rows, rank)?, product("vt", rank, given.columns)?);
    // SAFETY: as many numbers lie there, the caller's duty.
    let (u, vt) = unsafe { (span(given.u, rows, "u")?, span(given.vt, columns, "vt")?) };
    // SAFETY: as above.
    let sigma = unsafe { span(given.sigma, given.n_fixed, "sigma") }?;
    Ok((given, Adapter { u, vt, sigma, scale: f64::from(given.scale) }))
}

fn product(name: &str, a: usize, b: usize) -> Result<usize, Error> {
    a.checked_mul(b).ok_or_else(|| {
        Error::new(Code::InvalidArgument, format!("{name} of {a} by {b} numbers, which no memory can hold"))
    })
}
