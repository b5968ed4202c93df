//! The largest values of a vector, with their places.

use crate::Isa;
use crate::lanes::LANES;

/// The `k` largest of `x` and their indices, largest first, the lower index first where values are equal; `k` is the length
/// of both outputs. Returns how many there are, less than `k` only if `x` has fewer values that are not NaN; and whether `x`
/// has a NaN.
///
/// NaN is never taken; -0 equals +0; a masked logit (-inf) is taken after all others. What lies behind the returned count is
/// left as it was.
///
/// Class: exact.
///
/// # Panics
/// If the outputs differ in length, or `x` is longer than `u32` can index.
/// # Cost
/// One pass that compares a block at a time with the k-th best so far. On unordered values `k * ln(len / k)` insertions of
/// at most `k` steps; on ascending values, the worst case, `len` of them.
pub fn top_k_f32(isa: Isa, x: &[f32], top_values: &mut [f32], top_indices: &mut [u32]) -> (usize, bool) {
    assert_eq!(top_values.len(), top_indices.len(), "top_k_f32: outputs differ in length");
    assert!(u32::try_from(x.len()).is_ok(), "top_k_f32: more values than u32 can index");
    per_isa!(isa, body, (x: &[f32], top_values: &mut [f32], top_indices: &mut [u32]) -> (usize, bool))
}

#[inline(always)]
fn body(x: &[f32], top_values: &mut [f32], top_indices: &mut [u32]) -> (usize, bool) {
    let k = top_values.len();
    let (mut count, mut nans) = (0, false);
    if k == 0 {
        for value in x {
            nans |= value.is_nan();
        }
        return (0, nans);
    }
    for (at, block) in x.chunks(LANES).enumerate() {
        if count == k {
            let bar = top_values[k - 1];
            let mut any = false;
            for &value in block {
                // Above it, or NaN.
                any |= (value > bar) | value.is_nan();
            }
            if !any {
                continue;
            }
        }
        for (i, &value) in block.iter().enumerate() {
            // Places only grow, so an equal value comes after the one that is there.
            nans |= value.is_nan();
            let enters = if count == k { value > top_values[k - 1] } else { !value.is_nan() };
            if enters {
                count = insert(top_values, top_indices, count, value, (at * LANES + i) as u32);
            }
        }
    }
    (count, nans)
}

/// Puts `value` after all that are at least as large; the last one falls out if the outputs are full.
#[inline(never)]
fn insert(values: &mut [f32], indices: &mut [u32], count: usize, value: f32, index: u32) -> usize {
    let place = values[..count].partition_point(|&better| better >= value);
    let last = count.min(values.len() - 1);
    values.copy_within(place..last, place + 1);
    indices.copy_within(place..last, place + 1);
    (values[place], indices[place]) = (value, index);
    last + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::each_input;
    use std::vec;
    use std::vec::Vec;

    #[test]
    fn every_isa_equals_a_stable_sort() {
        each_input(|x| {
            let mut order: Vec<usize> = (0..x.len()).filter(|&i| !x[i].is_nan()).collect();
            order.sort_by(|&i, &j| x[j].partial_cmp(&x[i]).unwrap());
            for k in [0, 1, 2, 7, 40, x.len()] {
                let want = &order[..k.min(order.len())];
                for isa in Isa::available() {
                    let (mut values, mut indices) = (vec![0.5; k], vec![77; k]);
                    let (count, nans) = top_k_f32(isa, x, &mut values, &mut indices);
                    let name = isa.name();
                    assert_eq!(nans, x.iter().any(|x| x.is_nan()), "{name} length {} k {k}", x.len());
                    assert_eq!(count, want.len(), "{name} length {} k {k}", x.len());
                    for (rank, &i) in want.iter().enumerate() {
                        assert_eq!(indices[rank], i as u32, "{name} length {} k {k}", x.len());
                        assert_eq!(values[rank].to_bits(), x[i].to_bits(), "{name} length {} k {k}", x.len());
                    }
                    assert!(values[count..].iter().all(|&value| value == 0.5));
                }
            }
        });
    }
}
