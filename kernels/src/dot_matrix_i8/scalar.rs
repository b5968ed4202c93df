use crate::tiles::Task;

pub(super) fn dot_matrix_i8(task: Task<i8, i32>) {
    tiled!(task, tile, 2, 2);
}

fn tile<const R: usize, const C: usize>(a: [&[i8]; R], b: [&[i8]; C]) -> [[i32; C]; R] {
    let mut out = [[0; C]; R];
    for r in 0..R {
        for c in 0..C {
            out[r][c] = crate::dot_i8::scalar::dot_i8(a[r], b[c]);
        }
    }
    out
}
