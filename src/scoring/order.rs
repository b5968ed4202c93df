//! Stable sorting that is there once for every use, and not once for every comparison as the standard library's is, at
//! seven kilobytes each. A comparison is called by reference: it is for where sorting is not what takes the time.

use std::cmp::Ordering;

/// Sorts places by what lies there. As `sort_by`.
///
/// # Cost
/// No heap call for up to 512 places.
pub fn places(order: &mut [usize], compare: &mut dyn FnMut(usize, usize) -> Ordering) {
    order.sort_by(|&a, &b| compare(a, b));
}

/// Sorts items. As `sort_by`, but that it takes a block of memory for two items or more.
pub fn sort<T>(items: &mut [T], mut compare: impl FnMut(&T, &T) -> Ordering) {
    if items.len() < 2 {
        return;
    }
    let mut order: Vec<usize> = (0..items.len()).collect();
    places(&mut order, &mut |a, b| compare(&items[a], &items[b]));
    for at in 0..items.len() {
        // What stood there may have been changed for an earlier one since, perhaps several times.
        let mut from = order[at];
        while from < at {
            from = order[from];
        }
        items.swap(at, from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_sorts_as_the_standard_library_does() {
        let mut seed = 7_u64;
        let mut next = |bound: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % bound
        };
        for n in (0..40).chain([100, 1000]) {
            // Few keys, so that many are equal, and a place that tells them apart.
            let items: Vec<(u64, String)> = (0..n).map(|i| (next(1 + n / 3), i.to_string())).collect();
            let (mut found, mut wanted) = (items.clone(), items);
            sort(&mut found, |a, b| b.0.cmp(&a.0));
            wanted.sort_by_key(|item| std::cmp::Reverse(item.0));
            assert_eq!(found, wanted);
        }
    }
}
