//! From byte spans of a rewritten text back to byte spans of the text that it was made of.

use std::ops::Range;

/// Where each piece of a rewritten text came from, in runs of pieces that were rewritten alike.
///
/// A *piece* is the least part that can be told apart: as a rule one character; several where one character of
/// the original expanded, or where combining marks changed places. The origins of successive pieces ascend and
/// do not overlap; what lies between two of them was deleted.
#[derive(Clone, Debug, Default)]
pub(super) struct OffsetMap {
    runs: Vec<Run>,
    /// The newest piece, which may still grow; not in `runs` until [`OffsetMap::finish`].
    open: Option<Piece>,
    /// Bytes of the original.
    original_len: u32,
}

/// Pieces that follow each other in both texts without a gap. A run ends where the next one begins.
#[derive(Clone, Copy, Debug)]
struct Run {
    rewritten: u32,
    original: u32,
    /// Bytes of each piece in the rewritten text; 0 if each piece is one character as long as its origin.
    rewritten_step: u32,
    /// Bytes of each piece's origin; 0 where `rewritten_step` is.
    original_step: u32,
}

impl Run {
    /// Where the run's origin ends, if its rewritten text ends at `rewritten_end`.
    fn original_end(&self, rewritten_end: u32) -> u32 {
        let bytes = rewritten_end - self.rewritten;
        match bytes.checked_div(self.rewritten_step) {
            None => self.original + bytes,
            Some(pieces) => self.original + pieces * self.original_step,
        }
    }

    /// The first byte of the origin of the piece that holds the byte `at`, a character's first.
    fn origin_start(&self, at: u32) -> u32 {
        let bytes = at - self.rewritten;
        match bytes.checked_div(self.rewritten_step) {
            None => self.original + bytes,
            Some(pieces) => self.original + pieces * self.original_step,
        }
    }

    /// The end of the origin of the piece that holds the byte before `at`, a character's end.
    fn origin_end(&self, at: u32) -> u32 {
        let bytes = at - self.rewritten;
        match self.rewritten_step {
            0 => self.original + bytes,
            step => self.original + bytes.div_ceil(step) * self.original_step,
        }
    }
}

#[derive(Clone, Debug)]
struct Piece {
    rewritten: u32,
    origin: Range<u32>,
    /// Whether it is a single character, so that it may join a run of unchanged ones.
    single: bool,
}

impl OffsetMap {
    /// Forgets every piece and keeps the memory.
    pub(super) fn clear(&mut self, original_len: u32) {
        self.runs.clear();
        self.open = None;
        self.original_len = original_len;
    }

    /// Appends `character` to `text` with its `origin`; one that overlaps earlier origins forms a piece with them.
    pub(super) fn push(&mut self, text: &mut String, character: char, origin: Range<u32>) {
        if let Some(open) = &mut self.open {
            if origin.start < open.origin.end {
                open.origin.start = open.origin.start.min(origin.start);
                open.origin.end = open.origin.end.max(origin.end);
                open.single = false;
                absorb(&mut self.runs, open, text);
                text.push(character);
                return;
            }
            self.commit(text.len() as u32);
        }
        let rewritten = text.len() as u32;
        self.open = Some(Piece { rewritten, origin, single: true });
        text.push(character);
    }

    /// Says that the original has this many bytes now.
    pub(super) fn grow(&mut self, original_len: u32) {
        self.original_len = original_len;
    }

    /// Appends a part that stays as it is; its first byte lies at `origin`, which is beyond every earlier one.
    pub(super) fn push_unchanged(&mut self, text: &mut String, part: &str, origin: u32) {
        if part.is_empty() {
            return;
        }
        self.commit(text.len() as u32);
        let run = Run { rewritten: text.len() as u32, original: origin, rewritten_step: 0, original_step: 0 };
        self.append(run);
        text.push_str(part);
    }

    /// Ends the last piece, at the end of the rewritten text.
    pub(super) fn finish(&mut self, rewritten_len: usize) {
        self.commit(rewritten_len as u32);
    }

    fn commit(&mut self, rewritten_end: u32) {
        let Some(piece) = self.open.take() else { return };
        let bytes = rewritten_end - piece.rewritten;
        let origin_bytes = piece.origin.end - piece.origin.start;
        let unchanged = piece.single && bytes == origin_bytes;
        let run = Run {
            rewritten: piece.rewritten,
            original: piece.origin.start,
            rewritten_step: if unchanged { 0 } else { bytes },
            original_step: if unchanged { 0 } else { origin_bytes },
        };
        self.append(run);
    }

    fn append(&mut self, run: Run) {
        let continues = self.runs.last().is_some_and(|last| {
            last.rewritten_step == run.rewritten_step
                && last.original_step == run.original_step
                && last.original_end(run.rewritten) == run.original
        });
        if !continues {
            self.runs.push(run);
        }
    }

