//! How far apart two graphs are: from the caller's embeddings and plans, or by trying every alignment.

use trueline_core::scoring::graph::distance::{Costs, Form, Side, edge_plan, node_scores, term};
use trueline_core::scoring::graph::edit::exact;
use trueline_core::{Code, Error};

use crate::boundary::boundary;
use crate::pointer::{Out, cells, put, required, span};
use crate::status::tl_status;

/// Differences to the plan's mean of the other graph; the default.
pub const TL_GRAPH_ALIGN_DIFF: u32 = 0;
/// The plan's mean of differences.
pub const TL_GRAPH_DIFF_ALIGN: u32 = 1;
/// That, where exactly one of the two rows is real.
pub const TL_GRAPH_XOR: u32 = 2;

/// What changes of a graph cost, each 0 or above. Not an options struct: 0 means 0.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tl_graph_costs {
    /// Adding a node.
    pub node_insert: f64,
    /// Removing one.
    pub node_delete: f64,
    /// Adding an edge.
    pub edge_insert: f64,
    /// Removing one.
    pub edge_delete: f64,
    /// The weight of nodes against edges.
    pub node_weight: f64,
}

/// An edge between two nodes, in either order, counted from 0.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tl_edge {
    /// One end.
    pub from: usize,
    /// The other.
    pub to: usize,
}

/// The scores of all pairs of nodes of two graphs, minus the L1 distance of their embeddings: tl_soft_permutation makes the plan
/// of nodes from them (GraphEdX).
///
/// @param query       `n` x `dim`, row-major, padded to the larger graph; may be NULL if it has no number.
/// @param corpus      `n` x `dim`.
/// @param out_scores  gets `n` x `n` numbers; untouched after a failure.
/// @return TL_OK; TL_ERR_INVALID_ARGUMENT for a number that is not finite, `dim` 0, or a shape that no memory can hold;
///         TL_ERR_NULL_ARGUMENT.
///
/// # Safety
/// As many numbers as stated lie at `query` and `corpus`; there is room for as many as stated at `out_scores`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_graph_node_scores(
    query: *const f64,
    corpus: *const f64,
    n: usize,
    dim: usize,
    out_scores: *mut f64,
) -> tl_status {
    boundary(|| {
        let count = cells("query", n, dim)?;
        cells("out_scores", n, n)?;
        // SAFETY: that many numbers lie there, by this function's contract.
        let query = unsafe { span(query, count, "query") }?;
        // SAFETY: as above.
        let corpus = unsafe { span(corpus, count, "corpus") }?;
        let scores = node_scores(query, corpus, dim)?;
        // SAFETY: room for that many, by this function's contract.
        unsafe { put(out_scores, &scores, "out_scores") }
    })
}

/// The plan of edges that a plan of nodes makes. Edges are all pairs u < v, by u, then v.
///
/// @param nodes     `n` x `n`, row-major; may be NULL if `n` is 0.
/// @param out_plan  gets e x e numbers, e = n (n - 1) / 2; untouched after a failure. May be NULL if `n` is below 2.
/// @return TL_OK; TL_ERR_TOO_LARGE for more than 128 nodes; TL_ERR_NULL_ARGUMENT.
///
/// # Safety
/// `n * n` numbers lie at `nodes`; there is room for as many as stated at `out_plan`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_graph_edge_plan(nodes: *const f64, n: usize, out_plan: *mut f64) -> tl_status {
    boundary(|| {
        if n > 128 {
            let message = format!("{n} nodes; a plan of edges has at most 128, of 66 million cells");
            return Err(Error::new(Code::TooLarge, message));
        }
        // SAFETY: that many numbers lie there, by this function's contract.
        let plan = edge_plan(unsafe { span(nodes, n * n, "nodes") }?, n)?;
        // SAFETY: room for that many, by this function's contract.
        unsafe { put(out_plan, &plan, "out_plan") }
    })
}

