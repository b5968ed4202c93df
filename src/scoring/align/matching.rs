//! The one-to-one links of greatest total weight.

use trueline_kernels::{Isa, TwoLeast, relax_f64, two_least_f64};

use super::{Link, Matrix};

const NONE: usize = usize::MAX;

/// How often a row is looked at, on average, before paths are searched.
const LOOKS: usize = 2;

/// Memory of [`matching`], for reuse: a few lists, and `n_source * n_target` numbers for a matrix with zeros or more rows than
/// columns.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    /// `[n_row, n_column]`, rows being the shorter side; what the assignment pays for a cell, where that is not simply the
    /// similarity with its sign turned.
    costs: Vec<f64>,
    row_price: Vec<f64>,
    column_price: Vec<f64>,
    column_of: Vec<usize>,
    row_of: Vec<usize>,
    /// Rows that wait for a column, and columns that nobody has.
    open: Vec<usize>,
    free: Vec<usize>,
    /// Of the path that is searched: its length to each column, the row before it, the rows on it, and the columns with their
    /// lengths and prices.
    length: Vec<f64>,
    before: Vec<usize>,
    visited_rows: Vec<usize>,
    visited_columns: Vec<(usize, f64, f64)>,
}

/// Costs by row, `scale` times what the table has.
#[derive(Clone, Copy)]
struct Costs<'a> {
    isa: Isa,
    table: &'a [f64],
    scale: f64,
    n_column: usize,
}

impl<'a> Costs<'a> {
    fn row(&self, row: usize) -> &'a [f64] {
        &self.table[row * self.n_column..][..self.n_column]
    }
}

/// Replaces `links` by a matching of maximum cardinality and, among those, of maximum total weight.
///
/// A pair of similarity exactly 0 is no edge; a negative one is. Without zeros there are `min(n_source, n_target)`
/// links. Where several matchings are best, which one is found is unspecified, but the same on every run and CPU.
///
/// # Shapes
/// `similarity`: `[n_source, n_target]`. Links come sorted. An empty side gives none.
/// # Cost
/// `O(min² * max)` in `f64` by shortest augmenting paths, in SIMD; no allocation once `scratch` and `links` have room.
/// # Source
/// Jonker and Volgenant 1987; "Match" (`mwmf`) of SimAlign; golden file `simalign_matching.json`.
pub fn matching(similarity: Matrix, scratch: &mut Scratch, links: &mut Vec<Link>) {
    links.clear();
    let (n_source, n_target) = (similarity.n_source(), similarity.n_target());
    let (n_row, n_column) = (n_source.min(n_target), n_source.max(n_target));
    let (least, largest) = sizes(similarity.values());
    let has_zero = least == 0.0;
    if largest == 0.0 {
        return;
    }
    // A power of two, which rounds nothing and keeps the sums below from overflowing.
    let scale = 2.0_f64.powi(-(largest.log2().floor() as i32).clamp(-1000, 1000));
    let transposed = n_source > n_target;
    let mut copy = std::mem::take(&mut scratch.costs);
    let (table, scale) = if has_zero || transposed {
        set_costs(&mut copy, similarity, transposed, scale);
        (&copy[..], 1.0)
    } else {
        (similarity.values(), -scale)
    };
    let costs = Costs { isa: Isa::best(), table, scale, n_column };
    scratch.start(costs, n_row);
    while let Some(row) = scratch.open.pop() {
        scratch.augment(costs, row);
    }
    for (row, column) in scratch.column_of.iter().enumerate() {
        let (source, target) = if transposed { (*column, row) } else { (row, *column) };
        if similarity.row(source)[target] != 0.0 {
            links.push(Link::new(source, target));
        }
    }
    if transposed {
        links.sort_unstable();
    }
    scratch.costs = copy;
}

/// The least and the largest absolute value; side by side, or each comparison would wait for the one before.
fn sizes(values: &[f64]) -> (f64, f64) {
    let (mut least, mut largest) = ([f64::INFINITY; 8], [0.0_f64; 8]);
    let (blocks, tail) = values.as_chunks::<8>();
    for block in blocks {
        for lane in 0..8 {
            let size = block[lane].abs();
            least[lane] = if size < least[lane] { size } else { least[lane] };
            largest[lane] = if size > largest[lane] { size } else { largest[lane] };
        }
    }
    let tail = tail.iter().map(|value| value.abs());
    (
        least.into_iter().chain(tail.clone()).fold(f64::INFINITY, f64::min),
        largest.into_iter().chain(tail).fold(0.0, f64::max),
    )
}

