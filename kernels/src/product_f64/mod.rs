//! A table of `f64` times a vector, from either side.

#[cfg(target_arch = "x86_64")]
mod avx2;

use crate::Isa;

/// Running sums of a row.
const WIDTH: usize = 16;

/// Writes the product of each row with `x`: 16 running sums, each of every 16th product, folded 16 -> 8 -> 4 -> 2 -> 1, then
/// what is left of the row.
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
    // For AVX2 the compiler makes half registers of the body, and reads `x` for each row anew.
    per_isa!(
        isa,
        { scalar: row_products, avx2: avx2::row_products, avx512: row_products, neon: row_products },
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

#[inline(always)]
fn row_products(table: &[f64], x: &[f64], out: &mut [f64]) {
    let n = x.len();
    let (x, x_tail) = x.as_chunks::<WIDTH>();
    for (i, out) in out.iter_mut().enumerate() {
        let (row, tail) = table[i * n..][..n].as_chunks::<WIDTH>();
        let mut sums = [0.0; WIDTH];
        for (a, b) in row.iter().zip(x) {
            for l in 0..WIDTH {
                sums[l] += a[l] * b[l];
            }
        }
        let mut half = WIDTH / 2;
        while half > 0 {
            for l in 0..half {
                sums[l] += sums[l + half];
            }
            half /= 2;
        }
        let mut sum = sums[0];
        for (a, b) in tail.iter().zip(x_tail) {
            sum += a * b;
        }
        *out = sum;
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
}
