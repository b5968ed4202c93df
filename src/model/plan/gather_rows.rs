//! Rows of a table: embeddings.

use crate::Error;
use crate::model::plan::data::{Data, Indices, View};
use crate::model::plan::gather;
use crate::model::plan::ir::{ABSENT, Dequantise};
use crate::model::plan::operator::{Context, Output};
use crate::model::plan::shape::{Shape, mismatch};

/// [`Op::GatherRows`](crate::model::plan::ir::Op::GatherRows).
pub(super) fn gather_rows(context: &Context<'_>, op: Dequantise, out: &mut Output) -> Result<(), Error> {
    if op.scales == ABSENT {
        return gather::gather(context, 0, out);
    }
    let (table, ids) = (context.input(0)?, context.input(1)?);
    let scales = context.value(op.scales)?.f32s()?;
    let &[n, ref rest @ ..] = &table.shape[..] else {
        return Err(mismatch("a table without rows".into()));
    };
    if scales.len() != 1 && scales.len() != n {
        return Err(mismatch(format!("{} scales for a table of {n} rows", scales.len())));
    }
    let places = ids.indices()?;
    gather::check(places, n)?;
    let sizes = |axis| ids.shape.iter().chain(rest).copied().nth(axis).unwrap_or(1);
    let out = out.make::<f32>(Shape::build(ids.shape.rank() + rest.len(), sizes)?)?;
    let rows = Rows { places, n, scales, zero: op.zero };
    match table {
        View { data: Data::I8(bytes), .. } => rows.gather(bytes, out),
        View { data: Data::U8(bytes), .. } => rows.gather(bytes, out),
        View { data, .. } => return Err(mismatch(format!("a table of bytes of kind {:?}", data.kind()))),
    }
    Ok(())
}

/// Which rows, and how they become numbers.
struct Rows<'a> {
    places: Indices<'a>,
    n: usize,
    scales: &'a [f32],
    zero: i32,
}

impl Rows<'_> {
    fn gather<T: Copy + Into<i32>>(&self, bytes: &[T], out: &mut [f32]) {
        if out.is_empty() {
            return;
        }
        let size = bytes.len() / self.n;
        for (i, out) in out.chunks_exact_mut(size).enumerate() {
            let row = gather::place(self.places.get(i), self.n);
            let scale = if self.scales.len() == 1 { self.scales[0] } else { self.scales[row] };
            for (out, &byte) in out.iter_mut().zip(&bytes[row * size..][..size]) {
                *out = byte.into().wrapping_sub(self.zero) as f32 * scale;
            }
        }
    }
}
