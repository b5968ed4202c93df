//! The network simplex for transport: a tree of arcs that carry all flow, into which one arc after the other enters that makes it
//! cheaper.
//!
//! Masses are whole numbers, so that flows never round. Arcs of the tree without flow lead towards its root (Cunningham 1976): of
//! the arcs that a pivot could remove it takes the last on the way round, which keeps them so, and no tree comes twice.

use trueline_kernels::{Isa, two_least_f64};

use super::Matrix;

const NONE: u32 = u32::MAX;

/// Rows that are looked at for the arc that enters.
const ROWS: usize = 2;

/// Pivots, for each position, after which a gain has to be twice as large to count.
const PATIENCE: usize = 64;

/// Costs by row, times `scale`, with a row and a column more that stand for what is not transported.
pub(super) struct Costs<'a> {
    isa: Isa,
    cost: Matrix<'a>,
    scale: f64,
    /// The costs of the additional row: of `n_target` numbers, all the same.
    aside: Vec<f64>,
    /// What the corner of the additional row and column costs, times `scale`.
    corner: f64,
    /// The least cost of each column, times `scale`.
    least: Vec<f64>,
}

impl<'a> Costs<'a> {
    /// None of the matrix's sides is empty.
    pub(super) fn new(cost: Matrix<'a>) -> Self {
        let (mut least, mut largest) = (cost.row(0).to_vec(), cost.row(0).to_vec());
        for row in cost.rows() {
            for ((least, largest), c) in least.iter_mut().zip(&mut largest).zip(row) {
                *least = if c < least { *c } else { *least };
                *largest = if c > largest { *c } else { *largest };
            }
        }
        let (low, high) = (
            least.iter().copied().fold(f64::INFINITY, f64::min),
            largest.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        );
        // A power of two, which rounds nothing and keeps sums of costs from overflowing.
        let size = low.abs().max(high.abs());
        let scale = if size > 0.0 { libm::scalbn(1.0, -libm::ilogb(size).clamp(-1000, 1000)) } else { 1.0 };
        least.iter_mut().for_each(|c| *c *= scale);
        let corner = high * scale - low * scale + high.max(low) * scale + 1.0;
        Self { isa: Isa::best(), cost, scale, aside: vec![low; cost.n_target()], corner, least }
    }

    fn row(&self, i: usize) -> &[f64] {
        if i < self.cost.n_source() { self.cost.row(i) } else { &self.aside }
    }

    /// Of row `i`, what column `n_target` costs.
    fn last(&self, i: usize) -> f64 {
        if i < self.cost.n_source() { self.aside[0] * self.scale } else { self.corner }
    }

    fn of(&self, i: usize, j: usize) -> f64 {
        if j < self.cost.n_target() { self.row(i)[j] * self.scale } else { self.last(i) }
    }

    /// The least of what row `i` costs less the prices of the columns, in which column, and the second least.
    fn least_of(&self, i: usize, prices: &[f64]) -> (usize, f64, f64) {
        let n = self.cost.n_target();
        let found = two_least_f64(self.isa, self.row(i), self.scale, &prices[..n]);
        let Some(price) = prices.get(n) else { return (found.column, found.least, found.second) };
        let last = self.last(i) - price;
        if last < found.least {
            return (n, last, found.least);
        }
        (found.column, found.least, found.second.min(last))
    }
}

/// A node's place in the tree, and the arc to its parent.
#[derive(Clone, Copy)]
struct Node {
    parent: u32,
    depth: u32,
    first_child: u32,
    next: u32,
    before: u32,
    flow: i64,
    cost: f64,
}

