//! Lines of bounded length: one that is longer is read to its end without being kept.

use std::io::{self, BufRead};

use trueline_core::{Code, Error};

/// Bytes that are kept of a line that is too long: enough to find its `id` in.
const KEPT: usize = 64 << 10;

/// A line, without what ends it.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    /// All of it.
    Whole(Vec<u8>),
    /// The start of a line that has more than `most` bytes.
    TooLong {
        /// The first bytes.
        start: Vec<u8>,
        /// The line's length.
        bytes: u64,
        /// The longest line that is kept.
        most: usize,
    },
}

/// Lines of some input.
pub struct Lines<R> {
    input: R,
    most: usize,
    /// Whether a carriage return before the line feed belongs to the line's end.
    strips_return: bool,
}

impl<R: BufRead> Lines<R> {
    /// Lines of at most `most` bytes.
    pub fn new(input: R, most: usize, strips_return: bool) -> Self {
        Self { input, most, strips_return }
    }

    /// The next line, or `None` at the end. A last line need not end in a line feed.
    pub fn next(&mut self) -> io::Result<Option<Line>> {
        let mut kept = Vec::new();
        let mut bytes = 0_u64;
        let mut started = false;
        loop {
            let buffer = match self.input.fill_buf() {
                Ok(buffer) => buffer,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(e),
            };
            if buffer.is_empty() {
                return Ok(started.then(|| self.line(kept, bytes)));
            }
            started = true;
            let end = buffer.iter().position(|&b| b == b'\n');
            let part = &buffer[..end.unwrap_or(buffer.len())];
            let used = part.len() + usize::from(end.is_some());
            bytes += part.len() as u64;
            if bytes <= self.most as u64 {
                kept.extend_from_slice(part);
            } else {
                let room = KEPT.saturating_sub(kept.len()).min(part.len());
                kept.extend_from_slice(&part[..room]);
                kept.truncate(KEPT);
                kept.shrink_to(KEPT);
            }
            self.input.consume(used);
            if end.is_some() {
                return Ok(Some(self.line(kept, bytes)));
            }
        }
    }

    fn line(&self, mut kept: Vec<u8>, bytes: u64) -> Line {
        if bytes > self.most as u64 {
            return Line::TooLong { start: kept, bytes, most: self.most };
        }
        if self.strips_return && kept.last() == Some(&b'\r') {
            kept.pop();
        }
        Line::Whole(kept)
    }
}

/// Why a line that is too long is not judged.
pub fn too_long(bytes: u64, most: usize) -> Error {
    Error::new(Code::TooLarge, format!("the line has {bytes} bytes; at most {most} are read"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(input: &[u8], most: usize, strips_return: bool) -> Vec<Line> {
        // A small buffer, so that lines lie across its edges.
        let reader = io::BufReader::with_capacity(3, input);
        let mut lines = Lines::new(reader, most, strips_return);
        std::iter::from_fn(|| lines.next().unwrap()).collect()
    }

    #[test]
    fn lines_are_cut_at_line_feeds_alone() {
        let whole = |s: &str| Line::Whole(s.into());
        assert_eq!(all(b"", 9, false), []);
        assert_eq!(all(b"\n", 9, false), [whole("")]);
        assert_eq!(all(b"abcd\n\nxy", 9, false), [whole("abcd"), whole(""), whole("xy")]);
        assert_eq!(all(b"ab\r\nc\r", 9, true), [whole("ab"), whole("c")]);
        assert_eq!(all(b"ab\r\n", 9, false), [whole("ab\r")]);
    }

    #[test]
    fn a_longer_line_is_refused_and_the_next_one_read() {
        let found = all(b"abcdefgh\nxy\n", 5, false);
        assert_eq!(found[0], Line::TooLong { start: b"abcdefgh".into(), bytes: 8, most: 5 });
        assert_eq!(found[1], Line::Whole(b"xy".into()));
        let long = vec![b'a'; 3 * KEPT];
        match &all(&long, 2 * KEPT, false)[..] {
            [Line::TooLong { start, bytes, .. }] => {
                assert_eq!((start.len(), *bytes), (KEPT, long.len() as u64));
            }
            other => panic!("{} lines", other.len()),
        }
    }
}
