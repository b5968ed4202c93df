//! Packed files with damage of a known kind: whole or cut, sealed again or not, of another layout, of the other byte order.
//!
//! The mutated bytes are not the file but a script of damage to it, so that header fields, sections and the digest are hit
//! far more often than chance would hit them. What may be taken and what must be refused is then known, and checked.

use std::sync::{Arc, OnceLock};

use trueline_core::Code;
use trueline_core::model::control::Control;
use trueline_core::model::map::Mapped;
use trueline_core::model::plan::file::{self, LAYOUT, PlanFile, Unusable};
use trueline_core::model::tokenizer::Tokenizer;

use crate::plan;

static FILES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();

const DIGEST: usize = 32;
const HEADER: usize = 192;
/// The byte-order mark.
const ORDER: u32 = 0x0102_0304;
/// Which file, and whether it is sealed again.
const HEAD: usize = 2;
/// One piece of damage: its kind, a place, a value.
const RECORD: usize = 13;
/// More than this is not looked at: a script need not be long.
const MOST: usize = 6;

const CUT: u8 = 0;
const FLIP: u8 = 1;
const OVERWRITE: u8 = 2;
const FIELD: u8 = 3;
const SWAP: u8 = 4;
const GROW: u8 = 5;
const CONSTANTS: u8 = 6;
const VOCABULARY: u8 = 7;
const KINDS: u8 = 8;

/// Where the header's fields lie, and their bytes: byte order, layout, length, three sections, flags.
const FIELDS: [(usize, usize); 10] =
    [(8, 4), (12, 4), (16, 8), (24, 8), (32, 8), (40, 8), (48, 8), (56, 8), (64, 8), (72, 4)];

/// One script for each kind of damage and each header field, sealed again and not.
pub fn scripts(files: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let record =
        |kind: u8, at: u32, value: u64| [&[kind][..], &at.to_le_bytes(), &value.to_le_bytes()].concat();
    let mut damage = vec![
        vec![],
        record(CUT, 0, 0),
        record(CUT, 191, 0),
        record(CUT, 70_000, 0),
        record(FLIP, 12_345, 3),
        record(OVERWRITE, 200, u64::MAX),
        record(SWAP, 0, 0),
        record(GROW, 0, 64),
        record(CONSTANTS, 4_096, 0x7fc0_0000_7fc0_0000),
        record(VOCABULARY, 8, u64::MAX),
        [record(FLIP, 99, 1), record(CUT, 90_000, 0), record(FIELD, 2, 90_000)].concat(),
    ];
    for field in 0..FIELDS.len() as u32 {
        damage.extend([2, u64::MAX - 63, 1 << 63, 64, 192].map(|value| record(FIELD, field, value)));
    }
    let mut scripts = Vec::new();
    for which in 0..files.len() as u8 {
        for sealed in 0..2 {
            scripts.extend(damage.iter().map(|damage| [&[which, sealed][..], damage].concat()));
        }
    }
    FILES.get_or_init(|| files);
    scripts
}

/// Damages a good file as the script says, reads it, and checks what it is taken for.
pub fn read(script: &[u8]) {
    let (Some(files), Some((head, records))) = (FILES.get(), script.split_at_checked(HEAD)) else { return };
    let good = &files[head[0] as usize % files.len()];
    let is_sealed = head[1] % 2 == 1;
    let sections = sections(good);
    let mut body = good[..good.len() - DIGEST].to_vec();
    let mut whole = good.clone();
    // A record that was cut short is damage, too.
    let mut padded = records.to_vec();
    padded.resize(records.len().next_multiple_of(RECORD), 0x5a);
    let records: Vec<&[u8]> = padded.chunks_exact(RECORD).take(MOST).collect();
    for record in &records {
        harm(if is_sealed { &mut body } else { &mut whole }, record, &sections);
    }
    let bytes = if is_sealed { file::seal(body) } else { whole };
    let found = PlanFile::read(Arc::new(Mapped::copy_of(&bytes)), None);
    let is_good = bytes == *good;
    match found {
        Ok(packed) => {
            assert!(is_good || is_sealed, "a file that was not sealed again was taken");
            assert!(PlanFile::read(Arc::new(Mapped::copy_of(&bytes)), Some(&[7; 32])).is_err());
            use_it(&packed, is_good);
        }
        Err(error) => {
            assert!(!is_good, "a good file was refused");
            refused(&bytes, error);
        }
    }
}

