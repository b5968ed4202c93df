//! The order of work, the same for every instruction set.

/// Defines `body`, which computes all rows of a task, `$rows` at a time, from two functions of the file that uses it:
///
/// - `scores::<R>(q: &[[u32; R]], panel: &[[u32; WIDTH]], start: &[u32; WIDTH], out: &mut [[f32; WIDTH]; R])`: from
///   `start`, the products of `R` queries with the keys of a panel, as `i32` in the bits of `out`;
/// - `mix::<R, C>(weights: &[[[u32; WIDTH / 2]; R]], values: &[u32], features: usize) -> [[[i32; WIDTH]; C]; R]`: `C` times
///   [`WIDTH`] features of values, `[pairs, features]`, times pairs of weights, a panel after the other.
///
/// A macro, so that the calls stand inside the `#[target_feature]` functions.
macro_rules! rows {
    ($(#[$attribute:meta])*, $layout:expr, $columns:literal, [$($rows:literal)*]) => {
        $(#[$attribute])*
        fn body(mut task: crate::attention::Task) {
            let end = task.range.end;
            for head in 0..task.shape.heads {
                let mut i = task.range.start;
                $(
                    while $rows <= end - i {
                        block::<$rows>(&mut task, head, i);
                        i += $rows;
                    }
                )*
            }
        }

        $(#[$attribute])*
        fn block<const R: usize>(task: &mut crate::attention::Task, head: usize, i: usize) {
            use crate::attention::WIDTH;
            use crate::attention::int8::{Packed, pack, softmax, words, words_mut};

            let shape = task.shape;
            let parts = Packed::of($layout, shape);
            let packed = &task.packed[head / (shape.heads / shape.kv_heads) * parts.len()..][..parts.len()];
            let [keys_at, values_at] = parts.parts();
            let (flag, largest_scale, value_scales) = (packed[0], packed[1], &packed[WIDTH..keys_at]);
            let (keys, values) = (&packed[keys_at..values_at], words(&packed[values_at..]));
            let limits = task.limits::<R>(i);
            let used = limits[R - 1].div_ceil(WIDTH);

            let scratch = core::mem::take(&mut task.scratch);
            let (scores_at, rest) = scratch.split_at_mut(R * parts.panels * WIDTH);
            let (weights_at, rest) = rest.split_at_mut(R * parts.panels * WIDTH / 2);
            let all_scores = &mut scores_at.as_chunks_mut::<WIDTH>().0.as_chunks_mut::<R>().0[..used];
            let weights_at = words_mut(weights_at).as_chunks_mut::<{ WIDTH / 2 }>().0;
            let all_weights = &mut weights_at.as_chunks_mut::<R>().0[..used];
            let count = $layout.words(shape.dim);
            let (q, rest) = words_mut(rest).split_at_mut(R * count);
            let (q, rounded) = (q.as_chunks_mut::<R>().0, &mut rest[..R * count]);

            let mut rows = [softmax::Row { scale: 0.0, limit: 0, mask: &[] }; R];
            for r in 0..R {
                let scale = pack::query($layout, task.q.row(head, i + r, shape.dim), &mut rounded[r * count..][..count]);
                rows[r] = softmax::Row {
                    scale: scale * (task.options.scale * core::f32::consts::LOG2_E) + flag,
                    limit: limits[r],
                    mask: task.mask_row(head, i + r),
                };
            }
            pack::transpose(rounded, q);
            for (n, out) in all_scores.iter_mut().enumerate() {
                let panel = words(&keys[n * parts.panel..][..(count + 1) * WIDTH]).as_chunks().0;
                scores::<R>(q, &panel[..count], &panel[count], out);
            }
            let scales = softmax::Scales { keys, strides: [parts.panel, (count + 1) * WIDTH] };
            let mut factors = [f32::NAN; R];
            for r in 0..R {
                // Without a mask no score is NaN if no scale overflows.
                let finite = (rows[r].scale * largest_scale).is_finite();
                let max = if rows[r].mask.is_empty() {
                    softmax::scores::<R, false>(all_scores, r, rows[r], scales)
                } else {
                    softmax::scores::<R, true>(all_scores, r, rows[r], scales)
                };
                if max.is_finite() && finite {
                    factors[r] = 1.0 / softmax::weights(all_scores, r, max, all_weights);
                } else {
                    for weights in &mut *all_weights {
                        weights[r] = [0; WIDTH / 2];
                    }
                    let masked = max == f32::NEG_INFINITY && finite;
                    factors[r] = if masked && task.options.safe { 0.0 } else { f32::NAN };
                }
            }
            let mut column = 0;
            while column + $columns * WIDTH <= parts.features {
                let sums = average::<R, $columns>(all_weights, &values[column..], parts.features);
                for r in 0..R {
                    let scales = &value_scales[column..];
                    pack::scaled(sums[r].as_flattened(), scales, factors[r], column, task.out_row(head, i + r));
                }
                column += $columns * WIDTH;
            }
            while column < parts.features {
                let sums = average::<R, 1>(all_weights, &values[column..], parts.features);
                for r in 0..R {
                    let scales = &value_scales[column..];
                    pack::scaled(sums[r].as_flattened(), scales, factors[r], column, task.out_row(head, i + r));
                }
                column += WIDTH;
            }
            task.scratch = scratch;
        }

        /// Features of `R` rows, of all keys, before they are scaled.
        $(#[$attribute])*
        #[inline]
        fn average<const R: usize, const C: usize>(
            weights: &[[[u32; crate::attention::WIDTH / 2]; R]],
            values: &[u32],
            features: usize,
        ) -> [[[f32; crate::attention::WIDTH]; C]; R] {
            use crate::attention::WIDTH;
            use crate::attention::int8::{PANELS_AT_ONCE, pack};
            let mut total = [[[0.0; WIDTH]; C]; R];
            for (part, weights) in weights.chunks(PANELS_AT_ONCE).enumerate() {
                let values = &values[part * PANELS_AT_ONCE * WIDTH / 2 * features..];
                let sums = mix::<R, C>(weights, values, features);
                pack::add(sums.as_flattened().as_flattened(), total.as_flattened_mut().as_flattened_mut());
            }
            total
        }
    };
}
pub(super) use rows;
