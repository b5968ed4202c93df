//! Compiled models: fused operators over one arena, with packed weights. No ONNX here.

pub mod arena;
mod attention;
mod binary;
mod cast;
mod check;
pub mod data;
mod elementwise;
pub mod file;
mod fused;
mod gather;
mod gather_rows;
pub mod ir;
mod linear;
mod make;
mod movement;
mod norm;
mod operator;
mod product;
mod reduce;
mod reshape;
pub mod run;
pub mod shape;
mod signature;
mod softmax;
pub mod threads;
mod transpose;
mod walk;
