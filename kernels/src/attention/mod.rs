//! Attention of all heads of one sequence: `softmax(q k^T * scale + mask) v`.
//!
//! Two calls, so that threads may share the work: [`pack`] puts the keys and values of all heads in the order that
//! the products read; [`rows`] computes a range of queries from that, with a scratch of its own. What a
//! query gives does not depend on the range it is computed in.
//!
//! # [`Form::I8`]
//! Scores are products of signed bytes: each query has its own scale, and so has each key, after the mean key of its head
//! is taken off, which a softmax does not see. The softmax is in `f32`, with base 2. Its weights have 14 bits relative to
//! the row's largest, because with 8 bits one key that stands out would round a few hundred others to nothing; values are
//! signed bytes with a scale for each feature. The weights are added up as they were rounded, so that the output is a true
//! average of the values.

#![expect(
    clippy::needless_range_loop,
    reason = "lanes and rows are indexed in plain loops, which become vectors"
)]

mod float;
mod int8;
#[cfg(test)]
mod tests;
mod vector;

use core::ops::Range;

use crate::Isa;

/// `q`, `k` or `v`: feature `c` of row `r` of head `h` is `data[h * head_stride + r * row_stride + c]`.
#[derive(Clone, Copy, Debug)]
pub struct Operand<'a> {
    /// The elements.
    pub data: &'a [f32],
    /// From a row to the next.
    pub row_stride: usize,
    /// From a head to the next.
    pub head_stride: usize,
}

/// What is added to the scores: that of query `i` and key `j` of head `h` gets `data[h * head_stride + i * row_stride +
/// j]`. A stride may be 0, for a mask that all heads or all queries share. -inf takes a key out.
#[derive(Clone, Copy, Debug)]
pub struct Mask<'a> {
    /// The elements.
    pub data: &'a [f32],
    /// From a head to the next.
    pub head_stride: usize,
    /// From a query to the next.
    pub row_stride: usize,
}

/// Where the result goes: feature `c` of head `h` of the `r`-th query of the range is written to `data[h * head_stride +
/// r * row_stride + c]`; nothing else is written.
#[derive(Debug)]
pub struct Output<'a> {
    /// The elements.
    pub data: &'a mut [f32],
    /// From a query to the next.
    pub row_stride: usize,
    /// From a head to the next.
    pub head_stride: usize,
}

/// How many of each there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Heads of `q` and of the output.
    pub heads: usize,
    /// Heads of `k` and `v`: a divisor of `heads`; each is shared by `heads / kv_heads` neighbours.
    pub kv_heads: usize,
    /// Rows of `q`.
    pub queries: usize,
    /// Rows of `k` and `v`.
    pub keys: usize,
    /// Features of a head of `q` and `k`.
    pub dim: usize,
    /// Features of a head of `v` and of the output.
    pub v_dim: usize,
}

/// What is done to the scores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// They are multiplied by this.
    pub scale: f32,
    /// Query `i` sees only the keys up to `i + keys - queries`.
    pub causal: bool,
    /// A query whose scores are all -inf gives 0, and not NaN.
    pub safe: bool,
}

/// The arithmetic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `f32` throughout.
    F32,
    /// Products in integers.
    I8,
}

/// The largest [`Shape::dim`]: a score then fits in `i32` with room to spare.
pub const MAX_DIM: usize = 4096;

/// Keys are packed in panels of so many, and features of values padded to a multiple of it.
const WIDTH: usize = 16;

/// The most queries that are in flight together.
const MOST_ROWS: usize = 8;

impl Shape {
    fn panels(&self) -> usize {
        self.keys.div_ceil(WIDTH)
    }

    /// Keys, filled up to whole panels.
    fn padded_keys(&self) -> usize {
        self.panels() * WIDTH
    }

    fn check(&self, name: &str) {
        assert!(
            self.kv_heads > 0 && self.heads.is_multiple_of(self.kv_heads) || self.heads == 0,
            "{name}: {} heads do not share {} key-value heads evenly",
            self.heads,
            self.kv_heads
        );
        assert!(self.dim <= MAX_DIM, "{name}: dim {} is above {MAX_DIM}", self.dim);
    }
}

