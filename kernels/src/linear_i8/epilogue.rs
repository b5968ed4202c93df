//! The end of a tile in registers, for what nearly all layers are: whole panels, no activation or the short GELU. It has the
//! bits of [`Output::finish`](crate::linear::Output::finish), which does the rest.

/// Defines `fused` in the words of an instruction set's registers. `$together` of them go through each step side by side,
/// because the time from one step of the polynomial to the next would be the limit; they, their squares and two sums each
/// fill the registers.
macro_rules! epilogue {
    (
        $features:literal, lanes: $lanes:literal, together: $together:literal, register: $register:ty, zero: $zero:ident,
        load_words: $load_words:ident, load: $load:ident, store: $store:ident,
        splat_words: $splat_words:ident, splat: $splat:ident,
        mul_words: $mul_words:ident, sub_words: $sub_words:ident, convert: $convert:ident,
        mul: $mul:ident, add: $add:ident, min: $min:ident, max: $max:ident
    ) => {
        /// Finishes the rows from `i` on, whose bytes were lessened by `shift`, unless the layer is an unusual one.
        #[target_feature(enable = $features)]
        #[inline]
        fn fused(
            task: &mut crate::linear_i8::product::Task,
            i: usize,
            panel: &crate::linear_i8::product::Panel,
            sums: &[[i32; crate::linear::PANEL]],
            shift: i32,
        ) -> bool {
            use crate::Activation;
            if panel.columns.width != crate::linear::PANEL {
                return false;
            }
            match (task.output.epilogue.activation, task.output.epilogue.residual.is_some()) {
                (Activation::None, false) => fused_rows::<false, false>(task, i, panel, sums, shift),
                (Activation::None, true) => fused_rows::<false, true>(task, i, panel, sums, shift),
                (Activation::GeluShort, false) => fused_rows::<true, false>(task, i, panel, sums, shift),
                (Activation::GeluShort, true) => fused_rows::<true, true>(task, i, panel, sums, shift),
                _ => return false,
            }
            true
        }

        #[target_feature(enable = $features)]
        #[inline]
        fn fused_rows<const GELU: bool, const RESIDUAL: bool>(
            task: &mut crate::linear_i8::product::Task,
            i: usize,
            panel: &crate::linear_i8::product::Panel,
            sums: &[[i32; crate::linear::PANEL]],
            shift: i32,
        ) {
            const LEN: usize = $lanes * $together;
            let (zeros, scales) = (&task.rows.zeros[i..][..sums.len()], &task.rows.scales[i..][..sums.len()]);
            let (n, first) = (task.output.n, panel.columns.first);
            for r in 0..sums.len() {
                let zero = $splat_words(zeros[r].wrapping_sub(shift));
                let scale = $splat(scales[r]);
                let at = (i + r) * n + first;
                let out = &mut task.output.values[at..][..crate::linear::PANEL];
                let residual = match task.output.epilogue.residual {
                    Some(residual) if RESIDUAL => &residual[at..][..crate::linear::PANEL],
                    _ => &panel.columns.bias[..],
                };
                for part in 0..crate::linear::PANEL / LEN {
                    let sums = sums[r].as_chunks::<LEN>().0[part].as_chunks::<$lanes>().0;
                    let column_sums = panel.sums.as_chunks::<LEN>().0[part].as_chunks::<$lanes>().0;
                    let column_scales = panel.scales.as_chunks::<LEN>().0[part].as_chunks::<$lanes>().0;
                    let bias = panel.columns.bias.as_chunks::<LEN>().0[part].as_chunks::<$lanes>().0;
                    let residual = residual.as_chunks::<LEN>().0[part].as_chunks::<$lanes>().0;
                    let out = out.as_chunks_mut::<LEN>().0[part].as_chunks_mut::<$lanes>().0;
                    let mut x = [$zero(); $together];
                    for c in 0..$together {
                        // SAFETY: both are a register's worth of readable words; no alignment is needed.
                        let sum = unsafe { $load_words(sums[c].as_ptr().cast()) };
                        // SAFETY: as above.
                        let column_sum = unsafe { $load_words(column_sums[c].as_ptr().cast()) };
                        // SAFETY: both are a register's worth of readable numbers; no alignment is needed.
                        let column_scale = unsafe { $load(column_scales[c].as_ptr()) };
                        // SAFETY: as above.
                        let bias = unsafe { $load(bias[c].as_ptr()) };
                        let sum = $convert($sub_words(sum, $mul_words(zero, column_sum)));
                        x[c] = $add($mul(sum, $mul(scale, column_scale)), bias);
                    }
                    if GELU {
                        x = gelu_short(x);
                    }
                    for c in 0..$together {
                        if RESIDUAL {
                            // SAFETY: a register's worth of readable numbers; no alignment is needed.
                            let residual = unsafe { $load(residual[c].as_ptr()) };
                            x[c] = $add(x[c], residual);
                        }
                        // SAFETY: a register's worth of writable numbers; no alignment is needed.
                        unsafe { $store(out[c].as_mut_ptr(), x[c]) };
                    }
                }
            }
        }

        /// [`gelu_short`](crate::activation_f32::gelu_short) of each lane. The edges come first in both comparisons, so
        /// that NaN stays NaN.
        #[target_feature(enable = $features)]
        #[inline]
        fn gelu_short(x: [$register; $together]) -> [$register; $together] {
            use crate::activation_f32::{SHORT_EDGE, SHORT_EVEN, SHORT_ODD};
            let (mut low, mut inside) = ([$zero(); $together], [$zero(); $together]);
            let (mut t, mut square) = ([$zero(); $together], [$zero(); $together]);
            for c in 0..$together {
                low[c] = $max($splat(-SHORT_EDGE), x[c]);
                inside[c] = $min($splat(SHORT_EDGE), low[c]);
                let scaled = $mul($mul(inside[c], inside[c]), $splat(2.0 / (SHORT_EDGE * SHORT_EDGE)));
                t[c] = $add(scaled, $splat(-1.0));
                square[c] = $mul(t[c], t[c]);
            }
            let (mut even, mut odd) = ([$splat(SHORT_EVEN[0]); $together], [$splat(SHORT_ODD[0]); $together]);
            for step in 1..SHORT_EVEN.len() {
                for c in 0..$together {
                    even[c] = $add($mul(even[c], square[c]), $splat(SHORT_EVEN[step]));
                    odd[c] = $add($mul(odd[c], square[c]), $splat(SHORT_ODD[step]));
                }
            }
            let mut out = [$zero(); $together];
            for c in 0..$together {
                let sum = $add(even[c], $mul(odd[c], t[c]));
                out[c] = $mul(low[c], $add($mul(inside[c], sum), $splat(0.5)));
            }
            out
        }
    };
}

