//! Sizes of values, kept inline so that a run needs no heap for them.

use std::fmt;
use std::ops::Deref;

use crate::model::plan::ir::MAX_RANK;
use crate::{Code, Error};

/// The most elements that a shape may have, axes of size 0 counted as 1: far more than fits, and far from overflow.
const MAX_SPAN: usize = usize::MAX >> 4;

/// One size per axis, at most [`MAX_RANK`] of them. Row-major strides of a shape never overflow.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    dims: [usize; MAX_RANK],
    rank: usize,
}

impl Shape {
    /// The shape of a single element without axes.
    pub const SCALAR: Self = Self { dims: [0; MAX_RANK], rank: 0 };

    /// These sizes.
    ///
    /// # Errors
    /// [`Code::InvalidModel`] for more than [`MAX_RANK`] axes; [`Code::TooLarge`] if the sizes' product comes near what
    /// an index can hold.
    pub fn new(dims: &[usize]) -> Result<Self, Error> {
        if dims.len() > MAX_RANK {
            return Err(mismatch(format!("a value has {} axes; at most {MAX_RANK} are allowed", dims.len())));
        }
        let mut shape = Self { dims: [0; MAX_RANK], rank: dims.len() };
        shape.dims[..dims.len()].copy_from_slice(dims);
        let span = dims.iter().try_fold(1_usize, |span, &size| span.checked_mul(size.max(1)));
        if span.is_none_or(|span| span > MAX_SPAN) {
            return Err(Error::new(Code::TooLarge, format!("a value of shape {dims:?} does not fit")));
        }
        Ok(shape)
    }

    /// A shape of `rank` axes of size 1, whose sizes the caller then sets.
    ///
    /// # Errors
    /// [`Code::InvalidModel`] for more than [`MAX_RANK`] axes.
    pub fn build(rank: usize, mut size: impl FnMut(usize) -> usize) -> Result<Self, Error> {
        let mut dims = [1; MAX_RANK];
        if rank > MAX_RANK {
            return Err(mismatch(format!("a value has {rank} axes; at most {MAX_RANK} are allowed")));
        }
        for (axis, dim) in dims[..rank].iter_mut().enumerate() {
            *dim = size(axis);
        }
        Self::new(&dims[..rank])
    }

    /// The same with another size for `axis`.
    ///
    /// # Errors
    /// As [`Shape::new`].
    pub fn with(&self, axis: usize, size: usize) -> Result<Self, Error> {
        Self::build(self.rank, |a| if a == axis { size } else { self.dims[a] })
    }

    /// How many axes there are.
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// How many elements there are.
    pub fn volume(&self) -> usize {
        self.iter().product()
    }

    /// The size of the last axis; 1 without axes.
    pub fn last_size(&self) -> usize {
        self.last().copied().unwrap_or(1)
    }

    /// Elements before `axis`, along it, and after it: the shape as three axes.
    pub fn around(&self, axis: usize) -> [usize; 3] {
        [self[..axis].iter().product(), self[axis], self[axis + 1..].iter().product()]
    }

    /// How many elements one step along each axis is, row-major; unused entries are 0.
    pub fn strides(&self) -> [usize; MAX_RANK] {
        let mut strides = [0; MAX_RANK];
        let mut next = 1;
        for axis in (0..self.rank).rev() {
            strides[axis] = next;
            next *= self.dims[axis].max(1);
        }
        strides
    }

    /// The axis that an index names; a negative one counts from the end.
    ///
    /// # Errors
    /// [`Code::InvalidModel`] if there is no such axis.
    pub fn axis(&self, axis: i64) -> Result<usize, Error> {
        index_of(axis, self.rank)
            .ok_or_else(|| mismatch(format!("axis {axis} of a value of shape {self:?} does not exist")))
    }

    /// What both shapes broadcast to.
    ///
    /// # Errors
    /// [`Code::InvalidModel`] if two sizes of an axis differ and neither is 1; [`Code::TooLarge`] as [`Shape::new`].
    pub fn broadcast(&self, other: &Self) -> Result<Self, Error> {
        let rank = self.rank.max(other.rank);
        let size = |shape: &Self, axis: usize| {
            (axis + shape.rank).checked_sub(rank).map_or(1, |axis| shape.dims[axis])
        };
        for axis in 0..rank {
            let (a, b) = (size(self, axis), size(other, axis));
            if a != b && a != 1 && b != 1 {
                return Err(mismatch(format!("shapes {self:?} and {other:?} do not broadcast")));
            }
        }
        Self::build(rank, |axis| match size(self, axis) {
            1 => size(other, axis),
            a => a,
        })
    }
}

/// Where an index that may count from the end points, if it is one of `size`.
pub(super) fn index_of(index: i64, size: usize) -> Option<usize> {
    let index = if index < 0 { index.checked_add(i64::try_from(size).ok()?)? } else { index };
    usize::try_from(index).ok().filter(|&index| index < size)
}

/// An error about sizes or kinds that do not fit together.
pub(super) fn mismatch(message: String) -> Error {
    Error::new(Code::InvalidModel, message)
}

impl Deref for Shape {
    type Target = [usize];

    fn deref(&self) -> &[usize] {
        &self.dims[..self.rank]
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(dims: &[usize]) -> Shape {
        Shape::new(dims).expect("a small shape")
    }

    #[test]
    fn shapes_broadcast_as_numpy_says() {
        for (a, b, want) in [
            (&[2, 3][..], &[3][..], Some(&[2, 3][..])),
            (&[2, 1], &[1, 4], Some(&[2, 4])),
            (&[], &[5], Some(&[5])),
            (&[0], &[1], Some(&[0])),
            (&[2], &[3], None),
            (&[0], &[2], None),
        ] {
            let got = shape(a).broadcast(&shape(b)).ok();
            assert_eq!(got.as_deref(), want, "{a:?} {b:?}");
        }
    }

    #[test]
    fn what_overflows_or_has_too_many_axes_is_refused() {
        assert_eq!(Shape::new(&[usize::MAX, 2]).unwrap_err().code, Code::TooLarge);
        assert_eq!(Shape::new(&[0, 1 << 40, 1 << 40]).unwrap_err().code, Code::TooLarge);
        assert_eq!(Shape::new(&[1; 9]).unwrap_err().code, Code::InvalidModel);
        assert_eq!(shape(&[0, 7]).volume(), 0);
        assert_eq!(Shape::SCALAR.volume(), 1);
    }

    #[test]
    fn axes_count_from_both_ends() {
        let s = shape(&[2, 3, 4]);
        assert_eq!((s.axis(-1), s.axis(0)), (Ok(2), Ok(0)));
        assert!(s.axis(3).is_err() && s.axis(-4).is_err() && s.axis(i64::MIN).is_err());
        assert_eq!((s.around(1), s.strides()[..3].to_vec()), ([2, 3, 4], vec![12, 4, 1]));
    }
}
