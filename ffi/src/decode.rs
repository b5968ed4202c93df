//! Steps of decoding on the caller's logits: pure functions, and a sampler that keeps its memory.

use trueline_core::kernels::Isa;
use trueline_core::scoring::decode::guided::{self, Rewards};
use trueline_core::scoring::decode::sample::{Sampler, Sampling};
use trueline_core::scoring::decode::{best_of, gumbel, realign};
use trueline_core::scoring::score::entropy;
use trueline_core::{Code, Error};

use crate::boundary::boundary;
use crate::exclusive::{Exclusive, destroy};
use crate::pointer::{Out, Sized32, required, room, sized, span};
use crate::status::tl_status;

/// DeRa: the logits between and beyond two models, `reference + lambda * (aligned - reference)`. `lambda` 0 is the reference and 1
/// the aligned model, bit for bit. A token masked (-inf) by either model stays masked.
///
/// @param reference  `n_vocab` logits of the unaligned model.
/// @param aligned    `n_vocab` logits of the aligned model, at the same text.
/// @param lambda     any finite number.
/// @param logits     gets `n_vocab` logits; all masked on failure.
/// @param out_token  gets the likeliest token, the lower of equals; may be NULL.
/// @return TL_OK; TL_ERR_INVALID_ARGUMENT if `lambda` or a logit is NaN or +inf, or a result is too large; TL_ERR_NO_CANDIDATE if
///         all are masked; TL_ERR_NULL_ARGUMENT. No heap call.
///
/// # Safety
/// `n_vocab` numbers lie at `reference` and `aligned`, and there is room for as many at `logits`, which is neither of them;
/// `out_token` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_decode_dera(
    reference: *const f32,
    aligned: *const f32,
    n_vocab: usize,
    lambda: f32,
    logits: *mut f32,
    out_token: *mut u32,
) -> tl_status {
    boundary(|| {
        // SAFETY: room for `n_vocab` numbers that nothing else reads, by this function's contract.
        let logits = unsafe { room(logits, n_vocab, "logits") }?;
        logits.fill(f32::NEG_INFINITY);
        // SAFETY: `n_vocab` numbers lie there, by this function's contract.
        let reference = unsafe { span(reference, n_vocab, "reference") }?;
        // SAFETY: as above.
        let aligned = unsafe { span(aligned, n_vocab, "aligned") }?;
        let token = realign::realign_f32(Isa::best(), reference, aligned, lambda, logits)?;
        // SAFETY: writable if it is not NULL, by this function's contract.
        if let Ok(mut out) = unsafe { Out::new(out_token, "out_token") } {
            out.set(token as u32);
        }
        Ok(())
    })
}