/// [`epilogue!`] at 512 bits.
#[cfg(target_arch = "x86_64")]
macro_rules! epilogue512 {
    ($features:literal) => {
        epilogue!(
            $features, lanes: 16, together: 3, register: __m512, zero: _mm512_setzero_ps,
            load_words: _mm512_loadu_si512, load: _mm512_loadu_ps, store: _mm512_storeu_ps,
            splat_words: _mm512_set1_epi32, splat: _mm512_set1_ps,
            mul_words: _mm512_mullo_epi32, sub_words: _mm512_sub_epi32, convert: _mm512_cvtepi32_ps,
            mul: _mm512_mul_ps, add: _mm512_add_ps, min: _mm512_min_ps, max: _mm512_max_ps
        );
    };
}

/// [`epilogue!`] at 256 bits.
#[cfg(target_arch = "x86_64")]
macro_rules! epilogue256 {
    ($features:literal) => {
        epilogue!(
            $features, lanes: 8, together: 2, register: __m256, zero: _mm256_setzero_ps,
            load_words: _mm256_loadu_si256, load: _mm256_loadu_ps, store: _mm256_storeu_ps,
            splat_words: _mm256_set1_epi32, splat: _mm256_set1_ps,
            mul_words: _mm256_mullo_epi32, sub_words: _mm256_sub_epi32, convert: _mm256_cvtepi32_ps,
            mul: _mm256_mul_ps, add: _mm256_add_ps, min: _mm256_min_ps, max: _mm256_max_ps
        );
    };
}

/// [`epilogue!`] on NEON.
#[cfg(target_arch = "aarch64")]
macro_rules! epilogue_neon {
    ($features:literal) => {
        epilogue!(
            $features, lanes: 4, together: 4, register: float32x4_t, zero: zero,
            load_words: vld1q_s32, load: vld1q_f32, store: vst1q_f32,
            splat_words: vdupq_n_s32, splat: vdupq_n_f32,
            mul_words: vmulq_s32, sub_words: vsubq_s32, convert: vcvtq_f32_s32,
            mul: vmulq_f32, add: vaddq_f32, min: vminq_f32, max: vmaxq_f32
        );

        #[target_feature(enable = $features)]
        #[inline]
        fn zero() -> float32x4_t {
            vdupq_n_f32(0.0)
        }
    };
}
