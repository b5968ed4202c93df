//! A line on standard error that says how far long work is.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// How often the line is drawn again.
const STEP: Duration = Duration::from_millis(100);
/// Characters of the bar.
const WIDTH: usize = 24;

/// The line; it is wiped when this is dropped.
pub struct Progress {
    total: Option<usize>,
    shown: bool,
    next: Option<Instant>,
}

impl Progress {
    /// A line for work of `total` steps, or of an unknown number. Nothing is drawn unless `wanted` and standard error
    /// is a terminal.
    pub fn new(wanted: bool, total: Option<usize>) -> Self {
        let next = (wanted && io::stderr().is_terminal()).then(Instant::now);
        Self { total, shown: false, next }
    }

    /// `done` steps are done, and `what` is under way.
    pub fn show(&mut self, done: usize, what: &str) {
        let now = Instant::now();
        if self.next.is_none_or(|next| now < next) {
            return;
        }
        self.next = Some(now + STEP);
        self.shown = true;
        let _ = write!(io::stderr(), "\r\x1b[K{}", line(self.total, done, what));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

/// `[######..................] 3/12 what`, or `3 what` for an unknown total.
fn line(total: Option<usize>, done: usize, what: &str) -> String {
    let Some(total) = total.filter(|&t| t > 0) else { return format!("{done} {what}") };
    let full = WIDTH * done.min(total) / total;
    format!("[{}{}] {done}/{total} {what}", "#".repeat(full), ".".repeat(WIDTH - full))
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn the_bar_is_full_at_the_end_and_absent_without_a_total() {
        assert_eq!(line(Some(2), 2, "x"), format!("[{}] 2/2 x", "#".repeat(24)));
        assert_eq!(line(Some(2), 9, "x"), format!("[{}] 9/2 x", "#".repeat(24)));
        assert_eq!(line(None, 7, "texts"), "7 texts");
    }
}
