//! What a compiled plan is: a flat list of operators over numbered values.
//!
//! A plan says nothing of sizes that only a run knows: a value's shape is found while the plan runs, from the shapes of
//! what it is made from. What a plan does say is the kind of each value's elements and the place they are kept in.

use serde::{Deserialize, Serialize};

pub use crate::model::plan::elements::{Binary, Reduce, Unary};

/// A value, by its place in [`Plan::values`].
pub type Id = u32;

/// Stands for an optional input that is not there.
pub const ABSENT: Id = u32::MAX;

/// The most axes that a value may have.
pub const MAX_RANK: usize = 8;

/// The elements of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// 32-bit floating point. Half precision is widened when a plan is compiled.
    F32,
    /// 64-bit integers: token ids, shapes, positions.
    I64,
    /// 32-bit integers.
    I32,
    /// One byte each, 0 or 1.
    Bool,
    /// Unsigned bytes.
    U8,
    /// Signed bytes.
    I8,
}

impl Kind {
    /// Bytes in an element.
    pub fn size(self) -> usize {
        match self {
            Self::I64 => 8,
            Self::F32 | Self::I32 => 4,
            Self::Bool | Self::U8 | Self::I8 => 1,
        }
    }
}

/// Where a value's elements are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    /// The caller's, by the place in [`Plan::inputs`].
    Input(u32),
    /// In the plan's constants, by the place in [`Plan::constants`].
    Constant(u32),
    /// A buffer of the arena. Values whose lives do not overlap share one; a step never writes to a buffer that it reads.
    Slot(u32),
    /// In a cache, by the place in [`Plan::caches`]: what it held before the run, or what it holds after its
    /// [`Op::Append`]. Read by attention, as keys and values, and by [`Op::Shape`].
    Cache(u32),
    /// In another value's place, with a shape and perhaps a first element of its own; see [`Op::is_view`].
    View(Id),
}

/// One value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Value {
    /// Its elements.
    pub kind: Kind,
    /// Where they are kept.
    pub place: Place,
}

/// Numbers that a plan carries: weights as the kernels want them, and whatever else a graph had as a constant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Constant {
    /// Its elements.
    pub kind: Kind,
    /// One size per axis. Packed weights have one axis.
    pub shape: Vec<u64>,
    /// The first byte in the plan's block of constants, a multiple of [`ALIGN`].
    pub offset: u64,
}

/// What every constant's and every arena buffer's first byte is a multiple of.
pub const ALIGN: usize = 64;

/// An input or an output of a plan. An output may be a constant, but not an input as it stands, nor a view of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// The graph's name for it.
    pub name: String,
    /// Its value.
    pub value: Id,
}

/// Keys or values that a state keeps from run to run: `[texts, heads, rows, dim]`, `f32`, in place of an input and an
/// output of the graph.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cache {
    /// The graph's name for the input.
    pub name: String,
    /// The graph's name for the output.
    pub output: String,
    /// The value that stands for what the cache held before the run.
    pub past: Id,
    /// Heads.
    pub heads: u32,
    /// Features of a head.
    pub dim: u32,
}

/// One operator of a plan, with the values that it reads and makes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// What is done.
    pub op: Op,
    /// What is read; [`ABSENT`] for an optional input that is not given.
    pub inputs: Vec<Id>,
    /// What is made.
    pub outputs: Vec<Id>,
    /// The graph's name for the (last) node this came from: for messages, `explain` and profiles.
    pub name: String,
}

/// A compiled model: everything but the bytes of its constants.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Every value; [`Id`]s point here.
    pub values: Vec<Value>,
    /// Constants; their bytes are kept beside the plan.
    pub constants: Vec<Constant>,
    /// How many buffers the arena has.
    pub slots: u32,
    /// What the caller gives.
    pub inputs: Vec<Port>,
    /// What the caller gets.
    pub outputs: Vec<Port>,
    /// What a state keeps from run to run.
    pub caches: Vec<Cache>,
    /// The operators, in the order in which they run.
    pub steps: Vec<Step>,
}

