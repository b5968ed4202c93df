//! A table of `f64` times a vector, from either side.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;

use crate::Isa;

/// Running sums of a row.
const WIDTH: usize = 16;

/// Writes the product of each row with `x`: 16 running sums, each of every 16th product, folded 16 -> 8 -> 4 -> 2 -> 1. A row is
/// filled up with zeros.
///
/// Class: same bits.
///
/// # Shapes
/// `table`: `[out.len(), x.len()]`, row-major.
/// # Panics
/// If the table has another length.
pub fn row_products_f64(isa: Isa, table: &[f64], x: &[f64], out: &mut [f64]) {
    let wanted = x.len().checked_mul(out.len());
    assert_eq!(Some(table.len()), wanted, "row_products_f64: table is not [out, x]");
    // On x86 the compiler makes half registers of the body, and reads `x` for each row anew.
    per_isa!(
        isa,
        { scalar: row_products, avx2: avx2::row_products, avx512: avx512::row_products, neon: row_products },
        (table: &[f64], x: &[f64], out: &mut [f64])
    )
}

/// Adds `x[i]` times row `i` to `out`, one row after the other.
///
/// Class: same bits.
///
/// # Shapes
/// `table`: `[x.len(), out.len()]`, row-major.
/// # Panics
/// If the table has another length.
pub fn add_rows_f64(isa: Isa, table: &[f64], x: &[f64], out: &mut [f64]) {
    let wanted = x.len().checked_mul(out.len());
    assert_eq!(Some(table.len()), wanted, "add_rows_f64: table is not [x, out]");
    per_isa!(isa, add_rows, (table: &[f64], x: &[f64], out: &mut [f64]))
}

/// Multiplies each number of the table by its row's `x` and then by its column's `y`; whether all are finite.
///
/// Class: same bits.
///
/// # Shapes
/// `table`: `[x.len(), y.len()]`, row-major.
/// # Panics
/// If the table has another length.
pub fn scale_cells_f64(isa: Isa, table: &mut [f64], x: &[f64], y: &[f64]) -> bool {
    let wanted = x.len().checked_mul(y.len());
    assert_eq!(Some(table.len()), wanted, "scale_cells_f64: table is not [x, y]");
    per_isa!(isa, scale_cells, (table: &mut [f64], x: &[f64], y: &[f64]) -> bool)
}

/// The least number; infinity if there is none.
///
/// Class: exact. NaN is never least.
pub fn least_f64(isa: Isa, x: &[f64]) -> f64 {
    per_isa!(isa, least, (x: &[f64]) -> f64)
}

#[inline(always)]
fn least(x: &[f64]) -> f64 {
    let mut lanes = [f64::INFINITY; WIDTH];
    let (blocks, tail) = x.as_chunks::<WIDTH>();
    for block in blocks {
        for l in 0..WIDTH {
            lanes[l] = if block[l] < lanes[l] { block[l] } else { lanes[l] };
        }
    }
    lanes.iter().chain(tail).fold(f64::INFINITY, |least, x| if *x < least { *x } else { least })
}

#[inline(always)]
fn scale_cells(table: &mut [f64], x: &[f64], y: &[f64]) -> bool {
    let n = y.len();
    let (y, y_tail) = y.as_chunks::<WIDTH>();
    // What is not finite makes NaN of a product with 0, and stays in a sum.
    let (mut lanes, mut rest) = ([0.0; WIDTH], 0.0);
    for (i, x) in x.iter().enumerate() {
        let (blocks, tail) = table[i * n..][..n].as_chunks_mut::<WIDTH>();
        for (block, y) in blocks.iter_mut().zip(y) {
            for l in 0..WIDTH {
                block[l] = block[l] * x * y[l];
                lanes[l] += block[l] * 0.0;
            }
        }
        for (cell, y) in tail.iter_mut().zip(y_tail) {
            *cell = *cell * x * y;
            rest += *cell * 0.0;
        }
    }
    !lanes.iter().fold(rest, |sum, x| sum + x).is_nan()
}

#[inline(always)]
fn row_products(table: &[f64], x: &[f64], out: &mut [f64]) {
    let n = x.len();
    let (x, x_tail) = x.as_chunks::<WIDTH>();
    let mut x_last = [0.0; WIDTH];
    x_last[..x_tail.len()].copy_from_slice(x_tail);
    for (i, out) in out.iter_mut().enumerate() {
        let (row, tail) = table[i * n..][..n].as_chunks::<WIDTH>();
        let mut sums = [0.0; WIDTH];
        for (a, b) in row.iter().zip(x) {
            for l in 0..WIDTH {
                sums[l] += a[l] * b[l];
            }
        }
        if !tail.is_empty() {
            let mut last = [0.0; WIDTH];
            last[..tail.len()].copy_from_slice(tail);
            for l in 0..WIDTH {
                sums[l] += last[l] * x_last[l];
            }
        }
        let mut half = WIDTH / 2;
        while half > 0 {
            for l in 0..half {
                sums[l] += sums[l + half];
            }
            half /= 2;
        }
        *out = sums[0];
    }
}

