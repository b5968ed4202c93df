//! A table of weights, read where it lies.

use core::fmt;

use crate::features::{MAX_LOG2_BUCKETS, features};

/// The most labels of a model.
pub const MAX_LABELS: usize = 16;
const MAGIC: [u8; 4] = *b"TLNG";
const VERSION: u32 = 1;
const HEADER: usize = 16;
/// Rows that 16-bit sums can hold: 255 times -128 is their least.
const BLOCK: u64 = 255;

/// Why a file is no model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadModel {
    /// It is shorter than its header, or does not begin as a model does.
    NotOne,
    /// Its version is not known.
    Version(u32),
    /// Buckets, as a power of two, out of 1..=22.
    Buckets(u32),
    /// Labels out of 1..=16.
    Labels(u32),
    /// It has so many bytes, and its header asks for others.
    Size(usize, usize),
    /// A scale or bias is not finite.
    NotFinite,
    /// A buffer for logits has so many places, and the model so many labels.
    Logits(usize, usize),
}

impl fmt::Display for BadModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOne => write!(f, "it does not begin as an n-gram model does"),
            Self::Version(v) => write!(f, "version {v}; this library reads version {VERSION}"),
            Self::Buckets(b) => write!(f, "2^{b} buckets; they lie in 2^1..=2^{MAX_LOG2_BUCKETS}"),
            Self::Labels(n) => write!(f, "{n} labels; they lie in 1..={MAX_LABELS}"),
            Self::Size(found, wanted) => write!(f, "{found} bytes; its header asks for {wanted}"),
            Self::NotFinite => write!(f, "a scale or bias is not a finite number"),
            Self::Logits(found, wanted) => write!(f, "{found} places for the logits of {wanted} labels"),
        }
    }
}

impl core::error::Error for BadModel {}

/// A model over its file's bytes.
///
/// The file: `TLNG`; version, buckets as a power of two, labels, each a little-endian `u32`; for each label a scale and then
/// for each a bias, little-endian `f32`; one signed byte for each bucket and label, bucket by bucket; 16 bytes 0.
#[derive(Clone, Copy, Debug)]
pub struct Model<'a> {
    log2_buckets: u32,
    labels: usize,
    numbers: &'a [u8],
    table: &'a [u8],
}

/// The integer sums of some features.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sums {
    full: [i32; MAX_LABELS],
    block: [i16; MAX_LABELS],
    n: u64,
}

impl<'a> Model<'a> {
    /// Looks at a file.
    ///
    /// # Errors
    /// What is wrong with it. Every number in it is looked at or bounded, so that a damaged file cannot do worse than score
    /// badly.
    pub fn new(file: &'a [u8]) -> Result<Self, BadModel> {
        let word = |at: usize| {
            let bytes = file.get(at..at + 4).and_then(|b| <[u8; 4]>::try_from(b).ok());
            bytes.map(u32::from_le_bytes).ok_or(BadModel::NotOne)
        };
        if !file.starts_with(&MAGIC) {
            return Err(BadModel::NotOne);
        }
        let (version, log2_buckets, labels) = (word(4)?, word(8)?, word(12)?);
        if version != VERSION {
            return Err(BadModel::Version(version));
        }
        if !(1..=MAX_LOG2_BUCKETS).contains(&log2_buckets) {
            return Err(BadModel::Buckets(log2_buckets));
        }
        if !(1..=MAX_LABELS as u32).contains(&labels) {
            return Err(BadModel::Labels(labels));
        }
        let labels = labels as usize;
        let wanted = HEADER + 8 * labels + (labels << log2_buckets) + MAX_LABELS;
        if file.len() != wanted {
            return Err(BadModel::Size(file.len(), wanted));
        }
        let (numbers, table) = file[HEADER..].split_at(8 * labels);
        let model = Self { log2_buckets, labels, numbers, table };
        if (0..2 * labels).any(|i| !model.number(i).is_finite()) {
            return Err(BadModel::NotFinite);
        }
        Ok(model)
    }

    fn number(&self, i: usize) -> f32 {
        self.numbers.get(4 * i..4 * i + 4).and_then(|b| b.try_into().ok()).map_or(0.0, f32::from_le_bytes)
    }

    /// Labels.
    pub fn labels(&self) -> usize {
        self.labels
    }

    /// Buckets, as a power of two.
    pub fn log2_buckets(&self) -> u32 {
        self.log2_buckets
    }

    /// Adds a feature's row. A bucket beyond the table counts as one of it: its low bits do.
    pub fn add(&self, sums: &mut Sums, bucket: u32) {
        let row = (bucket & ((1 << self.log2_buckets) - 1)) as usize * self.labels;
        // 16 bytes at once, of which the last may be the next rows': the file ends with as many.
        if let Some(bytes) = self.table.get(row..).and_then(|rest| rest.first_chunk::<MAX_LABELS>()) {
            for (sum, &byte) in sums.block.iter_mut().zip(bytes) {
                *sum += i16::from(byte as i8);
            }
        }
        sums.n += 1;
        if sums.n.is_multiple_of(BLOCK) {
            sums.settle();
        }
    }

