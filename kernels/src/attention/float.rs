//! Attention in `f32`: portable bodies, compiled for each instruction set.
//!
//! Each score sums over the features in their order, each output over the keys in theirs; a tile only says how many are in
//! flight together.

use core::ops::Range;

use super::{MOST_ROWS, Operand, Shape, Task, WIDTH, vector};
use crate::Isa;
use crate::exp::exp_f32;
use crate::lanes::larger;

/// From so many queries on, the values of a head are packed; below, they are read where they are, once or a few times.
const MANY: usize = 8;

/// Keys of all heads, `[kv_heads, panels, dim, WIDTH]`; then, for many queries, values `[kv_heads, keys, features]`, close
/// together, because rows that are a power of two apart would push each other out of the cache.
pub(super) fn packed_len(shape: Shape) -> usize {
    shape.kv_heads * (shape.padded_keys() * shape.dim + shape.keys * features(shape))
}

/// Features of packed values, filled up to whole [`WIDTH`]s; 0 if they are not packed.
#[inline(always)]
fn features(shape: Shape) -> usize {
    if shape.queries < MANY { 0 } else { shape.v_dim.next_multiple_of(WIDTH) }
}

/// Scores of the rows in flight.
pub(super) fn scratch_len(shape: Shape) -> usize {
    MOST_ROWS * shape.padded_keys()
}

pub(super) fn pack(isa: Isa, shape: Shape, [k, v]: [Operand; 2], packed: &mut [f32]) {
    let Shape { kv_heads, keys, dim, v_dim, .. } = shape;
    let (packed_keys, packed_values) = packed.split_at_mut(kv_heads * shape.padded_keys() * dim);
    let panels = packed_keys.chunks_exact_mut((WIDTH * dim).max(1));
    for (number, panel) in panels.enumerate() {
        let (head, first) = (number / shape.panels(), number % shape.panels() * WIDTH);
        // The last key stands in for those that are missing; their scores are not used.
        let count = WIDTH.min(keys - first);
        let rows = &k.data[head * k.head_stride + first * k.row_stride..];
        let (parts, rest) = panel.as_chunks_mut::<WIDTH>().0.as_chunks_mut::<WIDTH>();
        for (n, part) in parts.iter_mut().enumerate() {
            vector::columns(isa, &rows[n * WIDTH..], k.row_stride, count, part);
        }
        for (c, lanes) in rest.iter_mut().enumerate() {
            for (r, lane) in lanes.iter_mut().enumerate() {
                *lane = rows[r.min(count - 1) * k.row_stride + dim - dim % WIDTH + c];
            }
        }
    }
    let values = packed_values.chunks_exact_mut(features(shape).max(1));
    for (number, out) in values.enumerate() {
        let (out, rest) = out.split_at_mut(v_dim);
        out.copy_from_slice(v.row(number / keys, number % keys, v_dim));
        rest.fill(0.0);
    }
}

pub(super) fn rows(isa: Isa, task: Task) {
    per_isa!(isa, {
        scalar: rows_body::<2>, avx2: rows_body::<4>, avx512: rows_body::<8>, neon: rows_body::<4>
    }, (task: Task))
}

/// All rows, `R` at a time, then one at a time.
#[inline(always)]
fn rows_body<const R: usize>(mut task: Task) {
    for head in 0..task.shape.heads {
        let Range { mut start, end } = task.range.clone();
        while start + R <= end {
            block::<R>(&mut task, head, start);
            start += R;
        }
        while start < end {
            block::<1>(&mut task, head, start);
            start += 1;
        }
    }
}

#[inline(always)]
fn block<const R: usize>(task: &mut Task, head: usize, i: usize) {
    let Shape { heads, kv_heads, dim, v_dim, .. } = task.shape;
    let kv_head = head / (heads / kv_heads);
    let limits = task.limits::<R>(i);
    let padded = task.shape.padded_keys();
    let used = limits[R - 1].div_ceil(WIDTH);

    let mut q: [&[f32]; R] = [&[]; R];
    for r in 0..R {
        q[r] = task.q.row(head, i + r, dim);
    }
    let scratch = core::mem::take(&mut task.scratch);
    // The scores of the rows for one panel stand together.
    let all = &mut scratch.as_chunks_mut::<WIDTH>().0.as_chunks_mut::<R>().0[..used];
    let panels = &task.packed[kv_head * padded * dim..][..padded * dim];
    for (n, tile) in all.iter_mut().enumerate() {
        let panel = panels[n * WIDTH * dim..][..WIDTH * dim].as_chunks::<WIDTH>().0;
        *tile = scores(q, panel);
    }

    let mut factors = [0.0; R];
    for r in 0..R {
        let mask = task.mask_row(head, i + r);
        factors[r] = softmax(all, r, limits[r], mask, task.options.scale, task.options.safe);
    }

    let features = features(task.shape);
    let values = if features > 0 {
        let at = kv_heads * padded * dim + kv_head * task.shape.keys * features;
        Values { data: &task.packed[at..], stride: features, padded: features, column: 0 }
    } else {
        let data = &task.v.data[kv_head * task.v.head_stride..];
        Values { data, stride: task.v.row_stride, padded: v_dim, column: 0 }
    };
    let mut column = 0;
    while column + 2 * WIDTH <= values.padded {
        output::<R, 2, true>(task, [head, i], all, Values { column, ..values }, limits, factors);
        column += 2 * WIDTH;
    }
    while column + WIDTH <= values.padded {
        output::<R, 1, true>(task, [head, i], all, Values { column, ..values }, limits, factors);
        column += WIDTH;
    }
    if column < values.padded {
        output::<R, 1, false>(task, [head, i], all, Values { column, ..values }, limits, factors);
    }
    task.scratch = scratch;
}