/// The error is one of those that the reader states, says enough, and is the one for what can be told from outside.
fn refused(bytes: &[u8], error: Unusable) {
    let word =
        |at: usize| bytes.get(at..at + 4).and_then(|b| b.first_chunk()).map_or(0, |b| u32::from_le_bytes(*b));
    let starts = bytes.starts_with(&file::MAGIC);
    let has_header = starts && bytes.len() >= HEADER + DIGEST;
    let is_ours = has_header && word(8) == ORDER;
    match &error {
        Unusable::Layout(layout) => {
            assert!(is_ours && *layout != LAYOUT && *layout == word(12), "layout {layout}");
        }
        Unusable::Broken(error) => {
            let says = |word: &str| error.message.contains(word);
            assert!(matches!(error.code, Code::InvalidPack | Code::HashMismatch), "{error}");
            assert!(!is_ours || word(12) == LAYOUT, "another layout is called {error}");
            assert_eq!(says("magic"), !starts, "{error}");
            assert_eq!(says("big-endian"), has_header && word(8) == ORDER.swap_bytes(), "{error}");
            assert!(!starts || has_header || says("truncated"), "{error}");
        }
    }
    let message = error.into_error().message;
    assert!(message.len() > 20 && message.len() < 500 && !message.contains('\n'), "{message}");
}

/// What was taken is checked, and runs or refuses.
fn use_it(packed: &PlanFile, is_good: bool) {
    let vocabulary = packed.vocabulary().map(|part| Tokenizer::from_packed(Box::new(part)));
    if let Some(Ok(tokenizer)) = &vocabulary {
        let _ = tokenizer.encode("some plain words, naïve ones too", &Control::unlimited());
    }
    assert!(!is_good || matches!(vocabulary, Some(Ok(_))), "a good vocabulary was refused");
    match packed.program() {
        Ok(program) => plan::run(&program),
        Err(error) => assert!(!is_good && !error.message.is_empty(), "a good plan was refused: {error}"),
    }
}

/// Start and length of plan, vocabulary and constants, as a good file states them.
fn sections(good: &[u8]) -> [(usize, usize); 3] {
    let long = |at: usize| good[at..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes) as usize);
    [24, 40, 56].map(|at| (long(at), long(at + 8)))
}

/// Does what one record says.
fn harm(bytes: &mut Vec<u8>, record: &[u8], sections: &[(usize, usize); 3]) {
    let kind = record[0] % KINDS;
    let at = record[1..].first_chunk().map_or(0, |b| u32::from_le_bytes(*b)) as usize;
    let value: [u8; 8] = record[5..].first_chunk().copied().unwrap_or_default();
    let number = u64::from_le_bytes(value);
    let len = bytes.len();
    let mut put = |at: usize, value: &[u8]| {
        if let Some(place) = bytes.get_mut(at..at + value.len()) {
            place.copy_from_slice(value);
        }
    };
    match kind {
        OVERWRITE if len > 0 => put(at % len, &value),
        CONSTANTS => put(sections[2].0 + at % sections[2].1.max(1), &value),
        VOCABULARY => put(sections[1].0 + at % sections[1].1.max(1), &value),
        FIELD => {
            let (place, len) = FIELDS[at % FIELDS.len()];
            put(place, &value[..len]);
        }
        // As a big-endian machine would have written the header.
        SWAP => {
            for (place, len) in FIELDS {
                if let Some(field) = bytes.get_mut(place..place + len) {
                    field.reverse();
                }
            }
        }
        CUT => bytes.truncate(at % (len + 1)),
        FLIP if len > 0 => bytes[at % len] ^= 1 << (number % 8),
        GROW => bytes.resize(len + (number % 4096) as usize, number as u8),
        _ => {}
    }
}
