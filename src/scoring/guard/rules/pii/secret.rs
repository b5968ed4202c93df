//! Keys and tokens by the forms that their makers give them.

use aho_corasick::{AhoCorasick, MatchKind, packed};

use crate::{Code, Error};

/// The most bytes that a key is followed for.
const LONGEST: usize = 512;
/// The most bytes of a private key's lines.
const LONGEST_BLOCK: usize = 8192;

/// What follows a prefix.
#[derive(Clone, Copy)]
enum Body {
    /// At least and at most this many letters, digits, `-` and `_`.
    Token(usize, usize),
    /// Just as many capital letters and digits.
    Capitals(usize),
    /// Three parts of base64 with full stops between them.
    Parts,
    /// Lines up to the one that ends the block.
    Block,
}

const FORMS: &[(&str, Body)] = &[
    ("AKIA", Body::Capitals(16)),
    ("ASIA", Body::Capitals(16)),
    ("AIza", Body::Token(35, 35)),
    ("ya29.", Body::Token(20, LONGEST)),
    ("ghp_", Body::Token(36, 255)),
    ("gho_", Body::Token(36, 255)),
    ("ghu_", Body::Token(36, 255)),
    ("ghs_", Body::Token(36, 255)),
    ("ghr_", Body::Token(36, 255)),
    ("github_pat_", Body::Token(22, 255)),
    ("glpat-", Body::Token(20, 64)),
    ("npm_", Body::Token(36, 64)),
    ("pypi-", Body::Token(50, LONGEST)),
    ("hf_", Body::Token(30, 64)),
    ("sk-", Body::Token(20, 255)),
    ("sk_live_", Body::Token(16, 255)),
    ("sk_test_", Body::Token(16, 255)),
    ("rk_live_", Body::Token(16, 255)),
    ("xoxb-", Body::Token(10, 255)),
    ("xoxp-", Body::Token(10, 255)),
    ("xoxa-", Body::Token(10, 255)),
    ("xoxr-", Body::Token(10, 255)),
    ("xoxs-", Body::Token(10, 255)),
    ("eyJ", Body::Parts),
    ("-----BEGIN ", Body::Block),
];

/// The prefixes, ready to be searched.
#[derive(Clone, Debug)]
pub(in super::super) enum Secrets {
    /// By vectors.
    Packed(packed::Searcher),
    /// On a CPU that has none.
    Automaton(AhoCorasick),
}

impl Secrets {
    pub(in super::super) fn new() -> Result<Self, Error> {
        let prefixes = || FORMS.iter().map(|form| form.0);
        if let Some(searcher) = packed::Searcher::new(prefixes()) {
            return Ok(Self::Packed(searcher));
        }
        AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostFirst)
            .build(prefixes())
            .map(Self::Automaton)
            .map_err(|e| Error::new(Code::Internal, format!("prefixes of keys: {e}")))
    }

    /// Shows `each` the bytes of every key.
    ///
    /// Where two prefixes lie over each other, the second is glued to a letter of the first, so that one search for
    /// prefixes apart from each other finds all that count.
    pub(in super::super) fn scan(&self, text: &str, each: impl FnMut(usize, usize)) {
        match self {
            Self::Packed(searcher) => keys(text, searcher.find_iter(text), each),
            Self::Automaton(automaton) => keys(text, automaton.find_iter(text), each),
        }
    }
}

fn keys(text: &str, prefixes: impl Iterator<Item = aho_corasick::Match>, mut each: impl FnMut(usize, usize)) {
    let bytes = text.as_bytes();
    let mut done = 0;
    for found in prefixes {
        let start = found.start();
        let glued = bytes[..start].last().is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
        if start < done || glued {
            continue;
        }
        if let Some(end) = body(bytes, found.end(), FORMS[found.pattern().as_usize()].1) {
            each(start, end);
            done = end;
        }
    }
}

fn body(bytes: &[u8], start: usize, form: Body) -> Option<usize> {
    let rest = &bytes[start..];
    let of_token = |b: &&u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    match form {
        Body::Token(least, most) => {
            let n = rest.iter().take(most + 1).take_while(of_token).count();
            let token = &rest[..n];
            // A word list in kebab case is no key: those have digits.
            let random = token.iter().any(u8::is_ascii_digit) && token.iter().any(u8::is_ascii_alphabetic);
            ((least..=most).contains(&n) && random).then_some(start + n)
        }
        Body::Capitals(wanted) => {
            let n = rest.iter().take(wanted + 1).take_while(|b| b.is_ascii_alphanumeric()).count();
            let fits = rest[..n].iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
            (n == wanted && fits).then_some(start + n)
        }
        Body::Parts => {
            let n = rest.iter().take(4096).take_while(|b| of_token(b) || **b == b'.').count();
            let parts: Vec<&[u8]> = rest[..n].split(|b| *b == b'.').collect();
            (parts.len() >= 3 && parts[0].len() >= 8 && parts[1].len() >= 8 && parts[2].len() >= 8)
                .then(|| start + parts[..3].iter().map(|p| p.len()).sum::<usize>() + 2)
        }
        Body::Block => {
            let head = rest.iter().take(64).position(|b| *b == b'\n').unwrap_or(rest.len().min(64));
            let title = str::from_utf8(&rest[..head]).ok()?;
            if !title.contains("PRIVATE KEY") {
                return None;
            }
            let block = &rest[..rest.len().min(LONGEST_BLOCK)];
            let close = block.windows(9).position(|w| w == b"-----END ");
            let closed = close.map(|at| {
                let line = block[at..].iter().position(|b| *b == b'\n').unwrap_or(block.len() - at);
                start + at + line
            });
            // Without its end, the block goes as far as it is looked at.
            let open = str::from_utf8(block).map_or_else(|e| e.valid_up_to(), str::len);
            Some(closed.unwrap_or(start + open))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<&str> {
        let mut found = Vec::new();
        Secrets::new().expect("known forms").scan(text, |start, end| found.push(&text[start..end]));
        found
    }

    #[test]
    fn keys_of_known_forms_are_found_whole() {
        // Put together here, so that no scanner of repositories takes them for keys.
        let key = |prefix: &str, body: &str, n: usize| format!("{prefix}{}", &body.repeat(40)[..n]);
        for item in [
            key("AKIA", "ABCD1234", 16),
            key("ghp_", "aB3dE6gH", 36),
            key("sk-", "aB3dE6gH", 48),
            key("sk-proj-", "aB3dE6gH", 48),
            key("xoxb-", "123-abc", 40),
            key("AIza", "aB3dE6gH", 35),
            format!("{}.{}.{}", key("eyJ", "aB3", 20), key("", "cD4", 40), key("", "eF5", 43)),
        ] {
            let text = format!("key = \"{item}\", keep it");
            assert_eq!(all(&text), [item.as_str()]);
        }
        let block = format!("-----BEGIN RSA {} KEY-----\nabc\ndef\n-----END RSA KEY-----", "PRIVATE");
        assert_eq!(all(&format!("x\n{block}\ny")), [block.as_str()]);
        assert_eq!(all(&block[..block.len() - 30]).len(), 1, "without its end");
    }

    #[test]
    fn words_with_the_prefixes_are_not_keys() {
        for text in [
            "AKIAabcd1234abcd1234",
            "task-list-of-things-to-do-tomorrow",
            "sk-oh-my-what-a-long-name-this-is",
            "ghp_short",
            "-----BEGIN CERTIFICATE-----",
            "eyJ.abc.def",
            "xAKIAABCD1234ABCD1234",
        ] {
            assert_eq!(all(text), [""; 0], "{text}");
        }
    }
}
