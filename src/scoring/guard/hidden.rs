//! Text hidden in an encoding: base64, hexadecimal, percent signs, tag characters.

use std::collections::HashMap;
use std::ops::Range;

use super::bits::{BLOCK, bitmap};
use crate::Error;

/// How a text was hidden.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Encoding {
    /// Base64, of either alphabet, with or without padding.
    Base64,
    /// Pairs of hexadecimal digits: `6869`, `68 69`, `\x68\x69`, `0x68 0x69`.
    Hex,
    /// `%68%69`, as in addresses of the web.
    Percent,
    /// The tag characters U+E0020 to U+E007E, which nothing shows.
    Tags,
}

impl Encoding {
    /// The encoding's word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Base64 => "base64",
            Self::Hex => "hex",
            Self::Percent => "percent",
            Self::Tags => "tags",
        }
    }
}

/// A hidden text, and where it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hidden {
    /// What was hidden.
    pub text: String,
    /// The bytes that hid it.
    pub span: Range<usize>,
    /// How.
    pub encoding: Encoding,
}

/// How much is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The most hidden texts.
    pub texts: usize,
    /// The most bytes of all of them together.
    pub bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { texts: 16, bytes: 16 << 10 }
    }
}

impl Bounds {
    /// No bound but the text's own size: what is decoded is shorter than what hid it.
    pub const TEXT: Self = Self { texts: usize::MAX, bytes: usize::MAX };
}

/// How deep hidden texts may hide others.
const DEPTH: usize = 2;
/// Encoded characters below which a run is a word, a number or a hash.
const SHORTEST: usize = 16;

/// Pushes what base64, hexadecimal and percent signs hide in `text`, in order of place.
///
/// Only what reads as text counts: valid UTF-8 without control characters, most of it letters and spaces; random words and
/// numbers do not decode to that. `found` gets at most what `bounds` has room for; `false` if there was more.
///
/// # Cost
/// One pass; memory for what is found.
pub fn decode(text: &str, bounds: Bounds, found: &mut Vec<Hidden>) -> bool {
    let bytes = text.as_bytes();
    let mut room = Room { bounds, found, texts: 0, bytes: 0 };
    let (mut at, mut whole) = (0, true);
    while let Some(run) = next_run(bytes, at) {
        at = run.end;
        let piece = &bytes[run.clone()];
        let hit = percent(piece).map(|t| (t, Encoding::Percent));
        let hit = hit.or_else(|| hex(piece).map(|t| (t, Encoding::Hex)));
        let hit = hit.or_else(|| base64_in(piece));
        if let Some((text, encoding)) = hit {
            whole &= room.push(Hidden { text, span: run, encoding });
        }
    }
    whole
}

/// Pushes what the tag characters of `text` spell, as one text over the bytes from the first to the last of them.
///
/// As [`decode`] for `bounds` and the result.
pub fn tags(text: &str, bounds: Bounds, found: &mut Vec<Hidden>) -> bool {
    // All of them begin with the same three bytes.
    const LEAD: [u8; 2] = [0xf3, 0xa0];
    let bytes = text.as_bytes();
    if !bytes.contains(&LEAD[0]) {
        return true;
    }
    let (mut spelled, mut span): (String, Option<Range<usize>>) = (String::new(), None);
    for (at, character) in text.char_indices() {
        let code = character as u32;
        if let 0xe0020..=0xe007e = code {
            spelled.extend(char::from_u32(code - 0xe0000));
            let end = at + character.len_utf8();
            span = Some(span.map_or(at..end, |s| s.start..end));
        }
    }
    let Some(span) = span else { return true };
    let mut room = Room { bounds, found, texts: 0, bytes: 0 };
    spelled.trim().is_empty() || room.push(Hidden { text: spelled, span, encoding: Encoding::Tags })
}

/// What is hidden in `given`, also behind characters that its canonical form leaves out, and what that hides in turn, two deep.
///
/// `original` gives the bytes of the given text that a span of `canonical` came from; spans in `found` are bytes of the given
/// text. As [`decode`] for `bounds`, which hold for each text that is read, and for the result.
///
/// # Errors
/// Those of `original`.
/// # Cost
/// A few passes. What is found has at most twice the bytes of what is read at each depth.
pub fn nested(
    given: &str,
    canonical: &str,
    bounds: Bounds,
    original: impl Fn(Range<usize>) -> Result<Range<usize>, Error>,
    found: &mut Vec<Hidden>,
) -> Result<bool, Error> {
    let first = found.len();
    let mut whole = decode(given, bounds, found);
    whole &= tags(given, bounds, found);
    if canonical != given {
        // A run may be broken by characters that the canonical form leaves out, or be glued to the word before it.
        let mut known: HashMap<(usize, usize), usize> = HashMap::new();
        known.extend(found.iter().enumerate().skip(first).map(|(i, h)| ((h.span.start, h.span.end), i)));
        let mut texts = Vec::new();
        whole &= decode(canonical, bounds, &mut texts);
        for mut hidden in texts {
            hidden.span = original(hidden.span)?;
            let same = known.get(&(hidden.span.start, hidden.span.end)).is_some_and(|&i| found[i] == hidden);
            if !same {
                found.push(hidden);
            }
        }
    }
    let mut level = first..found.len();
    for _ in 1..DEPTH {
        for place in level.clone() {
            let (text, span) = (std::mem::take(&mut found[place].text), found[place].span.clone());
            let n = found.len();
            whole &= decode(&text, bounds, found);
            found[n..].iter_mut().for_each(|inner| inner.span = span.clone());
            found[place].text = text;
        }
        level = level.end..found.len();
    }
    Ok(whole)
}

