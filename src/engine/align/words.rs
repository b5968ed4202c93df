//! Words of two sentences: tokens, states, links between pieces, links between words.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use crate::engine::align::aligner::{Aligner, Work};
use crate::kernels::Isa;
use crate::model::control::{CancelToken, Control};
use crate::scoring::align::fused::{self, ScoredLink, mutual_cosine};
use crate::scoring::align::itermax::{self, itermax};
use crate::scoring::align::matching::{self, matching};
use crate::scoring::align::near::{self, Links};
use crate::scoring::align::words::word_means;
use crate::scoring::align::{Link, Matrix, argmax, awesome, similarity, split};
use crate::{Code, Error};

/// The most words a side may have.
pub const MAX_WORDS: usize = 65_536;
/// Above this many pairs of pieces a method that needs them all works on words instead: 16 MB.
const MAX_PAIRS: usize = 1 << 21;
/// The most pairs that a matrix is made for: 512 MB.
pub const MAX_MATRIX: usize = 1 << 26;
/// From here on a matrix is larger than the model's buffers, which make way for it.
const LARGE: usize = 1 << 20;
/// What cosines are divided by before a softmax: chosen on the Japanese-English gold pairs, so that the published threshold holds.
const TEMPERATURE: f64 = 0.008;

/// How links are read from similarities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// Best for each other (SimAlign `inter`): the most precise.
    #[default]
    Argmax,
    /// The same again among what is left (SimAlign `itermax`): more links.
    Itermax,
    /// One partner each, of the greatest sum (SimAlign `mwmf`): the most links.
    Match,
    /// The best target of each source.
    Forward,
    /// The best source of each target.
    Reverse,
    /// Probable both ways by softmax (AWESOME-align).
    Softmax,
    /// Probable both ways by 1.5-entmax (AWESOME-align).
    Entmax,
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Argmax, Self::Itermax, Self::Match, Self::Forward, Self::Reverse, Self::Softmax, Self::Entmax];

    /// Its word in the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Argmax => "argmax",
            Self::Itermax => "itermax",
            Self::Match => "match",
            Self::Forward => "forward",
            Self::Reverse => "reverse",
            Self::Softmax => "softmax",
            Self::Entmax => "entmax",
        }
    }

    /// The method with this word.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`] listing the words.
    pub fn from_name(name: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|method| method.name() == name).ok_or_else(|| {
            let known: Vec<&str> = Self::ALL.iter().map(|m| m.name()).collect();
            let message = format!("method {name:?} is not known; there are {}", known.join(", "));
            Error::new(Code::InvalidArgument, message)
        })
    }
}

/// How words are aligned.
#[derive(Clone, Debug)]
pub struct WordOptions {
    /// How links are read.
    pub method: Method,
    /// In favour of the diagonal, in `[0, 1]`: SimAlign's distortion; 0 is none. Not used by softmax and entmax.
    pub distortion: f64,
    /// Matches words by the means of their pieces, not pieces.
    pub whole_words: bool,
    /// With softmax, the least probability both ways; in `[0, 1)`.
    pub threshold: f64,
    /// The call fails with [`Code::DeadlineExceeded`] if it takes longer.
    pub timeout: Option<Duration>,
    /// The call fails with [`Code::Cancelled`] once this is set.
    pub cancel: Option<Arc<CancelToken>>,
}

impl Default for WordOptions {
    fn default() -> Self {
        let (method, distortion, whole_words, threshold) = (Method::Argmax, 0.0, false, 0.001);
        Self { method, distortion, whole_words, threshold, timeout: None, cancel: None }
    }
}

/// One side of a pair.
#[derive(Clone, Copy, Debug)]
pub enum Side<'a> {
    /// A sentence, to be split by Unicode's rules; where its script has no spaces, by the pack's vocabulary.
    Text(&'a str),
    /// Words as the caller has them.
    Words(&'a [&'a str]),
}

/// Two words that belong together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WordLink {
    /// Positions of the words.
    pub link: Link,
    /// `(cos + 1) / 2` of the pieces that are most alike among those linked.
    pub score: f32,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WordAlignment {
    /// Links between words, sorted, each once.
    pub links: Vec<WordLink>,
    /// Bytes of each source word: of the text, or of the word itself where words were given.
    pub source: Vec<Range<usize>>,
    /// Bytes of each target word.
    pub target: Vec<Range<usize>>,
}

