//! The one-to-one links of greatest total weight.

use super::{Link, Matrix};

const NONE: usize = usize::MAX;

/// Memory of [`matching`], for reuse: `n_source * n_target` numbers and a few lists.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    /// `[n_row, n_column]`, rows being the shorter side; what the assignment pays for a cell.
    costs: Vec<f64>,
    row_price: Vec<f64>,
    column_price: Vec<f64>,
    column_of: Vec<usize>,
    row_of: Vec<usize>,
    /// Of the path that is searched: its length to each column, the row before it, and the columns to visit.
    length: Vec<f64>,
    before: Vec<usize>,
    open: Vec<usize>,
    visited_rows: Vec<usize>,
    visited_columns: Vec<usize>,
}

/// Replaces `links` by a matching of maximum cardinality and, among those, of maximum total weight.
///
/// A pair of similarity exactly 0 is no edge; a negative one is. Without zeros there are `min(n_source, n_target)`
/// links. Where several matchings are best, which one is found is unspecified, but the same on every run.
///
/// # Shapes
/// `similarity`: `[n_source, n_target]`. Links come sorted. An empty side gives none.
/// # Cost
/// `O(min² * max)` in `f64` by shortest augmenting paths; no allocation once `scratch` and `links` have room.
/// # Source
/// Jonker and Volgenant 1987; "Match" (`mwmf`) of SimAlign; golden file `simalign_matching.json`.
pub fn matching(similarity: Matrix, scratch: &mut Scratch, links: &mut Vec<Link>) {
    links.clear();
    let (n_source, n_target) = (similarity.n_source(), similarity.n_target());
    let (n_row, n_column) = (n_source.min(n_target), n_source.max(n_target));
    let largest = similarity.values().iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
    if largest == 0.0 {
        return;
    }
    let transposed = n_source > n_target;
    scratch.set_costs(similarity, transposed, largest);
    scratch.start(n_row, n_column);
    for row in 0..n_row {
        if scratch.column_of[row] == NONE {
            scratch.augment(row, n_column);
        }
    }
    for (row, column) in scratch.column_of.iter().enumerate() {
        let (source, target) = if transposed { (*column, row) } else { (row, *column) };
        if similarity.row(source)[target] != 0.0 {
            links.push(Link::new(source, target));
        }
    }
    links.sort_unstable();
}

impl Scratch {
    fn set_costs(&mut self, similarity: Matrix, transposed: bool, largest: f64) {
        let (n_source, n_target) = (similarity.n_source(), similarity.n_target());
        // A power of two, which rounds nothing and keeps the sums below from overflowing.
        let scale = 2.0_f64.powi(-(largest.log2().floor() as i32).clamp(-1000, 1000));
        // Two matchings differ by at most twice this many edges, each below 2 once scaled, so that no gain in
        // weight pays for one absent edge more.
        let absent = 4.0 * n_source.min(n_target) as f64 + 1.0;
        let cost = |value: f64| if value == 0.0 { absent } else { -(value * scale) };
        self.costs.clear();
        if !transposed {
            self.costs.extend(similarity.values().iter().map(|value| cost(*value)));
            return;
        }
        self.costs.resize(n_source * n_target, 0.0);
        for (source, row) in similarity.rows().enumerate() {
            for (target, value) in row.iter().enumerate() {
                self.costs[target * n_source + source] = cost(*value);
            }
        }
    }

    /// Gives rows their cheapest columns, dearer ones making way: most rows are done here.
    ///
    /// A row takes its cheapest column and lowers that column's price until its second cheapest is as good; whoever had the
    /// column goes next. Prices of columns that nobody has stay 0, so that the rest may be done by shortest paths.
    fn start(&mut self, n_row: usize, n_column: usize) {
        for (list, len) in
            [(&mut self.column_of, n_row), (&mut self.row_of, n_column), (&mut self.before, n_column)]
        {
            list.clear();
            list.resize(len, NONE);
        }
        for (list, len) in
            [(&mut self.row_price, n_row), (&mut self.column_price, n_column), (&mut self.length, n_column)]
        {
            list.clear();
            list.resize(len, 0.0);
        }
        self.open.clear();
        self.open.extend((0..n_row).rev());
        // Two looks at each row pay; more seldom do.
        for _ in 0..2 * n_row {
            let Some(row) = self.open.pop() else { return };
            let costs = &self.costs[row * n_column..][..n_column];
            let (mut first, mut second) = ((0, f64::INFINITY), f64::INFINITY);
            for (column, (cost, price)) in costs.iter().zip(&self.column_price).enumerate() {
                let left = cost - price;
                if left < second {
                    if left < first.1 {
                        second = first.1;
                        first = (column, left);
                    } else {
                        second = left;
                    }
                }
            }
            let (column, least) = first;
            let owner = self.row_of[column];
            self.row_price[row] = least;
            // Two columns that are as good: the owner stays, and a path will decide.
            if owner != NONE && second <= least {
                continue;
            }
            if second.is_finite() {
                self.row_price[row] = second;
                self.column_price[column] = costs[column] - second;
            }
            self.row_of[column] = row;
            self.column_of[row] = column;
            if owner != NONE {
                self.column_of[owner] = NONE;
                self.open.push(owner);
            }
        }
    }

