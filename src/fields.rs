//! TOML read strictly, field by field: what is unknown, missing or of another type is a fault with its place.
//!
//! By hand, because code that is derived from each struct comes to five times as much of a library as all of this.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::de::{DeInteger, DeTable, DeValue};

pub(crate) use toml::Spanned;

/// A value and where it stands.
pub(crate) type Value<'a> = Spanned<DeValue<'a>>;

/// What is wrong, and where.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    /// Bytes of the text.
    pub(crate) at: Range<usize>,
    /// One line.
    pub(crate) what: String,
    is_missing: bool,
}

impl Fault {
    fn new(at: Range<usize>, what: String) -> Self {
        Self { at, what, is_missing: false }
    }

    /// The fault with its line in the text that was read.
    pub(crate) fn in_line(&self, text: &str) -> String {
        format!("line {}: {}", line(text, self.at.start), self.what)
    }
}

/// The line of a text that a byte is on, from 1.
pub(crate) fn line(text: &str, at: usize) -> usize {
    let before = text.as_bytes().get(..at).unwrap_or(text.as_bytes());
    before.iter().filter(|byte| **byte == b'\n').count() + 1
}

/// Reads a whole text.
pub(crate) fn read<T: Field>(text: &str) -> Result<T, Fault> {
    let table = DeTable::parse(text).map_err(|e| {
        let what = e.message().lines().collect::<Vec<_>>().join("; ");
        Fault::new(e.span().unwrap_or(0..0), what)
    })?;
    T::read(Spanned::new(table.span(), DeValue::Table(table.into_inner())))
}

/// What a field may hold.
pub(crate) trait Field: Sized {
    fn read(value: Value<'_>) -> Result<Self, Fault>;

    /// What stands for a field that is not there, if it need not be.
    fn absent() -> Option<Self> {
        None
    }
}

/// The fields of one table that are not read yet.
pub(crate) struct Table<'a> {
    at: Range<usize>,
    fields: DeTable<'a>,
}

impl<'a> Table<'a> {
    /// A table that has no other fields than these.
    pub(crate) fn new(value: Value<'a>, known: &[&str]) -> Result<Self, Fault> {
        let at = value.span();
        let fields = match value.into_inner() {
            DeValue::Table(fields) => fields,
            other => return Err(wrong_type(at, &other, "a table")),
        };
        let unknown = fields.keys().filter(|key| !known.contains(&key.get_ref().as_ref()));
        match unknown.min_by_key(|key| key.span().start) {
            Some(key) => Err(none_of("field", key.span(), key.get_ref(), known)),
            None => Ok(Self { at, fields }),
        }
    }

    /// The field of this name.
    pub(crate) fn field<T: Field>(&mut self, name: &str) -> Result<T, Fault> {
        match self.fields.remove(name) {
            Some(value) => T::read(value),
            None => T::absent().ok_or_else(|| self.missing(name)),
        }
    }

    /// The field of this name, or what stands for it.
    pub(crate) fn field_or<T: Field>(&mut self, name: &str, default: T) -> Result<T, Fault> {
        self.fields.remove(name).map_or(Ok(default), T::read)
    }

    fn missing(&self, name: &str) -> Fault {
        Fault { is_missing: true, ..Fault::new(self.at.clone(), format!("missing field `{name}`")) }
    }
}

/// Says how a struct is read: its fields by their names, `as "name"` where a field has another, `= value` where it need
/// not be there. An `Option` need not be there either.
macro_rules! table {
    ($name:ty { $($field:ident $(as $key:literal)? $(= $default:expr)?),* $(,)? }) => {
        impl $crate::fields::Field for $name {
            fn read(value: $crate::fields::Value<'_>) -> Result<Self, $crate::fields::Fault> {
                const KNOWN: &[&str] = &[$($crate::fields::table!(@key $field $($key)?)),*];
                let mut table = $crate::fields::Table::new(value, KNOWN)?;
                $(let $field = $crate::fields::table!(
                    @read table, $crate::fields::table!(@key $field $($key)?) $(, $default)?
                );)*
                $crate::fields::first(&[$($field.as_ref().err()),*])?;
                Ok(Self { $($field: $field?),* })
            }
        }
    };
    (@key $field:ident) => { stringify!($field) };
    (@key $field:ident $key:literal) => { $key };
    (@read $table:ident, $key:expr) => { $table.field($key) };
    (@read $table:ident, $key:expr, $default:expr) => { $table.field_or($key, $default) };
}
pub(crate) use table;

