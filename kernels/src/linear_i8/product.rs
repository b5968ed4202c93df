//! The loops around a tile, which every instruction set has in common.

use super::{BLOCK, GROUP, Rows, Weights};
use crate::linear::{Columns, Output, PANEL, padded};

/// A product whose lengths have been checked.
pub(super) struct Task<'a> {
    pub(super) rows: Rows<'a>,
    pub(super) weights: Weights<'a>,
    pub(super) output: Output<'a>,
}

/// Groups of a row that a tile brings into another form at a time.
pub(super) const CHUNK: usize = 128;

/// Where a tile keeps its rows in another form: of each row, at most twice its own size. One for a call, because clearing it
/// for each tile would take a tenth of the time.
pub(super) type Scratch = [[[u32; CHUNK]; 2]; 8];

/// A panel: its weights, and what its columns need at the end.
pub(super) struct Panel<'a> {
    pub(super) blocks: &'a [[i8; BLOCK]],
    pub(super) columns: Columns,
    pub(super) scales: [f32; PANEL],
    pub(super) sums: [i32; PANEL],
}

impl<'a> Task<'a> {
    /// How many rows there are.
    #[inline(always)]
    pub(super) fn m(&self) -> usize {
        self.rows.scales.len()
    }

    /// How many panels there are.
    #[inline(always)]
    pub(super) fn panels(&self) -> usize {
        self.weights.n.div_ceil(PANEL)
    }

    #[inline(always)]
    pub(super) fn panel(&self, panel: usize) -> Panel<'a> {
        let Weights { packed, k, n, scales, sums } = self.weights;
        let groups = k.div_ceil(GROUP);
        let (first, end) = (panel * PANEL, n.min((panel + 1) * PANEL));
        Panel {
            blocks: &packed.as_chunks().0[panel * groups..][..groups],
            columns: self.output.columns(panel),
            scales: padded(&scales[first..end]),
            sums: padded(&sums[first..end]),
        }
    }

    /// Rows `i..i + R`, in groups, as many of them as a panel has blocks.
    #[inline(always)]
    pub(super) fn rows<const R: usize>(&self, i: usize) -> [&'a [[u8; GROUP]]; R] {
        let groups = self.weights.k.div_ceil(GROUP);
        let bytes = self.rows.bytes.as_chunks().0;
        let mut rows: [&[[u8; GROUP]]; R] = [&[]; R];
        for (r, row) in rows.iter_mut().enumerate() {
            *row = &bytes[(i + r) * groups..][..groups];
        }
        rows
    }

    /// Takes the sums of the rows from `i` on, whose bytes were lessened by `shift`: scales them, and out.
    #[inline(always)]
    pub(super) fn finish(&mut self, i: usize, panel: &Panel, sums: &[[i32; PANEL]], shift: i32) {
        let (zeros, scales) = (&self.rows.zeros[i..][..sums.len()], &self.rows.scales[i..][..sums.len()]);
        self.output.finish(i, sums.len(), &panel.columns, |r, c| {
            let sum = sums[r][c].wrapping_sub(zeros[r].wrapping_sub(shift).wrapping_mul(panel.sums[c]));
            sum as f32 * (scales[r] * panel.scales[c])
        });
    }
}

/// Defines `body`, which fills the output of a [`Task`] panel by panel with
/// `$tile::<R>(rows: [&[[u8; 4]]; R], blocks: &[[i8; 192]], scratch, sums: &mut [[i32; 48]; R])`, for each `R` in the list;
/// it writes all of `sums`, and `scratch` is a [`Scratch`]. `$shift` is what the tile takes off each byte of the rows.
///
/// The weights of a panel are read from front to back for each tile of rows, and stay in the second-level cache between
/// tiles. The end of a tile is one function for all `R`, because it holds a copy of each activation; `$fused` of
/// [`epilogue!`] does what it can of it.
macro_rules! product {
    ($(#[$features:meta])?, $tile:ident, $(fused: $fused:ident,)? shift: $shift:literal, max: $max:literal, rows: $($rows:literal)*) => {
        $(#[$features])?
        pub(in crate::linear_i8) fn body(mut task: crate::linear_i8::product::Task) {
            let mut scratch = [[[0; crate::linear_i8::product::CHUNK]; 2]; 8];
            // One for a call, too: clearing it for each tile is as much as a twentieth of the time.
            let mut sums = crate::linear::Sums([[0; crate::linear::PANEL]; $max]);
            for panel in 0..task.panels() {
                let panel = task.panel(panel);
                let mut i = 0;
                while i < task.m() {
                    let count = crate::linear::step(task.m() - i, $max);
                    match count {
                        $($rows => {
                            if let Some(sums) = sums.0.first_chunk_mut::<$rows>() {
                                $tile::<$rows>(task.rows(i), panel.blocks, &mut scratch, sums);
                                finish(&mut task, i, &panel, sums);
                            }
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
            task: &mut crate::linear_i8::product::Task,
            i: usize,
            panel: &crate::linear_i8::product::Panel,
            sums: &[[i32; crate::linear::PANEL]],
        ) {
            $(
                if $fused(task, i, panel, sums, $shift) {
                    return;
                }
            )?
            task.finish(i, panel, sums, $shift);
        }
    };
}
