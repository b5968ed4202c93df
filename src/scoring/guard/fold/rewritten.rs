//! A text in which some places read otherwise, and where its bytes came from.

use std::ops::Range;

use crate::scoring::guard::offsets::OffsetMap;

/// A place of a text, in bytes, and what stands there instead.
pub type Edit = (Range<usize>, String);

/// A text with edits in it.
#[derive(Clone, Debug, Default)]
pub struct Rewritten {
    text: String,
    map: OffsetMap,
    /// Where the edits are in `text`, ascending.
    changed: Vec<Range<usize>>,
}

impl Rewritten {
    /// `text` with `edits`, which are in bounds, on character boundaries, ascending and without overlap; one that is not is
    /// left out.
    ///
    /// # Cost
    /// One copy of the text.
    pub fn new(text: &str, edits: &[Edit]) -> Self {
        let mut new = Self::default();
        new.map.clear(text.len() as u32);
        let mut at = 0;
        for (span, instead) in edits {
            let Some(before) = text.get(at..span.start).filter(|_| text.get(span.clone()).is_some()) else {
                continue;
            };
            new.map.push_unchanged(&mut new.text, before, at as u32);
            let start = new.text.len();
            for character in instead.chars() {
                new.map.push(&mut new.text, character, span.start as u32..span.end as u32);
            }
            new.changed.push(start..new.text.len());
            at = span.end;
        }
        new.map.push_unchanged(&mut new.text, &text[at..], at as u32);
        new.map.finish(new.text.len());
        new
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether an edit lies within the bytes `span` of [`Rewritten::text`].
    ///
    /// # Cost
    /// A binary search.
    pub fn is_changed(&self, span: &Range<usize>) -> bool {
        let first = self.changed.partition_point(|c| c.end <= span.start);
        self.changed.get(first).is_some_and(|c| c.start < span.end)
    }

    /// The bytes of the text before the edits that those in `span` came from; an edit came from all that it replaced. The span
    /// is in bounds, on character boundaries.
    pub fn original(&self, span: Range<usize>) -> Range<usize> {
        self.map.original(&self.text, span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_come_back_as_written_and_edits_as_wholes() {
        let text = "go k i l l, \u{fc}ber 1t";
        let new = Rewritten::new(text, &[(3..10, "kill".to_owned()), (18..20, "it".to_owned())]);
        assert_eq!(new.text(), "go kill, \u{fc}ber it");
        for (part, wanted) in [("kill", "k i l l"), ("il", "k i l l"), ("ber i", "ber 1t"), ("go", "go")] {
            let at = new.text().find(part).expect("it is there");
            assert_eq!(&text[new.original(at..at + part.len())], wanted, "{part}");
        }
        assert!(new.is_changed(&(0..4)) && new.is_changed(&(6..7)) && !new.is_changed(&(7..15)));
        assert!(!new.is_changed(&(0..3)) && !Rewritten::new(text, &[]).is_changed(&(0..text.len())));
    }

    #[test]
    fn edits_that_do_not_fit_are_left_out() {
        let new =
            Rewritten::new("abc", &[(0..2, "x".to_owned()), (1..3, "y".to_owned()), (2..9, "z".to_owned())]);
        assert_eq!(new.text(), "xc");
    }
}
