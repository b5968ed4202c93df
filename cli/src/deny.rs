//! `trueline deny`: an index of texts, for the deny corpus of a policy.

use trueline_core::Error;
use trueline_core::engine::deny::{DenyIndex, index};
use trueline_core::model::map::save;

use crate::args::{Common, DenyArgs};
use crate::output::{self, Stop};

/// The largest file of texts: all are held at once.
const LARGEST: u64 = 1 << 30;

/// Reads every line of the files as a document, and writes their index.
pub fn run(args: &DenyArgs, common: &Common) -> Result<u8, Stop> {
    let said = |e: Error| Stop::Failed(format!("{} ({})", e.message, e.code.name()));
    let mut texts = Vec::with_capacity(args.texts.len());
    for path in &args.texts {
        texts.push(crate::align::read(path, LARGEST)?);
    }
    let bytes = index(texts.iter().flat_map(|text| text.lines())).map_err(said)?;
    save(&args.output, &bytes).map_err(said)?;
    if !common.quiet {
        let documents = DenyIndex::from_bytes(&bytes).map_err(said)?.n_documents();
        let (name, size) = (args.output.display(), bytes.len());
        output::complain(&format!("{name}: {documents} documents, {size} bytes"));
    }
    Ok(output::DONE)
}
