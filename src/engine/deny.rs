//! A deny corpus as a file, mapped and searched where it lies, and texts held against it word by word.
//!
//! A file, all numbers little-endian: the magic, then three numbers, `u64` (words with a separator for each document,
//! documents, different words), then `u32`: the words' numbers, the suffix array, where each document begins; then BLAKE3 of
//! all that. A word is a run of letters and digits of the canonical text in small letters; its number is a hash of it.

use std::collections::{BTreeSet, VecDeque};
use std::fs::File;
use std::ops::Range;
use std::path::Path;

use crate::model::map::Mapped;
use crate::scoring::guard::canonical::Canonical;
use crate::scoring::guard::deny::{Corpus, Interval, MAX_TOKENS, SEPARATOR, build, corpus_probability};
use crate::{Code, Error};

const MAGIC: &[u8; 8] = b"TLDENY\0\x01";
const HEADER: usize = 8 + 3 * 8;
const DIGEST: usize = 32;
/// The largest file.
const MAX_BYTES: u64 = (HEADER + DIGEST) as u64 + 12 * MAX_TOKENS as u64;
/// Words of a run that is followed; of a longer one its last so many.
pub(super) const MAX_RUN: usize = 256;

/// An index, checked once. Immutable; shared by threads.
#[derive(Debug)]
pub struct DenyIndex {
    bytes: Mapped,
    n_words: usize,
    n_documents: usize,
    vocabulary: usize,
    digest: [u8; DIGEST],
}

/// The file of an index of these documents. One without a word is left out.
///
/// # Errors
/// [`Code::EmptyText`] if no document has a word; [`Code::TooLarge`] for more than [`MAX_TOKENS`].
/// # Cost
/// A sort of all suffixes; 16 bytes of memory a word while it runs.
pub fn index<'a>(documents: impl Iterator<Item = &'a str>) -> Result<Vec<u8>, Error> {
    let (mut words, mut starts) = (Vec::new(), Vec::new());
    for document in documents {
        let start = words.len();
        let canonical = Canonical::new(document)?;
        each_word(canonical.text(), 0, true, |id, _| words.push(id));
        if words.len() > start {
            starts.push(start as u32);
            words.push(SEPARATOR);
        }
        if words.len() > MAX_TOKENS {
            let message = format!("the documents have {} words or more; at most {MAX_TOKENS}", words.len());
            return Err(Error::new(Code::TooLarge, message));
        }
    }
    if words.is_empty() {
        return Err(Error::new(Code::EmptyText, "no document has a word; there is nothing to deny"));
    }
    let different: BTreeSet<u32> = words.iter().copied().filter(|&word| word != SEPARATOR).collect();
    let suffixes = build(&words)?;
    let mut out = MAGIC.to_vec();
    for n in [words.len(), starts.len(), different.len()] {
        out.extend((n as u64).to_le_bytes());
    }
    for number in words.iter().chain(&suffixes).chain(&starts) {
        out.extend(number.to_le_bytes());
    }
    let digest = blake3::hash(&out);
    out.extend(digest.as_bytes());
    Ok(out)
}

