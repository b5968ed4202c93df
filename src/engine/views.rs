//! Other readings of a text that shows a disguise, for models to judge beside the text itself: what it hides in an encoding, and
//! what it says once look-alikes, leetspeak, spaced letters and broken words are undone.
//!
//! A text without a disguise has none. What only a digit or a gap suggests (`H2O`, `5pm`, `to day`) is undone where the pack's own
//! vocabulary knows the result better than what was written: a model is judged by the words that it has.

use std::ops::Range;

use crate::Error;
use crate::engine::guard::Guard;
use crate::engine::spelling::{self, Look};
use crate::model::control::Control;
use crate::model::tokenizer::Encoding;
use crate::scoring::guard::canonical::Canonical;
use crate::scoring::guard::fold::{self, Edit, Passage, Rewritten};
use crate::scoring::guard::hidden::{self, Bounds, Hidden};

/// Hidden texts that are judged one by one; those after them are judged as one text.
const ALONE: usize = 16;

/// A text that a model reads in the place of the given one.
pub(super) trait Reading {
    /// What the model reads.
    fn text(&self) -> &str;

    /// The bytes of the given text that a span of this one stands for.
    fn original(&self, span: Range<usize>) -> Result<Range<usize>, Error>;

    /// Whether a span reads otherwise than in a reading that the model judges anyway.
    fn is_new(&self, _span: &Range<usize>) -> Result<bool, Error> {
        Ok(true)
    }
}

impl Reading for &str {
    fn text(&self) -> &str {
        self
    }

    fn original(&self, span: Range<usize>) -> Result<Range<usize>, Error> {
        Ok(span)
    }
}

impl Reading for Canonical {
    fn text(&self) -> &str {
        self.text()
    }

    fn original(&self, span: Range<usize>) -> Result<Range<usize>, Error> {
        self.original_span(span)
    }
}

/// A hidden text, or several, and the bytes of the given text that hid them.
struct Decoded {
    text: String,
    bytes: Range<usize>,
}

impl Reading for Decoded {
    fn text(&self) -> &str {
        &self.text
    }

    fn original(&self, _span: Range<usize>) -> Result<Range<usize>, Error> {
        Ok(self.bytes.clone())
    }
}

/// The text with words undone.
struct Undone<'a> {
    base: Base<'a>,
    words: Rewritten,
}

impl Reading for Undone<'_> {
    fn text(&self) -> &str {
        self.words.text()
    }

    fn original(&self, span: Range<usize>) -> Result<Range<usize>, Error> {
        self.base.original(self.words.original(span))
    }

    fn is_new(&self, span: &Range<usize>) -> Result<bool, Error> {
        Ok(self.words.is_changed(span) || self.base.is_changed(&self.words.original(span.clone()))?)
    }
}

/// A canonical text that words are undone in.
enum Base<'a> {
    Given(&'a Canonical),
    /// That of the given text with its spelled passages joined.
    Joined(Box<(Rewritten, Canonical)>),
}

impl Base<'_> {
    fn canonical(&self) -> &Canonical {
        match self {
            Self::Given(canonical) => canonical,
            Self::Joined(joined) => &joined.1,
        }
    }

    fn original(&self, span: Range<usize>) -> Result<Range<usize>, Error> {
        let span = self.canonical().original_span(span)?;
        Ok(match self {
            Self::Given(_) => span,
            Self::Joined(joined) => joined.0.original(span),
        })
    }

    fn is_changed(&self, span: &Range<usize>) -> Result<bool, Error> {
        match self {
            Self::Given(_) => Ok(false),
            Self::Joined(joined) => Ok(joined.0.is_changed(&joined.1.original_span(span.clone())?)),
        }
    }
}