fn set_costs(costs: &mut Vec<f64>, similarity: Matrix, transposed: bool, scale: f64) {
    let (n_source, n_target) = (similarity.n_source(), similarity.n_target());
    // Two matchings differ by at most twice this many edges, each below 2 once scaled, so that no gain in
    // weight pays for one absent edge more.
    let absent = 4.0 * n_source.min(n_target) as f64 + 1.0;
    let cost = |value: f64| if value == 0.0 { absent } else { -(value * scale) };
    costs.clear();
    if !transposed {
        costs.extend(similarity.values().iter().map(|value| cost(*value)));
        return;
    }
    costs.resize(n_source * n_target, 0.0);
    for (source, row) in similarity.rows().enumerate() {
        for (target, value) in row.iter().enumerate() {
            costs[target * n_source + source] = cost(*value);
        }
    }
}

impl Scratch {
    /// Gives rows their cheapest columns, dearer ones making way: most rows are done here. The others are left in `open`.
    ///
    /// A row takes its cheapest column and lowers that column's price until its second cheapest is as good; whoever had the
    /// column goes next. Prices of columns that nobody has stay 0, so that the rest may be done by shortest paths.
    fn start(&mut self, costs: Costs, n_row: usize) {
        let n_column = costs.n_column;
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
        let mut dear = std::mem::take(&mut self.visited_rows);
        dear.clear();
        // Some looks at each row pay; more seldom do.
        for _ in 0..LOOKS * n_row {
            let Some(row) = self.open.pop() else { break };
            let of_row = costs.row(row);
            let TwoLeast { column, least, second } =
                two_least_f64(costs.isa, of_row, costs.scale, &self.column_price);
            let owner = self.row_of[column];
            self.row_price[row] = least;
            // Two columns that are as good: the owner stays, and a path will decide.
            if owner != NONE && second <= least {
                dear.push(row);
                continue;
            }
            if second.is_finite() {
                self.row_price[row] = second;
                self.column_price[column] = costs.scale * of_row[column] - second;
            }
            self.row_of[column] = row;
            self.column_of[row] = column;
            if owner != NONE {
                self.column_of[owner] = NONE;
                self.open.push(owner);
            }
        }
        self.open.append(&mut dear);
        self.visited_rows = dear;
        self.free.clear();
        self.free.extend((0..n_column).filter(|column| self.row_of[*column] == NONE));
    }

    /// Finds the cheapest alternating path from `first` to a column that nobody has, and swaps along it.
    fn augment(&mut self, costs: Costs, first: usize) {
        self.length.fill(f64::INFINITY);
        self.visited_rows.clear();
        self.visited_columns.clear();
        let (mut row, mut reached) = (first, 0.0);
        let last = loop {
            self.visited_rows.push(row);
            let base = reached - self.row_price[row];
            let (mut column, least) = relax_f64(
                costs.isa,
                costs.row(row),
                costs.scale,
                &self.column_price,
                base,
                row,
                &mut self.length,
                &mut self.before,
            );
            // Of equal columns a free one ends the search at once.
            if self.row_of[column] != NONE
                && let Some(free) = self.free.iter().find(|free| self.length[**free] == least)
            {
                column = *free;
            }
            reached = least;
            // A price of minus infinity keeps the column from being reached again.
            let price = std::mem::replace(&mut self.column_price[column], f64::NEG_INFINITY);
            self.length[column] = f64::INFINITY;
            self.visited_columns.push((column, least, price));
            if self.row_of[column] == NONE {
                break column;
            }
            row = self.row_of[column];
        };
        self.row_price[first] += reached;
        // The row after the first was reached by the first column, and so on.
        for (row, (_, length, _)) in self.visited_rows[1..].iter().zip(&self.visited_columns) {
            self.row_price[*row] += reached - length;
        }
        for (column, length, price) in &self.visited_columns {
            self.column_price[*column] = price - (reached - length);
        }
        self.free.retain(|free| *free != last);
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
