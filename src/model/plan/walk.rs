//! Walking several values of one shape at a time, each with strides of its own.

use std::ops::Range;

use crate::model::plan::ir::MAX_RANK;
use crate::model::plan::shape::Shape;
use crate::model::plan::threads::Workers;

/// The elements of a shape in row-major order, and where each of `N` operands has what belongs to them.
///
/// Axes that every operand runs through alike are one, so that the last is as long as it can be.
pub(super) struct Walk<const N: usize> {
    rank: usize,
    dims: [usize; MAX_RANK],
    strides: [[isize; N]; MAX_RANK],
    first: [isize; N],
    len: usize,
}

impl<const N: usize> Walk<N> {
    /// Dense operands whose shapes broadcast to `shape`; their strides along the last axis are 0 or 1.
    pub(super) fn broadcast(shape: &Shape, operands: [&Shape; N]) -> Self {
        let strides = operands.map(|operand| {
            let (own, missing) = (operand.strides(), shape.rank() - operand.rank());
            let mut strides = [0; MAX_RANK];
            for axis in 0..operand.rank() {
                if operand[axis] != 1 {
                    strides[missing + axis] = own[axis] as isize;
                }
            }
            strides
        });
        Self::strided(shape, strides, [0; N])
    }

    /// Operands with these strides, and first elements.
    pub(super) fn strided(shape: &Shape, strides: [[isize; MAX_RANK]; N], first: [isize; N]) -> Self {
        let mut walk =
            Self { rank: 0, dims: [1; MAX_RANK], strides: [[0; N]; MAX_RANK], first, len: shape.volume() };
        for (axis, &size) in shape.iter().enumerate().filter(|&(_, &size)| size != 1) {
            let own: [isize; N] = std::array::from_fn(|n| strides[n][axis]);
            let goes_on = walk.rank > 0
                && (0..N).all(|n| walk.strides[walk.rank - 1][n] == own[n].wrapping_mul(size as isize));
            if goes_on {
                walk.dims[walk.rank - 1] = walk.dims[walk.rank - 1].wrapping_mul(size);
            } else {
                walk.dims[walk.rank] = size;
                walk.rank += 1;
            }
            walk.strides[walk.rank - 1] = own;
        }
        walk.rank = walk.rank.max(1);
        walk
    }

    /// The strides along the last axis.
    pub(super) fn inner(&self) -> [isize; N] {
        self.strides[self.rank - 1]
    }

    /// How many elements there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Whether every operand is run through from its first element to its last, or there is nothing to run through.
    pub(super) fn is_dense(&self) -> bool {
        self.len <= 1 || (self.rank == 1 && self.inner() == [1; N])
    }

    /// Calls `run` for each stretch of the last axis within `range`, with the operands' first elements of it.
    #[inline]
    pub(super) fn rows(&self, range: Range<usize>, mut run: impl FnMut(Range<usize>, [usize; N])) {
        self.stretches(range, &mut run);
    }

    /// One copy for all operators: there are over a hundred, and each has its loops in `run`.
    #[inline(never)]
    fn stretches(&self, range: Range<usize>, run: &mut dyn FnMut(Range<usize>, [usize; N])) {
        if range.is_empty() {
            return;
        }
        let last = self.rank - 1;
        let (size, inner) = (self.dims[last], self.strides[last]);
        let mut index = [0; MAX_RANK];
        let mut rest = range.start / size;
        let mut offset = self.first;
        for axis in (0..last).rev() {
            index[axis] = rest % self.dims[axis];
            rest /= self.dims[axis];
            for (offset, stride) in offset.iter_mut().zip(self.strides[axis]) {
                *offset += index[axis] as isize * stride;
            }
        }
        let mut within = range.start % size;
        let mut at = range.start;
        loop {
            let end = range.end.min(at + size - within);
            let mut start = [0; N];
            for n in 0..N {
                start[n] = (offset[n] + within as isize * inner[n]) as usize;
            }
            run(at..end, start);
            if end == range.end {
                return;
            }
            (at, within) = (end, 0);
            for axis in (0..last).rev() {
                index[axis] += 1;
                for (offset, stride) in offset.iter_mut().zip(self.strides[axis]) {
                    *offset += stride;
                }
                if index[axis] < self.dims[axis] {
                    break;
                }
                index[axis] = 0;
                for (offset, stride) in offset.iter_mut().zip(self.strides[axis]) {
                    *offset -= self.dims[axis] as isize * stride;
                }
            }
        }
    }
}

