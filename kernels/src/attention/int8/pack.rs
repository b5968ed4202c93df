//! Bytes of rows, and the order in which they are kept.

use super::{Layout, Operand, Packed, Shape, WIDTH, words, words_mut};
use crate::attention::vector::Vector;

/// 1.5 * 2^23: adding it rounds to an integer, ties to even, and leaves that integer in the low bits.
const ROUND: f32 = 12_582_912.0;

/// Packs the keys and values of all heads; see [`Packed`].
#[inline(always)]
pub(super) fn pack(by: impl Vector, layout: Layout, shape: Shape, [k, v]: [Operand; 2], packed: &mut [f32]) {
    let parts = Packed::of(layout, shape);
    let (heads, rest) = packed.split_at_mut(shape.kv_heads * parts.len());
    let dim = shape.dim.next_multiple_of(WIDTH);
    let (mean, rest) = rest.split_at_mut(dim);
    let columns = &mut rest[..dim * WIDTH];
    for (head, packed) in heads.chunks_exact_mut(parts.len().max(1)).enumerate() {
        let [keys_at, values_at] = parts.parts();
        let (header, body) = packed.split_at_mut(keys_at);
        let (keys, values) = body.split_at_mut(values_at - keys_at);
        let (flag, scales) = header.split_at_mut(WIDTH);
        let largest_scale = pack_keys(by, layout, shape, head, k, [mean, columns], keys);
        let bad_values = pack_values(by, shape, head, v, scales, values);
        flag.fill(0.0);
        flag[0] = if bad_values { f32::NAN } else { 0.0 };
        flag[1] = largest_scale;
    }
}

/// `tail`, filled up with zeroes.
#[inline(always)]
fn padded(tail: &[f32]) -> [f32; WIDTH] {
    let mut part = [0.0; WIDTH];
    part[..tail.len()].copy_from_slice(tail);
    part
}

/// What one step of a signed byte is worth if `largest` is the largest magnitude, and what to multiply by. Magnitudes too
/// small to be divided by count as 0. NaN if `largest` is not finite.
#[inline(always)]
fn steps(largest: f32) -> [f32; 2] {
    let factor = if largest < 1e-30 { 0.0 } else { 127.0 / largest };
    let scale = largest * (1.0 / 127.0);
    if largest < f32::INFINITY { [scale, factor] } else { [f32::NAN, 0.0] }
}

/// The integer nearest to each element times the factor of its lane, ties to even, in the low bits.
#[inline(always)]
fn round<V: Vector>(by: V, x: V::Words, factors: V::Words) -> V::Words {
    by.add_f32(by.mul_f32(x, factors), by.splat_f32(ROUND))
}

/// Two integers in each word.
#[inline(always)]
fn pair<V: Vector>(by: V, low: V::Words, high: V::Words) -> V::Words {
    by.or(by.and(low, by.splat(0xffff)), by.shift::<16>(high))
}

/// Writes the columns of [`WIDTH`] rows from `first` on, up to `end`; the last one stands in for those that are missing.
#[inline(always)]
fn columns_of(
    by: impl Vector,
    x: Operand,
    [head, dim]: [usize; 2],
    [first, end]: [usize; 2],
    out: &mut [[f32; WIDTH]],
) {
    let (x, stride, rows) =
        (&x.data[head * x.head_stride + first * x.row_stride..], x.row_stride, end - first);
    let rows = rows.min(WIDTH);
    for (n, out) in out.as_chunks_mut::<WIDTH>().0.iter_mut().enumerate() {
        if (n + 1) * WIDTH <= dim {
            by.columns(&x[n * WIDTH..], stride, rows, out);
        } else {
            let mut filled = [[0.0; WIDTH]; WIDTH];
            for (l, row) in filled[..rows].iter_mut().enumerate() {
                *row = padded(&x[l * stride..][n * WIDTH..dim]);
            }
            by.columns(filled.as_flattened(), WIDTH, rows, out);
        }
    }
}

