//! Text made of tokens' bytes, of which one token may hold a part of a character.

/// A text as it grows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    done: String,
    /// The first bytes of a character that is not whole yet.
    rest: Vec<u8>,
}

impl Text {
    /// Adds bytes, and gives what is new of the text: whole characters, U+FFFD for bytes that can be part of none.
    pub fn push(&mut self, bytes: &[u8]) -> &str {
        let start = self.done.len();
        self.rest.extend_from_slice(bytes);
        let rest = std::mem::take(&mut self.rest);
        let mut left = rest.as_slice();
        loop {
            match str::from_utf8(left) {
                Ok(whole) => {
                    self.done.push_str(whole);
                    break;
                }
                Err(error) => {
                    let (good, bad) = left.split_at(error.valid_up_to());
                    self.done.push_str(str::from_utf8(good).unwrap_or_default());
                    let Some(n) = error.error_len() else {
                        self.rest.extend_from_slice(bad);
                        break;
                    };
                    self.done.push(char::REPLACEMENT_CHARACTER);
                    left = &bad[n..];
                }
            }
        }
        &self.done[start..]
    }

    /// Gives U+FFFD for a character that never became whole.
    pub fn finish(&mut self) -> &str {
        let start = self.done.len();
        if !self.rest.is_empty() {
            self.rest.clear();
            self.done.push(char::REPLACEMENT_CHARACTER);
        }
        &self.done[start..]
    }

    /// The text so far.
    pub fn as_str(&self) -> &str {
        &self.done
    }

    /// The text.
    pub fn into_string(self) -> String {
        self.done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_come_out_whole() {
        let all = "a\u{e9}\u{4e2d}\u{1f600}".as_bytes();
        let mut text = Text::default();
        for &byte in all {
            let new = text.push(&[byte]).to_owned();
            assert!(new.chars().count() <= 1);
        }
        assert_eq!(text.finish(), "");
        assert_eq!(text.as_str().as_bytes(), all);
    }

    #[test]
    fn what_is_no_character_is_replaced() {
        let mut text = Text::default();
        assert_eq!(text.push(b"a\xffb\xe4\xb8"), "a\u{fffd}b");
        assert_eq!(text.push(b"c"), "\u{fffd}c");
        assert_eq!(text.push(b"\xf0\x9f"), "");
        assert_eq!(text.finish(), "\u{fffd}");
        assert_eq!(text.into_string(), "a\u{fffd}b\u{fffd}c\u{fffd}");
    }
}