/// ARGS and Transfer Q*: the scores of candidates by their logits and by a reward model's opinion, `logit + w * reward`; with
/// `targets`, the indirect form `logit + w * exp((target - reward) / 2) * target`.
///
/// @param logits     `n_vocab` logits; -inf masks a token.
/// @param tokens     `n` candidates, of tl_sampler_candidates for example.
/// @param rewards    `n` rewards: of the text with each candidate, or of a continuation of it.
/// @param targets    NULL, or `n` rewards by the target's model, where `rewards` are the baseline's.
/// @param w          the reward's weight; 1.5 in the released ARGS.
/// @param scores     gets `n` scores.
/// @param out_token  gets the candidate of the largest score, the first of equals.
/// @return TL_OK; TL_ERR_INVALID_ARGUMENT for a candidate beyond the vocabulary, and for what is not finite; TL_ERR_NO_CANDIDATE if
///         all candidates are masked; TL_ERR_NULL_ARGUMENT. No heap call.
///
/// # Safety
/// As many numbers as stated lie at the inputs, and there is room for `n` at `scores`; `out_token` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_decode_guided(
    logits: *const f32,
    n_vocab: usize,
    tokens: *const u32,
    n: usize,
    rewards: *const f64,
    targets: *const f64,
    w: f64,
    scores: *mut f64,
    out_token: *mut u32,
) -> tl_status {
    boundary(|| {
        // SAFETY: writable if it is not NULL, by this function's contract.
        let mut out = unsafe { Out::new(out_token, "out_token") }?;
        out.set(0);
        // SAFETY: room for `n` numbers, by this function's contract.
        let scores = unsafe { room(scores, n, "scores") }?;
        scores.fill(f64::NEG_INFINITY);
        // SAFETY: `n_vocab` numbers lie there, by this function's contract.
        let logits = unsafe { span(logits, n_vocab, "logits") }?;
        // SAFETY: `n` ids lie there, by this function's contract.
        let tokens = unsafe { span(tokens, n, "tokens") }?;
        // SAFETY: `n` numbers lie there, by this function's contract.
        let first = unsafe { span(rewards, n, "rewards") }?;
        let rewards = if targets.is_null() {
            Rewards::Direct(first)
        } else {
            // SAFETY: `n` numbers lie there, by this function's contract.
            Rewards::Indirect(first, unsafe { span(targets, n, "targets") }?)
        };
        let (best, _) = guided::score(logits, tokens, rewards, w, scores)?;
        out.set(tokens[best]);
        Ok(())
    })
}

/// The entropy of what may follow, in nats, of the full untempered distribution: what CARDS ends a segment by.
///
/// @param out_entropy  gets it; 0 on failure.
/// @return TL_OK; TL_ERR_INVALID_ARGUMENT for NaN and +inf; TL_ERR_NO_CANDIDATE if all tokens are masked; TL_ERR_NULL_ARGUMENT.
///
/// # Safety
/// `n_vocab` numbers lie at `logits`; `out_entropy` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_decode_entropy(
    logits: *const f32,
    n_vocab: usize,
    out_entropy: *mut f64,
) -> tl_status {
    boundary(|| {
        // SAFETY: writable if it is not NULL, by this function's contract.
        let mut out = unsafe { Out::new(out_entropy, "out_entropy") }?;
        out.set(0.0);
        // SAFETY: `n_vocab` numbers lie there, by this function's contract.
        out.set(entropy::entropy(Isa::best(), unsafe { span(logits, n_vocab, "logits") }?)?);
        Ok(())
    })
}

/// Best-of-n: the answer of the largest score, the first of equals. NaN is never taken.
///
/// @param out_index  gets its place.
/// @return TL_OK; TL_ERR_NO_CANDIDATE for no scores, or none but NaN; TL_ERR_NULL_ARGUMENT.
///
/// # Safety
/// `n` numbers lie at `scores`; `out_index` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_decode_best(scores: *const f64, n: usize, out_index: *mut usize) -> tl_status {
    boundary(|| {
        // SAFETY: writable if it is not NULL, by this function's contract.
        let mut out = unsafe { Out::new(out_index, "out_index") }?;
        out.set(0);
        // SAFETY: `n` numbers lie there, by this function's contract.
        let best = best_of::best(unsafe { span(scores, n, "scores") }?);
        out.set(best.ok_or_else(|| {
            Error::new(Code::NoCandidate, format!("{n} scores, and none that is a number"))
        })?);
        Ok(())
    })
}

/// Draws tokens of one vocabulary, in memory that is used again: no heap call after it was made.
pub struct tl_sampler {
    inner: Exclusive<Drawing>,
}

/// A sampler, and the memory of Gumbel's.
struct Drawing {
    sampler: Sampler,
    uniforms: Vec<f64>,
    probabilities: Vec<f64>,
    keys: Vec<f64>,
}

/// How a token is drawn.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tl_sampling {
    /// Set by TL_SAMPLING_INIT; lets old programs meet new libraries.
    pub struct_size: u32,
    /// Only so many of the likeliest tokens; 0: all.
    pub top_k: u32,
    /// Of those, only as many as it takes to reach this probability, up to 1; 0: all.
    pub top_p: f32,
    /// Divides the logits. 0 takes the likeliest token, and no uniform.
    pub temperature: f32,
}

