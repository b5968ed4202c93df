//! `trueline align words`.

use std::cell::RefCell;
use std::fs;
use std::time::Duration;

use serde_json::{Value, json};
use trueline_core::Error;
use trueline_core::engine::Session;
use trueline_core::engine::align::{Method, Side, WordAlignment, WordOptions};

use super::{html, lines, objects, session, table};
use crate::args::{AlignWordsArgs, Common};
use crate::output::{self, Stop};
use crate::steps::{Fields, invalid};

/// Pairs that a page shows at most.
const PAGE: usize = 1000;

/// Aligns the words of pairs of sentences.
pub fn run(args: &AlignWordsArgs, common: &Common) -> Result<u8, Stop> {
    if let Some(path) = &args.table {
        if args.html.is_some() {
            return Err(Stop::Usage("--html: not with --table".into()));
        }
        return table::run(path, args.symmetrise, args.jsonl);
    }
    let options = options(args)?;
    let session = session(common)?;
    let page = RefCell::new(Vec::new());
    let shown = |a: Shown, b: Shown, found: &WordAlignment| {
        let mut page = page.borrow_mut();
        if args.html.is_some() && page.len() < PAGE {
            let number = page.len() + 1;
            page.push(html::pair(number, &a.words(&found.source), &b.words(&found.target), found));
        }
    };
    let status = match (args.jsonl, &args.texts[..]) {
        (true, _) => objects(|fields| {
            let (a, b) = (Shown::of(fields, "source")?, Shown::of(fields, "target")?);
            let mut options = options.clone();
            if fields.has("method") {
                options.method = Method::from_name(fields.text("method")?)?;
            }
            let found = a.align(&b, &mut session.borrow_mut(), &options)?;
            let answer = answer(&found, &a, &b);
            shown(a, b, &found);
            Ok(answer)
        })?,
        (false, [source, target]) => {
            let (a, b) = (Shown::Text(source.clone()), Shown::Text(target.clone()));
            let found = a
                .align(&b, &mut session.borrow_mut(), &options)
                .map_err(|e| Stop::Failed(format!("{} ({})", e.message, e.code.name())))?;
            let (x, y) = (a.words(&found.source), b.words(&found.target));
            let row = |l: &trueline_core::engine::align::WordLink| {
                vec![x[l.link.source].to_owned(), y[l.link.target].to_owned(), format!("{:.3}", l.score)]
            };
            let rows: Vec<_> = found.links.iter().map(row).collect();
            output::table(&mut std::io::stdout().lock(), &["SOURCE", "TARGET", "SCORE"], &rows, &[2])?;
            shown(a, b, &found);
            output::DONE
        }
        _ => lines(|line| {
            let (a, b) = Shown::both(line)?;
            let found = a.align(&b, &mut session.borrow_mut(), &options)?;
            let answer = pharaoh(&found);
            shown(a, b, &found);
            Ok(answer)
        })?,
    };
    if let Some(path) = &args.html {
        fs::write(path, html::page(&page.borrow()))
            .map_err(|e| Stop::Failed(format!("{}: {e}", path.display())))?;
    }
    Ok(status)
}

fn options(args: &AlignWordsArgs) -> Result<WordOptions, Stop> {
    Ok(WordOptions {
        method: Method::from_name(&args.method)
            .map_err(|e| Stop::Usage(format!("--method: {}", e.message)))?,
        distortion: args.distortion,
        whole_words: args.whole_words,
        timeout: args.timeout_ms.map(Duration::from_millis),
        ..WordOptions::default()
    })
}

/// One side as it was given.
enum Shown {
    Text(String),
    Words(Vec<String>),
}

impl Shown {
    fn of(fields: &Fields, name: &str) -> Result<Self, Error> {
        match fields.value(name)? {
            Value::String(text) => Ok(Self::Text(text.clone())),
            Value::Array(list) => {
                let word = |(at, value): (usize, &Value)| {
                    let word = value.as_str().map(str::to_owned);
                    word.ok_or_else(|| invalid(format!("{name}: entry {at} is not a text")))
                };
                Ok(Self::Words(list.iter().enumerate().map(word).collect::<Result<_, _>>()?))
            }
            _ => Err(invalid(format!("{name} is neither a text nor a list of words"))),
        }
    }

    /// The sides of `source ||| target`, words parted by blanks, or of two texts parted by a tab.
    fn both(line: &str) -> Result<(Self, Self), Error> {
        let words = |side: &str| Self::Words(side.split_whitespace().map(str::to_owned).collect());
        if let Some((source, target)) = line.split_once("|||") {
            if target.contains("|||") {
                return Err(invalid("more than one |||"));
            }
            return Ok((words(source), words(target)));
        }
        match line.split('\t').collect::<Vec<_>>()[..] {
            [source, target] => Ok((Self::Text(source.to_owned()), Self::Text(target.to_owned()))),
            _ => Err(invalid("neither `source ||| target` nor two texts with a tab between them")),
        }
    }

    fn align(
        &self,
        other: &Self,
        session: &mut Session,
        options: &WordOptions,
    ) -> Result<WordAlignment, Error> {
        let list = |side: &Self| -> Vec<String> {
            if let Self::Words(words) = side { words.clone() } else { Vec::new() }
        };
        let (a, b) = (list(self), list(other));
        let (a, b): (Vec<&str>, Vec<&str>) =
            (a.iter().map(String::as_str).collect(), b.iter().map(String::as_str).collect());
        session.align_words(self.side(&a), other.side(&b), options)
    }

    fn side<'a>(&'a self, words: &'a [&'a str]) -> Side<'a> {
        match self {
            Self::Text(text) => Side::Text(text),
            Self::Words(_) => Side::Words(words),
        }
    }

    /// The words that bytes stand for.
    fn words(&self, bytes: &[std::ops::Range<usize>]) -> Vec<&str> {
        match self {
            Self::Text(text) => bytes.iter().map(|bytes| &text[bytes.clone()]).collect(),
            Self::Words(words) => words.iter().map(String::as_str).collect(),
        }
    }
}

fn pharaoh(found: &WordAlignment) -> String {
    let link = |l: &trueline_core::engine::align::WordLink| format!("{}-{}", l.link.source, l.link.target);
    found.links.iter().map(link).collect::<Vec<_>>().join(" ")
}

fn answer(found: &WordAlignment, a: &Shown, b: &Shown) -> Value {
    let links: Vec<Value> =
        found.links.iter().map(|l| json!([l.link.source, l.link.target, f64::from(l.score)])).collect();
    let [null_source, null_target] = found.unlinked();
    let mut answer = json!({
        "links": links, "pharaoh": pharaoh(found), "null_source": null_source, "null_target": null_target,
    });
    for (name, side, words) in [("source_words", a, &found.source), ("target_words", b, &found.target)] {
        if let Shown::Text(_) = side {
            answer[name] = words.iter().map(|bytes| json!([bytes.start, bytes.end])).collect();
        }
    }
    answer
}
