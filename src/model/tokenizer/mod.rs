//! Text to token ids with byte offsets, from a `tokenizer.json` (WordPiece, Unigram, BPE).

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokenizers::models::ModelWrapper;
use tokenizers::normalizers::NormalizerWrapper;
use tokenizers::pre_tokenizers::PreTokenizerWrapper;

use crate::model::control::Control;
use crate::{Code, Error};

/// The length, in bytes, up to which text is given to the tokenizer in one piece where pieces are exact.
const PIECE_BYTES: usize = 8192;

/// A tokenizer, as its `tokenizer.json` describes it, less truncation and padding, which are the engine's.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    /// Whether text may be cut at spaces and line feeds without changing an id.
    splits_at_spaces: bool,
}

/// Token ids, and the bytes of the text that each one stands for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Encoding {
    /// One id per token.
    pub ids: Vec<u32>,
    /// `[start, end)` in bytes of the given text, one per token.
    pub offsets: Vec<(usize, usize)>,
}

impl Tokenizer {
    /// Reads a `tokenizer.json`.
    ///
    /// # Errors
    /// [`Code::InvalidTokenizer`] if it does not parse.
    pub fn from_bytes(json: &[u8]) -> Result<Self, Error> {
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
        Ok(Self { inner, splits_at_spaces })
    }

    /// Number of ids, added tokens included.
    pub fn vocabulary(&self) -> usize {
        self.inner.get_vocab_size(true)
    }

    /// The text of a token, if the id is one.
    pub fn token(&self, id: u32) -> Option<String> {
        self.inner.id_to_token(id)
    }

    /// Token ids and byte offsets of a text, without special tokens.
    ///
    /// # Errors
    /// [`Code::InvalidTokenizer`] if the tokenizer cannot encode it; what `control` says.
    /// # Cost
    /// Linear in the text. Looks at `control` every 8 KiB where the text can be cut without changing a token
    /// (WordPiece after BERT's normalizer and pre-tokenizer, without added tokens but special ones), else once.
    pub fn encode(&self, text: &str, control: &Control) -> Result<Encoding, Error> {
        let mut out = Encoding::default();
        let mut start = 0;
        while start < text.len() {
            control.check()?;
            let end = if self.splits_at_spaces { piece_end(text, start) } else { text.len() };
            let piece = guarded(|| self.inner.encode(&text[start..end], false))
                .and_then(|encoded| encoded.map_err(|e| e.to_string()))
                .map_err(|e| {
                    Error::new(Code::InvalidTokenizer, format!("the tokenizer refused the text: {e}"))
                })?;
            out.ids.extend_from_slice(piece.get_ids());
            out.offsets.extend(piece.get_offsets().iter().map(|&(a, b)| (start + a, start + b)));
            start = end;
        }
        Ok(out)
    }
}

/// The tokenizer library unwraps what it believes to be true of a file; where that is wrong it is an error here.
fn guarded<T>(body: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(body)).map_err(|_| "its reader gave up on it".to_owned())
}

/// The end of the piece that starts at `start`: after a space or line feed near [`PIECE_BYTES`], else the text's end.
fn piece_end(text: &str, start: usize) -> usize {
    let bytes = text.as_bytes();
    if bytes.len() - start <= PIECE_BYTES {
        return bytes.len();
    }
    let is_gap = |&b: &u8| b == b' ' || b == b'\n';
    let window = &bytes[start..start + PIECE_BYTES];
    match window.iter().rposition(is_gap) {
        Some(at) => start + at + 1,
        None => match bytes[start + PIECE_BYTES..].iter().position(is_gap) {
            Some(at) => start + PIECE_BYTES + at + 1,
            None => bytes.len(),
        },
    }
}
