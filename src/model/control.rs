//! When a call must end: a deadline and a token that another thread may set.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::{Code, Error};

/// Set by any thread to end the calls that were given it.
#[derive(Debug, Default)]
pub struct CancelToken(AtomicBool);

impl CancelToken {
    /// A token that is not set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends the calls that were given this token, at their next look.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Makes the token usable again.
    pub fn reset(&self) {
        self.0.store(false, Ordering::Release);
    }

    /// Whether it is set.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// What a call looks at between two operators of a model.
#[derive(Clone, Debug, Default)]
pub struct Control {
    deadline: Option<(Instant, Duration)>,
    cancel: Option<Arc<CancelToken>>,
}

impl Control {
    /// Runs for as long as it takes.
    pub fn unlimited() -> Self {
        Self::default()
    }

    /// Ends `timeout` from now, or when the token is set; `None` is no limit.
    pub fn new(timeout: Option<Duration>, cancel: Option<Arc<CancelToken>>) -> Self {
        // A timeout past the clock's range is no limit.
        let deadline = timeout.and_then(|t| Instant::now().checked_add(t).map(|at| (at, t)));
        Self { deadline, cancel }
    }

    /// Whether a look can ever fail.
    pub fn is_unlimited(&self) -> bool {
        self.deadline.is_none() && self.cancel.is_none()
    }

    /// The look.
    ///
    /// # Errors
    /// [`Code::Cancelled`], [`Code::DeadlineExceeded`].
    pub fn check(&self) -> Result<(), Error> {
        if self.cancel.as_ref().is_some_and(|c| c.is_cancelled()) {
            return Err(Error::new(Code::Cancelled, "the call's cancel token was set"));
        }
        if let Some((at, timeout)) = self.deadline
            && Instant::now() >= at
        {
            return Err(Error::new(
                Code::DeadlineExceeded,
                format!("the call was not done within its {} ms", timeout.as_millis()),
            ));
        }
        Ok(())
    }
}
