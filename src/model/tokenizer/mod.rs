//! Text to token ids with byte offsets, from a `tokenizer.json` (WordPiece, Unigram, BPE) or a packed vocabulary, or by
//! hashing.

#[cfg(feature = "tokenizers")]
mod library;
mod ngrams;
mod table;
mod text;
mod unigram;
mod words;

use crate::Error;
use crate::model::control::Control;
use crate::model::family::{Family, NgramLinear};
use crate::model::pack::Pack;

#[cfg(feature = "tokenizers")]
use library::Library;
use ngrams::Ngrams;
pub use text::Scratch;
use unigram::Unigram;
use words::Words;

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
    #[cfg(feature = "tokenizers")]
    Library(Library),
    Words(Words),
    Unigram(Unigram),
    Ngrams(Ngrams),
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
    /// [`crate::Code::InvalidTokenizer`] if it does not parse; [`crate::Code::Unavailable`] in a build without the feature `tokenizers`.
    pub fn from_bytes(json: &[u8]) -> Result<Self, Error> {
        #[cfg(feature = "tokenizers")]
        {
            let library = Library::new(json)?;
            let splits_at_spaces = library.splits_at_spaces;
            Ok(Self { inner: Inner::Library(library), splits_at_spaces })
        }
        #[cfg(not(feature = "tokenizers"))]
        Err(Error::new(
            crate::Code::Unavailable,
            format!(
                "a tokenizer file of {} bytes cannot be read: this build has no compiler and no tokenizer library \
                 (feature `tokenizers`), and takes vocabularies from packs that a full build's `trueline pack` compiled",
                json.len()
            ),
        ))
    }

    /// Reads what [`Tokenizer::packed`] made.
    ///
    /// # Errors
    /// [`crate::Code::InvalidTokenizer`] if that is not what it is.
    /// # Cost
    /// A look at its first bytes; nothing is copied.
    pub fn from_packed(vocabulary: Holder) -> Result<Self, Error> {
        if unigram::is_one((*vocabulary).as_ref()) {
            return Ok(Self { inner: Inner::Unigram(Unigram::new(vocabulary)?), splits_at_spaces: false });
        }
        Ok(Self { inner: Inner::Words(Words::new(vocabulary)?), splits_at_spaces: true })
    }

    /// Reads the file that says which hashed n-grams are the tokens.
    ///
    /// # Errors
    /// [`crate::Code::InvalidTokenizer`] if that is not what it is.
    pub fn ngrams(file: &[u8]) -> Result<Self, Error> {
        Ok(Self { inner: Inner::Ngrams(Ngrams::new(file)?), splits_at_spaces: true })
    }

    /// A pack's tokenizer: from the compiled plan if it holds the vocabulary, else from the tokenizer file.
    ///
    /// # Errors
    /// As [`Tokenizer::from_packed`], or [`Pack::tokenizer`] and [`Tokenizer::from_bytes`].
    pub fn of(pack: &Pack) -> Result<Self, Error> {
        if pack.manifest().family == NgramLinear.name() {
            return Self::ngrams(pack.tokenizer()?);
        }
        match pack.plan().and_then(|plan| plan.vocabulary()) {
            Some(vocabulary) => Self::from_packed(Box::new(vocabulary)),
            None => Self::from_bytes(pack.tokenizer()?),
        }
    }

    /// The vocabulary in a form that is used where it lies, with the same ids and offsets; `None` if there is none: it
    /// is for WordPiece after BERT's normalizer and pre-tokenizer, and for Unigram after NFKC or nothing and Metaspace, both
    /// without added tokens but special ones.
    pub fn packed(&self) -> Option<Vec<u8>> {
        match &self.inner {
            #[cfg(feature = "tokenizers")]
            Inner::Library(library) => library.packed(),
            Inner::Words(_) | Inner::Unigram(_) | Inner::Ngrams(_) => None,
        }
    }

    /// The same tokenizer for texts that are only read: the vocabulary in its packed form if it has one, which encodes
    /// without a heap call and takes less memory.
    pub fn for_reading(self) -> Self {
        let packed = self.packed().and_then(|bytes| Self::from_packed(Box::new(bytes)).ok());
        packed.unwrap_or(self)
    }

    /// Number of ids, added tokens included.
    pub fn vocabulary(&self) -> usize {
        match &self.inner {
            #[cfg(feature = "tokenizers")]
            Inner::Library(library) => library.vocabulary(),
            Inner::Words(words) => words.count(),
            Inner::Unigram(unigram) => unigram.count(),
            Inner::Ngrams(ngrams) => ngrams.count(),
        }
    }

    /// Whether tokens are words and parts of them, so that the fewer a word takes the better it is known.
    pub fn has_words(&self) -> bool {
        !matches!(self.inner, Inner::Ngrams(_))
    }

    /// The id of what the vocabulary cannot spell, if it has one.
    pub fn unknown(&self) -> Option<u32> {
        match &self.inner {
            #[cfg(feature = "tokenizers")]
            Inner::Library(library) => library.unknown(),
            Inner::Words(words) => Some(words.unknown()),
            Inner::Unigram(unigram) => Some(unigram.unknown()),
            Inner::Ngrams(_) => None,
        }
    }

    /// The text of a token, if the id is one.
    pub fn token(&self, id: u32) -> Option<String> {
        match &self.inner {
            #[cfg(feature = "tokenizers")]
            Inner::Library(library) => library.token(id),
            Inner::Words(words) => words.token(id).map(str::to_owned),
            Inner::Unigram(unigram) => unigram.token(id).map(str::to_owned),
            Inner::Ngrams(ngrams) => ((id as usize) < ngrams.count()).then(|| format!("#{id}")),
        }
    }

    /// The bytes that each token stands for in a text, and none for special ones: what a model that writes has written. After
    /// WordPiece a word's first piece has a space before it.
    ///
    /// # Errors
    /// [`crate::Code::InvalidTokenizer`] if tokens are not bytes or pieces of words, so that their bytes hang on each other.
    /// # Cost
    /// A pass over the vocabulary.
    pub fn spellings(&self) -> Result<Vec<Vec<u8>>, Error> {
        match &self.inner {
            #[cfg(feature = "tokenizers")]
            Inner::Library(library) => library.spellings(),
            Inner::Words(_) | Inner::Unigram(_) | Inner::Ngrams(_) => Err(Error::new(
                crate::Code::InvalidTokenizer,
                "this vocabulary is for reading; one that writes has a tokenizer file",
            )),
        }
    }

    /// Token ids and byte offsets of a text, without special tokens.
    ///
    /// # Errors
    /// [`crate::Code::InvalidTokenizer`] if the tokenizer cannot encode it; what `control` says.
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
                #[cfg(feature = "tokenizers")]
                Inner::Library(library) => library.encode(&text[start..end], start, out)?,
                Inner::Words(words) => words.encode(&text[start..end], start, scratch, out),
                Inner::Unigram(unigram) => unigram.encode(&text[start..end], start, scratch, out),
                Inner::Ngrams(ngrams) => ngrams.encode(&text[start..end], start, out),
            }
            start = end;
        }
        Ok(())
    }
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
