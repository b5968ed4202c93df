//! `tl_watermark` and `tl_healing`: logits that are changed before a token is picked.

use std::ffi::c_char;
use std::sync::Arc;

use trueline_core::kernels::Isa;
use trueline_core::scoring::decode::green::{DEFAULT_KEY, Detection, Scheme, Scratch, Watermark};
use trueline_core::scoring::decode::gumbel;
use trueline_core::scoring::decode::heal::{Healing, Masks, Vocabulary, mask};
use trueline_core::{Code, Error};

use crate::boundary::{boundary, value};
use crate::exclusive::{Exclusive, destroy};
use crate::pointer::{Out, Sized32, required, room, sized, span};
use crate::status::tl_status;

/// The green list hangs on the previous token.
pub const TL_SCHEME_SIMPLE: u32 = 0;
/// It hangs on the least hash of the four tokens before.
pub const TL_SCHEME_MINHASH: u32 = 1;
/// It hangs on the least hash of the three tokens before and the candidate itself.
pub const TL_SCHEME_SELFHASH: u32 = 2;

/// On what writer and reader of a watermark must agree. In every field but `n_vocab` 0 is the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tl_watermark_options {
    /// Set by TL_WATERMARK_OPTIONS_INIT; lets old programs meet new libraries.
    pub struct_size: u32,
    /// TL_SCHEME_SIMPLE, ...
    pub scheme: u32,
    /// Tokens of the vocabulary.
    pub n_vocab: u32,
    /// The share of the vocabulary that is green, between 0 and 1; 0: 0.25.
    pub gamma: f32,
    /// The secret; 0: that of the original.
    pub key: u64,
}

// SAFETY: `repr(C)`, `struct_size` first, integers and floats only.
unsafe impl Sized32 for tl_watermark_options {
    const NAME: &'static str = "tl_watermark_options";
    const INIT: &'static str = "TL_WATERMARK_OPTIONS_INIT";
    const ZERO: Self = Self { struct_size: 0, scheme: 0, n_vocab: 0, gamma: 0.0, key: 0 };
}

/// What a text shows of a watermark.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tl_detection {
    /// Tokens that were judged.
    pub scored: usize,
    /// Those that are green; of Gumbel's watermark, as many as were judged.
    pub green: usize,
    /// Standard deviations above chance.
    pub z: f64,
    /// The probability of this by chance.
    pub p: f64,
}

const NONE: tl_detection = tl_detection { scored: 0, green: 0, z: 0.0, p: 1.0 };

/// The watermark of Kirchenbauer and others: a secret part of the vocabulary is favoured, and can be counted.
pub struct tl_watermark {
    inner: Exclusive<(Watermark, Scratch)>,
}

/// Makes a watermark, to write and to read. One thread uses it at a time.
///
/// @param out_watermark  gets it; end it with tl_watermark_destroy. NULL on failure.
/// @return TL_OK; TL_ERR_INVALID_ARGUMENT; TL_ERR_STRUCT_SIZE; TL_ERR_NULL_ARGUMENT.
///
/// # Safety
/// `options` is NULL or a struct of the size it states; `out_watermark` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_watermark_create(
    options: *const tl_watermark_options,
    out_watermark: *mut *mut tl_watermark,
) -> tl_status {
    boundary(|| {
        // SAFETY: writable if it is not NULL, by this function's contract.
        let mut out = unsafe { Out::new(out_watermark, "out_watermark") }?;
        out.set(std::ptr::null_mut());
        // SAFETY: of the size it states if it is not NULL, by this function's contract.
        let given = unsafe { sized(options) }?;
        let scheme = match given.scheme {
            TL_SCHEME_SIMPLE => Scheme::Simple,
            TL_SCHEME_MINHASH => Scheme::MinHash,
            TL_SCHEME_SELFHASH => Scheme::SelfHash,
            other => {
                let message = format!("scheme is {other}; it lies between 0 and {TL_SCHEME_SELFHASH}");
                return Err(Error::new(Code::InvalidArgument, message));
            }
        };
        let watermark = Watermark {
            n_vocab: given.n_vocab as usize,
            gamma: if given.gamma == 0.0 { 0.25 } else { f64::from(given.gamma) },
            key: if given.key == 0 { DEFAULT_KEY } else { given.key },
            scheme,
        };
        watermark.check()?;
        let inner = Exclusive::new((watermark, Scratch::new(Isa::best())));
        out.set(Box::into_raw(Box::new(tl_watermark { inner })));
        Ok(())
    })
}

