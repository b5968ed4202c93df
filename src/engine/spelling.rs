//! What a word may be that was disguised, by the vocabulary of a pack: the fewer tokens it takes, the better it is known.

use std::ops::Range;

use crate::Error;
use crate::engine::guard::Guard;
use crate::model::control::Control;
use crate::model::tokenizer::{Encoding, Scratch};
use crate::scoring::guard::fold::{self, Disguised, Edit, Reader, Rewritten};
use crate::scoring::order;

/// The fewest letters of a word that digits, signs or a gap hid.
const FEWEST: usize = 3;
/// The fewest of one that reads as a measure while it is disguised: `8pm` is no `bpm`.
const FEWEST_MEASURE: usize = 4;
/// Words with signs that tell of a text in leetspeak: so many that are better known without them, or so many that are half of all words.
const SEVERAL: usize = 2;
/// The most letters of a word in two halves.
const LONGEST: usize = 32;
/// Letters of a run without gaps that are cut into words at once, and the longest of these words; what has more and holds digits is no word.
const RUN: usize = 128;
const WORD: usize = 16;

/// Memory for the look for disguises; kept, it is used again.
#[derive(Default)]
pub(super) struct Look {
    reader: Reader,
    words: Vec<Disguised>,
    pairs: Vec<Pair>,
    asked: Asked,
}

/// A canonical text with its disguised words undone; `None` if it shows none. `tokens`, if they are known, are the text's.
///
/// # Errors
/// What `control` says; those of the tokenizer.
/// # Cost
/// A pass over the text, and its tokens unless they are given. No heap call for a text without a disguise whose tokens are given,
/// once `look` has grown.
pub(super) fn undone(
    guard: &Guard,
    text: &str,
    tokens: Option<&Encoding>,
    control: &Control,
    Look { reader, words, pairs, asked }: &mut Look,
) -> Result<Option<Rewritten>, Error> {
    words.clear();
    fold::disguised(text, reader, words);
    let mut edits: Vec<Edit> = Vec::new();
    choose(guard, text, words, control, asked, &mut edits)?;
    if guard.has_words() {
        let own;
        let tokens = match tokens {
            Some(tokens) => tokens,
            None => {
                own = guard.encode(text, control)?;
                &own
            }
        };
        find_pairs(text, tokens, pairs);
        halves(guard, text, pairs, control, asked, &mut edits)?;
    }
    Ok((!edits.is_empty()).then(|| Rewritten::new(text, &edits)))
}

/// Undoes the words whose letters prove a disguise, and those that are better known without theirs.
fn choose(
    guard: &Guard,
    text: &str,
    words: &mut Vec<Disguised>,
    control: &Control,
    asked: &mut Asked,
    edits: &mut Vec<Edit>,
) -> Result<(), Error> {
    if words.iter().all(|word| word.number) {
        return Ok(());
    }
    asked.begin();
    for word in words.iter().filter(|word| !word.number) {
        asked.word(text[word.span.clone()].chars());
        word.forms.iter().for_each(|form| asked.word(form.chars()));
    }
    let mut known = asked.counts(guard, control)?.iter();
    // Half of the words hold digits or signs: such a text is meant to be read without them, whether the words are known or not.
    // Of a key or a number of parts no more than one part counts.
    let begins = |at: usize| text[..at].chars().next_back().is_none_or(char::is_whitespace);
    let is_mixed = |word: &&Disguised| {
        !word.number && !word.measure && word.span.len() <= WORD && begins(word.span.start)
    };
    let mixed = words.iter().filter(is_mixed).count();
    let dense = mixed >= SEVERAL && mixed * 2 >= text.split_whitespace().count();
    let (mut n_words, mut n_better) = (0, 0);
    let mut others: Vec<Edit> = Vec::new();
    for Disguised { span, forms, sure, measure, .. } in words.extract_if(.., |word| !word.number) {
        n_words += 1;
        let written = known.next().map_or(0, |k| k.tokens);
        let of_forms = forms.into_iter().zip(known.by_ref());
        // The first of equals: `zip` asks it for as many as there are forms.
        let Some((form, count)) = of_forms.min_by_key(|(_, k)| k.cost()) else { continue };
        let n = form.chars().count();
        let fewest = if measure { FEWEST_MEASURE } else { FEWEST };
        let better = n >= fewest && count.is_better(written);
        n_better += usize::from(better && !sure);
        if sure || if guard.has_words() { better } else { n >= fewest && !measure } {
            edits.push((span, form));
        } else if !count.unknown && (dense || count.tokens <= written) && guard.has_words() {
            others.push((span, form));
        }
    }
    // Where most words are better known without their signs the others are meant alike: `1 h4t3 y0ur 5cr1bbl3`.
    if dense || n_better >= SEVERAL && n_better * 2 >= n_words {
        numbers(guard, text, words, control, asked, &mut others)?;
        edits.extend(others);
        order::sort(edits, |a, b| a.0.start.cmp(&b.0.start));
    }
    Ok(())
}

