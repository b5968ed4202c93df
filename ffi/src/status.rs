//! Status numbers.

use std::ffi::{CStr, c_char};

use trueline_core::Code;

use crate::boundary;

/// 0, or one of `TL_ERR_*`. Not an enum, so that its size is fixed.
pub type tl_status = i32;

/// The call did what it says.
pub const TL_OK: tl_status = 0;
/// A fault of the library itself; the session it happened in answers `TL_ERR_BROKEN` from then on.
pub const TL_ERR_INTERNAL: tl_status = -1;
/// A required pointer is NULL.
pub const TL_ERR_NULL_ARGUMENT: tl_status = -2;
/// A value is outside its documented range.
pub const TL_ERR_INVALID_ARGUMENT: tl_status = -3;
/// A model's inputs, outputs or labels are not those of its manifest.
pub const TL_ERR_MODEL_MISMATCH: tl_status = -4;
/// Text is not UTF-8.
pub const TL_ERR_UTF8: tl_status = -5;
/// A file or folder cannot be read.
pub const TL_ERR_IO: tl_status = -6;
/// A manifest or pack breaks a rule.
pub const TL_ERR_INVALID_PACK: tl_status = -7;
/// A file of a pack has another sha256 than its manifest states.
pub const TL_ERR_HASH_MISMATCH: tl_status = -8;
/// Something is larger than its stated budget.
pub const TL_ERR_TOO_LARGE: tl_status = -9;
/// An ONNX file cannot be read or run.
pub const TL_ERR_INVALID_MODEL: tl_status = -10;
/// A tokenizer file cannot be read or does not fit its manifest.
pub const TL_ERR_INVALID_TOKENIZER: tl_status = -11;
/// The call was not done in time.
pub const TL_ERR_DEADLINE_EXCEEDED: tl_status = -12;
/// The caller's `tl_cancel` was set.
pub const TL_ERR_CANCELLED: tl_status = -13;
/// This build or this machine lacks what was asked for.
pub const TL_ERR_UNAVAILABLE: tl_status = -14;
/// No candidate is left: every logit is masked.
pub const TL_ERR_NO_CANDIDATE: tl_status = -15;
/// There is no text to judge.
pub const TL_ERR_EMPTY_TEXT: tl_status = -16;
/// A struct's `struct_size` is none that a version of this header ever had; use its `..._INIT` macro.
pub const TL_ERR_STRUCT_SIZE: tl_status = -17;
/// The object was in use when an internal failure happened; destroy it and make another.
pub const TL_ERR_BROKEN: tl_status = -18;
/// A function of yours failed, which the library called.
pub const TL_ERR_HOST: tl_status = -19;

// One number, two homes: the compiler compares them.
const _: () = {
    let pairs = [
        (TL_ERR_INTERNAL, Code::Internal),
        (TL_ERR_NULL_ARGUMENT, Code::NullArgument),
        (TL_ERR_INVALID_ARGUMENT, Code::InvalidArgument),
        (TL_ERR_MODEL_MISMATCH, Code::ModelMismatch),
        (TL_ERR_UTF8, Code::Utf8),
        (TL_ERR_IO, Code::Io),
        (TL_ERR_INVALID_PACK, Code::InvalidPack),
        (TL_ERR_HASH_MISMATCH, Code::HashMismatch),
        (TL_ERR_TOO_LARGE, Code::TooLarge),
        (TL_ERR_INVALID_MODEL, Code::InvalidModel),
        (TL_ERR_INVALID_TOKENIZER, Code::InvalidTokenizer),
        (TL_ERR_DEADLINE_EXCEEDED, Code::DeadlineExceeded),
        (TL_ERR_CANCELLED, Code::Cancelled),
        (TL_ERR_UNAVAILABLE, Code::Unavailable),
        (TL_ERR_NO_CANDIDATE, Code::NoCandidate),
        (TL_ERR_EMPTY_TEXT, Code::EmptyText),
        (TL_ERR_STRUCT_SIZE, Code::StructSize),
        (TL_ERR_BROKEN, Code::Broken),
        (TL_ERR_HOST, Code::Host),
    ];
    assert!(pairs.len() == Code::ALL.len());
    let mut i = 0;
    while i < pairs.len() {
        assert!(pairs[i].0 == pairs[i].1 as tl_status);
        i += 1;
    }
};

/// The sentence that explains the last failure in this thread; empty if there was none. Never NULL.
/// Valid until the next call in this thread that fails.
#[unsafe(no_mangle)]
pub extern "C" fn tl_last_error() -> *const c_char {
    boundary::last_error()
}

/// The name of a status: "OK", "UTF8", "HASH_MISMATCH"; "UNKNOWN" for a number that is none. Never NULL; static.
#[unsafe(no_mangle)]
pub extern "C" fn tl_status_name(status: tl_status) -> *const c_char {
    let name: &CStr = match status {
        TL_OK => c"OK",
        TL_ERR_INTERNAL => c"INTERNAL",
        TL_ERR_NULL_ARGUMENT => c"NULL_ARGUMENT",
        TL_ERR_INVALID_ARGUMENT => c"INVALID_ARGUMENT",
        TL_ERR_MODEL_MISMATCH => c"MODEL_MISMATCH",
        TL_ERR_UTF8 => c"UTF8",
        TL_ERR_IO => c"IO",
        TL_ERR_INVALID_PACK => c"INVALID_PACK",
        TL_ERR_HASH_MISMATCH => c"HASH_MISMATCH",
        TL_ERR_TOO_LARGE => c"TOO_LARGE",
        TL_ERR_INVALID_MODEL => c"INVALID_MODEL",
        TL_ERR_INVALID_TOKENIZER => c"INVALID_TOKENIZER",
        TL_ERR_DEADLINE_EXCEEDED => c"DEADLINE_EXCEEDED",
        TL_ERR_CANCELLED => c"CANCELLED",
        TL_ERR_UNAVAILABLE => c"UNAVAILABLE",
        TL_ERR_NO_CANDIDATE => c"NO_CANDIDATE",
        TL_ERR_EMPTY_TEXT => c"EMPTY_TEXT",
        TL_ERR_STRUCT_SIZE => c"STRUCT_SIZE",
        TL_ERR_BROKEN => c"BROKEN",
        TL_ERR_HOST => c"HOST",
        _ => c"UNKNOWN",
    };
    name.as_ptr()
}