impl<'a> Operand<'a> {
    /// One row of one head.
    #[inline(always)]
    fn row(&self, head: usize, row: usize, len: usize) -> &'a [f32] {
        &self.data[head * self.head_stride + row * self.row_stride..][..len]
    }

    fn check(&self, name: &str, [heads, rows, len]: [usize; 3]) {
        let needed = extent([heads, rows, len], [self.head_stride, self.row_stride]);
        let held = self.data.len();
        assert!(needed.is_some_and(|n| n <= held), "{name}: {held} elements are too few for its shape");
    }
}

/// Elements up to the last that these strides reach, if that can be counted.
fn extent([heads, rows, len]: [usize; 3], [head_stride, row_stride]: [usize; 2]) -> Option<usize> {
    if heads == 0 || rows == 0 || len == 0 {
        return Some(0);
    }
    let heads = (heads - 1).checked_mul(head_stride)?;
    let rows = (rows - 1).checked_mul(row_stride)?;
    heads.checked_add(rows)?.checked_add(len)
}

/// The work of one [`rows`] call, with everything checked.
struct Task<'a> {
    shape: Shape,
    options: Options,
    range: Range<usize>,
    q: Operand<'a>,
    v: Operand<'a>,
    mask: Option<Mask<'a>>,
    packed: &'a [f32],
    scratch: &'a mut [f32],
    out: Output<'a>,
}

impl Task<'_> {
    /// How many of the first keys query `i` may see.
    #[inline(always)]
    fn limit(&self, i: usize) -> usize {
        let keys = self.shape.keys;
        if self.options.causal { (i + 1 + keys).saturating_sub(self.shape.queries).min(keys) } else { keys }
    }

    /// [`Task::limit`] of `R` queries from `i` on.
    #[inline(always)]
    fn limits<const R: usize>(&self, i: usize) -> [usize; R] {
        let mut limits = [0; R];
        for r in 0..R {
            limits[r] = self.limit(i + r);
        }
        limits
    }

    /// The mask of one query; the empty row if there is none.
    #[inline(always)]
    fn mask_row(&self, head: usize, i: usize) -> &[f32] {
        match &self.mask {
            Some(mask) => &mask.data[head * mask.head_stride + i * mask.row_stride..][..self.shape.keys],
            None => &[],
        }
    }

    /// Where the output of one query goes.
    #[inline(always)]
    fn out_row(&mut self, head: usize, i: usize) -> &mut [f32] {
        let at = head * self.out.head_stride + (i - self.range.start) * self.out.row_stride;
        &mut self.out.data[at..][..self.shape.v_dim]
    }
}

/// Length of what [`pack`] writes and [`rows`] reads.
///
/// # Panics
/// As [`pack`] does for the shape.
pub fn packed_len(form: Form, shape: Shape) -> usize {
    shape.check("attention");
    match form {
        Form::F32 => float::packed_len(shape),
        Form::I8 => int8::packed_len(shape),
    }
}

/// Length of the scratch of one [`rows`] call, whatever its range.
///
/// # Panics
/// As [`pack`] does for the shape.
pub fn scratch_len(form: Form, shape: Shape) -> usize {
    shape.check("attention");
    match form {
        Form::F32 => float::scratch_len(shape),
        Form::I8 => int8::scratch_len(shape),
    }
}

/// Packs the keys and values of all heads for [`rows`] calls with the same `isa`, `form` and `shape`.
///
/// The content of `packed` is its own business; it differs from one instruction set to another.
///
/// # Shapes
/// `k`: `kv_heads` heads of `[keys, dim]`; `v`: `kv_heads` heads of `[keys, v_dim]`.
/// # Panics
/// If an operand is too short, `packed` shorter than [`packed_len`], `kv_heads` no divisor of `heads`, or `dim` above
/// [`MAX_DIM`].
/// # Cost
/// Each element is read once or twice; no allocation.
pub fn pack(isa: Isa, form: Form, shape: Shape, k: Operand, v: Operand, packed: &mut [f32]) {
    k.check("attention: k", [shape.kv_heads, shape.keys, shape.dim]);
    v.check("attention: v", [shape.kv_heads, shape.keys, shape.v_dim]);
    let len = packed_len(form, shape);
    assert!(packed.len() >= len, "attention: packed has {} of {len} elements", packed.len());
    let packed = &mut packed[..len];
    match form {
        Form::F32 => float::pack(isa, shape, [k, v], packed),
        Form::I8 => int8::pack(isa, shape, [k, v], packed),
    }
}

