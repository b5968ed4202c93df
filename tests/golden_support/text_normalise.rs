//! `text_normalise`: the canonical text of safety filters.

use serde_json::{Value, json};
use trueline_core::scoring::guard::canonical::Canonical;

use super::{Algorithm, Case, Stop, Width};

pub const ALGORITHM: Algorithm = Algorithm {
    left_out: &[(
        "original_unicode_sanitizer",
        "a published sanitiser, for comparison; not part of the engine",
    )],
    ..Algorithm::new("text_normalise", run)
};

fn run(case: &Case, _: Width) -> Result<Value, Stop> {
    let text = case.input("text");
    let text = text.as_str().ok_or_else(|| Stop::Unknown(format!("{text} is not a text")))?;
    let canonical = Canonical::new(text)?;
    let again = Canonical::new(canonical.text())?;
    Ok(json!({ "canonical": canonical.text(), "canonical_idempotent": again.text() == canonical.text() }))
}
