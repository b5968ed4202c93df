//! `speech_contributions`: links from maps of contributions.

use serde_json::{Value, json};
use trueline_core::scoring::align::Matrix;
use trueline_core::scoring::align::contributions::{Group, Target, Timed, contributions};

use super::json::{list, number, rows, rows_to_json, texts};
use super::{Algorithm, Case, Stop, Width};

pub const ALGORITHM: Algorithm = Algorithm {
    tolerance_of: &[
        ("alignment_one_based", "alignment"),
        ("src_groups", "alignment"),
        ("tgt_groups", "alignment"),
    ],
    ..Algorithm::new("speech_contributions", run)
};

fn timed(words: &Value) -> Result<Vec<Timed<'_>>, Stop> {
    let word = |word: &'_ Value| -> Result<(Option<f64>, Option<f64>), Stop> {
        let time = |value: &Value| if value.is_null() { Ok(None) } else { number(value).map(Some) };
        Ok((time(&word[1])?, time(&word[2])?))
    };
    list(words)?
        .iter()
        .map(|of| {
            let (start, end) = word(of)?;
            Ok(Timed { text: of[0].as_str().unwrap_or_default(), start, end })
        })
        .collect()
}

fn run(case: &Case, _: Width) -> Result<Value, Stop> {
    let (values, n_row, n_column) = rows(case.input("contributions"))?;
    let map = Matrix::new(&values, n_row, n_column)?;
    let source = timed(case.input("src_words"))?;
    let found = match case.0["params"]["setting"].as_str() {
        Some("s2s") => contributions(map, &source, Target::Speech(&timed(case.input("tgt_words"))?))?,
        Some("s2t") => contributions(map, &source, Target::Text(&texts(case.input("tgt_tokens"))?))?,
        other => return Err(Stop::Unknown(format!("setting {other:?}"))),
    };
    let names = |groups: &[Group]| groups.iter().map(|group| json!(group.text)).collect::<Value>();
    let mut links = found.links();
    links.sort_by_key(|link| (link.target, link.source));
    let links: Vec<_> = links.iter().map(|link| format!("{}-{}", link.source + 1, link.target + 1)).collect();
    Ok(json!({
        "src_groups": names(&found.source),
        "tgt_groups": names(&found.target),
        "word_contributions": rows_to_json(&found.values, found.source.len()),
        "alignment_one_based": links.join(" "),
    }))
}
