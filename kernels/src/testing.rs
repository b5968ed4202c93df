//! Inputs that every kernel's test goes through.

use crate::lanes::LANES;
use std::vec;
use std::vec::Vec;

/// A small generator with a fixed seed (splitmix64), so that a failure can be seen again.
pub(crate) struct Random(pub u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Evenly spread over [-scale, scale).
    pub(crate) fn floats(&mut self, len: usize, scale: f32) -> Vec<f32> {
        (0..len).map(|_| ((self.next() >> 40) as f32 / 8_388_608.0 - 1.0) * scale).collect()
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Vec<i8> {
        (0..len).map(|_| self.next() as i8).collect()
    }
}

/// Every length up to four times the lanes, and the edges of larger blocks.
pub(crate) fn lengths() -> impl Iterator<Item = usize> {
    (0..=4 * LANES).chain([127, 128, 129, 255, 256, 257, 1023, 1024, 1025])
}

/// Ordinary and extreme values of this length: some within what the kernel promises, some beyond.
pub(crate) fn patterns(len: usize) -> Vec<Vec<f32>> {
    let mut random = Random(len as u64);
    let mut all = vec![random.floats(len, 8.0), random.floats(len, 0.5).iter().map(|x| x.round()).collect()];
    for x in [f32::MIN, f32::MAX, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.0, f32::from_bits(1)] {
        all.push(vec![x; len]);
        // The extreme among ordinary values, at an early and a late place.
        for place in [len / 3, len.saturating_sub(1)] {
            let mut mixed = random.floats(len, 8.0);
            mixed.iter_mut().skip(place).take(1).for_each(|y| *y = x);
            all.push(mixed);
        }
    }
    let signs =
        [0.0, -0.0, f32::from_bits(1), -f32::from_bits(1), f32::INFINITY, f32::NEG_INFINITY, f32::NAN];
    all.push((0..len).map(|_| signs[random.next() as usize % 4]).collect());
    all.push((0..len).map(|_| signs[random.next() as usize % 7]).collect());
    all
}

/// Calls `check` with every pattern of every length, once as allocated and once one element off.
pub(crate) fn each_input(mut check: impl FnMut(&[f32])) {
    for len in lengths() {
        for pattern in patterns(len) {
            for offset in [0, 1] {
                check(&shifted(&pattern, offset)[offset..]);
            }
        }
    }
}

/// `x` behind `offset` elements that must not be read.
pub(crate) fn shifted<T: Copy + Default>(x: &[T], offset: usize) -> Vec<T> {
    let mut moved = vec![T::default(); offset];
    moved.extend_from_slice(x);
    moved
}

/// Equal bits; a NaN equals every NaN, since its sign and payload are not promised.
pub(crate) fn same_f32(a: f32, b: f32) -> bool {
    a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan()
}

/// Equal bits; a NaN equals every NaN.
pub(crate) fn same_f64(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan()
}

/// Equal bits throughout.
pub(crate) fn same_slices(a: &[f32], b: &[f32]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(&a, &b)| same_f32(a, b))
}
