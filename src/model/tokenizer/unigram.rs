//! Unigram after NFKC and Metaspace, on a vocabulary that is looked up where it lies.
//!
//! Each word, with its mark before it, becomes the pieces whose scores have the greatest sum. Ids and offsets are those of the
//! tokenizer library for the same `tokenizer.json`.
//!
//! Little-endian: [`HEADER`] bytes of header; a [`Table`] with the score of each id, an `f64`, beside it.

#[cfg(feature = "tokenizers")]
use crate::model::tokenizer::table::Parts as Pieces;
use crate::model::tokenizer::table::{HEADER, START, Table, hash, of, word};
use crate::model::tokenizer::text::{self, Char, Scratch};
use crate::model::tokenizer::{Encoding, Holder};
use crate::{Code, Error};

/// The first word of the header, which is no number of ids.
const MAGIC: u32 = u32::from_le_bytes(*b"UNIG");
/// Stands for a space, and before a word.
const MARK: char = '\u{2581}';
/// How much worse than the worst piece an unknown character is.
const PENALTY: f64 = 10.0;

const NORMALIZED: u32 = 1;
const PREPENDS: u32 = 2;

/// Whether these are the bytes of such a vocabulary.
pub(super) fn is_one(bytes: &[u8]) -> bool {
    word(bytes, 0) == Some(MAGIC)
}

/// The best way to a byte of a word: its score, where its last piece starts, and which that is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way {
    score: f64,
    start: usize,
    id: u32,
}

/// No piece ends here.
const NOWHERE: usize = usize::MAX;

/// A Unigram vocabulary, and how text is made ready for it.
pub(super) struct Unigram {
    bytes: Holder,
    table: Table,
    count: usize,
    unknown: u32,
    longest: usize,
    flags: u32,
    /// What an unknown character scores.
    unknown_score: f64,
}

/// What a vocabulary is made from.
#[cfg(feature = "tokenizers")]
pub(super) struct Parts<'a> {
    pub(super) pieces: Pieces<'a>,
    /// One for each id.
    pub(super) scores: Vec<f64>,
    pub(super) unknown: u32,
    /// NFKC comes first.
    pub(super) normalized: bool,
    /// A text that starts without a space gets a mark.
    pub(super) prepends: bool,
}

#[cfg(feature = "tokenizers")]
impl Parts<'_> {
    /// The vocabulary's bytes; `None` if the format cannot hold it.
    pub(super) fn write(&self) -> Option<Vec<u8>> {
        let table = self.pieces.write()?;
        let n_ids = table.ends.len();
        // A piece given twice has the score of its last place, but the table holds each id's text once.
        if self.pieces.pieces.len() != self.scores.len() || self.unknown as usize >= n_ids {
            return None;
        }
        let least = self.scores.iter().copied().fold(f64::INFINITY, f64::min);
        if !self.scores.iter().all(|score| score.is_finite()) {
            return None;
        }
        let flags = if self.normalized { NORMALIZED } else { 0 } | if self.prepends { PREPENDS } else { 0 };
        let header = [
            MAGIC,
            n_ids as u32,
            table.count as u32,
            table.slots.len() as u32,
            self.unknown,
            flags,
            table.longest as u32,
            0,
        ];
        let mut out: Vec<u8> = header.iter().flat_map(|word| word.to_le_bytes()).collect();
        out.extend(least.to_le_bytes());
        out.resize(HEADER, 0);
        out.extend(table.slots.into_iter().chain(table.ends).flat_map(u32::to_le_bytes));
        let score = |id: usize| self.scores.get(id).copied().unwrap_or(least);
        out.extend((0..n_ids).flat_map(|id| score(id).to_le_bytes()));
        out.extend(table.texts);
        Some(out)
    }
}

impl Unigram {
    /// A vocabulary in place.
    ///
    /// # Errors
    /// [`Code::InvalidTokenizer`] if the bytes are too few for what the header says, or it has rules that are not known. What
    /// lies past it is looked at when it is used; bytes that make no sense are no piece of the vocabulary.
    pub(super) fn new(bytes: Holder) -> Result<Self, Error> {
        let all = of(&bytes);
        let refused = |why: &str| Error::new(Code::InvalidTokenizer, format!("the packed vocabulary {why}"));
        if all.len() < HEADER {
            return Err(refused("is truncated"));
        }
        let [n_ids, count, slots, unknown, flags, longest] =
            [1, 2, 3, 4, 5, 6].map(|i| word(all, 4 * i).unwrap_or(0));
        let table = Table::new(all, n_ids as usize, slots as usize, 8)
            .ok_or_else(|| refused("has other sizes than its header says"))?;
        if flags & !(NORMALIZED | PREPENDS) != 0
            || all[28..32] != [0; 4]
            || all[40..HEADER].iter().any(|b| *b != 0)
        {
            return Err(refused("has rules that are not known"));
        }
        if unknown >= n_ids {
            return Err(refused("has no unknown token"));
        }
        let least = all[32..].first_chunk().map_or(f64::NAN, |b| f64::from_le_bytes(*b));
        if !least.is_finite() {
            return Err(refused("has a least score that is no number"));
        }
        let (count, longest) = (count as usize, longest as usize);
        Ok(Self { table, count, unknown, longest, flags, unknown_score: least - PENALTY, bytes })
    }