    /// Finds the cheapest alternating path from `first` to a column that nobody has, and swaps along it.
    fn augment(&mut self, first: usize, n_column: usize) {
        self.length.fill(f64::INFINITY);
        self.open.clear();
        self.open.extend(0..n_column);
        self.visited_rows.clear();
        self.visited_columns.clear();
        let (mut row, mut reached) = (first, 0.0);
        let last = loop {
            self.visited_rows.push(row);
            let costs = &self.costs[row * n_column..][..n_column];
            let base = reached - self.row_price[row];
            let mut least = (0, f64::INFINITY);
            for (position, column) in self.open.iter().copied().enumerate() {
                let length = base + costs[column] - self.column_price[column];
                if length < self.length[column] {
                    self.length[column] = length;
                    self.before[column] = row;
                }
                let length = self.length[column];
                // Of equal columns a free one ends the search at once.
                if length < least.1 || (length == least.1 && self.row_of[column] == NONE) {
                    least = (position, length);
                }
            }
            let column = self.open.swap_remove(least.0);
            reached = least.1;
            self.visited_columns.push(column);
            if self.row_of[column] == NONE {
                break column;
            }
            row = self.row_of[column];
        };
        self.row_price[first] += reached;
        for row in &self.visited_rows[1..] {
            self.row_price[*row] += reached - self.length[self.column_of[*row]];
        }
        for column in &self.visited_columns {
            self.column_price[*column] -= reached - self.length[*column];
        }
        let mut column = last;
        loop {
            let row = self.before[column];
            self.row_of[column] = row;
            let freed = std::mem::replace(&mut self.column_of[row], column);
            if row == first {
                return;
            }
            column = freed;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(values: &[f64], n_source: usize, n_target: usize) -> Vec<Link> {
        let mut links = Vec::new();
        let matrix = Matrix::new(values, n_source, n_target).expect("finite");
        matching(matrix, &mut Scratch::default(), &mut links);
        links
    }

    #[test]
    fn cardinality_comes_before_weight() {
        // One edge of 9 alone weighs more than two of 1 and -3.
        assert_eq!(run(&[9.0, 1.0, -3.0, 0.0], 2, 2), [Link::new(0, 1), Link::new(1, 0)]);
        assert_eq!(run(&[1e300, 1e-300, -1e300, 0.0], 2, 2), [Link::new(0, 1), Link::new(1, 0)]);
    }

    #[test]
    fn zeros_are_no_edges_and_negatives_are() {
        assert_eq!(run(&[0.0, -0.0, 0.0, -1.0], 2, 2), [Link::new(1, 1)]);
        assert!(run(&[0.0; 6], 3, 2).is_empty());
        assert!(run(&[], 0, 2).is_empty() && run(&[], 2, 0).is_empty());
        assert_eq!(run(&[-5e-324], 1, 1), [Link::new(0, 0)]);
    }

    #[test]
    fn a_tall_matrix_is_the_transposed_wide_one() {
        let wide = [0.1, 0.9, 0.4, 0.8, 0.95, 0.2];
        let tall = [0.1, 0.8, 0.9, 0.95, 0.4, 0.2];
        let turned: Vec<_> =
            run(&tall, 3, 2).iter().map(|link| Link::new(link.target, link.source)).collect();
        assert_eq!(run(&wide, 2, 3), [Link::new(0, 1), Link::new(1, 0)]);
        assert!(turned.contains(&Link::new(0, 1)) && turned.contains(&Link::new(1, 0)));
    }
}
