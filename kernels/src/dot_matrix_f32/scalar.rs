use crate::tiles::Task;

pub(super) fn dot_matrix_f32(task: Task<f32, f32>) {
    tiled!(task, tile, 2, 2);
}

fn tile<const R: usize, const C: usize>(a: [&[f32]; R], b: [&[f32]; C]) -> [[f32; C]; R] {
    let mut out = [[0.0; C]; R];
    for r in 0..R {
        for c in 0..C {
            out[r][c] = crate::dot_f32::body(a[r], b[c]);
        }
    }
    out
}