impl Walk<1> {
    /// Sizes and strides of the last axis and the one before it, if there are two.
    pub(super) fn last_two(&self) -> Option<([usize; 2], [isize; 2])> {
        let before = self.rank.checked_sub(2)?;
        let axes = [before + 1, before];
        Some((axes.map(|axis| self.dims[axis]), axes.map(|axis| self.strides[axis][0])))
    }
}

/// `out[i] = f(x[i])`.
pub(super) fn map<T: Copy + Sync, U: Send>(
    workers: Workers,
    x: &[T],
    out: &mut [U],
    f: impl Fn(T) -> U + Sync,
) {
    workers.over_elements(out, |first, out| {
        for (out, &x) in out.iter_mut().zip(&x[first..]) {
            *out = f(x);
        }
    });
}

/// `out[i] = f(a, b)` for what `walk` says belongs to `i`.
pub(super) fn zip<A: Copy + Sync, B: Copy + Sync, U: Copy + Send>(
    workers: Workers,
    walk: &Walk<2>,
    (a, b): (&[A], &[B]),
    out: &mut [U],
    f: impl Fn(A, B) -> U + Sync,
) {
    // One loop for each operator: what it is called for is the same code for all of these types.
    zip_rows(workers, walk, (a, b), out, &|a, b, out| {
        for ((out, &a), &b) in out.iter_mut().zip(a).zip(b) {
            *out = f(a, b);
        }
    });
}

/// What computes as many elements as it is given.
type Row<'a, A, B, U> = &'a (dyn Fn(&[A], &[B], &mut [U]) + Sync);

#[inline(never)]
fn zip_rows<A: Copy + Sync, B: Copy + Sync, U: Copy + Send>(
    workers: Workers,
    walk: &Walk<2>,
    (a, b): (&[A], &[B]),
    out: &mut [U],
    row: Row<'_, A, B, U>,
) {
    /// An element that belongs to many is repeated so often.
    const BLOCK: usize = 64;
    workers.over_elements(out, |first, out| {
        walk.rows(first..first + out.len(), |range, [i, j]| {
            let n = range.len();
            let out = &mut out[range.start - first..][..n];
            match walk.inner() {
                [0, 0] => {
                    row(&a[i..=i], &b[j..=j], &mut out[..1]);
                    let same = out[0];
                    out[1..].fill(same);
                }
                [0, _] => {
                    let a = [a[i]; BLOCK];
                    for (out, b) in out.chunks_mut(BLOCK).zip(b[j..][..n].chunks(BLOCK)) {
                        row(&a[..b.len()], b, out);
                    }
                }
                [_, 0] => {
                    let b = [b[j]; BLOCK];
                    for (out, a) in out.chunks_mut(BLOCK).zip(a[i..][..n].chunks(BLOCK)) {
                        row(a, &b[..a.len()], out);
                    }
                }
                _ => row(&a[i..][..n], &b[j..][..n], out),
            }
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_start_anywhere_and_visit_what_broadcasting_says() {
        let shape = |dims: &[usize]| Shape::new(dims).expect("small");
        let cases =
            [(&[2, 3, 4][..], &[3, 1][..], &[4][..]), (&[2, 3], &[2, 1], &[2, 3]), (&[4], &[1], &[4])];
        for (out, a, b) in cases.map(|(o, a, b)| (shape(o), shape(a), shape(b))) {
            let walk = Walk::broadcast(&out, [&a, &b]);
            let place = |operand: &Shape, mut at: usize| {
                let (mut offset, strides) = (0, operand.strides());
                for axis in (0..out.rank()).rev() {
                    if let Some(own) = (axis + operand.rank()).checked_sub(out.rank()) {
                        offset += if operand[own] == 1 { 0 } else { at % out[axis] * strides[own] };
                    }
                    at /= out[axis];
                }
                offset
            };
            for start in 0..=out.volume() {
                let mut seen = start;
                walk.rows(start..out.volume(), |range, [i, j]| {
                    assert_eq!(range.start, seen);
                    seen = range.end;
                    for (n, at) in range.enumerate() {
                        let [by_a, by_b] = walk.inner().map(|stride| n * stride as usize);
                        assert_eq!((i + by_a, j + by_b), (place(&a, at), place(&b, at)), "{out:?} {at}");
                    }
                });
                assert_eq!(seen, out.volume());
            }
        }
    }
}
