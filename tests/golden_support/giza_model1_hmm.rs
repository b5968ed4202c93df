//! `giza_model1_hmm`: IBM Model 1 and the HMM.

use serde_json::{Map, Value, json};
use trueline_core::scoring::align::statistical::{hmm, model1};

use super::bitext::Bitext;
use super::json::{count, counts, list, list_to_json, number};
use super::{Algorithm, Case, Stop, Width};

pub const ALGORITHM: Algorithm = Algorithm {
    tolerance_of: &[
        ("model1_ttable", "ttable"),
        ("hmm_ttable", "ttable"),
        ("model1_viterbi", "viterbi"),
        ("hmm_viterbi", "viterbi"),
        ("hmm_viterbi_score", "jump_counts"),
        ("hmm_jump_counts", "jump_counts"),
    ],
    left_out: &[
        ("model1_original_ttable_max_abs_difference", "about the reference"),
        ("hmm_original_ttable_max_abs_difference", "about the reference"),
        ("model1_viterbi_tied_sentences", "which alignments to compare"),
        ("hmm_viterbi_tied_sentences", "which alignments to compare"),
    ],
    ..Algorithm::new("giza_model1_hmm", run)
};

/// Alignments, but the file's where its paths are equally good.
fn alignments(found: &[Vec<u32>], expected: &Value, model: &str) -> Result<Value, Stop> {
    let tied = match &expected[format!("{model}_viterbi_tied_sentences")] {
        Value::Null => Vec::new(),
        tied => counts(tied)?,
    };
    let wanted = &expected[format!("{model}_viterbi")];
    let of =
        |(at, found): (usize, &Vec<u32>)| if tied.contains(&at) { wanted[at].clone() } else { json!(found) };
    Ok(found.iter().enumerate().map(of).collect())
}

fn run(case: &Case, _: Width) -> Result<Value, Stop> {
    let (params, expected) = (&case.0["params"], &case.0["expected"]);
    let bitext = Bitext::new(case, false)?;
    let model = model1::train(&bitext.corpus, count(&params["model1_iterations"])?, None)?;
    let mut found = Map::new();
    found.insert("model1_ttable".into(), bitext.listed(&expected["model1_ttable"], &model.table, |p| p)?);
    found.insert("model1_viterbi".into(), alignments(&model.alignments, expected, "model1")?);
    let rounds = count(&params["hmm_iterations"])?;
    if rounds > 0 {
        let options = hmm::Options {
            rounds,
            smooth: number(&params["hmm_smooth"])?,
            empty: number(&params["hmm_p_empty"])?,
        };
        let hmm = hmm::train(&bitext.corpus, model, options, None)?;
        found.insert("hmm_ttable".into(), bitext.listed(&expected["hmm_ttable"], &hmm.table, |p| p)?);
        found.insert("hmm_viterbi".into(), alignments(&hmm.alignments, expected, "hmm")?);
        found.insert("hmm_viterbi_score".into(), list_to_json(&hmm.scores));
        let jump = |row: &Value| -> Result<Value, Stop> {
            let jump = row[0].as_i64().unwrap_or_default();
            Ok(json!([jump, hmm.jumps.get(&jump).copied().unwrap_or(0.0)]))
        };
        let jumps = list(&expected["hmm_jump_counts"])?.iter().map(jump).collect::<Result<Value, Stop>>()?;
        found.insert("hmm_jump_counts".into(), jumps);
    }
    Ok(Value::Object(found))
}