/// An operator. Unless said otherwise the semantics are those of the ONNX operator of the same name in its newest
/// version, and the kinds of elements are those of the values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Op {
    // Fused operators: what a transformer spends its time on.
    /// `[.., k] x [k, n] -> [.., n]` with constant weights. Inputs: `x`, and if `residual` is set a value of the
    /// output's shape, added last.
    Linear(Linear),
    /// Attention. Inputs: `q`, `k`, `v`, mask or [`ABSENT`]. A mask is `f32`, is added to the scores, and broadcasts to
    /// `[batch, heads, queries, keys]`, but for its last axis, which has every key. Where `k` and `v` have a batch of 1,
    /// all of `q` share it.
    Attention(Attention),
    /// Layer or root-mean-square normalisation over the last axis. Inputs: `x`, weight `[d]`, bias `[d]` or
    /// [`ABSENT`], residual of the shape of `x` or [`ABSENT`], added first. A second output, if there is one, is the
    /// sum before it is normalised.
    Norm(Norm),
    /// Rows of a constant table. Inputs: table `[n, ..]` of any kind, ids (I64 or I32) of any shape. A table of bytes is
    /// `(byte - zero) * scale`, as `f32`. Negative ids count from the end; one out of range is an error.
    GatherRows(Dequantise),

    // Element by element, with broadcasting.
    /// One input, the same shape.
    Unary(Unary),
    /// Two inputs. Comparisons make Bool, and `And`, `Or` take it.
    Binary(Binary),
    /// Inputs: condition (Bool), value where it holds, value where not.
    Where,
    /// To the output's kind. From floating point towards zero, saturating; to Bool: not equal to 0.
    Cast,
    /// `f32` to U8 or I8 (the output's kind): `round(x / scale) + zero`, ties to even, saturating. Inputs: `x`, scale,
    /// zero point or [`ABSENT`], as in QuantizeLinear; scale of one element, or one per index of `axis`.
    Quantise {
        /// The axis of scales and zero points that are not single.
        axis: i32,
    },
    /// U8, I8 or I32 to `f32`: `(x - zero) * scale`. Inputs and `axis` as in [`Op::Quantise`].
    Dequantise {
        /// The axis of scales and zero points that are not single.
        axis: i32,
    },

    // Shapes and movement.
    /// The input's shape from axis `start` to before axis `end` (negative counts from the end), as I64.
    Shape {
        /// First axis.
        start: i32,
        /// Past the last axis; `i32::MAX` for all.
        end: i32,
    },
    /// Inputs: `x`, shape (I64) with 0 for "as it was" unless `allow_zero`, and one -1 for "what is left".
    Reshape {
        /// 0 means 0.
        allow_zero: bool,
    },
    /// Inputs: `x`, axes (I64).
    Unsqueeze,
    /// Inputs: `x`, axes (I64) or [`ABSENT`] for every axis of size 1.
    Squeeze,
    /// The input as it is, under another name. A copy if the output's place is not a view.
    Identity,
    /// The axes before `axis` as one, and the rest as one.
    Flatten {
        /// Where the two parts meet.
        axis: i32,
    },
    /// The output's axis `i` is the input's axis `perm[i]`.
    Transpose {
        /// A permutation of the input's axes.
        perm: Vec<u32>,
    },
    /// Inputs: `x`, shape (I64); broadcast both ways, as in Expand.
    Expand,
    /// Any number of inputs.
    Concat {
        /// Negative counts from the end.
        axis: i32,
    },
    /// Inputs: `x`, starts, ends, axes or [`ABSENT`], steps or [`ABSENT`] (I64 or I32). Steps may be negative.
    Slice,
    /// Inputs: `x`, sizes (I64). One output per size.
    Split {
        /// Negative counts from the end.
        axis: i32,
    },
    /// Inputs: `x`, indices (I64 or I32). An index out of range is an error; negative ones count from the end.
    Gather {
        /// Negative counts from the end.
        axis: i32,
    },
    /// Inputs: `x`, indices of the rank of `x`.
    GatherElements {
        /// Negative counts from the end.
        axis: i32,
    },
    /// Inputs: start, limit, delta: single elements of one kind (I64, I32 or F32).
    Range,
    /// Input: shape (I64). Input 1: the single element to fill with.
    ConstantOfShape,
    /// Input: `x` (matrix or stack of matrices), and k (I64, single) or [`ABSENT`] for 0.
    Trilu {
        /// Keep the upper triangle, else the lower.
        upper: bool,
    },

    // Along an axis.
    /// Inputs: `x`, axes (I64) or [`ABSENT`] for all.
    Reduce {
        /// What is computed.
        reduce: Reduce,
        /// Reduced axes stay, with size 1.
        keep: bool,
        /// No axes means nothing is reduced.
        noop_if_empty: bool,
    },
    /// Over `axis`. `f32`.
    Softmax {
        /// Negative counts from the end.
        axis: i32,
        /// Logarithms of the probabilities.
        log: bool,
    },
    /// The first index of the largest element, as I64; NaN is never it, unless all are.
    ArgMax {
        /// Negative counts from the end.
        axis: i32,
        /// The axis stays, with size 1.
        keep: bool,
    },
    /// Inputs: `x`, axis (I64, single).
    CumSum {
        /// The element itself is left out.
        exclusive: bool,
        /// From the end.
        reverse: bool,
    },
    /// Inputs: what a cache held before the run, and rows that are put behind that. Makes what it holds now.
    Append {
        /// The place in [`Plan::caches`].
        cache: u32,
    },
    /// Batched product of two values, neither of which need be constant; broadcasting as in MatMul. `f32`.
    MatMul,
}

