//! Pieces of a packed vocabulary, found by their bytes where they lie: an open hash table, the end of each id's text, texts.

use crate::model::tokenizer::Holder;

/// Bytes before the table, which say what follows.
pub(super) const HEADER: usize = 64;
const ID_BITS: u32 = 21;
/// The most ids of a vocabulary.
pub(super) const MAX_IDS: usize = (1 << ID_BITS) - 2;

/// What the hash of no bytes is.
pub(super) const START: u32 = 0x811c_9dc5;

/// FNV-1a, going on from the hash of the bytes before.
pub(super) fn hash(mut hash: u32, bytes: &[u8]) -> u32 {
    for &byte in bytes {
        hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    }
    hash
}

/// The bits of a hash that stand beside the id: those that did not choose the slot.
fn tag(hash: u32) -> u32 {
    hash >> ID_BITS << ID_BITS
}

/// The little-endian word at a byte.
pub(super) fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Where the parts of a table lie in a vocabulary's bytes.
#[derive(Clone, Copy)]
pub(super) struct Table {
    pub(super) n_ids: usize,
    pub(super) slots: usize,
    /// Bytes for each id between the ends of texts and the texts.
    pub(super) beside: usize,
}

impl Table {
    /// Looks at the sizes; `None` if the bytes are too few for them.
    pub(super) fn new(bytes: &[u8], n_ids: usize, slots: usize, beside: usize) -> Option<Self> {
        let of_ids = n_ids.checked_mul(4 + beside)?;
        let fixed = slots.checked_mul(4)?.checked_add(of_ids)?.checked_add(HEADER)?;
        let fits = fixed <= bytes.len() && n_ids <= MAX_IDS && slots.is_power_of_two();
        fits.then_some(Self { n_ids, slots, beside })
    }

    /// The id of a piece that hashes to `hash`; its bytes are those of `prefix`, then of `piece`.
    pub(super) fn find(&self, bytes: &[u8], hash: u32, prefix: &[u8], piece: &[u8]) -> Option<u32> {
        let mut slot = hash as usize & (self.slots - 1);
        for _ in 0..self.slots {
            let entry = word(bytes, HEADER + 4 * slot)?;
            if entry == 0 {
                return None;
            }
            if entry >> ID_BITS == tag(hash) >> ID_BITS {
                let id = (entry & ((1 << ID_BITS) - 1)).wrapping_sub(1);
                let text = self.text(bytes, id).and_then(|text| text.strip_prefix(prefix));
                if text == Some(piece) {
                    return Some(id);
                }
            }
            slot = (slot + 1) & (self.slots - 1);
        }
        None
    }

    /// The text of an id.
    pub(super) fn text<'a>(&self, bytes: &'a [u8], id: u32) -> Option<&'a [u8]> {
        let id = id as usize;
        if id >= self.n_ids {
            return None;
        }
        let ends = HEADER + 4 * self.slots;
        let start = if id == 0 { 0 } else { word(bytes, ends + 4 * (id - 1))? };
        let end = word(bytes, ends + 4 * id)?;
        bytes.get(ends + (4 + self.beside) * self.n_ids..)?.get(start as usize..end as usize)
    }

    /// What lies beside the text of an id.
    pub(super) fn beside<'a>(&self, bytes: &'a [u8], id: u32) -> Option<&'a [u8]> {
        let id = Some(id as usize).filter(|id| *id < self.n_ids)?;
        let first = HEADER + 4 * self.slots + 4 * self.n_ids + self.beside * id;
        bytes.get(first..first + self.beside)
    }

    /// The text of an id as text, if it has one.
    pub(super) fn token<'a>(&self, bytes: &'a [u8], id: u32) -> Option<&'a str> {
        std::str::from_utf8(self.text(bytes, id)?).ok().filter(|text| !text.is_empty())
    }
}

/// What a table is written from.
#[cfg(feature = "tokenizers")]
pub(super) struct Parts<'a> {
    /// Each piece that is looked up, with its id.
    pub(super) pieces: Vec<(&'a str, u32)>,
    /// Each token that only has a text.
    pub(super) added: Vec<(&'a str, u32)>,
}

/// The parts of a table, less the header: slots, ends, texts.
#[cfg(feature = "tokenizers")]
pub(super) struct Written {
    pub(super) slots: Vec<u32>,
    pub(super) ends: Vec<u32>,
    pub(super) texts: Vec<u8>,
    /// Ids that have a text.
    pub(super) count: usize,
    /// Bytes of the longest piece.
    pub(super) longest: usize,
}

#[cfg(feature = "tokenizers")]
impl Parts<'_> {
    /// The table's parts; `None` if the format cannot hold them.
    pub(super) fn write(&self) -> Option<Written> {
        let ids = self.pieces.iter().chain(&self.added).map(|&(_, id)| id as usize + 1).max()?;
        let longest = self.pieces.iter().map(|(piece, _)| piece.len()).max()?;
        if ids > MAX_IDS {
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
        let n_slots = (2 * self.pieces.len()).next_power_of_two();
        let mut slots = vec![0_u32; n_slots];
        for &(piece, id) in &self.pieces {
            let hash = hash(START, piece.as_bytes());
            let mut slot = hash as usize % n_slots;
            while slots[slot] != 0 {
                slot = (slot + 1) % n_slots;
            }
            slots[slot] = tag(hash) | (id + 1);
        }
        let mut end = 0;
        let ends = texts.iter().map(|text| {
            end += text.map_or(0, str::len) as u32;
            end
        });
        Some(Written {
            slots,
            ends: ends.collect(),
            count: texts.iter().flatten().count(),
            texts: texts.iter().flatten().flat_map(|text| text.bytes()).collect(),
            longest,
        })
    }
}

/// The bytes of a vocabulary, which a closure lends.
pub(super) fn of(holder: &Holder) -> &[u8] {
    (**holder).as_ref()
}
