//! From maps of contributions (target tokens by source frames) to links between spoken or written words.

use super::row::is_punctuation;
use super::{Link, Matrix};
use crate::Error;
use crate::scoring::refuse::{all_finite, invalid};

/// A spoken word and its times in seconds, where they are known.
#[derive(Clone, Debug, PartialEq)]
pub struct Timed<'a> {
    /// As written.
    pub text: &'a str,
    /// When it starts.
    pub start: Option<f64>,
    /// When it ends.
    pub end: Option<f64>,
}

/// Words that share a row or column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Their texts, joined by blanks.
    pub text: String,
    /// How many there are.
    pub n_words: usize,
}

/// How much each group of source words contributed to each group of target words.
#[derive(Clone, Debug, PartialEq)]
pub struct Contributions {
    /// The columns.
    pub source: Vec<Group>,
    /// The rows.
    pub target: Vec<Group>,
    /// `[target.len(), source.len()]`.
    pub values: Vec<f64>,
}

/// What the rows of a map are.
#[derive(Clone, Copy, Debug)]
pub enum Target<'a> {
    /// Frames of speech.
    Speech(&'a [Timed<'a>]),
    /// Sub-words of a text; `▁`, `__` or `<` opens a word, and ASCII punctuation is one.
    Text(&'a [&'a str]),
}

struct Frames {
    group: Group,
    first: usize,
    after: usize,
}

/// The frames of each group of words that start together. A word without a start, or without an end after 0, is left out.
fn frames(words: &[Timed], n: usize) -> Result<Vec<Frames>, Error> {
    all_finite("time", words.iter().flat_map(|word| [word.start, word.end]).flatten())?;
    let spoken = words.iter().rposition(|word| word.end.is_some()).map_or(0, |last| last + 1);
    let words = &words[..spoken];
    let total = words.last().and_then(|word| word.end).unwrap_or(0.0);
    if !words.is_empty() && total <= 0.0 {
        return Err(invalid(format!("the last word ends at {total}; after 0")));
    }
    let frame = |frame: f64| (frame.max(0.0) as usize).min(n);
    let timed =
        words.iter().filter_map(|word| Some((word.text, word.start?, word.end.filter(|end| *end != 0.0)?)));
    let timed: Vec<_> = timed.collect();
    let groups = timed.chunk_by(|a, b| a.1 == b.1).map(|words| {
        let (start, end) = (words[0].1, words[words.len() - 1].2);
        let text = words.iter().map(|word| word.0).collect::<Vec<_>>().join(" ");
        Frames {
            group: Group { text, n_words: words.len() },
            first: frame((start * n as f64 / total).ceil()),
            after: frame((end * n as f64 / total).floor()),
        }
    });
    Ok(groups.collect())
}

/// The first token of each word, and the word.
fn written(tokens: &[&str]) -> Vec<(usize, String)> {
    let mut words: Vec<(usize, String)> = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let opens = ["\u{2581}", "__", "<"].iter().any(|mark| token.starts_with(mark));
        let bare = token.trim_start_matches('\u{2581}').trim_start_matches("__");
        match words.last_mut() {
            Some((_, word)) if !opens && !is_punctuation(token) => word.push_str(bare),
            _ => words.push((at, bare.to_owned())),
        }
    }
    words
}

/// Sums a map's columns over each source word and averages its rows over each target word.
///
/// # Shapes
/// `map`: `[n_target_token, n_source_frame]`.
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if a time is not finite, all words end at 0, or the tokens are
/// not as many as rows.
/// # Cost
/// One pass.
/// # Source
/// Alastruey et al. 2024, SpeechAlign; golden file `speech_contributions.json`.
pub fn contributions(map: Matrix, source: &[Timed], target: Target) -> Result<Contributions, Error> {
    let (n_row, n_column) = (map.n_source(), map.n_target());
    let source = frames(source, n_column)?;
    let summed = |row: usize| -> Vec<f64> {
        let row = map.row(row);
        source.iter().map(|of| row.get(of.first..of.after).unwrap_or_default().iter().sum()).collect()
    };
    let mut rows: Vec<(Group, Vec<f64>)> = Vec::new();
    let mean = |first: usize, after: usize| {
        let mut mean = vec![0.0; source.len()];
        for row in first..after {
            mean.iter_mut().zip(summed(row)).for_each(|(mean, value)| *mean += value);
        }
        mean.iter_mut().for_each(|mean| *mean /= after.saturating_sub(first).max(1) as f64);
        mean
    };
    match target {
        Target::Speech(words) => {
            rows.extend(frames(words, n_row)?.into_iter().map(|of| {
                let mean = mean(of.first, of.after);
                (of.group, mean)
            }));
        }
        Target::Text(tokens) => {
            if tokens.len() != n_row {
                return Err(invalid(format!(
                    "{} target tokens and {n_row} rows; as many of both",
                    tokens.len()
                )));
            }
            let words = written(tokens);
            for (at, (first, text)) in words.iter().enumerate() {
                let after = words.get(at + 1).map_or(n_row, |next| next.0);
                // A mark alone before punctuation is part of it.
                if text.is_empty() && words.get(at + 1).is_some_and(|next| is_punctuation(&next.1)) {
                    continue;
                }
                rows.push((Group { text: text.clone(), n_words: 1 }, mean(*first, after)));
            }
        }
    }
    let (target, values): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
    Ok(Contributions {
        source: source.into_iter().map(|of| of.group).collect(),
        target,
        values: values.concat(),
    })
}

impl Contributions {
    /// The best source group of each target group, the first of equals, as links between all words of both, sorted. Rows
    /// of punctuation link nothing. Words are numbered among those that have a group.
    pub fn links(&self) -> Vec<Link> {
        let mut links = Vec::new();
        let mut first_target = 0;
        for (row, target) in self.values.chunks_exact(self.source.len().max(1)).zip(&self.target) {
            let best = (1..row.len()).fold(0, |best, at| if row[at] > row[best] { at } else { best });
            if !is_punctuation(&target.text) {
                let first: usize = self.source[..best].iter().map(|group| group.n_words).sum();
                for source in first..first + self.source[best].n_words {
                    links.extend((first_target..first_target + target.n_words).map(|j| Link::new(source, j)));
                }
            }
            first_target += target.n_words;
        }
        links.sort_unstable();
        links
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_without_times_are_left_out() {
        let map = Matrix::new(&[0.1, 0.9, 0.8, 0.2], 2, 2).expect("four");
        let word = |text, start, end| Timed { text, start, end };
        let source = [
            word("a", Some(0.0), Some(1.0)),
            word("b", None, None),
            word("c", Some(1.0), Some(2.0)),
            word("d", Some(2.0), None),
        ];
        let found = contributions(map, &source, Target::Text(&["\u{2581}x", "."])).expect("a map");
        assert_eq!(found.source.iter().map(|group| &group.text[..]).collect::<Vec<_>>(), ["a", "c"]);
        assert_eq!(found.links(), [Link::new(1, 0)]);
    }

    #[test]
    fn bad_input_is_refused() {
        let map = Matrix::new(&[0.1], 1, 1).expect("one");
        let at = |end| [Timed { text: "a", start: Some(0.0), end: Some(end) }];
        assert!(contributions(map, &at(f64::NAN), Target::Text(&["x"])).is_err());
        assert!(contributions(map, &at(0.0), Target::Text(&["x"])).is_err());
        assert!(
            contributions(map, &at(1.0), Target::Text(&[])).is_err_and(|e| e.message.contains("0 target"))
        );
        let none = contributions(map, &[], Target::Text(&["x"])).expect("no words");
        assert!(none.links().is_empty());
    }
}
