//! The two widths of numbers that scores come in.

/// `f32`, as models give it, or `f64`. All arithmetic is in `f64`; only what is stored is narrowed.
pub trait Real: Copy + Into<f64> + sealed::Sealed {
    /// The nearest value of this width.
    fn narrow(wide: f64) -> Self;
    /// Neither NaN nor `+inf`: what a logit may be.
    fn is_below_infinity(self) -> bool;
}

impl Real for f32 {
    fn narrow(wide: f64) -> Self {
        wide as f32
    }

    fn is_below_infinity(self) -> bool {
        self < f32::INFINITY
    }
}

impl Real for f64 {
    fn narrow(wide: f64) -> Self {
        wide
    }

    fn is_below_infinity(self) -> bool {
        self < f64::INFINITY
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}