    /// The logits of some features' sums.
    ///
    /// # Errors
    /// [`BadModel::Logits`] if there is not one place a label.
    pub fn logits(&self, mut sums: Sums, logits: &mut [f32]) -> Result<(), BadModel> {
        if logits.len() != self.labels {
            return Err(BadModel::Logits(logits.len(), self.labels));
        }
        sums.settle();
        let length = libm::sqrtf(sums.n.max(1) as f32);
        for (l, logit) in logits.iter_mut().enumerate() {
            *logit = self.number(self.labels + l) + self.number(l) * (sums.full[l] as f32 / length);
        }
        Ok(())
    }

    /// The logits of a text, one a label.
    ///
    /// # Errors
    /// [`BadModel::Logits`] if there is not one place a label.
    /// # Cost
    /// Linear in the text; no heap. The sums hold 16 million features.
    pub fn score(&self, text: &str, logits: &mut [f32]) -> Result<(), BadModel> {
        let mut sums = Sums::default();
        features(text, self.log2_buckets, |bucket, _| self.add(&mut sums, bucket));
        self.logits(sums, logits)
    }

    /// The file of a model: scales and biases of each label, and `[buckets, labels]` weights. `None` if the sizes do not
    /// agree.
    #[cfg(any(test, feature = "alloc"))]
    pub fn write(
        log2_buckets: u32,
        scales: &[f32],
        biases: &[f32],
        table: &[i8],
    ) -> Option<alloc::vec::Vec<u8>> {
        let labels = scales.len();
        if biases.len() != labels || log2_buckets > MAX_LOG2_BUCKETS || table.len() != labels << log2_buckets
        {
            return None;
        }
        let mut file = MAGIC.to_vec();
        for word in [VERSION, log2_buckets, labels as u32] {
            file.extend(word.to_le_bytes());
        }
        file.extend(scales.iter().chain(biases).flat_map(|x| x.to_le_bytes()));
        file.extend(table.iter().map(|&w| w as u8));
        file.extend([0; MAX_LABELS]);
        Some(file)
    }
}

impl Sums {
    fn settle(&mut self) {
        for (full, block) in self.full.iter_mut().zip(&mut self.block) {
            *full = full.wrapping_add(i32::from(*block));
            *block = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn sums_are_exact_over_many_features() {
        let table: vec::Vec<i8> = (0..2 * 16).map(|i| if i % 2 == 0 { -128 } else { 127 }).collect();
        let file = Model::write(4, &[1.0, 0.5], &[0.0, 1.0], &table).unwrap();
        let model = Model::new(&file).unwrap();
        let mut sums = Sums::default();
        for i in 0..10_000 {
            model.add(&mut sums, i);
        }
        let mut logits = [0.0; 2];
        model.logits(sums, &mut logits).unwrap();
        assert_eq!(logits, [-128.0 * 10_000.0 / 100.0, 1.0 + 0.5 * 127.0 * 100.0]);
        assert_eq!(model.logits(sums, &mut [0.0]), Err(BadModel::Logits(1, 2)));
    }

    #[test]
    fn no_text_is_the_bias() {
        let file = Model::write(4, &[1.0], &[-2.5], &[3; 16]).unwrap();
        let mut logits = [0.0];
        Model::new(&file).unwrap().score("", &mut logits).unwrap();
        assert_eq!(logits, [-2.5]);
    }

    #[test]
    fn damaged_files_are_refused() {
        let good = Model::write(4, &[1.0], &[0.0], &[0; 16]).unwrap();
        let with = |at: usize, byte: u8| {
            let mut bad = good.clone();
            bad[at] = byte;
            Model::new(&bad).map(|_| ()).unwrap_err()
        };
        assert_eq!(with(0, b'X'), BadModel::NotOne);
        assert_eq!(with(4, 2), BadModel::Version(2));
        assert_eq!(with(8, 40), BadModel::Buckets(40));
        assert_eq!(with(12, 0), BadModel::Labels(0));
        assert_eq!(with(12, 17), BadModel::Labels(17));
        assert_eq!(with(12, 2), BadModel::Size(56, 80));
        let endless = Model::write(4, &[f32::INFINITY], &[0.0], &[0; 16]).unwrap();
        assert_eq!(Model::new(&endless).map(|_| ()), Err(BadModel::NotFinite));
        for n in 0..good.len() {
            assert!(Model::new(&good[..n]).is_err());
        }
    }
}