/// Gives each view of a text to `each`. `given` is the text, `canonical` its canonical form, `tokens` those of that form.
///
/// # Errors
/// What `control` says; those of the tokenizer and of `each`.
/// # Cost
/// A few passes over a text without a disguise, and no heap call once `look` has grown. All views together have at most about
/// four times the text's bytes.
pub(super) fn each(
    guard: &Guard,
    given: &str,
    canonical: &Canonical,
    tokens: &Encoding,
    (control, look): (&Control, &mut Look),
    mut each: impl FnMut(&dyn Reading) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut texts: Vec<Hidden> = Vec::new();
    let original = |span| canonical.original_span(span);
    hidden::nested(given, canonical.text(), Bounds::TEXT, original, &mut texts)?;
    for (canonical, bytes) in grouped(texts)? {
        control.check()?;
        let text = canonical.text().to_owned();
        if let Some(words) = spelling::undone(guard, &text, None, control, look)? {
            each(&Decoded { text: words.text().to_owned(), bytes: bytes.clone() })?;
        }
        each(&Decoded { text, bytes })?;
    }
    control.check()?;
    let base = match joined(guard, given, canonical, control, look)? {
        Some(joined) => Base::Joined(Box::new(joined)),
        None => Base::Given(canonical),
    };
    let text = base.canonical().text();
    let words = match &base {
        Base::Given(_) => match spelling::undone(guard, text, Some(tokens), control, look)? {
            Some(words) => words,
            None => return Ok(()),
        },
        Base::Joined(..) => {
            let words = spelling::undone(guard, text, None, control, look)?;
            words.unwrap_or_else(|| Rewritten::new(text, &[]))
        }
    };
    each(&Undone { base, words })
}

/// The canonical form of each hidden text, and of all that are too many as one.
fn grouped(texts: Vec<Hidden>) -> Result<Vec<(Canonical, Range<usize>)>, Error> {
    let mut out = Vec::with_capacity(texts.len().min(ALONE + 1));
    let mut rest: Option<(String, Range<usize>)> = None;
    for (i, hidden) in texts.into_iter().enumerate() {
        let Range { start, end } = hidden.span;
        match &mut rest {
            _ if i < ALONE => out.push((Canonical::new(&hidden.text)?, start..end)),
            Some((text, bytes)) => {
                text.push('\n');
                text.push_str(&hidden.text);
                *bytes = bytes.start.min(start)..bytes.end.max(end);
            }
            None => rest = Some((hidden.text, start..end)),
        }
    }
    if let Some((text, bytes)) = rest {
        out.push((Canonical::new(&text)?, bytes));
    }
    Ok(out)
}

/// The given text with its spelled passages joined, and the canonical form of that; `None` without a passage.
///
/// The given text is read, and not its canonical form, because the gaps between words are wider there.
fn joined(
    guard: &Guard,
    given: &str,
    canonical: &Canonical,
    control: &Control,
    look: &mut Look,
) -> Result<Option<(Rewritten, Canonical)>, Error> {
    let mut passages = fold::passages(given);
    if passages.is_empty() && canonical.text() != given {
        // Letters that were parted by what the canonical form leaves out, too.
        for mut passage in fold::passages(canonical.text()) {
            passage.span = canonical.original_span(passage.span)?;
            passages.push(passage);
        }
    }
    if passages.is_empty() {
        return Ok(None);
    }
    let mut edits: Vec<Edit> = Vec::with_capacity(passages.len());
    for passage in passages {
        control.check()?;
        let text = sentence(guard, &passage, control, look)?;
        edits.push((passage.span, text));
    }
    let joined = Rewritten::new(given, &edits);
    let canonical = Canonical::new(joined.text())?;
    Ok(Some((joined, canonical)))
}

/// The words of a passage, with what stands between them.
fn sentence(guard: &Guard, passage: &Passage, control: &Control, look: &mut Look) -> Result<String, Error> {
    let mut out = String::new();
    for (i, word) in passage.words.iter().enumerate() {
        if let Some(gap) = i.checked_sub(1).and_then(|before| passage.gaps.get(before)) {
            out.push_str(gap);
        }
        spelling::segment(guard, word, control, look, &mut out)?;
    }
    Ok(out)
}
