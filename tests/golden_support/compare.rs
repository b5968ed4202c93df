//! What differs between a case's `expected` and what the engine gave.

use serde_json::Value;

use super::json::number;
use super::tolerance::{Tolerance, Width};
use super::{Algorithm, Case, File};

/// The comparison of one case.
pub struct Comparison<'a> {
    pub algorithm: &'a Algorithm,
    pub file: &'a File,
    pub case: &'a Case,
    pub width: Width,
    /// What `rel` is of, if more than the wanted number.
    pub largest: f64,
    /// A line for each difference: where, what was got, what was wanted.
    pub differences: Vec<String>,
}

impl Comparison<'_> {
    /// Compares the entries that `wanted` has; `path` leads to it.
    pub fn object(&mut self, path: &str, wanted: &Value, got: &Value) {
        let Value::Object(entries) = wanted else {
            return self.differ(path, wanted, got);
        };
        for (key, wanted) in entries {
            if self.algorithm.left_out.iter().any(|(left_out, _)| left_out == key) {
                continue;
            }
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            let of_largest = self.algorithm.rel_of_largest.contains(&key.as_str());
            self.largest = if of_largest { largest(wanted) } else { 0.0 };
            match got.get(key) {
                Some(got) => self.value(&path, key, wanted, got),
                None => self.differences.push(format!("{path}: got nothing, wanted {wanted}")),
            }
        }
    }

    fn value(&mut self, path: &str, key: &str, wanted: &Value, got: &Value) {
        match (wanted, got) {
            (Value::Object(_), _) => self.object(path, wanted, got),
            (Value::Array(wanted_list), Value::Array(got_list)) => {
                if self.algorithm.sets.contains(&key) {
                    if sorted(wanted_list) != sorted(got_list) {
                        self.differ(path, wanted, got);
                    }
                } else if wanted_list.len() == got_list.len() {
                    for (position, (wanted, got)) in wanted_list.iter().zip(got_list).enumerate() {
                        self.value(&format!("{path}[{position}]"), key, wanted, got);
                    }
                } else {
                    self.differ(path, wanted, got);
                }
            }
            _ if wanted == got => {}
            // Two integers are counts or positions, and equal or not.
            _ if is_integer(wanted) && is_integer(got) => self.differ(path, wanted, got),
            _ => {
                let tolerance = Tolerance::of(self.algorithm, self.file, self.case, key, self.width);
                match (number(wanted), number(got)) {
                    (Ok(wanted), Ok(got)) if tolerance.passes(got, wanted, self.largest) => {}
                    _ => self.differ(path, wanted, got),
                }
            }
        }
    }

    fn differ(&mut self, path: &str, wanted: &Value, got: &Value) {
        self.differences.push(format!("{path}: got {got}, wanted {wanted}"));
    }
}

fn is_integer(value: &Value) -> bool {
    value.is_u64() || value.is_i64()
}

/// The largest magnitude in a list of lists.
fn largest(value: &Value) -> f64 {
    match value {
        Value::Array(list) => list.iter().map(largest).fold(0.0, f64::max),
        _ => number(value).map_or(0.0, f64::abs),
    }
}

fn sorted(list: &[Value]) -> Vec<String> {
    let mut texts: Vec<_> = list.iter().map(Value::to_string).collect();
    texts.sort_unstable();
    texts
}
