//! WordPiece after BERT's normalizer and pre-tokenizer, on a vocabulary that is looked up where it lies.
//!
//! The vocabulary is one block of bytes, made once when a pack is compiled: to load it is to look at its header. Ids and
//! offsets are those of the tokenizer library for the same `tokenizer.json`.
//!
//! Little-endian `u32`s: [`HEADER`] bytes of header, then a [`Table`], whose slots hold 0 or `tag << 21 | id + 1`.

#[cfg(feature = "tokenizers")]
use crate::model::tokenizer::table::Parts as Pieces;
use crate::model::tokenizer::table::{HEADER, START, Table, hash, of, word};
use crate::model::tokenizer::text::{self, Rules, Scratch};
use crate::model::tokenizer::{Encoding, Holder};
use crate::{Code, Error};

const MAX_PREFIX: usize = 24;

/// A WordPiece vocabulary, and how text is made ready for it.
pub(super) struct Words {
    bytes: Holder,
    table: Table,
    count: usize,
    unknown: u32,
    max_chars: usize,
    longest: usize,
    rules: Rules,
    prefix: Prefix,
}

/// What stands before the pieces that continue a word, with its hash.
struct Prefix {
    bytes: [u8; MAX_PREFIX],
    len: usize,
    hash: u32,
}

/// What a vocabulary is made from.
#[cfg(feature = "tokenizers")]
pub(super) struct Parts<'a> {
    pub(super) pieces: Pieces<'a>,
    pub(super) unknown: &'a str,
    pub(super) prefix: &'a str,
    pub(super) max_chars: usize,
    pub(super) rules: Rules,
}

#[cfg(feature = "tokenizers")]
impl Parts<'_> {
    /// The vocabulary's bytes; `None` if the format cannot hold it.
    pub(super) fn write(&self) -> Option<Vec<u8>> {
        let unknown = self.pieces.pieces.iter().find(|(piece, _)| *piece == self.unknown)?.1;
        let table = self.pieces.write()?;
        if self.prefix.len() > MAX_PREFIX {
            return None;
        }
        let header = [
            table.ends.len() as u32,
            table.count as u32,
            table.slots.len() as u32,
            unknown,
            u32::try_from(self.max_chars).unwrap_or(u32::MAX),
            self.rules.bits(),
            table.longest as u32,
            self.prefix.len() as u32,
        ];
        let mut out: Vec<u8> = header.iter().flat_map(|word| word.to_le_bytes()).collect();
        out.extend_from_slice(self.prefix.as_bytes());
        out.resize(HEADER, 0);
        out.extend(table.slots.into_iter().chain(table.ends).flat_map(u32::to_le_bytes));
        out.extend(table.texts);
        Some(out)
    }
}

impl Words {
    /// A vocabulary in place.
    ///
    /// # Errors
    /// [`Code::InvalidTokenizer`] if the bytes are too few for what the header says. What lies past it is looked at when
    /// it is used; bytes that make no sense are no piece of the vocabulary.
    pub(super) fn new(bytes: Holder) -> Result<Self, Error> {
        let all = of(&bytes);
        let refused = |why: &str| Error::new(Code::InvalidTokenizer, format!("the packed vocabulary {why}"));
        if all.len() < HEADER {
            return Err(refused("is truncated"));
        }
        let [n_ids, count, slots, unknown, max_chars, rules, longest, prefix] =
            [0, 1, 2, 3, 4, 5, 6, 7].map(|i| word(all, 4 * i).unwrap_or(0));
        let [n_ids, count, slots, max_chars, longest, len] =
            [n_ids, count, slots, max_chars, longest, prefix].map(|n| n as usize);
        let table = Table::new(all, n_ids, slots, 0)
            .ok_or_else(|| refused("has other sizes than its header says"))?;
        let rules = Rules::from_bits(rules).ok_or_else(|| refused("has rules that are not known"))?;
        let mut prefix = [0; MAX_PREFIX];
        let given = all[32..].get(..len).filter(|given| given.len() <= MAX_PREFIX);
        prefix[..len.min(MAX_PREFIX)].copy_from_slice(given.ok_or_else(|| refused("has too long a prefix"))?);
        if unknown as usize >= n_ids {
            return Err(refused("has no unknown token"));
        }
        let prefix = Prefix { bytes: prefix, len, hash: hash(START, &prefix[..len]) };
        Ok(Self { table, count, unknown, max_chars, longest, rules, prefix, bytes })
    }

    /// The id of what the vocabulary cannot spell.
    pub(super) fn unknown(&self) -> u32 {
        self.unknown
    }

    /// Number of tokens.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The text of an id.
    pub(super) fn token(&self, id: u32) -> Option<&str> {
        self.table.token(of(&self.bytes), id)
    }

    /// Appends the tokens of a text that starts at byte `base` of the whole.
    pub(super) fn encode(&self, text: &str, base: usize, scratch: &mut Scratch, out: &mut Encoding) {
        text::make_ready(text, self.rules, scratch);
        let Scratch { chars, utf8, ends, hashes, .. } = scratch;
        let mut at = 0;
        while at < chars.len() {
            let is_alone = text::is_punctuation(chars[at].0);
            if chars[at].0.is_whitespace() {
                at += 1;
                continue;
            }
            let mut end = at + 1;
            while !is_alone
                && end < chars.len()
                && !chars[end].0.is_whitespace()
                && !text::is_punctuation(chars[end].0)
            {
                end += 1;
            }
            self.word(&chars[at..end], base, (utf8, ends, hashes), out);
            at = end;
        }
    }

    /// Appends the pieces of one word: the longest that the vocabulary has, again and again, or the unknown token.
    fn word(
        &self,
        word: &[text::Char],
        base: usize,
        (utf8, ends, hashes): (&mut Vec<u8>, &mut Vec<usize>, &mut Vec<u32>),
        out: &mut Encoding,
    ) {
        let first = out.ids.len();
        let offsets = |from: usize, to: usize| (base + word[from].1 as usize, base + word[to].2 as usize);
        let mut start = if word.len() > self.max_chars { usize::MAX } else { 0 };
        utf8.clear();
        ends.clear();
        if start == 0 {
            for &(c, ..) in word {
                utf8.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                ends.push(utf8.len());
            }
        }
        while start < word.len() {
            let from = if start == 0 { 0 } else { ends[start - 1] };
            let prefix = if start == 0 { (0, START) } else { (self.prefix.len, self.prefix.hash) };
            // The hash of every piece from here that may be in the vocabulary.
            hashes.clear();
            let (mut hashed, mut at) = (prefix.1, from);
            for &end in &ends[start..] {
                if prefix.0 + end - from > self.longest {
                    break;
                }
                hashed = hash(hashed, &utf8[at..end]);
                hashes.push(hashed);
                at = end;
            }
            let is_first = start == 0;
            let found = (0..hashes.len()).rev().find_map(|n| {
                let piece = &utf8[from..ends[start + n]];
                Some((n, self.find(hashes[n], is_first, piece)?))
            });
            let Some((n, id)) = found else { break };
            out.ids.push(id);
            out.offsets.push(offsets(start, start + n));
            start += n + 1;
        }
        if start != word.len() {
            out.ids.truncate(first);
            out.offsets.truncate(first);
            out.ids.push(self.unknown);
            out.offsets.push(offsets(0, word.len() - 1));
        }
    }

    /// The id of a piece.
    fn find(&self, hash: u32, is_first: bool, piece: &[u8]) -> Option<u32> {
        let prefix = if is_first { &[][..] } else { &self.prefix.bytes[..self.prefix.len] };
        self.table.find(of(&self.bytes), hash, prefix, piece)
    }
}
