//! Pure functions on slices: no model, file, clock or thread.

pub mod align;
pub mod correct;
pub mod decode;
pub mod graph;
pub mod guard;
pub mod order;
pub mod preference;
pub(crate) mod refuse;
pub mod score;
