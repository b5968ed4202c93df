use super::{Layout, WIDTH};

pub(super) fn rows(task: crate::attention::Task) {
    body(crate::attention::vector::Plain, task);
}

super::block::rows!(, Layout::Quads, 1, [1]);

#[inline]
fn scores<const R: usize>(q: &[[u32; WIDTH]], at: usize, panel: &[[u32; WIDTH]]) -> [[i32; WIDTH]; R] {
    let mut out = [[0; WIDTH]; R];
    for r in 0..R {
        let mut sums = [0; WIDTH];
        for (x, keys) in q.iter().zip(panel) {
            for l in 0..WIDTH {
                for (x, y) in x[at + r].to_le_bytes().into_iter().zip(keys[l].to_le_bytes()) {
                    sums[l] += i32::from(x as i8) * i32::from(y as i8);
                }
            }
        }
        out[r] = sums;
    }
    out
}

#[inline]
fn mix<const R: usize, const C: usize>(
    weights: &[[[u32; WIDTH / 2]; R]],
    values: &[u32],
    features: usize,
) -> [[[i32; WIDTH]; C]; R] {
    let mut sums = [[[0; WIDTH]; C]; R];
    for (n, weights) in weights.iter().enumerate() {
        for k in 0..WIDTH / 2 {
            let values = &values[(n * WIDTH / 2 + k) * features..][..C * WIDTH];
            for r in 0..R {
                let (x, y) = ((weights[r][k] & 0xffff) as i32, (weights[r][k] >> 16) as i32);
                for (sum, value) in sums[r].as_flattened_mut().iter_mut().zip(values) {
                    *sum += x * i32::from(*value as i16) + y * i32::from((value >> 16) as i16);
                }
            }
        }
    }
    sums
}
