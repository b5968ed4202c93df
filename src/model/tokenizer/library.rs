//! Any `tokenizer.json`, by the tokenizer library.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokenizers::models::ModelWrapper;
use tokenizers::normalizers::NormalizerWrapper;
use tokenizers::pre_tokenizers::PreTokenizerWrapper;

use crate::model::tokenizer::Encoding;
use crate::model::tokenizer::text::Rules;
use crate::model::tokenizer::words::Parts;
use crate::{Code, Error};

/// A tokenizer of the library, less truncation and padding.
pub(super) struct Library {
    inner: Box<tokenizers::Tokenizer>,
    /// Whether text may be cut at spaces and line feeds without changing an id.
    pub(super) splits_at_spaces: bool,
}

impl Library {
    /// Reads a `tokenizer.json`.
    ///
    /// # Errors
    /// [`Code::InvalidTokenizer`] if it does not parse.
    pub(super) fn new(json: &[u8]) -> Result<Self, Error> {
        let refused = |why: String| {
            Error::new(Code::InvalidTokenizer, format!("the tokenizer file does not parse: {why}"))
        };
        let mut inner = guarded(|| tokenizers::Tokenizer::from_bytes(json))
            .and_then(|parsed| parsed.map_err(|e| e.to_string()))
            .map_err(refused)?;
        inner.with_truncation(None).map_err(|e| refused(e.to_string()))?;
        inner.with_padding(None);
        // A user who types "[SEP]" gets five ordinary characters, not a way to end the text that the model sees.
        inner.set_encode_special_tokens(true);
        // An added token may hold a space; special ones are not looked for.
        let splits_at_spaces = matches!(inner.get_model(), ModelWrapper::WordPiece(_))
            && matches!(inner.get_normalizer(), None | Some(NormalizerWrapper::BertNormalizer(_)))
            && matches!(inner.get_pre_tokenizer(), Some(PreTokenizerWrapper::BertPreTokenizer(_)))
            && inner.get_added_tokens_decoder().values().all(|token| token.special);
        Ok(Self { inner: Box::new(inner), splits_at_spaces })
    }

    /// As [`Tokenizer::packed`](crate::model::tokenizer::Tokenizer::packed).
    pub(super) fn packed(&self) -> Option<Vec<u8>> {
        let inner = &self.inner;
        if !self.splits_at_spaces {
            return None;
        }
        let (ModelWrapper::WordPiece(model), Some(NormalizerWrapper::BertNormalizer(rules))) =
            (inner.get_model(), inner.get_normalizer())
        else {
            return None;
        };
        let vocabulary = inner.get_vocab(false);
        let mut pieces: Vec<(&str, u32)> =
            vocabulary.iter().map(|(piece, &id)| (piece.as_str(), id)).collect();
        // The bytes depend on the order, and the map's is another one each time.
        pieces.sort_unstable_by_key(|&(_, id)| id);
        let added = inner.get_added_tokens_decoder();
        let parts = Parts {
            pieces,
            added: added.iter().map(|(&id, token)| (token.content.as_str(), id)).collect(),
            unknown: &model.unk_token,
            prefix: &model.continuing_subword_prefix,
            max_chars: model.max_input_chars_per_word,
            rules: Rules {
                clean: rules.clean_text,
                ideographs: rules.handle_chinese_chars,
                strip_accents: rules.strip_accents.unwrap_or(rules.lowercase),
                lowercase: rules.lowercase,
            },
        };
        parts.write()
    }

    /// Number of ids, added tokens included.
    pub(super) fn vocabulary(&self) -> usize {
        self.inner.get_vocab_size(true)
    }

    /// The text of a token, if the id is one.
    pub(super) fn token(&self, id: u32) -> Option<String> {
        self.inner.id_to_token(id)
    }

    /// Appends the tokens of a text that starts at byte `start` of the whole.
    ///
    /// # Errors
    /// [`Code::InvalidTokenizer`] if it cannot be encoded.
    pub(super) fn encode(&self, text: &str, start: usize, out: &mut Encoding) -> Result<(), Error> {
        let piece = guarded(|| self.inner.encode(text, false))
            .and_then(|encoded| encoded.map_err(|e| e.to_string()))
            .map_err(|e| {
                Error::new(Code::InvalidTokenizer, format!("the tokenizer refused the text: {e}"))
            })?;
        out.ids.extend_from_slice(piece.get_ids());
        out.offsets.extend(piece.get_offsets().iter().map(|&(a, b)| (start + a, start + b)));
        Ok(())
    }
}

/// The tokenizer library unwraps what it believes to be true of a file; where that is wrong it is an error here.
fn guarded<T>(body: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(body)).map_err(|_| "its reader gave up on it".to_owned())
}