impl Op {
    /// Whether the output may be a [`Place::View`] of the first input: same elements in the same order, perhaps from a
    /// later first element on.
    ///
    /// A Slice may be one only if it takes a contiguous run: one axis, step 1, with only axes of size 1 before it. The
    /// compiler makes it one only where it knows that, and a run that finds otherwise is an error.
    pub fn is_view(&self) -> bool {
        matches!(
            self,
            Self::Reshape { .. }
                | Self::Unsqueeze
                | Self::Squeeze
                | Self::Identity
                | Self::Flatten { .. }
                | Self::Slice
        )
    }
}

/// A product with constant weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Linear {
    /// Input features.
    pub k: u32,
    /// Output features.
    pub n: u32,
    /// The weights' form.
    pub weights: Weights,
    /// A constant `[n]`, `f32`, or [`ABSENT`].
    pub bias: Id,
    /// Applied to product and bias.
    pub activation: Activation,
    /// The last input is added after the activation.
    pub residual: bool,
}

/// The weights of a [`Linear`]: constants in the order that the kernels read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Weights {
    /// `f32`, packed by `kernels::linear_f32::pack`.
    F32 {
        /// The packed weights.
        packed: Id,
    },
    /// Signed bytes, packed by `kernels::linear_i8::pack`; a weight is `byte * scale of its column`.
    I8 {
        /// The packed bytes, I8.
        packed: Id,
        /// `[n]`, `f32`.
        scales: Id,
        /// `[n]`, I32: the sum of each column's bytes.
        sums: Id,
        /// How `x` becomes bytes.
        rows: Rows,
    },
}

/// How the input of an int8 product becomes bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Rows {
    /// Each row by its own scale and zero point, from its own range.
    Dynamic {
        /// A constant `[k]` by which `x` is multiplied first, or [`ABSENT`].
        factors: Id,
    },
    /// All by one scale and zero point that the graph gives; saturating. `signed` rows are in -128..=127 with their zero
    /// point, the others in 0..=255.
    Static {
        /// What one step is worth.
        scale: f32,
        /// The byte that stands for 0.
        zero: i32,
        /// Signed bytes.
        signed: bool,
    },
    /// All by one scale and zero point, from the range of the whole value and 0, as DynamicQuantizeLinear has them.
    Whole,
}

/// How a table of bytes becomes numbers again.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dequantise {
    /// Constant, one element or one per row of the table; [`ABSENT`] if the table is not of bytes.
    pub scales: Id,
    /// The byte that stands for 0.
    pub zero: i32,
}

/// What is applied to each output of a [`Linear`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Activation {
    /// Nothing.
    #[default]
    None,
    /// `max(x, 0)`.
    Relu,
    /// `x * (1 + erf(x / sqrt 2)) / 2`.
    Gelu,
    /// The approximation of GELU by the hyperbolic tangent.
    GeluTanh,
    /// `tanh x`.
    Tanh,
    /// `1 / (1 + e^-x)`.
    Sigmoid,
    /// `x * sigmoid x`.
    Silu,
}

/// Scaled dot-product attention of `heads` heads: `softmax(q k^T * scale + mask) v`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attention {
    /// Heads of `q`.
    pub heads: u32,
    /// Heads of `k` and `v`: `heads`, or a divisor of it (each is then shared by neighbours).
    pub kv_heads: u32,
    /// Features of a head of `q` and `k`.
    pub dim: u32,
    /// Features of a head of `v`, and of the output.
    pub v_dim: u32,
    /// What scores are multiplied by.
    pub scale: f32,
    /// In int8 or in `f32`.
    pub form: Form,
    /// A query sees no key after itself, counted from the ends of both: query `i` of `m` sees keys up to `i + n - m`.
    pub causal: bool,
    /// A row whose scores are all -inf gives 0 and not NaN.
    pub safe: bool,
    /// Where the heads lie, for `q`, `k` and `v`.
    pub operands: [Heads; 3],
    /// `[batch, heads, rows, v_dim]` is made if set, else `[batch, rows, heads * v_dim]`.
    pub heads_first: bool,
}

/// Arithmetic of an [`Attention`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Form {
    /// `f32` throughout.
    F32,
    /// Products in integers; the softmax in `f32`.
    I8,
}

/// Where the heads of an operand of [`Attention`] lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Heads {
    /// `[batch, rows, width]`: head `h` of size `d` has the columns from `first + h * d` on.
    Columns {
        /// The first column of head 0.
        first: u32,
    },
    /// `[batch, heads, rows, d]`.
    First,
}

/// A normalisation over the last axis.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Norm {
    /// Subtract the mean first (layer norm), or not (root mean square).
    pub centred: bool,
    /// Added to the variance.
    pub epsilon: f32,
}
