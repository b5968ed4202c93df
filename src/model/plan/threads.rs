//! The threads that a caller lends to runs.

use crate::{Code, Error};

/// Below so many multiply-adds a run stays on the calling thread: handing it over costs about as much.
const MIN_MULTIPLY_ADDS: u64 = 8 << 20;
/// Below so many elements an operator that only passes over them is not split.
const MIN_ELEMENTS: usize = 1 << 16;
/// Parts are this many elements or a multiple of it.
const GRAIN: usize = 1 << 10;
/// Rows of a product are split at multiples of this, which is what the kernels take at a time.
const ROWS: usize = 8;

/// How many threads a run may use: the calling one alone, or a pool. Results do not depend on it.
///
/// A pool's threads sleep while no run uses them, and the calling thread sleeps while they work.
#[derive(Debug, Default)]
pub struct Threads {
    pool: Option<rayon::ThreadPool>,
}

impl Threads {
    /// The calling thread alone.
    pub fn none() -> Self {
        Self::default()
    }

    /// A pool of `n` threads; for 0 and 1 the calling thread alone.
    ///
    /// # Errors
    /// [`Code::Unavailable`] if the system starts no more threads; [`Code::InvalidArgument`] for more than 1024.
    pub fn new(n: usize) -> Result<Self, Error> {
        if n > 1024 {
            return Err(Error::new(Code::InvalidArgument, format!("{n} threads; at most 1024 are allowed")));
        }
        if n <= 1 {
            return Ok(Self::none());
        }
        let pool =
            rayon::ThreadPoolBuilder::new().num_threads(n).thread_name(|i| format!("trueline-{i}")).build();
        let pool = pool.map_err(|e| Error::new(Code::Unavailable, format!("{n} threads: {e}")))?;
        Ok(Self { pool: Some(pool) })
    }

    /// How many threads work at a time.
    pub fn count(&self) -> usize {
        self.pool.as_ref().map_or(1, rayon::ThreadPool::current_num_threads)
    }

    /// Calls `run` on the pool if `multiply_adds` are worth it.
    pub(super) fn enter<R: Send>(&self, multiply_adds: u64, run: impl FnOnce(Workers) -> R + Send) -> R {
        match &self.pool {
            Some(pool) if multiply_adds >= MIN_MULTIPLY_ADDS => {
                let workers = Workers(pool.current_num_threads());
                pool.install(|| run(workers))
            }
            _ => run(Workers(1)),
        }
    }
}

/// How many threads an operator may split its work between.
#[derive(Clone, Copy, Debug)]
pub(super) struct Workers(usize);

impl Workers {
    /// Calls `part` for consecutive parts of `out` with where they start; for work of a few operations an element.
    pub(super) fn over_elements<T: Send>(self, out: &mut [T], part: impl Fn(usize, &mut [T]) + Sync) {
        // A reference, so that the code that splits is there once for each type of element and not for each operator.
        let part: &(dyn Fn(usize, &mut [T]) + Sync) = &part;
        if self.0 <= 1 || out.len() < MIN_ELEMENTS {
            part(0, out);
        } else {
            split(out, 0, out.len().div_ceil(self.0).next_multiple_of(GRAIN), part);
        }
    }

    /// How many of `rows` rows to take at a time, where each costs `multiply_adds`: all, if a split is not worth it.
    pub(super) fn rows_at_a_time(self, rows: usize, multiply_adds: usize) -> usize {
        let worth = rows as u128 * multiply_adds as u128 >= u128::from(MIN_MULTIPLY_ADDS / 8);
        if self.0 <= 1 || !worth { rows.max(1) } else { rows.div_ceil(self.0).next_multiple_of(ROWS) }
    }
}

/// Calls `part` for each `size` elements of `out`, the first of which has the number `first`, on any threads.
fn split<T: Send>(out: &mut [T], first: usize, size: usize, part: &(dyn Fn(usize, &mut [T]) + Sync)) {
    if out.len() <= size {
        return part(first, out);
    }
    let middle = out.len().div_ceil(size) / 2 * size;
    let (left, right) = out.split_at_mut(middle);
    rayon::join(|| split(left, first, size, part), || split(right, first + middle, size, part));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_is_visited_once() {
        let threads = Threads::new(3).expect("three threads");
        assert_eq!((threads.count(), Threads::none().count()), (3, 1));
        for len in [0, 5, MIN_ELEMENTS, 3 * MIN_ELEMENTS + 7] {
            let mut out = vec![0; len];
            threads.enter(u64::MAX, |workers| {
                workers.over_elements(&mut out, |first, part| {
                    for (i, x) in part.iter_mut().enumerate() {
                        *x += first + i + 1;
                    }
                });
            });
            assert!(out.iter().enumerate().all(|(i, &x)| x == i + 1), "{len}");
        }
        assert_eq!(Threads::new(5000).unwrap_err().code, Code::InvalidArgument);
    }
}
