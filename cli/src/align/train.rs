//! `trueline align train`: a table of words from a bitext.

use trueline_core::engine::align::lexicon::{self, LexiconOptions};

use super::read;
use crate::args::{AlignTrainArgs, Common};
use crate::output::{self, Stop};
use crate::progress::Progress;

/// The largest file of a bitext: it is held whole, and words as pointers into it.
const LARGEST_BITEXT: u64 = 1 << 30;

/// Trains on one file of `source ||| target` lines, or on two parallel files.
pub fn run(args: &AlignTrainArgs, common: &Common) -> Result<u8, Stop> {
    let source = read(&args.bitext, LARGEST_BITEXT)?;
    let target = args.target.as_deref().map(|path| read(path, LARGEST_BITEXT)).transpose()?;
    let (pairs, mut failed) = (pairs(&source, target.as_deref())?, 0);
    let kept: Vec<_> = pairs
        .into_iter()
        .enumerate()
        .filter_map(|(at, pair)| {
            if pair.is_none() {
                output::complain(&format!("line {}: not one |||", at + 1));
                failed += 1;
            }
            pair
        })
        .collect();
    let rounds = args.rounds;
    let mut progress = Progress::new(!common.quiet, Some(2 * rounds));
    let options = LexiconOptions { rounds, diagonal: !args.no_diagonal };
    let bytes = lexicon::train(&kept, options, |round| {
        progress.show(round, "rounds");
        true
    });
    drop(progress);
    let said = |e: trueline_core::Error| Stop::Failed(format!("{} ({})", e.message, e.code.name()));
    lexicon::save(&args.output, &bytes.map_err(said)?).map_err(said)?;
    Ok(if failed == 0 { output::DONE } else { output::FAILED })
}

type Pair<'a> = (Vec<&'a str>, Vec<&'a str>);

/// The words of each pair of lines; `None` for a line without one `|||`.
fn pairs<'a>(source: &'a str, target: Option<&'a str>) -> Result<Vec<Option<Pair<'a>>>, Stop> {
    let words = |side: &'a str| side.split_whitespace().collect();
    let Some(target) = target else {
        let pair = |line: &'a str| {
            let (source, target) = line.split_once("|||")?;
            (!target.contains("|||")).then(|| (words(source), words(target)))
        };
        return Ok(source.lines().map(pair).collect());
    };
    let (n, m) = (source.lines().count(), target.lines().count());
    if n != m {
        return Err(Stop::Failed(format!("the files have {n} and {m} lines; parallel files have as many")));
    }
    Ok(source.lines().zip(target.lines()).map(|(s, t)| Some((words(s), words(t)))).collect())
}
