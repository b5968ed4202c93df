use core::arch::aarch64::*;

use super::neon::{load, sums};
use crate::Dotprod;
use crate::dot_i8::dotprod::sdot as add_products;
use crate::tiles::Task;

pub(super) fn dot_matrix_i8(_proof: Dotprod, task: Task<i8, i32>) {
    // SAFETY: a `Dotprod` exists only after detection, so this CPU runs NEON and its dot products.
    unsafe { body(task) }
}

#[target_feature(enable = "neon,dotprod")]
fn body(task: Task<i8, i32>) {
    tiled!(task, tile, 4, 4);
}

super::registers::tile!("neon,dotprod", int32x4_t, 16, vdupq_n_s32(0));