/// What the bounds leave.
struct Room<'a> {
    bounds: Bounds,
    found: &'a mut Vec<Hidden>,
    /// What is used already.
    texts: usize,
    bytes: usize,
}

impl Room<'_> {
    fn push(&mut self, mut hidden: Hidden) -> bool {
        let left = self.bounds.bytes.saturating_sub(self.bytes);
        if self.texts >= self.bounds.texts || left == 0 {
            return false;
        }
        let fits = hidden.text.len() <= left;
        hidden.text.truncate(hidden.text.floor_char_boundary(left));
        self.texts += 1;
        self.bytes += hidden.text.len();
        self.found.push(hidden);
        fits
    }
}

/// The next run that could hide something: at least [`SHORTEST`] characters of the encodings.
fn next_run(bytes: &[u8], mut at: usize) -> Option<Range<usize>> {
    loop {
        at = next_start(bytes, at)?;
        let start = at;
        at += bytes[at..].iter().position(|b| CLASS[usize::from(*b)] == 0).unwrap_or(bytes.len() - at);
        // Pairs of digits stand apart, and lines of base64 are broken.
        while let Some(more) = continued(bytes, start, at) {
            at = more;
        }
        if at - start >= SHORTEST {
            return Some(start..at);
        }
    }
}

/// Where the next run begins that is long enough, or is a pair of digits with another after it; `at` lies within none.
fn next_start(bytes: &[u8], at: usize) -> Option<usize> {
    let block = |at: usize, class: fn(u8) -> bool| bytes.get(at..).map_or(0, |rest| bitmap(rest, class));
    let of_class = |at: usize| bytes.get(at..).map_or(0, |rest| u128::from(bitmap(rest, is_class)));
    // Two blocks, of which the first is looked at.
    let wide =
        |at: usize, class| u128::from(block(at, class)) | u128::from(block(at + BLOCK, class)) << BLOCK;
    let (mut at, mut within, mut next) = (at, false, of_class(at));
    while at < bytes.len() {
        let after = of_class(at + BLOCK);
        let of_run = next | after << BLOCK;
        let starts = of_run & !(of_run << 1 | u128::from(within));
        // Each bit stands for so many in a row from there on.
        let two = of_run & of_run >> 1;
        let four = two & two >> 2;
        let eight = four & four >> 4;
        let long = eight & eight >> 8;
        // As long as a pair is: two digits, or four characters of which the second marks them.
        let pairs = starts & two & !(of_run >> 2);
        let marked = starts & four & !(of_run >> 4);
        let mut found = starts & long;
        if pairs | marked != 0 {
            let digits = wide(at, |b| b.is_ascii_hexdigit());
            let pairs = pairs & digits & digits >> 1;
            let marked = marked & (wide(at, |b| b == b'x') >> 1);
            let either = pairs | marked;
            found |= pairs & either >> 3 | marked & either >> 5;
        }
        let found = found as u64;
        if found != 0 {
            return Some(at + found.trailing_zeros() as usize);
        }
        within = of_run >> (BLOCK - 1) & 1 == 1;
        next = after;
        at += BLOCK;
    }
    None
}

/// Whether runs of the encodings are made of the byte.
#[inline(always)] // so that it becomes part of a vector loop
const fn is_class(b: u8) -> bool {
    // "-", "." and "/" stand before the digits.
    let sign = (b == b'+') | (b == b'%') | (b == b'=') | (b == b'\\') | (b == b'_') | (b == b'~');
    ((b | 0x20).wrapping_sub(b'a') < 26) | (b.wrapping_sub(b'-') < 13) | sign
}

/// 1 for what runs of the encodings are made of, 0 for the rest.
static CLASS: [u8; 256] = {
    let mut table = [0; 256];
    let mut b = 0;
    while b < 256 {
        table[b] = is_class(b as u8) as u8;
        b += 1;
    }
    table
};