/// Rounds rows whose columns these are, less what `mean` has for each, into words with `flip` in each byte. Returns the scale
/// of each, and the sum of its integers.
///
/// Which features share a word does not matter, as long as it is the same for queries and keys: those that are half a part
/// from each other, or a quarter.
#[inline(always)]
fn rounded<V: Vector>(
    by: V,
    layout: Layout,
    columns: &mut [[f32; WIDTH]],
    mean: Option<&[f32]>,
    flip: u32,
    words: &mut [[u32; WIDTH]],
) -> ([f32; WIDTH], [i32; WIDTH]) {
    // Magnitudes are compared by their bits: those of a NaN are above all others.
    let (mut best, magnitude) = (by.splat(0), by.splat(0x7fff_ffff));
    match mean {
        None => {
            for column in &*columns {
                best = by.larger(by.and(by.load_f32(column), magnitude), best);
            }
        }
        Some(mean) => {
            for (column, mean) in columns.iter_mut().zip(mean) {
                let x = by.sub_f32(by.load_f32(column), by.splat_f32(*mean));
                by.store_f32(x, column);
                best = by.larger(by.and(x, magnitude), best);
            }
        }
    }
    let (mut scales, mut factors) = ([0.0; WIDTH], [0.0; WIDTH]);
    by.store_f32(best, &mut scales);
    for l in 0..WIDTH {
        [scales[l], factors[l]] = steps(scales[l]);
    }
    let factors = by.load_f32(&factors);
    let (mut sums, bytes, flips) = (by.splat(0), by.splat(0xff), by.splat(flip));
    let per_part = layout.words(WIDTH);
    for (columns, words) in columns.as_chunks::<WIDTH>().0.iter().zip(words.chunks_exact_mut(per_part)) {
        let step = per_part;
        for (w, words) in words.iter_mut().enumerate() {
            let first = round(by, by.load_f32(&columns[w]), factors);
            let second = round(by, by.load_f32(&columns[w + step]), factors);
            sums = by.add(sums, by.add(first, second));
            if layout == Layout::Pairs {
                by.store(pair(by, first, second), words);
                continue;
            }
            let third = round(by, by.load_f32(&columns[w + 2 * step]), factors);
            let fourth = round(by, by.load_f32(&columns[w + 3 * step]), factors);
            sums = by.add(sums, by.add(third, fourth));
            let low = by.or(by.and(first, bytes), by.shift::<8>(by.and(second, bytes)));
            let high = by.or(by.shift::<16>(by.and(third, bytes)), by.shift::<24>(fourth));
            by.store(by.xor(by.or(low, high), flips), words);
        }
    }
    // What stands above the integers was added up, too.
    let above = ROUND.to_bits().wrapping_mul(columns.len() as u32);
    let mut integers = [0; WIDTH];
    by.store(sums, &mut integers);
    (scales, integers.map(|sum| sum.wrapping_sub(above) as i32))
}

/// Packs the keys of a head. Returns their largest scale; NaN if an element is not finite.
#[inline(always)]
fn pack_keys(
    by: impl Vector,
    layout: Layout,
    shape: Shape,
    head: usize,
    k: Operand,
    [mean, columns]: [&mut [f32]; 2],
    packed: &mut [f32],
) -> f32 {
    let Shape { keys, dim, .. } = shape;
    if keys == 0 {
        return 0.0;
    }
    mean.fill(0.0);
    over_keys([head, keys], k, &mut mean[..dim], |sum, x| sum + x);
    let share = 1.0 / keys as f32;
    for sum in &mut *mean {
        *sum *= share;
    }
    let columns = columns.as_chunks_mut::<WIDTH>().0;
    let count = layout.words(dim);
    let mut most = 0.0_f32;
    for (number, panel) in packed.chunks_exact_mut((count + 2) * WIDTH).enumerate() {
        let (panel, own) = panel.split_at_mut((count + 1) * WIDTH);
        let (panel, starts) = words_mut(panel).split_at_mut(count * WIDTH);
        // The scores of keys that stand in for others are not used.
        columns_of(by, k, [head, dim], [number * WIDTH, keys], columns);
        let panel = panel.as_chunks_mut::<WIDTH>().0;
        let (scales, sums) = rounded(by, layout, columns, Some(mean), 0, panel);
        for scale in scales {
            most = if scale <= most { most } else { scale };
        }
        own.copy_from_slice(&scales);
        for l in 0..WIDTH {
            let sum = if layout == Layout::OffsetQuads { sums[l] } else { 0 };
            starts[l] = sum.wrapping_mul(-128) as u32;
        }
    }
    most
}

/// The `n`-th [`WIDTH`] features of a row, filled up with zeroes.
#[inline(always)]
fn part_of<V: Vector>(by: V, row: &[f32], n: usize) -> V::Words {
    let row = row.get(n * WIDTH..).unwrap_or(&[]);
    match row.first_chunk() {
        Some(part) => by.load_f32(part),
        None => by.load_f32(&padded(row)),
    }
}

