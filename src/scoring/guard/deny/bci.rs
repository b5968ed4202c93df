//! The engine's form of the Belief Conflict Index: spans of any length that the corpus has, weighed by its own counts.

use crate::Error;
use crate::scoring::guard::deny::suffix::{Corpus, SEPARATOR};
use crate::scoring::order;
use crate::scoring::refuse::invalid;

/// The most documents that a span names.
const MAX_DOCUMENTS: usize = 64;

/// A span of the text that the corpus has.
#[derive(Clone, Debug, PartialEq)]
pub struct CopiedSpan {
    /// Its first token in the text.
    pub start: usize,
    /// Its tokens.
    pub len: usize,
    /// How often the corpus has it.
    pub count: usize,
    /// The documents that have it, ascending, at most 64.
    pub documents: Vec<usize>,
    /// The sum of its tokens' surprise, in nats.
    pub bci: f64,
}

/// What a text has in common with the corpus.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// For each token, the length of the longest run of the corpus that begins there.
    pub match_len: Vec<usize>,
    /// The spans that are not part of a longer one, in order.
    pub spans: Vec<CopiedSpan>,
    /// The largest index of any span; 0 without one.
    pub max_bci: f64,
    /// Whether it is above the threshold.
    pub refuse: bool,
}

/// A token's probability by the corpus's own counts: `(count + alpha) / (n + alpha * vocabulary)`.
pub fn corpus_probability(corpus: &Corpus, token: u32, vocabulary: usize, alpha: f64) -> f64 {
    (corpus.count(token) as f64 + alpha) / (corpus.n_tokens() as f64 + alpha * vocabulary as f64)
}

/// The spans of `text` that `corpus` has verbatim, of at least `min_len` tokens and at most `max_count` occurrences.
///
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if `min_len` or `vocabulary` is 0, `alpha` is not finite and above
/// 0, or `tau` is NaN.
/// # Cost
/// `O(m * L log n)` for `m` tokens and runs of `L`.
/// # Source
/// Belief Conflict Index of TraceAlign (Das et al. 2025), the maximal-span form of safety-filter.md, section 4; golden file
/// `tracealign_bci.json`, `bci`.
pub fn copied_spans(
    corpus: &Corpus,
    text: &[u32],
    min_len: usize,
    max_count: usize,
    (vocabulary, alpha): (usize, f64),
    tau: f64,
) -> Result<Report, Error> {
    if min_len == 0 || vocabulary == 0 {
        return Err(invalid(format!(
            "min_len {min_len} and a vocabulary of {vocabulary}; both are at least 1"
        )));
    }
    if !(alpha.is_finite() && alpha > 0.0) || tau.is_nan() {
        return Err(invalid(format!(
            "alpha {alpha} and tau {tau}; alpha is finite and above 0, tau is a number"
        )));
    }
    let mut report = Report::default();
    let mut surprise = Vec::with_capacity(text.len());
    for &token in text {
        // ln(P + 1e-12), as for every known token of the index.
        surprise.push(-(corpus_probability(corpus, token, vocabulary, alpha) + 1e-12).ln());
    }
    let mut before = 0;
    for start in 0..text.len() {
        let found = corpus.longest(&text[start..]);
        let maximal = start == 0 || before <= found.len;
        before = found.len;
        report.match_len.push(found.len);
        let count = found.end - found.start;
        if found.len < min_len || !maximal || count > max_count {
            continue;
        }
        let bci: f64 = surprise[start..start + found.len].iter().sum();
        report.max_bci = report.max_bci.max(bci);
        let documents = corpus.documents_of(found, MAX_DOCUMENTS);
        report.spans.push(CopiedSpan { start, len: found.len, count, documents, bci });
    }
    report.refuse = report.max_bci > tau;
    Ok(report)
}

/// Which beams are left after a veto.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BeamChoice {
    /// Each beam's largest index.
    pub max_bci: Vec<f64>,
    /// Positions of the beams above the threshold.
    pub vetoed: Vec<usize>,
    /// Positions of the beams that stay, the best score first; if none stays, the one with the least index.
    pub order: Vec<usize>,
    /// Whether every beam was above the threshold, so that the host may refuse.
    pub all_vetoed: bool,
}

/// Ranks beams by score without those that copy too much.
///
/// # Errors
/// As [`copied_spans`]; [`Code::InvalidArgument`](crate::Code::InvalidArgument) for a score that is NaN, or without a beam.
/// # Source
/// Prov-Decode, the beam form of decoding.md, section 12; golden file `tracealign_bci.json`, `prov_decode`.
pub fn beams(
    corpus: &Corpus,
    beams: &[(&[u32], f64)],
    min_len: usize,
    smoothing: (usize, f64),
    tau: f64,
) -> Result<BeamChoice, Error> {
    if beams.is_empty() || beams.iter().any(|(tokens, score)| score.is_nan() || tokens.contains(&SEPARATOR)) {
        return Err(invalid(format!(
            "{} beams; there is at least one, with a score that is a number",
            beams.len()
        )));
    }
    let mut choice = BeamChoice::default();
    for (tokens, _) in beams {
        choice.max_bci.push(copied_spans(corpus, tokens, min_len, usize::MAX, smoothing, tau)?.max_bci);
    }
    choice.vetoed = (0..beams.len()).filter(|beam| choice.max_bci[*beam] > tau).collect();
    choice.order = (0..beams.len()).filter(|beam| choice.max_bci[*beam] <= tau).collect();
    order::places(&mut choice.order, &mut |a, b| beams[b].1.total_cmp(&beams[a].1));
    choice.all_vetoed = choice.order.is_empty();
    if choice.all_vetoed {
        let least = (0..beams.len()).min_by(|a, b| choice.max_bci[*a].total_cmp(&choice.max_bci[*b]));
        choice.order.extend(least);
    }
    Ok(choice)
}
