//! Attention over the heads where they lie.

use std::ops::Range;

use rayon::prelude::*;
use trueline_kernels::{Isa, attention};

use crate::Error;
use crate::model::plan::cache::Cached;
use crate::model::plan::data::View;
use crate::model::plan::ir::{Attention, Form, Heads};
use crate::model::plan::operator::{Context, Output, Scratch};
use crate::model::plan::shape::{Shape, mismatch};

/// Heads of one operand for all texts of a batch.
#[derive(Clone, Copy)]
struct Operand<'a> {
    data: &'a [f32],
    batch: usize,
    rows: usize,
    /// Elements from one text to the next, 0 if all have the same.
    batch_stride: usize,
    row_stride: usize,
    head_stride: usize,
    /// Where each text lies, in strides of a text, if they do not lie one after another.
    blocks: Option<&'a [usize]>,
}

impl<'a> Operand<'a> {
    /// Input `i` of the step: a value, or a cache.
    fn of_input(
        context: &Context<'a>,
        i: usize,
        place: Heads,
        heads: usize,
        d: usize,
    ) -> Result<Self, Error> {
        let Some((shape, cached)) = context.cached(i) else {
            return Self::new(&context.input(i)?, place, heads, d);
        };
        let Cached { data, blocks, strides: [batch_stride, head_stride, row_stride] } = cached;
        match (place, &shape[..]) {
            (Heads::First, &[batch, own_heads, rows, own_d]) if own_heads == heads && own_d == d => {
                let blocks = Some(blocks);
                Ok(Self { data, batch, rows, batch_stride, row_stride, head_stride, blocks })
            }
            _ => Err(mismatch(format!("{heads} heads of {d} features in a cache of shape {shape:?}"))),
        }
    }

    fn new(x: &View<'a>, place: Heads, heads: usize, d: usize) -> Result<Self, Error> {
        let refused = || mismatch(format!("{heads} heads of {d} features in a value of shape {:?}", x.shape));
        let (first, batch, rows, row_stride, head_stride) = match (place, &x.shape[..]) {
            (Heads::Columns { first }, &[batch, rows, width]) => {
                let first = first as usize;
                if first + heads * d > width {
                    return Err(refused());
                }
                (first, batch, rows, width, d)
            }
            (Heads::First, &[batch, own_heads, rows, own_d]) if own_heads == heads && own_d == d => {
                (0, batch, rows, d, rows * d)
            }
            _ => return Err(refused()),
        };
        let data = x.f32s()?;
        let batch_stride = if batch <= 1 { 0 } else { data.len() / batch };
        let data = data.get(first..).unwrap_or_default();
        Ok(Self { data, batch, rows, batch_stride, row_stride, head_stride, blocks: None })
    }

    /// The heads of text `b`.
    fn of(&self, b: usize) -> attention::Operand<'a> {
        let block = match self.blocks {
            // One text's keys and values may be all texts'.
            Some(blocks) => blocks.get(b).or(blocks.first()).copied().unwrap_or_default(),
            None => b,
        };
        let data = self.data.get(block * self.batch_stride..).unwrap_or_default();
        attention::Operand { data, row_stride: self.row_stride, head_stride: self.head_stride }
    }
}

/// What is added to the scores of all texts of a batch.
#[derive(Clone, Copy)]
struct Mask<'a> {
    data: &'a [f32],
    strides: [usize; 3],
}

impl<'a> Mask<'a> {
    fn new(mask: &View<'a>, scores: &Shape) -> Result<Self, Error> {
        let refused = || mismatch(format!("a mask of shape {:?} for scores of {scores:?}", mask.shape));
        let missing = scores.rank().checked_sub(mask.shape.rank()).ok_or_else(refused)?;
        if mask.shape.broadcast(scores)? != *scores || mask.shape.last_size() != scores.last_size() {
            return Err(refused());
        }
        let own = mask.shape.strides();
        let stride = |axis: usize| match axis.checked_sub(missing) {
            Some(axis) if mask.shape[axis] != 1 => own[axis],
            _ => 0,
        };
        Ok(Self { data: mask.f32s()?, strides: [0, 1, 2].map(stride) })
    }

    fn of(&self, b: usize) -> attention::Mask<'a> {
        let [batch_stride, head_stride, row_stride] = self.strides;
        let data = self.data.get(b * batch_stride..).unwrap_or_default();
        attention::Mask { data, head_stride, row_stride }
    }
}

