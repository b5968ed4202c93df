//! `trueline align`: words, sentences and documents of two languages.

mod documents;
mod html;
mod sentences;
mod table;
mod train;
mod words;

use std::cell::RefCell;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

use serde_json::Value;
use trueline_core::Error;
use trueline_core::engine::Session;
use trueline_core::scoring::align::split;

use crate::args::{Align, Common};
use crate::guard::lines::{Line, Lines, too_long};
use crate::lookup;
use crate::output::{self, Stop};
use crate::steps::{self, Fields, invalid};

/// The pack that aligns where `--pack` names none.
const PACK: &str = "aligner-multi";
/// The longest line of a bitext.
const MOST: usize = 64 << 20;
/// The largest file of sentences.
const LARGEST_FILE: u64 = 64 << 20;

/// Aligns what was asked for.
pub fn run(what: &Align, common: &Common) -> Result<u8, Stop> {
    match what {
        Align::Words(args) => words::run(args, common),
        Align::Sentences(args) => sentences::run(args, common),
        Align::Documents(args) => documents::run(args, common),
        Align::Train(args) => train::run(args, common),
        // Answered before.
        Align::Audio(_) => Ok(output::USAGE),
    }
}

/// A session of the aligner pack.
fn session(common: &Common) -> Result<RefCell<Session>, Stop> {
    let path = match &lookup::chosen(common, PACK)?[..] {
        [path] => path.clone(),
        paths => return Err(Stop::Usage(format!("--pack: {} given; align takes one", paths.len()))),
    };
    let (_, engine, _) = lookup::engine(&path, common, |engine| engine.aligner(None).cloned())?;
    Ok(RefCell::new(lookup::session(&engine)?))
}

/// Answers JSON lines: an object a line, in order.
fn objects(answer: impl Fn(&Fields) -> Result<Value, Error>) -> Result<u8, Stop> {
    steps::run(answer)
}

/// Answers lines of text one by one; one that cannot be answered is named on standard error, and has an empty answer.
fn lines(mut answer: impl FnMut(&str) -> Result<String, Error>) -> Result<u8, Stop> {
    let mut lines = Lines::new(io::stdin().lock(), MOST, true);
    let mut out = io::stdout().lock();
    let (mut status, mut number) = (output::DONE, 0_usize);
    loop {
        let line = lines.next().map_err(|e| Stop::Failed(format!("standard input: {e}")))?;
        let Some(line) = line else { return Ok(status) };
        number += 1;
        let found = match line {
            Line::TooLong { bytes, most, .. } => Err(too_long(bytes, most)),
            Line::Whole(bytes) => match str::from_utf8(&bytes) {
                Ok(text) => answer(text),
                Err(e) => Err(invalid(format!("not UTF-8 at byte {}", e.valid_up_to()))),
            },
        };
        let found = found.unwrap_or_else(|error| {
            output::complain(&format!("line {number}: {} ({})", error.message, error.code.name()));
            status = output::FAILED;
            String::new()
        });
        writeln!(out, "{found}")?;
        out.flush()?;
    }
}

/// A text file of at most `most` bytes, whole.
pub fn read(path: &Path, most: u64) -> Result<String, Stop> {
    let name = path.display();
    let bytes = fs::metadata(path).map_err(|e| Stop::Usage(format!("{name}: {e}")))?.len();
    if bytes > most {
        return Err(Stop::Usage(format!("{name} has {bytes} bytes; at most {most} are read")));
    }
    fs::read_to_string(path).map_err(|e| Stop::Usage(format!("{name}: {e}")))
}

/// The sentences of a document: those of a list, or of a text by Unicode's rules.
fn sentences_of<'a>(value: &'a Value, name: &str) -> Result<Vec<&'a str>, Error> {
    match value {
        Value::String(text) => Ok(split::sentences(text).into_iter().map(|bytes| &text[bytes]).collect()),
        Value::Array(list) => {
            let text = |(at, value): (usize, &'a Value)| {
                value.as_str().ok_or_else(|| invalid(format!("{name}: entry {at} is not a text")))
            };
            list.iter().enumerate().map(text).collect()
        }
        _ => Err(invalid(format!("{name} is neither a text nor a list of texts"))),
    }
}