/// Joins the rows of all keys into `out`, feature by feature, as many side by side as stay in registers.
#[inline(always)]
fn over_keys([head, keys]: [usize; 2], x: Operand, out: &mut [f32], join: impl Fn(f32, f32) -> f32 + Copy) {
    let dim = out.len();
    let (parts, tail) = out.as_chunks_mut::<{ 2 * WIDTH }>();
    let whole = parts.len() * 2 * WIDTH;
    for (n, part) in parts.iter_mut().enumerate() {
        let mut lanes = *part;
        for j in 0..keys {
            let row = &x.row(head, j, dim)[n * 2 * WIDTH..][..2 * WIDTH];
            for l in 0..2 * WIDTH {
                lanes[l] = join(lanes[l], row[l]);
            }
        }
        *part = lanes;
    }
    for j in 0..keys {
        for (lane, x) in tail.iter_mut().zip(&x.row(head, j, dim)[whole..]) {
            *lane = join(*lane, *x);
        }
    }
}

#[inline(always)]
fn pack_values(
    by: impl Vector,
    shape: Shape,
    head: usize,
    v: Operand,
    scales: &mut [f32],
    packed: &mut [f32],
) -> bool {
    let Shape { keys, v_dim, .. } = shape;
    let features = scales.len();
    let mut bad = false;
    // The largest magnitudes, then what to multiply by, and the scales at last.
    scales.fill(0.0);
    over_keys([head, keys], v, &mut scales[..v_dim], |best, x| {
        let (best, x) = (best.to_bits(), x.to_bits() & 0x7fff_ffff);
        // Between the bits, where a NaN is above all others.
        f32::from_bits(if x > best { x } else { best })
    });
    for x in &mut *scales {
        let [scale, factor] = steps(*x);
        bad |= scale.is_nan();
        *x = factor;
    }
    let panels = words_mut(packed).chunks_exact_mut(features.max(1) * (WIDTH / 2));
    for (n, panel) in panels.enumerate() {
        for (l, words) in panel.chunks_exact_mut(features).enumerate() {
            let (low, high) = (n * WIDTH + l, n * WIDTH + l + WIDTH / 2);
            let row = |j: usize| if j < keys { v.row(head, j, v_dim) } else { &[] };
            let (low, high) = (row(low), row(high));
            let factors = scales.as_chunks::<WIDTH>().0;
            for (n, (words, factors)) in words.as_chunks_mut::<WIDTH>().0.iter_mut().zip(factors).enumerate()
            {
                let factors = by.load_f32(factors);
                let low = round(by, part_of(by, low, n), factors);
                let high = round(by, part_of(by, high, n), factors);
                by.store(pair(by, low, high), words);
            }
        }
    }
    for x in scales {
        *x = if *x > 0.0 { 1.0 / *x } else { 0.0 };
    }
    bad
}

/// Rounds the queries from `first` on, [`WIDTH`] of them or up to `end`, into `words`, and returns their scales.
#[inline(always)]
pub(super) fn queries(
    by: impl Vector,
    layout: Layout,
    q: Operand,
    [head, dim]: [usize; 2],
    rows: [usize; 2],
    columns: &mut [[f32; WIDTH]],
    words: &mut [[u32; WIDTH]],
) -> [f32; WIDTH] {
    columns_of(by, q, [head, dim], rows, columns);
    // 128 more, modulo 256, in each byte.
    let flip = match layout {
        Layout::Pairs | Layout::Quads => 0,
        Layout::OffsetQuads => 0x8080_8080,
    };
    rounded(by, layout, columns, None, flip, words).0
}

/// The words of a packed panel of keys, the last of which say where the sums start, and the scales of its keys.
#[inline(always)]
pub(super) fn panel(panel: &[f32], count: usize) -> (&[[u32; WIDTH]], &[f32; WIDTH]) {
    let (panel, scales) = panel.split_at((count + 1) * WIDTH);
    (words(panel).as_chunks().0, &scales.as_chunks().0[0])
}

/// Writes sums of weighted bytes, from feature `column` on, as the numbers they stand for.
#[inline(always)]
pub(super) fn scaled<V: Vector>(
    by: V,
    sums: V::Words,
    scales: &[f32; WIDTH],
    factor: f32,
    column: usize,
    out: &mut [f32],
) {
    let x = by.mul_f32(sums, by.mul_f32(by.load_f32(scales), by.splat_f32(factor)));
    let out = &mut out[column..];
    match out.first_chunk_mut() {
        Some(out) => by.store_f32(x, out),
        None => {
            let mut lanes = [0.0; WIDTH];
            by.store_f32(x, &mut lanes);
            out.copy_from_slice(&lanes[..out.len()]);
        }
    }
}
