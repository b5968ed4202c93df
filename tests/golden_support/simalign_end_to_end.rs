//! `simalign_end_to_end`: from vectors of sub-words to links of words.

use serde_json::{Value, json};
use trueline_core::kernels::Isa;
use trueline_core::scoring::align::argmax::Preferences;
use trueline_core::scoring::align::itermax::{self, itermax};
use trueline_core::scoring::align::matching::{self, matching};
use trueline_core::scoring::align::similarity::{self, cosine, distort};
use trueline_core::scoring::align::words::{word_means, words_of_links};
use trueline_core::scoring::align::{Link, Matrix};

use super::json::{counts, links_to_json, number, rows, rows_to_json};
use super::{Algorithm, Case, Stop, Width};

pub const ALGORITHM: Algorithm = Algorithm {
    sets: &["inter", "fwd", "rev", "itermax", "mwmf"],
    ..Algorithm::new("simalign_end_to_end", run)
};

fn run(case: &Case, _: Width) -> Result<Value, Stop> {
    let by_word = case.0["params"]["token_type"] == json!("word");
    let side = |vectors, per_word| -> Result<(Vec<f32>, Vec<usize>, usize), Stop> {
        let (values, _, dim) = rows(case.input(vectors))?;
        let values: Vec<f32> = values.iter().map(|&value| value as f32).collect();
        let counts = counts(case.input(per_word))?;
        let words: Vec<usize> =
            counts.iter().enumerate().flat_map(|(word, &n)| std::iter::repeat_n(word, n)).collect();
        if !by_word {
            return Ok((values, words, dim));
        }
        let (mut means, mut of) = (Vec::new(), Vec::new());
        word_means(&values, &words, dim, &mut means, &mut of)?;
        Ok((means, of, dim))
    };
    let (x, source_words, dim) = side("src_vectors", "src_subwords_per_word")?;
    let (y, target_words, _) = side("tgt_vectors", "tgt_subwords_per_word")?;
    let (n_source, n_target) = (source_words.len(), target_words.len());
    let mut values = vec![0.0; n_source * n_target];
    cosine(Isa::best(), &x, &y, dim, &mut similarity::Scratch::default(), &mut values)?;
    let before = values.clone();
    distort(&mut values, n_source, n_target, number(&case.0["params"]["distortion"])?)?;
    let matrix = Matrix::new(&values, n_source, n_target)?;
    let mut preferences = Preferences::default();
    preferences.assign(matrix);
    let words = |mut links: Vec<Link>| -> Result<Value, Stop> {
        words_of_links(&mut links, &source_words, &target_words)?;
        Ok(links_to_json(&links))
    };
    let direction = |push: fn(&Preferences, &mut Vec<Link>)| {
        let mut links = Vec::new();
        push(&preferences, &mut links);
        words(links)
    };
    let (mut scratch, mut more) = (itermax::Scratch::default(), Vec::new());
    itermax(matrix, itermax::Options::default(), &mut scratch, &mut more)?;
    let mut matched = Vec::new();
    matching(matrix, &mut matching::Scratch::default(), &mut matched);
    Ok(json!({
        "similarity": rows_to_json(&before, n_target),
        "links": {
            "inter": direction(Preferences::mutual)?,
            "fwd": direction(Preferences::forward)?,
            "rev": direction(Preferences::reverse)?,
            "itermax": words(more)?,
            "mwmf": words(matched)?,
        },
    }))
}