/// Calls `found` with row, column and flow of every arc of the cheapest plan; arcs without flow are among them.
///
/// `source` and `target` have the same sum and are all above 0; either has one more than the matrix where something stays aside.
pub(super) fn cheapest(
    costs: &Costs,
    source: &[i64],
    target: &[i64],
    mut found: impl FnMut(usize, usize, i64),
) {
    let mut tree = Tree::new(costs, source, target);
    let m = source.len();
    // What the potentials may be off by: a sum of as many costs as the tree is deep.
    let mut fine = -f64::EPSILON * (m + target.len()) as f64;
    let (mut row, mut quiet, mut pivots) = (0, 0, 0_usize);
    while quiet < m {
        // The best arc of some rows: of one it gains less, of all it takes longer to find.
        let mut best = (fine, NONE as usize, 0);
        for _ in 0..ROWS.min(m) {
            let (column, least, _) = costs.least_of(row, &tree.potentials[m..]);
            let gain = least - tree.potentials[row];
            if gain < best.0 {
                best = (gain, row, column);
            }
            row = if row + 1 == m { 0 } else { row + 1 };
        }
        let (_, from, column) = best;
        if from == NONE as usize {
            quiet += ROWS.min(m);
            continue;
        }
        quiet = 0;
        tree.enter(from, column, costs.of(from, column));
        // Should rounding make two trees look cheaper than each other, gains as small as that count for nothing.
        pivots += 1;
        if pivots.is_multiple_of(PATIENCE * (m + target.len())) {
            fine *= 2.0;
        }
    }
    for (at, node) in tree.nodes.iter().enumerate().filter(|(_, node)| node.parent != NONE) {
        let (row, column) = if at < m { (at, node.parent as usize) } else { (node.parent as usize, at) };
        found(row, column - m, node.flow);
    }
}

struct Tree {
    /// Rows, then columns; the last is the root.
    nodes: Vec<Node>,
    /// Those of a row and a column of the tree's arcs make up what the arc costs.
    potentials: Vec<f64>,
    n_row: usize,
    stack: Vec<u32>,
}

impl Tree {
    /// A tree to begin with: rows take what costs least over the least of its column, those first that have most to lose.
    ///
    /// Each row has a little more, too small for a number, and the root takes it: so an arc always uses up exactly one of its ends.
    fn new(costs: &Costs, source: &[i64], target: &[i64]) -> Self {
        let (m, n) = (source.len(), target.len());
        let mut prices = costs.least.clone();
        prices.resize(n, costs.aside[0] * costs.scale);
        let mut order: Vec<(f64, usize)> = Vec::with_capacity(m);
        for i in 0..m {
            let (_, least, second) = costs.least_of(i, &prices);
            order.push((if n > 1 { second - least } else { 0.0 }, i));
        }
        order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let mut demand: Vec<(i64, i64)> = target.iter().map(|mass| (*mass, 0)).collect();
        demand[n - 1].1 = m as i64;
        let none =
            Node { parent: NONE, depth: 0, first_child: NONE, next: NONE, before: NONE, flow: 0, cost: 0.0 };
        let mut arcs: Vec<(u32, u32, i64)> = Vec::with_capacity(m + n - 1);
        let mut left = n;
        for (_, i) in order {
            let mut supply = (source[i], 1);
            loop {
                // Where one column is left, it takes all.
                let (j, _, _) = costs.least_of(i, &prices);
                let moved = supply.0.min(demand[j].0);
                arcs.push((i as u32, (m + j) as u32, moved));
                if supply < demand[j] || left == 1 {
                    demand[j] = (demand[j].0 - moved, demand[j].1 - supply.1);
                    break;
                }
                supply = (supply.0 - moved, supply.1 - demand[j].1);
                // A price of minus infinity: never the least again.
                prices[j] = f64::NEG_INFINITY;
                left -= 1;
            }
        }
        let mut tree = Self {
            nodes: vec![none; m + n],
            potentials: vec![0.0; m + n],
            n_row: m,
            stack: Vec::with_capacity(m + n),
        };
        tree.hang(costs, &arcs);
        tree
    }

    /// Hangs arcs that span all nodes below the root.
    fn hang(&mut self, costs: &Costs, arcs: &[(u32, u32, i64)]) {
        let nodes = self.nodes.len();
        // The arcs of each node, one list after the other.
        let mut start = vec![0_usize; nodes + 1];
        for (row, column, _) in arcs {
            start[*row as usize + 1] += 1;
            start[*column as usize + 1] += 1;
        }
        (0..nodes).for_each(|at| start[at + 1] += start[at]);
        let (mut next, mut of_node) = (start.clone(), vec![0_usize; 2 * arcs.len()]);
        for (at, (row, column, _)) in arcs.iter().enumerate() {
            for end in [row, column] {
                of_node[next[*end as usize]] = at;
                next[*end as usize] += 1;
            }
        }
        let root = nodes as u32 - 1;
        self.stack.push(root);
        while let Some(at) = self.stack.pop() {
            for arc in &of_node[start[at as usize]..start[at as usize + 1]] {
                let (row, column, flow) = arcs[*arc];
                let child = if row == at { column } else { row };
                if child == self.nodes[at as usize].parent {
                    continue;
                }
                self.attach(child, at, costs.of(row as usize, column as usize - self.n_row), flow);
                self.stack.push(child);
            }
        }
        self.refresh(root);
    }

