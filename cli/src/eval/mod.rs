//! `trueline eval`: outputs against gold files, as a table of metrics.

mod align;
pub mod classify;

use crate::args::Eval;
use crate::output::Stop;

/// Computes the metrics asked for. Exit status 1 if a line could not be used.
pub fn run(what: &Eval) -> Result<u8, Stop> {
    match what {
        Eval::Align(args) => align::run(args),
        Eval::Classify(args) => classify::run(args),
    }
}
