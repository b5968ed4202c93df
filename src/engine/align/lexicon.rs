//! Tables of word pairs, trained from a bitext and saved: mapped, not read, and used where they lie.
//!
//! A file, all numbers little-endian: the magic, then ten numbers, `u64` (source words, target words, bytes of either's text, cells of
//! the forward and the reverse table; and `f64`: the tensions of both, the probability of no word, 1 if the diagonal is favoured), then the
//! sections of `Layout`, each at a multiple of 8, then BLAKE3 of all that. Words are sorted by their bytes; row 0 of a table is that of no word.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::ops::Range;
use std::path::Path;

use crate::model::map::Mapped;
pub use crate::model::map::save;
use crate::scoring::align::Link;
use crate::scoring::align::statistical::{Corpus, Table, fast_align};
use crate::scoring::align::symmetrize::{self, Program, symmetrize};
use crate::{Code, Error};

const MAGIC: &[u8; 8] = b"TLLEX\0\0\x01";
const HEADER: usize = 8 + 10 * 8;
/// The largest file.
const MAX_BYTES: u64 = 16 << 30;
/// What a pair of words has that never met.
const UNSEEN: f64 = 1e-9;

/// How a table is trained.
#[derive(Clone, Copy, Debug)]
pub struct LexiconOptions {
    /// Rounds of expectation and maximisation, the last of which only aligns.
    pub rounds: usize,
    /// fast_align's `-d -o -v` where set, which is what its authors recommend; else Model 1 without smoothing.
    pub diagonal: bool,
}

impl Default for LexiconOptions {
    fn default() -> Self {
        Self { rounds: 5, diagonal: true }
    }
}

impl LexiconOptions {
    fn model(self) -> fast_align::Options {
        let base = fast_align::Options { rounds: self.rounds, ..fast_align::Options::default() };
        if !self.diagonal {
            return base;
        }
        fast_align::Options { diagonal: true, learn_tension: true, dirichlet: Some(0.01), ..base }
    }
}

/// Trains tables of both directions and gives the file's bytes.
///
/// `pairs` are words of a source sentence and of its translation. `progress` is called before each round with its number, of
/// twice [`LexiconOptions::rounds`], and ends the training if it answers false.
///
/// # Errors
/// [`Code::InvalidArgument`] without a pair of words; [`Code::TooLarge`] or [`Code::InvalidArgument`] if too many words meet;
/// [`Code::Cancelled`] if `progress` ended it.
/// # Cost
/// 4 bytes a word of the bitext; 20 bytes for every two words that meet, 12 of them in the file.
pub fn train(
    pairs: &[(Vec<&str>, Vec<&str>)],
    options: LexiconOptions,
    mut progress: impl FnMut(usize) -> bool,
) -> Result<Vec<u8>, Error> {
    let (sources, targets) =
        (numbered(pairs.iter().flat_map(|p| &p.0)), numbered(pairs.iter().flat_map(|p| &p.1)));
    if sources.is_empty() || targets.is_empty() {
        return Err(Error::new(Code::InvalidArgument, "the bitext has no pair of words"));
    }
    let mut corpus = Corpus::default();
    for (source, target) in pairs {
        let ids = |words: &[&str], numbers: &BTreeMap<&str, u32>| -> Vec<u32> {
            words.iter().map(|word| numbers[*word]).collect()
        };
        corpus.push(&ids(source, &sources), &ids(target, &targets))?;
    }
    let model = options.model();
    let forward = fast_align::train(&corpus, model, &mut progress)?;
    let reverse = fast_align::train(&corpus.reversed(), model, |round| progress(options.rounds + round))?;
    let vocabularies = [&sources, &targets];
    let texts = vocabularies.map(|words| words.keys().map(|word| word.len()).sum::<usize>());
    let mut out = MAGIC.to_vec();
    for n in [sources.len(), targets.len(), texts[0], texts[1], forward.table.len(), reverse.table.len()] {
        out.extend((n as u64).to_le_bytes());
    }
    for x in
        [forward.tension, reverse.tension, model.null.unwrap_or(0.0), if model.diagonal { 1.0 } else { 0.0 }]
    {
        out.extend(x.to_le_bytes());
    }
    for words in vocabularies {
        let mut at = 0_u64;
        for word in words.keys() {
            out.extend(at.to_le_bytes());
            at += word.len() as u64;
        }
        out.extend(at.to_le_bytes());
        words.keys().for_each(|word| out.extend(word.as_bytes()));
        pad(&mut out);
    }
    for (table, n_rows) in [(&forward.table, sources.len() + 1), (&reverse.table, targets.len() + 1)] {
        write_table(&mut out, table, n_rows);
    }
    let digest = blake3::hash(&out);
    out.extend(digest.as_bytes());
    Ok(out)
}

