//! The two scans of a row that an assignment consists of: by prices, and along shortest paths.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;

use crate::Isa;

/// Columns that are looked at side by side: two AVX-512 registers of `f64`.
const WIDTH: usize = 16;

/// Rows shorter than this are looked at half as many columns at a time: joining lanes takes its time.
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
    if costs.len() < SHORT {
        return per_isa!(isa, two_least::<8>, (costs: &[f64], scale: f64, prices: &[f64]) -> TwoLeast);
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
    let way = Way { scale, base, row };
    // On x86 the compiler makes branches for each column of the body, three to four times as slow.
    per_isa!(
        isa,
        { scalar: relax::<WIDTH>, avx2: avx2::relax, avx512: avx512::relax, neon: relax::<WIDTH> },
        (costs: &[f64], prices: &[f64], way: Way, lengths: &mut [f64], before: &mut [usize]) -> (usize, f64)
    )
}

/// A way to a row, from where it goes on at `base + scale * cost - price`.
#[derive(Clone, Copy)]
struct Way {
    scale: f64,
    base: f64,
    row: usize,
}

// The values first and then the place of the least: lanes that carry places are taken apart by some compilers, at ten times the
// time.

#[inline(always)]
fn two_least<const WIDTH: usize>(costs: &[f64], scale: f64, prices: &[f64]) -> TwoLeast {
    let (mut least, mut second) = ([f64::INFINITY; WIDTH], [f64::INFINITY; WIDTH]);
    let ((blocks, tail), (of_price, price_tail)) = (costs.as_chunks::<WIDTH>(), prices.as_chunks::<WIDTH>());
    for (c, p) in blocks.iter().zip(of_price) {
        for l in 0..WIDTH {
            let x = scale * c[l] - p[l];
            let rest = if x < least[l] { least[l] } else { x };
            second[l] = if rest < second[l] { rest } else { second[l] };
            least[l] = if x < least[l] { x } else { least[l] };
        }
    }
    // What is left takes lanes of its own.
    for (l, (c, p)) in tail.iter().zip(price_tail).enumerate() {
        let x = scale * c - p;
        let rest = if x < least[l] { least[l] } else { x };
        second[l] = if rest < second[l] { rest } else { second[l] };
        least[l] = if x < least[l] { x } else { least[l] };
    }
    let mut half = WIDTH / 2;
    while half > 0 {
        for l in 0..half {
            let (a, b) = (least[l], least[l + half]);
            let (low, high) = if b < a { (b, a) } else { (a, b) };
            let of_both = if second[l + half] < second[l] { second[l + half] } else { second[l] };
            second[l] = if high < of_both { high } else { of_both };
            least[l] = low;
        }
        half /= 2;
    }
    if least[0] == f64::INFINITY {
        return TwoLeast { column: 0, least: least[0], second: second[0] };
    }
    let mut first = 0;
    for (c, p) in blocks.iter().zip(of_price) {
        let mut found = false;
        for l in 0..WIDTH {
            found |= scale * c[l] - p[l] == least[0];
        }
        if found {
            break;
        }
        first += WIDTH;
    }
    let rest = costs[first..].iter().zip(&prices[first..]);
    let column = first + rest.take_while(|(c, p)| scale * **c - **p != least[0]).count();
    TwoLeast { column, least: scale * costs[column] - prices[column], second: second[0] }
}

#[inline(always)]
fn relax<const WIDTH: usize>(
    costs: &[f64],
    prices: &[f64],
    Way { scale, base, row }: Way,
    lengths: &mut [f64],
    before: &mut [usize],
) -> (usize, f64) {
    let mut least = [f64::INFINITY; WIDTH];
    let ((blocks, tail), (of_price, price_tail)) = (costs.as_chunks::<WIDTH>(), prices.as_chunks::<WIDTH>());
    let (of_length, length_tail) = lengths.as_chunks_mut::<WIDTH>();
    let (of_before, before_tail) = before.as_chunks_mut::<WIDTH>();
    let columns = blocks.iter().zip(of_price).zip(of_length.iter_mut().zip(of_before));
    for ((c, p), (lengths, before)) in columns {
        // Read and stored whole: a load or store that hangs on a comparison becomes a branch.
        let (old, last) = (*lengths, *before);
        let (mut new, mut through) = (old, last);
        for l in 0..WIDTH {
            let x = base + scale * c[l] - p[l];
            new[l] = if x < old[l] { x } else { old[l] };
            through[l] = if x < old[l] { row } else { last[l] };
        }
        for l in 0..WIDTH {
            least[l] = if new[l] < least[l] { new[l] } else { least[l] };
        }
        (*lengths, *before) = (new, through);
    }
    let columns = tail.iter().zip(price_tail).zip(length_tail.iter_mut().zip(before_tail)).zip(&mut least);
    for (((c, p), (length, before)), least) in columns {
        let x = base + scale * c - p;
        if x < *length {
            (*length, *before) = (x, row);
        }
        *least = if *length < *least { *length } else { *least };
    }
    let mut half = WIDTH / 2;
    while half > 0 {
        for l in 0..half {
            least[l] = if least[l + half] < least[l] { least[l + half] } else { least[l] };
        }
        half /= 2;
    }
    if least[0] == f64::INFINITY {
        return (0, least[0]);
    }
    let mut first = 0;
    for lengths in lengths.as_chunks::<WIDTH>().0 {
        let mut found = false;
        for length in lengths {
            found |= *length == least[0];
        }
        if found {
            break;
        }
        first += WIDTH;
    }
    let column = first + lengths[first..].iter().take_while(|length| **length != least[0]).count();
    (column, lengths[column])
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