impl WordAlignment {
    /// Words of a side without a link: of the source, of the target.
    pub fn unlinked(&self) -> [Vec<usize>; 2] {
        let mut linked = [vec![false; self.source.len()], vec![false; self.target.len()]];
        for WordLink { link, .. } in &self.links {
            linked[0][link.source] = true;
            linked[1][link.target] = true;
        }
        linked.map(|side| side.iter().enumerate().filter(|(_, linked)| !**linked).map(|(at, _)| at).collect())
    }
}

/// Memory of the extraction.
#[derive(Default)]
pub struct Scratch {
    near: near::Scratch,
    fused: fused::Scratch,
    similarity: similarity::Scratch,
    itermax: itermax::Scratch,
    matching: matching::Scratch,
    awesome: awesome::Scratch,
    preferences: argmax::Preferences,
}

/// The units of one side that are matched.
struct Units {
    words: Vec<Range<usize>>,
    /// The word of each row.
    word_of: Vec<usize>,
    /// `[word_of.len(), dim]`.
    rows: Vec<f32>,
}

impl Aligner {
    /// Aligns the words of two sentences.
    ///
    /// # Errors
    /// [`Code::TooLarge`] for a text over the pack's bound, more than 65,536 words or [`MAX_MATRIX`] pairs; [`Code::InvalidArgument`] for an option out
    /// of its range; the deadline and the cancel token; what the backend says. A side without a word is no error: there is
    /// no link.
    /// # Cost
    /// A model run a side and window; then `O(pieces of the source * pieces of the target)`. Memory is linear in both for
    /// [`Method::Argmax`] without distortion; otherwise 8 bytes ([`Method::Match`], softmax and entmax: 16) a pair of
    /// pieces, or a pair of words above 2,097,152.
    pub fn words(
        &self,
        work: &mut Work,
        source: Side,
        target: Side,
        options: &WordOptions,
    ) -> Result<WordAlignment, Error> {
        let control = Control::new(options.timeout, options.cancel.clone());
        if !(0.0..=1.0).contains(&options.distortion) {
            let message = format!("distortion is {}; it lies in [0, 1]", options.distortion);
            return Err(Error::new(Code::InvalidArgument, message));
        }
        let mut source = self.units(work, source, &control)?;
        let mut target = self.units(work, target, &control)?;
        let pairs = source.word_of.len().saturating_mul(target.word_of.len());
        if options.whole_words || (pairs > MAX_PAIRS && !options.is_fused()) {
            self.to_words(&mut source)?;
            self.to_words(&mut target)?;
        }
        let mut best: BTreeMap<Link, f32> = BTreeMap::new();
        let rows = [&source.rows[..], &target.rows[..]];
        let mut found = Vec::new();
        control.check()?;
        if !options.is_fused() && source.word_of.len().saturating_mul(target.word_of.len()) > LARGE {
            work.let_go();
        }
        links_of_rows(self.isa, rows, self.dim, options, &mut work.words, &mut found)?;
        for ScoredLink { link, score } in found {
            let link = Link::new(source.word_of[link.source], target.word_of[link.target]);
            let held = best.entry(link).or_insert(score as f32);
            *held = held.max(score as f32);
        }
        let links = best.into_iter().map(|(link, score)| WordLink { link, score }).collect();
        Ok(WordAlignment { links, source: source.words, target: target.words })
    }

    fn units(&self, work: &mut Work, side: Side, control: &Control) -> Result<Units, Error> {
        let (texts, words) = match side {
            Side::Words(given) => {
                let bytes = given.iter().map(|word| word.len()).fold(0, usize::saturating_add);
                self.check_text(bytes)?;
                (given.to_vec(), given.iter().map(|word| 0..word.len()).collect())
            }
            Side::Text(text) => {
                self.check_text(text.len())?;
                let words = self.split(work, text, control)?;
                (words.iter().map(|bytes| &text[bytes.clone()]).collect::<Vec<_>>(), words)
            }
        };
        if texts.len() > MAX_WORDS {
            let message = format!("{} words; a side has at most {MAX_WORDS}", texts.len());
            return Err(Error::new(Code::TooLarge, message));
        }
        let (mut ids, mut word_of) = (Vec::new(), Vec::new());
        for (at, word) in texts.iter().enumerate() {
            self.encode(work, word, control)?;
            ids.extend_from_slice(&work.encoding.ids);
            word_of.resize(ids.len(), at);
        }
        let mut rows = if ids.is_empty() { Vec::new() } else { self.states(work, &ids, control)? };
        self.drop_starts(&ids, &mut word_of, &mut rows);
        Ok(Units { words, word_of, rows })
    }