/// In a text in leetspeak, undoes the numbers that are one token as a word: `17 15 505` is no count of anything.
fn numbers(
    guard: &Guard,
    text: &str,
    words: &[Disguised],
    control: &Control,
    asked: &mut Asked,
    edits: &mut Vec<Edit>,
) -> Result<(), Error> {
    if words.is_empty() || !guard.has_words() {
        return Ok(());
    }
    let of = |word: &Disguised, one: char| fold::number_form(&text[word.span.clone()], one);
    let forms: Vec<[String; 2]> = words.iter().map(|word| ['i', 'l'].map(|one| of(word, one))).collect();
    asked.begin();
    forms.iter().flatten().for_each(|form| asked.word(form.chars()));
    let known = asked.counts(guard, control)?;
    for ((word, forms), known) in words.iter().zip(forms).zip(known.chunks_exact(2)) {
        let first = forms.into_iter().zip(known).find(|(_, known)| known.tokens == 1 && !known.unknown);
        edits.extend(first.map(|(form, _)| (word.span.clone(), form)));
    }
    Ok(())
}

/// Joins words that a space broke in two.
fn halves(
    guard: &Guard,
    text: &str,
    pairs: &[Pair],
    control: &Control,
    asked: &mut Asked,
    edits: &mut Vec<Edit>,
) -> Result<(), Error> {
    if pairs.is_empty() {
        return Ok(());
    }
    asked.begin();
    let joined = |pair: &Pair| text[pair.span.clone()].chars().filter(|c| *c != ' ');
    pairs.iter().for_each(|pair| asked.word(joined(pair)));
    let known = asked.counts(guard, control)?;
    let mut end = 0;
    let mut found: Vec<Edit> = Vec::new();
    for (pair, known) in pairs.iter().zip(known) {
        if pair.span.start < end || !known.is_better(pair.tokens) {
            continue;
        }
        let next = edits.partition_point(|(span, _)| span.end <= pair.span.start);
        if edits.get(next).is_none_or(|(span, _)| span.start >= pair.span.end) {
            found.push((pair.span.clone(), joined(pair).collect()));
            end = pair.span.end;
        }
    }
    edits.extend(found);
    order::sort(edits, |a, b| a.0.start.cmp(&b.0.start));
    Ok(())
}

/// Two words with one space between them.
#[derive(Default)]
struct Pair {
    span: Range<usize>,
    tokens: usize,
}

/// The pairs of words that may be one: of letters, next to each other, and not both known as they are.
fn find_pairs(text: &str, tokens: &Encoding, found: &mut Vec<Pair>) {
    found.clear();
    let mut before: Option<(Range<usize>, usize)> = None;
    let mut at = 0;
    while at < tokens.offsets.len() {
        // The tokens of one word touch.
        let start = tokens.offsets[at].0;
        let (mut end, first) = (tokens.offsets[at].1, at);
        at += 1;
        while tokens.offsets.get(at).is_some_and(|o| o.0 <= end) {
            end = end.max(tokens.offsets[at].1);
            at += 1;
        }
        let word = text.get(start..end).unwrap_or_default();
        let letters = word.trim_end_matches(|c: char| c.is_ascii_punctuation());
        let marks = word.len() - letters.len();
        let count = (at - first).saturating_sub(marks);
        let is_word = !letters.is_empty() && letters.chars().all(char::is_alphabetic);
        if let Some((last, n)) = &before
            && is_word
            && n + count >= FEWEST
            && text.get(last.end..start) == Some(" ")
            && text[last.start..start + letters.len()].chars().count() <= LONGEST
        {
            found.push(Pair { span: last.start..start + letters.len(), tokens: n + count });
        }
        before = (is_word && marks == 0).then_some((start..end, count));
    }
}