/// Adds `delta` to the logits of the green tokens. -inf stays.
///
/// @param before    `n_before` tokens before this one, of which the last one, three or four count.
/// @param delta     2 in the original.
/// @param logits    `n_vocab` logits, changed in place.
/// @return TL_OK; TL_ERR_INVALID_ARGUMENT for too few tokens, another vocabulary, NaN and +inf; TL_ERR_BROKEN;
///         TL_ERR_NULL_ARGUMENT. No heap call after the first.
///
/// # Safety
/// `watermark` is NULL or live; `n_before` ids lie at `before`, `n_vocab` numbers at `logits`, which nothing else uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_watermark_bias(
    watermark: *mut tl_watermark,
    before: *const u32,
    n_before: usize,
    delta: f32,
    logits: *mut f32,
    n_vocab: usize,
) -> tl_status {
    boundary(|| {
        // SAFETY: live if it is not NULL, by this function's contract.
        let watermark = unsafe { required(watermark, "watermark") }?;
        // SAFETY: `n_before` ids lie there, by this function's contract.
        let before = unsafe { span(before, n_before, "before") }?;
        // SAFETY: `n_vocab` numbers that nothing else uses, by this function's contract.
        let logits = unsafe { room(logits, n_vocab, "logits") }?;
        let (watermark, scratch) = &mut *watermark.inner.lock("watermark")?;
        watermark.bias(before, f64::from(delta), scratch, logits)
    })
}

/// Counts the green tokens of a text. A `z` above 4 is the usual bound.
///
/// @param tokens         `n` ids.
/// @param distinct       1: each token after the same ones counts once; 0: every one.
/// @param out_detection  gets what was found; on failure nothing: z 0, p 1.
/// @return TL_OK; TL_ERR_INVALID_ARGUMENT for a token beyond the vocabulary, and too few to judge one; TL_ERR_BROKEN;
///         TL_ERR_NULL_ARGUMENT.
///
/// # Safety
/// `watermark` is NULL or live; `n` ids lie at `tokens`; `out_detection` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_watermark_detect(
    watermark: *mut tl_watermark,
    tokens: *const u32,
    n: usize,
    distinct: i32,
    out_detection: *mut tl_detection,
) -> tl_status {
    boundary(|| {
        // SAFETY: writable if it is not NULL, by this function's contract.
        let mut out = unsafe { Out::new(out_detection, "out_detection") }?;
        out.set(NONE);
        // SAFETY: live if it is not NULL, by this function's contract.
        let watermark = unsafe { required(watermark, "watermark") }?;
        // SAFETY: `n` ids lie there, by this function's contract.
        let tokens = unsafe { span(tokens, n, "tokens") }?;
        let (watermark, scratch) = &mut *watermark.inner.lock("watermark")?;
        let Detection { scored, green, z, p } = watermark.detect(tokens, distinct != 0, scratch)?;
        out.set(tl_detection { scored, green, z, p });
        Ok(())
    })
}

/// Ends a watermark; NULL is fine.
///
/// # Safety
/// `watermark` is NULL or from `tl_watermark_create`, and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_watermark_destroy(watermark: *mut tl_watermark) {
    // SAFETY: this function's contract.
    unsafe { destroy(watermark) };
}

