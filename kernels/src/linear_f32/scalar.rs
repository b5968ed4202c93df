use super::PANEL;
use super::registers::Task;

pub(super) fn linear_f32(task: Task) {
    body(task);
}

product!(, max: 4, rows: 1 2 3 4);

/// Columns whose sums stay in registers.
const WIDTH: usize = 8;

#[inline(always)]
fn tile<const R: usize>(rows: [&[f32]; R], blocks: &[[f32; PANEL]], sums: &mut [[f32; PANEL]; R]) {
    for first in (0..PANEL).step_by(WIDTH) {
        let mut acc = [[0.0; WIDTH]; R];
        for (l, block) in blocks.iter().enumerate() {
            for r in 0..R {
                for c in 0..WIDTH {
                    acc[r][c] += rows[r][l] * block[first + c];
                }
            }
        }
        for r in 0..R {
            sums[r][first..][..WIDTH].copy_from_slice(&acc[r]);
        }
    }
}
