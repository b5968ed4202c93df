//! Standard output and error: what ends a run early, the forms of a list, tables, colour.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;
use trueline_core::Error;

/// Exit status: all of it was done.
pub const DONE: u8 = 0;
/// Exit status: some of the input could not be processed.
pub const FAILED: u8 = 1;
/// Exit status: wrong usage, or a pack that does not load.
pub const USAGE: u8 = 2;

/// Why a run ends early.
#[derive(Debug)]
pub enum Stop {
    /// Nobody reads standard output any more, so there is nothing left to do.
    Closed,
    /// Wrong usage, or a pack that does not load.
    Usage(String),
    /// Input or output failed under way.
    Failed(String),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::Closed,
            _ => Self::Failed(format!("standard output: {error}")),
        }
    }
}

/// A sentence about what could not be used, with the error's code.
pub fn unusable(what: &str, error: &Error) -> Stop {
    Stop::Usage(format!("{what}: {} ({})", error.message, error.code.name()))
}

/// One line on standard error. It may be closed, which is no reason to stop.
pub fn complain(message: &str) {
    let _ = writeln!(io::stderr(), "trueline: {}", printable(message));
}

/// The text with nothing in it that a terminal would obey.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// The form of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A table or sentences.
    Person,
    /// One JSON array.
    Json,
    /// One JSON object a line.
    Jsonl,
}

impl Form {
    /// Writes values as JSON; a person gets them from the caller.
    pub fn write<T: Serialize>(self, out: &mut impl Write, values: &[T]) -> Result<(), Stop> {
        match self {
            Self::Person => {}
            Self::Json => {
                out.write_all(&json(&values)?)?;
                out.write_all(b"\n")?;
            }
            Self::Jsonl => {
                for value in values {
                    out.write_all(&json(value)?)?;
                    out.write_all(b"\n")?;
                }
            }
        }
        Ok(out.flush()?)
    }
}

/// One value as JSON on one line.
pub fn json(value: &impl Serialize) -> Result<Vec<u8>, Stop> {
    serde_json::to_vec(value).map_err(|e| Stop::Failed(format!("a value cannot be written as JSON: {e}")))
}

/// Writes rows under a header, in columns as wide as they need to be; `right` lists the columns of numbers.
pub fn table(
    out: &mut impl Write,
    header: &[&str],
    rows: &[Vec<String>],
    right: &[usize],
) -> Result<(), Stop> {
    let header: Vec<String> = header.iter().map(|h| (*h).to_owned()).collect();
    let rows: Vec<Vec<String>> =
        [&header].into_iter().chain(rows).map(|row| row.iter().map(|c| printable(c)).collect()).collect();
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    for row in &rows {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let gap = " ".repeat(width - cell.chars().count());
            let (before, after) = if right.contains(&column) { (&gap[..], "") } else { ("", &gap[..]) };
            line.push_str(&format!("{before}{cell}{after}  "));
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// A size for a person: `23.4 MB`.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

/// Whether standard output takes colour: a terminal, and nobody said no.
pub fn takes_colour() -> bool {
    let said = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty());
    io::stdout().is_terminal() && said("NO_COLOR").is_none() && said("TERM").is_none_or(|t| t != "dumb")
}