/// Numbers for words, in the order of their bytes.
fn numbered<'a>(words: impl Iterator<Item = &'a &'a str>) -> BTreeMap<&'a str, u32> {
    let words: BTreeSet<&str> = words.copied().collect();
    words.into_iter().zip(0..).collect()
}

fn write_table(out: &mut Vec<u8>, table: &Table, n_rows: usize) {
    // Rows at the end without a cell are not in the table.
    let rows =
        || (0..n_rows).map(|row| if row < table.n_rows() { table.row(row) } else { (&[][..], &[][..]) });
    let mut at = 0_u64;
    for (columns, _) in rows() {
        out.extend(at.to_le_bytes());
        at += columns.len() as u64;
    }
    out.extend(at.to_le_bytes());
    rows().for_each(|(_, values)| values.iter().for_each(|x| out.extend(x.to_le_bytes())));
    rows().for_each(|(columns, _)| columns.iter().for_each(|x| out.extend(x.to_le_bytes())));
    pad(out);
}

fn pad(out: &mut Vec<u8>) {
    out.resize(out.len().next_multiple_of(8), 0);
}

/// Where the parts of a file lie.
struct Layout {
    /// For source and target: where each word starts, one more than there are words; and their text.
    words: [(Range<usize>, Range<usize>); 2],
    /// For forward and reverse: where each row starts, one more than there are; probabilities; words.
    tables: [[Range<usize>; 3]; 2],
    end: usize,
}

impl Layout {
    fn new(counts: [u64; 6]) -> Option<Self> {
        let mut at = HEADER;
        let mut take = |n: u64, size: usize| {
            let bytes = usize::try_from(n).ok()?.checked_mul(size)?;
            let end = at.checked_add(bytes)?;
            let range = at..end;
            at = end.checked_next_multiple_of(8)?;
            Some(range)
        };
        let [n_source, n_target, source_text, target_text, forward, reverse] = counts;
        let mut words = |n: u64, text: u64| Some((take(n.checked_add(1)?, 8)?, take(text, 1)?));
        let words = [words(n_source, source_text)?, words(n_target, target_text)?];
        let mut table =
            |n: u64, cells: u64| Some([take(n.checked_add(2)?, 8)?, take(cells, 8)?, take(cells, 4)?]);
        let tables = [table(n_source, forward)?, table(n_target, reverse)?];
        Some(Self { words, tables, end: at })
    }
}

/// A table that was saved. Immutable; share it freely between threads.
pub struct Lexicon {
    bytes: Mapped,
    layout: Layout,
    counts: [u64; 6],
    tensions: [f64; 2],
    options: fast_align::Options,
}