impl DenyIndex {
    /// Maps a file and checks it.
    ///
    /// # Errors
    /// [`Code::Io`] if it cannot be read; otherwise as [`DenyIndex::from_bytes`].
    /// # Cost
    /// Linear in the file.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let named = |e: Error| Error::new(e.code, format!("{}: {}", path.display(), e.message));
        let io = |e: std::io::Error| named(Error::new(Code::Io, e.to_string()));
        let file = File::open(path).map_err(io)?;
        let about = file.metadata().map_err(io)?;
        if !about.is_file() || about.len() > MAX_BYTES {
            let why = format!("{} bytes; a deny index is a plain file of at most {MAX_BYTES}", about.len());
            return Err(named(Error::new(Code::TooLarge, why)));
        }
        let bytes = usize::try_from(about.len()).unwrap_or(usize::MAX);
        Self::check(Mapped::new(&file, bytes).map_err(named)?).map_err(named)
    }

    /// Checks a copy of a file's bytes.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`] if that is not what they are; [`Code::HashMismatch`] if they were changed.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        Self::check(Mapped::copy_of(bytes))
    }

    fn check(bytes: Mapped) -> Result<Self, Error> {
        let wrong = |why: String| Error::new(Code::InvalidArgument, format!("this is no deny index: {why}"));
        if cfg!(target_endian = "big") {
            return Err(Error::new(Code::Unavailable, "deny indexes are read where they lie, little-endian"));
        }
        let all = bytes.as_ref();
        if all.len() < HEADER + DIGEST || !all.starts_with(MAGIC) {
            return Err(wrong(format!("{} bytes, and not of its kind", all.len())));
        }
        let number = |at: usize| {
            let mut raw = [0; 8];
            raw.copy_from_slice(&all[8 + 8 * at..][..8]);
            usize::try_from(u64::from_le_bytes(raw)).ok().filter(|&n| n <= MAX_TOKENS)
        };
        let (Some(n_words), Some(n_documents), Some(vocabulary)) = (number(0), number(1), number(2)) else {
            return Err(wrong(format!("it states more than {MAX_TOKENS} words")));
        };
        let wanted = HEADER + 4 * (2 * n_words + n_documents) + DIGEST;
        if all.len() != wanted {
            return Err(wrong(format!("it has {} bytes, and states {wanted}", all.len())));
        }
        let (body, stated) = all.split_at(all.len() - DIGEST);
        let digest = *blake3::hash(body).as_bytes();
        if digest != *stated {
            return Err(Error::new(Code::HashMismatch, "the deny index was changed after it was made"));
        }
        if vocabulary == 0 || n_documents == 0 {
            return Err(wrong("it has no word".into()));
        }
        let found = Self { bytes, n_words, n_documents, vocabulary, digest };
        let [words, suffixes, starts] = found.parts();
        Corpus::new(words, suffixes, starts).map_err(|e| wrong(e.message))?;
        Ok(found)
    }

    fn parts(&self) -> [&[u32]; 3] {
        let all = self.bytes.as_ref();
        let part = |from: usize, n: usize| {
            // At a multiple of 4 from a start at a multiple of 64.
            bytemuck::try_cast_slice(&all[HEADER + 4 * from..][..4 * n]).unwrap_or_default()
        };
        [part(0, self.n_words), part(self.n_words, self.n_words), part(2 * self.n_words, self.n_documents)]
    }

    /// What is searched.
    pub fn corpus(&self) -> Corpus<'_> {
        let [words, suffixes, starts] = self.parts();
        Corpus::trusted(words, suffixes, starts)
    }

    /// Documents.
    pub fn n_documents(&self) -> usize {
        self.n_documents
    }

    /// BLAKE3 of the file.
    pub fn digest(&self) -> &[u8; DIGEST] {
        &self.digest
    }

    /// A word's surprise by the corpus's own counts, in nats.
    pub(super) fn surprise(&self, word: u32) -> f64 {
        -(corpus_probability(&self.corpus(), word, self.vocabulary, 1.0) + 1e-12).ln()
    }
}

/// Words of `text` from byte `from` on, with their places; gives where the first one begins that is not over yet. With `last`
/// the text's end ends it.
pub(super) fn each_word(
    text: &str,
    from: usize,
    last: bool,
    mut each: impl FnMut(u32, Range<usize>),
) -> usize {
    let rest = &text[from..];
    let mut start = None;
    for (at, c) in rest.char_indices().map(|(at, c)| (from + at, c)) {
        match (c.is_alphanumeric(), start) {
            (true, None) => start = Some(at),
            (false, Some(first)) => {
                each(number(&text[first..at]), first..at);
                start = None;
            }
            _ => {}
        }
    }
    match start {
        Some(first) if last => {
            each(number(&text[first..]), first..text.len());
            text.len()
        }
        Some(first) => first,
        None => text.len(),
    }
}

/// A word's number: of the same letters in either case the same.
fn number(word: &str) -> u32 {
    let of = |lower: &[u8]| {
        let mut raw = [0; 4];
        raw.copy_from_slice(&blake3::hash(lower).as_bytes()[..4]);
        u32::from_le_bytes(raw) % SEPARATOR
    };
    // Most words, without a heap call.
    let mut small = [0; 64];
    if word.is_ascii()
        && let Some(lower) = small.get_mut(..word.len())
    {
        lower.copy_from_slice(word.as_bytes());
        lower.make_ascii_lowercase();
        return of(lower);
    }
    of(word.to_lowercase().as_bytes())
}

/// When a run of words is refused.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// Above this index, in nats.
    pub tau: f64,
    /// Of so many words at least.
    pub min_words: usize,
}

/// One text on its way past an index.
#[derive(Clone, Debug, Default)]
pub(super) struct Scan {
    /// Where in the canonical text the first word begins that was not read.
    at: usize,
    /// The longest run of words up to there that the corpus has.
    run: VecDeque<(u32, Range<usize>, f64)>,
    interval: Option<Interval>,
    /// Places in the canonical text that are refused.
    pub(super) found: Vec<Range<usize>>,
    /// Whether the last one may still grow.
    open: bool,
}

impl Scan {
    /// Reads on in the canonical text; `last` if nothing follows.
    pub(super) fn read(&mut self, index: &DenyIndex, bounds: Bounds, text: &str, last: bool) {
        let corpus = index.corpus();
        let from = self.at;
        self.at = each_word(text, from, last, |word, place| self.word(index, &corpus, bounds, word, place));
    }

