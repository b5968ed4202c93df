//! How much the normalising steps may make.

use crate::{Code, Error};

/// What is left of the bytes that constants may take which were not in the file.
#[derive(Clone, Debug)]
pub struct Budget {
    most: u64,
    left: u64,
}

impl Budget {
    /// A budget of this many bytes.
    pub fn new(bytes: u64) -> Self {
        Self { most: bytes, left: bytes }
    }

    /// Takes what `elements` elements of `size` bytes need.
    ///
    /// # Errors
    /// [`Code::TooLarge`] naming `node`, before anything is allocated.
    pub fn take(&mut self, node: &str, elements: usize, size: usize) -> Result<(), Error> {
        let bytes = (elements as u64).saturating_mul(size as u64);
        self.left = self.left.checked_sub(bytes).ok_or_else(|| {
            Error::new(
                Code::TooLarge,
                format!(
                    "operator {node:?} unfolds to {bytes} bytes; {} of {} bytes are left for constants",
                    self.left, self.most
                ),
            )
        })?;
        Ok(())
    }
}
