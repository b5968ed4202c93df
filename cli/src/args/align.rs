//! What `trueline align` takes.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// `trueline align words`.
#[derive(Args, Debug)]
pub struct AlignWordsArgs {
    /// A sentence and its translation; without them, each line of standard input is `source ||| target` (words between
    /// blanks) or two texts with a tab between them, and is answered by its links, `0-0 1-2`
    #[arg(num_args = 2)]
    pub texts: Vec<String>,
    /// Read a JSON object a line from standard input, write one a line to standard output
    #[arg(long, conflicts_with = "texts")]
    pub jsonl: bool,
    /// argmax, itermax, match, forward, reverse, softmax or entmax
    #[arg(long, value_name = "NAME", default_value = "argmax")]
    pub method: String,
    /// In favour of the diagonal, from 0 (not at all) to 1
    #[arg(long, value_name = "RATIO", default_value_t = 0.0)]
    pub distortion: f64,
    /// Align by this table, which `align train` made, and not by a pack
    #[arg(long, value_name = "FILE", conflicts_with_all = ["texts", "distortion", "whole_words"])]
    pub table: Option<PathBuf>,
    /// With --table: how both directions are joined
    #[arg(long, value_name = "HOW", default_value = "grow-diag-final-and")]
    pub symmetrise: JoinWord,
    /// Match words by the means of their pieces
    #[arg(long)]
    pub whole_words: bool,
    /// Give up on a pair after this many milliseconds
    #[arg(long, value_name = "N")]
    pub timeout_ms: Option<u64>,
    /// Write a page that shows the first 1,000 pairs
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

/// How the links of both directions are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum JoinWord {
    /// Links in both
    Intersection,
    /// Links in either
    Union,
    /// From those in both to their neighbours in either
    GrowDiag,
    /// And then what has a free word
    GrowDiagFinal,
    /// And then what has two free words
    GrowDiagFinalAnd,
}

/// `trueline align train`.
#[derive(Args, Debug)]
pub struct AlignTrainArgs {
    /// `source ||| target` lines, words between blanks; or the source sentences alone
    pub bitext: PathBuf,
    /// The target sentences, if the first file has none
    pub target: Option<PathBuf>,
    /// Where the table goes
    #[arg(long, value_name = "FILE")]
    pub output: PathBuf,
    /// Rounds of expectation and maximisation, the last of which only aligns
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = rounds)]
    pub rounds: usize,
    /// Do not favour the diagonal: Model 1
    #[arg(long)]
    pub no_diagonal: bool,
}

/// `trueline align sentences`.
#[derive(Args, Debug)]
pub struct AlignSentencesArgs {
    /// Two files with a sentence a line; without them, each line of standard input is a JSON object
    #[arg(num_args = 2)]
    pub files: Vec<PathBuf>,
    /// Read a JSON object a line from standard input, write one a line to standard output
    #[arg(long, conflicts_with = "files")]
    pub jsonl: bool,
    /// The most sentences that belong together, both sides counted
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub largest_bead: usize,
    /// Write a page that shows the first 100 pairs of documents
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

/// `trueline align documents`.
#[derive(Args, Debug)]
pub struct AlignDocumentsArgs {
    /// Two files with a sentence a line and a blank line between documents; without them, each line of standard input is
    /// a JSON object
    #[arg(num_args = 2)]
    pub files: Vec<PathBuf>,
    /// Read a JSON object a line from standard input, write one a line to standard output
    #[arg(long, conflicts_with = "files")]
    pub jsonl: bool,
}

/// A number for `--rounds`.
fn rounds(word: &str) -> Result<usize, String> {
    match word.parse::<usize>() {
        Ok(n @ 1..=1000) => Ok(n),
        Ok(n) => Err(format!("{n} is not in 1 to 1000")),
        Err(e) => Err(e.to_string()),
    }
}
