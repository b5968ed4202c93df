//! Text to token ids with byte offsets, from a `tokenizer.json` (WordPiece, Unigram, BPE) or a packed vocabulary.

mod text;
mod words;

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokenizers::models::ModelWrapper;
use tokenizers::normalizers::NormalizerWrapper;
use tokenizers::pre_tokenizers::PreTokenizerWrapper;

use crate::model::control::Control;
use crate::model::pack::Pack;
use crate::{Code, Error};

use text::Rules;
pub use text::Scratch;
use words::{Parts, Words};

/// Bytes of a packed vocabulary.
pub type Holder = Box<dyn AsRef<[u8]> + Send + Sync>;

/// The length, in bytes, up to which text is given to the tokenizer in one piece where pieces are exact.
const PIECE_BYTES: usize = 8192;

/// A tokenizer, as its `tokenizer.json` describes it, less truncation and padding, which are the engine's.
pub struct Tokenizer {
    inner: Inner,
    /// Whether text may be cut at spaces and line feeds without changing an id.
    splits_at_spaces: bool,
}

enum Inner {
    Library(Box<tokenizers::Tokenizer>),
    Words(Words),
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
        Ok(Self { inner: Inner::Library(Box::new(inner)), splits_at_spaces })
    }

    /// Reads what [`Tokenizer::packed`] made.
    ///
    /// # Errors
    /// [`Code::InvalidTokenizer`] if that is not what it is.
    /// # Cost
    /// A look at its first bytes; nothing is copied.
    pub fn from_packed(vocabulary: Holder) -> Result<Self, Error> {
        Ok(Self { inner: Inner::Words(Words::new(vocabulary)?), splits_at_spaces: true })
    }

    /// A pack's tokenizer: from the compiled plan if it holds the vocabulary, else from the tokenizer file.
    ///
    /// # Errors
    /// As [`Tokenizer::from_packed`], or [`Pack::tokenizer`] and [`Tokenizer::from_bytes`].
    pub fn of(pack: &Pack) -> Result<Self, Error> {
        match pack.plan().and_then(|plan| plan.vocabulary()) {
            Some(vocabulary) => Self::from_packed(Box::new(vocabulary)),
            None => Self::from_bytes(pack.tokenizer()?),
        }
    }

    /// The vocabulary in a form that is used where it lies, with the same ids and offsets; `None` if there is none: it
    /// is for WordPiece after BERT's normalizer and pre-tokenizer, without added tokens but special ones.
    pub fn packed(&self) -> Option<Vec<u8>> {
        let Inner::Library(inner) = &self.inner else { return None };
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
    pub fn vocabulary(&self) -> usize {
        match &self.inner {
            Inner::Library(inner) => inner.get_vocab_size(true),
            Inner::Words(words) => words.count(),
        }
    }

    /// The text of a token, if the id is one.
    pub fn token(&self, id: u32) -> Option<String> {
        match &self.inner {
            Inner::Library(inner) => inner.id_to_token(id),
            Inner::Words(words) => words.token(id).map(str::to_owned),
        }
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
        self.encode_into(text, control, &mut Scratch::default(), &mut out)?;
        Ok(out)
    }

    /// As [`Tokenizer::encode`], into memory that is used again: with a packed vocabulary no heap call once both have
    /// grown to the text.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`]; `out` then holds the tokens before.
    pub fn encode_into(
        &self,
        text: &str,
        control: &Control,
        scratch: &mut Scratch,
        out: &mut Encoding,
    ) -> Result<(), Error> {
        out.ids.clear();
        out.offsets.clear();
        let mut start = 0;
        while start < text.len() {
            control.check()?;
            let end = if self.splits_at_spaces { piece_end(text, start) } else { text.len() };
            match &self.inner {
                Inner::Library(inner) => library(inner, &text[start..end], start, out)?,
                Inner::Words(words) => words.encode(&text[start..end], start, scratch, out),
            }
            start = end;
        }
        Ok(())
    }
}

/// Appends the tokens of a text that starts at byte `start` of the whole.
fn library(inner: &tokenizers::Tokenizer, text: &str, start: usize, out: &mut Encoding) -> Result<(), Error> {
    let piece = guarded(|| inner.encode(text, false))
        .and_then(|encoded| encoded.map_err(|e| e.to_string()))
        .map_err(|e| Error::new(Code::InvalidTokenizer, format!("the tokenizer refused the text: {e}")))?;
    out.ids.extend_from_slice(piece.get_ids());
    out.offsets.extend(piece.get_offsets().iter().map(|&(a, b)| (start + a, start + b)));
    Ok(())
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
