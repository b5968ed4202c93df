//! `exact_ged_small`: the edit distance of small graphs.

use serde_json::{Value, json};
use trueline_core::scoring::graph::distance::Costs;
use trueline_core::scoring::graph::edit::exact;

use super::json::{count, links, number};
use super::{Algorithm, Case, Stop, Width};

pub const ALGORITHM: Algorithm = Algorithm::new("exact_ged_small", run);

fn run(case: &Case, _: Width) -> Result<Value, Stop> {
    let of = |key: &str| number(&case.0["params"][key]);
    let costs = Costs {
        node_insert: of("node_insert")?,
        node_delete: of("node_delete")?,
        edge_insert: of("edge_insert")?,
        edge_delete: of("edge_delete")?,
        node_weight: 1.0,
    };
    let graph = |side: &str| -> Result<_, Stop> {
        let edges = links(case.input(&format!("{side}_edges")))?;
        let edges: Vec<_> = edges.iter().map(|link| (link.source, link.target)).collect();
        Ok((count(case.input(&format!("{side}_nodes")))?, edges))
    };
    let ((n_query, query), (n_corpus, corpus)) = (graph("query")?, graph("corpus")?);
    Ok(json!({ "ged": exact((n_query, &query), (n_corpus, &corpus), costs)? }))
}
