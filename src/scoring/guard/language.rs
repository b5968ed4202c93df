//! A guess at a text's language from its script, for texts whose host does not say.

/// A language tag, and how sure it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Guess {
    /// A tag such as `ko`.
    pub tag: &'static str,
    /// In `[0, 1]`: the share of letters in the script, times how far the script belongs to the language alone.
    pub confidence: f64,
}

/// Letters that are looked at.
const LOOKED_AT: usize = 4096;

/// What the script of most letters says; `None` for Latin, which says nothing, and for a text without letters.
///
/// # Cost
/// The first 4,096 letters.
pub fn guess(text: &str) -> Option<Guess> {
    const LANGUAGES: [(&str, f64); 12] = [
        ("ko", 1.0),
        ("ja", 1.0),
        ("zh", 0.85),
        ("th", 1.0),
        ("he", 0.95),
        ("el", 1.0),
        ("hi", 0.6),
        ("bn", 0.9),
        ("ta", 1.0),
        ("ar", 0.6),
        ("ru", 0.6),
        ("ka", 1.0),
    ];
    let mut counts = [0_usize; LANGUAGES.len()];
    let mut letters = 0;
    for character in text.chars().filter(|c| c.is_alphabetic()).take(LOOKED_AT) {
        letters += 1;
        let place = match character {
            '\u{1100}'..='\u{11ff}' | '\u{ac00}'..='\u{d7a3}' => 0,
            '\u{3040}'..='\u{30ff}' => 1,
            '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' => 2,
            '\u{e00}'..='\u{e7f}' => 3,
            '\u{590}'..='\u{5ff}' => 4,
            '\u{370}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}' => 5,
            '\u{900}'..='\u{97f}' => 6,
            '\u{980}'..='\u{9ff}' => 7,
            '\u{b80}'..='\u{bff}' => 8,
            '\u{600}'..='\u{6ff}' | '\u{750}'..='\u{77f}' => 9,
            '\u{400}'..='\u{52f}' => 10,
            '\u{10a0}'..='\u{10ff}' => 11,
            _ => continue,
        };
        counts[place] += 1;
    }
    // Japanese mixes its own letters with Chinese ones.
    if counts[1] * 10 >= counts[2] {
        counts[1] += counts[2] * usize::from(counts[1] > 0);
    }
    let (place, count) = counts.iter().enumerate().max_by_key(|(place, n)| (**n, counts.len() - place))?;
    let (tag, factor) = LANGUAGES[place];
    (*count > 0).then(|| Guess { tag, confidence: (*count as f64 / letters as f64).min(1.0) * factor })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_of_one_language_tell_it_and_others_are_less_sure() {
        let tag = |text: &str| guess(text).map(|g| (g.tag, g.confidence > 0.8));
        assert_eq!(tag("\u{c548}\u{b155}"), Some(("ko", true)));
        assert_eq!(tag("\u{65e5}\u{672c}\u{8a9e}\u{3067}\u{3059}"), Some(("ja", true)));
        assert_eq!(tag("\u{4f60}\u{597d}"), Some(("zh", true)));
        assert_eq!(tag("\u{41f}\u{440}\u{438}\u{432}\u{435}\u{442}"), Some(("ru", false)));
        assert_eq!(tag("hello \u{3b1}"), Some(("el", false)));
        assert_eq!(tag("hello"), None);
        assert_eq!(tag("123 !"), None);
    }
}
