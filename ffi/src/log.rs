//! `tl_log_set`: where the library's messages go. Nowhere, by default.

use std::ffi::{c_char, c_void};
use std::sync::{Once, PoisonError, RwLock};

use trueline_core::{Code, Error};

use crate::boundary::{boundary, message};
use crate::status::tl_status;

/// No messages.
pub const TL_LOG_OFF: u32 = 0;
/// Faults.
pub const TL_LOG_ERROR: u32 = 1;
/// What may surprise.
pub const TL_LOG_WARN: u32 = 2;
/// What was loaded and chosen.
pub const TL_LOG_INFO: u32 = 3;
/// Details for finding a fault.
pub const TL_LOG_DEBUG: u32 = 4;

/// Gets one message: its level, its text (UTF-8, ended by NUL, valid during the call) and the pointer given to
/// tl_log_set. Called from whichever thread the library runs in; it must not throw or long-jump.
pub type tl_log_fn = Option<unsafe extern "C" fn(level: u32, text: *const c_char, user: *mut c_void)>;

/// The callback's address and its user pointer, as a number: the library only hands it back.
type Sink = (unsafe extern "C" fn(u32, *const c_char, *mut c_void), usize);

static SINK: RwLock<Option<Sink>> = RwLock::new(None);

struct Forward;

impl ::log::Log for Forward {
    fn enabled(&self, metadata: &::log::Metadata<'_>) -> bool {
        // Other libraries' messages may quote what they work on; ours never quote text.
        metadata.target().starts_with("trueline")
    }

    fn log(&self, record: &::log::Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        // Copied out, so that the callback may itself call tl_log_set.
        let sink = *SINK.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((callback, user)) = sink {
            let text = message(&record.args().to_string());
            // SAFETY: the header asks for a function that may be called from any thread until it is replaced.
            unsafe { callback(record.level() as u32, text.as_ptr(), user as *mut c_void) };
        }
    }

    fn flush(&self) {}
}

/// Sends the library's messages to a function of yours; NULL makes it silent again. Process-wide.
/// Messages name packs, files and sizes; they never hold text that was judged.
///
/// @param callback  may still be running in another thread when this returns.
/// @param user      handed to the callback as it is.
/// @param level     TL_LOG_OFF to TL_LOG_DEBUG: the most detailed level wanted.
/// @return TL_OK; TL_ERR_INVALID_ARGUMENT for another level.
///
/// # Safety
/// `callback` is NULL or may be called with `user` from any thread until it is replaced.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_log_set(callback: tl_log_fn, user: *mut c_void, level: u32) -> tl_status {
    static INSTALL: Once = Once::new();
    boundary(|| {
        let filter = match level {
            TL_LOG_OFF => ::log::LevelFilter::Off,
            TL_LOG_ERROR => ::log::LevelFilter::Error,
            TL_LOG_WARN => ::log::LevelFilter::Warn,
            TL_LOG_INFO => ::log::LevelFilter::Info,
            TL_LOG_DEBUG => ::log::LevelFilter::Debug,
            _ => {
                return Err(Error::new(
                    Code::InvalidArgument,
                    format!("level is {level}; it lies between {TL_LOG_OFF} and {TL_LOG_DEBUG}"),
                ));
            }
        };
        // A Rust host may have a logger of its own in this process; then ours stays out of its way.
        INSTALL.call_once(|| drop(::log::set_logger(&Forward)));
        *SINK.write().unwrap_or_else(PoisonError::into_inner) = callback.map(|c| (c, user as usize));
        ::log::set_max_level(if callback.is_some() { filter } else { ::log::LevelFilter::Off });
        Ok(())
    })
}
