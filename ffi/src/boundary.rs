//! The one door between C and Rust: no panic leaves, no error forgets its sentence.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use heapless::{CString, String};
use trueline_core::{Code, Error};

use crate::status::{TL_OK, tl_status};

/// The longest sentence kept, in bytes; a longer one is cut at a character.
const MESSAGE_BYTES: usize = 1024;

/// A sentence with its closing NUL.
pub(crate) type Message = CString<{ MESSAGE_BYTES + 1 }>;

thread_local! {
    static LAST_ERROR: RefCell<Message> = RefCell::new(Message::new());
}

/// Runs the body of a C function: its error becomes a status and this thread's last error, and so does a panic.
pub(crate) fn boundary(body: impl FnOnce() -> Result<(), Error>) -> tl_status {
    let error = match guarded(body) {
        Ok(Ok(())) => return TL_OK,
        Ok(Err(error)) => error,
        Err(()) => Error::new(Code::Internal, "internal error (panic); please report it"),
    };
    set_last_error(&error);
    error.code as tl_status
}

/// Runs the body of a C function that gives a value and cannot fail; `fallback` is its value after a panic.
pub(crate) fn value<T>(fallback: T, body: impl FnOnce() -> T) -> T {
    guarded(body).unwrap_or(fallback)
}

/// This thread's last error: valid until the next failing call in this thread.
pub(crate) fn last_error() -> *const std::ffi::c_char {
    // While the thread ends its locals are gone; there is nothing to tell then.
    LAST_ERROR.try_with(|slot| slot.borrow().as_ptr()).unwrap_or(c"".as_ptr())
}

/// A sentence as C reads it, cut at [`MESSAGE_BYTES`] and without inner NULs.
pub(crate) fn message(text: &str) -> Message {
    let mut short: String<MESSAGE_BYTES> = String::new();
    for c in text.chars().filter(|c| *c != '\0') {
        if short.push(c).is_err() {
            break;
        }
    }
    let mut out = Message::new();
    // It fits and holds no NUL, so this cannot fail; an empty message would be the worst of it.
    let _ = out.extend_from_bytes(short.as_bytes());
    out
}

fn set_last_error(error: &Error) {
    let text = message(&error.message);
    let _ = LAST_ERROR.try_with(|slot| *slot.borrow_mut() = text);
}

fn guarded<T>(body: impl FnOnce() -> T) -> Result<T, ()> {
    static QUIET: Once = Once::new();
    // A library does not write to its host's standard error. This hook is that of the library's own copy of `std`.
    QUIET.call_once(|| {
        std::panic::set_hook(Box::new(|panic| ::log::error!(target: "trueline", "caught {panic}")))
    });
    // What the body holds across a panic is marked broken (a session's lock is poisoned) or dropped.
    catch_unwind(AssertUnwindSafe(body)).map_err(|_| ())
}
