//! How far a number may be from the expected one, as its file says.

use serde_json::Value;

use super::{Algorithm, Case, File};

/// The width of the numbers that an algorithm was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// As in the file.
    F64,
    /// Rounded to 32 bits before the call; `tolerance.f32_engine` applies.
    F32,
}

/// An error passes up to `abs` or `rel * |expected|`, whichever is larger.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tolerance {
    abs: f64,
    rel: f64,
}

impl Tolerance {
    /// Of one key of one case: its own, that of its op, that of the key, or that of the file.
    pub fn of(algorithm: &Algorithm, file: &File, case: &Case, key: &str, width: Width) -> Self {
        let key = algorithm.tolerance_of.iter().find(|(from, _)| *from == key).map_or(key, |(_, to)| to);
        let blocks =
            [&case.0["tolerance"], &file.tolerance[case.op()], &file.tolerance[key], &file.tolerance];
        let found = blocks.iter().find_map(|block| Self::read(block, width)).unwrap_or_default();
        let clause = blocks.iter().find_map(|block| Self::of_clause(block.as_str()?, case));
        clause.unwrap_or(found)
    }

    /// What a text says of cases such as this one, in a clause `rel 2e-2 for num_iter 5 with a_flag_of_expected`.
    fn of_clause(text: &str, case: &Case) -> Option<Self> {
        text.split(';').find_map(|clause| {
            let (bound, rest) = clause.split_once(" for ")?;
            let [key, value, "with", flag, ..] = rest.split_whitespace().collect::<Vec<_>>()[..] else {
                return None;
            };
            let is_this = case.0["params"][key].as_u64() == value.parse().ok()
                && case.0["expected"][flag] == Value::Bool(true);
            if is_this { Self::parse(bound) } else { None }
        })
    }

    fn read(block: &Value, width: Width) -> Option<Self> {
        match block {
            Value::String(text) => Self::parse(text),
            Value::Object(entries) => {
                if let (Width::F32, Some(wide)) = (width, entries.get("f32_engine")) {
                    return Self::read(wide, Width::F64);
                }
                let of = |key| entries.get(key).and_then(Value::as_f64);
                let found = Self { abs: of("abs").unwrap_or(0.0), rel: of("rel").unwrap_or(0.0) };
                (of("abs").is_some() || of("rel").is_some()).then_some(found)
            }
            _ => None,
        }
    }

    /// Reads texts such as `rel 2e-5`, `abs 1e-6`, `abs 2e-5, relative where |score| > 1` and `within 1e-9 relative`; `exact` and the like are 0.
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(|c: char| c.is_whitespace() || c == ';' || c == ',');
        let bound = words.find_map(|word| word.parse::<f64>().ok());
        match (bound, text.contains("rel"), text.contains("exact")) {
            (Some(both), true, _) if text.starts_with("abs") => Some(Self { abs: both, rel: both }),
            (Some(rel), true, _) => Some(Self { abs: 0.0, rel }),
            (Some(abs), false, _) => Some(Self { abs, rel: 0.0 }),
            (None, _, true) => Some(Self::default()),
            (None, ..) => None,
        }
    }

    /// Whether `got` is near enough to `expected`; NaN only to NaN, an infinity only to itself.
    ///
    /// `rel` is of `expected`, or of `largest` if that is larger.
    pub fn passes(self, got: f64, expected: f64, largest: f64) -> bool {
        if !got.is_finite() || !expected.is_finite() {
            return got == expected || (got.is_nan() && expected.is_nan());
        }
        (got - expected).abs() <= self.abs.max(self.rel * expected.abs().max(largest))
    }
}

#[test]
fn the_texts_of_the_files_are_read() {
    let abs = |abs| Some(Tolerance { abs, rel: 0.0 });
    let rel = |rel| Some(Tolerance { abs: 0.0, rel });
    assert_eq!(Tolerance::parse("rel 2e-5"), rel(2e-5));
    assert_eq!(Tolerance::parse("abs 1e-6"), abs(1e-6));
    assert_eq!(Tolerance::parse("compare the weight within 1e-9 relative; exactly so"), rel(1e-9));
    assert_eq!(Tolerance::parse("exact sets"), abs(0.0));
    assert_eq!(Tolerance::parse("roughly"), None);
    let near = Tolerance { abs: 0.1, rel: 0.01 };
    assert!(near.passes(100.9, 100.0, 0.0) && !near.passes(101.1, 100.0, 0.0) && near.passes(0.1, 0.0, 0.0));
    assert!(near.passes(0.4, 0.0, 50.0) && !near.passes(0.6, 0.0, 50.0));
    assert!(near.passes(f64::INFINITY, f64::INFINITY, 0.0) && !near.passes(f64::NAN, 0.0, 0.0));
}
