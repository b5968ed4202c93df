//! Product of quantised rows with packed signed bytes: what a layer of an int8 transformer spends its time on.

#[macro_use]
mod epilogue;
#[macro_use]
mod product;
#[cfg(target_arch = "x86_64")]
#[macro_use]
mod vnni256;
#[cfg(target_arch = "x86_64")]
#[macro_use]
mod words;

mod scalar;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod avx512vnni;
#[cfg(target_arch = "x86_64")]
mod avxvnni;
#[cfg(target_arch = "aarch64")]
mod dotprod;
#[cfg(target_arch = "aarch64")]
mod i8mm;
#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(target_arch = "aarch64")]
mod signed;

#[cfg(test)]
mod tests;

pub use crate::linear::{Epilogue, PANEL};

use crate::Isa;
use crate::linear::Output;
use product::Task;

/// The most input features: 255 times 128 times this fits in `i32`, and so does every partial sum.
pub const MAX_K: usize = 65_536;

/// Input features that stand side by side for each column of a panel: what one lane of an int8 dot product takes.
const GROUP: usize = 4;
/// Bytes of one group of a panel.
const BLOCK: usize = PANEL * GROUP;

/// Bytes of a quantised row of `k` features: `k` rounded up to a multiple of 4.
pub const fn row_len(k: usize) -> usize {
    k.div_ceil(GROUP) * GROUP
}

/// Bytes of packed weights `[k, n]`: `n` rounded up to a multiple of [`PANEL`], times [`row_len`] of `k`.
///
/// # Panics
/// If that overflows.
pub const fn packed_len(k: usize, n: usize) -> usize {
    let columns = n.div_ceil(PANEL) * PANEL;
    match columns.checked_mul(row_len(k)) {
        Some(len) => len,
        None => panic!("linear_i8: the packed weights exceed the address space"),
    }
}

/// Packs `weights`, `[k, n]` row-major, as panels `[n / 48][k / 4][48][4]`, filled up with zeroes, and sums each column.
///
/// `packed` has [`packed_len`] bytes, `sums` has `n` elements.
///
/// # Panics
/// If a length is another, or `k` exceeds [`MAX_K`].
pub fn pack(weights: &[i8], [k, n]: [usize; 2], packed: &mut [i8], sums: &mut [i32]) {
    assert!(k <= MAX_K, "linear_i8: more than MAX_K input features");
    assert_eq!(Some(weights.len()), k.checked_mul(n), "linear_i8: weights are not [k, n]");
    assert_eq!(packed.len(), packed_len(k, n), "linear_i8: packed has not packed_len bytes");
    assert_eq!(sums.len(), n, "linear_i8: sums are not [n]");
    packed.fill(0);
    sums.fill(0);
    if k == 0 || n == 0 {
        return;
    }
    for (panel, blocks) in packed.chunks_exact_mut(row_len(k) * PANEL).enumerate() {
        let first = panel * PANEL;
        let width = PANEL.min(n - first);
        for (place, row) in weights.chunks_exact(n).enumerate() {
            let block = &mut blocks[place / GROUP * BLOCK..][..BLOCK];
            for (column, &weight) in row[first..][..width].iter().enumerate() {
                block[column * GROUP + place % GROUP] = weight;
                sums[first + column] += i32::from(weight);
            }
        }
    }
}

/// Undoes [`pack`]: `weights` becomes `[k, n]`, row-major.
///
/// # Panics
/// If a length is another than [`pack`] has.
pub fn unpack(packed: &[i8], [k, n]: [usize; 2], weights: &mut [i8]) {
    assert_eq!(Some(weights.len()), k.checked_mul(n), "linear_i8: weights are not [k, n]");
    assert_eq!(packed.len(), packed_len(k, n), "linear_i8: packed has not packed_len bytes");
    if k == 0 || n == 0 {
        return;
    }
    for (place, row) in weights.chunks_exact_mut(n).enumerate() {
        for (column, weight) in row.iter_mut().enumerate() {
            let panel = column / PANEL * PANEL * row_len(k);
            *weight = packed[panel + place / GROUP * BLOCK + column % PANEL * GROUP + place % GROUP];
        }
    }
}

/// Packed weights of `k` input and `n` output features. A weight is its byte times the scale of its column.
#[derive(Clone, Copy, Debug)]
pub struct Weights<'a> {
    /// What [`pack`] wrote.
    pub packed: &'a [i8],
    /// Input features.
    pub k: usize,
    /// Output features.
    pub n: usize,
    /// `[n]`.
    pub scales: &'a [f32],
    /// `[n]`, the sum of each column's bytes, from [`pack`].
    pub sums: &'a [i32],
}

/// Quantised rows, of which there are as many as scales. A value is `(byte - zero) * scale` of its row.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    /// `[m, row_len(k)]`; what a row has beyond `k` is not used.
    pub bytes: &'a [u8],
    /// `[m]`.
    pub scales: &'a [f32],
    /// `[m]`, each in 0..=255.
    pub zeros: &'a [i32],
}

/// Linear layer in int8: rows times weights, then bias, activation and residual, written to `out`.
///
/// `out[i][j] = activation((acc - zero[i] * sum[j]) as f32 * (scale[i] * scale[j]) + bias[j]) + residual[i][j]`, where `acc`
/// is the exact sum of the products of bytes, and `as f32` rounds to nearest. What the epilogue lacks is left out. A NaN scale makes its row or column NaN.
///
/// Class: same bits. The integers are exact on every instruction set, and the rest is done in one order.
///
/// # Shapes
/// `rows`: `[m, k]`; `weights`: `[k, n]`; `out` and `residual`: `[m, n]`, row-major; `m` may be 0. Callers who share the
/// work between threads give each a run of rows.
/// # Panics
/// If a length does not fit its shape, or `k` exceeds [`MAX_K`].
/// # Cost
/// `m * k * n` multiply-adds. The weights are read once for every 4 to 8 rows; with fewer rows, memory is the limit.
pub fn linear_i8(isa: Isa, rows: Rows<'_>, weights: Weights<'_>, epilogue: Epilogue<'_>, out: &mut [f32]) {
    let Weights { packed, k, n, scales, sums } = weights;
    let m = rows.scales.len();
    assert!(k <= MAX_K, "linear_i8: more than MAX_K input features");
    assert_eq!(Some(rows.bytes.len()), m.checked_mul(row_len(k)), "linear_i8: rows are not [m, row_len(k)]");
    assert_eq!(rows.zeros.len(), m, "linear_i8: zeros are not [m]");
    assert_eq!(packed.len(), packed_len(k, n), "linear_i8: packed has not packed_len bytes");
    assert!(scales.len() == n && sums.len() == n, "linear_i8: scales or sums are not [n]");
    let task = Task { rows, weights, output: Output::new(m, n, epilogue, out) };
    match isa {
        Isa::Scalar => scalar::linear_i8(task),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2(proof) => avx2::linear_i8(proof, task),
        #[cfg(target_arch = "x86_64")]
        Isa::AvxVnni(proof) => avxvnni::linear_i8(proof, task),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512(proof) => avx512::linear_i8(proof, task),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512Vnni(proof) => avx512vnni::linear_i8(proof, task),
        #[cfg(target_arch = "aarch64")]
        Isa::Neon(proof) => neon::linear_i8(proof, task),
        #[cfg(target_arch = "aarch64")]
        Isa::Dotprod(proof) => dotprod::linear_i8(proof, task),
        #[cfg(target_arch = "aarch64")]
        Isa::I8mm(proof) => i8mm::linear_i8(proof, task),
    }
}