/// The end of the run with the piece after one space or line feed, if that belongs to it.
fn continued(bytes: &[u8], start: usize, end: usize) -> Option<usize> {
    let white = *bytes.get(end)?;
    if !matches!(white, b' ' | b'\n' | b',') {
        return None;
    }
    let after = end + 1;
    let length = |at: usize| bytes[at..].iter().take(80).take_while(|b| CLASS[usize::from(**b)] > 0).count();
    let next = length(after);
    let back = bytes[start..end].iter().rev().take(80).take_while(|b| CLASS[usize::from(**b)] > 0).count();
    let pair = |at: usize, n: usize| {
        let piece = &bytes[at..at + n];
        let digits = piece.strip_prefix(b"0x").or(piece.strip_prefix(b"\\x")).unwrap_or(piece);
        digits.len() == 2 && digits.iter().all(u8::is_ascii_hexdigit)
    };
    if (2..=4).contains(&next) && (2..=4).contains(&back) && pair(after, next) && pair(end - back, back) {
        return Some(after + next);
    }
    // Lines of 60 to 76 characters, but for the last.
    let line = white == b'\n' && (60..=76).contains(&back) && next >= 4;
    line.then(|| {
        after + bytes[after..].iter().position(|b| CLASS[usize::from(*b)] == 0).unwrap_or(bytes.len() - after)
    })
}

fn percent(run: &[u8]) -> Option<String> {
    let escapes = |w: &&[u8]| w[0] == b'%' && w[1].is_ascii_hexdigit() && w[2].is_ascii_hexdigit();
    if run.windows(3).filter(escapes).count() < 3 {
        return None;
    }
    let mut out = Vec::with_capacity(run.len());
    let mut at = 0;
    while at < run.len() {
        match run.get(at..at + 3).filter(escapes).and_then(|w| Some(digit(w[1])? << 4 | digit(w[2])?)) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(run[at]);
                at += 1;
            }
        }
    }
    readable(out)
}

