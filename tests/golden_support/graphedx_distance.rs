//! `graphedx_distance`: the distance of two graphs.

use std::collections::HashSet;

use serde_json::{Map, Value, json};
use trueline_core::scoring::graph::distance::{Form, Side, edge_plan, node_scores, pairs, term};
use trueline_core::scoring::graph::sinkhorn::soft_permutation;

use super::json::{count, links, number, rows, rows_to_json};
use super::{Algorithm, Case, Stop, Width};

pub const ALGORITHM: Algorithm = Algorithm {
    tolerance_of: &[
        ("node_align+edge_align", "distance"),
        ("node_diff+edge_diff", "distance"),
        ("node_align+edge_xor_diff", "distance"),
        ("node_xor_diff+edge_diff", "distance"),
        ("node_xor_diff+edge_xor_diff", "distance"),
    ],
    ..Algorithm::new("graphedx_distance", run)
};

struct Graph {
    nodes: Vec<f64>,
    real_nodes: Vec<bool>,
    edges: Vec<f64>,
    real_edges: Vec<bool>,
}

fn graph(case: &Case, side: &str, n: usize, dim: usize, weight: &[f64]) -> Result<Graph, Stop> {
    let (mut nodes, n_real, _) = rows(case.input(&format!("{side}_nodes")))?;
    nodes.resize(n * dim, 0.0);
    let edges: HashSet<_> = links(case.input(&format!("{side}_edges")))?
        .into_iter()
        .map(|link| (link.source.min(link.target), link.source.max(link.target)))
        .collect();
    let node = |at: usize| &nodes[at * dim..][..dim];
    let mut embedded = Vec::new();
    let mut real_edges = Vec::new();
    for (u, v) in pairs(n) {
        let real = edges.contains(&(u, v));
        let input = |a: usize, b: usize| -> Vec<f64> {
            [node(a), node(b), &[f64::from(u8::from(real))][..]].concat()
        };
        let (forward, back) = (input(u, v), input(v, u));
        let sum = |row: &[f64]| {
            row.iter().zip(forward.iter().zip(&back)).map(|(w, (a, b))| w * (a + b)).sum::<f64>()
        };
        embedded.extend(weight.chunks_exact(2 * dim + 1).map(sum));
        real_edges.push(real);
    }
    Ok(Graph { real_nodes: (0..n).map(|at| at < n_real).collect(), nodes, edges: embedded, real_edges })
}

fn run(case: &Case, _: Width) -> Result<Value, Stop> {
    let params = &case.0["params"];
    let of = |key: &str| number(&params[key]);
    let n = count(&params["max_nodes"])?;
    let (weight, edge_dim, width) = rows(case.input("edge_encoder_weight"))?;
    let dim = (width - 1) / 2;
    let (query, corpus) = (graph(case, "query", n, dim, &weight)?, graph(case, "corpus", n, dim, &weight)?);
    let scores = node_scores(&query.nodes, &corpus.nodes, dim)?;
    let plan = soft_permutation(&scores, n, of("temperature")?, count(&params["iterations"])?, None)?;
    let edges = edge_plan(&plan, n)?;
    let form = |name: &str| match name {
        "align" => Ok(Form::AlignThenDiff),
        "diff" => Ok(Form::DiffThenAlign),
        "xor_diff" => Ok(Form::Xor),
        _ => Err(Stop::Unknown(name.to_owned())),
    };
    let mut distances = Map::new();
    for key in case.0["expected"]["distance"].as_object().into_iter().flat_map(Map::keys) {
        let names = key.strip_prefix("node_").and_then(|key| key.split_once("+edge_"));
        let (node, edge) = names.ok_or_else(|| Stop::Unknown(key.clone()))?;
        let nodes = term(
            Side { rows: &query.nodes, real: &query.real_nodes, dim },
            Side { rows: &corpus.nodes, real: &corpus.real_nodes, dim },
            &plan,
            [of("node_insert")?, of("node_delete")?],
            form(node)?,
        )?;
        let of_edges = term(
            Side { rows: &query.edges, real: &query.real_edges, dim: edge_dim },
            Side { rows: &corpus.edges, real: &corpus.real_edges, dim: edge_dim },
            &edges,
            [of("edge_insert")?, of("edge_delete")?],
            form(edge)?,
        )?;
        distances.insert(key.clone(), json!(of_edges + of("lambda_node")? * nodes));
    }
    Ok(json!({ "node_plan": rows_to_json(&plan, n), "distance": distances }))
}