/// Judges a text that tl_sampler_gumbel may have drawn: every token by the key and the `width` tokens before it.
///
/// @param tokens         `n` ids; the first `width` are not judged.
/// @param width          tokens of context that the writer gave.
/// @param out_detection  gets what was found; on failure nothing: z 0, p 1.
/// @return TL_OK; TL_ERR_INVALID_ARGUMENT for too few tokens to judge one; TL_ERR_NULL_ARGUMENT.
///
/// # Safety
/// `n` ids lie at `tokens`; `out_detection` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_gumbel_detect(
    key: u64,
    tokens: *const u32,
    n: usize,
    width: usize,
    out_detection: *mut tl_detection,
) -> tl_status {
    boundary(|| {
        // SAFETY: writable if it is not NULL, by this function's contract.
        let mut out = unsafe { Out::new(out_detection, "out_detection") }?;
        out.set(NONE);
        // SAFETY: `n` ids lie there, by this function's contract.
        let tokens = unsafe { span(tokens, n, "tokens") }?;
        let judged = |at: usize| gumbel::uniform(key, &tokens[at - width..at], tokens[at]);
        let uniforms: Vec<f64> = (width..n).map(judged).collect();
        let found = gumbel::detect(&uniforms)?;
        out.set(tl_detection { scored: uniforms.len(), green: uniforms.len(), z: found.z, p: found.p });
        Ok(())
    })
}

/// Judges a text that alignment resampling may have drawn: several answers were drawn, each with its number, from 0 up, behind the
/// `width` tokens of context that tl_sampler_gumbel got, and the best was kept.
///
/// @param tokens         `n` ids; the first `width` are not judged.
/// @param width          tokens of context that the writer gave, without the number of the draw.
/// @param n_draws        answers that were drawn, 1 or more.
/// @param out_draw       gets the number of the draw that shows most; may be NULL.
/// @param out_detection  gets what it shows, `p` multiplied by the draws; on failure nothing: z 0, p 1.
/// @return TL_OK; TL_ERR_INVALID_ARGUMENT for no draws, and too few tokens to judge one; TL_ERR_NULL_ARGUMENT.
///
/// # Safety
/// `n` ids lie at `tokens`; `out_detection` and `out_draw` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_gumbel_detect_draws(
    key: u64,
    tokens: *const u32,
    n: usize,
    width: usize,
    n_draws: u32,
    out_draw: *mut u32,
    out_detection: *mut tl_detection,
) -> tl_status {
    boundary(|| {
        // SAFETY: writable if it is not NULL, by this function's contract.
        let mut out = unsafe { Out::new(out_detection, "out_detection") }?;
        out.set(NONE);
        // SAFETY: `n` ids lie there, by this function's contract.
        let tokens = unsafe { span(tokens, n, "tokens") }?;
        let (draw, found) = gumbel::detect_resampled(key, tokens, width, n_draws)?;
        let scored = n - width;
        out.set(tl_detection { scored, green: scored, z: found.z, p: found.p });
        // SAFETY: writable if it is not NULL, by this function's contract.
        if let Ok(mut out) = unsafe { Out::new(out_draw, "out_draw") } {
            out.set(draw);
        }
        Ok(())
    })
}

/// The bytes of a vocabulary's tokens. Immutable; share it freely between threads.
pub struct tl_vocabulary {
    vocabulary: Arc<Vocabulary>,
}

impl tl_vocabulary {
    pub(crate) fn shared(&self) -> Arc<Vocabulary> {
        Arc::clone(&self.vocabulary)
    }
}