fn hex(run: &[u8]) -> Option<String> {
    let mut digits = Vec::with_capacity(run.len());
    let mut at = 0;
    while at < run.len() {
        match &run[at..] {
            [b'\\', b'x', ..] => at += 2,
            [b'0', b'x', next, ..] if next.is_ascii_hexdigit() => at += 2,
            [b' ' | b'\n' | b',' | b'-', ..] => at += 1,
            [c, ..] => {
                digits.push(digit(*c)?);
                at += 1;
            }
            [] => break,
        }
    }
    if digits.len() < SHORTEST || !digits.len().is_multiple_of(2) {
        return None;
    }
    readable(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

fn digit(character: u8) -> Option<u8> {
    char::from(character).to_digit(16).map(|d| d as u8)
}

/// Base64 in the run, which may have a path or an assignment before it.
fn base64_in(run: &[u8]) -> Option<(String, Encoding)> {
    let whole = base64(run);
    let parts =
        || run.split(|b| matches!(b, b'=' | b'.' | b'%' | b'\\' | b'~')).filter(|p| p.len() >= SHORTEST);
    whole.or_else(|| parts().find_map(base64)).map(|text| (text, Encoding::Base64))
}

fn base64(run: &[u8]) -> Option<String> {
    let mut run = run;
    while let [rest @ .., b'=' | b'.'] = run {
        run = rest;
    }
    let (mut bits, mut n_bits, mut out) = (0_u32, 0, Vec::with_capacity(run.len() / 4 * 3));
    for &b in run {
        let value = match b {
            b'A'..=b'Z' => b - b'A',
            b'a'..=b'z' => b - b'a' + 26,
            b'0'..=b'9' => b - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'\n' | b' ' => continue,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        n_bits += 6;
        if n_bits >= 8 {
            n_bits -= 8;
            out.push((bits >> n_bits) as u8);
        }
    }
    // A lone last character cannot come from a byte.
    if n_bits == 6 { None } else { readable(out) }
}

/// The bytes as text, if they read as such.
fn readable(bytes: Vec<u8>) -> Option<String> {
    let text = String::from_utf8(bytes).ok()?;
    let n = text.chars().count();
    let control = text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'));
    let plain = text.chars().filter(|c| c.is_alphabetic() || c.is_whitespace()).count();
    // A word without a vowel-like mix is no proof, but most of a sentence is letters and spaces.
    (n >= SHORTEST / 2 && !control && plain * 10 >= n * 6).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<(String, &str, Encoding)> {
        let mut found = Vec::new();
        decode(text, Bounds::default(), &mut found);
        tags(text, Bounds::default(), &mut found);
        found.into_iter().map(|h| (h.text, &text[h.span], h.encoding)).collect()
    }

    #[test]
    fn each_encoding_gives_its_text_and_its_place() {
        let wanted = "kill them all";
        for (run, encoding) in [
            ("a2lsbCB0aGVtIGFsbA==", Encoding::Base64),
            ("a2lsbCB0aGVtIGFsbA", Encoding::Base64),
            ("6b696c6c207468656d20616c6c", Encoding::Hex),
            ("6b 69 6c 6c 20 74 68 65 6d 20 61 6c 6c", Encoding::Hex),
            ("\\x6b\\x69\\x6c\\x6c\\x20\\x74\\x68\\x65\\x6d\\x20\\x61\\x6c\\x6c", Encoding::Hex),
            ("0x6b 0x69 0x6c 0x6c 0x20 0x74 0x68 0x65 0x6d 0x20 0x61 0x6c 0x6c", Encoding::Hex),
            ("%6b%69%6C%6c%20them%20all", Encoding::Percent),
        ] {
            let text = format!("please read: {run} now");
            assert_eq!(all(&text), [(wanted.to_owned(), run, encoding)], "{run}");
        }
        let tagged: String = wanted.chars().filter_map(|c| char::from_u32(0xe0000 + c as u32)).collect();
        let text = format!("hi{tagged} there");
        assert_eq!(all(&text), [(wanted.to_owned(), &*tagged, Encoding::Tags)]);
    }

    #[test]
    fn texts_in_hidden_texts_are_found_where_the_outer_one_lies() {
        let wanted = "kill them all";
        for (run, encodings) in [
            ("YTJsc2JDQjBhR1Z0SUdGc2JBPT0=", vec![Encoding::Base64, Encoding::Base64]),
            ("36623639366336632037343638363536642036313663366", vec![]),
        ] {
            let text = format!("so {run} now");
            let mut found = Vec::new();
            let whole = nested(&text, &text, Bounds::TEXT, Ok, &mut found).expect("no span fails");
            assert!(whole && found.iter().all(|h| &text[h.span.clone()] == run));
            assert_eq!(found.iter().map(|h| h.encoding).collect::<Vec<_>>(), encodings);
            assert!(encodings.is_empty() || found[1].text == wanted);
        }
    }

    #[test]
    fn a_megabyte_of_hidden_texts_gives_no_more_than_its_own_size() {
        let inner = "a2lsbCB0aGVtIGFsbCBub3cg".repeat(60);
        for unit in [
            inner.clone() + " ",
            "a2lsbCB0aGVtIGFsbA== ".into(),
            "%41%42 %43%44%45 ".into(),
            "41 42 43 ".into(),
        ] {
            let text = unit.repeat((1 << 20) / unit.len());
            let started = std::time::Instant::now();
            let mut found = Vec::new();
            nested(&text, &text, Bounds::TEXT, Ok, &mut found).expect("no span fails");
            assert!(found.iter().map(|h| h.text.len()).sum::<usize>() <= 2 * text.len());
            assert!(started.elapsed().as_secs() < 30);
        }
    }

    #[test]
    fn base64_in_lines_of_mail_is_one_text() {
        let text = "TG9yZW0gaXBzdW0gZG9sb3Igc2l0IGFtZXQsIGNvbnNlY3RldHVyIGFkaXBpc2NpbmcgZWxp\ndCwgc2VkIGRv\n";
        assert_eq!(all(text)[0].0, "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do");
    }

    #[test]
    fn words_numbers_and_hashes_hide_nothing() {
        for text in [
            "internationalization of counterrevolutionaries",
            "d41d8cd98f00b204e9800998ecf8427e",
            "1234567890123456 1234567890123456",
            "/usr/local/share/applications/mimeinfo.cache",
            "https://example.com/a/b?c=d%20e",
            "2024-01-02 12:30:45 10 20 30 40 50 60 70 80",
            "a man a plan a canal",
        ] {
            assert_eq!(all(text), [], "{text}");
        }
    }

    #[test]
    fn what_is_too_much_is_cut_and_said() {
        let text = "a2lsbCB0aGVtIGFsbA== ".repeat(40);
        let mut found = Vec::new();
        assert!(!decode(&text, Bounds { texts: 3, bytes: 1000 }, &mut found));
        assert_eq!(found.len(), 3);
        found.clear();
        assert!(!decode(&text, Bounds { texts: 30, bytes: 20 }, &mut found));
        assert_eq!(found.iter().map(|h| h.text.len()).sum::<usize>(), 20);
        let many = "\u{e0061}".repeat(1_000_000);
        assert!(!tags(&many, Bounds::default(), &mut found));
        let started = std::time::Instant::now();
        for unit in ["41 ", "a", "%41", "\\x41", "ab\n", "="] {
            found.clear();
            decode(&unit.repeat(1_000_000), Bounds::default(), &mut found);
        }
        assert!(started.elapsed().as_secs() < 60);
    }
}
