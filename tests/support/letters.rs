//! Correctors and inspectors whose models are functions of letters.

use trueline_core::Error;
use trueline_core::engine::correct::{Corrector, Inspector};
use trueline_core::model::control::Control;
use trueline_core::model::manifest::Manifest;
use trueline_core::model::tensor::{Data, Tensor};
use trueline_core::model::tokenizer::Tokenizer;

use super::Function;
use super::pack::{LABELS, manifest_text, tokenizer};

/// The id of a letter's piece at a word's start.
pub fn id(letter: char) -> i64 {
    4 + 2 * i64::from(letter as u32 - 'a' as u32)
}

/// The table of an edit tagger.
pub const EDITS: &str = "[edits]\nreplacements = [\"odd\", \"so so\"]\nlabels = [\"rude\"]\ngate = 0.2\nbiases = [0.0, 4.0]\n\
                     min_copy_ratio = 0.4\n";

/// The manifest of an edit tagger.
pub fn corrector_manifest() -> String {
    let text = manifest_text().replace("guard-encoder", "edit-tagger");
    text.replace("outputs = { logits", "outputs = { tags = \"tags\", logits")
        .replace("[tokenizer]", &format!("{EDITS}[tokenizer]"))
}

/// A tensor of numbers.
pub fn tensor(shape: Vec<usize>, values: Vec<f32>) -> Tensor {
    Tensor::new(shape, Data::F32(values)).expect("values for the shape")
}

/// The tokens that a model was given.
pub fn ids(inputs: &[Tensor]) -> Vec<i64> {
    match inputs[0].data() {
        Data::I64(ids) => ids.clone(),
        _ => panic!("ids are i64"),
    }
}

/// `z` is rude and deleted, `y` is rude and replaced by "so so", `x` is rude and only deleted with the second bias, `w` is rude
/// and kept. Each makes the text rude.
pub fn model(inputs: &[Tensor], _: &Control) -> Result<Vec<Tensor>, Error> {
    let ids = ids(inputs);
    let tags = ids.iter().flat_map(|&i| match i {
        i if i == id('z') => [0.0, 5.0, 0.0, 0.0],
        i if i == id('y') => [0.0, 0.0, 0.0, 5.0],
        i if i == id('x') => [0.0, -2.0, -9.0, -9.0],
        _ => [0.0, -99.0, -99.0, -99.0],
    });
    let tags: Vec<f32> = tags.collect();
    let rude = ids.iter().any(|i| "wxyz".chars().any(|c| id(c) == *i));
    let logits = vec![if rude { 3.0 } else { -3.0 }, -9.0, -9.0];
    assert_eq!(logits.len(), LABELS);
    Ok(vec![tensor(vec![1, ids.len(), 4], tags), tensor(vec![1, LABELS], logits)])
}

/// A corrector whose model is this function.
pub fn corrector<F>(run: F) -> Corrector
where
    F: Fn(&[Tensor], &Control) -> Result<Vec<Tensor>, Error> + Send + Sync + 'static,
{
    let manifest = Manifest::parse(&corrector_manifest()).expect("a good manifest");
    let tokenizer = Tokenizer::from_bytes(tokenizer().as_bytes()).expect("a good tokenizer");
    Corrector::from_parts(manifest, tokenizer, Box::new(Function(run))).expect("parts that fit")
}

/// An inspector that likes answers with more `g`, and remembers nothing.
pub fn inspector() -> Inspector {
    let run = |inputs: &[Tensor], _: &Control| {
        let good = ids(inputs).iter().filter(|&&i| i == id('g') || i == id('g') + 1).count();
        Ok(vec![tensor(vec![1, 1], vec![good as f32 - 1.0])])
    };
    let mut text =
        manifest_text().replace("guard-encoder", "answer-inspector").replace("logits =", "aligned =");
    let second = text.match_indices("[[labels]]").nth(1).expect("three labels").0;
    let after = text.find("[[training_data]]").expect("it is there");
    text.replace_range(second..after, "");
    let manifest = Manifest::parse(&text).expect("a good manifest");
    let tokenizer = Tokenizer::from_bytes(tokenizer().as_bytes()).expect("a good tokenizer");
    Inspector::from_parts(manifest, tokenizer, Box::new(Function(run))).expect("parts that fit")
}
