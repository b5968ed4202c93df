//! `trueline align sentences`.

use std::cell::RefCell;
use std::fs;
use std::io::Write;

use serde_json::{Value, json};
use trueline_core::engine::align::SentencePair;
use trueline_core::model::control::Control;
use trueline_core::scoring::align::vecalign::Options;

use super::{LARGEST_FILE, html, objects, read, sentences_of, session};
use crate::args::{AlignSentencesArgs, Common};
use crate::output::{self, Stop, printable};

/// Documents that a page shows at most.
const PAGE: usize = 100;

/// Aligns the sentences of pairs of documents, or of two files with a sentence a line.
pub fn run(args: &AlignSentencesArgs, common: &Common) -> Result<u8, Stop> {
    let options = Options { largest_bead: args.largest_bead, ..Options::default() };
    let session = session(common)?;
    let control = Control::unlimited();
    let page = RefCell::new(Vec::new());
    let shown = |source: &[&str], target: &[&str], found: &[SentencePair]| {
        let mut page = page.borrow_mut();
        if args.html.is_some() && page.len() < PAGE {
            let number = page.len() + 1;
            page.push(html::document(number, source, target, found));
        }
    };
    let write_page = || match &args.html {
        Some(path) => fs::write(path, html::page_of_documents(&page.borrow()))
            .map_err(|e| Stop::Failed(format!("{}: {e}", path.display()))),
        None => Ok(()),
    };
    let [source, target] = &args.files[..] else {
        let status = objects(|fields| {
            let source = sentences_of(fields.value("source")?, "source")?;
            let target = sentences_of(fields.value("target")?, "target")?;
            let pairs = session.borrow_mut().align_sentences(&source, &target, options, &control)?;
            shown(&source, &target, &pairs);
            let pair = |p: &SentencePair| {
                let list = |range: &std::ops::Range<usize>| range.clone().collect::<Vec<_>>();
                json!({ "source": list(&p.source), "target": list(&p.target), "score": f64::from(p.score) })
            };
            let mut answer = json!({ "pairs": pairs.iter().map(pair).collect::<Vec<_>>() });
            for (name, sentences) in [("source", &source), ("target", &target)] {
                if let Ok(Value::String(text)) = fields.value(name) {
                    let place = |s: &&str| {
                        let start = s.as_ptr() as usize - text.as_ptr() as usize;
                        json!([start, start + s.len()])
                    };
                    answer[format!("{name}_sentences")] = sentences.iter().map(place).collect();
                }
            }
            Ok(answer)
        })?;
        write_page()?;
        return Ok(status);
    };
    let (source, target) = (read(source, LARGEST_FILE)?, read(target, LARGEST_FILE)?);
    let (source, target): (Vec<&str>, Vec<&str>) = (source.lines().collect(), target.lines().collect());
    let pairs = session
        .borrow_mut()
        .align_sentences(&source, &target, options, &control)
        .map_err(|e| Stop::Failed(format!("{} ({})", e.message, e.code.name())))?;
    shown(&source, &target, &pairs);
    write_page()?;
    let mut out = std::io::stdout().lock();
    for pair in pairs {
        let (a, b) = (source[pair.source].join(" "), target[pair.target].join(" "));
        writeln!(out, "{:.3}\t{}\t{}", pair.score, printable(&a), printable(&b))?;
    }
    Ok(output::DONE)
}