/// [`Op::Attention`](crate::model::plan::ir::Op::Attention).
pub(super) fn attention(
    context: &Context<'_>,
    op: &Attention,
    out: &mut Output,
    scratch: &mut Scratch,
) -> Result<(), Error> {
    let [heads, kv_heads, dim, v_dim] = [op.heads, op.kv_heads, op.dim, op.v_dim].map(|size| size as usize);
    let [q_heads, k_heads, v_heads] = op.operands;
    let q = Operand::new(&context.input(0)?, q_heads, heads, dim)?;
    let k = Operand::of_input(context, 1, k_heads, kv_heads, dim)?;
    let v = Operand::of_input(context, 2, v_heads, kv_heads, v_dim)?;
    if k.rows != v.rows || [k.batch, v.batch].iter().any(|&batch| batch != q.batch && batch != 1) {
        return Err(mismatch(format!(
            "{} rows of {} texts over {} and {} of {} and {}",
            q.rows, q.batch, k.rows, v.rows, k.batch, v.batch
        )));
    }
    let scores = Shape::new(&[q.batch, heads, q.rows, k.rows])?;
    let mask = context.optional(3)?.map(|mask| Mask::new(&mask, &scores)).transpose()?;
    let shape = if op.heads_first {
        Shape::new(&[q.batch, heads, q.rows, v_dim])?
    } else {
        Shape::new(&[q.batch, q.rows, heads * v_dim])?
    };
    let width = heads * v_dim;
    let layout = if op.heads_first { [v_dim, q.rows * v_dim] } else { [width, v_dim] };
    let call = Call {
        isa: context.isa,
        form: match op.form {
            Form::F32 => attention::Form::F32,
            Form::I8 => attention::Form::I8,
        },
        shape: attention::Shape { heads, kv_heads, queries: q.rows, keys: k.rows, dim, v_dim },
        options: attention::Options { scale: op.scale, causal: op.causal, safe: op.safe },
        layout,
        operands: [q, k, v],
        mask,
    };
    let out = out.make::<f32>(shape)?;
    if out.is_empty() {
        return Ok(());
    }
    let work = k.rows.saturating_mul((dim + v_dim) * heads);
    let at_a_time = context.workers.rows_at_a_time(q.batch * q.rows, work);
    if at_a_time >= q.batch * q.rows {
        call.alone(out, scratch)
    } else {
        // Heads that come first leave no run of rows in one piece.
        let at_a_time = if op.heads_first { q.rows } else { at_a_time.min(q.rows) };
        call.shared(at_a_time, out, scratch)
    }
}

/// What all parts of the work share.
struct Call<'a> {
    isa: Isa,
    form: attention::Form,
    shape: attention::Shape,
    options: attention::Options,
    /// Elements of the output from a query to the next, and from a head to the next.
    layout: [usize; 2],
    operands: [Operand<'a>; 3],
    mask: Option<Mask<'a>>,
}

impl Call<'_> {
    fn pack(&self, b: usize, packed: &mut [f32]) {
        let [_, k, v] = self.operands;
        attention::pack(self.isa, self.form, self.shape, k.of(b), v.of(b), packed);
    }

    fn rows(&self, b: usize, range: Range<usize>, packed: &[f32], scratch: &mut [f32], out: &mut [f32]) {
        let ([q, _, v], [row_stride, head_stride]) = (self.operands, self.layout);
        attention::rows(
            self.isa,
            self.form,
            self.shape,
            self.options,
            range,
            q.of(b),
            v.of(b),
            self.mask.map(|mask| mask.of(b)),
            packed,
            scratch,
            attention::Output { data: out, row_stride, head_stride },
        );
    }

    /// Whether all texts have the same keys and values.
    fn has_one_memory(&self) -> bool {
        let [_, k, v] = self.operands;
        k.batch == 1 && v.batch == 1
    }

    /// Elements of the output of a text.
    fn text_len(&self) -> usize {
        self.shape.queries * self.shape.heads * self.shape.v_dim
    }

    /// What memory is taken for: a cache grows by a row each step, and memory is not to be taken anew for each.
    fn room(&self) -> attention::Shape {
        match self.operands[1].blocks {
            Some(_) => attention::Shape { keys: self.shape.keys.next_power_of_two(), ..self.shape },
            None => self.shape,
        }
    }

    /// Text after text on this thread.
    fn alone(&self, out: &mut [f32], scratch: &mut Scratch) -> Result<(), Error> {
        let packed = scratch.floats.room::<f32>(attention::packed_len(self.form, self.room()))?;
        let packed = &mut packed[..attention::packed_len(self.form, self.shape)];
        let own = scratch.scores.room::<f32>(attention::scratch_len(self.form, self.room()))?;
        let own = &mut own[..attention::scratch_len(self.form, self.shape)];
        for (b, out) in out.chunks_exact_mut(self.text_len()).enumerate() {
            if b == 0 || !self.has_one_memory() {
                self.pack(b, packed);
            }
            self.rows(b, 0..self.shape.queries, packed, own, out);
        }
        Ok(())
    }

    /// So many queries at a time, by any thread.
    fn shared(&self, at_a_time: usize, out: &mut [f32], scratch: &mut Scratch) -> Result<(), Error> {
        let (queries, texts) = (self.shape.queries, out.len() / self.text_len());
        let (per_text, row_len) = (queries.div_ceil(at_a_time), self.text_len() / queries);
        // A slice is not cut into pieces of nothing.
        let packed_len = attention::packed_len(self.form, self.shape).max(1);
        let own_len = attention::scratch_len(self.form, self.shape).max(1);
        let memories = if self.has_one_memory() { 1 } else { texts };
        let packed = scratch.floats.room::<f32>(memories.saturating_mul(packed_len))?;
        packed.par_chunks_mut(packed_len).enumerate().for_each(|(b, packed)| self.pack(b, packed));
        let packed = &*packed;
        let own = scratch.scores.room::<f32>((texts * per_text).saturating_mul(own_len))?;
        let by_text = out.par_chunks_mut(self.text_len()).zip(own.par_chunks_mut(per_text * own_len));
        by_text.enumerate().for_each(|(b, (out, own))| {
            let packed = &packed[if memories == 1 { 0 } else { b * packed_len }..][..packed_len];
            let parts = out.par_chunks_mut(at_a_time * row_len).zip(own.par_chunks_mut(own_len));
            parts.enumerate().for_each(|(i, (out, own))| {
                let first = i * at_a_time;
                self.rows(b, first..first + out.len() / row_len, packed, own, out);
            });
        });
        Ok(())
    }
}
