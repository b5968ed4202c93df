//! Words that show a disguise: letters of two scripts, small capitals, struck letters, digits and signs among letters.

use std::ops::Range;

use super::has_leet;
use super::letters::{self, Piece, Word};

/// A word that shows a disguise, and what it may stand for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disguised {
    /// Its bytes in the text.
    pub span: Range<usize>,
    /// What it may stand for, in lower case: one form, or two where a sign may be `i` or `l`.
    pub forms: Vec<String>,
    /// Whether its letters alone prove it. Digits and signs do not (`H2O`, `mp3`, `5pm`): whether the form is a word must
    /// tell.
    pub sure: bool,
    /// Whether it is a number with letters after it, as measures are.
    pub measure: bool,
    /// Whether it is a number alone, all of whose digits may stand for letters (`505`). It has no forms yet: see [`number_form`].
    pub number: bool,
}

/// What a number may stand for, with `one` for its ones.
pub fn number_form(number: &str, one: char) -> String {
    number.chars().map(|digit| letters::letter_of(digit, one)).collect()
}

/// Memory for [`disguised`].
#[derive(Clone, Debug, Default)]
pub struct Reader(Word);

/// Bytes of the text that tell whether it is Latin around a word.
const AROUND: usize = 2048;

/// Pushes the words of `text` that show a disguise, in order.
///
/// A word is read in the script that most of its letters are of, one of Latin look-alikes alone in Latin where the text around
/// it is Latin. A text of one script without digits or signs beside letters has none.
///
/// # Cost
/// One pass; ASCII text without leetspeak is only looked at. Memory for what is found.
pub fn disguised(text: &str, reader: &mut Reader, found: &mut Vec<Disguised>) {
    if text.is_ascii() && !has_leet(text.as_bytes()) {
        return;
    }
    let (mut latin, mut until) = (false, 0);
    letters::split(text, &mut reader.0, |piece| {
        let Piece::Word(word) = piece else { return };
        let start = word.start();
        if start >= until {
            until = text.ceil_char_boundary(text.len().min(start + AROUND));
            latin =
                letters::mostly_latin(&text[text.floor_char_boundary(start.saturating_sub(AROUND))..until]);
        }
        found.extend(word.disguise(latin));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<(&str, String, bool)> {
        let mut found = Vec::new();
        disguised(text, &mut Reader::default(), &mut found);
        found.retain(|d| !d.number);
        found.into_iter().map(|d| (&text[d.span], d.forms.join("/"), d.sure)).collect()
    }

    #[test]
    fn letters_of_two_scripts_prove_it_and_signs_do_not() {
        for (text, word, forms, sure) in [
            ("you id\u{456}ot, go", "id\u{456}ot", "idiot", true),
            (
                "you \u{456}\u{501}\u{456}\u{43e}\u{442}, go there",
                "\u{456}\u{501}\u{456}\u{43e}\u{442}",
                "idiot",
                true,
            ),
            (
                "\u{26a}\u{1d05}\u{26a}\u{1d0f}\u{1d1b}",
                "\u{26a}\u{1d05}\u{26a}\u{1d0f}\u{1d1b}",
                "idiot",
                true,
            ),
            ("i\u{336}d\u{336}i\u{336}o\u{336}t", "i\u{336}d\u{336}i\u{336}o\u{336}t", "idiot", true),
            (
                "\u{43c}\u{43e}l\u{43e}\u{43a}\u{43e}\u{434}",
                "\u{43c}\u{43e}l\u{43e}\u{43a}\u{43e}\u{434}",
                "\u{43c}\u{43e}\u{4cf}\u{43e}\u{43a}\u{43e}\u{434}",
                true,
            ),
            ("an 1D10T!", "1D10T", "idiot/ldlot", false),
            ("he11 no", "he11", "heii/hell", false),
            ("a $hame", "$hame", "shame", false),
        ] {
            assert_eq!(all(text), [(word, forms.to_owned(), sure)], "{text:?}");
        }
    }

    #[test]
    fn what_languages_write_shows_nothing() {
        for text in [
            "I paid 100 $ on 2024-01-02, +49 30 1234567!",
            "\u{142}\u{f3}d\u{17a} \u{f8}l \u{131}\u{15f}\u{131}k \u{25b}w\u{254} \u{111}i",
            "\u{43c}\u{438}\u{440} \u{3ba}\u{3b1}\u{3b9}",
            "\u{928}\u{92e}\u{938}\u{94d}\u{924}\u{947} \u{6a9}\u{62a}\u{627}\u{628} \u{4f60}\u{597d}",
            "Ti\u{1ebf}ng Vi\u{1ec7}t o\u{331} e\u{323}\u{301}",
            "5 \u{3bc}m",
        ] {
            assert_eq!(all(text), [], "{text:?}");
        }
    }

    #[test]
    fn a_number_whose_digits_are_letters_may_be_a_word() {
        let mut found = Vec::new();
        disguised("k1ll 505 17 29 100 5000 111111111", &mut Reader::default(), &mut found);
        let numbers: Vec<String> = found
            .iter()
            .filter(|d| d.number)
            .map(|d| number_form(&"k1ll 505 17 29 100 5000 111111111"[d.span.clone()], 'i'))
            .collect();
        assert_eq!(numbers, ["sos", "it", "ioo", "sooo"]);
        assert!(found.iter().all(|d| d.number == d.forms.is_empty()));
    }

    #[test]
    fn a_number_before_letters_is_a_measure() {
        let mut found = Vec::new();
        disguised("10kg 5pm k1ll 1st 5h1t", &mut Reader::default(), &mut found);
        let measures: Vec<bool> = found.iter().map(|d| d.measure).collect();
        assert_eq!(measures, [true, true, false, true, false]);
    }
}