/// Adds a run of letters to `out`, cut into the fewest and longest words.
///
/// # Errors
/// As [`undone`].
/// # Cost
/// Tokens of sixteen times the run.
pub(super) fn segment(
    guard: &Guard,
    run: &str,
    control: &Control,
    look: &mut Look,
    out: &mut String,
) -> Result<(), Error> {
    let asked = &mut look.asked;
    if !guard.has_words() {
        out.push_str(run);
        return Ok(());
    }
    let letters: Vec<char> = run.chars().collect();
    for (i, part) in letters.chunks(RUN).enumerate() {
        if i > 0 {
            out.push(' ');
        }
        asked.begin();
        for start in 0..part.len() {
            for end in start + 1..=part.len().min(start + WORD) {
                asked.word(part[start..end].iter().copied());
            }
        }
        let mut known = asked.counts(guard, control)?.iter();
        // For each end: tokens, less the squares of the words' lengths, and where the last word begins.
        let mut best = vec![(usize::MAX, 0_i64, 0_usize); part.len() + 1];
        best[0] = (0, 0, 0);
        for start in 0..part.len() {
            let (tokens, squares, _) = best[start];
            for length in 1..=WORD.min(part.len() - start) {
                let end = start + length;
                let cost = known.next().map_or(usize::MAX, Known::cost);
                let new = (tokens.saturating_add(cost), squares - (length * length) as i64, start);
                if (new.0, new.1) < (best[end].0, best[end].1) {
                    best[end] = new;
                }
            }
        }
        let (mut ends, mut at) = (Vec::new(), part.len());
        while at > 0 {
            ends.push(at);
            at = best[at].2;
        }
        let mut start = 0;
        for end in ends.into_iter().rev() {
            if start > 0 {
                out.push(' ');
            }
            out.extend(&part[start..end]);
            start = end;
        }
    }
    Ok(())
}

/// How well a vocabulary knows a word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Known {
    /// Its tokens.
    tokens: usize,
    /// Whether one of them stands for what the vocabulary cannot spell.
    unknown: bool,
}

impl Known {
    /// Whether the word is known clearly better than what was written with `written` tokens: whole, or in half of them.
    fn is_better(&self, written: usize) -> bool {
        !self.unknown
            && self.tokens > 0
            && self.tokens < written
            && (self.tokens == 1 || self.tokens * 2 <= written)
    }

    fn cost(&self) -> usize {
        if self.unknown { usize::MAX / 4 } else { self.tokens }
    }
}

/// Words about which a vocabulary is asked, side by side with spaces between, so that they take one call.
#[derive(Default)]
struct Asked {
    line: String,
    /// Where each word ends.
    ends: Vec<usize>,
    scratch: Scratch,
    tokens: Encoding,
    known: Vec<Known>,
}

impl Asked {
    fn begin(&mut self) {
        self.line.clear();
        self.ends.clear();
    }

    fn word(&mut self, letters: impl Iterator<Item = char>) {
        if !self.ends.is_empty() {
            self.line.push(' ');
        }
        self.line.extend(letters);
        self.ends.push(self.line.len());
    }

    /// How well each word is known.
    fn counts(&mut self, guard: &Guard, control: &Control) -> Result<&[Known], Error> {
        let Self { line, ends, scratch, tokens, known } = self;
        guard.encode_into(line, control, scratch, tokens)?;
        let unknown = guard.unknown();
        let mut place = 0;
        known.clear();
        known.extend(ends.iter().map(|&end| {
            let mut known = Known::default();
            while tokens.offsets.get(place).is_some_and(|o| o.0 < end) {
                known.tokens += 1;
                known.unknown |= unknown == Some(tokens.ids[place]);
                place += 1;
            }
            known
        }));
        Ok(known)
    }
}
