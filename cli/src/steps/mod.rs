//! Pure functions on numbers, a JSON object a line: what decoding steps and watermarks have in common.

pub mod decode;
mod grow;
mod more;
pub mod watermark;

use std::ffi::OsString;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::{Map, Value, json};
use trueline_core::{Code, Error};

use crate::guard::lines::{Line, Lines, too_long};
use crate::output::{self, Stop};

/// Logits of 128,000 tokens of two models take about 5 MB.
const LONGEST_LINE: usize = 256 << 20;
/// The longest line that is one text.
const LONGEST_TEXT: usize = 64 << 20;

/// Answers each line of standard input, in order, flushed line by line. A line without an answer gets an error in its place.
pub fn run(answer: impl Fn(&Fields) -> Result<Value, Error>) -> Result<u8, Stop> {
    let mut lines = Lines::new(io::stdin().lock(), LONGEST_LINE, true);
    let mut out = io::stdout().lock();
    let mut status = output::DONE;
    loop {
        let line = lines.next().map_err(|e| Stop::Failed(format!("standard input: {e}")))?;
        let Some(line) = line else { return Ok(status) };
        let (id, result) = match Fields::parse(&line) {
            Ok(fields) => {
                // A panic is a fault of ours; it costs this line its answer and the others nothing.
                let answered = catch_unwind(AssertUnwindSafe(|| answer(&fields)));
                let fault = || Err(Error::new(Code::Internal, "internal error (panic); please report"));
                (fields.0.get("id").cloned(), answered.unwrap_or_else(|_| fault()))
            }
            Err(error) => (None, Err(error)),
        };
        if result.is_err() {
            status = output::FAILED;
        }
        let body =
            result.unwrap_or_else(|e| json!({ "error": { "code": e.code.name(), "message": e.message } }));
        let mut object = Map::new();
        if let Some(id) = id {
            object.insert("id".into(), id);
        }
        if let Value::Object(body) = body {
            object.extend(body);
        }
        let mut bytes = Value::Object(object).to_string().into_bytes();
        bytes.push(b'\n');
        out.write_all(&bytes)?;
        out.flush()?;
    }
}

/// Answers texts one by one: those given, or else the lines of standard input. One that cannot be answered is named on
/// standard error.
pub fn texts(given: &[OsString], mut answer: impl FnMut(&str) -> Result<(), Error>) -> Result<u8, Stop> {
    let (mut status, mut number) = (output::DONE, 0_usize);
    let mut each = |bytes: Result<&[u8], Error>| {
        number += 1;
        let text = bytes.and_then(|bytes| {
            let not_utf8 = |e: std::str::Utf8Error| {
                Error::new(Code::Utf8, format!("text is not UTF-8 at byte {}", e.valid_up_to()))
            };
            str::from_utf8(bytes).map_err(not_utf8)
        });
        if let Err(error) = text.and_then(&mut answer) {
            output::complain(&format!("text {number}: {} ({})", error.message, error.code.name()));
            status = output::FAILED;
        }
    };
    if given.is_empty() {
        let mut lines = Lines::new(io::stdin().lock(), LONGEST_TEXT, true);
        while let Some(line) = lines.next().map_err(|e| Stop::Failed(format!("standard input: {e}")))? {
            match line {
                Line::Whole(bytes) => each(Ok(&bytes)),
                Line::TooLong { bytes, most, .. } => each(Err(too_long(bytes, most))),
            }
        }
    } else {
        given.iter().for_each(|text| each(Ok(text.as_encoded_bytes())));
    }
    Ok(status)
}

/// An error of the input.
pub fn invalid(message: impl Into<String>) -> Error {
    Error::new(Code::InvalidArgument, message)
}

/// The fields of a line.
pub struct Fields(Map<String, Value>);

impl Fields {
    /// The fields of a line that is a JSON object.
    pub fn parse(line: &Line) -> Result<Self, Error> {
        match line {
            Line::TooLong { bytes, most, .. } => Err(too_long(*bytes, *most)),
            Line::Whole(bytes) => match serde_json::from_slice(bytes) {
                Ok(Value::Object(fields)) => Ok(Self(fields)),
                Ok(_) => Err(invalid("the line is no JSON object")),
                Err(e) => Err(invalid(format!("the line is no JSON object: {e}"))),
            },
        }
    }