    fn attach(&mut self, child: u32, parent: u32, cost: f64, flow: i64) {
        let next = std::mem::replace(&mut self.nodes[parent as usize].first_child, child);
        if next != NONE {
            self.nodes[next as usize].before = child;
        }
        let node = &mut self.nodes[child as usize];
        (node.parent, node.next, node.before, node.cost, node.flow) = (parent, next, NONE, cost, flow);
    }

    fn detach(&mut self, child: u32) {
        let Node { parent, next, before, .. } = self.nodes[child as usize];
        match before {
            NONE => self.nodes[parent as usize].first_child = next,
            before => self.nodes[before as usize].next = next,
        }
        if next != NONE {
            self.nodes[next as usize].before = before;
        }
    }

    /// Depths and potentials of what hangs below a node, from its own.
    fn refresh(&mut self, top: u32) {
        self.stack.push(top);
        while let Some(at) = self.stack.pop() {
            let (depth, potential) = (self.nodes[at as usize].depth + 1, self.potentials[at as usize]);
            let mut child = self.nodes[at as usize].first_child;
            while child != NONE {
                let node = &mut self.nodes[child as usize];
                node.depth = depth;
                self.potentials[child as usize] = node.cost - potential;
                self.stack.push(child);
                child = node.next;
            }
        }
    }

    /// Takes an arc in, with as much flow as fits round the circle that it closes, and another one out.
    fn enter(&mut self, row: usize, column: usize, cost: f64) {
        let (row, column) = (row as u32, (self.n_row + column) as u32);
        let is_row = |at: u32| (at as usize) < self.n_row;
        // The flow goes from the join down to the row, over the arc, and from the column up again. It lessens that of arcs which lead
        // the other way: below the row's side those of rows, of the column's those of columns.
        let (mut of_row, mut of_column) = ((i64::MAX, NONE), (i64::MAX, NONE));
        let (mut a, mut b) = (row, column);
        while a != b {
            let (x, y) = (&self.nodes[a as usize], &self.nodes[b as usize]);
            if x.depth >= y.depth {
                if is_row(a) && x.flow < of_row.0 {
                    of_row = (x.flow, a);
                }
                a = x.parent;
            } else {
                if !is_row(b) && y.flow <= of_column.0 {
                    of_column = (y.flow, b);
                }
                b = y.parent;
            }
        }
        let (join, from_column) = (a, of_column.0 <= of_row.0);
        let (moved, last) = if from_column { of_column } else { of_row };
        if moved > 0 {
            for (mut at, lessens_rows) in [(row, true), (column, false)] {
                while at != join {
                    let lessens = is_row(at) == lessens_rows;
                    let node = &mut self.nodes[at as usize];
                    node.flow += if lessens { -moved } else { moved };
                    at = node.parent;
                }
            }
        }
        // What hangs below the arc that goes out is hung up at the new arc's end in it.
        let (top, mut parent) = if from_column { (column, row) } else { (row, column) };
        let (mut at, mut cost, mut flow) = (top, cost, moved);
        loop {
            let old = self.nodes[at as usize];
            self.detach(at);
            self.attach(at, parent, cost, flow);
            if at == last {
                break;
            }
            (parent, at, cost, flow) = (at, old.parent, old.cost, old.flow);
        }
        let above = self.nodes[top as usize].parent as usize;
        self.nodes[top as usize].depth = self.nodes[above].depth + 1;
        self.potentials[top as usize] = self.nodes[top as usize].cost - self.potentials[above];
        self.refresh(top);
    }
}
