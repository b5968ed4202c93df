//! `trueline correct`: texts with what is harmful taken out or said otherwise.

use std::cell::RefCell;
use std::io::{self, Write};

use serde_json::{Value, json};
use trueline_core::engine::Session;
use trueline_core::engine::correct::{CorrectOptions, Correction};
use trueline_core::{Code, Error};

use crate::args::{Common, CorrectArgs};
use crate::lookup;
use crate::output::{self, Stop};
use crate::steps::{self, Fields, write};

/// The pack that corrects where `--pack` names none.
const PACK: &str = "corrector-en";

/// Corrects each text. Of several packs one corrects, and a guard or an inspector among them judges what it did.
pub fn run(args: &CorrectArgs, common: &Common) -> Result<u8, Stop> {
    let (_, engine) = lookup::engine_of(&lookup::chosen(common, PACK)?, common)?;
    let corrector = engine.members().iter().find(|m| m.any_corrector().is_ok());
    let Some(corrector) = corrector else {
        // The first pack's own error says what it is.
        let refusal = engine.member(None).and_then(|m| m.any_corrector().map(drop));
        let error = refusal.err().unwrap_or_else(|| Error::new(Code::Unavailable, "no pack corrects"));
        return Err(output::unusable("--pack", &error));
    };
    let name = corrector.manifest().name.clone();
    let session = Session::new(&engine, Some(&name)).map_err(|e| output::unusable("the engine", &e))?;
    let session = RefCell::new(session);
    let options = CorrectOptions {
        max_rounds: args.max_rounds,
        beams: args.beams,
        timeout: args.asked.timeout(),
        ..CorrectOptions::default()
    };
    let correct = |question: &str, text: &str| session.borrow_mut().correct(question, text, &options);
    if args.jsonl {
        return steps::run(|fields: &Fields| {
            let question = if fields.has("question") { fields.text("question")? } else { "" };
            let text = fields.text(if fields.has("answer") { "answer" } else { "text" })?;
            Ok(object(&correct(question, text)?))
        });
    }
    steps::texts(&args.texts, |text| {
        let found = correct(args.asked.question(), text)?;
        let line = format!("{}\n", found.text);
        io::stdout().lock().write_all(line.as_bytes()).map_err(|e| Error::new(Code::Io, e.to_string()))
    })
}

/// The answer for a program.
fn object(found: &Correction) -> Value {
    let edits: Vec<Value> = found
        .edits
        .iter()
        .map(|e| json!({ "start": e.range.start, "end": e.range.end, "replacement": e.replacement }))
        .collect();
    json!({
        "text": found.text,
        "changed": found.changed,
        "accepted": found.accepted,
        "reason": found.reason.name(),
        "copy_ratio": found.copy_ratio.map_or(json!("unknown"), |ratio| json!(ratio)),
        "edits": edits,
        "harm": { "before": write(found.harm[0]), "after": write(found.harm[1]) },
    })
}
