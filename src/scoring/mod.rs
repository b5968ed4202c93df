//! Pure functions on slices: no model, file, clock or thread.
