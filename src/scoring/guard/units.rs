//! One place in a text, counted in bytes, in UTF-16 units and in code points.

use std::ops::Range;

use crate::Error;
use crate::scoring::refuse::invalid;

/// Bytes between two places whose counts are kept.
const STEP: usize = 256;

/// A text that knows how many UTF-16 units and code points lie before each byte.
#[derive(Clone, Debug)]
pub struct Units<'a> {
    text: &'a str,
    /// Units and code points before each multiple of [`STEP`]; none for ASCII, where all counts are equal.
    marks: Vec<[u32; 2]>,
}

/// The same span in three units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextSpan {
    /// UTF-8 bytes.
    pub bytes: Range<usize>,
    /// UTF-16 units: what JavaScript, Java, C# and Windows count.
    pub utf16: Range<usize>,
    /// Code points: what Python counts.
    pub code_points: Range<usize>,
}

impl<'a> Units<'a> {
    /// Counts a text of less than 4 GiB.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`](crate::Code::InvalidArgument) for a longer one.
    /// # Cost
    /// One pass; 8 bytes of memory for each 256 bytes of a text that is not ASCII.
    pub fn new(text: &'a str) -> Result<Self, Error> {
        if u32::try_from(text.len()).is_err() {
            return Err(invalid(format!("text has {} bytes; at most {} are counted", text.len(), u32::MAX)));
        }
        let mut marks = Vec::new();
        if !text.is_ascii() {
            let mut sum = [0; 2];
            marks.reserve(text.len() / STEP + 1);
            for part in text.as_bytes().chunks(STEP) {
                marks.push(sum);
                let [units, points] = counted(part);
                sum = [sum[0] + units, sum[1] + points];
            }
        }
        Ok(Self { text, marks })
    }

    /// A byte span in all three units; one that cuts a character gets all of it.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if it runs backwards or beyond the text.
    pub fn span(&self, bytes: Range<usize>) -> Result<TextSpan, Error> {
        if bytes.start > bytes.end || bytes.end > self.text.len() {
            let (Range { start, end }, len) = (bytes, self.text.len());
            return Err(invalid(format!("span {start}..{end} of a text that has {len} bytes")));
        }
        let start = self.text.floor_char_boundary(bytes.start);
        let end = if bytes.is_empty() { start } else { self.text.ceil_char_boundary(bytes.end) };
        let ([unit_start, point_start], [unit_end, point_end]) = (self.before(start), self.before(end));
        Ok(TextSpan {
            bytes: start..end,
            utf16: unit_start as usize..unit_end as usize,
            code_points: point_start as usize..point_end as usize,
        })
    }

    fn before(&self, at: usize) -> [u32; 2] {
        if self.marks.is_empty() {
            return [at as u32; 2];
        }
        let mark = (at / STEP).min(self.marks.len() - 1);
        let [units, points] = counted(&self.text.as_bytes()[mark * STEP..at]);
        [self.marks[mark][0] + units, self.marks[mark][1] + points]
    }
}

/// UTF-16 units and code points of the characters that begin in these bytes.
fn counted(bytes: &[u8]) -> [u32; 2] {
    let points = bytes.iter().filter(|b| **b & 0xc0 != 0x80).count() as u32;
    let pairs = bytes.iter().filter(|b| **b >= 0xf0).count() as u32;
    [points + pairs, points]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_span_equals_the_count_from_the_start() {
        let text = "a\u{e9}\u{1f600}\u{4e2d}".repeat(80) + "end";
        let units = Units::new(&text).expect("a short text");
        let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
        for (i, &start) in ends.iter().enumerate() {
            for &end in &ends[i..] {
                let span = units.span(start..end).expect("in bounds");
                let wanted = TextSpan {
                    bytes: start..end,
                    utf16: text[..start].encode_utf16().count()..text[..end].encode_utf16().count(),
                    code_points: text[..start].chars().count()..text[..end].chars().count(),
                };
                assert_eq!(span, wanted);
            }
        }
    }

    #[test]
    fn a_cut_character_is_whole_and_bounds_are_kept() {
        let units = Units::new("x\u{1f600}y").expect("a short text");
        assert_eq!(units.span(2..3).map(|s| (s.bytes, s.utf16, s.code_points)), Ok((1..5, 1..3, 1..2)));
        assert_eq!(units.span(3..3).map(|s| (s.bytes, s.utf16)), Ok((1..1, 1..1)));
        assert!(units.span(0..7).is_err());
        assert!(units.span(Range { start: 2, end: 1 }).is_err());
        let ascii = Units::new("plain").expect("a short text");
        assert_eq!(ascii.span(1..3).map(|s| (s.utf16, s.code_points)), Ok((1..3, 1..3)));
        assert_eq!(Units::new("").and_then(|u| u.span(0..0)).map(|s| s.utf16), Ok(0..0));
    }
}
