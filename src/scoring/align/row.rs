//! What several extraction rules ask of a row or a token.

/// The place of the largest value and the value, of equals the first; NaN is never larger.
pub(super) fn largest(values: impl Iterator<Item = f64>) -> Option<(usize, f64)> {
    values.enumerate().fold(None, |best: Option<(usize, f64)>, (at, value)| match best {
        Some((_, most)) if most >= value => best,
        _ => Some((at, value)),
    })
}

/// Whether a token is one ASCII punctuation character.
pub(super) fn is_punctuation(token: &str) -> bool {
    token.len() == 1 && token.bytes().all(|byte| byte.is_ascii_punctuation())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_equals_is_largest() {
        assert_eq!(largest([1.0, 3.0, 3.0].into_iter()), Some((1, 3.0)));
        assert_eq!(largest(std::iter::empty()), None);
        assert!(is_punctuation("!") && !is_punctuation("!!") && !is_punctuation("a") && !is_punctuation(""));
    }
}
