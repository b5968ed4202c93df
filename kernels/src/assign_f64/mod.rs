//! The two scans of a row that an assignment consists of: by prices, and along shortest paths.

use crate::Isa;

/// Columns that are looked at side by side: two AVX-512 registers of `f64`.
const WIDTH: usize = 16;

/// Rows shorter than this are looked at half as many columns at a time, or one after the other: joining lanes takes its time.
const SHORT: usize = 128;

/// The least reduced cost of a row, where it is, and the second least.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TwoLeast {
    /// The column of the least; of equals the first. 0 for a row without columns.
    pub column: usize,
    /// The least; infinity for a row without columns.
    pub least: f64,
    /// The least of the other columns; infinity if there is none.
    pub second: f64,
}

/// Finds the two least of `scale * costs - prices`.
///
/// A scale of -1 finds the largest; a power of two rounds nothing.
///
/// Class: same bits. NaN is never least.
///
/// # Panics
/// If the lengths differ.
pub fn two_least_f64(isa: Isa, costs: &[f64], scale: f64, prices: &[f64]) -> TwoLeast {
    assert_eq!(costs.len(), prices.len(), "two_least_f64: lengths differ");
    // Compiled for no instruction set of its own, which keeps the branches: few columns are the least so far.
    if costs.len() < SHORT {
        return plain_two_least((f64::INFINITY, 0, f64::INFINITY), 0, costs, scale, prices);
    }
    per_isa!(isa, two_least::<WIDTH>, (costs: &[f64], scale: f64, prices: &[f64]) -> TwoLeast)
}

/// Shortens the ways to all columns by those through a row, and finds the column that is nearest.
///
/// Where `base + scale * cost - price` is below the column's length it becomes its length, and `row` what lies before it. A column
/// whose price is minus infinity is not reached. Returns the column of the least length, of equals the first, and the length;
/// infinity if there is none.
///
/// Class: same bits.
///
/// # Panics
/// If the lengths differ.
#[expect(clippy::too_many_arguments, reason = "a row, and where a search stands")]
pub fn relax_f64(
    isa: Isa,
    costs: &[f64],
    scale: f64,
    prices: &[f64],
    base: f64,
    row: usize,
    lengths: &mut [f64],
    before: &mut [usize],
) -> (usize, f64) {
    assert_eq!(costs.len(), prices.len(), "relax_f64: lengths differ");
    assert_eq!(costs.len(), lengths.len(), "relax_f64: lengths differ");
    assert_eq!(costs.len(), before.len(), "relax_f64: lengths differ");
    if costs.len() < SHORT {
        return per_isa!(
            isa,
            relax::<8>,
            (
                costs: &[f64],
                scale: f64,
                prices: &[f64],
                base: f64,
                row: usize,
                lengths: &mut [f64],
                before: &mut [usize]
            ) -> (usize, f64)
        );
    }
    per_isa!(
        isa,
        relax::<WIDTH>,
        (
            costs: &[f64],
            scale: f64,
            prices: &[f64],
            base: f64,
            row: usize,
            lengths: &mut [f64],
            before: &mut [usize]
        ) -> (usize, f64)
    )
}

/// The least of two, where they are equal the lower column.
#[inline(always)]
fn nearer(a: (f64, u64), b: (f64, u64)) -> bool {
    b.0 < a.0 || (b.0 == a.0 && b.1 < a.1)
}

#[inline(always)]
fn two_least<const WIDTH: usize>(costs: &[f64], scale: f64, prices: &[f64]) -> TwoLeast {
    let (mut least, mut second) = ([f64::INFINITY; WIDTH], [f64::INFINITY; WIDTH]);
    let mut column = [0_u64; WIDTH];
    let ((blocks, tail), (of_price, price_tail)) = (costs.as_chunks::<WIDTH>(), prices.as_chunks::<WIDTH>());
    for (k, (c, p)) in (0_u64..).zip(blocks.iter().zip(of_price)) {
        for l in 0..WIDTH {
            let x = scale * c[l] - p[l];
            let first = x < least[l];
            let rest = if first { least[l] } else { x };
            second[l] = if rest < second[l] { rest } else { second[l] };
            column[l] = if first { k } else { column[l] };
            least[l] = if first { x } else { least[l] };
        }
    }
    for l in 0..WIDTH {
        column[l] = column[l] * WIDTH as u64 + l as u64;
    }
    let mut half = WIDTH / 2;
    while half > 0 {
        for l in 0..half {
            let (a, b) = ((least[l], column[l]), (least[l + half], column[l + half]));
            let other = nearer(a, b);
            let rest = if other { a.0 } else { b.0 };
            let of_both = if second[l + half] < second[l] { second[l + half] } else { second[l] };
            second[l] = if rest < of_both { rest } else { of_both };
            column[l] = if other { b.1 } else { a.1 };
            least[l] = if other { b.0 } else { a.0 };
        }
        half /= 2;
    }
    let before = (least[0], column[0], second[0]);
    plain_two_least(before, blocks.len() * WIDTH, tail, scale, price_tail)
}

/// Goes on one column after the other from `first`.
#[inline(always)]
fn plain_two_least(
    (mut least, mut column, mut second): (f64, u64, f64),
    first: usize,
    costs: &[f64],
    scale: f64,
    prices: &[f64],
) -> TwoLeast {
    for (at, (c, p)) in (first as u64..).zip(costs.iter().zip(prices)) {
        let x = scale * c - p;
        if x < second {
            if x < least {
                (second, least, column) = (least, x, at);
            } else {
                second = x;
            }
        }
    }
    TwoLeast { column: if least < f64::INFINITY { column as usize } else { 0 }, least, second }
}

