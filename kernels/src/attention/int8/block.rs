//! The order of work, the same for every instruction set.

/// Defines `body`, which computes all rows of a task, `$rows` at a time, from two functions of the file that uses it:
///
/// - `scores::<R>(q: &[[u32; WIDTH]], at: usize, panel: &[[u32; WIDTH]]) -> [[i32; WIDTH]; R]`: the products of the queries in
///   lanes `at..at + R` with the keys of a panel, whose last words are where the sums start;
/// - `mix::<R, C>(weights: &[[[u32; WIDTH / 2]; R]], values: &[u32], features: usize) -> [[[i32; WIDTH]; C]; R]`: `C` times
///   [`WIDTH`] features of values, `[pairs, features]`, times pairs of weights, a panel after the other.
///
/// A macro, so that the calls stand inside the `#[target_feature]` functions.
macro_rules! rows {
    ($(#[$attribute:meta])*, $layout:expr, $columns:literal, [$($rows:literal)*]) => {
        $(#[$attribute])*
        fn body(by: impl crate::attention::vector::Vector, mut task: crate::attention::Task) {
            use crate::attention::WIDTH;
            use crate::attention::int8::{pack, words_mut};

            let (shape, range) = (task.shape, task.range.clone());
            let (dim, count) = (shape.dim.next_multiple_of(WIDTH), $layout.words(shape.dim));
            let scratch = core::mem::take(&mut task.scratch);
            let (columns, rest) = scratch.split_at_mut(WIDTH * dim);
            let (queries, rest) = rest.split_at_mut(WIDTH * count);
            let columns = columns.as_chunks_mut::<WIDTH>().0;
            let queries = words_mut(queries).as_chunks_mut::<WIDTH>().0;
            for head in 0..shape.heads {
                for first in range.clone().step_by(WIDTH) {
                    let rows = [first, range.end];
                    let scales = pack::queries(by, $layout, task.q, [head, shape.dim], rows, columns, queries);
                    let left = WIDTH.min(range.end - first);
                    let mut at = 0;
                    $(
                        while $rows <= left - at {
                            block::<_, $rows>(by, &mut task, head, [first, at], queries, &scales, rest);
                            at += $rows;
                        }
                    )*
                }
            }
        }

        /// The queries `first + at..first + at + R`, of which `queries` and `scales` have those from `first` on.
        $(#[$attribute])*
        #[inline(never)]
        fn block<V: crate::attention::vector::Vector, const R: usize>(
            by: V,
            task: &mut crate::attention::Task,
            head: usize,
            [first, at]: [usize; 2],
            queries: &[[u32; crate::attention::WIDTH]],
            query_scales: &[f32; crate::attention::WIDTH],
            scratch: &mut [f32],
        ) {
            use crate::attention::WIDTH;
            use crate::attention::int8::{Packed, pack, softmax, words, words_mut};

            let (shape, i) = (task.shape, first + at);
            let parts = Packed::of($layout, shape);
            let packed = &task.packed[head / (shape.heads / shape.kv_heads) * parts.len()..][..parts.len()];
            let [keys_at, values_at] = parts.parts();
            let (flag, largest_scale, value_scales) = (packed[0], packed[1], &packed[WIDTH..keys_at]);
            let (keys, values) = (&packed[keys_at..values_at], words(&packed[values_at..]));
            let limits = task.limits::<R>(i);
            let used = limits[R - 1].div_ceil(WIDTH);

            let (scores_at, rest) = scratch.split_at_mut(R * parts.panels * WIDTH);
            let all_scores = &mut scores_at.as_chunks_mut::<WIDTH>().0.as_chunks_mut::<R>().0[..used];
            let weights_at = words_mut(&mut rest[..R * parts.panels * WIDTH / 2]).as_chunks_mut::<{ WIDTH / 2 }>().0;
            let all_weights = &mut weights_at.as_chunks_mut::<R>().0[..used];
            let count = queries.len();

            let mut scales = [0.0; R];
            for r in 0..R {
                scales[r] = query_scales[at + r] * (task.options.scale * core::f32::consts::LOG2_E) + flag;
            }
            // Panels all of whose keys every row sees, without a mask.
            let plain = if task.mask.is_none() { limits[0] / WIDTH } else { 0 };
            let mut marks = [by.splat(0); R];
            let mut largest = [by.splat_f32(f32::NEG_INFINITY); R];
            let (whole, edges) = all_scores.split_at_mut(plain);
            let (keys, rest) = keys.split_at(plain * parts.panel);
            whole_panels::<V, R>(by, (queries, at), keys, &scales, whole, &mut largest);
            for (n, (out, panel)) in edges.iter_mut().zip(rest.chunks_exact(parts.panel)).enumerate() {
                let (panel, own) = pack::panel(panel, count);
                let products = scores::<R>(queries, at, panel);
                let first = (plain + n) * WIDTH;
                for r in 0..R {
                    let seen = limits[r].saturating_sub(first);
                    if task.mask.is_none() {
                        largest[r] = softmax::cut(by, &products[r], &mut out[r], own, scales[r], seen, largest[r]);
                    } else {
                        let mask = &task.mask_row(head, i + r)[limits[r].min(first)..limits[r]];
                        let found = [largest[r], marks[r]];
                        [largest[r], marks[r]] =
                            softmax::masked(by, &products[r], &mut out[r], own, scales[r], mask, found);
                    }
                }
            }
            let mut most = [0.0; R];
            let mut factors = [f32::NAN; R];
            let mut is_known = [false; R];
            for r in 0..R {
                // Without a mask no score is NaN if no scale overflows.
                let nan = task.mask.is_some() && softmax::has_nan(by, marks[r]);
                let finite = (scales[r] * largest_scale).is_finite() && !nan;
                let max = by.largest_f32(largest[r]);
                is_known[r] = max.is_finite() && finite;
                if is_known[r] {
                    most[r] = max;
                } else if max == f32::NEG_INFINITY && finite && task.options.safe {
                    factors[r] = 0.0;
                }
            }
            let sums = softmax::weights(by, all_scores, &most, all_weights);
            for r in 0..R {
                if is_known[r] {
                    factors[r] = 1.0 / sums[r];
                } else {
                    for weights in &mut *all_weights {
                        weights[r] = [0; WIDTH / 2];
                    }
                }
            }
            let value_scales = value_scales.as_chunks::<WIDTH>().0;
            let mut column = 0;
            while column + $columns * WIDTH <= parts.features {
                let sums = average::<V, R, $columns>(by, all_weights, &values[column..], parts.features);
                for r in 0..R {
                    let out = task.out_row(head, i + r);
                    for (c, sums) in sums[r].iter().enumerate() {
                        let column = column + c * WIDTH;
                        pack::scaled(by, *sums, &value_scales[column / WIDTH], factors[r], column, out);
                    }
                }
                column += $columns * WIDTH;
            }
            while column < parts.features {
                let sums = average::<V, R, 1>(by, all_weights, &values[column..], parts.features);
                for r in 0..R {
                    let out = task.out_row(head, i + r);
                    pack::scaled(by, sums[r][0], &value_scales[column / WIDTH], factors[r], column, out);
                }
                column += WIDTH;
            }
        }

        /// The scores of `R` rows with panels all of whose keys they see, without a mask; and the largest of each lane. A
        /// function, so that these stay in registers.
        $(#[$attribute])*
        #[inline(never)]
        fn whole_panels<V: crate::attention::vector::Vector, const R: usize>(
            by: V,
            (queries, at): (&[[u32; crate::attention::WIDTH]], usize),
            keys: &[f32],
            scales: &[f32; R],
            out: &mut [[[f32; crate::attention::WIDTH]; R]],
            largest: &mut [V::Words; R],
        ) {
            use crate::attention::int8::{pack, softmax};
            let len = keys.len() / out.len().max(1);
            let mut best = *largest;
            for (out, panel) in out.iter_mut().zip(keys.chunks_exact(len.max(1))) {
                let (panel, own) = pack::panel(panel, queries.len());
                let products = scores::<R>(queries, at, panel);
                for r in 0..R {
                    best[r] = softmax::whole(by, &products[r], &mut out[r], own, scales[r], best[r]);
                }
            }
            *largest = best;
        }

        /// Features of `R` rows, of all keys, before they are scaled.
        $(#[$attribute])*
        #[inline]
        fn average<V: crate::attention::vector::Vector, const R: usize, const C: usize>(
            by: V,
            weights: &[[[u32; crate::attention::WIDTH / 2]; R]],
            values: &[u32],
            features: usize,
        ) -> [[V::Words; C]; R] {
            use crate::attention::WIDTH;
            use crate::attention::int8::PANELS_AT_ONCE;
            let mut total = [[by.splat(0); C]; R];
            for (part, weights) in weights.chunks(PANELS_AT_ONCE).enumerate() {
                let values = &values[part * PANELS_AT_ONCE * WIDTH / 2 * features..];
                let sums = mix::<R, C>(weights, values, features);
                for r in 0..R {
                    for c in 0..C {
                        let sums = by.to_f32(by.load(&sums[r][c].map(|sum| sum as u32)));
                        total[r][c] = by.add_f32(total[r][c], sums);
                    }
                }
            }
            total
        }
    };
}
pub(super) use rows;