/// Takes the bytes of each token. Special tokens have none, whatever they are called.
///
/// @param bytes           the bytes of all tokens, one after the other.
/// @param ends            `n_vocab` places: where each token's bytes end; they begin where those before it end.
/// @param out_vocabulary  gets the vocabulary; end it with tl_vocabulary_destroy. NULL on failure.
/// @return TL_OK; TL_ERR_INVALID_ARGUMENT for places that fall, or 2^32 tokens; TL_ERR_NULL_ARGUMENT. A copy and a sort.
///
/// # Safety
/// `n_vocab` places lie at `ends`, and as many bytes at `bytes` as the last one says; `out_vocabulary` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_vocabulary_create(
    bytes: *const c_char,
    ends: *const usize,
    n_vocab: usize,
    out_vocabulary: *mut *mut tl_vocabulary,
) -> tl_status {
    boundary(|| {
        // SAFETY: writable if it is not NULL, by this function's contract.
        let mut out = unsafe { Out::new(out_vocabulary, "out_vocabulary") }?;
        out.set(std::ptr::null_mut());
        // SAFETY: `n_vocab` places lie there, by this function's contract.
        let ends = unsafe { span(ends, n_vocab, "ends") }?;
        let size = ends.last().copied().unwrap_or(0);
        // SAFETY: as many bytes lie there, by this function's contract.
        let bytes = unsafe { span(bytes.cast::<u8>(), size, "bytes") }?;
        let mut start = 0;
        let mut tokens = Vec::with_capacity(n_vocab);
        for (token, &end) in ends.iter().enumerate() {
            let own = bytes.get(start..end).ok_or_else(|| {
                let message =
                    format!("token {token} ends at byte {end}; it begins at {start}, and there are {size}");
                Error::new(Code::InvalidArgument, message)
            })?;
            tokens.push(own.to_vec());
            start = end;
        }
        let vocabulary = Arc::new(Vocabulary::new(tokens)?);
        out.set(Box::into_raw(Box::new(tl_vocabulary { vocabulary })));
        Ok(())
    })
}

/// Ends a vocabulary; NULL is fine. What was made from it keeps what it needs.
///
/// # Safety
/// `vocabulary` is NULL or from `tl_vocabulary_create`, and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_vocabulary_destroy(vocabulary: *mut tl_vocabulary) {
    // SAFETY: this function's contract.
    unsafe { destroy(vocabulary) };
}

/// Token alignment: a prompt that was cut inside a word is taken back by some tokens, and what is written next has to spell the bytes
/// that were taken.
pub struct tl_healing {
    inner: Exclusive<Spelling>,
}

struct Spelling {
    vocabulary: Arc<Vocabulary>,
    healing: Healing,
    masks: Masks,
}

/// Makes a healing, with nothing to spell. One thread uses it at a time; it keeps the masks that it made.
///
/// @param out_healing  gets it; end it with tl_healing_destroy. NULL on failure.
/// @return TL_OK; TL_ERR_NULL_ARGUMENT.
///
/// # Safety
/// `vocabulary` is NULL or live; `out_healing` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_healing_create(
    vocabulary: *const tl_vocabulary,
    out_healing: *mut *mut tl_healing,
) -> tl_status {
    boundary(|| {
        // SAFETY: writable if it is not NULL, by this function's contract.
        let mut out = unsafe { Out::new(out_healing, "out_healing") }?;
        out.set(std::ptr::null_mut());
        // SAFETY: live if it is not NULL, by this function's contract.
        let vocabulary = Arc::clone(&unsafe { required(vocabulary, "vocabulary") }?.vocabulary);
        let (healing, _) = Healing::start(&vocabulary, &[], 0)?;
        let inner = Exclusive::new(Spelling { vocabulary, healing, masks: Masks::default() });
        out.set(Box::into_raw(Box::new(tl_healing { inner })));
        Ok(())
    })
}

