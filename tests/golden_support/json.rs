//! Numbers, lists and links between JSON and the engine's types.

use serde_json::{Value, json};
use trueline_core::scoring::align::Link;

use super::Stop;

/// A number; those that are not finite are the strings "nan", "inf" and "-inf".
pub fn number(value: &Value) -> Result<f64, Stop> {
    match value {
        Value::Number(number) => number.as_f64().ok_or_else(|| not("a number", value)),
        Value::String(text) if text == "nan" => Ok(f64::NAN),
        Value::String(text) if text == "inf" => Ok(f64::INFINITY),
        Value::String(text) if text == "-inf" => Ok(f64::NEG_INFINITY),
        _ => Err(not("a number", value)),
    }
}

/// A number in JSON, whether finite or not.
pub fn to_json(number: f64) -> Value {
    match number {
        number if number.is_nan() => json!("nan"),
        f64::INFINITY => json!("inf"),
        f64::NEG_INFINITY => json!("-inf"),
        number => json!(number),
    }
}

/// Numbers in JSON.
pub fn list_to_json<T: Copy + Into<f64>>(numbers: &[T]) -> Value {
    numbers.iter().map(|number| to_json((*number).into())).collect()
}

/// A matrix in JSON, a list of rows.
pub fn rows_to_json(values: &[f64], n_columns: usize) -> Value {
    values.chunks(n_columns.max(1)).map(list_to_json).collect()
}

/// A list of numbers.
pub fn numbers(value: &Value) -> Result<Vec<f64>, Stop> {
    list(value)?.iter().map(number).collect()
}

/// A list of numbers, rounded to 32 bits.
pub fn numbers_f32(value: &Value) -> Result<Vec<f32>, Stop> {
    Ok(numbers(value)?.iter().map(|number| *number as f32).collect())
}

/// The values of a list of rows, one after the other, the number of rows, and the length of the first.
///
/// Rows of unequal lengths come out as a number of values that does not fit, for the engine to refuse.
pub fn rows(value: &Value) -> Result<(Vec<f64>, usize, usize), Stop> {
    let rows = list(value)?.iter().map(numbers).collect::<Result<Vec<_>, Stop>>()?;
    let (mut values, n_columns) = (rows.concat(), rows.first().map_or(0, Vec::len));
    if values.len() == rows.len() * n_columns && rows.iter().any(|row| row.len() != n_columns) {
        values.push(0.0);
    }
    Ok((values, rows.len(), n_columns))
}

/// A count or position.
pub fn count(value: &Value) -> Result<usize, Stop> {
    let count = value.as_u64().and_then(|count| usize::try_from(count).ok());
    count.ok_or_else(|| not("a count", value))
}

/// A list of counts.
pub fn counts(value: &Value) -> Result<Vec<usize>, Stop> {
    list(value)?.iter().map(count).collect()
}

/// A list of labels, 0 or 1.
pub fn labels(value: &Value) -> Result<Vec<bool>, Stop> {
    let label = |value: &Value| match value.as_u64() {
        Some(0) => Ok(false),
        Some(1) => Ok(true),
        _ => value.as_bool().ok_or_else(|| not("a label", value)),
    };
    list(value)?.iter().map(label).collect()
}

/// Links in JSON.
pub fn links_to_json(links: &[Link]) -> Value {
    links.iter().map(|link| json!([link.source, link.target])).collect()
}

/// A list of pairs of positions.
pub fn links(value: &Value) -> Result<Vec<Link>, Stop> {
    let link = |pair: &Value| match counts(pair)?[..] {
        [source, target] => Ok(Link::new(source, target)),
        _ => Err(not("a pair", pair)),
    };
    list(value)?.iter().map(link).collect()
}

/// A list of texts.
pub fn texts(value: &Value) -> Result<Vec<&str>, Stop> {
    list(value)?.iter().map(|text| text.as_str().ok_or_else(|| not("a text", text))).collect()
}

/// The elements of a list.
pub fn list(value: &Value) -> Result<&Vec<Value>, Stop> {
    value.as_array().ok_or_else(|| not("a list", value))
}

fn not(what: &str, value: &Value) -> Stop {
    Stop::Unknown(format!("{value} is not {what}"))
}
