//! `trueline align documents`.

use std::io::Write;

use serde_json::{Value, json};
use trueline_core::Error;
use trueline_core::model::control::Control;

use super::{LARGEST_FILE, objects, read, sentences_of, session};
use crate::args::{AlignDocumentsArgs, Common};
use crate::output::{self, Stop};
use crate::steps::invalid;

/// Pairs documents of two collections: of objects, or of two files with a sentence a line and a blank line between
/// documents.
pub fn run(args: &AlignDocumentsArgs, common: &Common) -> Result<u8, Stop> {
    let session = session(common)?;
    let control = Control::unlimited();
    let [source, target] = &args.files[..] else {
        return objects(|fields| {
            let source = documents(fields.value("source")?, "source")?;
            let target = documents(fields.value("target")?, "target")?;
            let pairs = session.borrow_mut().align_documents(&source, &target, &control)?;
            let pairs: Vec<Value> =
                pairs.iter().map(|p| json!([p.source, p.target, f64::from(p.score)])).collect();
            Ok(json!({ "pairs": pairs }))
        });
    };
    let (source, target) = (read(source, LARGEST_FILE)?, read(target, LARGEST_FILE)?);
    let pairs = session
        .borrow_mut()
        .align_documents(&parted(&source), &parted(&target), &control)
        .map_err(|e| Stop::Failed(format!("{} ({})", e.message, e.code.name())))?;
    let mut out = std::io::stdout().lock();
    for pair in pairs {
        writeln!(out, "{}\t{}\t{:.3}", pair.source, pair.target, pair.score)?;
    }
    Ok(output::DONE)
}

fn documents<'a>(value: &'a Value, name: &str) -> Result<Vec<Vec<&'a str>>, Error> {
    let list = value.as_array().ok_or_else(|| invalid(format!("{name} is not a list of documents")))?;
    list.iter().enumerate().map(|(at, d)| sentences_of(d, &format!("{name}: document {at}"))).collect()
}

fn parted(text: &str) -> Vec<Vec<&str>> {
    let mut documents = vec![Vec::new()];
    for line in text.lines() {
        match (line.trim().is_empty(), documents.last_mut()) {
            (false, Some(document)) => document.push(line),
            (true, Some(document)) if !document.is_empty() => documents.push(Vec::new()),
            _ => {}
        }
    }
    documents.retain(|document| !document.is_empty());
    documents
}

#[cfg(test)]
mod tests {
    use super::parted;

    #[test]
    fn blank_lines_part_documents() {
        assert_eq!(parted("\na\nb\n\n \nc\n"), [vec!["a", "b"], vec!["c"]]);
        assert_eq!(parted(""), [[""; 0]; 0]);
    }
}
