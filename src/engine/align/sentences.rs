//! Sentences and documents of two languages, by the vectors of an aligner pack.

use std::ops::Range;

use crate::engine::align::aligner::{Aligner, Work};
use crate::model::control::Control;
use crate::scoring::align::documents;
use crate::scoring::align::overlaps::Overlaps;
use crate::scoring::align::vecalign::{self, vecalign};
use crate::scoring::align::{Matrix, similarity};
use crate::{Code, Error};

/// The most sentences a side may have: its vectors take 1.2 GB.
pub const MAX_SENTENCES: usize = 1 << 18;
/// The most pairs of sentences that documents are compared by: 256 MB.
const MAX_PAIRS: usize = 1 << 24;
/// Neighbours that a margin is taken over.
const NEIGHBOURS: usize = 4;

/// Sentences that belong together; an empty side was added or left out.
#[derive(Clone, Debug, PartialEq)]
pub struct SentencePair {
    /// Positions among the source sentences.
    pub source: Range<usize>,
    /// Positions among the target sentences.
    pub target: Range<usize>,
    /// Cosine of the two sides' vectors; 0 for an empty side.
    pub score: f32,
}

/// Two documents that belong together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DocumentLink {
    /// Positions of the documents.
    pub source: usize,
    /// Position of the target document.
    pub target: usize,
    /// The share of their sentences that are translations of each other, in `[0, 1]`.
    pub score: f32,
}

impl Aligner {
    /// Aligns the sentences of two documents in order, up to three on a side (Vecalign).
    ///
    /// Of fewer than five sentences a large part of all pairs are translations: the price of leaving a sentence out is taken
    /// among the other pairs, or it would be that of a good one.
    ///
    /// # Errors
    /// [`Code::TooLarge`] for a sentence over the pack's bound or too many of them; what `control` and the backend say.
    /// # Cost
    /// A model run for each sentence and each run of two or three; the search is linear in the sentences.
    pub fn sentences(
        &self,
        work: &mut Work,
        source: &[&str],
        target: &[&str],
        options: vecalign::Options,
        control: &Control,
    ) -> Result<Vec<SentencePair>, Error> {
        let layers = options.largest_bead.saturating_sub(1).max(1);
        let source = self.overlaps(work, source, layers, control)?;
        let target = self.overlaps(work, target, layers, control)?;
        control.check()?;
        let options = vecalign::Options {
            skip_quantile: among_others(options.skip_quantile, [&source, &target]),
            ..options
        };
        let found = vecalign(&source, &target, None, options)?;
        let score = |a: &Range<usize>, b: &Range<usize>| {
            if a.is_empty() || b.is_empty() {
                return 0.0;
            }
            let (x, y) = (source.row(a.len() - 1, a.end - 1), target.row(b.len() - 1, b.end - 1));
            x.iter().zip(y).map(|(x, y)| x * y).sum()
        };
        let pair = |bead: crate::scoring::align::overlaps::Bead| {
            let score = score(&bead.source, &bead.target);
            SentencePair { source: bead.source, target: bead.target, score }
        };
        Ok(found.beads.into_iter().map(pair).collect())
    }

    /// Pairs documents by the sentences that they share (the Document Alignment Coefficient), each at most once.
    ///
    /// # Errors
    /// [`Code::TooLarge`] for a sentence over the pack's bound, or more than 16,777,216 pairs of sentences; what `control` and
    /// the backend say.
    /// # Cost
    /// A model run a sentence; 16 bytes a pair of sentences.
    pub fn documents(
        &self,
        work: &mut Work,
        source: &[Vec<&str>],
        target: &[Vec<&str>],
        control: &Control,
    ) -> Result<Vec<DocumentLink>, Error> {
        let count = |side: &[Vec<&str>]| side.iter().map(Vec::len).collect::<Vec<_>>();
        let (n_source, n_target) = (count(source), count(target));
        let (n, m) = (n_source.iter().sum::<usize>(), n_target.iter().sum::<usize>());
        for (side, n) in [("source", n), ("target", m)] {
            if n > MAX_SENTENCES {
                let message = format!("the {side} documents have {n} sentences; at most {MAX_SENTENCES}");
                return Err(Error::new(Code::TooLarge, message));
            }
        }
        if n.saturating_mul(m) > MAX_PAIRS {
            let message =
                format!("{n} and {m} sentences make {} pairs; at most {MAX_PAIRS}", n.saturating_mul(m));
            return Err(Error::new(Code::TooLarge, message));
        }
        if n == 0 || m == 0 {
            return Ok(Vec::new());
        }
        let mut vectors = [Vec::new(), Vec::new()];
        for (side, vectors) in [source, target].into_iter().zip(&mut vectors) {
            self.push_vectors(work, side.iter().flatten(), control, vectors)?;
        }
        let mut cosines = vec![0.0; n * m];
        let mut scratch = similarity::Scratch::default();
        similarity::cosine(self.isa, &vectors[0], &vectors[1], self.dim, &mut scratch, &mut cosines)?;
        cosines.iter_mut().for_each(|s| *s = 2.0 * *s - 1.0);
        control.check()?;
        let found =
            documents::pairs_of_cosines(Matrix::new(&cosines, n, m)?, &n_source, &n_target, NEIGHBOURS)?;
        let link = |p: &documents::DocumentPair| DocumentLink {
            source: p.source,
            target: p.target,
            score: p.score as f32,
        };
        Ok(found.iter().map(link).collect())
    }

    /// Vectors of each sentence and of the runs that end at it, joined by spaces.
    fn overlaps(
        &self,
        work: &mut Work,
        sentences: &[&str],
        layers: usize,
        control: &Control,
    ) -> Result<Overlaps, Error> {
        let n = sentences.len();
        if n > MAX_SENTENCES {
            let message = format!("{n} sentences; a document has at most {MAX_SENTENCES}");
            return Err(Error::new(Code::TooLarge, message));
        }
        let mut vectors = Vec::with_capacity(layers * n * self.dim);
        for layer in 0..layers {
            vectors.resize(vectors.len() + layer.min(n) * self.dim, 0.0);
            let runs = sentences.windows(layer + 1).map(|run| run.join(" "));
            self.push_vectors(work, runs, control, &mut vectors)?;
        }
        Overlaps::new(vectors, layers, n, self.dim)
    }
}

/// Sides so short that the pairs which belong together are more than a fifth of all.
const FEW: usize = 5;

/// The quantile of all pairs that is `quantile` of those which do not belong together.
fn among_others(quantile: f64, sides: [&Overlaps; 2]) -> f64 {
    let [n, m] = sides.map(Overlaps::len);
    let longer = n.max(m);
    // `min(n, m)` of the `n * m` pairs belong together.
    if longer >= FEW || !(0.0..=1.0).contains(&quantile) {
        return quantile;
    }
    let share = 1.0 / longer.max(1) as f64;
    share + (1.0 - share) * quantile
}
