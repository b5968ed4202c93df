//! The released form of TraceShield: every window of so many tokens, weighed by a table of probabilities.

use std::collections::BTreeMap;

use crate::Error;
use crate::scoring::guard::deny::suffix::Corpus;
use crate::scoring::refuse::invalid;

/// What a span's tokens weigh, in nats.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SpanValues {
    /// Belief Conflict Index: the sum of the tokens' surprise.
    pub bci: f64,
    /// The same for each token.
    pub normalised: f64,
    /// Divergence of the span's own shares from the table.
    pub kl: f64,
    /// Mean surprise.
    pub cross_entropy: f64,
    /// The largest surprise of a token.
    pub max_token: f64,
}

/// A window that is refused.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FlaggedWindow {
    /// Its first token in the text.
    pub start: usize,
    /// Its index.
    pub bci: f64,
    /// How often the corpus has it, as far as was asked.
    pub matches: usize,
}

/// The weight of a span by a table of probabilities; `None` in the table, and a token beyond it, is unknown and gets
/// `default_prob`. An empty span weighs nothing.
///
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) unless every probability lies in `(0, 1]`.
/// # Source
/// TraceAlign (Das et al. 2025), the released modules; golden file `tracealign_bci.json`, `bci_values`.
pub fn span_values(table: &[Option<f64>], span: &[u32], default_prob: f64) -> Result<SpanValues, Error> {
    check(table, default_prob)?;
    let known = |token: u32| table.get(token as usize).copied().flatten();
    let probability = |token: u32| known(token).unwrap_or(default_prob);
    let mut values = SpanValues { bci: 0.0, normalised: 0.0, kl: 0.0, cross_entropy: 0.0, max_token: 0.0 };
    let mut shares: BTreeMap<u32, f64> = BTreeMap::new();
    let n = span.len().max(1) as f64;
    for &token in span {
        let surprise = surprise(known(token), default_prob);
        values.bci += surprise;
        values.max_token = values.max_token.max(surprise);
        values.cross_entropy -= probability(token).ln() / n;
        *shares.entry(token).or_default() += 1.0 / n;
    }
    values.normalised = values.bci / n;
    values.kl = shares.iter().map(|(token, share)| share * (share / probability(*token)).ln()).sum();
    Ok(values)
}

fn surprise(known: Option<f64>, default_prob: f64) -> f64 {
    -known.map_or(default_prob, |p| p + 1e-12).ln()
}

fn check(table: &[Option<f64>], default_prob: f64) -> Result<(), Error> {
    let bad = table.iter().flatten().chain([&default_prob]).find(|p| !(**p > 0.0 && **p <= 1.0));
    match bad {
        None => Ok(()),
        Some(p) => Err(invalid(format!("a probability is {p}; it lies in (0, 1]"))),
    }
}

/// The windows of `window` tokens that the corpus has verbatim and whose index is above `tau`.
///
/// A copied run that is shorter than the window is not seen, nor is anything of a text that is shorter: see
/// [`copied_spans`](super::copied_spans) for the form that sees both.
///
/// # Errors
/// As [`span_values`]; [`Code::InvalidArgument`](crate::Code::InvalidArgument) if `window` is 0 or `tau` is NaN.
/// # Source
/// TraceShield (Das et al. 2025), the released module; golden file `tracealign_bci.json`, `shield_windows`.
pub fn windows(
    corpus: &Corpus,
    table: &[Option<f64>],
    default_prob: f64,
    text: &[u32],
    window: usize,
    max_matches: usize,
    tau: f64,
) -> Result<Vec<FlaggedWindow>, Error> {
    check(table, default_prob)?;
    if window == 0 || tau.is_nan() {
        return Err(invalid(format!("window {window} and tau {tau}; a window has a token, tau is a number")));
    }
    let mut flagged = Vec::new();
    for (start, span) in text.windows(window).enumerate() {
        let Some(found) = corpus.find(span) else { continue };
        let known = |token: &u32| table.get(*token as usize).copied().flatten();
        let bci: f64 = span.iter().map(|token| surprise(known(token), default_prob)).sum();
        if bci > tau {
            flagged.push(FlaggedWindow { start, bci, matches: (found.end - found.start).min(max_matches) });
        }
    }
    Ok(flagged)
}

/// The released penalty while decoding: the risk of each candidate after `prefix`, and its logit less `gamma` where the risk
/// is above `tau`.
///
/// The risk is the index of the last `context` tokens and the candidate if the corpus has them verbatim, else 0. A penalty of
/// 1 divides the odds by e; it is no veto.
///
/// # Shapes
/// `candidates`, `logits` and `risks`: `[n]`; `logits` is changed in place. Gives the candidates whose risk is above `tau`.
/// # Errors
/// As [`windows`]; [`Code::InvalidArgument`](crate::Code::InvalidArgument) if the lengths differ or a number is NaN.
/// # Source
/// Prov-Decode (Das et al. 2025), the released module; golden file `tracealign_bci.json`, `prov_logits`.
#[expect(clippy::too_many_arguments, reason = "the inputs of the released function")]
pub fn penalise(
    corpus: &Corpus,
    table: &[Option<f64>],
    default_prob: f64,
    prefix: &[u32],
    context: usize,
    (tau, gamma): (f64, f64),
    candidates: &[u32],
    logits: &mut [f64],
    risks: &mut [f64],
) -> Result<Vec<u32>, Error> {
    check(table, default_prob)?;
    let n = candidates.len();
    if logits.len() != n || risks.len() != n {
        let (n_logits, n_risks) = (logits.len(), risks.len());
        return Err(invalid(format!(
            "{n} candidates, {n_logits} logits and {n_risks} risks; there are as many of each"
        )));
    }
    if tau.is_nan() || gamma.is_nan() || logits.iter().any(|z| z.is_nan()) {
        return Err(invalid("tau, gamma or a logit is NaN"));
    }
    let mut span = prefix[prefix.len().saturating_sub(context)..].to_vec();
    let before = corpus.find(&span);
    let mut vetoed = Vec::new();
    for ((&candidate, logit), risk) in candidates.iter().zip(logits).zip(risks) {
        let copied = before.and_then(|interval| corpus.extend(interval, candidate)).is_some();
        span.push(candidate);
        *risk = if copied { span_values(table, &span, default_prob)?.bci } else { 0.0 };
        span.pop();
        if *risk > tau {
            *logit -= gamma;
            vetoed.push(candidate);
        }
    }
    Ok(vetoed)
}