impl Lexicon {
    /// Maps a file that [`train`] made.
    ///
    /// # Errors
    /// [`Code::Io`] if it cannot be read; [`Code::InvalidArgument`] if it is no such file, is cut, or was changed;
    /// [`Code::TooLarge`] above 16 GiB.
    /// # Cost
    /// One pass over the file, for its digest; memory is the system's.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let name = path.display();
        let io = |e: std::io::Error| Error::new(Code::Io, format!("{name}: {e}"));
        let file = File::open(path).map_err(io)?;
        let len = file.metadata().map_err(io)?.len();
        if len > MAX_BYTES {
            return Err(Error::new(
                Code::TooLarge,
                format!("{name} has {len} bytes; a table has at most {MAX_BYTES}"),
            ));
        }
        let wrong =
            |why: &str| Error::new(Code::InvalidArgument, format!("{name} is no table of words: {why}"));
        let len = usize::try_from(len).map_err(|_| wrong("it is larger than memory"))?;
        if len < HEADER + 32 {
            return Err(wrong("it is too short"));
        }
        let mapped = Mapped::new(&file, len)?;
        let bytes: &[u8] = mapped.as_ref();
        if bytes[..8] != *MAGIC {
            return Err(wrong("it starts with other bytes"));
        }
        let number = |at: usize| u64_at(bytes, 8 + at * 8);
        let counts = [0, 1, 2, 3, 4, 5].map(number);
        let layout = Layout::new(counts).filter(|layout| layout.end + 32 == len);
        let layout = layout.ok_or_else(|| wrong("its parts do not add up to its size"))?;
        let mut digest = blake3::Hasher::new();
        let mut left = len - 32;
        mapped.scan(|part| {
            digest.update(&part[..part.len().min(left)]);
            left -= part.len().min(left);
        });
        if digest.finalize().as_bytes() != &bytes[len - 32..] {
            return Err(wrong("its digest is another: it was cut or changed"));
        }
        let [forward, reverse, null, diagonal] = [6, 7, 8, 9].map(|at| f64::from_bits(number(at)));
        let lexicon = Self {
            layout,
            counts,
            tensions: [forward, reverse],
            options: fast_align::Options {
                diagonal: diagonal != 0.0,
                null: (null > 0.0).then_some(null),
                ..fast_align::Options::default()
            },
            bytes: mapped,
        };
        lexicon.check().map_err(wrong)?;
        Ok(lexicon)
    }

    /// Words of the source and of the target, and pairs of the forward and of the reverse table.
    pub fn sizes(&self) -> [u64; 4] {
        [self.counts[0], self.counts[1], self.counts[4], self.counts[5]]
    }

    /// Links of a pair of sentences, in one direction each, joined. Words that the bitext did not have go by their place alone.
    ///
    /// # Errors
    /// As [`symmetrize`](fn@symmetrize).
    /// # Cost
    /// Two searches for each word, and two for each pair of words.
    pub fn align(
        &self,
        source: &[&str],
        target: &[&str],
        method: symmetrize::Method,
    ) -> Result<Vec<Link>, Error> {
        let ids = |side: usize, words: &[&str]| -> Vec<Option<usize>> {
            words.iter().map(|word| self.find(side, word.as_bytes())).collect()
        };
        let (sources, targets) = (ids(0, source), ids(1, target));
        let (mut forward, mut reverse) = (Vec::new(), Vec::new());
        let lengths = [source.len(), target.len()];
        let of =
            |table: usize, from: &[Option<usize>], to: &[Option<usize>], given: Option<usize>, at: usize| {
                let row = given.map_or(Some(0), |at| from[at].map(|id| id + 1));
                row.zip(to[at])
                    .and_then(|(row, word)| self.probability(table, row, word as u32))
                    .unwrap_or(UNSEEN)
            };
        fast_align::align(
            lengths,
            self.tensions[0],
            &self.options,
            |s, t| of(0, &sources, &targets, s, t),
            &mut forward,
        );
        let turned = [lengths[1], lengths[0]];
        fast_align::align(
            turned,
            self.tensions[1],
            &self.options,
            |t, s| of(1, &targets, &sources, t, s),
            &mut reverse,
        );
        reverse.iter_mut().for_each(|l| *l = Link::new(l.target, l.source));
        symmetrize(&forward, &reverse, lengths, method, Program::Moses)
    }

    /// The probability of a target word for a source word in the forward table, if they met.
    pub fn lookup(&self, source: &str, target: &str) -> Option<f64> {
        let (row, word) = (self.find(0, source.as_bytes())? + 1, self.find(1, target.as_bytes())?);
        self.probability(0, row, word as u32)
    }

    /// Refuses numbers that lead out of their part: what is read later is then there.
    fn check(&self) -> Result<(), &'static str> {
        for (side, (starts, text)) in self.layout.words.iter().enumerate() {
            let n = self.counts[side] as usize;
            let ascend = (0..n).all(|w| self.start(starts, w) <= self.start(starts, w + 1));
            if !ascend || self.start(starts, n) != text.len() {
                return Err("a word lies outside of the text");
            }
        }
        for (side, [starts, values, _]) in self.layout.tables.iter().enumerate() {
            let n = self.counts[side] as usize + 1;
            let ascend = (0..n).all(|row| self.start(starts, row) <= self.start(starts, row + 1));
            if !ascend || self.start(starts, n) != values.len() / 8 {
                return Err("a row lies outside of its table");
            }
        }
        if self.tensions.iter().any(|tension| !tension.is_finite()) {
            return Err("a tension is not finite");
        }
        Ok(())
    }

    fn start(&self, starts: &Range<usize>, at: usize) -> usize {
        u64_at(self.bytes.as_ref(), starts.start + at * 8) as usize
    }

    fn find(&self, side: usize, word: &[u8]) -> Option<usize> {
        let (starts, text) = &self.layout.words[side];
        let word_at = |at: usize| {
            &self.bytes.as_ref()[text.start + self.start(starts, at)..text.start + self.start(starts, at + 1)]
        };
        let found = search(self.counts[side] as usize, |at| word_at(at).cmp(word))?;
        Some(found)
    }

    fn probability(&self, table: usize, row: usize, word: u32) -> Option<f64> {
        let [starts, values, columns] = &self.layout.tables[table];
        let (first, last) = (self.start(starts, row), self.start(starts, row + 1));
        let column = |cell: usize| {
            let at = columns.start + cell * 4;
            self.bytes.as_ref()[at..at + 4].try_into().map_or(0, u32::from_le_bytes)
        };
        let cell = first + search(last - first, |at| column(first + at).cmp(&word))?;
        Some(f64::from_bits(u64_at(self.bytes.as_ref(), values.start + cell * 8)))
    }
}

