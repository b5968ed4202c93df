//! The loops around a tile, and the tile itself in the words of an instruction set's registers.

use super::Weights;
use crate::linear::{Columns, Output, PANEL};

/// A product whose lengths have been checked.
pub(super) struct Task<'a> {
    pub(super) x: &'a [f32],
    pub(super) m: usize,
    pub(super) weights: Weights<'a>,
    pub(super) output: Output<'a>,
}

impl<'a> Task<'a> {
    /// The weights of panel `panel`.
    #[inline(always)]
    pub(super) fn blocks(&self, panel: usize) -> &'a [[f32; PANEL]] {
        let k = self.weights.k;
        &self.weights.packed.as_chunks().0[panel * k..][..k]
    }

    /// Rows `i..i + R`.
    #[inline(always)]
    pub(super) fn rows<const R: usize>(&self, i: usize) -> [&'a [f32]; R] {
        let k = self.weights.k;
        let mut rows: [&[f32]; R] = [&[]; R];
        for (r, row) in rows.iter_mut().enumerate() {
            *row = &self.x[(i + r) * k..][..k];
        }
        rows
    }

    /// Takes the products of the rows from `i` on.
    #[inline(always)]
    pub(super) fn finish(&mut self, i: usize, columns: &Columns, sums: &[[f32; PANEL]]) {
        self.output.finish(i, sums.len(), columns, |r, c| sums[r][c]);
    }
}

/// Defines `body`, which fills the output of a [`Task`] panel by panel with
/// `tile::<R>(rows: [&[f32]; R], blocks: &[[f32; 48]], sums: &mut [[f32; 48]; R])`, for each `R` in the list; `sums` are 0.
macro_rules! product {
    ($(#[$features:meta])?, max: $max:literal, rows: $($rows:literal)*) => {
        $(#[$features])?
        pub(in crate::linear_f32) fn body(mut task: crate::linear_f32::registers::Task) {
            for panel in 0..task.weights.n.div_ceil(crate::linear::PANEL) {
                let (blocks, columns) = (task.blocks(panel), task.output.columns(panel));
                let mut i = 0;
                while i < task.m {
                    let count = crate::linear::step(task.m - i, $max);
                    match count {
                        $($rows => {
                            let mut sums = crate::linear::Sums([[0.0; crate::linear::PANEL]; $rows]);
                            tile::<$rows>(task.rows(i), blocks, &mut sums.0);
                            finish(&mut task, i, &columns, &sums.0);
                        })*
                        _ => unreachable!("a tile has 1 to {} rows", $max),
                    }
                    i += count;
                }
            }
        }

        $(#[$features])?
        #[inline(never)]
        fn finish(
            task: &mut crate::linear_f32::registers::Task,
            i: usize,
            columns: &crate::linear::Columns,
            sums: &[[f32; crate::linear::PANEL]],
        ) {
            task.finish(i, columns, sums);
        }
    };
}

/// Defines `body` and `part`, from which the file that uses it makes its `tile`, with an instruction set's registers.
macro_rules! registers {
    (
        $features:literal, lanes: $lanes:literal, zero: $zero:expr, load: $load:ident, store: $store:ident,
        splat: $splat:ident, mul: $mul:ident, add: $add:ident, max: $max:literal, rows: $($rows:literal)*
    ) => {
        product!(#[target_feature(enable = $features)], max: $max, rows: $($rows)*);

        /// The columns of `C` registers from register `FIRST` on.
        #[target_feature(enable = $features)]
        #[inline]
        fn part<const R: usize, const C: usize, const FIRST: usize>(
            rows: [&[f32]; R],
            blocks: &[[f32; crate::linear::PANEL]],
            sums: &mut [[f32; crate::linear::PANEL]; R],
        ) {
            let mut acc = [[$zero; C]; R];
            for (l, block) in blocks.iter().enumerate() {
                let (block, _) = block.as_chunks::<$lanes>();
                let mut weights = [$zero; C];
                for c in 0..C {
                    // SAFETY: `block[FIRST + c]` is a register's worth of readable floats; no alignment is needed.
                    weights[c] = unsafe { $load(block[FIRST + c].as_ptr()) };
                }
                for r in 0..R {
                    let x = $splat(rows[r][l]);
                    for c in 0..C {
                        acc[r][c] = $add(acc[r][c], $mul(x, weights[c]));
                    }
                }
            }
            for r in 0..R {
                let (parts, _) = sums[r].as_chunks_mut::<$lanes>();
                for c in 0..C {
                    // SAFETY: `parts[FIRST + c]` is a register's worth of writable floats; no alignment is needed.
                    unsafe { $store(parts[FIRST + c].as_mut_ptr(), acc[r][c]) };
                }
            }
        }
    };
}
