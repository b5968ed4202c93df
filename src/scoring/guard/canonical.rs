//! Canonical text: what a classifier reads, so that spacing, zero-width and look-alike forms cannot dodge it.

use std::ops::Range;

use super::bits::is_alphanumeric;
use super::nfkc::{Nfkc, Traced};
use super::offsets::OffsetMap;
use super::stable::is_stable;
use crate::{Code, Error};

/// Names these rules and their Unicode tables; stored beside a threshold, which holds for one version only.
///
/// NFKC is that of the `unicode-normalization` crate (Unicode 18.0); the deleted format characters are those of
/// Unicode 14.0, with U+13439-1343F, which 14.0 had not assigned yet.
pub const CANONICALISER_VERSION: &str = "1";

/// The longest text that [`Canonical::assign`] takes, in bytes: every offset then fits in 32 bits, though one
/// character may become eighteen.
pub const MAX_TEXT_BYTES: usize = 1 << 28;

/// A canonical text, and where its bytes came from.
///
/// It is for the classifier only and never returned as content: it drops the joiners that some scripts need.
#[derive(Clone, Debug, Default)]
pub struct Canonical {
    text: String,
    offsets: OffsetMap,
    nfkc: [Nfkc; 2],
    waiting: Waiting,
    n_original: usize,
}

/// Spaces and line feeds that wait for the character after them.
#[derive(Clone, Debug, Default)]
struct Waiting {
    /// The origin of the spaces read since the last other character.
    space: Option<Range<u32>>,
    /// The origins of the first of the line feeds read since the last other character, and of the rest.
    line_feeds: Option<(Range<u32>, Option<Range<u32>>)>,
}

/// Runs of fewer bytes go character by character: the settling around a run costs more.
const SHORTEST_RUN: usize = 16;

/// Bytes that are looked at together.
const LANES: usize = 32;

/// How many of the first bytes are sure to stay as they are: printable ASCII and stable characters, with lone spaces and
/// line feeds between words. The first and the last are not white.
fn plain_run(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 0;
    loop {
        at += plain_ascii(&bytes[at..]);
        // A space or line feed stays between what stays.
        let white = usize::from(at > 0 && matches!(bytes.get(at), Some(b' ' | b'\n')));
        let next = bytes.get(at + white).filter(|b| **b >= 0x80).and(text[at + white..].chars().next());
        match next {
            Some(next) if is_stable(next) => at += white + next.len_utf8(),
            _ => return at,
        }
        let rest = &bytes[at..];
        if let Some([b' ' | b'\n', next]) = rest.first_chunk()
            && stays(rest[0], *next)
        {
            at += 1;
        }
    }
}

/// [`plain_run`] of ASCII alone.
fn plain_ascii(bytes: &[u8]) -> usize {
    if !bytes.first().is_some_and(u8::is_ascii_graphic) {
        return 0;
    }
    // Runs that end soon are not worth a block.
    let pairs = bytes.windows(2).take(SHORTEST_RUN);
    let mut at = pairs.take_while(|pair| stays(pair[0], pair[1])).count();
    if at < SHORTEST_RUN && at + 1 < bytes.len() {
        return at;
    }
    // Each byte with the one after it; after the first, a white one has another before it that was looked at.
    while let Some(block) = bytes[at..].first_chunk::<{ LANES + 1 }>() {
        let mut asks = [false; LANES];
        asks.iter_mut().zip(block).zip(&block[1..]).for_each(|((asks, b), next)| *asks = !surely(*b, *next));
        if asks.iter().fold(false, |any, asks| any | asks) {
            let ends = |place: &usize| asks[*place] && !stays(block[*place], block[*place + 1]);
            if let Some(place) = (0..LANES).find(ends) {
                return at + place;
            }
        }
        at += LANES;
    }
    let rest = &bytes[at..];
    let white_end = usize::from(rest.last().is_some_and(|b| !b.is_ascii_graphic()));
    at + rest.windows(2).position(|pair| !stays(pair[0], pair[1])).unwrap_or(rest.len() - white_end)
}

/// Whether the byte stays, and so does what is white before `next`.
fn stays(b: u8, next: u8) -> bool {
    match b {
        b' ' => next.is_ascii_graphic() && !closes(char::from(next)),
        b'\n' => next.is_ascii_graphic(),
        _ => b.is_ascii_graphic(),
    }
}

