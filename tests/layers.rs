//! The arrows between the layers of `src`: who may name whom, and that nothing there is unsafe but the mapping of files.

use std::fs;
use std::path::{Path, PathBuf};

/// Each layer, and the ones that it may name besides itself. `lib.rs` only lists and re-exports.
const LAYERS: [(&str, &[&str]); 5] = [
    ("error", &[]),
    ("fields", &[]),
    ("scoring", &["error"]),
    ("model", &["error", "fields"]),
    ("engine", &["error", "fields", "scoring", "model"]),
];

/// The one file of `src` that is not safe Rust: it maps files into memory.
const MAP: &str = "model/map.rs";

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Every file of `src`, its path within it, and its text.
fn files() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    sources(&root, &mut found);
    assert!(found.len() > 2, "no sources under {}", root.display());
    found.sort();
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("a readable source");
        (path.strip_prefix(&root).expect("below src").to_owned(), text)
    };
    found.into_iter().map(read).collect()
}

/// The code of a source with comments and the contents of literals as spaces, so that lines keep their numbers.
fn code(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let taken = comment(rest).or_else(|| literal(rest)).unwrap_or(0);
        if taken == 0 {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            out.extend(rest[..taken].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
            rest = &rest[taken..];
        }
    }
    out
}

/// The length of the comment at the start of `text`, if there is one.
fn comment(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    let mut depth = 0;
    let bytes = text.as_bytes();
    if !text.starts_with("/*") {
        return None;
    }
    for at in 1..bytes.len() {
        match &bytes[at - 1..=at] {
            b"/*" => depth += 1,
            b"*/" if depth == 1 => return Some(at + 1),
            b"*/" => depth -= 1,
            _ => {}
        }
    }
    Some(text.len())
}

/// The length of the string or character literal at the start of `text`, if there is one.
fn literal(text: &str) -> Option<usize> {
    if let Some(raw) = text.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        let close = format!("\"{}", "#".repeat(hashes));
        let body = raw[hashes..].strip_prefix('"')?;
        return Some(1 + hashes + 1 + body.find(&close)? + close.len());
    }
    let quote = text.chars().next().filter(|first| matches!(first, '"' | '\''))?;
    // A lifetime is a quote too: a character literal closes after one character or an escape.
    if quote == '\'' && !text[1..].starts_with('\\') && text.chars().nth(2) != Some('\'') {
        return None;
    }
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if character == quote => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// The layers that a line names after `crate::`; a list in braces names each of its heads.
fn named(line: &str) -> Vec<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    line.match_indices("crate::")
        .filter(|(at, _)| !line[..*at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
        .flat_map(|(at, path)| match line[at + path.len()..].strip_prefix('{') {
            Some(list) => heads(list).iter().map(|head| word(head)).collect(),
            None => vec![word(&line[at + path.len()..])],
        })
        .collect()
}

/// The entries of a list in braces, up to the brace that closes it.
fn heads(list: &str) -> Vec<&str> {
    let (mut depth, mut start, mut found) = (0, 0, Vec::new());
    for (at, character) in list.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => {
                found.push(list[start..at].trim());
                return found;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                found.push(list[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    found
}

/// Statements of `code`, each on one line, with the number of the line where it starts.
fn statements(code: &str) -> impl Iterator<Item = (usize, String)> {
    let mut line = 1;
    code.split_inclusive(';').map(move |statement| {
        let blank = statement.len() - statement.trim_start().len();
        let start = line + statement[..blank].matches('\n').count();
        line += statement.matches('\n').count();
        (start, statement.trim().replace('\n', " "))
    })
}

/// The layer whose file this is; `None` for `lib.rs`.
fn layer_of(file: &Path) -> Option<String> {
    let top = file.components().next()?.as_os_str().to_str()?;
    let layer = top.strip_suffix(".rs").unwrap_or(top);
    (layer != "lib").then(|| layer.to_owned())
}

/// Each arrow that the picture does not have, with its file and line.
fn breaches(file: &Path, text: &str) -> Vec<String> {
    let Some(layer) = layer_of(file) else {
        return Vec::new();
    };
    let Some((_, may_name)) = LAYERS.iter().find(|(name, _)| *name == layer) else {
        return vec![format!("{}:1: {layer} is no layer", file.display())];
    };
    let mut found = Vec::new();
    for (line, statement) in statements(&code(text)) {
        for name in named(&statement) {
            let is_layer = LAYERS.iter().any(|(layer, _)| *layer == name);
            if is_layer && name != layer && !may_name.contains(&name.as_str()) {
                found.push(format!("{}:{line}: {layer} names {name}", file.display()));
            }
        }
    }
    found
}

#[test]
fn no_layer_names_one_above_or_beside_it() {
    let found: Vec<_> = files().iter().flat_map(|(file, text)| breaches(file, text)).collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn nothing_in_src_is_unsafe_but_the_mapping_of_files() {
    let (mut found, mut mapping) = (Vec::new(), 0);
    for (file, text) in files() {
        for (number, line) in code(&text).lines().enumerate() {
            let words = line.split(|c: char| !(c.is_alphanumeric() || c == '_'));
            let here = words.filter(|word| ["unsafe", "unsafe_code"].contains(word)).count();
            if file == Path::new(MAP) {
                mapping += here;
            } else if here > 0 && !line.contains("deny(unsafe_code)") {
                found.push(format!("{}:{}: unsafe", file.display(), number + 1));
            }
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
    assert_eq!(mapping, 3, "{MAP} has its `allow`, a block that maps and one that lets pages go, no more");
}

#[test]
fn a_breach_is_found_and_what_only_looks_like_one_is_not() {
    let of = |file: &str, text: &str| breaches(Path::new(file), text);
    assert_eq!(of("model/a.rs", "use x;\nuse crate::scoring::b;"), ["model/a.rs:2: model names scoring"]);
    assert_eq!(
        of("scoring/a.rs", "use crate::{\n  Error,\n  model::b,\n};"),
        ["scoring/a.rs:1: scoring names model"]
    );
    assert_eq!(of("scoring/a/b.rs", "fn f() {\n  crate::engine::g();\n}").len(), 1);
    assert_eq!(of("scoring.rs", "pub(crate) use crate::engine;").len(), 1);
    assert_eq!(of("other/a.rs", ""), ["other/a.rs:1: other is no layer"]);
    assert!(of("engine/a.rs", "use crate::{scoring::{a, b}, model, error::Error};").is_empty());
    assert!(
        of("scoring/a.rs", "// crate::model\nconst A: &str = \"crate::model\"; use crate::Error;").is_empty()
    );
    assert!(of("lib.rs", "pub use crate::engine::E;").is_empty());
    assert_eq!(code("'\\'' 'a /* unsafe /* */ */ r#\"unsafe\"# b'x'").split_whitespace().last(), Some("b"));
    assert!(!code("\"\\\" unsafe\" // unsafe").contains("unsafe"));
}