#[inline(always)]
fn add_rows(table: &[f64], x: &[f64], out: &mut [f64]) {
    let n = out.len();
    let (fours, rest) = x.as_chunks::<4>();
    for (k, x) in fours.iter().enumerate() {
        // Four rows at once, so that `out` is read and written once for them; the sums are in the same order.
        let rows = &table[4 * k * n..][..4 * n];
        let (a, b, c, d) = (&rows[..n], &rows[n..][..n], &rows[2 * n..][..n], &rows[3 * n..][..n]);
        for j in 0..n {
            out[j] = out[j] + x[0] * a[j] + x[1] * b[j] + x[2] * c[j] + x[3] * d[j];
        }
    }
    for (i, x) in rest.iter().enumerate() {
        let row = &table[(4 * fours.len() + i) * n..][..n];
        for (out, value) in out.iter_mut().zip(row) {
            *out += x * value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Random;
    use std::vec;
    use std::vec::Vec;

    fn numbers(seed: u64, n: usize) -> Vec<f64> {
        Random(seed).floats(n, 3.0).into_iter().map(f64::from).collect()
    }

    #[test]
    fn every_isa_has_the_bits_of_scalar_and_is_close_to_the_definition() {
        for (m, n) in
            (0..6).flat_map(|m| (0..=2 * WIDTH + 1).map(move |n| (m, n))).chain([(9, 100), (40, 60)])
        {
            let (table, x, y) = (numbers(1, m * n), numbers(2, n), numbers(3, m));
            let (mut want, mut want_added) = (vec![7.0; m], numbers(4, n));
            row_products_f64(Isa::Scalar, &table, &x, &mut want);
            add_rows_f64(Isa::Scalar, &table, &y, &mut want_added);
            for (i, want) in want.iter().enumerate() {
                let plain: f64 = (0..n).map(|j| table[i * n + j] * x[j]).sum();
                assert!((plain - want).abs() <= 1e-12 * (1.0 + plain.abs()) * n as f64);
            }
            for (j, want) in want_added.iter().enumerate() {
                let plain = (0..m).fold(numbers(4, n)[j], |sum, i| sum + y[i] * table[i * n + j]);
                assert_eq!(plain.to_bits(), want.to_bits());
            }
            for isa in Isa::available() {
                let (mut got, mut added) = (vec![7.0; m], numbers(4, n));
                row_products_f64(isa, &table, &x, &mut got);
                add_rows_f64(isa, &table, &y, &mut added);
                let same = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits());
                assert!(same(&got, &want) && same(&added, &want_added), "{} {m} {n}", isa.name());
            }
        }
    }

    #[test]
    fn cells_are_scaled_and_looked_at_on_every_isa() {
        for (m, n) in (0..4).flat_map(|m| (0..=2 * WIDTH + 1).map(move |n| (m, n))).chain([(9, 100)]) {
            let (table, x, y) = (numbers(1, m * n), numbers(2, m), numbers(3, n));
            let want: Vec<f64> = (0..m * n).map(|at| table[at] * x[at / n] * y[at % n]).collect();
            let least = table.iter().copied().fold(f64::INFINITY, f64::min);
            for isa in Isa::available() {
                let mut got = table.clone();
                assert!(scale_cells_f64(isa, &mut got, &x, &y), "{} {m} {n}", isa.name());
                assert!(
                    got.iter().zip(&want).all(|(a, b)| a.to_bits() == b.to_bits()),
                    "{} {m} {n}",
                    isa.name()
                );
                assert_eq!(least_f64(isa, &table), least);
                for at in 0..m * n {
                    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX] {
                        let (x, y) = (vec![2.0; m], vec![1.0; n]);
                        let mut got = table.clone();
                        got[at] = bad;
                        assert_eq!(least_f64(isa, &got) == f64::NEG_INFINITY, bad == f64::NEG_INFINITY);
                        assert!(!scale_cells_f64(isa, &mut got, &x, &y), "{} {m} {n} {at}", isa.name());
                    }
                }
            }
        }
    }
}
