//! `awesome_align`: links of pairs that are probable in both directions, and their words.

use serde_json::{Map, Value, json};
use trueline_core::scoring::align::awesome::{Scratch, entmax15_links, softmax_links, word_probabilities};
use trueline_core::scoring::align::entmax::entmax15;
use trueline_core::scoring::align::similarity::{self, dot_products};
use trueline_core::scoring::align::words::words_of_links;
use trueline_core::scoring::align::{Link, Matrix};
use trueline_kernels::Isa;

use super::json::{counts, links_to_json, rows, rows_to_json};
use super::{Algorithm, Case, Stop, Width};

pub const ALGORITHM: Algorithm = Algorithm {
    widths: &[Width::F32],
    sets: &["subword_links", "word_links"],
    tolerance_of: &[("entmax15_rows", "entmax"), ("entmax15_cols", "entmax")],
    rel_of_largest: &["scores"],
    ..Algorithm::new("awesome_align", run)
};

struct Sentences {
    scores: Vec<f64>,
    word_of_source: Vec<usize>,
    word_of_target: Vec<usize>,
}

fn run(case: &Case, _: Width) -> Result<Value, Stop> {
    let (source, n_source, source_dim) = narrow_rows(case.input("src_vectors"))?;
    let (target, n_target, target_dim) = narrow_rows(case.input("tgt_vectors"))?;
    let mut scores = vec![0.0; n_source * n_target];
    // Without rows on either side, any dimension will do.
    let dim = source_dim.max(target_dim).max(1);
    let mut products = similarity::Scratch::default();
    dot_products(Isa::best(), &source, &target, dim, &mut products, &mut scores)?;
    let sentences = Sentences {
        scores,
        word_of_source: counts(case.input("src_subword_to_word"))?,
        word_of_target: counts(case.input("tgt_subword_to_word"))?,
    };
    let matrix = Matrix::new(&sentences.scores, n_source, n_target)?;
    let (mut results, mut scratch, mut links) = (Map::new(), Scratch::default(), Vec::new());
    for key in case.0["expected"].as_object().into_iter().flat_map(Map::keys) {
        let Some(threshold) = key.strip_prefix("softmax@") else {
            continue;
        };
        let threshold = threshold.parse().map_err(|_| Stop::Unknown(format!("no threshold in {key}")))?;
        softmax_links(matrix, threshold, &mut scratch, &mut links)?;
        results.insert(key.clone(), sentences.words(matrix, &links, &mut scratch)?);
    }
    entmax15_links(matrix, &mut scratch, &mut links);
    results.insert("entmax15".into(), sentences.words(matrix, &links, &mut scratch)?);
    results.insert("scores".into(), rows_to_json(&sentences.scores, n_target));
    let mut sorted = Vec::new();
    let (mut by_row, mut by_column) = (sentences.scores.clone(), sentences.scores.clone());
    for (row, out) in sentences.scores.chunks(n_target.max(1)).zip(by_row.chunks_mut(n_target.max(1))) {
        entmax15(row, out, &mut sorted)?;
    }
    let mut column_out = vec![0.0; n_source];
    for target in 0..n_target {
        let column: Vec<_> = sentences.scores.iter().skip(target).step_by(n_target).copied().collect();
        entmax15(&column, &mut column_out, &mut sorted)?;
        for (out, value) in by_column.iter_mut().skip(target).step_by(n_target).zip(&column_out) {
            *out = *value;
        }
    }
    results.insert("entmax15_rows".into(), rows_to_json(&by_row, n_target));
    results.insert("entmax15_cols".into(), rows_to_json(&by_column, n_target));
    Ok(Value::Object(results))
}

impl Sentences {
    fn words(&self, matrix: Matrix, links: &[Link], scratch: &mut Scratch) -> Result<Value, Stop> {
        let (mut word_links, mut probabilities) = (links.to_vec(), Vec::new());
        words_of_links(&mut word_links, &self.word_of_source, &self.word_of_target)?;
        let words = (&self.word_of_source, &self.word_of_target);
        word_probabilities(matrix, links, words.0, words.1, scratch, &mut probabilities)?;
        let probabilities: Value = probabilities
            .iter()
            .map(|found| json!([found.link.source, found.link.target, found.probability]))
            .collect();
        Ok(json!({
            "subword_links": links_to_json(links),
            "word_links": links_to_json(&word_links),
            "word_probs": probabilities,
        }))
    }
}

fn narrow_rows(value: &Value) -> Result<(Vec<f32>, usize, usize), Stop> {
    let (values, n_rows, dim) = rows(value)?;
    Ok((values.iter().map(|value| *value as f32).collect(), n_rows, dim))
}
