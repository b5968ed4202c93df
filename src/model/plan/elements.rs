//! What a plan computes of single elements, of pairs of them, and over an axis.

use serde::{Deserialize, Serialize};

use crate::model::plan::ir::Activation;

/// An operator on single elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs)]
pub enum Unary {
    Neg,
    Abs,
    Sign,
    Sqrt,
    Reciprocal,
    Exp,
    Log,
    Erf,
    Sin,
    Cos,
    Floor,
    Ceil,
    /// Ties to even.
    Round,
    /// Bool.
    Not,
    /// `f32` to Bool.
    IsNan,
    /// One of [`Activation`].
    Activation(Activation),
}

/// An operator on pairs of elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[expect(missing_docs)]
pub enum Binary {
    Add,
    Sub,
    Mul,
    /// Integers towards zero; by 0 is an error.
    Div,
    /// The output is of the base's kind. `f32`, I64 and I32 may be mixed. Whole powers wrap; those of a negative exponent
    /// are what is left towards zero.
    Pow,
    /// NaN if either is.
    Min,
    /// NaN if either is.
    Max,
    /// The remainder with the sign of the divisor for integers, of the dividend for `f32`.
    Mod,
    And,
    Or,
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// What is computed over an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs)]
pub enum Reduce {
    Mean,
    Sum,
    Max,
    Min,
    Prod,
    /// Square root of the sum of squares.
    L2,
    SumSquare,
}
