//! Any `tokenizer.json`, by the tokenizer library.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokenizers::Model;
use tokenizers::decoders::DecoderWrapper;
use tokenizers::models::ModelWrapper;
use tokenizers::models::unigram::Unigram;
use tokenizers::normalizers::NormalizerWrapper;
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::metaspace::PrependScheme;

use crate::model::tokenizer::Encoding;
use crate::model::tokenizer::text::Rules;
use crate::model::tokenizer::{table, unigram, words};
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
        let vocabulary = inner.get_vocab(false);
        let mut pieces: Vec<(&str, u32)> =
            vocabulary.iter().map(|(piece, &id)| (piece.as_str(), id)).collect();
        // The bytes depend on the order, and the map's is another one each time.
        pieces.sort_unstable_by_key(|&(_, id)| id);
        let added = inner.get_added_tokens_decoder();
        let mut added: Vec<(&str, u32)> = added
            .iter()
            .filter(|(_, token)| token.special)
            .map(|(&id, token)| (token.content.as_str(), id))
            .collect();
        added.sort_unstable_by_key(|&(_, id)| id);
        let pieces = table::Parts { pieces, added };
        match (inner.get_model(), inner.get_normalizer(), inner.get_pre_tokenizer()) {
            (ModelWrapper::WordPiece(model), Some(NormalizerWrapper::BertNormalizer(rules)), _)
                if self.splits_at_spaces =>
            {
                let parts = words::Parts {
                    pieces,
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
            (
                ModelWrapper::Unigram(model),
                normalizer @ (None | Some(NormalizerWrapper::NFKC(_))),
                Some(PreTokenizerWrapper::Metaspace(spaces)),
            ) => {
                // An added token that is not special is looked for in every text.
                let plain = inner.get_added_tokens_decoder().values().all(|token| token.special);
                let marks = spaces.get_replacement() == '\u{2581}' && spaces.get_split();
                if !plain || !marks || model.byte_fallback() {
                    return None;
                }
                let parts = unigram::Parts {
                    pieces,
                    scores: model.iter().map(|(_, score)| *score).collect(),
                    unknown: unknown_of(model)?,
                    normalized: normalizer.is_some(),
                    prepends: match spaces.get_prepend_scheme() {
                        // The text is not cut before this, so that its start is the first.
                        PrependScheme::Always | PrependScheme::First => true,
                        PrependScheme::Never => false,
                    },
                };
                parts.write()
            }
            _ => None,
        }
    }

    /// The id of what the vocabulary cannot spell, if it has one.
    pub(super) fn unknown(&self) -> Option<u32> {
        match self.inner.get_model() {
            ModelWrapper::WordPiece(model) => self.inner.token_to_id(&model.unk_token),
            ModelWrapper::BPE(model) => self.inner.token_to_id(model.unk_token.as_deref()?),
            _ => self.inner.token_to_id("<unk>"),
        }
    }

    /// Number of ids, added tokens included.
    pub(super) fn vocabulary(&self) -> usize {
        self.inner.get_vocab_size(true)
    }

    /// The text of a token, if the id is one.
    pub(super) fn token(&self, id: u32) -> Option<String> {
        self.inner.id_to_token(id)
    }

    /// As [`Tokenizer::spellings`](crate::model::tokenizer::Tokenizer::spellings).
    pub(super) fn spellings(&self) -> Result<Vec<Vec<u8>>, Error> {
        let special = self.inner.get_added_tokens_decoder();
        let spell: fn(&str) -> Vec<u8> = match self.inner.get_decoder() {
            Some(DecoderWrapper::ByteLevel(_)) => of_bytes,
            Some(DecoderWrapper::WordPiece(_)) => |piece| match piece.strip_prefix("##") {
                Some(rest) => rest.as_bytes().to_vec(),
                None => [b" ", piece.as_bytes()].concat(),
            },
            Some(DecoderWrapper::Metaspace(_)) => |piece| piece.replace('\u{2581}', " ").into_bytes(),
            Some(DecoderWrapper::Fuse(_)) => |piece| piece.as_bytes().to_vec(),
            _ => {
                return Err(Error::new(
                    Code::InvalidTokenizer,
                    "the tokenizer file has a decoder that is none of ByteLevel, WordPiece, Metaspace and Fuse",
                ));
            }
        };
        let of = |id: u32| match (special.get(&id).is_some_and(|token| token.special), self.token(id)) {
            (false, Some(piece)) => spell(&piece),
            _ => Vec::new(),
        };
        Ok((0..self.vocabulary() as u32).map(of).collect())
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

/// The id of what a vocabulary lacks, which the library does not tell: that of a character that is no piece.
fn unknown_of(model: &Unigram) -> Option<u32> {
    let absent =
        ('\u{f0000}'..='\u{ffffd}').find(|c| model.token_to_id(c.encode_utf8(&mut [0; 4])).is_none())?;
    model.tokenize(absent.encode_utf8(&mut [0; 4])).ok()?.first().map(|token| token.id)
}

/// The tokenizer library unwraps what it believes to be true of a file; where that is wrong it is an error here.
fn guarded<T>(body: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(body)).map_err(|_| "its reader gave up on it".to_owned())
}

/// The bytes of a token of byte-level BPE, where bytes that print stand for themselves and the others for characters from 256
/// up, in order.
fn of_bytes(piece: &str) -> Vec<u8> {
    let prints = |b: u8| matches!(b, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    let others: Vec<u8> = (0..=u8::MAX).filter(|&b| !prints(b)).collect();
    let mut out = Vec::with_capacity(piece.len());
    for c in piece.chars() {
        let code = c as usize;
        match u8::try_from(code) {
            Ok(byte) if prints(byte) => out.push(byte),
            _ => match code.checked_sub(256).and_then(|place| others.get(place)) {
                Some(&byte) => out.push(byte),
                None => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            },
        }
    }
    out
}
