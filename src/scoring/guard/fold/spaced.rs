//! Words spelled letter by letter: `k i l l`, `k.i.l.l`, `k-i-l-l`.

use std::ops::Range;

/// A run of lone letters, read as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spelled {
    /// The letters without what stands between them.
    pub letters: String,
    /// The bytes of each letter in the text.
    pub bytes: Vec<Range<usize>>,
}

/// The longest run that is read as one; a longer one is read in parts that overlap by half.
const LONGEST: usize = 64;
/// The fewest letters that are spelling and not initials.
const FEWEST: usize = 3;

/// The runs of at least three lone letters with one separator, of one kind, between each two.
///
/// # Cost
/// One pass; memory for the runs found.
pub fn spelled(text: &str) -> Vec<Spelled> {
    let mut found = Vec::new();
    // A run takes a separator between two lone letters; most texts have nothing of the kind.
    let mut run: Vec<(char, Range<usize>)> = Vec::new();
    let mut separator = None;
    let mut characters = text.char_indices().peekable();
    let mut before: Option<char> = None;
    while let Some((at, character)) = characters.next() {
        let next = characters.peek().map(|(_, next)| *next);
        let end = at + character.len_utf8();
        let joins = before.is_none_or(|c| !c.is_alphanumeric()) && next.is_none_or(|c| !c.is_alphanumeric());
        if character.is_alphanumeric() && joins {
            run.push((character, at..end));
        } else if character.is_alphanumeric() {
            close(&mut run, &mut separator, &mut found);
        } else {
            let after_letter = before.is_some_and(char::is_alphanumeric) && !run.is_empty();
            let fits = separator.is_none_or(|s| s == character);
            if !after_letter || !is_separator(character) {
                close(&mut run, &mut separator, &mut found);
            } else if fits {
                separator = Some(character);
            } else {
                // The last letter may begin a run with another separator.
                let last = run.last().cloned();
                close(&mut run, &mut separator, &mut found);
                run.extend(last);
                separator = Some(character);
            }
        }
        before = Some(character);
    }
    close(&mut run, &mut separator, &mut found);
    found
}

fn is_separator(character: char) -> bool {
    matches!(
        character,
        ' ' | '.'
            | '-'
            | '_'
            | '*'
            | ','
            | '/'
            | '~'
            | '+'
            | '='
            | ':'
            | '\n'
            | '\u{b7}'
            | '\u{2022}'
            | '\u{2013}'
    )
}

fn close(run: &mut Vec<(char, Range<usize>)>, separator: &mut Option<char>, found: &mut Vec<Spelled>) {
    *separator = None;
    let mut start = 0;
    while run.len() - start >= FEWEST {
        let end = run.len().min(start + LONGEST);
        let part = &run[start..end];
        found.push(Spelled {
            letters: part.iter().map(|(c, _)| *c).collect(),
            bytes: part.iter().map(|(_, b)| b.clone()).collect(),
        });
        if end == run.len() {
            break;
        }
        start += LONGEST / 2;
    }
    run.clear();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        spelled(text).into_iter().map(|s| s.letters).collect()
    }

    #[test]
    fn lone_letters_with_one_kind_of_separator_are_a_word() {
        assert_eq!(words("go k i l l it"), ["kill"]);
        assert_eq!(words("k.i.l.l"), ["kill"]);
        assert_eq!(words("a-b-c d e f"), ["abc", "cdef"]);
        assert_eq!(words("A I is a b"), [""; 0]);
        assert_eq!(words("h e  l l o"), ["llo"]);
        assert_eq!(words("\u{43a} \u{43e} \u{442}"), ["\u{43a}\u{43e}\u{442}"]);
        let found = spelled("x k i l");
        assert_eq!((found[0].letters.as_str(), &found[0].bytes[3]), ("xkil", &(6..7)));
    }

    #[test]
    fn a_long_run_is_read_in_parts_that_overlap() {
        let text = "a ".repeat(200);
        let found = spelled(&text);
        assert!(found.iter().all(|s| s.letters.len() <= LONGEST));
        assert_eq!(found.first().map(|s| s.bytes[0].start), Some(0));
        assert_eq!(found.last().and_then(|s| s.bytes.last().cloned()), Some(398..399));
        let started = std::time::Instant::now();
        assert!(spelled(&"a.b ".repeat(500_000)).len() < 1_000_000);
        assert!(started.elapsed().as_secs() < 30);
    }
}