#[inline(always)]
fn relax<const WIDTH: usize>(
    costs: &[f64],
    scale: f64,
    prices: &[f64],
    base: f64,
    row: usize,
    lengths: &mut [f64],
    before: &mut [usize],
) -> (usize, f64) {
    let mut least = [f64::INFINITY; WIDTH];
    let mut column = [0_u64; WIDTH];
    let ((blocks, tail), (of_price, price_tail)) = (costs.as_chunks::<WIDTH>(), prices.as_chunks::<WIDTH>());
    let (of_length, length_tail) = lengths.as_chunks_mut::<WIDTH>();
    let (of_before, before_tail) = before.as_chunks_mut::<WIDTH>();
    let columns = blocks.iter().zip(of_price).zip(of_length.iter_mut().zip(of_before));
    for (k, ((c, p), (lengths, before))) in (0_u64..).zip(columns) {
        for l in 0..WIDTH {
            let x = base + scale * c[l] - p[l];
            let shorter = x < lengths[l];
            let length = if shorter { x } else { lengths[l] };
            before[l] = if shorter { row } else { before[l] };
            lengths[l] = length;
            let first = length < least[l];
            column[l] = if first { k } else { column[l] };
            least[l] = if first { length } else { least[l] };
        }
    }
    for l in 0..WIDTH {
        column[l] = column[l] * WIDTH as u64 + l as u64;
    }
    let mut half = WIDTH / 2;
    while half > 0 {
        for l in 0..half {
            let (a, b) = ((least[l], column[l]), (least[l + half], column[l + half]));
            let other = nearer(a, b);
            column[l] = if other { b.1 } else { a.1 };
            least[l] = if other { b.0 } else { a.0 };
        }
        half /= 2;
    }
    let nearest = (least[0], column[0]);
    let first = blocks.len() * WIDTH;
    plain_relax(nearest, first, [tail, price_tail], scale, base, row, (length_tail, before_tail))
}

/// Goes on one column after the other from `first`.
#[inline(always)]
fn plain_relax(
    (mut least, mut column): (f64, u64),
    first: usize,
    [costs, prices]: [&[f64]; 2],
    scale: f64,
    base: f64,
    row: usize,
    (lengths, before): (&mut [f64], &mut [usize]),
) -> (usize, f64) {
    let columns = costs.iter().zip(prices).zip(lengths.iter_mut().zip(before));
    for (at, ((c, p), (length, before))) in (first as u64..).zip(columns) {
        let x = base + scale * c - p;
        if x < *length {
            (*length, *before) = (x, row);
        }
        if *length < least {
            (least, column) = (*length, at);
        }
    }
    (if least < f64::INFINITY { column as usize } else { 0 }, least)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Random;
    use std::vec;
    use std::vec::Vec;

    /// Few values, so that there are equals; some infinite.
    fn numbers(seed: u64, n: usize) -> Vec<f64> {
        let mut random = Random(seed);
        let mut value = || match random.bytes(1)[0].rem_euclid(9) {
            8 => f64::INFINITY,
            x => f64::from(x) / 4.0 - 1.0,
        };
        (0..n).map(|_| value()).collect()
    }

    #[test]
    fn the_two_least_are_those_of_a_sorted_row_on_every_isa() {
        for n in (0..=4 * WIDTH).chain([100, 1000]) {
            for seed in 0..8 {
                let (costs, prices) = (numbers(seed, n), numbers(seed + 100, n));
                let prices: Vec<f64> = prices.iter().map(|p| if p.is_finite() { *p } else { -0.0 }).collect();
                let mut left: Vec<(f64, usize)> =
                    costs.iter().zip(&prices).map(|(c, p)| c - p).zip(0..).collect();
                left.sort_by(|a, b| a.partial_cmp(b).unwrap());
                left.retain(|(x, _)| *x < f64::INFINITY);
                let (least, column) = left.first().copied().unwrap_or((f64::INFINITY, 0));
                let second = left.get(1).map_or(f64::INFINITY, |x| x.0);
                for isa in Isa::available() {
                    let found = two_least_f64(isa, &costs, 1.0, &prices);
                    assert_eq!(found, TwoLeast { column, least, second }, "{} {n} {seed}", isa.name());
                    let opposite: Vec<f64> = costs.iter().map(|c| c * -0.5).collect();
                    assert_eq!(
                        two_least_f64(isa, &opposite, -2.0, &prices),
                        found,
                        "{} {n} {seed}",
                        isa.name()
                    );
                }
            }
        }
    }

    #[test]
    fn ways_get_shorter_as_one_by_one_on_every_isa() {
        for n in (0..=4 * WIDTH).chain([100, 1000]) {
            for seed in 0..8 {
                let (costs, lengths) = (numbers(seed, n), numbers(seed + 50, n));
                let blocked = |p: &f64| if p.is_finite() { *p } else { f64::NEG_INFINITY };
                let prices: Vec<f64> = numbers(seed + 100, n).iter().map(blocked).collect();
                let (mut want, mut want_before) = (lengths.clone(), vec![7; n]);
                let mut least = (0, f64::INFINITY);
                for j in 0..n {
                    let way = 0.5 + costs[j] - prices[j];
                    if way < want[j] {
                        (want[j], want_before[j]) = (way, 3);
                    }
                    if want[j] < least.1 {
                        least = (j, want[j]);
                    }
                }
                for isa in Isa::available() {
                    let (mut got, mut before) = (lengths.clone(), vec![7; n]);
                    let found = relax_f64(isa, &costs, 1.0, &prices, 0.5, 3, &mut got, &mut before);
                    assert_eq!(
                        (found, &got, &before),
                        (least, &want, &want_before),
                        "{} {n} {seed}",
                        isa.name()
                    );
                }
            }
        }
    }
}