/// The products of `R` queries with the keys of one panel.
#[inline(always)]
fn scores<const R: usize>(mut q: [&[f32]; R], panel: &[[f32; WIDTH]]) -> [[f32; WIDTH]; R] {
    for r in 0..R {
        q[r] = &q[r][..panel.len()];
    }
    let mut sums = [[0.0; WIDTH]; R];
    for c in 0..panel.len() {
        for r in 0..R {
            let x = q[r][c];
            for l in 0..WIDTH {
                sums[r][l] += x * panel[c][l];
            }
        }
    }
    sums
}

/// Turns the products of row `r` into weights, of which the largest is 1 and those at `limit` and beyond are 0. Returns what
/// their sum must be multiplied by to be 1: NaN, if they are worthless, and 0 if the output is to be 0.
#[inline(always)]
fn softmax<const R: usize>(
    all: &mut [[[f32; WIDTH]; R]],
    r: usize,
    limit: usize,
    mask: &[f32],
    scale: f32,
    safe: bool,
) -> f32 {
    let mut best = [f32::NEG_INFINITY; WIDTH];
    for (n, tile) in all.iter_mut().enumerate() {
        let x = &mut tile[r];
        for l in 0..WIDTH {
            x[l] *= scale;
        }
        if !mask.is_empty() {
            let given = &mask[n * WIDTH..];
            for (x, mask) in x.iter_mut().zip(given) {
                *x += mask;
            }
        }
        if (n + 1) * WIDTH > limit {
            for l in 0..WIDTH {
                x[l] = if n * WIDTH + l < limit { x[l] } else { f32::NEG_INFINITY };
            }
        }
        for l in 0..WIDTH {
            best[l] = larger(best[l], x[l]);
        }
    }
    let max = fold(best, larger);
    if max == f32::NEG_INFINITY {
        // All -inf, unless there are NaNs.
        let mut masked = true;
        for tile in all {
            for x in &mut tile[r] {
                masked &= *x == f32::NEG_INFINITY;
                *x = 0.0;
            }
        }
        return if safe && masked { 0.0 } else { f32::NAN };
    }
    let mut sums = [0.0; WIDTH];
    for tile in all {
        let x = &mut tile[r];
        for l in 0..WIDTH {
            x[l] = exp_f32(x[l] - max);
        }
        for l in 0..WIDTH {
            sums[l] += x[l];
        }
    }
    1.0 / fold(sums, |x, y| x + y)
}

/// Folds the lanes 16 -> 8 -> 4 -> 2 -> 1, the upper half into the lower.
#[inline(always)]
fn fold(mut lanes: [f32; WIDTH], join: impl Fn(f32, f32) -> f32) -> f32 {
    let mut half = WIDTH / 2;
    while half > 0 {
        for l in 0..half {
            lanes[l] = join(lanes[l], lanes[l + half]);
        }
        half /= 2;
    }
    lanes[0]
}

/// The values of one head, of which the features from `column` on are wanted.
#[derive(Clone, Copy)]
struct Values<'a> {
    data: &'a [f32],
    /// From a key to the next.
    stride: usize,
    /// Features that can be read.
    padded: usize,
    column: usize,
}

impl Values<'_> {
    /// Those of one key. `FULL` says that so many can be read; else there is 0 in the place of those that are missing.
    #[inline(always)]
    fn of<const C: usize, const FULL: bool>(&self, key: usize) -> [[f32; WIDTH]; C] {
        let mut y = [[0.0; WIDTH]; C];
        let width = if FULL { C * WIDTH } else { self.padded - self.column };
        y.as_flattened_mut()[..width].copy_from_slice(&self.data[key * self.stride + self.column..][..width]);
        y
    }
}

/// Writes `C` times [`WIDTH`] columns of `R` rows.
#[inline(always)]
fn output<const R: usize, const C: usize, const FULL: bool>(
    task: &mut Task,
    [head, i]: [usize; 2],
    all: &[[[f32; WIDTH]; R]],
    values: Values,
    limits: [usize; R],
    factors: [f32; R],
) {
    // As far as every row sees every key of a panel, the rows go together; the rest is done row by row, so that a row never
    // meets a value it does not see: 0 times an infinity would show.
    let joint = limits[0] / WIDTH;
    let mut sums = [[[0.0; WIDTH]; C]; R];
    for (n, tile) in all[..joint].iter().enumerate() {
        for k in 0..WIDTH {
            let y = values.of::<C, FULL>(n * WIDTH + k);
            for r in 0..R {
                let x = tile[r][k];
                for c in 0..C {
                    for l in 0..WIDTH {
                        sums[r][c][l] += x * y[c][l];
                    }
                }
            }
        }
    }
    for r in 0..R {
        let mut row = sums[r];
        for j in joint * WIDTH..limits[r] {
            let y = values.of::<C, FULL>(j);
            let x = all[j / WIDTH][r][j % WIDTH];
            for c in 0..C {
                for l in 0..WIDTH {
                    row[c][l] += x * y[c][l];
                }
            }
        }
        let out = &mut task.out_row(head, i + r)[values.column..];
        for (out, sum) in out.iter_mut().zip(row.as_flattened()) {
            *out = sum * factors[r];
        }
    }
}