// SAFETY: `repr(C)`, `struct_size` first, integers and floats only.
unsafe impl Sized32 for tl_sampling {
    const NAME: &'static str = "tl_sampling";
    const INIT: &'static str = "TL_SAMPLING_INIT";
    const ZERO: Self = Self { struct_size: 0, top_k: 0, top_p: 0.0, temperature: 0.0 };
}

/// Makes a sampler. One thread uses it at a time.
///
/// @param n_vocab      tokens of the vocabulary, 1 to 2^31.
/// @param out_sampler  gets the sampler; end it with tl_sampler_destroy. NULL on failure.
/// @return TL_OK; TL_ERR_INVALID_ARGUMENT; TL_ERR_NULL_ARGUMENT. 40 bytes for each token.
///
/// # Safety
/// `out_sampler` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_sampler_create(n_vocab: usize, out_sampler: *mut *mut tl_sampler) -> tl_status {
    boundary(|| {
        // SAFETY: writable if it is not NULL, by this function's contract.
        let mut out = unsafe { Out::new(out_sampler, "out_sampler") }?;
        out.set(std::ptr::null_mut());
        if n_vocab == 0 || n_vocab > 1 << 31 {
            let message = format!("n_vocab is {n_vocab}; it lies between 1 and 2^31");
            return Err(Error::new(Code::InvalidArgument, message));
        }
        let inner = Exclusive::new(Drawing {
            sampler: Sampler::new(Isa::best(), n_vocab),
            uniforms: vec![0.0; n_vocab],
            probabilities: vec![0.0; n_vocab],
            keys: vec![0.0; n_vocab],
        });
        out.set(Box::into_raw(Box::new(tl_sampler { inner })));
        Ok(())
    })
}

/// The `k` tokens of largest logit: the largest first, the lower of equals before the other, masked ones last.
///
/// @param logits  `n_vocab` logits; -inf masks a token.
/// @param k       1 to `n_vocab`.
/// @param tokens  gets `k` ids.
/// @return TL_OK; TL_ERR_INVALID_ARGUMENT for NaN, +inf, `k`, and another vocabulary; TL_ERR_NO_CANDIDATE if all are masked;
///         TL_ERR_BROKEN; TL_ERR_NULL_ARGUMENT.
///
/// # Safety
/// `sampler` is NULL or live; `n_vocab` numbers lie at `logits`; there is room for `k` ids at `tokens`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_sampler_candidates(
    sampler: *mut tl_sampler,
    logits: *const f32,
    n_vocab: usize,
    k: usize,
    tokens: *mut u32,
) -> tl_status {
    boundary(|| {
        // SAFETY: live if it is not NULL, by this function's contract.
        let sampler = unsafe { required(sampler, "sampler") }?;
        // SAFETY: `n_vocab` numbers lie there, by this function's contract.
        let logits = unsafe { span(logits, n_vocab, "logits") }?;
        if k > n_vocab {
            let message = format!("k is {k}; the vocabulary has {n_vocab} tokens");
            return Err(Error::new(Code::InvalidArgument, message));
        }
        // SAFETY: room for `k` ids, by this function's contract.
        let tokens = unsafe { room(tokens, k, "tokens") }?;
        let mut inner = sampler.inner.lock("sampler")?;
        tokens.copy_from_slice(inner.sampler.candidates(logits, k)?.0);
        Ok(())
    })
}

