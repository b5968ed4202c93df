//! One line of `guard --jsonl`: an object with `text`, and perhaps `id`, `role` and `language`.
//!
//! The object is walked field by field, so that `id` comes back as it was written, digit for digit, and also when the
//! rest of the line is broken. A field that stands twice is refused: which of two texts was judged must not be a guess.

use serde::de::{DeserializeOwned, IgnoredAny};
use trueline_core::model::manifest::Role;
use trueline_core::{Code, Error};

use crate::guard::lines::{Line, too_long};

/// A text to judge.
#[derive(Debug, PartialEq, Eq)]
pub struct Request {
    /// The text.
    pub text: String,
    /// Whose it is, if the line says.
    pub role: Option<Role>,
    /// Its language, or `und`.
    pub language: String,
}

/// The fields that count, as they are written in the line.
#[derive(Default)]
struct Fields<'a> {
    id: Option<&'a str>,
    text: Option<&'a str>,
    role: Option<&'a str>,
    language: Option<&'a str>,
}

/// The line's `id` as it was written, where it can be found, and its request.
pub fn parse(line: &Line) -> (Option<String>, Result<Request, Error>) {
    let (bytes, refused) = match line {
        Line::Whole(bytes) => (bytes, None),
        Line::TooLong { start, bytes, most } => (start, Some(too_long(*bytes, *most))),
    };
    let text = String::from_utf8_lossy(bytes);
    let mut fields = Fields::default();
    let walked = walk(&text, &mut fields);
    let refused = refused.or_else(|| {
        let at = str::from_utf8(bytes).err()?.valid_up_to();
        let message = format!("the line of {} bytes is not UTF-8 at byte {at}", bytes.len());
        Some(Error::new(Code::Utf8, message))
    });
    // Only an `id` that is UTF-8 comes back.
    let id = fields.id.filter(|id| refused.is_none() || !id.contains(char::REPLACEMENT_CHARACTER));
    let request = match refused {
        Some(error) => Err(error),
        None => walked.and_then(|()| request(&fields)),
    };
    (id.map(str::to_owned), request)
}

fn request(fields: &Fields<'_>) -> Result<Request, Error> {
    let Some(text) = string("text", fields.text)? else {
        return Err(bad("the object has no text"));
    };
    let role = match string("role", fields.role.filter(|r| *r != "null"))?.as_deref() {
        None => None,
        Some("user") => Some(Role::User),
        Some("assistant") => Some(Role::Assistant),
        Some("tool") => Some(Role::Tool),
        Some(other) => {
            let shown: String = other.chars().take(40).collect();
            return Err(bad(format!("role is {shown:?}; it is user, assistant or tool")));
        }
    };
    let language = string("language", fields.language.filter(|l| *l != "null"))?;
    Ok(Request { text, role, language: language.unwrap_or_else(|| "und".to_owned()) })
}

/// A field that must be a string.
fn string(name: &str, written: Option<&str>) -> Result<Option<String>, Error> {
    let Some(written) = written else { return Ok(None) };
    let kind = match written.as_bytes().first() {
        Some(b'"') => {
            // Half of a surrogate pair gets here: it is no character, so no UTF-8 text has it.
            let read = serde_json::from_str::<String>(written);
            return read.map(Some).map_err(|e| bad(format!("{name}: {}", reason(&e))));
        }
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b't' | b'f') => "true or false",
        Some(b'n') => "null",
        _ => "a number",
    };
    Err(bad(format!("{name} is {kind}; it is a string")))
}

/// Finds the fields of an object; those before a fault are found in spite of it.
fn walk<'a>(line: &'a str, fields: &mut Fields<'a>) -> Result<(), Error> {
    let mut cursor = Cursor { line, at: 0 };
    if !cursor.eat('{') {
        return Err(cursor.fault("an object begins with '{'"));
    }
    if !cursor.eat('}') {
        loop {
            let (key, _) = cursor.value::<String>()?;
            if !cursor.eat(':') {
                return Err(cursor.fault("a name is followed by ':'"));
            }
            let (_, written) = cursor.value::<IgnoredAny>()?;
            let last = cursor.eat('}');
            if !last && !cursor.eat(',') {
                return Err(cursor.fault("a value is followed by ',' or '}'"));
            }
            let slot = match &*key {
                "id" => Some(&mut fields.id),
                "text" => Some(&mut fields.text),
                "role" => Some(&mut fields.role),
                "language" => Some(&mut fields.language),
                _ => None,
            };
            match slot {
                Some(Some(_)) => return Err(bad(format!("{key} stands twice in the object"))),
                Some(empty) => *empty = Some(written),
                None => {}
            }
            if last {
                break;
            }
        }
    }
    cursor.skip_space();
    if cursor.at == line.len() { Ok(()) } else { Err(cursor.fault("nothing follows the object")) }
}

