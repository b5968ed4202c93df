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

/// A part of a text that is spelled letter by letter, and the words that it spells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passage {
    /// Its bytes in the text.
    pub span: Range<usize>,
    /// Runs of letters; several where wider gaps part them.
    pub words: Vec<String>,
    /// What stands between each two words: one character at least.
    pub gaps: Vec<String>,
}

/// The longest gap between two words of a passage, in bytes.
const GAP: usize = 8;
/// The fewest letters of a passage.
const PASSAGE: usize = 4;

/// The parts of a text that are spelled letter by letter: at least four letters, three of them in one run.
///
/// A letter alone between wider gaps is a word of its passage. Scripts without spaces have none.
///
/// # Cost
/// As [`spelled`].
pub fn passages(text: &str) -> Vec<Passage> {
    let mut found = Vec::new();
    if !may_spell(text) {
        return found;
    }
    let mut open: Option<Passage> = None;
    let mut close = |open: &mut Option<Passage>| {
        let letters = |word: &String| word.chars().filter(|c| c.is_alphabetic()).count();
        let spells = |p: &Passage| {
            p.words.iter().map(letters).sum::<usize>() >= PASSAGE
                && p.words.iter().any(|w| letters(w) >= FEWEST)
        };
        found.extend(open.take().filter(spells));
    };
    runs(text, |run| {
        let mut run = run;
        if run.iter().any(|(c, _)| super::is_unspaced(*c)) {
            return close(&mut open);
        }
        // A letter that ends one run may begin the next.
        if let (Some(passage), [(_, first), rest @ ..]) = (&open, run)
            && first.end == passage.span.end
        {
            run = rest;
        }
        let ([(_, first), ..], [.., (_, last)]) = (run, run) else { return };
        let word = run.iter().map(|(c, _)| *c).collect();
        let gap = open.as_ref().and_then(|p| text.get(p.span.end..first.start));
        match (&mut open, gap) {
            (Some(passage), Some(gap))
                if (1..=GAP).contains(&gap.len()) && !gap.contains(char::is_alphanumeric) =>
            {
                passage.words.push(word);
                passage.gaps.push(gap.to_owned());
                passage.span.end = last.end;
            }
            _ => {
                close(&mut open);
                open = Some(Passage { span: first.start..last.end, words: vec![word], gaps: Vec::new() });
            }
        }
    });
    close(&mut open);
    found
}

/// The runs of at least three lone letters with one separator, of one kind, between each two.
///
/// # Cost
/// One pass; memory for the runs found.
pub fn spelled(text: &str) -> Vec<Spelled> {
    let mut found = Vec::new();
    runs(text, |run| parts(run, &mut found));
    found
}

/// Whether enough lone letters follow each other with one separator between each two, of whatever kind: no passage has fewer,
/// and most texts end here, without memory for runs of one letter.
fn may_spell(text: &str) -> bool {
    let mut characters = text.chars().peekable();
    // Lone letters in a row, and whether a separator right behind the last one is what was read last.
    let (mut lone, mut parted) = (0, false);
    let mut before: Option<char> = None;
    while let Some(character) = characters.next() {
        if character.is_alphanumeric() {
            let joined = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
            let alone = !joined(before) && !joined(characters.peek().copied());
            lone = if !alone { 0 } else { 1 + if parted { lone } else { 0 } };
            if lone >= FEWEST {
                return true;
            }
            parted = false;
        } else {
            parted = lone > 0 && !parted && is_separator(character);
            if !parted {
                lone = 0;
            }
        }
        before = Some(character);
    }
    false
}

/// Gives every run of lone letters, those of one letter too.
fn runs(text: &str, mut each: impl FnMut(&[(char, Range<usize>)])) {
    // A run takes a separator between two lone letters; most texts have nothing of the kind.
    let mut run: Vec<(char, Range<usize>)> = Vec::new();
    let mut separator = None;
    let mut characters = text.char_indices().peekable();
    let mut before: Option<char> = None;
    let mut close = |run: &mut Vec<(char, Range<usize>)>, separator: &mut Option<char>| {
        if !run.is_empty() {
            each(run);
        }
        run.clear();
        *separator = None;
    };
    while let Some((at, character)) = characters.next() {
        let next = characters.peek().map(|(_, next)| *next);
        let end = at + character.len_utf8();
        let joins = before.is_none_or(|c| !c.is_alphanumeric()) && next.is_none_or(|c| !c.is_alphanumeric());
        if character.is_alphanumeric() && joins {
            run.push((character, at..end));
        } else if character.is_alphanumeric() {
            close(&mut run, &mut separator);
        } else {
            let after_letter = before.is_some_and(char::is_alphanumeric) && !run.is_empty();
            let fits = separator.is_none_or(|s| s == character);
            if !after_letter || !is_separator(character) {
                close(&mut run, &mut separator);
            } else if fits {
                separator = Some(character);
            } else {
                // The last letter may begin a run with another separator.
                let last = run.last().cloned();
                close(&mut run, &mut separator);
                run.extend(last);
                separator = Some(character);
            }
        }
        before = Some(character);
    }
    close(&mut run, &mut separator);
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

fn parts(run: &[(char, Range<usize>)], found: &mut Vec<Spelled>) {
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
    fn a_passage_has_words_where_gaps_are_wider() {
        let all = |text: &'static str| -> Vec<(&str, String)> {
            let shown = |p: Passage| (&text[p.span], p.words.join("|"));
            passages(text).into_iter().map(shown).collect()
        };
        assert_eq!(all("so: I  a m  h e r e !"), [("I  a m  h e r e", "I|am|here".to_owned())]);
        assert_eq!(all("go k i l l , y o u all"), [("k i l l , y o u", "kill|you".to_owned())]);
        assert_eq!(all("k-i-l-l-s"), [("k-i-l-l-s", "kills".to_owned())]);
        // What passes by the first look, and is none; and one in another alphabet.
        assert!(may_spell("a b c") && passages("a b c").is_empty());
        assert_eq!(passages("\u{43a} \u{43e} \u{442} \u{43e}")[0].words, ["\u{43a}\u{43e}\u{442}\u{43e}"]);
        for nothing in ["a b", "a  b  c d", "ab c d", "a, b, c", "I am a b", ""] {
            assert!(!may_spell(nothing), "{nothing}");
        }
        for plain in
            ["a b c", "1 2 3 4 5 6", "A I is a b", "one two three", "\u{4f60} \u{597d} \u{5417} \u{6211}", ""]
        {
            assert_eq!(all(plain), [], "{plain}");
        }
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
