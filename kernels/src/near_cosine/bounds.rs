//! From products of bytes to the pairs that may be best.

use crate::Isa;

/// Mark of a pair that may be the best of its row.
pub const ROW: u8 = 1;
/// Mark of a pair that may be the best of its column.
pub const COLUMN: u8 = 2;

/// Columns that are looked at side by side; a row of scores is a multiple of this.
const WIDTH: usize = 16;

/// Numbers that a row of scores takes for `n` columns.
pub const fn padded_len(n: usize) -> usize {
    n.next_multiple_of(WIDTH)
}

/// Writes `product * left * right + 1` of every pair: twice the score `(cos + 1) / 2`, about. What fills a row up is left as it
/// is.
///
/// Class: same bits.
///
/// # Shapes
/// `products`: `[left.len(), right.len()]`; `left` and `right`: a row's step over its norm; `out`:
/// `[left.len(), padded_len(right.len())]`.
/// # Panics
/// If the lengths do not fit.
pub fn scores(isa: Isa, products: &[i32], left: &[f32], right: &[f32], out: &mut [f32]) {
    let (m, n) = (left.len(), right.len());
    assert_eq!(Some(products.len()), m.checked_mul(n), "near_cosine: products are not [left, right]");
    assert_eq!(Some(out.len()), m.checked_mul(padded_len(n)), "near_cosine: out is not [left, padded]");
    per_isa!(isa, scores_body, (products: &[i32], left: &[f32], right: &[f32], out: &mut [f32]))
}

#[inline(always)]
fn scores_body(products: &[i32], left: &[f32], right: &[f32], out: &mut [f32]) {
    let n = right.len();
    for (i, left) in left.iter().enumerate() {
        let (products, out) = (&products[i * n..][..n], &mut out[i * padded_len(n)..][..n]);
        for j in 0..n {
            out[j] = products[j] as f32 * (left * right[j]) + 1.0;
        }
    }
}

/// Scores and how far off they may be: by `left[i] + right[j]`.
///
/// Rows are filled up with columns whose share is NaN: these are never best.
#[derive(Clone, Copy, Debug)]
pub struct Bounds<'a> {
    /// `[left.len(), right.len()]`, as [`scores`] has them.
    pub scores: &'a [f32],
    /// The share of each row.
    pub left: &'a [f32],
    /// The share of each column; a multiple of 16.
    pub right: &'a [f32],
    /// By what a column's scores are multiplied in rows of the first kind, and of the second; not negative.
    pub weights: [&'a [f32]; 2],
    /// Rows of the second kind; every row is of the first if it is empty.
    pub second: &'a [bool],
}

/// Lanes of a row.
type Blocks<'a> = &'a [[f32; WIDTH]];

impl<'a> Bounds<'a> {
    fn check(&self) {
        let (m, n) = (self.left.len(), self.right.len());
        assert_eq!(n % WIDTH, 0, "near_cosine: right is no multiple of {WIDTH}");
        assert_eq!(Some(self.scores.len()), m.checked_mul(n), "near_cosine: scores are not [left, right]");
        assert!(self.second.is_empty() || self.second.len() == m, "near_cosine: kinds are not [left]");
        assert!(self.weights.iter().all(|w| w.len() == n), "near_cosine: weights are not [right]");
    }

    /// Scores and weights of a row.
    #[inline(always)]
    fn row(&self, i: usize) -> (Blocks<'a>, Blocks<'a>) {
        let n = self.right.len();
        let second = self.second.get(i) == Some(&true);
        (self.scores[i * n..][..n].as_chunks().0, self.weights[usize::from(second)].as_chunks().0)
    }
}

/// Writes what the best weighted score of each row and of each column has at least.
///
/// Class: same bits. NaN is never best.
///
/// # Shapes
/// `of_row`: `[left.len()]`; `of_column`: `[right.len()]`.
/// # Panics
/// If the lengths do not fit.
pub fn least_of_best(isa: Isa, bounds: Bounds, of_row: &mut [f32], of_column: &mut [f32]) {
    bounds.check();
    assert_eq!(of_row.len(), bounds.left.len(), "near_cosine: of_row is not [left]");
    assert_eq!(of_column.len(), bounds.right.len(), "near_cosine: of_column is not [right]");
    per_isa!(isa, least_body, (bounds: Bounds, of_row: &mut [f32], of_column: &mut [f32]))
}

#[inline(always)]
fn least_body(bounds: Bounds, of_row: &mut [f32], of_column: &mut [f32]) {
    of_column.fill(f32::NEG_INFINITY);
    let (right, columns) = (bounds.right.as_chunks::<WIDTH>().0, of_column.as_chunks_mut::<WIDTH>().0);
    for (i, best) in of_row.iter_mut().enumerate() {
        let (scores, weights) = bounds.row(i);
        let left = bounds.left[i];
        let mut lanes = [f32::NEG_INFINITY; WIDTH];
        for (((s, w), r), column) in scores.iter().zip(weights).zip(right).zip(columns.iter_mut()) {
            // Stored whole: a masked store, which the compiler may make, is slow on some CPUs.
            let mut of_columns = *column;
            for l in 0..WIDTH {
                let least = (s[l] - (left + r[l])) * w[l];
                lanes[l] = crate::lanes::larger(lanes[l], least);
                of_columns[l] = crate::lanes::larger(of_columns[l], least);
            }
            *column = of_columns;
        }
        let mut half = WIDTH / 2;
        while half > 0 {
            for l in 0..half {
                lanes[l] = crate::lanes::larger(lanes[l], lanes[l + half]);
            }
            half /= 2;
        }
        *best = lanes[0];
    }
}

/// Marks the pairs that may be best: [`ROW`] of their row, [`COLUMN`] of their column.
///
/// Class: exact.
///
/// # Shapes
/// Those of [`least_of_best`], which made `of_row` and `of_column`; `marks`: `[left.len(), right.len()]`.
/// # Panics
/// If the lengths do not fit.
pub fn may_be_best(isa: Isa, bounds: Bounds, of_row: &[f32], of_column: &[f32], marks: &mut [u8]) {
    bounds.check();
    assert_eq!(of_row.len(), bounds.left.len(), "near_cosine: of_row is not [left]");
    assert_eq!(of_column.len(), bounds.right.len(), "near_cosine: of_column is not [right]");
    assert_eq!(marks.len(), bounds.scores.len(), "near_cosine: marks are not [left, right]");
    per_isa!(isa, marks_body, (bounds: Bounds, of_row: &[f32], of_column: &[f32], marks: &mut [u8]))
}

#[inline(always)]
fn marks_body(bounds: Bounds, of_row: &[f32], of_column: &[f32], marks: &mut [u8]) {
    let n = bounds.right.len();
    let (right, columns) = (bounds.right.as_chunks::<WIDTH>().0, of_column.as_chunks::<WIDTH>().0);
    for (i, least) in of_row.iter().enumerate() {
        let (scores, weights) = bounds.row(i);
        let (left, marks) = (bounds.left[i], marks[i * n..][..n].as_chunks_mut::<WIDTH>().0);
        let blocks = scores.iter().zip(weights).zip(right).zip(columns).zip(marks);
        for ((((s, w), r), column), marks) in blocks {
            // Marks of 32 bits first, as wide as what is compared.
            let mut wide = [0_u32; WIDTH];
            for l in 0..WIDTH {
                let most = (s[l] + (left + r[l])) * w[l];
                let (of_row, of_column) = (u32::from(most >= *least), u32::from(most >= column[l]));
                wide[l] = of_row | (of_column << 1);
            }
            *marks = wide.map(|mark| mark as u8);
        }
    }
}