/// Whether all elements are 0, with either sign.
fn is_zero(isa: Isa, x: &[f32]) -> bool {
    #[inline(always)]
    fn body(x: &[f32]) -> bool {
        x.chunks(64).all(|x| x.iter().fold(0, |bits, x| bits | (x.to_bits() << 1)) == 0)
    }
    per_isa!(isa, body, (x: &[f32]) -> bool)
}

/// The attention of the queries in `range`, from keys and values that [`pack`] has packed.
///
/// Without keys the output is 0. In [`Form::F32`] each output is within 3e-6 of the true one, relatively to the largest
/// value (`dim` up to 128, scores up to 20). In [`Form::I8`] a `q` that is not finite makes NaN of its row, and a `k` or `v`
/// that is not finite of every row of its head, seen or not.
///
/// Class: same bits.
///
/// # Shapes
/// `q`: `heads` heads of `[queries, dim]`; `v`: as given to [`pack`], read again in [`Form::F32`] for a few queries; `out`: `heads` heads of
/// `[range.len(), v_dim]`.
/// # Panics
/// If the range exceeds `queries`, an operand, the mask or the output is too short, `packed` or `scratch` is shorter than
/// [`packed_len`] or [`scratch_len`], or the shape is not one that [`pack`] takes.
/// # Cost
/// `range.len() * keys * (dim + v_dim) * heads` multiply-adds, and one exponential for each score; causal, only what is
/// seen. No allocation.
#[expect(clippy::too_many_arguments, reason = "operands, and where the work is done")]
pub fn rows(
    isa: Isa,
    form: Form,
    shape: Shape,
    options: Options,
    range: Range<usize>,
    q: Operand,
    v: Operand,
    mask: Option<Mask>,
    packed: &[f32],
    scratch: &mut [f32],
    out: Output,
) {
    let (packed_len, scratch_len) = (packed_len(form, shape), scratch_len(form, shape));
    let Shape { heads, kv_heads, queries, keys, dim, v_dim } = shape;
    assert!(range.start <= range.end && range.end <= queries, "attention: {range:?} of {queries} queries");
    q.check("attention: q", [heads, queries, dim]);
    v.check("attention: v", [kv_heads, keys, v_dim]);
    if let Some(mask) = &mask {
        let needed = extent([heads, queries, keys], [mask.head_stride, mask.row_stride]);
        let held = mask.data.len();
        assert!(
            needed.is_some_and(|n| n <= held),
            "attention: mask: {held} elements are too few for its shape"
        );
    }
    let needed = extent([heads, range.len(), v_dim], [out.head_stride, out.row_stride]);
    assert!(needed.is_some_and(|n| n <= out.data.len()), "attention: out: too few elements for its shape");
    assert!(packed.len() >= packed_len, "attention: packed has {} of {packed_len} elements", packed.len());
    assert!(
        scratch.len() >= scratch_len,
        "attention: scratch has {} of {scratch_len} elements",
        scratch.len()
    );
    // What most texts have: every key may be seen by all. Adding zeroes would take time, and change nothing. What each head
    // has of its own is not looked through: that takes as long as adding it.
    let mask = mask.filter(|mask| {
        let rows = if mask.row_stride == 0 { 0..range.len().min(1) } else { range.clone() };
        // Without heads there may be none.
        let row = |i: usize| mask.data.get(i * mask.row_stride..).and_then(|rest| rest.get(..keys));
        let is_zero = |i: usize| row(i).is_some_and(|row| is_zero(isa, row));
        mask.head_stride != 0 || !rows.into_iter().all(is_zero)
    });
    let (packed, scratch) = (&packed[..packed_len], &mut scratch[..scratch_len]);
    let mut task = Task { shape, options, range, q, v, mask, packed, scratch, out };
    if keys == 0 {
        for head in 0..heads {
            for i in task.range.clone() {
                task.out_row(head, i).fill(0.0);
            }
        }
        return;
    }
    match form {
        Form::F32 => float::rows(isa, task),
        Form::I8 => int8::rows(isa, task),
    }
}
