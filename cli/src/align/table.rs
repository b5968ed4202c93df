//! `trueline align words --table`: words by a table that was trained.

use std::path::Path;

use serde_json::{Value, json};
use trueline_core::Error;
use trueline_core::engine::align::lexicon::Lexicon;
use trueline_core::scoring::align::Link;
use trueline_core::scoring::align::symmetrize::{Last, Method};

use super::{lines, objects};
use crate::args::JoinWord;
use crate::output::{self, Stop};
use crate::steps::{Fields, invalid};

/// Aligns lines of `source ||| target`, or objects with lists of words or texts, whose words stand between blanks.
pub fn run(table: &Path, join: JoinWord, jsonl: bool) -> Result<u8, Stop> {
    let lexicon = Lexicon::open(table).map_err(|e| output::unusable("--table", &e))?;
    let grow = |last| Method::Grow { diagonal: true, last };
    let method = match join {
        JoinWord::Intersection => Method::Intersection,
        JoinWord::Union => Method::Union,
        JoinWord::GrowDiag => grow(Last::Nothing),
        JoinWord::GrowDiagFinal => grow(Last::Either),
        JoinWord::GrowDiagFinalAnd => grow(Last::Both),
    };
    if jsonl {
        return objects(|fields| {
            let (source, target) = (words(fields, "source")?, words(fields, "target")?);
            let links = lexicon.align(&source, &target, method)?;
            let link = |l: &Link| {
                json!([l.source, l.target, lexicon.lookup(source[l.source], target[l.target]).unwrap_or(0.0)])
            };
            let free = |n: usize, of: fn(&Link) -> usize| -> Vec<usize> {
                (0..n).filter(|at| links.iter().all(|l| of(l) != *at)).collect()
            };
            Ok(json!({
                "links": links.iter().map(link).collect::<Vec<_>>(), "pharaoh": pharaoh(&links),
                "null_source": free(source.len(), |l| l.source), "null_target": free(target.len(), |l| l.target),
            }))
        });
    }
    lines(|line| {
        let (source, target) = line.split_once("|||").ok_or_else(|| invalid("no `source ||| target`"))?;
        let (source, target): (Vec<_>, Vec<_>) =
            (source.split_whitespace().collect(), target.split_whitespace().collect());
        Ok(pharaoh(&lexicon.align(&source, &target, method)?))
    })
}

fn words<'a>(fields: &'a Fields, name: &str) -> Result<Vec<&'a str>, Error> {
    match fields.value(name)? {
        Value::String(text) => Ok(text.split_whitespace().collect()),
        _ => super::sentences_of(fields.value(name)?, name),
    }
}

fn pharaoh(links: &[Link]) -> String {
    links.iter().map(|l| format!("{}-{}", l.source, l.target)).collect::<Vec<_>>().join(" ")
}
