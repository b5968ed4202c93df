//! Product of rows with packed floats.

#[macro_use]
mod registers;
mod scalar;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;

#[cfg(test)]
mod tests;

pub use crate::linear::{Epilogue, PANEL};

use crate::Isa;
use crate::linear::Output;
use registers::Task;

/// Elements of packed weights `[k, n]`: `n` rounded up to a multiple of [`PANEL`], times `k`.
///
/// # Panics
/// If that overflows.
pub const fn packed_len(k: usize, n: usize) -> usize {
    let columns = n.div_ceil(PANEL) * PANEL;
    match columns.checked_mul(k) {
        Some(len) => len,
        None => panic!("linear_f32: the packed weights exceed the address space"),
    }
}

/// Packs `weights`, `[k, n]` row-major, as panels `[n / 48][k][48]`, filled up with zeroes.
///
/// # Panics
/// If `weights` is not `[k, n]`, or `packed` has not [`packed_len`] elements.
pub fn pack(weights: &[f32], [k, n]: [usize; 2], packed: &mut [f32]) {
    assert_eq!(Some(weights.len()), k.checked_mul(n), "linear_f32: weights are not [k, n]");
    assert_eq!(packed.len(), packed_len(k, n), "linear_f32: packed has not packed_len elements");
    packed.fill(0.0);
    if k == 0 || n == 0 {
        return;
    }
    for (panel, blocks) in packed.chunks_exact_mut(k * PANEL).enumerate() {
        let first = panel * PANEL;
        let width = PANEL.min(n - first);
        for (block, row) in blocks.as_chunks_mut::<PANEL>().0.iter_mut().zip(weights.chunks_exact(n)) {
            block[..width].copy_from_slice(&row[first..][..width]);
        }
    }
}

/// Packed weights of `k` input and `n` output features.
#[derive(Clone, Copy, Debug)]
pub struct Weights<'a> {
    /// What [`pack`] wrote.
    pub packed: &'a [f32],
    /// Input features.
    pub k: usize,
    /// Output features.
    pub n: usize,
}

/// Linear layer in `f32`: `x` times weights, then bias, activation and residual, written to `out`.
///
/// `out[i][j] = activation(acc + bias[j]) + residual[i][j]`, where `acc` starts at 0 and takes `x[i][l] * w[l][j]` one `l`
/// after the other, each product and each sum rounded. What the epilogue lacks is left out.
///
/// Class: same bits.
///
/// # Shapes
/// `x`: `[m, k]`; `weights`: `[k, n]`; `out` and `residual`: `[m, n]`, row-major. `m` is `out.len() / n`, and may be 0.
/// Callers who share the work between threads give each a run of rows.
/// # Panics
/// If a length does not fit its shape.
/// # Cost
/// `m * k * n` products and as many sums. The weights are read once for every 4 to 8 rows.
pub fn linear_f32(isa: Isa, x: &[f32], weights: Weights<'_>, epilogue: Epilogue<'_>, out: &mut [f32]) {
    let Weights { packed, k, n } = weights;
    let m = out.len().checked_div(n).unwrap_or(0);
    assert!(n == 0 || Some(x.len()) == m.checked_mul(k), "linear_f32: x is not [m, k]");
    assert_eq!(packed.len(), packed_len(k, n), "linear_f32: packed has not packed_len elements");
    let task = Task { x, m, weights, output: Output::new(m, n, epilogue, out) };
    match isa {
        Isa::Scalar => scalar::linear_f32(task),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2(proof) => avx2::linear_f32(proof, task),
        #[cfg(target_arch = "x86_64")]
        Isa::AvxVnni(proof) => avx2::linear_f32(proof.avx2(), task),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512(proof) => avx512::linear_f32(proof, task),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512Vnni(proof) => avx512::linear_f32(proof.avx512(), task),
        #[cfg(target_arch = "aarch64")]
        Isa::Neon(proof) => neon::linear_f32(proof, task),
        #[cfg(target_arch = "aarch64")]
        Isa::Dotprod(proof) => neon::linear_f32(proof.neon(), task),
        #[cfg(target_arch = "aarch64")]
        Isa::I8mm(proof) => neon::linear_f32(proof.neon(), task),
    }
}
