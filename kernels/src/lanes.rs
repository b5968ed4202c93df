//! What makes a floating-point reduction the same on every instruction set: a fixed number of lanes, a padded tail, and
//! one order in which lanes are folded.

/// Partial results carried side by side: two AVX-512 registers of `f32`, four of AVX2, eight of NEON. Fewer, and the time
/// that one addition takes would be the limit.
pub(crate) const LANES: usize = 32;

/// `tail`, filled up with `pad`, the value that leaves the reduction as it is.
#[inline(always)]
pub(crate) fn padded<T: Copy>(tail: &[T], pad: T) -> [T; LANES] {
    let mut block = [pad; LANES];
    block[..tail.len()].copy_from_slice(tail);
    block
}

/// Folds the lanes 32 -> 16 -> 8 -> 4 -> 2 -> 1, the upper half into the lower, always in this order.
#[inline(always)]
pub(crate) fn fold<T: Copy>(mut lanes: [T; LANES], join: impl Fn(T, T) -> T) -> T {
    let mut half = LANES / 2;
    while half > 0 {
        for i in 0..half {
            lanes[i] = join(lanes[i], lanes[i + half]);
        }
        half /= 2;
    }
    lanes[0]
}

/// The larger value; `best` if `x` is NaN, or equal.
#[inline(always)]
pub(crate) fn larger(best: f32, x: f32) -> f32 {
    if x > best { x } else { best }
}