/// Says which word stands for which value of an enum.
macro_rules! words {
    ($name:ty { $($word:literal = $value:ident),* $(,)? }) => {
        impl $crate::fields::Field for $name {
            fn read(value: $crate::fields::Value<'_>) -> Result<Self, $crate::fields::Fault> {
                const KNOWN: &[&str] = &[$($word),*];
                const VALUES: &[$name] = &[$(<$name>::$value),*];
                $crate::fields::word(value, KNOWN).map(|place| VALUES[place])
            }
        }
    };
}
pub(crate) use words;

/// Fails with the fault that comes first in the text; what is missing has no place of its own, and comes last.
pub(crate) fn first(faults: &[Option<&Fault>]) -> Result<(), Fault> {
    let first = faults.iter().flatten().min_by_key(|fault| (fault.is_missing, fault.at.start));
    first.map_or(Ok(()), |fault| Err(Fault::clone(fault)))
}

/// The place of a word among those that are known.
pub(crate) fn word(value: Value<'_>, known: &[&str]) -> Result<usize, Fault> {
    let at = value.span();
    let found = String::read(value)?;
    known.iter().position(|word| *word == found).ok_or_else(|| none_of("variant", at, &found, known))
}

fn none_of(what: &str, at: Range<usize>, found: &str, known: &[&str]) -> Fault {
    let known = known.join("`, `");
    Fault::new(at, format!("unknown {what} `{}`, expected one of `{known}`", found.escape_debug()))
}