    fn word(
        &mut self,
        index: &DenyIndex,
        corpus: &Corpus<'_>,
        bounds: Bounds,
        word: u32,
        place: Range<usize>,
    ) {
        loop {
            let interval = self.interval.unwrap_or_else(|| corpus.all());
            if self.run.len() < MAX_RUN
                && let Some(longer) = corpus.extend(interval, word)
            {
                self.interval = Some(longer);
                self.run.push_back((word, place, index.surprise(word)));
                break;
            }
            self.open &= self.run.len() == MAX_RUN;
            if self.run.pop_front().is_none() {
                return;
            }
            let ids: Vec<u32> = self.run.iter().map(|(word, ..)| *word).collect();
            self.interval = corpus.find(&ids);
        }
        let (Some(first), Some(end)) = (self.run.front(), self.run.back()) else { return };
        let (start, end) = (first.1.start, end.1.end);
        let bci: f64 = self.run.iter().map(|(.., surprise)| surprise).sum();
        if self.run.len() < bounds.min_words || bci <= bounds.tau {
            return;
        }
        match self.found.last_mut().filter(|_| self.open) {
            Some(span) => span.end = end,
            None => self.found.push(start..end),
        }
        self.open = true;
    }

    /// The canonical place from which on text may be part of a run that is not over yet.
    pub(super) fn settled(&self) -> usize {
        self.run.front().map_or(self.at, |(_, place, _)| place.start.min(self.at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoring::guard::deny::copied_spans;

    const DOCUMENTS: [&str; 3] = [
        "The quick brown fox jumps over the lazy dog, and runs away.",
        "Pack my box with five dozen liquor jugs!",
        "brown fox jumps over five dozen boxes",
    ];

    fn bytes() -> Vec<u8> {
        index(DOCUMENTS.into_iter().chain(["", " ... "])).expect("words")
    }

    fn scanned(text: &str, bounds: Bounds, cut: usize) -> Vec<Range<usize>> {
        let index = DenyIndex::from_bytes(&bytes()).expect("an index");
        let mut scan = Scan::default();
        let mut end = 0;
        while end < text.len() {
            end = text.ceil_char_boundary((end + cut).min(text.len()));
            scan.read(&index, bounds, &text[..end], end == text.len());
        }
        scan.found
    }

    #[test]
    fn runs_are_found_wherever_the_text_is_cut() {
        let bounds = Bounds { tau: 8.0, min_words: 4 };
        let text =
            "so: QUICK  brown fox\njumps over the hedge; five dozen liquor jugs \u{e9} my box with five";
        let whole = scanned(text, bounds, usize::MAX / 2);
        let found: Vec<&str> = whole.iter().map(|r| &text[r.clone()]).collect();
        assert_eq!(found, ["QUICK  brown fox\njumps over the", "five dozen liquor jugs", "my box with five"]);
        for cut in 1..20 {
            assert_eq!(scanned(text, bounds, cut), whole, "{cut}");
        }
        assert!(scanned("quick brown fox", bounds, 5).is_empty(), "three words");
        assert!(scanned(text, Bounds { tau: 1e6, ..bounds }, 5).is_empty());
    }

    #[test]
    fn spans_are_those_of_the_engine_form() {
        let index = DenyIndex::from_bytes(&bytes()).expect("an index");
        let text =
            "my box with five dozen boxes and the quick brown fox jumps over five dozen liquor jugs over";
        let (mut words, mut places) = (Vec::new(), Vec::new());
        each_word(text, 0, true, |word, place| {
            words.push(word);
            places.push(place);
        });
        let tau = 10.0;
        let smoothing = (index.vocabulary, 1.0);
        let report = copied_spans(&index.corpus(), &words, 4, usize::MAX, smoothing, tau).expect("words");
        let wanted: Vec<Range<usize>> = report
            .spans
            .iter()
            .filter(|span| span.bci > tau)
            .map(|span| places[span.start].start..places[span.start + span.len - 1].end)
            .collect();
        assert!(wanted.len() > 2);
        assert_eq!(scanned(text, Bounds { tau, min_words: 4 }, 3), wanted);
    }

    #[test]
    fn damage_is_refused_and_nothing_is_no_index() {
        let good = bytes();
        assert_eq!(DenyIndex::from_bytes(&good).expect("an index").n_documents(), 3);
        for at in (0..good.len()).step_by(7) {
            let mut bad = good.clone();
            bad[at] ^= 0x41;
            assert!(DenyIndex::from_bytes(&bad).is_err(), "byte {at}");
            assert!(DenyIndex::from_bytes(&good[..at]).is_err(), "cut at {at}");
        }
        // With a digest of its own, a file that lies is found out by its order.
        let mut lie = good[..good.len() - DIGEST].to_vec();
        let n = DenyIndex::from_bytes(&good).expect("an index").n_words;
        for byte in 0..4 {
            lie.swap(HEADER + 4 * n + byte, HEADER + 4 * (2 * n - 1) + byte);
        }
        let digest = blake3::hash(&lie);
        lie.extend(digest.as_bytes());
        let refused = DenyIndex::from_bytes(&lie).map(|_| ());
        assert!(refused.is_err_and(|e| e.code == Code::InvalidArgument));
        assert!(index(["", "?!"].into_iter()).is_err_and(|e| e.code == Code::EmptyText));
    }
}
