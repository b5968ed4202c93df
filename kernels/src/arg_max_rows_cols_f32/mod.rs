//! Place of the largest value of every row and of every column of a matrix, in one pass.

use crate::Isa;
use crate::lanes::LANES;

/// Stands for "no place": a row or column that is empty or holds nothing but NaN.
pub const NONE: u32 = u32::MAX;

/// Column of the largest value of each row, and row of the largest value of each column: what mutual arg-max asks for.
///
/// The lowest place wins where values are equal; NaN never wins, and -0 equals +0. [`NONE`] where nothing wins.
///
/// Class: exact.
///
/// # Shapes
/// `x`: `[m, n]`, row-major; `row_best`: `[m]`; `column_best` and the scratch `column_max`: `[n]`.
/// # Panics
/// If a slice has another length than its shape, or `m` or `n` is [`NONE`] or more.
/// # Cost
/// One pass over `x`, a row at a time.
pub fn arg_max_rows_cols_f32(
    isa: Isa,
    x: &[f32],
    row_best: &mut [u32],
    column_best: &mut [u32],
    column_max: &mut [f32],
) {
    let (m, n) = (row_best.len(), column_best.len());
    assert_eq!(Some(x.len()), m.checked_mul(n), "arg_max_rows_cols_f32: x is not [m, n]");
    assert_eq!(column_max.len(), n, "arg_max_rows_cols_f32: column_max is not [n]");
    assert!(m < NONE as usize && n < NONE as usize, "arg_max_rows_cols_f32: too many rows or columns");
    per_isa!(isa, body, (x: &[f32], row_best: &mut [u32], column_best: &mut [u32], column_max: &mut [f32]))
}

#[inline(always)]
fn body(x: &[f32], row_best: &mut [u32], column_best: &mut [u32], column_max: &mut [f32]) {
    row_best.fill(NONE);
    column_best.fill(NONE);
    column_max.fill(f32::NAN);
    if column_best.is_empty() {
        return;
    }
    for (i, (row, best)) in x.chunks_exact(column_best.len()).zip(row_best).enumerate() {
        *best = crate::arg_max_f32::body(row).map_or(NONE, |j| j as u32);
        let (blocks, tail) = row.as_chunks::<LANES>();
        let (max_blocks, max_tail) = column_max.as_chunks_mut::<LANES>();
        let (place_blocks, place_tail) = column_best.as_chunks_mut::<LANES>();
        for ((values, max), place) in blocks.iter().zip(max_blocks).zip(place_blocks) {
            // Stored whole: a masked store, which the loop over the tail may become, is slow on some CPUs.
            let (mut new_max, mut new_place) = (*max, *place);
            for c in 0..LANES {
                (new_max[c], new_place[c]) = better(max[c], place[c], values[c], i as u32);
            }
            (*max, *place) = (new_max, new_place);
        }
        for ((&value, max), place) in tail.iter().zip(max_tail).zip(place_tail) {
            (*max, *place) = better(*max, *place, value, i as u32);
        }
    }
}

/// The largest value of a column and its row, once `value` of `row` has been seen.
#[inline(always)]
fn better(max: f32, place: u32, value: f32, row: u32) -> (f32, u32) {
    // Anything but NaN wins over the NaN that a column begins with.
    let wins = (value > max) | (max.is_nan() & !value.is_nan());
    (if wins { value } else { max }, if wins { row } else { place })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{patterns, shifted};
    use std::vec;
    use std::vec::Vec;

    fn best(values: impl Iterator<Item = f32>) -> u32 {
        let mut best = (NONE, f32::NAN);
        for (i, value) in values.enumerate() {
            if !value.is_nan() && (best.0 == NONE || value > best.1) {
                best = (i as u32, value);
            }
        }
        best.0
    }

    #[test]
    fn every_isa_equals_the_definition() {
        let widths = (0..=9).chain(29..=36).chain([63, 64, 65, 127, 128, 129]);
        for (m, n) in widths.clone().map(|n| (3, n)).chain(widths.map(|m| (m, 5))) {
            for x in patterns(m * n) {
                let rows: Vec<u32> = (0..m).map(|i| best((0..n).map(|j| x[i * n + j]))).collect();
                let columns: Vec<u32> = (0..n).map(|j| best((0..m).map(|i| x[i * n + j]))).collect();
                for offset in [0, 1] {
                    let x = shifted(&x, offset);
                    for isa in Isa::available() {
                        let (mut by_row, mut by_column, mut max) = (vec![7; m], vec![7; n], vec![0.0; n]);
                        arg_max_rows_cols_f32(isa, &x[offset..], &mut by_row, &mut by_column, &mut max);
                        assert_eq!((&by_row, &by_column), (&rows, &columns), "{} shape {m} {n}", isa.name());
                    }
                }
            }
        }
    }
}