/// Draws a token by temperature, top-k and top-p: the first at which the sum of probabilities, from the likeliest on, exceeds the
/// uniform.
///
/// @param sampling   may be NULL: the likeliest token.
/// @param logits     `n_vocab` logits; -inf masks a token.
/// @param uniform    between 0 and 1, both excluded: yours, so that a run can be repeated.
/// @param out_token  gets the token.
/// @return TL_OK; TL_ERR_INVALID_ARGUMENT for NaN, +inf, the options, the uniform, and another vocabulary; TL_ERR_NO_CANDIDATE if all
///         are masked; TL_ERR_BROKEN; TL_ERR_STRUCT_SIZE; TL_ERR_NULL_ARGUMENT.
///
/// # Safety
/// `sampler` is NULL or live; `sampling` is NULL or a struct of the size it states; `n_vocab` numbers lie at `logits`; `out_token`
/// is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_sampler_draw(
    sampler: *mut tl_sampler,
    sampling: *const tl_sampling,
    logits: *const f32,
    n_vocab: usize,
    uniform: f64,
    out_token: *mut u32,
) -> tl_status {
    boundary(|| {
        // SAFETY: writable if it is not NULL, by this function's contract.
        let mut out = unsafe { Out::new(out_token, "out_token") }?;
        out.set(0);
        // SAFETY: live if it is not NULL, by this function's contract.
        let sampler = unsafe { required(sampler, "sampler") }?;
        // SAFETY: of the size it states if it is not NULL, by this function's contract.
        let given = unsafe { sized(sampling) }?;
        // SAFETY: `n_vocab` numbers lie there, by this function's contract.
        let logits = unsafe { span(logits, n_vocab, "logits") }?;
        let options = Sampling {
            temperature: f64::from(given.temperature),
            top_k: given.top_k as usize,
            top_p: if given.top_p == 0.0 { 1.0 } else { f64::from(given.top_p) },
        };
        out.set(sampler.inner.lock("sampler")?.sampler.draw(logits, options, uniform)?);
        Ok(())
    })
}

/// Draws a token by the watermark that leaves the distribution as it is: the token of largest `ln(u) / p`, with `u` from a secret key
/// and the tokens before.
///
/// @param logits       `n_vocab` logits; -inf masks a token.
/// @param temperature  divides them; above 0.
/// @param key          the secret.
/// @param context      `n_context` tokens before this one.
/// @param out_token    gets the token.
/// @return TL_OK; TL_ERR_INVALID_ARGUMENT; TL_ERR_NO_CANDIDATE; TL_ERR_BROKEN; TL_ERR_NULL_ARGUMENT.
///
/// # Safety
/// `sampler` is NULL or live; as many numbers as stated lie at the inputs; `out_token` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_sampler_gumbel(
    sampler: *mut tl_sampler,
    logits: *const f32,
    n_vocab: usize,
    temperature: f32,
    key: u64,
    context: *const u32,
    n_context: usize,
    out_token: *mut u32,
) -> tl_status {
    boundary(|| {
        // SAFETY: writable if it is not NULL, by this function's contract.
        let mut out = unsafe { Out::new(out_token, "out_token") }?;
        out.set(0);
        // SAFETY: live if it is not NULL, by this function's contract.
        let sampler = unsafe { required(sampler, "sampler") }?;
        // SAFETY: `n_vocab` numbers lie there, by this function's contract.
        let logits = unsafe { span(logits, n_vocab, "logits") }?;
        // SAFETY: `n_context` ids lie there, by this function's contract.
        let context = unsafe { span(context, n_context, "context") }?;
        let mut inner = sampler.inner.lock("sampler")?;
        let Drawing { uniforms, probabilities, keys, .. } = &mut *inner;
        gumbel::fill(key, context, uniforms);
        let token = gumbel::select(logits, f64::from(temperature), uniforms, probabilities, keys)?;
        out.set(token as u32);
        Ok(())
    })
}

/// Ends a sampler; NULL is fine.
///
/// # Safety
/// `sampler` is NULL or from `tl_sampler_create`, and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_sampler_destroy(sampler: *mut tl_sampler) {
    // SAFETY: this function's contract.
    unsafe { destroy(sampler) };
}
