//! Bytes of rows, and the order in which they are kept.

use super::{Layout, Operand, Packed, Shape, WIDTH, words_mut};

/// 1.5 * 2^23: adding it rounds to an integer, ties to even, and leaves that integer in the low bits.
const ROUND: f32 = 12_582_912.0;

/// Packs the keys and values of all heads; see [`Packed`].
#[inline(always)]
pub(super) fn pack(layout: Layout, shape: Shape, [k, v]: [Operand; 2], packed: &mut [f32]) {
    let parts = Packed::of(layout, shape);
    let (heads, rest) = packed.split_at_mut(shape.kv_heads * parts.len());
    let (mean, rows) = rest.split_at_mut(shape.dim.next_multiple_of(WIDTH));
    for (head, packed) in heads.chunks_exact_mut(parts.len().max(1)).enumerate() {
        let [keys_at, values_at] = parts.parts();
        let (header, body) = packed.split_at_mut(keys_at);
        let (keys, values) = body.split_at_mut(values_at - keys_at);
        let (flag, scales) = header.split_at_mut(WIDTH);
        let largest_scale = pack_keys(layout, shape, head, k, [mean, rows], keys);
        let bad_values = pack_values(shape, head, v, scales, values);
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

/// Makes each lane the larger of itself and the bits of a magnitude: those of a NaN are above all others.
#[inline(always)]
fn larger_bits(best: &mut [u32; WIDTH], x: &[f32; WIDTH]) {
    for l in 0..WIDTH {
        let bits = x[l].to_bits() & 0x7fff_ffff;
        best[l] = if bits > best[l] { bits } else { best[l] };
    }
}

/// The largest lane.
#[inline(always)]
fn largest(mut best: [u32; WIDTH]) -> f32 {
    let mut half = WIDTH / 2;
    while half > 0 {
        for l in 0..half {
            best[l] = best[l].max(best[l + half]);
        }
        half /= 2;
    }
    f32::from_bits(best[0])
}

/// What one step of a signed byte is worth if `largest` is the largest magnitude, and what to multiply by. Magnitudes too
/// small to be divided by count as 0. NaN if `largest` is not finite.
#[inline(always)]
fn steps(largest: f32) -> [f32; 2] {
    let factor = if largest < 1e-30 { 0.0 } else { 127.0 / largest };
    let scale = largest * (1.0 / 127.0);
    if largest < f32::INFINITY { [scale, factor] } else { [f32::NAN, 0.0] }
}

/// The integer nearest to each element times `factor`, ties to even, in the low bits.
#[inline(always)]
fn round(x: &[f32; WIDTH], factor: f32) -> [u32; WIDTH] {
    let mut bits = [0; WIDTH];
    for l in 0..WIDTH {
        bits[l] = (x[l] * factor + ROUND).to_bits();
    }
    bits
}

/// Two integers in each word. Which features share a word does not matter, as long as it is the same for queries and keys:
/// those that are half a part from each other, or a quarter in [`quads`].
#[inline(always)]
fn pairs(x: [u32; WIDTH]) -> [u32; WIDTH / 2] {
    let mut words = [0; WIDTH / 2];
    for l in 0..WIDTH / 2 {
        words[l] = x[l] & 0xffff | x[l + WIDTH / 2] << 16;
    }
    words
}

/// Four integers in each word.
#[inline(always)]
fn quads(x: [u32; WIDTH]) -> [u32; WIDTH / 4] {
    const STEP: usize = WIDTH / 4;
    let mut words = [0; STEP];
    for l in 0..STEP {
        let low = x[l] & 0xff | (x[l + STEP] & 0xff) << 8;
        words[l] = low | (x[l + 2 * STEP] & 0xff) << 16 | x[l + 3 * STEP] << 24;
    }
    words
}

/// Writes the words of the `part`-th [`WIDTH`] features of a row.
#[inline(always)]
fn put(layout: Layout, x: [u32; WIDTH], row: &mut [u32], part: usize) {
    match layout {
        Layout::Pairs => row[part * (WIDTH / 2)..][..WIDTH / 2].copy_from_slice(&pairs(x)),
        Layout::Quads | Layout::OffsetQuads => {
            row[part * (WIDTH / 4)..][..WIDTH / 4].copy_from_slice(&quads(x));
        }
    }
}

/// Puts `N` rows side by side: the columns of `rows` become rows of `out`. The length of a row is a multiple of 4.
///
/// A step of its own: rows whose words went straight to their columns would be computed word by word.
#[inline(always)]
pub(super) fn transpose<const N: usize>(rows: &[u32], out: &mut [[u32; N]]) {
    let count = out.len();
    for (four, out) in out.as_chunks_mut::<4>().0.iter_mut().enumerate() {
        for n in 0..N {
            let mut words = [0; 4];
            words.copy_from_slice(&rows[n * count + four * 4..][..4]);
            for w in 0..4 {
                out[w][n] = words[w];
            }
        }
    }
}

/// Packs the keys of a head. Returns their largest scale; NaN if an element is not finite.
#[inline(always)]
fn pack_keys(
    layout: Layout,
    shape: Shape,
    head: usize,
    k: Operand,
    [mean, rows]: [&mut [f32]; 2],
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
    let mean = mean.as_chunks::<WIDTH>().0;
    let count = layout.words(dim);
    let rows = &mut words_mut(rows)[..WIDTH * count];
    let mut most = 0.0_f32;
    for (number, panel) in packed.chunks_exact_mut((count + 2) * WIDTH).enumerate() {
        let (panel, scales) = panel.split_at_mut((count + 1) * WIDTH);
        let (panel, starts) = words_mut(panel).split_at_mut(count * WIDTH);
        let panel = panel.as_chunks_mut::<WIDTH>().0;
        // The last key stands in for those that are missing; their scores are not used.
        // All keys go through each step together: one after the other, each would wait for its own scale.
        let mut bests = [[0; 4]; WIDTH];
        for l in 0..WIDTH {
            let mut best = [0; WIDTH];
            let row = k.row(head, (number * WIDTH + l).min(keys - 1), dim);
            for n in 0..mean.len() {
                larger_bits(&mut best, &less(&part_of(row, n), &mean[n]));
            }
            for i in 0..4 {
                let (a, b) = (best[i].max(best[i + 8]), best[i + 4].max(best[i + 12]));
                bests[l][i] = a.max(b);
            }
        }
        let mut factors = [0.0; WIDTH];
        for l in 0..WIDTH {
            let [a, b, c, d] = bests[l];
            let [scale, factor] = steps(f32::from_bits(a.max(b).max(c.max(d))));
            (scales[l], factors[l]) = (scale, factor);
        }
        for &scale in &*scales {
            most = if scale <= most { most } else { scale };
        }
        for l in 0..WIDTH {
            let words = &mut rows[l * count..][..count];
            let row = k.row(head, (number * WIDTH + l).min(keys - 1), dim);
            for n in 0..mean.len() {
                put(layout, round(&less(&part_of(row, n), &mean[n]), factors[l]), words, n);
            }
        }
        transpose(rows, panel);
        let mut sums = [0_i32; WIDTH];
        if layout == Layout::OffsetQuads {
            for words in &*panel {
                for l in 0..WIDTH {
                    let x = words[l] as i32;
                    sums[l] += (x << 24 >> 24) + (x << 16 >> 24) + (x << 8 >> 24) + (x >> 24);
                }
            }
        }
        for l in 0..WIDTH {
            starts[l] = (sums[l] * -128) as u32;
        }
    }
    most
}

/// The `n`-th [`WIDTH`] features of a row, filled up with zeroes.
#[inline(always)]
fn part_of(row: &[f32], n: usize) -> [f32; WIDTH] {
    match row[n * WIDTH..].first_chunk() {
        Some(part) => *part,
        None => padded(&row[n * WIDTH..]),
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

/// Some features of a key, less those of the mean key.
#[inline(always)]
fn less(x: &[f32; WIDTH], mean: &[f32; WIDTH]) -> [f32; WIDTH] {
    let mut less = [0.0; WIDTH];
    for l in 0..WIDTH {
        less[l] = x[l] - mean[l];
    }
    less
}

#[inline(always)]
fn pack_values(shape: Shape, head: usize, v: Operand, scales: &mut [f32], packed: &mut [f32]) -> bool {
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
            words[v_dim..].fill(0);
            let words = &mut words[..v_dim];
            let factors = &scales[..v_dim];
            if high < keys {
                let (low, high) = (v.row(head, low, v_dim), v.row(head, high, v_dim));
                for c in 0..v_dim {
                    let (low, high) = (low[c] * factors[c] + ROUND, high[c] * factors[c] + ROUND);
                    words[c] = low.to_bits() & 0xffff | high.to_bits() << 16;
                }
            } else if low < keys {
                let x = v.row(head, low, v_dim);
                for c in 0..v_dim {
                    words[c] = (x[c] * factors[c] + ROUND).to_bits() & 0xffff;
                }
            } else {
                words.fill(0);
            }
        }
    }
    for x in scales {
        *x = if *x > 0.0 { 1.0 / *x } else { 0.0 };
    }
    bad
}

/// Rounds a query into `words`, and returns its scale.
#[inline(always)]
pub(super) fn query(layout: Layout, q: &[f32], words: &mut [u32]) -> f32 {
    let mut best = [0; WIDTH];
    let parts = q.len().div_ceil(WIDTH);
    for n in 0..parts {
        larger_bits(&mut best, &part_of(q, n));
    }
    let [scale, factor] = steps(largest(best));
    // 128 more, modulo 256, in each byte.
    let flip = match layout {
        Layout::Pairs | Layout::Quads => 0,
        Layout::OffsetQuads => 0x80,
    };
    for n in 0..parts {
        put(layout, flipped(round(&part_of(q, n), factor), flip), words, n);
    }
    scale
}

#[inline(always)]
fn flipped(mut x: [u32; WIDTH], flip: u32) -> [u32; WIDTH] {
    for x in &mut x {
        *x ^= flip;
    }
    x
}

/// Adds integers to what was added up before.
#[inline(always)]
pub(super) fn add(sums: &[i32], total: &mut [f32]) {
    for (total, sum) in total.iter_mut().zip(sums) {
        *total += *sum as f32;
    }
}

/// Writes sums of weighted bytes, from feature `column` on, as the numbers they stand for.
#[inline(always)]
pub(super) fn scaled(sums: &[f32], scales: &[f32], factor: f32, column: usize, out: &mut [f32]) {
    for ((out, sum), scale) in out[column..].iter_mut().zip(sums).zip(scales) {
        *out = sum * (scale * factor);
    }
}
