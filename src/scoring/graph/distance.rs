//! The distance of two graphs from embeddings of their nodes and edges (GraphEdX).

use crate::Error;
use crate::scoring::refuse::{all_finite, invalid, same_length};

/// What a change costs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Costs {
    /// Adding a node.
    pub node_insert: f64,
    /// Removing one.
    pub node_delete: f64,
    /// Adding an edge.
    pub edge_insert: f64,
    /// Removing one.
    pub edge_delete: f64,
    /// The weight of nodes.
    pub node_weight: f64,
}

/// Which form a term has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Differences to the plan's mean of the other graph.
    AlignThenDiff,
    /// The plan's mean of differences.
    DiffThenAlign,
    /// That, where exactly one side is real.
    Xor,
}

/// Rows of embeddings, padded, and which of them are real.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    /// `[real.len(), dim]`.
    pub rows: &'a [f64],
    /// Whether a row is a node or edge of the graph.
    pub real: &'a [bool],
    /// The length of a row.
    pub dim: usize,
}

/// The scores whose soft permutation is the plan of nodes: minus the L1 distance of every two rows.
///
/// # Shapes
/// Both `[n, dim]`; the result `[n, n]`.
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if the shapes differ or a number is not finite.
pub fn node_scores(query: &[f64], corpus: &[f64], dim: usize) -> Result<Vec<f64>, Error> {
    same_length(("numbers of the query", query.len()), ("of the corpus graph", corpus.len()))?;
    if dim == 0 || !query.len().is_multiple_of(dim) {
        return Err(invalid(format!("{} numbers of nodes; a multiple of {dim}", query.len())));
    }
    all_finite("number of a node", query.iter().chain(corpus).copied())?;
    let apart = |(a, b): (&[f64], &[f64])| -a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f64>();
    Ok(query
        .chunks_exact(dim)
        .flat_map(|a| corpus.chunks_exact(dim).map(move |b| (a, b)))
        .map(apart)
        .collect())
}

/// All pairs of nodes, `u < v`, in the order of the edges' embeddings.
pub fn pairs(n: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..n).flat_map(move |u| (u + 1..n).map(move |v| (u, v)))
}

/// The plan of edges that a plan of nodes makes: straight plus crossed.
///
/// # Shapes
/// `nodes`: `[n, n]`; the result `[n (n-1) / 2]` squared.
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if the length differs.
/// # Cost
/// `O(n⁴)` time and memory.
pub fn edge_plan(nodes: &[f64], n: usize) -> Result<Vec<f64>, Error> {
    same_length(("cells of the plan", nodes.len()), ("pairs of nodes", n.saturating_mul(n)))?;
    let p = |u: usize, v: usize| nodes[u * n + v];
    let cells = pairs(n).flat_map(|edge| pairs(n).map(move |other| (edge, other)));
    Ok(cells.map(|((u, v), (a, b))| p(u, a) * p(v, b) + p(u, b) * p(v, a)).collect())
}

/// One term of the distance.
///
/// # Shapes
/// `plan`: `[query.real.len(), corpus.real.len()]`, of which both are the same.
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if the shapes do not fit or a number is not finite.
/// # Cost
/// `O(n² dim)`.
/// # Source
/// Jain et al. 2024, GraphEdX; golden file `graphedx_distance.json`.
pub fn term(
    query: Side,
    corpus: Side,
    plan: &[f64],
    [insert, delete]: [f64; 2],
    form: Form,
) -> Result<f64, Error> {
    let (n, dim) = (query.real.len(), query.dim);
    same_length(("rows of the query", n), ("of the corpus graph", corpus.real.len()))?;
    same_length(("numbers of the query", query.rows.len()), ("in its rows", n.saturating_mul(dim)))?;
    same_length(
        ("numbers of the corpus graph", corpus.rows.len()),
        ("in its rows", n.saturating_mul(corpus.dim)),
    )?;
    same_length(("length of the query's rows", dim), ("of the corpus graph's", corpus.dim))?;
    same_length(("cells of the plan", plan.len()), ("pairs of rows", n.saturating_mul(n)))?;
    all_finite("number", query.rows.iter().chain(corpus.rows).chain(plan).copied())?;
    all_finite("cost", [insert, delete])?;
    let cost = |a: f64, b: f64| delete * (a - b).max(0.0) + insert * (b - a).max(0.0);
    let row = |side: Side<'_>, at: usize| at * side.dim..(at + 1) * side.dim;
    let mut sum = 0.0;
    for i in 0..n {
        let (of_query, cells) = (&query.rows[row(query, i)], &plan[i * n..][..n]);
        if form == Form::AlignThenDiff {
            let mut aligned = vec![0.0; dim];
            for (j, p) in cells.iter().enumerate() {
                aligned.iter_mut().zip(&corpus.rows[row(corpus, j)]).for_each(|(sum, x)| *sum += p * x);
            }
            sum += of_query.iter().zip(&aligned).map(|(a, b)| cost(*a, *b)).sum::<f64>();
            continue;
        }
        for (j, p) in cells.iter().enumerate() {
            if form == Form::DiffThenAlign || query.real[i] != corpus.real[j] {
                let of_corpus = &corpus.rows[row(corpus, j)];
                sum += p * of_query.iter().zip(of_corpus).map(|(a, b)| cost(*a, *b)).sum::<f64>();
            }
        }
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hard_plan_counts_changes() {
        // One node against two: one is added.
        let (query, corpus) = ([1.0, 0.0], [1.0, 1.0]);
        let side = |rows, real| Side { rows, real, dim: 1 };
        let (query, corpus) = (side(&query, &[true, false]), side(&corpus, &[true, true]));
        for form in [Form::AlignThenDiff, Form::DiffThenAlign, Form::Xor] {
            assert_eq!(term(query, corpus, &[1.0, 0.0, 0.0, 1.0], [3.0, 2.0], form), Ok(3.0));
            assert_eq!(term(corpus, query, &[1.0, 0.0, 0.0, 1.0], [3.0, 2.0], form), Ok(2.0));
        }
        assert_eq!(edge_plan(&[0.0, 1.0, 1.0, 0.0], 2), Ok(vec![1.0]));
        assert_eq!(edge_plan(&[1.0], 1), Ok(Vec::new()));
        assert!(edge_plan(&[1.0], 2).is_err() && node_scores(&[1.0], &[1.0, 2.0], 1).is_err());
        assert!(node_scores(&[1.0], &[1.0], 0).is_err());
        assert!(term(query, corpus, &[1.0], [1.0, 1.0], Form::Xor).is_err());
    }
}