    /// Leaves out the pieces that only say that a word starts, of words that have others: they are like each other and would
    /// link words that are not.
    fn drop_starts(&self, ids: &[u32], word_of: &mut Vec<usize>, rows: &mut Vec<f32>) {
        let mut kept = 0;
        for at in 0..ids.len() {
            let has_more = word_of.get(at + 1) == Some(&word_of[at]);
            if Some(ids[at]) == self.start && has_more {
                continue;
            }
            word_of[kept] = word_of[at];
            rows.copy_within(at * self.dim..(at + 1) * self.dim, kept * self.dim);
            kept += 1;
        }
        word_of.truncate(kept);
        rows.truncate(kept * self.dim);
    }

    /// The words of a text; runs without spaces are split as the pack's vocabulary does.
    fn split(&self, work: &mut Work, text: &str, control: &Control) -> Result<Vec<Range<usize>>, Error> {
        let mut words = Vec::new();
        for piece in split::words(text) {
            if !piece.unspaced {
                words.push(piece.bytes);
                continue;
            }
            let start = piece.bytes.start;
            self.encode(work, &text[piece.bytes.clone()], control)?;
            let mut from = start;
            for &(_, end) in &work.encoding.offsets {
                let end = start + end;
                // A piece without text of its own, such as the mark of a word's start, belongs to the next.
                if end > from && text.is_char_boundary(end) {
                    words.push(from..end);
                    from = end;
                }
            }
            if from < piece.bytes.end {
                words.push(from..piece.bytes.end);
            }
        }
        Ok(words)
    }

    /// Turns rows of pieces into rows of words.
    fn to_words(&self, units: &mut Units) -> Result<(), Error> {
        let (mut means, mut words) = (Vec::new(), Vec::new());
        word_means(&units.rows, &units.word_of, self.dim, &mut means, &mut words)?;
        (units.rows, units.word_of) = (means, words);
        Ok(())
    }
}

impl WordOptions {
    /// Whether links come from embeddings without a matrix between.
    fn is_fused(&self) -> bool {
        self.method == Method::Argmax && self.distortion == 0.0
    }
}

/// Replaces `links` by those between the rows of two sides, sorted, with `(cos + 1) / 2` of each.
///
/// # Shapes
/// `rows`: `[n_source, dim]` and `[n_target, dim]`. An empty side gives none.
/// # Errors
/// [`Code::InvalidArgument`] if the rows are not full, a value is not finite, or an option is out of its range;
/// [`Code::TooLarge`] for more than [`MAX_MATRIX`] pairs, but for [`Method::Argmax`] without distortion.
/// # Cost
/// `O(n_source * n_target * dim)` in SIMD, then that of the method. Memory is linear for [`Method::Argmax`] without distortion.
pub fn links_of_rows(
    isa: Isa,
    rows: [&[f32]; 2],
    dim: usize,
    options: &WordOptions,
    scratch: &mut Scratch,
    links: &mut Vec<ScoredLink>,
) -> Result<(), Error> {
    let [x, y] = rows;
    let by_preference = match options.method {
        _ if options.distortion != 0.0 => None,
        Method::Argmax => Some(Links::Mutual),
        Method::Itermax => Some(Links::Itermax(itermax::Options::default())),
        Method::Forward => Some(Links::Forward),
        Method::Reverse => Some(Links::Reverse),
        Method::Match | Method::Softmax | Method::Entmax => None,
    };
    if let Some(how) = by_preference
        && near::links(isa, rows, dim, how, &mut scratch.near, links)?
    {
        return Ok(());
    }
    if options.is_fused() {
        return mutual_cosine(isa, x, y, dim, &mut scratch.fused, links);
    }
    links.clear();
    let (n, m) = (x.len().checked_div(dim).unwrap_or(0), y.len().checked_div(dim).unwrap_or(0));
    let pairs = n.saturating_mul(m);
    if pairs > MAX_MATRIX {
        let (name, argmax) = (options.method.name(), Method::Argmax.name());
        let message = format!(
            "{n} and {m} rows make {pairs} pairs; {name} takes at most {MAX_MATRIX}, {argmax} without distortion any number"
        );
        return Err(Error::new(Code::TooLarge, message));
    }
    let mut similarity = vec![0.0; pairs];
    similarity::cosine(isa, x, y, dim, &mut scratch.similarity, &mut similarity)?;
    let mut found = Vec::new();
    extract(scratch, options, &mut similarity, (n, m), &mut found)?;
    links.extend(found.iter().map(|l| ScoredLink { link: *l, score: similarity[l.source * m + l.target] }));
    Ok(())
}

