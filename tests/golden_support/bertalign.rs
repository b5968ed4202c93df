//! `bertalign`: sentences of two documents aligned by similarity.

use serde_json::{Value, json};
use trueline_core::scoring::align::bertalign::{Options, bertalign, byte_ratio};

use super::json::{count, counts, list, number};
use super::vecalign::{beads_to_json, overlaps};
use super::{Algorithm, Case, Stop, Width};

pub const ALGORITHM: Algorithm = Algorithm {
    tolerance_of: &[("first_pass", "alignments"), ("char_ratio", "ratio")],
    ..Algorithm::new("bertalign", run)
};

fn run(case: &Case, _: Width) -> Result<Value, Stop> {
    let params = &case.0["params"];
    let options = Options {
        largest_bead: count(&params["max_align"])?,
        neighbours: count(&params["top_k"])?,
        window: count(&params["window"])?,
        skip: number(&params["skip"])?,
        margin: params["margin"].as_bool() == Some(true),
        length_penalty: params["len_penalty"].as_bool() == Some(true),
    };
    let (source, target) =
        (overlaps(case.input("src_overlap_vectors"))?, overlaps(case.input("tgt_overlap_vectors"))?);
    let bytes = |key| -> Result<Vec<usize>, Stop> {
        Ok(list(case.input(key))?.iter().map(counts).collect::<Result<Vec<_>, Stop>>()?.concat())
    };
    let (a, b) = (bytes("src_byte_lengths")?, bytes("tgt_byte_lengths")?);
    let found = bertalign(&source, &target, [&a, &b], options)?;
    // The file has nine digits, and no tolerance for them.
    let ratio = format!("{:.8e}", byte_ratio(&a[..source.len()], &b[..target.len()]));
    let ratio: f64 = ratio.parse().map_err(|_| Stop::Unknown(ratio))?;
    Ok(json!({
        "first_pass": found.anchors.iter().map(|(i, j)| json!([i, j])).collect::<Value>(),
        "char_ratio": ratio,
        "alignments": beads_to_json(&found.beads),
    }))
}