/// Takes back the last tokens of a prompt.
///
/// @param prompt     `n` ids.
/// @param backtrack  how many are taken back, 3 in the usual; all if there are fewer.
/// @param out_kept   gets how many stay: cut the text there.
/// @return TL_OK; TL_ERR_INVALID_ARGUMENT for a token beyond the vocabulary; TL_ERR_BROKEN; TL_ERR_NULL_ARGUMENT.
///
/// # Safety
/// `healing` is NULL or live; `n` ids lie at `prompt`; `out_kept` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_healing_start(
    healing: *mut tl_healing,
    prompt: *const u32,
    n: usize,
    backtrack: usize,
    out_kept: *mut usize,
) -> tl_status {
    boundary(|| {
        // SAFETY: writable if it is not NULL, by this function's contract.
        let mut out = unsafe { Out::new(out_kept, "out_kept") }?;
        out.set(n);
        // SAFETY: live if it is not NULL, by this function's contract.
        let mut inner = unsafe { required(healing, "healing") }?.inner.lock("healing")?;
        // SAFETY: `n` ids lie there, by this function's contract.
        let prompt = unsafe { span(prompt, n, "prompt") }?;
        let (healing, kept) = Healing::start(&inner.vocabulary, prompt, backtrack)?;
        inner.healing = healing;
        out.set(kept);
        Ok(())
    })
}

/// Bytes that are still to be spelled; 0 if any token may follow.
///
/// # Safety
/// `healing` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_healing_remaining(healing: *const tl_healing) -> usize {
    value(0, || {
        // SAFETY: live if it is not NULL, by this function's contract.
        let healing = unsafe { healing.as_ref() };
        healing.and_then(|h| h.inner.lock("healing").ok()).map_or(0, |h| h.healing.remaining().len())
    })
}

/// Masks the logits of the tokens that may not follow.
///
/// @param logits  `n_vocab` logits, changed in place.
/// @return TL_OK; TL_ERR_NO_CANDIDATE at a dead end, where nothing is left: take the prompt as it was; TL_ERR_INVALID_ARGUMENT for
///         another vocabulary; TL_ERR_BROKEN; TL_ERR_NULL_ARGUMENT. For bytes that were masked for before no heap call.
///
/// # Safety
/// `healing` is NULL or live; `n_vocab` numbers that nothing else uses lie at `logits`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_healing_mask(
    healing: *mut tl_healing,
    logits: *mut f32,
    n_vocab: usize,
) -> tl_status {
    boundary(|| {
        // SAFETY: live if it is not NULL, by this function's contract.
        let mut inner = unsafe { required(healing, "healing") }?.inner.lock("healing")?;
        // SAFETY: `n_vocab` numbers that nothing else uses, by this function's contract.
        let logits = unsafe { room(logits, n_vocab, "logits") }?;
        let Spelling { vocabulary, healing, masks } = &mut *inner;
        if logits.len() != vocabulary.len() {
            let message = format!("{n_vocab} logits; the vocabulary has {} tokens", vocabulary.len());
            return Err(Error::new(Code::InvalidArgument, message));
        }
        if healing.remaining().is_empty() || mask(masks.of(healing, vocabulary), logits) {
            return Ok(());
        }
        let left = healing.remaining().len();
        Err(Error::new(
            Code::NoCandidate,
            format!("no token that may follow spells the {left} bytes that are left"),
        ))
    })
}

/// Takes the token that was picked.
///
/// @return TL_OK; TL_ERR_INVALID_ARGUMENT for a token beyond the vocabulary, or one that does not spell what is left; TL_ERR_BROKEN;
///         TL_ERR_NULL_ARGUMENT.
///
/// # Safety
/// `healing` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_healing_advance(healing: *mut tl_healing, token: u32) -> tl_status {
    boundary(|| {
        // SAFETY: live if it is not NULL, by this function's contract.
        let mut inner = unsafe { required(healing, "healing") }?.inner.lock("healing")?;
        let Spelling { vocabulary, healing, .. } = &mut *inner;
        healing.advance(vocabulary, token)
    })
}

/// Ends a healing; NULL is fine.
///
/// # Safety
/// `healing` is NULL or from `tl_healing_create`, and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_healing_destroy(healing: *mut tl_healing) {
    // SAFETY: this function's contract.
    unsafe { destroy(healing) };
}