    /// Number of tokens.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The id of what no piece spells.
    pub(super) fn unknown(&self) -> u32 {
        self.unknown
    }

    /// The text of an id.
    pub(super) fn token(&self, id: u32) -> Option<&str> {
        self.table.token(of(&self.bytes), id)
    }

    /// Appends the tokens of a text that starts at byte `base` of the whole.
    pub(super) fn encode(&self, text: &str, base: usize, scratch: &mut Scratch, out: &mut Encoding) {
        text::compose(text, self.flags & NORMALIZED != 0, scratch);
        let Scratch { chars, utf8, ends, ways, pieces, .. } = scratch;
        for c in chars.iter_mut().filter(|c| c.0 == ' ') {
            c.0 = MARK;
        }
        if let Some(&(first, start, end)) = chars.first()
            && self.flags & PREPENDS != 0
            && first != MARK
        {
            // The mark stands for what the first character stands for.
            chars.insert(0, (MARK, start, end));
        }
        let mut at = 0;
        while at < chars.len() {
            let next = chars[at + 1..].iter().position(|c| c.0 == MARK);
            let end = next.map_or(chars.len(), |next| at + 1 + next);
            self.word(&chars[at..end], base, (utf8, ends), (ways, pieces), out);
            at = end;
        }
    }

    /// Appends the pieces of one word; of equal ways the one that was found first. Unknown characters side by side are one.
    fn word(
        &self,
        word: &[Char],
        base: usize,
        (utf8, ends): (&mut Vec<u8>, &mut Vec<usize>),
        (ways, pieces): (&mut Vec<Way>, &mut Vec<(usize, usize, u32)>),
        out: &mut Encoding,
    ) {
        let bytes = of(&self.bytes);
        utf8.clear();
        ends.clear();
        for &(c, ..) in word {
            utf8.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            ends.push(utf8.len());
        }
        // Ways are counted in characters: a piece is whole ones.
        ways.clear();
        ways.resize(word.len() + 1, Way { score: 0.0, start: NOWHERE, id: 0 });
        for start in 0..word.len() {
            let from = if start == 0 { 0 } else { ends[start - 1] };
            let so_far = ways[start].score;
            let mut known = false;
            let (mut hashed, mut hashed_to) = (START, from);
            for (last, &end) in ends.iter().enumerate().skip(start) {
                if end - from > self.longest {
                    break;
                }
                hashed = hash(hashed, &utf8[hashed_to..end]);
                hashed_to = end;
                let Some(id) = self.table.find(bytes, hashed, &[], &utf8[from..end]) else { continue };
                better(&mut ways[last + 1], so_far + self.score(bytes, id), start, id);
                known |= last == start;
            }
            if !known {
                better(&mut ways[start + 1], so_far + self.unknown_score, start, self.unknown);
            }
        }
        pieces.clear();
        let mut end = word.len();
        while end > 0 {
            let Way { start, id, .. } = ways[end];
            match pieces.last_mut() {
                Some((first, _, before)) if *before == self.unknown && id == self.unknown => *first = start,
                _ => pieces.push((start, end, id)),
            }
            end = start;
        }
        for &(start, end, id) in pieces.iter().rev() {
            let from = if start == 0 { 0 } else { ends[start - 1] };
            // Unknown characters may together be what is a token when it is looked up whole.
            let id = if id == self.unknown {
                let whole = &utf8[from..ends[end - 1]];
                self.table.find(bytes, hash(START, whole), &[], whole).unwrap_or(id)
            } else {
                id
            };
            out.ids.push(id);
            out.offsets.push((base + word[start].1 as usize, base + word[end - 1].2 as usize));
        }
    }

    /// The score of an id; that of bytes that make no sense is that of nothing known.
    fn score(&self, bytes: &[u8], id: u32) -> f64 {
        let score =
            self.table.beside(bytes, id).and_then(|b| b.first_chunk()).map(|b| f64::from_le_bytes(*b));
        score.filter(|score| score.is_finite()).unwrap_or(self.unknown_score)
    }
}

fn better(way: &mut Way, score: f64, start: usize, id: u32) {
    if way.start == NOWHERE || score > way.score {
        *way = Way { score, start, id };
    }
}