/// The cosine of every pair of rows, `[n, m]`; that of a zero row is 0.
///
/// # Errors
/// [`Code::TooLarge`] for more than [`MAX_MATRIX`] pairs; those of [`similarity::cosine`].
/// # Cost
/// That of [`similarity::cosine`], and 8 bytes a pair.
pub fn cosines_of_rows(isa: Isa, rows: [&[f32]; 2], dim: usize) -> Result<Vec<f64>, Error> {
    let [x, y] = rows;
    let (n, m) = (x.len().checked_div(dim).unwrap_or(0), y.len().checked_div(dim).unwrap_or(0));
    let pairs = n.saturating_mul(m);
    if pairs > MAX_MATRIX {
        let message = format!("{n} and {m} rows make {pairs} pairs; at most {MAX_MATRIX}");
        return Err(Error::new(Code::TooLarge, message));
    }
    let mut cosines = vec![0.0; pairs];
    similarity::cosine(isa, x, y, dim, &mut similarity::Scratch::default(), &mut cosines)?;
    cosines.iter_mut().for_each(|s| *s = 2.0 * *s - 1.0);
    Ok(cosines)
}

/// Reads links from similarities, which are distorted on the way where that was asked for.
fn extract(
    scratch: &mut Scratch,
    options: &WordOptions,
    similarity: &mut [f64],
    (n, m): (usize, usize),
    links: &mut Vec<Link>,
) -> Result<(), Error> {
    if let Method::Softmax | Method::Entmax = options.method {
        // In place: of a large pair a copy would be as large again.
        similarity.iter_mut().for_each(|s| *s = (2.0 * *s - 1.0) / TEMPERATURE);
        links_of(Matrix::new(similarity, n, m)?, options, scratch, links)?;
        for l in links.iter() {
            let score = &mut similarity[l.source * m + l.target];
            *score = f64::midpoint(*score * TEMPERATURE, 1.0).clamp(0.0, 1.0);
        }
        return Ok(());
    }
    similarity::distort(similarity, n, m, options.distortion)?;
    links_of(Matrix::new(similarity, n, m)?, options, scratch, links)
}

/// Replaces `links` by those of a matrix of similarities, sorted; for [`Method::Softmax`] and [`Method::Entmax`], of raw scores. Of the
/// options, `method` and `threshold` are used.
///
/// # Errors
/// [`Code::InvalidArgument`] if the threshold is outside `[0, 1)`.
/// # Cost
/// That of the method; no allocation once `scratch` and `links` have room.
pub fn links_of(
    similarity: Matrix,
    options: &WordOptions,
    scratch: &mut Scratch,
    links: &mut Vec<Link>,
) -> Result<(), Error> {
    match options.method {
        Method::Argmax => argmax::mutual_argmax(similarity, links),
        Method::Itermax => itermax(similarity, itermax::Options::default(), &mut scratch.itermax, links)?,
        Method::Match => matching(similarity, &mut scratch.matching, links),
        Method::Forward | Method::Reverse => {
            links.clear();
            scratch.preferences.assign(similarity);
            if options.method == Method::Forward {
                scratch.preferences.forward(links);
            } else {
                scratch.preferences.reverse(links);
                links.sort_unstable();
            }
        }
        Method::Softmax => {
            awesome::softmax_links(similarity, options.threshold, &mut scratch.awesome, links)?;
        }
        Method::Entmax => awesome::entmax15_links(similarity, &mut scratch.awesome, links),
    }
    Ok(())
}