/// One term of the distance of two graphs (GraphEdX): that of nodes with the plan of nodes, or of edges with theirs. The distance
/// is `node_weight` times the first plus the second.
///
/// @param query         embeddings, `n` x `dim`, row-major, padded.
/// @param query_real    for each row whether it is real (not 0) or padding (0).
/// @param corpus        likewise of the other graph.
/// @param corpus_real   likewise.
/// @param plan          `n` x `n`.
/// @param insert        what one more costs.
/// @param remove        what one less costs.
/// @param form          TL_GRAPH_ALIGN_DIFF, ...
/// @param out_distance  gets the term; infinity after a failure.
/// @return TL_OK; TL_ERR_INVALID_ARGUMENT for a number that is not finite, another form, or a shape that no memory can hold;
///         TL_ERR_NULL_ARGUMENT.
///
/// # Safety
/// As many numbers as stated lie at the five arrays; `out_distance` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_graph_distance(
    query: *const f64,
    query_real: *const u8,
    corpus: *const f64,
    corpus_real: *const u8,
    n: usize,
    dim: usize,
    plan: *const f64,
    insert: f64,
    remove: f64,
    form: u32,
    out_distance: *mut f64,
) -> tl_status {
    boundary(|| {
        // SAFETY: writable if it is not NULL, by this function's contract.
        let mut out = unsafe { Out::new(out_distance, "out_distance") }?;
        out.set(f64::INFINITY);
        let count = cells("query", n, dim)?;
        let real = |given: *const u8, name: &str| -> Result<Vec<bool>, Error> {
            // SAFETY: that many bytes lie there, by this function's contract.
            Ok(unsafe { span(given, n, name) }?.iter().map(|b| *b != 0).collect())
        };
        let (query_real, corpus_real) = (real(query_real, "query_real")?, real(corpus_real, "corpus_real")?);
        // SAFETY: that many numbers lie there, by this function's contract.
        let query = Side { rows: unsafe { span(query, count, "query") }?, real: &query_real, dim };
        // SAFETY: as above.
        let corpus = Side { rows: unsafe { span(corpus, count, "corpus") }?, real: &corpus_real, dim };
        // SAFETY: as above.
        let plan = unsafe { span(plan, cells("plan", n, n)?, "plan") }?;
        let form = match form {
            TL_GRAPH_ALIGN_DIFF => Form::AlignThenDiff,
            TL_GRAPH_DIFF_ALIGN => Form::DiffThenAlign,
            TL_GRAPH_XOR => Form::Xor,
            other => {
                let message = format!("form is {other}; it lies between 0 and {TL_GRAPH_XOR}");
                return Err(Error::new(Code::InvalidArgument, message));
            }
        };
        out.set(term(query, corpus, plan, [insert, remove], form)?);
        Ok(())
    })
}

/// The least cost of turning one small, undirected graph without labels into the other.
///
/// @param query_edges   `n_query_edges` edges; may be NULL if that is 0.
/// @param n_query       nodes, at most 10.
/// @param corpus_edges  likewise of the other graph.
/// @param costs         what changes cost.
/// @param out_distance  gets the cost; infinity after a failure.
/// @return TL_OK; TL_ERR_INVALID_ARGUMENT for more than 10 nodes, an edge to a node that is not there or to itself, or a cost
///         that is negative or not finite; TL_ERR_NULL_ARGUMENT. O(n! n) at the worst.
///
/// # Safety
/// As many structs as stated lie at both lists; `costs` is NULL or a struct; `out_distance` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tl_graph_edit_distance(
    query_edges: *const tl_edge,
    n_query_edges: usize,
    n_query: usize,
    corpus_edges: *const tl_edge,
    n_corpus_edges: usize,
    n_corpus: usize,
    costs: *const tl_graph_costs,
    out_distance: *mut f64,
) -> tl_status {
    boundary(|| {
        // SAFETY: writable if it is not NULL, by this function's contract.
        let mut out = unsafe { Out::new(out_distance, "out_distance") }?;
        out.set(f64::INFINITY);
        // SAFETY: a struct if it is not NULL, by this function's contract.
        let c = unsafe { required(costs, "costs") }?;
        let costs = Costs {
            node_insert: c.node_insert,
            node_delete: c.node_delete,
            edge_insert: c.edge_insert,
            edge_delete: c.edge_delete,
            node_weight: c.node_weight,
        };
        let edges = |given: *const tl_edge, n: usize, name: &str| -> Result<Vec<(usize, usize)>, Error> {
            // SAFETY: that many structs lie there, by this function's contract.
            Ok(unsafe { span(given, n, name) }?.iter().map(|e| (e.from, e.to)).collect())
        };
        let query = edges(query_edges, n_query_edges, "query_edges")?;
        let corpus = edges(corpus_edges, n_corpus_edges, "corpus_edges")?;
        out.set(exact((n_query, &query), (n_corpus, &corpus), costs)?);
        Ok(())
    })
}
