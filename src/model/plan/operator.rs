//! What an operator gets and gives, and the list of them.

use bytemuck::Pod;
use trueline_kernels::Isa;

use crate::Error;
use crate::model::plan::arena::Buffer;
use crate::model::plan::cache::{Cached, Caches};
use crate::model::plan::data::{View, wrong_kind};
use crate::model::plan::ir::{ABSENT, Id, Kind, Op, Place, Step};
use crate::model::plan::run::{Input, Located, Program};
use crate::model::plan::shape::{Shape, mismatch};
use crate::model::plan::threads::Workers;
use crate::model::plan::{
    attention, binary, cast, elementwise, gather, gather_rows, linear, make, movement, norm, product, reduce,
    reshape, softmax, transpose,
};

/// Runs `$body` for elements of the same size on both sides; it is an error if the sizes differ.
macro_rules! by_size {
    ($from:expr, $to:expr, |$x:pat_param, $out:ident| $body:expr) => {{
        use $crate::model::plan::data::Raw;
        use $crate::model::plan::operator::RawMut;
        match ($from, $to) {
            (Raw::One($x), RawMut::One($out)) => $body,
            (Raw::Four($x), RawMut::Four($out)) => $body,
            (Raw::Eight($x), RawMut::Eight($out)) => $body,
            _ => return Err($crate::model::plan::shape::mismatch("elements of two sizes".into())),
        }
    }};
}
pub(super) use by_size;

/// What a step may read.
pub(super) struct Context<'a> {
    pub(super) program: &'a Program,
    pub(super) step: &'a Step,
    pub(super) slots: &'a [Buffer],
    pub(super) located: &'a [Located],
    pub(super) caches: &'a Caches,
    pub(super) inputs: &'a [Input<'a>],
    pub(super) isa: Isa,
    pub(super) workers: Workers,
    /// The step before has turned this product's input into bytes already.
    pub(super) repeats: bool,
}

impl<'a> Context<'a> {
    /// Any value that is there.
    pub(super) fn value(&self, id: Id) -> Result<View<'a>, Error> {
        self.program.value(id, self.slots, self.located, self.inputs)
    }

    /// The shape of input `i` of the step, which may lie in a cache.
    pub(super) fn shape(&self, i: usize) -> Result<Shape, Error> {
        match self.cached(i) {
            Some((shape, _)) => Ok(shape),
            None => Ok(self.input(i)?.shape),
        }
    }

    /// Input `i` of the step, if it lies in a cache.
    pub(super) fn cached(&self, i: usize) -> Option<(Shape, Cached<'a>)> {
        let id = *self.step.inputs.get(i).filter(|&&id| id != ABSENT)? as usize;
        let Place::Cache(cache) = self.program.plan().values[id].place else { return None };
        Some((self.located[id].shape, self.caches.read(cache as usize)))
    }

    /// Input `i` of the step, if it is given.
    pub(super) fn optional(&self, i: usize) -> Result<Option<View<'a>>, Error> {
        match self.step.inputs.get(i) {
            None | Some(&ABSENT) => Ok(None),
            Some(&id) => self.value(id).map(Some),
        }
    }

    /// Input `i` of the step.
    pub(super) fn input(&self, i: usize) -> Result<View<'a>, Error> {
        self.optional(i)?.ok_or_else(|| mismatch(format!("input {i} is missing")))
    }
}

/// Where a step writes one of its outputs.
#[derive(Debug)]
pub(super) struct Output {
    kind: Kind,
    shape: Shape,
    first: usize,
    is_view: bool,
    buffer: Buffer,
}