    /// The least span of the original that holds the origin of every piece that `span` of `text` touches.
    ///
    /// `span` is in bounds, and lies on character boundaries of `text`. An empty one gives an empty one.
    pub(super) fn original(&self, text: &str, span: Range<usize>) -> Range<usize> {
        let (start, end) = (span.start as u32, span.end as u32);
        if start == end {
            let at = match self.run_at(start) {
                _ if self
                    .open
                    .as_ref()
                    .is_some_and(|open| open.rewritten <= start && span.start < text.len()) =>
                {
                    self.open.as_ref().map_or(self.original_len, |open| open.origin.start)
                }
                Some(run) if span.start < text.len() => run.origin_start(start),
                _ => self.original_len,
            };
            return at as usize..at as usize;
        }
        // The open piece is not among the runs.
        let open = self.open.as_ref();
        let first = match open.filter(|open| open.rewritten <= start) {
            Some(open) => Some(open.origin.start),
            None => self.run_at(start).map(|run| run.origin_start(start)),
        };
        let last = match open.filter(|open| open.rewritten < end) {
            Some(open) => Some(open.origin.end),
            None => self.run_at(end - 1).map(|run| run.origin_end(end)),
        };
        match (first, last) {
            (Some(first), Some(last)) => first as usize..last as usize,
            _ => 0..self.original_len as usize,
        }
    }

    fn run_at(&self, at: u32) -> Option<&Run> {
        let after = self.runs.partition_point(|run| run.rewritten <= at);
        self.runs.get(after.checked_sub(1)?)
    }
}

/// Takes pieces off the end of `runs` into `open` while their origins overlap; each is taken once, so that a
/// text of nothing but misplaced marks stays linear.
fn absorb(runs: &mut Vec<Run>, open: &mut Piece, text: &str) {
    while let Some(run) = runs.last() {
        let end = run.original_end(open.rewritten);
        if end <= open.origin.start {
            return;
        }
        let (rewritten_step, original_step) = match run.rewritten_step {
            0 => {
                let last = text[..open.rewritten as usize].chars().next_back();
                let bytes = last.map_or(0, char::len_utf8) as u32;
                (bytes, bytes)
            }
            step => (step, run.original_step),
        };
        open.rewritten -= rewritten_step;
        open.origin.start = open.origin.start.min(end - original_step);
        if open.rewritten == run.rewritten {
            runs.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pieces: &[(char, Range<u32>)], original_len: u32) -> (String, OffsetMap) {
        let (mut text, mut map) = (String::new(), OffsetMap::default());
        map.clear(original_len);
        for (character, origin) in pieces {
            map.push(&mut text, *character, origin.clone());
        }
        map.finish(text.len());
        (text, map)
    }

    #[test]
    fn unchanged_and_shrunk_text_is_one_run_each() {
        let unchanged: Vec<_> = (0..100).map(|i| ('é', 2 * i..2 * i + 2)).collect();
        let (text, unchanged) = map(&unchanged, 200);
        assert_eq!(unchanged.runs.len(), 1);
        assert_eq!(unchanged.original(&text, 4..8), 4..8);
        let shrunk: Vec<_> = (0..100).map(|i| ('w', 3 * i..3 * i + 3)).collect();
        let (text, shrunk) = map(&shrunk, 300);
        assert_eq!(shrunk.runs.len(), 1);
        assert_eq!(shrunk.original(&text, 2..3), 6..9);
        assert_eq!(shrunk.original(&text, 0..100), 0..300);
    }

    #[test]
    fn an_expansion_is_one_piece() {
        let (text, map) = map(&[('a', 0..1), ('f', 1..4), ('i', 1..4), ('b', 4..5)], 5);
        assert_eq!(map.original(&text, 1..2), 1..4);
        assert_eq!(map.original(&text, 2..3), 1..4);
        assert_eq!(map.original(&text, 0..2), 0..4);
        assert_eq!(map.original(&text, 2..4), 1..5);
    }

    #[test]
    fn changed_places_join_every_piece_they_cross() {
        let pieces = [('a', 0..1), ('b', 1..2), ('c', 4..6), ('d', 8..9), ('e', 2..3), ('f', 9..10)];
        let (text, map) = map(&pieces, 10);
        assert_eq!(map.original(&text, 1..2), 1..2);
        assert_eq!(map.original(&text, 2..3), 2..9);
        assert_eq!(map.original(&text, 4..5), 2..9);
        assert_eq!(map.original(&text, 5..6), 9..10);
    }

    #[test]
    fn empty_spans_stay_empty() {
        let (text, map) = map(&[('a', 2..3), ('b', 5..6)], 8);
        assert_eq!(map.original(&text, 0..0), 2..2);
        assert_eq!(map.original(&text, 1..1), 5..5);
        assert_eq!(map.original(&text, 2..2), 8..8);
    }
}
