//! `correction_prompts`: prompts, byte for byte.

use serde_json::{Value, json};
use trueline_core::scoring::correct::conversation::Style;
use trueline_core::scoring::correct::prompt::{self, Template};

use super::json::texts;
use super::{Algorithm, Case, Stop, Width};

pub const ALGORITHM: Algorithm = Algorithm::new("correction_prompts", run);

fn run(case: &Case, _: Width) -> Result<Value, Stop> {
    let of = |key: &str| case.input(key).as_str().ok_or_else(|| Stop::Unknown(format!("no {key}")));
    let template = of("template")?;
    if template.starts_with("urial") {
        let style = Style::from_name(template)?;
        let prompt = style.render(of("system")?, &texts(case.input("turns"))?)?;
        return Ok(json!({ "prompt": prompt, "stop": style.stop() }));
    }
    let question = of("question")?;
    if template == "p_aligner" {
        let mut found = json!({ "prompt": prompt::rewrite_prompt(question) });
        // The text is not in the input: what is read from the form must make the form again.
        if let Some(form) = case.0["expected"]["target_form"].as_str() {
            // An empty text is read as none, as it should be.
            let text = prompt::rewritten(form).unwrap_or_default();
            found["target_form"] = json!(prompt::rewritten_form(text));
        }
        return Ok(found);
    }
    let (template, answer) = (Template::from_name(template)?, of("answer")?);
    Ok(json!({
        "prompt": template.render(question, answer),
        "inspector_input": prompt::inspector_input(question, answer),
    }))
}
