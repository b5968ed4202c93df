//! The one error type: a number that C sees and a sentence for a person.

use std::fmt;

/// What went wrong, in the numbers C sees. Append only; the number of a removed code is never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum Code {
    /// A fault of the library itself (a caught panic); the object involved is broken from then on.
    Internal = -1,
    /// A required pointer is NULL.
    NullArgument = -2,
    /// A value is outside its documented range, NaN or infinite where numbers are required, or of the wrong shape.
    InvalidArgument = -3,
    /// A model's inputs, outputs, tokenizer or labels are not those that its manifest declares.
    ModelMismatch = -4,
    /// Text is not UTF-8.
    Utf8 = -5,
    /// A file or folder cannot be read.
    Io = -6,
    /// A manifest or pack breaks a rule: unknown field or family, path outside the folder, wrong version.
    InvalidPack = -7,
    /// A file of a pack does not have the sha256 that its manifest states.
    HashMismatch = -8,
    /// Something is larger than a stated budget.
    TooLarge = -9,
    /// An ONNX file cannot be parsed or uses what the backend cannot run.
    InvalidModel = -10,
    /// A tokenizer file cannot be parsed, or does not fit the model.
    InvalidTokenizer = -11,
    /// The deadline passed before the call was done.
    DeadlineExceeded = -12,
    /// The caller's cancel token was set.
    Cancelled = -13,
    /// This build, or this machine, lacks what was asked for: a backend, an instruction set, a pack.
    Unavailable = -14,
    /// No candidate is left: every logit is masked.
    NoCandidate = -15,
    /// There is no text to judge: no byte, or none that is a token.
    EmptyText = -16,
    /// A struct's size is none that a version of the header ever had.
    StructSize = -17,
    /// The object was in use when an internal failure happened; destroy it and make another.
    Broken = -18,
    /// A function of the host's failed, which the library called.
    Host = -19,
}

impl Code {
    /// Every code, in the order of its number.
    pub const ALL: [Self; 19] = [
        Self::Internal,
        Self::NullArgument,
        Self::InvalidArgument,
        Self::ModelMismatch,
        Self::Utf8,
        Self::Io,
        Self::InvalidPack,
        Self::HashMismatch,
        Self::TooLarge,
        Self::InvalidModel,
        Self::InvalidTokenizer,
        Self::DeadlineExceeded,
        Self::Cancelled,
        Self::Unavailable,
        Self::NoCandidate,
        Self::EmptyText,
        Self::StructSize,
        Self::Broken,
        Self::Host,
    ];

    /// The code's word, as the command line prints it and the C macro ends: `INVALID_ARGUMENT`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Internal => "INTERNAL",
            Self::NullArgument => "NULL_ARGUMENT",
            Self::InvalidArgument => "INVALID_ARGUMENT",
            Self::ModelMismatch => "MODEL_MISMATCH",
            Self::Utf8 => "UTF8",
            Self::Io => "IO",
            Self::InvalidPack => "INVALID_PACK",
            Self::HashMismatch => "HASH_MISMATCH",
            Self::TooLarge => "TOO_LARGE",
            Self::InvalidModel => "INVALID_MODEL",
            Self::InvalidTokenizer => "INVALID_TOKENIZER",
            Self::DeadlineExceeded => "DEADLINE_EXCEEDED",
            Self::Cancelled => "CANCELLED",
            Self::Unavailable => "UNAVAILABLE",
            Self::NoCandidate => "NO_CANDIDATE",
            Self::EmptyText => "EMPTY_TEXT",
            Self::StructSize => "STRUCT_SIZE",
            Self::Broken => "BROKEN",
            Self::Host => "HOST",
        }
    }
}

/// A stable code to branch on, and a sentence for a person that names the thing, the value and the bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What kind of failure it is.
    pub code: Code,
    /// What failed, with the value and the bound that it broke.
    pub message: String,
}

impl Error {
    /// An error with this code and sentence.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.name(), self.message)
    }
}

impl std::error::Error for Error {}
