//! Hashed n-grams as tokens: each feature is one, with the bytes of its word.

use crate::fields::{self, table};
use crate::model::tokenizer::Encoding;
use crate::{Code, Error};

/// Which features there are. The only version: see `trueline_tiny::features`.
#[derive(Clone, Debug)]
pub(super) struct Ngrams {
    version: u32,
    log2_buckets: u32,
}
table!(Ngrams { version, log2_buckets });

impl Ngrams {
    /// Reads `features.toml`.
    ///
    /// # Errors
    /// [`Code::InvalidTokenizer`] if that is not what it is.
    pub(super) fn new(file: &[u8]) -> Result<Self, Error> {
        let invalid =
            |why: String| Error::new(Code::InvalidTokenizer, format!("the file of features: {why}"));
        let text = str::from_utf8(file).map_err(|e| invalid(e.to_string()))?;
        let found: Self = fields::read(text).map_err(|fault| invalid(fault.in_line(text)))?;
        if found.version != 1 {
            return Err(invalid(format!("version {}; this library reads version 1", found.version)));
        }
        let most = trueline_tiny::MAX_LOG2_BUCKETS;
        if !(1..=most).contains(&found.log2_buckets) {
            return Err(invalid(format!("log2_buckets is {}; it lies in 1..={most}", found.log2_buckets)));
        }
        Ok(found)
    }

    pub(super) fn count(&self) -> usize {
        1 << self.log2_buckets
    }

    /// Adds the features of a piece of a text that begins at `start`.
    pub(super) fn encode(&self, text: &str, start: usize, out: &mut Encoding) {
        trueline_tiny::features(text, self.log2_buckets, |bucket, bytes| {
            out.ids.push(bucket);
            out.offsets.push((start + bytes.start, start + bytes.end));
        });
    }
}
