//! Whether to keep a correction.

/// Why a correction was kept, or the original returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Kept.
    Accepted,
    /// It has no text.
    Empty,
    /// Longer than four times the original and 256 bytes.
    TooLong,
    /// The filter decides worse about it than about the original.
    Filter,
    /// Its score is below the original's by more than the margin, or not a number.
    Score,
}

impl Reason {
    /// As in traces.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Empty => "empty",
            Self::TooLong => "too_long",
            Self::Filter => "filter",
            Self::Score => "score",
        }
    }
}

/// Judges a correction. `blocked`: whether the filter blocks the original and the correction. `scores`: those of both, if a
/// reward or an inspector gave any.
///
/// # Source
/// Section 1.2 of the specification of corrections.
pub fn judge(
    original: &str,
    corrected: &str,
    blocked: [bool; 2],
    scores: Option<[f64; 2]>,
    margin: f64,
) -> Reason {
    if corrected.trim().is_empty() {
        return Reason::Empty;
    }
    if corrected.len() > most_bytes(original) {
        return Reason::TooLong;
    }
    if blocked == [false, true] {
        return Reason::Filter;
    }
    match scores {
        Some([before, after]) if after.is_nan() || before.is_nan() || after < before - margin => {
            Reason::Score
        }
        _ => Reason::Accepted,
    }
}

/// The longest correction of a text, in bytes.
pub fn most_bytes(original: &str) -> usize {
    original.len().saturating_mul(4).saturating_add(256)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_refuses() {
        let fine = [false, false];
        assert_eq!(judge("abc", "abd", fine, None, 0.0), Reason::Accepted);
        assert_eq!(judge("abc", " \n", fine, None, 0.0), Reason::Empty);
        assert_eq!(judge("abc", &"x".repeat(268), fine, None, 0.0), Reason::Accepted);
        assert_eq!(judge("abc", &"x".repeat(269), fine, None, 0.0), Reason::TooLong);
        assert_eq!(judge("abc", "abd", [false, true], None, 0.0), Reason::Filter);
        assert_eq!(judge("abc", "abd", [true, true], None, 0.0), Reason::Accepted);
        assert_eq!(judge("abc", "abd", fine, Some([0.5, 0.4]), 0.0), Reason::Score);
        assert_eq!(judge("abc", "abd", fine, Some([0.5, 0.4]), 0.2), Reason::Accepted);
        assert_eq!(judge("abc", "abd", fine, Some([0.5, f64::NAN]), 0.2), Reason::Score);
    }
}