/// Whether the pair is one of the most common of those that [`stays`] has.
#[inline(always)] // so that it becomes part of the vector loop
fn surely(b: u8, next: u8) -> bool {
    (b.wrapping_sub(b'!') < 94) | (((b == b' ') | (b == b'\n')) & is_alphanumeric(next))
}

/// Whether a space before the character goes.
fn closes(next: char) -> bool {
    matches!(next, ',' | '.' | ';' | ':' | '!' | '?' | '%' | ')' | ']' | '}')
}

impl Canonical {
    /// The canonical form of `original`; see [`Canonical::assign`].
    ///
    /// # Errors
    /// Those of [`Canonical::assign`].
    pub fn new(original: &str) -> Result<Self, Error> {
        let mut canonical = Self::default();
        canonical.assign(original)?;
        Ok(canonical)
    }

    /// Replaces this text by the canonical form of `original`, and keeps the memory for the next one.
    ///
    /// The form is idempotent: the canonical form of a canonical text is that text.
    ///
    /// # Errors
    /// [`Code::TooLarge`] if `original` is longer than [`MAX_TEXT_BYTES`]; the text is then empty.
    /// # Cost
    /// One pass, linear but for the sort of each run of combining marks. Memory: the text, 16 bytes for each run
    /// of characters rewritten alike (one run for a text that does not change), and the longest run of marks.
    /// # Source
    /// Canonical form against SpaceInfi (Cai and Cui 2023); golden file `text_normalise.json`.
    pub fn assign(&mut self, original: &str) -> Result<(), Error> {
        self.begin();
        self.push_str(original)?;
        self.finish();
        Ok(())
    }

    /// Begins an empty text that [`Canonical::push_str`] adds to, and keeps the memory of the one before.
    pub fn begin(&mut self) {
        self.text.clear();
        self.offsets.clear(0);
        self.nfkc.iter_mut().for_each(Nfkc::clear);
        self.waiting = Waiting::default();
        self.n_original = 0;
    }

    /// Adds the next part of the original. What [`Canonical::text`] holds then is a prefix of the whole canonical text:
    /// a letter that may yet get a mark, and spaces that may yet vanish, wait for what follows them.
    ///
    /// # Errors
    /// [`Code::TooLarge`] if the original is longer than [`MAX_TEXT_BYTES`] with this part; the text is then empty.
    pub fn push_str(&mut self, part: &str) -> Result<(), Error> {
        let bytes = self.n_original.saturating_add(part.len());
        if bytes > MAX_TEXT_BYTES {
            self.begin();
            let message =
                format!("text has {bytes} bytes; a canonical text is made of at most {MAX_TEXT_BYTES}");
            return Err(Error::new(Code::TooLarge, message));
        }
        let base = self.n_original;
        self.n_original = bytes;
        self.offsets.grow(bytes as u32);
        let mut at = 0;
        while at < part.len() {
            let plain = plain_run(&part[at..]);
            if plain > SHORTEST_RUN {
                // The first settles what waits before the run, and the last may still compose with what follows it.
                let run = &part[at..at + plain];
                let first = run.ceil_char_boundary(1);
                let last = run.floor_char_boundary(plain - 1);
                self.push_part(&run[..first], base + at);
                self.settle();
                self.offsets.push_unchanged(&mut self.text, &run[first..last], (base + at + first) as u32);
                self.push_part(&run[last..], base + at + last);
                at += plain;
            } else {
                let end = part.len().min(part.ceil_char_boundary(at + plain.max(1)));
                self.push_part(&part[at..end], base + at);
                at = end;
            }
        }
        Ok(())
    }

    /// Ends the text: nothing waits any more.
    pub fn finish(&mut self) {
        self.settle();
        self.offsets.finish(self.text.len());
    }

    /// Gives out the letter that waits for marks, as if none could follow it.
    fn settle(&mut self) {
        let [first, second] = &mut self.nfkc;
        let (text, offsets, waiting) = (&mut self.text, &mut self.offsets, &mut self.waiting);
        let mut layout = Layout { text, offsets, waiting };
        let mut last = |traced| layout.push(traced);
        let mut middle = |traced: Traced| {
            if let Some(character) = keep(traced.character) {
                second.push(Traced { character, ..traced }, &mut last);
            }
        };
        first.flush(&mut middle);
        second.flush(&mut last);
    }

