//! SIMD kernels of Trueline: all of the project's SIMD is here, and nothing else.
//!
//! Every kernel but [`mask_u8`](mask_u8()) takes an [`Isa`] first, then slices; none allocates, reads the environment or
//! keeps state. Its docstring names its class:
//!
//! - *exact*: integers, no rounding anywhere;
//! - *same bits*: the same floating-point operations in the same order on every instruction set, so the result does not
//!   depend on the CPU. No fused multiply-add, a fixed number of lanes, a fixed reduction tree. Only the sign and
//!   payload of a NaN may differ.
//!
//! `std` is linked for two things that `core` lacks: CPU detection, and the IEEE square root.
#![no_std]
#![allow(
    clippy::needless_range_loop,
    clippy::int_plus_one,
    reason = "an index that several arrays share is the form that the compiler makes into registers"
)]

extern crate std;

mod exp;
mod isa;
mod lanes;
mod linear;
#[macro_use]
mod per_isa;
#[macro_use]
mod tiles;
#[cfg(test)]
mod testing;

pub mod activation_f32;
pub mod arg_max_f32;
pub mod arg_max_rows_cols_f32;
pub mod assign_f64;
pub mod attention;
pub mod cosine_matrix_f32;
pub mod cosine_matrix_i8;
pub mod dot_f32;
pub mod dot_i8;
pub mod dot_matrix_f32;
pub mod dot_matrix_i8;
pub mod entropy_f32;
pub mod erf_f32;
pub mod exp_f32;
pub mod exp_f64;
pub mod lerp_f32;
pub mod linear_f32;
pub mod linear_i8;
pub mod log_f64;
pub mod log_sum_exp_f32;
pub mod mask_u8;
pub mod max_f32;
pub mod mersenne_u32;
pub mod near_cosine;
pub mod norm_f32;
pub mod product_f64;
pub mod quantise_rows;
pub mod softmax_f32;
pub mod top_k_f32;

pub use activation_f32::{Activation, activation_f32};
pub use arg_max_f32::arg_max_f32;
pub use arg_max_rows_cols_f32::arg_max_rows_cols_f32;
pub use assign_f64::{TwoLeast, relax_f64, two_least_f64};
pub use cosine_matrix_f32::cosine_matrix_f32;
pub use cosine_matrix_i8::cosine_matrix_i8;
pub use dot_f32::dot_f32;
pub use dot_i8::dot_i8;
pub use dot_matrix_f32::dot_matrix_f32;
pub use dot_matrix_i8::dot_matrix_i8;
pub use entropy_f32::entropy_f32;
pub use erf_f32::erf_f32;
pub use exp_f32::exp_f32;
pub use exp_f64::{exp_f64, exp_less_f64};
#[cfg(target_arch = "x86_64")]
pub use isa::{Avx2, Avx512, Avx512Vnni, AvxVnni};
#[cfg(target_arch = "aarch64")]
pub use isa::{Dotprod, I8mm, Neon};
pub use isa::{Isa, IsaError};
pub use lerp_f32::lerp_f32;
pub use linear_f32::linear_f32;
pub use linear_i8::linear_i8;
pub use log_f64::log_f64;
pub use log_sum_exp_f32::log_sum_exp_f32;
pub use mask_u8::mask_u8;
pub use max_f32::max_f32;
pub use mersenne_u32::mersenne_u32;
pub use norm_f32::{Norm, norm_f32};
pub use product_f64::{add_rows_f64, least_f64, row_products_f64, scale_cells_f64};
pub use quantise_rows::{quantise_rows, quantise_rows_static};
pub use softmax_f32::softmax_f32;
pub use top_k_f32::top_k_f32;