fn wrong_type(at: Range<usize>, found: &DeValue<'_>, wanted: &str) -> Fault {
    let found = match found {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a floating-point number",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    };
    Fault::new(at, format!("invalid type: {found}, expected {wanted}"))
}

impl Field for String {
    fn read(value: Value<'_>) -> Result<Self, Fault> {
        let at = value.span();
        match value.into_inner() {
            DeValue::String(text) => Ok(text.into_owned()),
            other => Err(wrong_type(at, &other, "a string")),
        }
    }
}

impl Field for bool {
    fn read(value: Value<'_>) -> Result<Self, Fault> {
        let at = value.span();
        match value.into_inner() {
            DeValue::Boolean(is) => Ok(is),
            other => Err(wrong_type(at, &other, "a boolean")),
        }
    }
}

impl Field for u64 {
    fn read(value: Value<'_>) -> Result<Self, Fault> {
        whole(value, Self::MAX)
    }
}

impl Field for u32 {
    fn read(value: Value<'_>) -> Result<Self, Fault> {
        whole(value, Self::MAX.into()).map(|n| n as Self)
    }
}

impl Field for usize {
    fn read(value: Value<'_>) -> Result<Self, Fault> {
        whole(value, Self::MAX as u64).map(|n| n as Self)
    }
}

/// A whole number of 0 to `most`.
fn whole(value: Value<'_>, most: u64) -> Result<u64, Fault> {
    let at = value.span();
    match value.into_inner() {
        DeValue::Integer(n) => {
            let number = u64::from_str_radix(n.as_str(), n.radix()).ok().filter(|n| *n <= most);
            number.ok_or_else(|| {
                Fault::new(at, format!("invalid value: integer `{n}`, expected one of 0 to {most}"))
            })
        }
        other => Err(wrong_type(at, &other, "an integer")),
    }
}

impl Field for f64 {
    fn read(value: Value<'_>) -> Result<Self, Fault> {
        let at = value.span();
        let (number, text) = match value.into_inner() {
            DeValue::Float(x) => (x.as_str().parse().ok(), x.to_string()),
            DeValue::Integer(n) => (signed(&n).map(|n| n as Self), n.to_string()),
            other => return Err(wrong_type(at, &other, "a number")),
        };
        // A number that is too large is not what was written.
        let number = number.filter(|x: &Self| !x.is_infinite() || text.contains("inf"));
        number.ok_or_else(|| Fault::new(at, format!("invalid value: `{text}`, expected a number of 64 bits")))
    }
}

fn signed(n: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(n.as_str(), n.radix()).ok()
}

impl<T: Field> Field for Spanned<T> {
    fn read(value: Value<'_>) -> Result<Self, Fault> {
        let at = value.span();
        T::read(value).map(|value| Self::new(at, value))
    }
}

impl<T: Field> Field for Option<T> {
    fn read(value: Value<'_>) -> Result<Self, Fault> {
        T::read(value).map(Some)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

impl<T: Field> Field for Vec<T> {
    fn read(value: Value<'_>) -> Result<Self, Fault> {
        let at = value.span();
        match value.into_inner() {
            DeValue::Array(values) => values.into_iter().map(T::read).collect(),
            other => Err(wrong_type(at, &other, "an array")),
        }
    }
}

/// Any names.
impl<T: Field> Field for BTreeMap<Spanned<String>, T> {
    fn read(value: Value<'_>) -> Result<Self, Fault> {
        let at = value.span();
        let fields = match value.into_inner() {
            DeValue::Table(fields) => fields,
            other => return Err(wrong_type(at, &other, "a table")),
        };
        let named = |(key, value): (Spanned<_>, _)| {
            let (at, key): (_, std::borrow::Cow<'_, str>) = (key.span(), key.into_inner());
            Ok((Spanned::new(at, key.into_owned()), T::read(value)?))
        };
        fields.into_iter().map(named).collect()
    }
}

impl Field for BTreeMap<String, String> {
    fn read(value: Value<'_>) -> Result<Self, Fault> {
        let fields = BTreeMap::<Spanned<String>, String>::read(value)?;
        Ok(fields.into_iter().map(|(key, value)| (key.into_inner(), value)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Colour {
        Red,
        Blue,
    }
    words!(Colour { "red" = Red, "blue" = Blue });

    #[derive(Debug, PartialEq)]
    struct Inner {
        share: f64,
        colour: Colour,
    }
    table!(Inner { share, colour = Colour::Red });

    #[derive(Debug, PartialEq)]
    struct Outer {
        name: String,
        how: u32,
        size: Option<u64>,
        flag: bool,
        inner: Vec<Inner>,
        names: BTreeMap<String, String>,
    }
    table!(Outer { name, how as "match", size, flag = true, inner = Vec::new(), names = BTreeMap::new() });

    #[test]
    fn what_is_written_is_read() {
        let outer: Outer = read(concat!(
            "name = 'a\\b'\nmatch = 0x1_0\nsize = 18446744073709551615\nflag = false\nnames = { a = \"b\" }\n",
            "[[inner]]\nshare = 1\ncolour = \"blue\"\n[[inner]]\nshare = -2.5e-1\n[[inner]]\nshare = -inf",
        ))
        .expect("all in order");
        let inner = [(1.0, Colour::Blue), (-0.25, Colour::Red), (f64::NEG_INFINITY, Colour::Red)];
        let inner = inner.map(|(share, colour)| Inner { share, colour }).into();
        let names = [("a".to_owned(), "b".to_owned())].into();
        let name = "a\\b".to_owned();
        assert_eq!(outer, Outer { name, how: 16, size: Some(u64::MAX), flag: false, inner, names });
        let least: Outer = read("name = \"\"\nmatch = 0").expect("the rest need not be there");
        assert_eq!((least.size, least.flag, least.inner.len()), (None, true, 0));
    }

    #[test]
    fn faults_have_their_line() {
        for (text, line, words) in [
            ("name = 'x'\n", 1, "missing field `match`"),
            ("name = 'x'\nmatch = 1\n[[inner]]\ncolour = 'red'", 3, "missing field `share`"),
            ("nam = 'x'\nhow = 1", 1, "unknown field `nam`, expected one of `name`, `match`, `size`"),
            ("name = 'x'\nmatch = 1\n[[inner]]\nshare = 1\ncolour = 'green'", 5, "unknown variant `green`"),
            ("match = 1\nname = 1", 2, "invalid type: an integer, expected a string"),
            ("match = '1'", 1, "invalid type: a string, expected an integer"),
            ("size = 1\nflag = 2\nmatch = '1'", 2, "invalid type: an integer, expected a boolean"),
            ("match = 1\nflag = false", 1, "missing field `name`"),
            ("name = 'x'\nmatch = -1", 2, "integer `-1`, expected one of 0 to 4294967295"),
            ("name = 'x'\nmatch = 4294967296", 2, "`4294967296`"),
            ("name = 'x'\nmatch = 1\ninner = 3", 3, "invalid type: an integer, expected an array"),
            ("name = 'x'\nmatch = 1\ninner = [3]", 3, "invalid type: an integer, expected a table"),
            ("name = 'x'\nmatch = 1\n[[inner]]\nshare = 1e999", 4, "`1e999`, expected a number"),
            ("name = 'x'\nmatch = 1\nmatch = 2", 3, "duplicate key"),
            ("name = 'x'\nmatch = = 2", 2, ""),
        ] {
            let fault = read::<Outer>(text).expect_err(text).in_line(text);
            let line = format!("line {line}: ");
            assert!(fault.starts_with(&line) && fault.contains(words), "{text:?}: {fault}");
            assert!(!fault.contains('\n'), "{fault}");
        }
    }
}