fn search(n: usize, compare: impl Fn(usize) -> std::cmp::Ordering) -> Option<usize> {
    let (mut low, mut high) = (0, n);
    while low < high {
        let middle = low + (high - low) / 2;
        match compare(middle) {
            std::cmp::Ordering::Less => low = middle + 1,
            std::cmp::Ordering::Greater => high = middle,
            std::cmp::Ordering::Equal => return Some(middle),
        }
    }
    None
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes[at..at + 8].try_into().map_or(0, u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bitext() -> Vec<(Vec<&'static str>, Vec<&'static str>)> {
        let lines = [
            ("the house", "das Haus"),
            ("the book", "das Buch"),
            ("a book", "ein Buch"),
            ("a house", "ein Haus"),
            ("the big house", "das große Haus"),
            ("", "leer"),
            ("big", "große"),
        ];
        lines.map(|(a, b)| (a.split_whitespace().collect(), b.split_whitespace().collect())).to_vec()
    }

    fn saved(name: &str, bytes: &[u8]) -> std::path::PathBuf {
        let path = std::env::temp_dir().join(format!("trueline-lexicon-{}-{name}", std::process::id()));
        save(&path, bytes).unwrap();
        path
    }

    #[test]
    fn a_saved_table_links_as_the_training_did() {
        let pairs = bitext();
        for diagonal in [false, true] {
            let options = LexiconOptions { rounds: 5, diagonal };
            let mut rounds = Vec::new();
            let bytes = train(&pairs, options, |round| {
                rounds.push(round);
                true
            });
            assert_eq!(rounds, (0..10).collect::<Vec<_>>());
            let path = saved(&format!("same-{diagonal}"), &bytes.unwrap());
            let lexicon = Lexicon::open(&path).unwrap();
            std::fs::remove_file(path).unwrap();
            assert_eq!(lexicon.sizes()[..2], [5, 6]);
            // The words stand in the order of their bytes, as in the file, so that the training is the same.
            let (sources, targets) =
                (numbered(pairs.iter().flat_map(|p| &p.0)), numbered(pairs.iter().flat_map(|p| &p.1)));
            let mut corpus = Corpus::default();
            for (a, b) in &pairs {
                let a: Vec<u32> = a.iter().map(|w| sources[w]).collect();
                corpus.push(&a, &b.iter().map(|w| targets[w]).collect::<Vec<_>>()).unwrap();
            }
            let forward = fast_align::train(&corpus, options.model(), |_| true).unwrap().links;
            let reverse = fast_align::train(&corpus.reversed(), options.model(), |_| true).unwrap().links;
            for (at, (a, b)) in pairs.iter().enumerate() {
                let reverse: Vec<Link> = reverse[at].iter().map(|l| Link::new(l.target, l.source)).collect();
                let lengths = [a.len(), b.len()];
                for method in [
                    symmetrize::Method::Intersection,
                    symmetrize::Method::Union,
                    symmetrize::Method::default(),
                ] {
                    let want = symmetrize(&forward[at], &reverse, lengths, method, Program::Moses).unwrap();
                    assert_eq!(lexicon.align(a, b, method).unwrap(), want, "pair {at}");
                }
            }
            let (house, book) = (lexicon.lookup("house", "Haus"), lexicon.lookup("house", "Buch"));
            assert!(house.unwrap() > 0.5 && book.is_none());
            assert_eq!(lexicon.lookup("tree", "Baum"), None);
            let unknown =
                lexicon.align(&["the", "tree"], &["das", "Baum"], symmetrize::Method::Union).unwrap();
            assert!(unknown.contains(&Link::new(0, 0)));
            assert_eq!(lexicon.align(&[], &["das"], symmetrize::Method::Union).unwrap(), []);
        }
    }

    #[test]
    fn what_is_no_table_is_refused() {
        let bytes = train(&bitext(), LexiconOptions::default(), |_| true).unwrap();
        let refused = |name: &str, bytes: &[u8], word: &str| {
            let path = saved(name, bytes);
            let error = Lexicon::open(&path).err().expect("it is refused");
            std::fs::remove_file(path).unwrap();
            assert!(error.code == Code::InvalidArgument && error.message.contains(word), "{name}: {error:?}");
        };
        refused("empty", b"", "too short");
        refused("cut", &bytes[..bytes.len() - 1], "add up");
        refused("other", &[0; 500], "other bytes");
        // Every byte counts; a digest made anew does not help a number that leads out.
        for at in (8..bytes.len()).step_by(13) {
            let mut changed = bytes.clone();
            changed[at] ^= 0x41;
            let path = saved("changed", &changed);
            assert!(Lexicon::open(&path).is_err(), "byte {at}");
            let end = changed.len() - 32;
            let digest = blake3::hash(&changed[..end]);
            changed[end..].copy_from_slice(digest.as_bytes());
            std::fs::remove_file(path).unwrap();
            let path = saved("signed", &changed);
            if let Ok(lexicon) = Lexicon::open(&path) {
                for (a, b) in bitext() {
                    let _ = lexicon.align(&a, &b, symmetrize::Method::default());
                }
            }
            std::fs::remove_file(path).unwrap();
        }
        assert_eq!(Lexicon::open(Path::new("/nowhere/table")).err().map(|e| e.code), Some(Code::Io));
        assert_eq!(train(&[], LexiconOptions::default(), |_| true).unwrap_err().code, Code::InvalidArgument);
        let ended = train(&bitext(), LexiconOptions::default(), |round| round < 7).unwrap_err();
        assert_eq!(ended.code, Code::Cancelled);
    }
}