/// A place in a line.
struct Cursor<'a> {
    line: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn skip_space(&mut self) {
        let rest = &self.line[self.at..];
        self.at = self.line.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
    }

    fn eat(&mut self, wanted: char) -> bool {
        self.skip_space();
        let found = self.line[self.at..].starts_with(wanted);
        self.at += if found { wanted.len_utf8() } else { 0 };
        found
    }

    /// The next value, and how it is written.
    fn value<T: DeserializeOwned>(&mut self) -> Result<(T, &'a str), Error> {
        self.skip_space();
        let rest = &self.line[self.at..];
        let mut stream = serde_json::Deserializer::from_str(rest).into_iter::<T>();
        match stream.next() {
            Some(Ok(value)) => {
                let written = &rest[..stream.byte_offset()];
                self.at += written.len();
                Ok((value, written))
            }
            Some(Err(e)) => Err(self.fault(&reason(&e))),
            None => Err(self.fault("the line ends within the object")),
        }
    }

    fn fault(&self, why: &str) -> Error {
        bad(format!("the line is not a JSON object: at byte {}, {why}", self.at))
    }
}

/// The error without its place, which is one within a value.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rfind(" at line ").map_or(text.clone(), |at| text[..at].to_owned())
}

fn bad(message: impl Into<String>) -> Error {
    Error::new(Code::InvalidArgument, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(line: &[u8]) -> (Option<String>, Result<Request, Error>) {
        parse(&Line::Whole(line.to_vec()))
    }

    #[test]
    fn good_lines() {
        let (id, request) = whole(br#" { "id" : {"a":[1.0, 2e400]} , "x":[[]], "t\u0065xt":"caf\u00e9" } "#);
        assert_eq!(id.as_deref(), Some(r#"{"a":[1.0, 2e400]}"#));
        let wanted = Request { text: "café".into(), role: None, language: "und".into() };
        assert_eq!(request, Ok(wanted));
        let (id, request) = whole(br#"{"text":"","role":"tool","language":"de","id":null}"#);
        assert_eq!(id.as_deref(), Some("null"));
        let wanted = Request { text: String::new(), role: Some(Role::Tool), language: "de".into() };
        assert_eq!(request, Ok(wanted));
        assert!(whole(br#"{"text":"a","role":null,"language":null}"#).1.is_ok());
    }

    #[test]
    fn an_id_survives_what_is_wrong_after_it() {
        let lines: [&[u8]; 12] = [
            br#"{"id":7}"#,
            br#"{"id":7,"text":"abc"#,
            br#"{"id":7,"text":"a"} x"#,
            br#"{"id":7,"text":"a","text":"b"}"#,
            br#"{"id":7,"text":"a","id":8}"#,
            br#"{"id":7,"text":"\ud800"}"#,
            br#"{"id":7,"text":"\udc00\ud800"}"#,
            br#"{"id":7,"text":null}"#,
            br#"{"id":7,"text":["a"]}"#,
            br#"{"id":7,"text":"a","role":"system"}"#,
            br#"{"id":7,"text":"a","language":1}"#,
            b"{\"id\":7,\"text\":\"a\tb\"}",
        ];
        for line in lines {
            let (id, request) = whole(line);
            let shown = String::from_utf8_lossy(line);
            assert_eq!(id.as_deref(), Some("7"), "{shown}");
            assert_eq!(request.unwrap_err().code, Code::InvalidArgument, "{shown}");
        }
    }

    #[test]
    fn what_is_no_object_has_no_id() {
        let lines =
            ["", "   ", "7", "null", r#"["id","text"]"#, r#""text""#, "{", r#"{"id":12"#, r#"{1:2}"#, "{,}"];
        for line in lines {
            let (id, request) = whole(line.as_bytes());
            assert_eq!(id, None, "{line}");
            assert_eq!(request.unwrap_err().code, Code::InvalidArgument, "{line}");
        }
    }

    #[test]
    fn lines_that_are_not_utf_8_or_too_long_keep_a_good_id() {
        let (id, request) = whole(b"{\"id\":\"x\",\"text\":\"\xff\"}");
        assert_eq!((id.as_deref(), request.unwrap_err().code), (Some("\"x\""), Code::Utf8));
        let (id, request) = whole(b"{\"id\":\"\xff\",\"text\":\"a\"}");
        assert_eq!((id, request.unwrap_err().code), (None, Code::Utf8));
        let start = br#"{"id":[3],"text":"aaaa"#.to_vec();
        let (id, request) = parse(&Line::TooLong { start, bytes: 1 << 30, most: 100 });
        assert_eq!((id.as_deref(), request.unwrap_err().code), (Some("[3]"), Code::TooLarge));
    }

    #[test]
    fn deep_nesting_is_walked_without_recursion() {
        let deep = "[".repeat(200_000) + &"]".repeat(200_000);
        let line = format!(r#"{{"x":{deep},"id":1,"text":"a"}}"#);
        assert!(whole(line.as_bytes()).1.is_ok());
    }
}