/// Room for elements by their size alone.
pub(super) enum RawMut<'a> {
    One(&'a mut [u8]),
    Four(&'a mut [u32]),
    Eight(&'a mut [u64]),
}

impl Default for Output {
    fn default() -> Self {
        let buffer = Buffer::default();
        Self { kind: Kind::F32, shape: Shape::SCALAR, first: 0, is_view: false, buffer }
    }
}

impl Output {
    /// Makes ready for another value.
    pub(super) fn start(&mut self, kind: Kind, is_view: bool) {
        (self.kind, self.is_view, self.shape, self.first) = (kind, is_view, Shape::SCALAR, 0);
    }

    pub(super) fn swap(&mut self, slot: &mut Buffer) {
        std::mem::swap(&mut self.buffer, slot);
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    pub(super) fn shape(&self) -> Shape {
        self.shape
    }

    pub(super) fn first(&self) -> usize {
        self.first
    }

    /// Room for a value of this shape, to be written whole.
    pub(super) fn make<T: Element>(&mut self, shape: Shape) -> Result<&mut [T], Error> {
        if !T::KINDS.contains(&self.kind) {
            return Err(wrong_kind(self.kind, T::NAME));
        }
        self.shape = shape;
        self.buffer.room(shape.volume())
    }

    /// Room for a value of this shape and of the kind of `like`, which is only moved.
    pub(super) fn make_raw(&mut self, shape: Shape, like: Kind) -> Result<RawMut<'_>, Error> {
        if like != self.kind {
            return Err(mismatch(format!("a value of kind {like:?} is to become one of {:?}", self.kind)));
        }
        self.shape = shape;
        let len = shape.volume();
        Ok(match self.kind.size() {
            1 => RawMut::One(self.buffer.room(len)?),
            4 => RawMut::Four(self.buffer.room(len)?),
            _ => RawMut::Eight(self.buffer.room(len)?),
        })
    }

    /// Elements of `x` from `first` on, under another shape: where they are, or a copy.
    pub(super) fn make_view(&mut self, x: &View<'_>, shape: Shape, first: usize) -> Result<(), Error> {
        let part = x.data.part(first, shape.volume());
        let part = part.ok_or_else(|| mismatch(format!("{:?} elements seen as {shape:?}", x.shape)))?;
        if self.is_view {
            (self.shape, self.first) = (shape, first);
            return Ok(());
        }
        by_size!(part.raw(), self.make_raw(shape, x.kind())?, |x, out| out.copy_from_slice(x));
        Ok(())
    }

    /// Whether the elements stay where they are.
    pub(super) fn is_view(&self) -> bool {
        self.is_view
    }
}

/// A type that elements are kept as.
pub(super) trait Element: Pod {
    /// The kinds that are.
    const KINDS: &'static [Kind];
    /// For messages.
    const NAME: &'static str;
}

macro_rules! elements {
    ($($type:ty: $name:literal $($kind:ident)*;)*) => {
        $(impl Element for $type {
            const KINDS: &'static [Kind] = &[$(Kind::$kind),*];
            const NAME: &'static str = $name;
        })*
    };
}

elements! {
    f32: "F32" F32;
    i64: "I64" I64;
    i32: "I32" I32;
    u8: "U8 or Bool" U8 Bool;
    i8: "I8" I8;
}

/// Memory that operators use while they run, kept for the next.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// A matrix turned round, or packed; a column; keys and values, packed.
    pub(super) floats: Buffer,
    /// What attention keeps of its scores.
    pub(super) scores: Buffer,
    /// Rows as bytes, with the scale and the zero point of each.
    pub(super) bytes: Buffer,
    pub(super) scales: Buffer,
    pub(super) zeros: Buffer,
}

impl Scratch {
    pub(super) fn capacity(&self) -> usize {
        let Self { floats, scores, bytes, scales, zeros } = self;
        [floats, scores, bytes, scales, zeros].map(Buffer::capacity).iter().sum()
    }
}

/// Runs the context's step.
pub(super) fn run(context: &Context<'_>, outputs: &mut [Output], scratch: &mut Scratch) -> Result<(), Error> {
    let [out, ..] = outputs else {
        return Err(mismatch("a step without outputs".into()));
    };
    match &context.step.op {
        Op::Linear(linear) => linear::linear(context, linear, out, scratch),
        Op::Norm(norm) => norm::norm(context, *norm, outputs),
        Op::Attention(attention) => attention::attention(context, attention, out, scratch),
        Op::GatherRows(dequantise) => gather_rows::gather_rows(context, *dequantise, out),
        Op::Unary(unary) => elementwise::unary(context, *unary, out),
        Op::Binary(op) => binary::binary(context, *op, out),
        Op::Where => elementwise::select(context, out),
        Op::Cast => cast::cast(context, out),
        Op::Quantise { axis } => cast::quantise(context, *axis, out),
        Op::Dequantise { axis } => cast::dequantise(context, *axis, out),
        Op::Shape { start, end } => make::shape(context, *start, *end, out),
        Op::Reshape { allow_zero } => reshape::reshape(context, *allow_zero, out),
        Op::Unsqueeze => reshape::unsqueeze(context, out),
        Op::Squeeze => reshape::squeeze(context, out),
        Op::Identity => reshape::identity(context, out),
        Op::Flatten { axis } => reshape::flatten(context, *axis, out),
        Op::Transpose { perm } => transpose::transpose(context, perm, out),
        Op::Expand => movement::expand(context, out),
        Op::Concat { axis } => movement::concat(context, *axis, out),
        Op::Slice => movement::slice(context, out),
        Op::Split { axis } => movement::split(context, *axis, outputs),
        Op::Gather { axis } => gather::gather(context, *axis, out),
        Op::GatherElements { axis } => gather::gather_elements(context, *axis, out),
        Op::Range => make::range(context, out),
        Op::ConstantOfShape => make::constant_of_shape(context, out),
        Op::Trilu { upper } => make::trilu(context, *upper, out),
        Op::Reduce { reduce, keep, noop_if_empty } => {
            reduce::reduce(context, *reduce, *keep, *noop_if_empty, out)
        }
        Op::Softmax { axis, log } => softmax::softmax(context, *axis, *log, out, scratch),
        Op::ArgMax { axis, keep } => reduce::arg_max(context, *axis, *keep, out),
        Op::CumSum { exclusive, reverse } => reduce::cum_sum(context, *exclusive, *reverse, out),
        // The run does it, before it comes to this: it writes to a cache.
        Op::Append { .. } => Err(mismatch("rows for no cache".into())),
        Op::MatMul => product::mat_mul(context, out, scratch),
    }
}
