//! WordPiece after BERT's normalizer and pre-tokenizer, on a vocabulary that is looked up where it lies.
//!
//! The vocabulary is one block of bytes, made once when a pack is compiled: to load it is to look at its header. Ids and
//! offsets are those of the tokenizer library for the same `tokenizer.json`.
//!
//! Little-endian `u32`s: [`HEADER`] bytes of header; a hash table whose slots hold 0 or `tag << 21 | id + 1`; the end of
//! each id's text; then the texts.

use crate::model::tokenizer::text::{self, Rules, Scratch};
use crate::model::tokenizer::{Encoding, Holder};
use crate::{Code, Error};

const HEADER: usize = 64;
const MAX_PREFIX: usize = 24;
const ID_BITS: u32 = 21;
const MAX_IDS: usize = (1 << ID_BITS) - 2;

/// A WordPiece vocabulary, and how text is made ready for it.
pub(super) struct Words {
    bytes: Holder,
    n_ids: usize,
    count: usize,
    slots: usize,
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
    /// Each piece that is looked up, with its id.
    pub(super) pieces: Vec<(&'a str, u32)>,
    /// Each token that only has a text.
    pub(super) added: Vec<(&'a str, u32)>,
    pub(super) unknown: &'a str,
    pub(super) prefix: &'a str,
    pub(super) max_chars: usize,
    pub(super) rules: Rules,
}

#[cfg(feature = "tokenizers")]
impl Parts<'_> {
    /// The vocabulary's bytes; `None` if the format cannot hold it.
    pub(super) fn write(&self) -> Option<Vec<u8>> {
        let ids = self.pieces.iter().chain(&self.added).map(|&(_, id)| id as usize + 1).max()?;
        let longest = self.pieces.iter().map(|(piece, _)| piece.len()).max()?;
        let unknown = self.pieces.iter().find(|(piece, _)| *piece == self.unknown)?.1;
        if ids > MAX_IDS || self.prefix.len() > MAX_PREFIX {
            return None;
        }
        let mut texts = vec![None; ids];
        for &(piece, id) in &self.pieces {
            if texts[id as usize].replace(piece).is_some() {
                return None;
            }
        }
        for &(token, id) in &self.added {
            if texts[id as usize].replace(token).is_some_and(|piece| piece != token) {
                return None;
            }
        }
        let slots = (2 * self.pieces.len()).next_power_of_two();
        let mut table = vec![0_u32; slots];
        for &(piece, id) in &self.pieces {
            let hash = hash(START, piece.as_bytes());
            let mut slot = hash as usize % slots;
            while table[slot] != 0 {
                slot = (slot + 1) % slots;
            }
            table[slot] = tag(hash) | (id + 1);
        }
        let count = texts.iter().flatten().count();
        let mut end = 0;
        let ends = texts.iter().map(|text| {
            end += text.map_or(0, str::len) as u32;
            end
        });
        let header = [
            ids as u32,
            count as u32,
            slots as u32,
            unknown,
            u32::try_from(self.max_chars).unwrap_or(u32::MAX),
            self.rules.bits(),
            longest as u32,
            self.prefix.len() as u32,
        ];
        let mut out: Vec<u8> = header.iter().flat_map(|word| word.to_le_bytes()).collect();
        out.extend_from_slice(self.prefix.as_bytes());
        out.resize(HEADER, 0);
        out.extend(table.into_iter().chain(ends).flat_map(u32::to_le_bytes));
        out.extend(texts.iter().flatten().flat_map(|text| text.bytes()));
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
        let all = (*bytes).as_ref();
        let refused = |why: &str| Error::new(Code::InvalidTokenizer, format!("the packed vocabulary {why}"));
        if all.len() < HEADER {
            return Err(refused("is truncated"));
        }
        let [n_ids, count, slots, unknown, max_chars, rules, longest, prefix] =
            [0, 1, 2, 3, 4, 5, 6, 7].map(|i| word(all, 4 * i).unwrap_or(0));
        let [n_ids, count, slots, max_chars, longest, len] =
            [n_ids, count, slots, max_chars, longest, prefix].map(|n| n as usize);
        let fixed = slots.checked_add(n_ids).and_then(|words| words.checked_mul(4)?.checked_add(HEADER));
        if fixed.is_none_or(|fixed| fixed > all.len()) || n_ids > MAX_IDS || !slots.is_power_of_two() {
            return Err(refused("has other sizes than its header says"));
        }
        let rules = Rules::from_bits(rules).ok_or_else(|| refused("has rules that are not known"))?;
        let mut prefix = [0; MAX_PREFIX];
        let given = all[32..].get(..len).filter(|given| given.len() <= MAX_PREFIX);
        prefix[..len.min(MAX_PREFIX)].copy_from_slice(given.ok_or_else(|| refused("has too long a prefix"))?);
        if unknown as usize >= n_ids {
            return Err(refused("has no unknown token"));
        }
        let prefix = Prefix { bytes: prefix, len, hash: hash(START, &prefix[..len]) };
        Ok(Self { n_ids, count, slots, unknown, max_chars, longest, rules, prefix, bytes })
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
        std::str::from_utf8(self.text(id)?).ok().filter(|text| !text.is_empty())
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
        let bytes = (*self.bytes).as_ref();
        let prefix = if is_first { &[][..] } else { &self.prefix.bytes[..self.prefix.len] };
        let mut slot = hash as usize & (self.slots - 1);
        for _ in 0..self.slots {
            let entry = word(bytes, HEADER + 4 * slot)?;
            if entry == 0 {
                return None;
            }
            if entry >> ID_BITS == tag(hash) >> ID_BITS {
                let id = (entry & ((1 << ID_BITS) - 1)).wrapping_sub(1);
                let text = self.text(id).and_then(|text| text.strip_prefix(prefix));
                if text == Some(piece) {
                    return Some(id);
                }
            }
            slot = (slot + 1) & (self.slots - 1);
        }
        None
    }

    fn text(&self, id: u32) -> Option<&[u8]> {
        let (id, bytes) = (id as usize, (*self.bytes).as_ref());
        if id >= self.n_ids {
            return None;
        }
        let ends = HEADER + 4 * self.slots;
        let start = if id == 0 { 0 } else { word(bytes, ends + 4 * (id - 1))? };
        let end = word(bytes, ends + 4 * id)?;
        bytes.get(ends + 4 * self.n_ids..)?.get(start as usize..end as usize)
    }
}

/// What the hash of no bytes is.
const START: u32 = 0x811c_9dc5;

/// FNV-1a, going on from the hash of the bytes before.
fn hash(mut hash: u32, bytes: &[u8]) -> u32 {
    for &byte in bytes {
        hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    }
    hash
}

/// The bits of a hash that stand beside the id: those that did not choose the slot.
fn tag(hash: u32) -> u32 {
    hash >> ID_BITS << ID_BITS
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}