    fn push_part(&mut self, part: &str, base: usize) {
        let [first, second] = &mut self.nfkc;
        let (text, offsets, waiting) = (&mut self.text, &mut self.offsets, &mut self.waiting);
        let mut layout = Layout { text, offsets, waiting };
        // A deletion can leave a letter next to its mark, uncomposed: hence the second NFKC.
        let mut last = |traced| layout.push(traced);
        let mut middle = |traced: Traced| {
            if let Some(character) = keep(traced.character) {
                second.push(Traced { character, ..traced }, &mut last);
            }
        };
        for (at, character) in part.char_indices() {
            let at = base + at;
            let origin = at as u32..(at + character.len_utf8()) as u32;
            first.push(Traced { character, origin }, &mut middle);
        }
    }

    /// Bytes of the original that were given.
    pub fn original_len(&self) -> usize {
        self.n_original
    }

    /// The canonical text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The least span of the original text that produced the bytes `span` of the canonical text.
    ///
    /// Starts and ends on character boundaries of the original. A span that cuts a character, or a piece that was
    /// rewritten as a whole (an expanded ligature, reordered marks), gives the origin of all of it. Deleted
    /// characters belong to a span that reaches beyond them on both sides. An empty span gives an empty one.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`] if `span` runs backwards or beyond the canonical text.
    /// # Cost
    /// A binary search over the runs.
    pub fn original_span(&self, span: Range<usize>) -> Result<Range<usize>, Error> {
        if span.start > span.end || span.end > self.text.len() {
            let (Range { start, end }, bytes) = (span, self.text.len());
            let message = format!("span {start}..{end} of a canonical text that has {bytes} bytes");
            return Err(Error::new(Code::InvalidArgument, message));
        }
        let start = self.text.floor_char_boundary(span.start);
        let end = match span.is_empty() {
            true => start,
            false => self.text.ceil_char_boundary(span.end),
        };
        Ok(self.offsets.original(&self.text, start..end))
    }
}

/// What steps 2 and 3 make of a character: itself, a space, or nothing.
fn keep(character: char) -> Option<char> {
    match character {
        ' '..='~' | '\n' => Some(character),
        '\t' | '\u{b}'..='\r' | '\u{85}' => Some(' '),
        // The space separators; NFKC leaves only U+1680 of them, and the others cost nothing here.
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => Some(' '),
        '\u{2028}' | '\u{2029}' => Some(' '),
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' => None,
        // Not of category Cf: the grapheme joiner and the variation selectors.
        '\u{34f}' | '\u{fe00}'..='\u{fe0f}' => None,
        _ if is_format(character) => None,
        _ => Some(character),
    }
}

/// Category Cf of Unicode 14.0 and U+13439-1343F, which 15.0 added to it; 15.1 to 18.0 added none.
fn is_format(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}' | '\u{8e2}'
        | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}'
        | '\u{2066}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}'
        | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0001}'
        | '\u{e0020}'..='\u{e007f}')
}

/// Steps 4 to 6: spaces and line feeds wait here until the character after them tells what becomes of them.
struct Layout<'a> {
    text: &'a mut String,
    offsets: &'a mut OffsetMap,
    waiting: &'a mut Waiting,
}

