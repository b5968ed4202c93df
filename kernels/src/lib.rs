//! SIMD kernels of Trueline. Depends on `core` only; all of the project's SIMD is here.
#![no_std]
