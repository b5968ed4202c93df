//! The refusals that many scorers share.

use crate::{Code, Error};

/// An [`Code::InvalidArgument`] with this sentence.
pub(crate) fn invalid(message: impl Into<String>) -> Error {
    Error::new(Code::InvalidArgument, message)
}

/// Refuses two lists that should be of one length.
pub(crate) fn same_length(first: (&str, usize), second: (&str, usize)) -> Result<(), Error> {
    if first.1 == second.1 {
        return Ok(());
    }
    let ((first, n_first), (second, n_second)) = (first, second);
    Err(invalid(format!("{n_first} {first} and {n_second} {second}; there are as many of both")))
}

/// Refuses NaN and infinities.
pub(crate) fn all_finite(name: &str, values: impl IntoIterator<Item = f64>) -> Result<(), Error> {
    match values.into_iter().enumerate().find(|(_, value)| !value.is_finite()) {
        None => Ok(()),
        Some((position, value)) => {
            Err(invalid(format!("{name} {position} is {value}; it is a finite number")))
        }
    }
}

/// Refuses a value outside the open interval (0, 1).
pub(crate) fn open_unit(name: &str, value: f64) -> Result<(), Error> {
    if value > 0.0 && value < 1.0 {
        return Ok(());
    }
    Err(invalid(format!("{name} is {value}; it lies between 0 and 1, both excluded")))
}
