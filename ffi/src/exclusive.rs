//! What one thread uses at a time: a second one is refused, and a panic leaves it broken.

use std::sync::{Mutex, MutexGuard, TryLockError};

use trueline_core::{Code, Error};

/// A value behind a handle of C. A panic while it is held poisons it, which marks it broken.
pub(crate) struct Exclusive<T>(Mutex<T>);

impl<T> Exclusive<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    /// The value, for one call. `what` names it in the error.
    pub(crate) fn lock(&self, what: &str) -> Result<MutexGuard<'_, T>, Error> {
        self.0.try_lock().map_err(|e| match e {
            TryLockError::Poisoned(_) => Error::new(
                Code::Broken,
                format!("the {what} is broken by an internal failure; destroy it and make another"),
            ),
            TryLockError::WouldBlock => Error::new(
                Code::InvalidArgument,
                format!("the {what} is in use by another thread; make one for each"),
            ),
        })
    }
}

/// Ends what `Box::into_raw` gave to C; NULL is fine.
///
/// # Safety
/// `pointer` is NULL or from `Box::into_raw`, and is not used again.
pub(crate) unsafe fn destroy<T>(pointer: *mut T) {
    crate::boundary::value((), || {
        if !pointer.is_null() {
            // SAFETY: made by `Box::into_raw` and given back once, the caller's duty.
            drop(unsafe { Box::from_raw(pointer) });
        }
    });
}
