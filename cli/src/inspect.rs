//! `trueline inspect`: whether an answer is fine as it stands.

use std::cell::RefCell;
use std::io::{self, Write};

use serde_json::{Map, Value, json};
use trueline_core::engine::Session;
use trueline_core::model::control::Control;
use trueline_core::{Code, Error};

use crate::args::{Common, InspectArgs};
use crate::lookup;
use crate::output::{self, Stop};
use crate::steps::{self, Fields};

/// The pack that inspects where `--pack` names none.
const PACK: &str = "inspector-en";

/// Inspects each answer with each pack.
pub fn run(args: &InspectArgs, common: &Common) -> Result<u8, Stop> {
    let (_, engine) = lookup::engine_of(&lookup::chosen(common, PACK)?, common)?;
    let mut sessions = Vec::new();
    for member in engine.members() {
        let name = member.manifest().name.clone();
        let unusable = |e: Error| output::unusable(&format!("pack {name}"), &e);
        member.inspector().map_err(unusable)?;
        sessions.push((name.clone(), RefCell::new(Session::new(&engine, Some(&name)).map_err(unusable)?)));
    }
    let inspect = |question: &str, answer: &str| -> Result<(f64, Map<String, Value>), Error> {
        let (mut least, mut scores) = (f64::INFINITY, Map::new());
        for (name, session) in &sessions {
            let control = Control::new(args.asked.timeout(), None);
            let score = session.borrow_mut().inspect(question, answer, &control)?;
            least = least.min(score);
            scores.insert(name.clone(), json!(score));
        }
        Ok((least, scores))
    };
    if args.jsonl {
        return steps::run(|fields: &Fields| {
            let question = if fields.has("question") { fields.text("question")? } else { "" };
            let (aligned, scores) = inspect(question, fields.text("answer")?)?;
            Ok(json!({ "aligned": aligned, "scores": scores }))
        });
    }
    steps::texts(&args.answers, |answer| {
        let (aligned, scores) = inspect(args.asked.question(), answer)?;
        let each: Vec<String> = scores
            .iter()
            .map(|(name, score)| format!("{name} {:.3}", score.as_f64().unwrap_or(0.0)))
            .collect();
        let line = format!("{aligned:.3}  {}\n", each.join(", "));
        io::stdout().lock().write_all(line.as_bytes()).map_err(|e| Error::new(Code::Io, e.to_string()))
    })
}
