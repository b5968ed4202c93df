//! `trueline eval align`: links against gold links, line by line, so that memory does not grow with the files.
//!
//! A line is Pharaoh text or, if it starts with `{`, a JSON object with `sure` and `possible`, or `links`, or `pharaoh`.

use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::Path;

use serde_json::{Value, json};
use trueline_core::scoring::align::Link;
use trueline_core::scoring::align::metrics::{Scores, Totals};
use trueline_core::scoring::align::pharaoh::{self, Links};
use trueline_core::{Code, Error};

use crate::args::EvalAlignArgs;
use crate::guard::lines::{self, Line, Lines};
use crate::output::{self, Stop};

/// The longest line that is read.
const MOST: usize = 64 << 20;

/// The alignment of one line.
struct Row {
    id: Option<Value>,
    links: Links,
}

/// Scores the output's links. Pairs with a line that cannot be read are left out and counted.
pub fn run(args: &EvalAlignArgs) -> Result<u8, Stop> {
    let mut gold = open(&args.gold)?;
    let mut output = open(&args.output)?;
    let mut out = io::stdout().lock();
    let (mut number, mut failed) = (0_usize, 0_usize);
    let mut totals = Totals::default();
    loop {
        let (g, o) = match (next(&mut gold, &args.gold)?, next(&mut output, &args.output)?) {
            (Some(g), Some(o)) => (g, o),
            (None, None) => break,
            (g, _) => {
                let (short, long) =
                    if g.is_none() { (&args.gold, &args.output) } else { (&args.output, &args.gold) };
                let (short, long) = (short.display(), long.display());
                return Err(Stop::Failed(format!("{short} ends after line {number} and {long} goes on")));
            }
        };
        number += 1;
        match pair(&g, &o, number, args.one_indexed) {
            Ok((gold, found)) => totals.add(&found.possible, &gold),
            Err(error) => {
                failed += 1;
                refuse(&mut out, args.jsonl, number, &error)?;
            }
        }
    }
    if number == failed {
        return Err(Stop::Failed(format!("no pair of lines to score: {number} read, {failed} refused")));
    }
    let scores = totals.scores().map_err(|e| Stop::Failed(e.message))?;
    write(&mut out, args.jsonl, (number - failed, failed), &totals, &scores)?;
    Ok(if failed == 0 { output::DONE } else { output::FAILED })
}

fn open(path: &Path) -> Result<Lines<BufReader<File>>, Stop> {
    let file = File::open(path).map_err(|e| Stop::Usage(format!("{}: {e}", path.display())))?;
    Ok(Lines::new(BufReader::new(file), MOST, true))
}

fn next(lines: &mut Lines<BufReader<File>>, path: &Path) -> Result<Option<Line>, Stop> {
    lines.next().map_err(|e| Stop::Failed(format!("{}: {e}", path.display())))
}

/// Gold and found links of a pair of lines.
fn pair(gold: &Line, output: &Line, number: usize, one_indexed: bool) -> Result<(Links, Links), Error> {
    let name = |name: &'static str| move |e: Error| Error::new(e.code, format!("{name}: {}", e.message));
    let gold = row(gold, number, one_indexed).map_err(name("gold"))?;
    let output = row(output, number, one_indexed).map_err(name("output"))?;
    match (&gold.id, &output.id) {
        (Some(g), Some(o)) if g != o => {
            Err(invalid(format!("line {number}: gold has id {g} and the output {o}")))
        }
        _ => Ok((gold.links, output.links)),
    }
}

fn row(line: &Line, number: usize, one_indexed: bool) -> Result<Row, Error> {
    let bytes = match line {
        Line::Whole(bytes) => bytes,
        Line::TooLong { bytes, most, .. } => return Err(lines::too_long(*bytes, *most)),
    };
    let text = std::str::from_utf8(bytes).map_err(|e| invalid(format!("line {number}: no UTF-8: {e}")))?;
    if !text.trim_start().starts_with('{') {
        return Ok(Row { id: None, links: pharaoh::parse_line(text, number, one_indexed)? });
    }
    let value: Value =
        serde_json::from_str(text).map_err(|e| invalid(format!("line {number}: no JSON object: {e}")))?;
    if let Some(error) = value.get("error") {
        return Err(invalid(format!("line {number}: the line holds an error, not links: {error}")));
    }
    let mut links = Links::default();
    let (sure, possible) = (value.get("sure"), value.get("possible"));
    if sure.is_some() || possible.is_some() {
        for (name, list) in [("sure", sure), ("possible", possible)] {
            if let Some(list) = list {
                add(&mut links, list, name, number, one_indexed)?;
            }
        }
    } else if let Some(list) = value.get("links") {
        add(&mut links, list, "links", number, one_indexed)?;
    } else if let Some(line) = value.get("pharaoh").and_then(Value::as_str) {
        links = pharaoh::parse_line(line, number, one_indexed)?;
    } else {
        return Err(invalid(format!("line {number}: none of sure, possible, links and pharaoh is given")));
    }
    Ok(Row { id: value.get("id").cloned(), links })
}

/// Adds a list of `[i, j]` or `[i, j, score]`.
fn add(links: &mut Links, list: &Value, name: &str, number: usize, one_indexed: bool) -> Result<(), Error> {
    let list = list.as_array().ok_or_else(|| invalid(format!("line {number}: {name} is no list")))?;
    for item in list {
        let position = |at: usize| {
            let n = usize::try_from(item.get(at)?.as_u64()?).ok()?;
            n.checked_sub(usize::from(one_indexed))
        };
        let long = item.as_array().is_some_and(|parts| parts.len() > 3);
        match (position(0), position(1)) {
            (Some(source), Some(target)) if !long => {
                links.insert(Link::new(source, target), name != "possible");
            }
            _ => {
                let first = usize::from(one_indexed);
                return Err(invalid(format!(
                    "line {number}: {name} has {item}; [i, j] or [i, j, score], from {first} on"
                )));
            }
        }
    }
    Ok(())
}

fn invalid(message: String) -> Error {
    Error::new(Code::InvalidArgument, message)
}

fn refuse(out: &mut impl Write, jsonl: bool, number: usize, error: &Error) -> Result<(), Stop> {
    if !jsonl {
        output::complain(&error.message);
        return Ok(());
    }
    let error = json!({"code": error.code.name(), "message": error.message});
    out.write_all(&output::json(&json!({"line": number, "error": error}))?)?;
    out.write_all(b"\n")?;
    Ok(out.flush()?)
}

fn write(
    out: &mut impl Write,
    jsonl: bool,
    (pairs, failed): (usize, usize),
    totals: &Totals,
    scores: &Scores,
) -> Result<(), Stop> {
    let Scores { precision, recall, aer, f1 } = *scores;
    if jsonl {
        let row = json!({"pairs": pairs, "failed": failed, "links": totals.hypothesis, "sure": totals.sure,
            "precision": precision, "recall": recall, "f1": f1, "aer": aer});
        out.write_all(&output::json(&row)?)?;
        out.write_all(b"\n")?;
        return Ok(out.flush()?);
    }
    let cells = [precision, recall, f1, aer].map(|score| format!("{score:.4}"));
    let row = [pairs.to_string(), failed.to_string()].into_iter().chain(cells).collect();
    output::table(
        out,
        &["pairs", "failed", "precision", "recall", "F1", "AER"],
        &[row],
        &[0, 1, 2, 3, 4, 5],
    )?;
    Ok(out.flush()?)
}