    /// Fields from elsewhere than a line.
    pub fn of<'a>(fields: impl IntoIterator<Item = (&'a str, Value)>) -> Self {
        Self(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// Whether a field is there and not null.
    pub fn has(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|value| !value.is_null())
    }

    /// What is there, whatever it is.
    pub fn value(&self, name: &str) -> Result<&Value, Error> {
        self.0.get(name).filter(|value| !value.is_null()).ok_or_else(|| invalid(format!("no field {name:?}")))
    }

    /// A text.
    pub fn text(&self, name: &str) -> Result<&str, Error> {
        self.value(name)?.as_str().ok_or_else(|| invalid(format!("{name} is not a text")))
    }

    /// A number.
    pub fn number(&self, name: &str) -> Result<f64, Error> {
        number(self.value(name)?).ok_or_else(|| invalid(format!("{name} is not a number")))
    }

    /// A number, or this one if there is none.
    pub fn number_or(&self, name: &str, otherwise: f64) -> Result<f64, Error> {
        if self.has(name) { self.number(name) } else { Ok(otherwise) }
    }

    /// A number from 0 up, without a fraction; one that JSON may not hold exactly may be a text.
    pub fn whole(&self, name: &str) -> Result<u64, Error> {
        let value = self.value(name)?;
        let whole = value.as_u64().or_else(|| value.as_str()?.parse().ok());
        whole.ok_or_else(|| invalid(format!("{name} is not a whole number from 0 up")))
    }

    /// Numbers; those that are not finite are "-inf", "inf", "nan".
    pub fn numbers(&self, name: &str) -> Result<Vec<f64>, Error> {
        numbers_of(self.value(name)?, name)
    }

    /// A number from 0 up that counts something.
    pub fn size(&self, name: &str) -> Result<usize, Error> {
        usize::try_from(self.whole(name)?).map_err(|_| invalid(format!("{name} is too large")))
    }

    /// A number that counts something, or this one if there is none.
    pub fn size_or(&self, name: &str, otherwise: usize) -> Result<usize, Error> {
        if self.has(name) { self.size(name) } else { Ok(otherwise) }
    }

    /// Whether a field is `true`.
    pub fn is_set(&self, name: &str) -> bool {
        self.0.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    /// Token ids.
    pub fn tokens(&self, name: &str) -> Result<Vec<u32>, Error> {
        let list = self.value(name)?.as_array().ok_or_else(|| invalid(format!("{name} is not a list")))?;
        let token = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
        let at = |(at, value)| {
            token(value).ok_or_else(|| invalid(format!("{name}: entry {at} is not a token id")))
        };
        list.iter().enumerate().map(at).collect()
    }
}

/// The numbers of a list that goes by this name.
pub fn numbers_of(list: &Value, name: &str) -> Result<Vec<f64>, Error> {
    let list = list.as_array().ok_or_else(|| invalid(format!("{name} is not a list")))?;
    let at = |(at, value): (usize, &Value)| {
        number(value).ok_or_else(|| invalid(format!("{name}: entry {at} is not a number")))
    };
    list.iter().enumerate().map(at).collect()
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(word) => match &word[..] {
            "nan" => Some(f64::NAN),
            "inf" => Some(f64::INFINITY),
            "-inf" => Some(f64::NEG_INFINITY),
            _ => None,
        },
        _ => None,
    }
}

/// A number as it is written: those that are not finite are words.
pub fn write(number: f64) -> Value {
    match number {
        number if number.is_nan() => json!("nan"),
        f64::INFINITY => json!("inf"),
        f64::NEG_INFINITY => json!("-inf"),
        number => json!(number),
    }
}

/// Numbers as they are written.
pub fn write_all(numbers: &[f64]) -> Value {
    numbers.iter().map(|number| write(*number)).collect()
}
