//! From a tag for each word to edits of the text.

use std::ops::Range;

use crate::model::family::{DELETE, FIRST_REPLACEMENT, KEEP};
use crate::scoring::correct::residual::{Edit, apply};

/// A word of a text and what is done with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    /// Bytes of the given text.
    pub(super) bytes: Range<usize>,
    /// Its tag.
    pub(super) tag: usize,
}

/// Marks that do not stand alone where the words before them went.
const TRAILING: [char; 4] = [',', ';', ':', '-'];

/// The text with its words edited. Deleted words take the space before them along, at the text's start the space after;
/// what then begins the text begins with a capital if what it began with did.
pub(super) fn edited(text: &str, words: &[Word], replacements: &[String]) -> String {
    let mut edits: Vec<Edit> = Vec::new();
    let mut at = 0;
    while let Some(word) = words.get(at) {
        if word.tag == KEEP {
            at += 1;
            continue;
        }
        if let Some(new) = word.tag.checked_sub(FIRST_REPLACEMENT).and_then(|i| replacements.get(i)) {
            let old = text.get(word.bytes.clone()).unwrap_or_default();
            let starts = text[..word.bytes.start].trim_end().chars().next_back();
            let capital = old.starts_with(char::is_uppercase) && starts.is_none_or(|c| ".!?".contains(c));
            let new = if capital { capitalised(new) } else { new.clone() };
            edits.push(Edit { range: word.bytes.clone(), replacement: new });
            at += 1;
            continue;
        }
        let run = words[at..].iter().take_while(|w| w.tag == DELETE).count().max(1);
        let range = word.bytes.start..words[at + run - 1].bytes.end;
        edits.push(deletion(text, range));
        at += run;
    }
    apply(text, &edits)
}

/// Takes out some bytes with the space that would be left over.
fn deletion(text: &str, range: Range<usize>) -> Edit {
    let before = text.get(..range.start).unwrap_or_default();
    let after = text.get(range.end..).unwrap_or_default();
    if before.trim().is_empty() {
        let rest = after.trim_start_matches(|c: char| c.is_whitespace() || TRAILING.contains(&c));
        let end = text.len() - rest.len();
        let began = text[range.start..].starts_with(char::is_uppercase);
        return match rest.chars().next().filter(|c| began && c.is_lowercase()) {
            Some(first) => Edit {
                range: range.start..end + first.len_utf8(),
                replacement: first.to_uppercase().collect(),
            },
            None => Edit { range: range.start..end, replacement: String::new() },
        };
    }
    // A space goes where another one, a mark or the end follows, so that no two words join.
    let joins = after.chars().next().is_some_and(char::is_alphanumeric);
    let start = if joins { range.start } else { before.trim_end().len() };
    Edit { range: start..range.end, replacement: String::new() }
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(text: &str, tags: &[(&str, usize)]) -> String {
        let mut at = 0;
        let words: Vec<Word> = tags
            .iter()
            .map(|(word, tag)| {
                let start = at + text[at..].find(word).expect("a word of the text");
                at = start + word.len();
                Word { bytes: start..at, tag: *tag }
            })
            .collect();
        edited(text, &words, &["bad".to_owned(), "not good".to_owned()])
    }

    #[test]
    fn words_go_with_their_space_and_others_come_with_the_right_case() {
        assert_eq!(
            run("this is awful work", &[("this", 0), ("is", 0), ("awful", 2), ("work", 0)]),
            "this is bad work"
        );
        assert_eq!(
            run(
                "you are a silly man.",
                &[("you", 0), ("are", 0), ("a", 0), ("silly", 1), ("man", 0), (".", 0)]
            ),
            "you are a man."
        );
        assert_eq!(run("Awful work", &[("Awful", 3), ("work", 0)]), "Not good work");
        assert_eq!(run("the Awful work", &[("the", 0), ("Awful", 2), ("work", 0)]), "the bad work");
        assert_eq!(
            run("Hey fool, come here", &[("Hey", 1), ("fool", 1), (",", 0), ("come", 0)]),
            "Come here"
        );
        assert_eq!(run("it is over, fool", &[("over", 0), (",", 0), ("fool", 1)]), "it is over,");
        assert_eq!(run("a  b\nc", &[("a", 0), ("b", 1), ("c", 0)]), "a\nc");
        assert_eq!(run("x(y)z", &[("x", 0), ("(", 1), ("y", 1), (")", 1), ("z", 0)]), "xz");
        assert_eq!(run("all gone", &[("all", 1), ("gone", 1)]), "");
        assert_eq!(run("ça va très mal", &[("ça", 1), ("va", 0), ("très", 1), ("mal", 0)]), "va mal");
    }

    #[test]
    fn any_tags_give_a_text_without_new_words() {
        let text = "Élan, “quoted” — ok?  two\nlines 日本";
        let words: Vec<Range<usize>> = text
            .char_indices()
            .filter(|(_, c)| !c.is_whitespace())
            .map(|(i, c)| i..i + c.len_utf8())
            .collect();
        for seed in 0_u64..500 {
            let tag = |i: usize| (seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (i % 60) & 1) as usize;
            let tagged: Vec<Word> = words
                .iter()
                .enumerate()
                .map(|(i, bytes)| Word { bytes: bytes.clone(), tag: tag(i) })
                .collect();
            let made = edited(text, &tagged, &[]);
            assert!(made.len() <= text.len() + 2, "{made:?}");
            let letters = |t: &str| t.to_lowercase().chars().filter(|c| c.is_alphanumeric()).count();
            assert!(letters(&made) <= letters(text));
        }
    }
}