impl Layout<'_> {
    fn push(&mut self, next: Traced) {
        let Traced { character, origin } = next;
        match character {
            ' ' => match &mut self.waiting.space {
                Some(space) => space.end = space.end.max(origin.end),
                None => self.waiting.space = Some(origin),
            },
            '\n' => {
                self.waiting.space = None;
                match &mut self.waiting.line_feeds {
                    None => self.waiting.line_feeds = Some((origin, None)),
                    Some((_, Some(rest))) => rest.end = origin.end,
                    Some((_, rest)) => *rest = Some(origin),
                }
            }
            _ => {
                self.separate(character);
                self.offsets.push(self.text, character, origin);
            }
        }
    }

    /// Writes what is left of the waiting spaces and line feeds before `next`.
    fn separate(&mut self, next: char) {
        let (space, line_feeds) = (self.waiting.space.take(), self.waiting.line_feeds.take());
        if self.text.is_empty() {
            return;
        }
        if let Some((first, rest)) = line_feeds {
            self.offsets.push(self.text, '\n', first);
            if let Some(rest) = rest {
                self.offsets.push(self.text, '\n', rest);
            }
        } else if let Some(origin) = space
            && !closes(next)
        {
            self.offsets.push(self.text, ' ', origin);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(original: &str) -> Canonical {
        Canonical::new(original).expect("a short text")
    }

    #[test]
    fn spans_come_back_as_what_the_user_wrote() {
        let original = "\u{feff}Ｗord \u{200b} ,  ﬁne\n \n\nend ";
        let form = canonical(original);
        assert_eq!(form.text(), "Word, fine\n\nend");
        let shown = |part: &str| {
            let at = form.text().find(part).expect("part of the canonical text");
            &original[form.original_span(at..at + part.len()).expect("in bounds")]
        };
        assert_eq!(shown("Word"), "Ｗord");
        assert_eq!(shown("Word,"), "Ｗord \u{200b} ,");
        assert_eq!(shown(" "), "  ");
        assert_eq!(shown("fi"), "ﬁ");
        assert_eq!(shown("i"), "ﬁ");
        assert_eq!(shown("\n\n"), "\n \n\n");
        assert_eq!(shown("end"), "end");
    }

    #[test]
    fn a_deletion_lets_a_mark_reach_its_letter() {
        let form = canonical("e\u{200b}\u{301}!");
        assert_eq!(form.text(), "é!");
        assert_eq!(form.original_span(0..2), Ok(0..6));
        assert_eq!(form.original_span(1..1), Ok(0..0), "inside the é");
    }

    #[test]
    fn parts_cut_anywhere_give_the_text_of_the_whole_and_its_spans() {
        let original = "Plain words of some length, then e\u{301}\u{200b}\u{323} ,  \u{fb01}ne\n \n\nand plain words again  \u{1100}\u{1161} end ";
        let whole = canonical(original);
        let mut seen = 0;
        for first in original.char_indices().map(|(at, _)| at) {
            for second in original.char_indices().map(|(at, _)| at).filter(|at| *at >= first).step_by(3) {
                let mut parts = Canonical::default();
                parts.begin();
                for part in [&original[..first], &original[first..second], &original[second..]] {
                    parts.push_str(part).expect("a short text");
                    assert!(whole.text().starts_with(parts.text()), "{first} {second}: {:?}", parts.text());
                    let spans = |form: &Canonical| {
                        (0..parts.text().len()).map(|at| form.original_span(at..at + 1)).collect::<Vec<_>>()
                    };
                    // What is given out may still grow by a mark that comes later, and else not.
                    let open = parts.text().len().saturating_sub(4);
                    assert_eq!(spans(&parts)[..open], spans(&whole)[..open]);
                }
                parts.finish();
                assert_eq!(parts.text(), whole.text());
                let spans = |form: &Canonical| {
                    (0..whole.text().len()).map(|at| form.original_span(at..at + 1)).collect::<Vec<_>>()
                };
                assert_eq!(spans(&parts), spans(&whole));
                seen += 1;
            }
        }
        assert!(seen > 1000);
    }

    #[test]
    fn plain_runs_end_before_what_changes() {
        for (text, run) in [
            ("", 0),
            ("ab", 2),
            (" a", 0),
            ("a b", 3),
            ("a  b", 1),
            ("a ,b", 1),
            ("a\nb", 3),
            ("a \nb", 1),
            ("a\n\nb", 1),
            ("a\tb", 1),
            ("a\u{301}", 1),
            ("a ", 1),
            ("\u{e9}", 2),
            ("a\u{e9} b", 5),
            ("a \u{e9}\nb c", 8),
            ("\u{e9}  b", 2),
            ("\u{e9} ,", 2),
            ("\u{e9} ", 2),
            (" \u{e9}", 0),
            ("a \u{301}", 1),
            ("ab\n\u{1f600} \u{4f60}", 11),
            ("ab \u{200b}", 2),
        ] {
            assert_eq!(plain_run(text), run, "{text:?}");
        }
    }

    #[test]
    fn a_span_out_of_bounds_is_refused() {
        let form = canonical("a");
        assert_eq!(form.original_span(0..2).map_err(|error| error.code), Err(Code::InvalidArgument));
        assert_eq!(form.original_span(1..1), Ok(1..1));
    }

    #[test]
    fn two_million_bytes_of_marks_or_of_changes_stay_linear() {
        for unit in ["\u{301}\u{323}", "Ａb", "  ", "ﷺ", "a\u{323}\u{301}\u{308}"] {
            let text = unit.repeat(2_000_000 / unit.len());
            let started = std::time::Instant::now();
            let form = canonical(&text);
            let whole = form.original_span(0..form.text().len()).expect("in bounds");
            assert!(whole.end <= text.len());
            assert!(started.elapsed().as_secs() < 60, "{unit:?} took {:?}", started.elapsed());
        }
    }
}
