//! The edit distance of small graphs, by trying every alignment of nodes.

use super::distance::Costs;
use crate::Error;
use crate::scoring::refuse::{all_finite, invalid};

/// The most nodes of the larger graph: 10! alignments.
const MOST: usize = 10;

/// The least cost of turning one unlabelled, undirected graph into the other.
///
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if a graph has more than 10 nodes, an edge names a node that is
/// not there, or a cost is negative or not finite.
/// # Cost
/// `O(n! n)` for `n` nodes of the larger graph at the worst; costs that reach the best so far are not followed.
/// # Source
/// Jain et al. 2024, GraphEdX, the quadratic assignment form; golden file `exact_ged_small.json`.
pub fn exact(
    (n_query, query): (usize, &[(usize, usize)]),
    (n_corpus, corpus): (usize, &[(usize, usize)]),
    costs: Costs,
) -> Result<f64, Error> {
    let n = n_query.max(n_corpus);
    if n > MOST {
        return Err(invalid(format!("{n} nodes; at most {MOST}")));
    }
    let Costs { node_insert, node_delete, edge_insert, edge_delete, node_weight } = costs;
    let all = [node_insert, node_delete, edge_insert, edge_delete, node_weight];
    all_finite("cost", all)?;
    if let Some(cost) = all.iter().find(|cost| **cost < 0.0) {
        return Err(invalid(format!("cost {cost}; 0 or above")));
    }
    let table = |name: &str, n_nodes: usize, edges: &[(usize, usize)]| -> Result<Vec<bool>, Error> {
        let mut table = vec![false; n * n];
        for (at, &(u, v)) in edges.iter().enumerate() {
            if u >= n_nodes || v >= n_nodes || u == v {
                return Err(invalid(format!(
                    "edge {at} of the {name} joins {u} and {v}; two of {n_nodes} nodes"
                )));
            }
            (table[u * n + v], table[v * n + u]) = (true, true);
        }
        Ok(table)
    };
    let mut search = Search {
        query: table("query", n_query, query)?,
        corpus: table("corpus graph", n_corpus, corpus)?,
        sizes: [n, n_query, n_corpus],
        costs,
        image: Vec::with_capacity(n),
        best: f64::INFINITY,
    };
    search.extend(0.0);
    Ok(search.best)
}

struct Search {
    query: Vec<bool>,
    corpus: Vec<bool>,
    /// Of both, of the query, of the corpus graph.
    sizes: [usize; 3],
    costs: Costs,
    /// The corpus node of each query node so far.
    image: Vec<usize>,
    best: f64,
}

impl Search {
    fn extend(&mut self, cost: f64) {
        let [n, n_query, n_corpus] = self.sizes;
        let at = self.image.len();
        if cost >= self.best {
            return;
        }
        if at == n {
            self.best = cost;
            return;
        }
        for node in 0..n {
            if self.image.contains(&node) {
                continue;
            }
            let of = |here: bool, there: bool, delete: f64, insert: f64| match (here, there) {
                (true, false) => delete,
                (false, true) => insert,
                _ => 0.0,
            };
            let Costs { node_insert, node_delete, edge_insert, edge_delete, node_weight } = self.costs;
            let mut step = node_weight * of(at < n_query, node < n_corpus, node_delete, node_insert);
            for (before, image) in self.image.iter().enumerate() {
                let (here, there) = (self.query[at * n + before], self.corpus[node * n + image]);
                step += of(here, there, edge_delete, edge_insert);
            }
            self.image.push(node);
            self.extend(cost + step);
            self.image.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_becomes_a_triangle_by_an_edge() {
        let costs = Costs {
            node_insert: 1.0,
            node_delete: 1.0,
            edge_insert: 2.0,
            edge_delete: 3.0,
            node_weight: 1.0,
        };
        let (path, triangle) = ([(0, 1), (1, 2)], [(0, 1), (1, 2), (0, 2)]);
        assert_eq!(exact((3, &path), (3, &triangle), costs), Ok(2.0));
        assert_eq!(exact((3, &triangle), (3, &path), costs), Ok(3.0));
        assert_eq!(exact((0, &[]), (0, &[]), costs), Ok(0.0));
        assert_eq!(exact((0, &[]), (2, &[(0, 1)]), costs), Ok(4.0));
        assert!(exact((11, &[]), (1, &[]), costs).is_err_and(|e| e.message.contains("at most 10")));
        assert!(exact((1, &[(0, 1)]), (1, &[]), costs).is_err());
        assert!(exact((1, &[]), (1, &[]), Costs { edge_insert: -1.0, ..costs }).is_err());
    }
}
