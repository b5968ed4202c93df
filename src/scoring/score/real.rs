//! The two widths of numbers that scores come in.

/// `f32`, as models give it, or `f64`. All arithmetic is in `f64`; only what is stored is narrowed.
pub trait Real: Copy + Into<f64> + sealed::Sealed {
    /// The nearest value of this width.
    fn narrow(wide: f64) -> Self;
}

impl Real for f32 {
    fn narrow(wide: f64) -> Self {
        wide as f32
    }
}

impl Real for f64 {
    fn narrow(wide: f64) -> Self {
        wide
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}
